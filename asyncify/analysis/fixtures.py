"""Fixtures: what pytest gives for a parameter, by its name.

pytest looks in the test's class and module, and in the ``conftest.py`` of its folder and of those
above, where one may be imported under another name. What plugins define is everywhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import records
from asyncify.analysis import values as v
from asyncify.analysis.parametrised import param, parametrised
from asyncify.analysis.program import Class, Function, Module
from asyncify.vocabulary.testing import (
    ASKING,
    FIXTURES,
    OWN_FIXTURES,
    PARAM,
    TEST_FUNCTIONS,
    is_test_file,
)

if TYPE_CHECKING:
    from asyncify.analysis.signatures import Signatures

_WORDS = sorted({name.rpartition(".")[2] for name in FIXTURES})


class Fixtures:
    """The fixtures of a program, by name."""

    def __init__(self, inference: Signatures) -> None:
        self.inference = inference
        self._by_name: dict[str, list[Function]] | None = None
        self._names: dict[Function, tuple[str, ...]] = {}
        # What the functions of one place may see, by name.
        self._visible: dict[tuple[Module, Class | None, str], list[Function]] = {}

    def named(self, name: str) -> list[Function]:
        """All fixtures of one name."""
        if self._by_name is None:
            self._by_name = {}
            for word in _WORDS:
                for function in self.inference.program.mentioning(word):
                    found = self._names[function] = self._names_of(function)
                    for each in found:
                        self._by_name.setdefault(each, []).append(function)
        return self._by_name.get(name, [])

    def names(self, function: Function) -> tuple[str, ...]:
        """The names under which pytest knows a fixture, its own first; none for what is none."""
        self.named("")
        return self._names.get(function, ())

    def is_fixture(self, function: Function) -> bool:
        return bool(self.names(function))

    def given(self, function: Function, parameter: str) -> Function | None:
        """The fixture that pytest gives a test, or another fixture, for a parameter."""
        candidates = self.named(parameter)
        if not candidates or not self._is_called_by_pytest(function):
            return None
        scope = function.module, function.owner, parameter
        visible = self._visible.get(scope)
        if visible is None:
            visible = [each for each in candidates if self._sees(function, each, parameter)]
            self._visible[scope] = visible
        others = (each for each in visible if each is not function)
        return max(others, key=lambda each: _nearness(each, function), default=None)

    def requesting(self, fixture: Function) -> list[tuple[Function, str]]:
        """The tests and fixtures that read what a fixture gives, with their parameter."""
        return [
            (function, name) for name in self.names(fixture)
            for function in self._mentioning(name)
            if any(p.name == name for p in function.signature.parameters)
            and self.given(function, name) is fixture
        ]  # fmt: skip

    def _mentioning(self, name: str) -> Iterable[Function]:
        """The functions in which a name occurs, or in a function or lambda inside of them."""
        found: dict[Function, None] = {}
        for function in self.inference.program.mentioning(name):
            place: Function | None = function
            while place is not None and place.facts.kind in ("def", "lambda"):
                found[place] = None
                place = place.parent
        return [function for function in found if function.facts.kind == "def"]

    def value(self, function: Function, parameter: str) -> v.Value:
        """What it gives."""
        fixture = self.given(function, parameter)
        if fixture is not None:
            return self._gives(fixture)
        if parameter in OWN_FIXTURES and self._is_called_by_pytest(function):
            return v.one(v.ForeignInstance(OWN_FIXTURES[parameter]))
        if parameter == ASKING and self.is_fixture(function):
            given = param(self.inference, function)
            return records.namespace({PARAM: given}) if given else v.UNKNOWN
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

    def _sees(self, function: Function, fixture: Function, name: str) -> bool:
        module, program = function.module, self.inference.program
        if name != self.names(fixture)[0]:
            renamed = program.imported_as(fixture)
            return any(local == name and reaches(home, module) for home, local in renamed)
        if module is fixture.module:
            return fixture.owner is None or fixture.owner is function.owner
        if fixture.owner is not None:
            return False
        is_imported = program.resolve(module, fixture.name) is fixture
        return is_imported or reaches(fixture.module, module)

    def _names_of(self, function: Function) -> tuple[str, ...]:
        if function.facts.kind != "def" or not function.signature_is_decorated:
            return ()
        signature = function.signature
        for index, name in zip(
            signature.decorators, self.inference.decorators(function), strict=True
        ):
            if name in FIXTURES:
                given = _given_name(signature.operations, index)
                if given:
                    return (given,)
                renamed = self.inference.program.imported_as(function)
                return tuple(dict.fromkeys((function.name, *(local for _, local in renamed))))
        return ()


def reaches(home: Module, module: Module) -> bool:
    """Are a module's fixtures those of another one too?"""
    last = home.path.rpartition("/")[2]
    if home is module:
        return True
    if last == "conftest.py":
        return home.folder == "." or f"{module.folder}/".startswith(f"{home.folder}/")
    return not is_test_file(last.removesuffix(".py"))  # a plugin of the project's own


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


def _nearness(fixture: Function, function: Function) -> tuple[bool, bool, bool, int]:
    home = fixture.module
    is_conftest = home.path.rpartition("/")[2] == "conftest.py"
    depth = home.path.count("/")
    return fixture.owner is not None, home is function.module, not is_conftest, depth
