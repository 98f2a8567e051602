"""Fixtures: what pytest gives for a parameter, by its name.

pytest looks in the test's class and module, and in the ``conftest.py`` of its folder and of those
above. What plugins define is everywhere.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.parametrised import parametrised
from asyncify.analysis.program import Function
from asyncify.vocabulary.testing import FIXTURES, TEST_FUNCTIONS

if TYPE_CHECKING:
    from asyncify.analysis.signatures import Signatures

_WORDS = sorted({name.rpartition(".")[2] for name in FIXTURES})


class Fixtures:
    """The fixtures of a program, by name."""

    def __init__(self, inference: Signatures) -> None:
        self.inference = inference
        self._by_name: dict[str, list[Function]] | None = None
        self._names: dict[Function, str] = {}

    def named(self, name: str) -> list[Function]:
        """All fixtures of one name."""
        if self._by_name is None:
            self._by_name = {}
            for word in _WORDS:
                for function in self.inference.program.mentioning(word):
                    found = self._name(function)
                    if found:
                        self._names[function] = found
                        self._by_name.setdefault(found, []).append(function)
        return self._by_name.get(name, [])

    def name(self, function: Function) -> str:
        """The name under which pytest knows a fixture; '' for what is none."""
        self.named("")
        return self._names.get(function, "")

    def is_fixture(self, function: Function) -> bool:
        return bool(self.name(function))

    def given(self, function: Function, parameter: str) -> Function | None:
        """The fixture that pytest gives a test, or another fixture, for a parameter."""
        candidates = self.named(parameter)
        if not candidates or not self._is_called_by_pytest(function):
            return None
        visible = [c for c in candidates if c is not function and self._sees(function, c)]
        return max(visible, key=_nearness, default=None)

    def requesting(self, fixture: Function) -> list[tuple[Function, str]]:
        """The tests and fixtures that read what a fixture gives, with their parameter."""
        name = self.name(fixture)
        return [
            (function, name) for function in self.inference.program.mentioning(name)
            if any(p.name == name for p in function.signature.parameters)
            and self.given(function, name) is fixture
        ]  # fmt: skip

    def value(self, function: Function, parameter: str) -> v.Value:
        """What it gives."""
        fixture = self.given(function, parameter)
        if fixture is not None:
            return self._gives(fixture)
        is_test = function.facts.name.startswith(TEST_FUNCTIONS)
        return parametrised(self.inference, function, parameter) if is_test else v.UNKNOWN

    def _gives(self, fixture: Function) -> v.Value:
        self.inference.demand(fixture)
        if fixture.facts.is_generator:
            return self.inference.read(self.inference.shape(fixture).yielded)
        returned = self.inference.read(self.inference.shape(fixture).returned)
        return returned or self.inference.result(fixture)

    def requested(self, function: Function, name: object) -> list[Function]:
        """What ``request.getfixturevalue(name)`` may give: one that decorators name, where the name
        is no text."""
        while function.parent is not None and function.parent.facts.kind == "def":
            function = function.parent
        names = [name] if isinstance(name, str) else _named_by_decorators(function)
        found = (self.given(function, each) for each in names)
        return [fixture for fixture in found if fixture is not None]

    def requested_value(self, function: Function, name: object) -> v.Value:
        """What it gives."""
        return v.join(map(self._gives, self.requested(function, name)))

    def awaits(self, fixture: Function, turned: Collection[Function]) -> bool:
        """Is a fixture awaited, or one of those that it asks for?"""
        pending, seen = [fixture], {fixture}
        while pending:
            each = pending.pop()
            if each in turned or each.facts.is_async:
                return True
            asked = (self.given(each, p.name) for p in each.signature.parameters)
            fresh = [x for x in asked if x is not None and x not in seen]
            seen.update(fresh)
            pending += fresh
        return False

    def _is_called_by_pytest(self, function: Function) -> bool:
        facts = function.facts
        return facts.kind == "def" and (
            facts.name.startswith(TEST_FUNCTIONS) or self.is_fixture(function)
        )

    def _sees(self, function: Function, fixture: Function) -> bool:
        module, home = function.module, fixture.module
        if module is home:
            return fixture.owner is None or fixture.owner is function.owner
        if fixture.owner is not None:
            return False
        last = home.path.rpartition("/")[2]
        if last == "conftest.py":
            return home.folder == "." or f"{module.folder}/".startswith(f"{home.folder}/")
        if self.inference.program.resolve(module, fixture.name) is fixture:
            return True
        return not last.startswith("test_")  # a plugin of the project's own

    def _name(self, function: Function) -> str:
        if function.facts.kind != "def" or not function.signature_is_decorated:
            return ""
        signature = function.signature
        for index, name in zip(
            signature.decorators, self.inference.decorators(function), strict=True
        ):
            if name in FIXTURES:
                return _given_name(signature.operations, index) or function.name
        return ""


def _given_name(operations: tuple[f.Operation, ...], index: int) -> str:
    """``@pytest.fixture(name="session")``."""
    operation = operations[index]
    for keyword, value in operation[7] if operation[0] == f.CALL else ():
        if keyword == "name" and operations[value][0] == f.CONSTANT:
            return str(operations[value][5])
    return ""


def _named_by_decorators(function: Function) -> list[str]:
    """The texts in decorators: ``@pytest.mark.parametrize("fixture", ["session", "other"])``."""
    if not function.signature_is_decorated:
        return []
    constants = (o[5] for o in function.signature.operations if o and o[0] == f.CONSTANT)
    return list(dict.fromkeys(x for x in constants if isinstance(x, str)))


def _nearness(fixture: Function) -> tuple[bool, bool, int]:
    is_conftest = fixture.module.path.rpartition("/")[2] == "conftest.py"
    return fixture.owner is not None, not is_conftest, fixture.module.path.count("/")
