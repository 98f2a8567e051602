"""The tests of the program as pytest finds them: what of them turned, and what that needs."""

from __future__ import annotations

from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.infer import Inference
from asyncify.analysis.program import Function
from asyncify.vocabulary.testing import FIXTURES, TEST_FUNCTIONS, is_test_file


def is_fixture(inference: Inference, function: Function) -> bool:
    """Does pytest call a function for those who name it as a parameter?"""
    return function.signature_is_decorated and not FIXTURES.isdisjoint(
        inference.decorators(function)
    )


def is_test(function: Function) -> bool:
    """Does pytest run a function as a test?"""
    last = function.module.path.rpartition("/")[2].removesuffix(".py")
    return (
        is_test_file(last) and function.facts.kind == "def"
        and function.name.startswith(TEST_FUNCTIONS)
    )  # fmt: skip


def turning(colors: Colors, coloring: Coloring) -> bool:
    """Are there tests or fixtures that turn, other than those that unittest awaits?"""
    return any(
        is_fixture(colors.inference, function)
        or colors.cases.is_called_by_pytest(function)
        or (is_test(function) and not colors.cases.runs(function))
        for function in coloring.turned if not function.facts.is_async
    )  # fmt: skip
