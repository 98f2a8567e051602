"""Factories of sessions that tests patch: ``with patch("app.db.SessionLocal") as factory``.

What the mock gives is a session: by itself (``factory.return_value``), where it is entered
(``factory.return_value.__enter__.return_value``), or by what is given for it (``return_value=db``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Class, Function, Module, Program, Symbol, Variable, dotted
from asyncify.analysis.sides import ENTERED_AS
from asyncify.analysis.statements import statements_of
from asyncify.decisions import CloseToAsyncWith, InsertStatements, RenameReference
from asyncify.planning.draft import Draft, call_reference, node_reference, reference
from asyncify.planning.mocked_chains import ENTERING
from asyncify.planning.mocked_functions import MockedFunctions
from asyncify.vocabulary.names import TABLES
from asyncify.vocabulary.rows import Form
from asyncify.vocabulary.testing import (
    MOCK_RESULT,
    MOCKS,
    PLAIN_MOCK,
    QUERY_MEMBER,
    is_test_path,
)

_CLOSE = "close"
# What says that a class of the tests stands for sessions.
AWAITED = {row.name for row in TABLES["Session"].members if row.form is Form.AWAIT}
MEMBERS = AWAITED | {QUERY_MEMBER, *ENTERED_AS}
_NOT_ENTERED = "Mock"
_ENTERED = f"{MOCK_RESULT}.__enter__.{MOCK_RESULT}"


@dataclass(slots=True)
class MockedFactories:
    """Finds what such mocks give."""

    colors: Colors
    coloring: Coloring
    draft: Callable[[Module], Draft]
    functions: MockedFunctions
    # Expressions, and names, that are given for a session by a patched factory.
    given: set[tuple[Function, int]] = field(default_factory=set)
    names: set[tuple[Function, str]] = field(default_factory=set)
    # The names of those among them that the factory gives by itself.
    plain: set[tuple[Function, str]] = field(default_factory=set)
    # Classes of the tests that stand for sessions, and for those of what stays sync.
    doubles: set[Class] = field(default_factory=set)
    kept: set[Class] = field(default_factory=set)
    # How else what they give is named.
    held: dict[tuple[Function, int], str] = field(default_factory=dict)
    # The mocks of factories, and what of them is a session that nobody has made.
    factories: list[tuple[Function, str]] = field(default_factory=list)
    unmade: list[tuple[Function, str]] = field(default_factory=list)
    makers: set[Function] = field(default_factory=set)  # who may call factories that are patched

    def find(self) -> None:
        """Look at every patch."""
        functions = self.functions
        for function in functions.patching():
            operations = function.body.operations
            for operation in operations:
                if operation and operation[0] == f.CALL:
                    self._patch(function, operations, operation)
        for function in functions.decorated():
            for index in function.signature.decorators if function in self.coloring.turned else ():
                operation = function.signature.operations[index]
                name = functions.awaits.decorated(function, index)
                if (
                    operation[0] == f.CALL
                    and name
                    and self._is_patched(function, function.signature.operations, operation)
                ):
                    self._factory(function, name, operation)

    def closes(self, functions: Iterable[Function]) -> bool:
        """Is a session that was closed by hand entered from now on, by these or by who makes it?"""
        return self._close({function.module for function in (*functions, *self.makers)})

    def closes_any(self) -> bool:
        """Is any?"""
        return self._close(set(self.colors.program.modules.values()))

    def _close(self, modules: set[Module]) -> bool:
        return any(
            isinstance(decision, CloseToAsyncWith)
            for module in modules for decision in self.draft(module).decisions
        )  # fmt: skip

    # -- patches

    def _is_patched(
        self, function: Function, operations: tuple[f.Operation, ...], operation: f.Operation
    ) -> bool:
        """Is a factory of sessions that turn replaced by a mock?"""
        return any(
            given < 0 and self._is_factory(symbol) and not operation[7]
            for symbol, given in self.functions.replaced(function, operations, operation)
        )

    def _patch(
        self, function: Function, operations: tuple[f.Operation, ...], operation: f.Operation
    ) -> None:
        for symbol, given in self.functions.replaced(function, operations, operation):
            if not self._is_factory(symbol):
                continue
            result = dict(operation[7]).get(MOCK_RESULT, -1)
            value = operations[given] if given >= 0 else ()
            cls = None
            if operations is function.body.operations and given >= 0:
                cls = double(self.colors.program, function, given)
            kept = isinstance(symbol, Variable) and self.functions.twin_of(
                function, operations, operation, symbol
            )
            if cls is not None:
                (self.kept if kept else self.doubles).add(cls)
                self.functions.settled.update(() if kept else ((function, operation),))
            if cls is not None or function not in self.coloring.turned:
                continue
            if value and value[0] == f.LAMBDA:
                inner = function.module.functions[value[5]]
                name = dotted(inner.body.operations, inner.body.statements[0][7])
                if name and kept and self._is_alive(function, name):
                    self.functions.tell_kept(function, operation, symbol)
                    self.functions.settled.add((function, operation))
                elif name:
                    self.names.add((function, name))
                    self.plain.add((function, name))
                    self.functions.settled.add((function, operation))
                continue
            if value and value[0] == f.CALL:
                called = dotted(operations, value[5]).rpartition(".")[2]
                result = dict(value[7]).get(MOCK_RESULT, -1) if called in MOCKS else -1
            if result >= 0:
                self.given.add((function, result))
                self.plain.add((function, dotted(operations, result)))
                self.functions.settled.add((function, operation))
                name = self.functions.awaits.bound(function, operation)
                if name:
                    self.held[function, result] = f"{name}.{MOCK_RESULT}"
            elif given < 0 and not operation[7]:
                name = self.functions.awaits.bound(function, operation)
                if name:
                    self._factory(function, name, operation)

    def _is_alive(self, function: Function, name: str) -> bool:
        """Does a variable hold an async session?"""
        evaluation = self.colors.inference.evaluations.get(function)
        value = evaluation.environment.get(name, ()) if evaluation is not None else ()
        return any(
            isinstance(atom, v.Known) and atom.origin in self.coloring.alive for atom in value
        )

    def _is_factory(self, symbol: Symbol) -> bool:
        if not isinstance(symbol, Variable):
            return False
        is_one = any(
            isinstance(atom, v.Known) and atom.kind == "sessionmaker"
            and atom.origin in self.coloring.alive
            for atom in self.colors.inference.symbol_value(symbol) or ()
        )  # fmt: skip
        if is_one:
            program = self.colors.program
            for name in (symbol.name, *program.imported_names(symbol.name)):
                self.makers.update(program.mentioning(name))
        return is_one

    # -- what the mock of a factory gives

    def _factory(self, function: Function, name: str, operation: f.Operation) -> None:
        layout = self.colors.uses.layout(function)
        paths = {f"{name}.{MOCK_RESULT}", f"{name}.{_ENTERED}"}
        made = set()
        for statement in layout.statements:
            for target in statement[7] if statement[0] == f.ASSIGN else ():
                if target[0] == f.TO_ATTRIBUTE:
                    path = f"{dotted(layout.operations, target[1])}.{target[2]}"
                    if path in paths:
                        made.add(path)
                        self.given.add((function, statement[8]))
                        if not path.endswith(_ENTERED):
                            self.plain.add((function, dotted(layout.operations, statement[8])))
        named = [path for path in paths - made if _is_named(layout, path)]
        self.unmade += [(function, path) for path in named]
        if made or named:
            self.factories.append((function, name))
            self.functions.settled.add((function, operation))

    def enter(self, function: Function, call: int, name: str) -> None:
        """A session that was closed by hand gives itself where it is entered."""
        draft, layout = self.draft(function.module), self.colors.uses.layout(function)
        node, site = call_reference(function, call), draft.site(layout.operations[call])
        source = f"{name}.__aenter__.{MOCK_RESULT} = {name}\n"
        draft.add(InsertStatements(node=node, site=site, source=source, where="after"))
        callee = layout.operations[layout.operations[call][5]]
        if dotted(layout.operations, layout.operations[call][5]).rpartition(".")[2] == _NOT_ENTERED:
            node, new = reference(callee), draft.spell(PLAIN_MOCK)
            draft.add(
                RenameReference(node=node, site=draft.site(callee), new=new.rpartition(".")[2])
            )
        self.ended(function, name)

    def ended(self, function: Function, name: str) -> None:
        """A session that was closed by hand is left: ``db.close.assert_called_once_with()``."""
        draft, layout = self.draft(function.module), self.colors.uses.layout(function)
        for index, operation in enumerate(layout.operations):
            if _is(layout, index, f"{name}.{_CLOSE}"):
                node, site = reference(operation), draft.site(operation)
                draft.add(RenameReference(node=node, site=site, new="__aexit__"))
                above = layout.parent(index)
                if above >= 0:
                    self.functions.awaits.with_any.add((function, layout.operations[above][3]))

    def make(self, function: Function, path: str, text: str, enters: bool) -> None:
        """Make the session before it is named first."""
        layout, draft = self.colors.uses.layout(function), self.draft(function.module)
        index = next(i for i, _ in enumerate(layout.operations) if _is(layout, i, path))
        bound = _bound(layout, path.partition(".")[0])
        path = path.replace(*ENTERING)
        source = f"{path} = {text}\n"
        if enters and not path.endswith(_ENTERED.replace(*ENTERING)):
            source += f"{path}.__aenter__.{MOCK_RESULT} = {path}\n"
        operation = layout.operations[index if bound < 0 else bound]
        node, site = node_reference(function, index if bound < 0 else bound), draft.site(operation)
        where = "before" if bound < 0 else "after"
        draft.add(InsertStatements(node=node, site=site, source=source, where=where))


def _bound(layout: Layout, name: str) -> int:
    """The call of which a statement gives what it makes the name: ``factory = mocker.patch(...)``;
    -1 where another kind of statement does."""
    for statement in layout.statements:
        targets = statement[7] if statement[0] == f.ASSIGN else ()
        named = any(target[0] == f.TO_NAME and target[1] == name for target in targets)
        if named and layout.operations[statement[8]][0] == f.CALL:
            return int(statement[8])
    return -1


def _is_named(layout: Layout, path: str) -> bool:
    """Is something asked of what a path gives, other than to be entered?"""
    for index, operation in enumerate(layout.operations):
        if operation and _is(layout, index, path):
            parent = layout.parent(index)
            above = layout.operations[parent] if parent >= 0 else ()
            if not above or above[0] != f.ATTRIBUTE or above[6] != ENTERING[0]:
                return True
    return False


def _is(layout: Layout, index: int, path: str) -> bool:
    operation = layout.operations[index]
    return bool(
        operation and operation[0] == f.ATTRIBUTE and dotted(layout.operations, index) == path
    )


def double(program: Program, function: Function, index: int) -> Class | None:
    """The class of the tests that stands for sessions, of what gives one: ``FakeSession``,
    ``FakeSession()``, ``lambda: FakeSession()``, ``lambda: session`` of such an object."""
    operation, inner = function.body.operations[index], function
    if operation[0] == f.LAMBDA:
        inner = function.module.functions[operation[5]]
        operation = inner.body.operations[inner.body.statements[0][7]]
    if operation[0] == f.NAME:
        inner, operation = _given_to(inner, operation)
    callee = operation[5] if operation[0] == f.CALL else -1
    operations = inner.body.operations
    found: object = None
    if callee >= 0:
        found = program.resolve_expression(inner, operations, callee)
    elif operation[0] in (f.NAME, f.ATTRIBUTE):
        found = program.resolve_expression(inner, operations, operations.index(operation))
    if (
        isinstance(found, Function)
        and is_test_path(found.module.path)
        and not found.facts.is_generator
    ):
        last = found.body.statements[-1]
        is_given = last[0] == f.RETURN and last[7] >= 0 and callee < 0
        return double(program, found, last[7]) if is_given else None
    if not isinstance(found, Class) or not is_test_path(found.module.path):
        return None
    return found if any(found.find(name) is not None for name in MEMBERS) else None


def _given_to(function: Function, name: f.Operation) -> tuple[Function, f.Operation]:
    """What a variable of a function, or of one around it, is given; itself where that is not one
    thing."""
    around: Function | None = function
    while around is not None and around.facts.kind != "class":
        found = [
            statement[8] for statement in statements_of(around.body.statements)
            if statement[0] == f.ASSIGN and (f.TO_NAME, name[5]) in [t[:2] for t in statement[7]]
        ]  # fmt: skip
        if found:
            return (
                (around, around.body.operations[found[0]]) if len(found) == 1 else (function, name)
            )
        around = around.parent
    return function, name
