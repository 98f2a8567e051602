"""Mocks of the program's own objects, some of whose methods are awaited now.

``store = MagicMock()`` that is given for a ``Store`` has an ``AsyncMock`` for each method which the
code under test awaits: ``MagicMock(add=AsyncMock())``. What it is told later stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Class, Function, Module, Variable, dotted
from asyncify.analysis.statements import statements_of
from asyncify.decisions import EditArguments, RenameReference
from asyncify.findings import Finding
from asyncify.planning.draft import Draft, node_of, reference
from asyncify.planning.mocked_classes import given_for_classes, unspecified
from asyncify.planning.mocked_functions import MockedFunctions
from asyncify.planning.mocked_sessions import Mocked, MockedSessions
from asyncify.rules import finding
from asyncify.vocabulary.testing import (
    ASYNC_MOCK,
    MOCK_ANSWERS,
    MOCK_RESULT,
    MOCKED_SPECS,
    MOCKS,
    is_test_path,
)

_REASON = "This mocks an object whose methods turn async, and doesn't say so."
_ADVICE = "Give it the class as `spec`, or make an AsyncMock of what is awaited."
_ASYNC = ASYNC_MOCK.rpartition(".")[2]


class MockedObjects:
    """Makes an ``AsyncMock`` of what is awaited of a mock."""

    def __init__(
        self,
        colors: Colors,
        coloring: Coloring,
        draft: Callable[[Module], Draft],
        sessions: MockedSessions,
        functions: MockedFunctions,
    ) -> None:
        self.inference = colors.inference
        self.coloring = coloring
        self.draft = draft
        self.sessions = sessions
        self.functions = functions
        self._classes: set[Class] = set()

    def plan(self) -> Iterator[Finding]:
        """Plan the mocks; what a person has to do about others."""
        self._take_places()
        for function, made, cls in unspecified(self.functions):
            if self._turns(v.Instance(cls).alone):
                site = self.draft(function.module).site(made)
                reason = f"Methods of `{cls.name}` turn async, and those of what it gives may not."
                yield finding("ASY608", site, reason, _ADVICE)
        self._classes.clear()
        for mocked in self.sessions.find(self._turns):
            family = {each for cls in self._classes for each in cls.ancestors}
            self._classes.clear()
            for function, name in dict.fromkeys(mocked.holders):
                self.functions.streams.of_members(function, name)
            awaited = self._awaited(mocked, family)
            known = self._members(mocked, awaited)
            if not self.sessions.is_plain(mocked):
                if self._is_spec(mocked, family):
                    self._asserted(mocked, awaited)
            elif known and awaited and not self._reaches_on(mocked, family):
                self._add(mocked, awaited)
                self._asserted(mocked, awaited)
            else:
                operation = mocked.operations[mocked.call]
                site = self.draft(mocked.function.module).site(operation)
                yield finding("ASY608", site, _REASON, _ADVICE)

    def _take_places(self) -> None:
        """``monkeypatch.setattr(api, "store", mock)``: what is given for variables of the
        program, and by its classes."""
        for test, index, cls in given_for_classes(self.functions):
            self.sessions.in_place[test, index] = v.Instance(cls).alone
        for function in self.functions.patching():
            operations = function.body.operations
            for operation in operations:
                if operation and operation[0] == f.CALL:
                    for symbol, given in self.functions.replaced(function, operations, operation):
                        if isinstance(symbol, Variable) and given >= 0:
                            value = self.inference.symbol_value(symbol)
                            self.sessions.in_place[function, given] = value

    def _turns(self, value: v.Value) -> bool:
        """Is something an instance of a class of the program whose methods turn?"""
        found = {
            atom.cls for atom in value or () if isinstance(atom, v.Instance)
            and any(m in self.coloring.turned for each in atom.cls.ancestors
                    for m in each.methods.values())
        }  # fmt: skip
        self._classes |= found
        return bool(found)

    def _awaited(self, mocked: Mocked, family: set[Class]) -> dict[str, Function]:
        """The methods that whoever gets the mock awaits; properties and generators
        aren't. For what overrides a dependency, that is the program without its tests."""
        return {
            callee.name: callee
            for use in self.sessions.reached(mocked)
            if use.kind == "call"
            and not (mocked.overrides and is_test_path(use.function.module.path))
            for callee in use.callees
            if callee.owner in family and callee in self.coloring.turned
            and not callee.facts.is_generator and not callee.signature.decorators
        }  # fmt: skip

    def _is_spec(self, mocked: Mocked, family: set[Class]) -> bool:
        """Is it made by the class itself, which says what is awaited?"""
        function, operations = mocked.function, mocked.operations
        operation = operations[mocked.call]
        given = [*operation[6][:1], *(i for k, i in operation[7] if k in MOCKED_SPECS)]
        program = self.inference.program
        return bool(given) and all(
            i >= 0 and program.resolve_expression(function, operations, i) in family for i in given
        )

    def _reaches_on(self, mocked: Mocked, family: set[Class]) -> bool:
        """Does a test set what an attribute of the object has: ``service.store.get.return_value``?
        Nobody says what that is."""
        methods = {name for cls in family for name in cls.methods}
        for function, name in mocked.holders:
            for base in _answering(function):
                first, *others = base.removeprefix(f"{name}.").split(".")
                if base.startswith(f"{name}.") and others and first not in methods:
                    return True
        return False

    # -- the edits

    def _members(self, mocked: Mocked, awaited: dict[str, Function]) -> bool:
        """``MagicMock(add=Mock())`` and ``store.add = Mock()``. False where something else takes a
        method's place, which may not be awaited."""
        function, operations = mocked.function, mocked.operations
        keywords = operations[mocked.call][7]
        given = [(function, operations, index) for name, index in keywords if name in awaited]
        for holder, name in dict.fromkeys(mocked.holders):
            own = holder.body.operations
            given += [(holder, own, i) for i in self._assigned(holder, name, awaited)]
        known = True
        for holder, own, index in given:
            operation = own[index]
            callee = own[operation[5]] if operation[0] == f.CALL else operation
            last = (
                callee[5] if callee[0] == f.NAME else callee[6] if callee[0] == f.ATTRIBUTE else ""
            )
            if operation[0] == f.CALL and last in MOCKS:
                self._rename(holder, callee)
            else:
                known = known and last == _ASYNC
        return known

    @staticmethod
    def _assigned(function: Function, name: str, awaited: dict[str, Function]) -> Iterator[int]:
        operations = function.body.operations
        for statement in statements_of(function.body.statements):
            for target in statement[7] if statement[0] == f.ASSIGN else ():
                if (
                    target[0] == f.TO_ATTRIBUTE and target[2] in awaited
                    and dotted(operations, target[1]) == name
                ):  # fmt: skip
                    yield statement[8]

    def _rename(self, function: Function, callee: f.Operation) -> None:
        draft = self.draft(function.module)
        new = _ASYNC if callee[0] == f.ATTRIBUTE else draft.spell(ASYNC_MOCK)
        draft.add(RenameReference(node=reference(callee), site=draft.site(callee), new=new))
        if callee[0] == f.NAME:
            draft.drop(str(callee[5]))

    def _add(self, mocked: Mocked, awaited: dict[str, Function]) -> None:
        """``MagicMock(add=AsyncMock())``"""
        function, operations = mocked.function, mocked.operations
        operation = operations[mocked.call]
        draft, written = self.draft(function.module), dotted(operations, operation[5])
        owner = written.rpartition(".")[0]
        made = f"{owner}.{_ASYNC}" if owner else draft.spell(ASYNC_MOCK)
        given = {name for name, _ in operation[7]}
        for holder, name in mocked.holders:
            if holder is function:
                given |= {
                    m for m in awaited if any(self._assigned(function, name, {m: awaited[m]}))
                }
        edits = [
            (name, f"{made}({'' if self._is_told(mocked, name) else self._plain(written, method)})")
            for name, method in sorted(awaited.items()) if name not in given
        ]  # fmt: skip
        if edits:
            node, site = node_of(operations, mocked.call), draft.site(operation)
            draft.add(EditArguments(node=node, site=site, set_keywords=tuple(edits)))

    def _plain(self, written: str, method: Function) -> str:
        """What an ``AsyncMock`` gives is one, too: its methods would give coroutines."""
        result = self.inference.result(method) or ()
        is_object = any(isinstance(atom, (v.Instance, v.Known, v.Foreign)) for atom in result)
        return f"{MOCK_RESULT}={written}()" if is_object else ""

    @staticmethod
    def _is_told(mocked: Mocked, member: str) -> bool:
        """Does a test say what a method gives?"""
        return any(f"{name}.{member}" in _answering(function) for function, name in mocked.holders)

    def _asserted(self, mocked: Mocked, awaited: dict[str, Function]) -> None:
        for function, name in dict.fromkeys(mocked.holders):
            self.functions.awaits.of_members(function, name, awaited.__contains__)


def _answering(function: Function) -> set[str]:
    """What a function says the answer of: ``store.get`` in ``store.get.return_value = None``."""
    operations = function.body.operations
    return {
        dotted(operations, target[1])
        for statement in statements_of(function.body.statements) if statement[0] == f.ASSIGN
        for target in statement[7]
        if target[0] == f.TO_ATTRIBUTE and target[2] in MOCK_ANSWERS
    }  # fmt: skip
