"""Plain tests that run a loop of their own: in old versions of pytest-asyncio they leave none to
the tests behind them, which share one.

https://pytest-asyncio.readthedocs.io/en/stable/reference/changelog.html
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis.around_tests import runs_on_anyio
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.declarations import foreign_name
from asyncify.analysis.program import Function, Module
from asyncify.findings import Finding
from asyncify.planning.pytest_suite import is_fixture, is_test
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.vocabulary.packages import ONE_LOOP
from asyncify.vocabulary.serving import ALONE
from asyncify.vocabulary.testing import KEEPS_LOOP, is_test_path

_RUN = "run"
_REASON = (
    "`asyncio.run` leaves no event loop to the tests behind it, which share one: pytest-asyncio is "
    "held at {}.{}."
)
_ADVICE = "Take pytest-asyncio 1.2 or newer, or await it in an async test."


def ended_loops(colors: Colors, coloring: Coloring) -> Iterator[Finding]:
    """The first call in each file, where the version is known to lose the loop."""
    version = colors.inference.config.suite.version
    if version is None or not ONE_LOOP <= version < KEEPS_LOOP or runs_on_anyio(colors.inference):
        return
    if not tests_turn(colors, coloring):
        return
    first: dict[Module, f.Operation] = {}
    for function in colors.program.mentioning_member(_RUN):
        if is_test_path(function.module.path) and function not in coloring.turned:
            for call in _runs(colors, function):
                first.setdefault(function.module, call)
    for module, call in first.items():
        site = Site(module.path, call[1], call[2])
        yield finding("ASY602", site, _REASON.format(*version), _ADVICE)


def tests_turn(colors: Colors, coloring: Coloring) -> bool:
    """Do tests or fixtures turn, which run in a loop from now on?"""
    return any(
        not function.facts.is_async and function not in coloring.stays
        and (is_test(function) or is_fixture(colors.inference, function))
        for function in coloring.turned
    )  # fmt: skip


def _runs(colors: Colors, function: Function) -> Iterator[f.Operation]:
    operations = function.body.operations
    for operation in operations:
        if operation and operation[0] == f.CALL:
            name = foreign_name(function, operations, operation[5], colors.inference)
            if name in ALONE:
                yield operation
