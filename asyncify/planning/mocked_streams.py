"""What tests put in the place of generators and context managers that turn: async ones stand for
these, and an ``AsyncMock`` for neither."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from asyncify import facts as f
from asyncify.analysis.colors import Coloring
from asyncify.analysis.program import Class, Function, Module, Program, Symbol, dotted
from asyncify.analysis.sides import ENTERED_AS
from asyncify.analysis.statements import statements_of
from asyncify.decisions import DefineLambda, MakeAsync, RenameReference
from asyncify.findings import Finding
from asyncify.planning.draft import Draft, reference
from asyncify.rules import finding
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.testing import MOCK_ANSWERS, MOCK_RESULT

_ADVICE = "Put an async generator there, or a mock whose `__aiter__` gives the items."
_MANAGER_ADVICE = "Put an async context manager there."
_WRITTEN = "__aiter__"


@dataclass(slots=True)
class Streams:
    """Plans what stands in for generators and context managers."""

    program: Program
    coloring: Coloring
    draft: Callable[[Module], Draft]
    # What a call of a test's replaces, and the expression of what it gives instead.
    replaced: Callable[
        [Function, tuple[f.Operation, ...], f.Operation], Iterator[tuple[Symbol, int]]
    ]
    findings: list[Finding] = field(default_factory=list)
    # What they give: for which function, and the expression.
    items: list[tuple[Function, Function, int]] = field(default_factory=list)
    _turned: set[Function] = field(default_factory=set)

    def stand_in(
        self,
        function: Function,
        operations: tuple[f.Operation, ...],
        operation: f.Operation,
        given: int,
        target: Function,
    ) -> None:
        """``monkeypatch.setattr(store, "each", fake)``, or a patch that makes a mock."""
        if given < 0:
            if target.signature_is_decorated or MOCK_ANSWERS.isdisjoint(dict(operation[7])):
                return  # how the mock is entered is told where that is said
        elif self._is_ready(function, operations, given, target):
            return
        reason = f"`{target.qualname}` turns async, and what stands in for it here may not."
        advice = _MANAGER_ADVICE if target.signature_is_decorated else _ADVICE
        site = self.draft(function.module).site(operation)
        self.findings.append(finding("ASY608", site, reason, advice))

    def _is_ready(
        self,
        function: Function,
        operations: tuple[f.Operation, ...],
        given: int,
        target: Function,
    ) -> bool:
        """Is, or becomes, what is given an async one?"""
        value = operations[given]
        if operations is not function.body.operations:
            return False
        if value[0] == f.LAMBDA and not target.signature_is_decorated:
            return self._defines(function, value, target)
        if value[0] != f.NAME:
            return False
        inner = [
            c for c in function.module.functions if c.parent is function and c.name == value[5]
        ]
        if len(inner) != 1:
            return False
        fake, named = inner[0], list(self._named(function, inner[0]))
        self.items += (
            (target, fake, operation[5]) for operation in fake.body.operations
            if operation and operation[0] == f.YIELD and operation[5] >= 0
        )  # fmt: skip
        if fake.facts.is_async or fake in self.coloring.turned or fake in self._turned:
            return True
        standing = list(self._standing(function, target))
        if not all(any(each is other for other in standing) for each in named):
            return False
        if fake.facts.kind == "class":
            return self._enters(self.program.classes[fake])
        if not fake.facts.is_generator or fake.signature.decorators:
            return False
        self._turn(fake)
        return True

    def _standing(self, function: Function, target: Function) -> Iterator[f.Operation]:
        """What a function puts in the place of another one."""
        operations = function.body.operations
        for operation in operations:
            if operation and operation[0] == f.CALL:
                for symbol, given in self.replaced(function, operations, operation):
                    if symbol is target and given >= 0:
                        yield operations[given]

    def _defines(self, function: Function, value: f.Operation, target: Function) -> bool:
        """``lambda: iter([session])``: a generator gives the items."""
        inner = function.module.functions[value[5]]
        operations = inner.body.operations
        call = operations[inner.body.statements[0][7]]
        if call[0] != f.CALL or call[7] or len(call[6]) != 1 or call[6][0] < 0:
            return False
        callee, items = operations[call[5]], operations[call[6][0]]
        if callee[:1] != (f.NAME,) or callee[5] != "iter" or items[0] != f.SEQUENCE:
            return False
        if any(item < 0 for item in items[6]):
            return False
        self.items += ((target, inner, item) for item in items[6])
        name = f"fake_{target.name.strip('_')}"
        while name in function.facts.names or name in function.facts.bound:
            name += "_"
        draft, node = self.draft(function.module), NodeRef("Lambda", value[3])
        draft.add(DefineLambda(node=node, site=draft.site(value), name=name, items=True))
        return True

    def _enters(self, cls: Class) -> bool:
        """A class whose objects are entered, and nothing else."""
        methods = [cls.methods.get(name) for name in ENTERED_AS]
        for method in methods:
            if method is None or method.facts.is_async or method in self.coloring.turned:
                return False
        for method in methods:
            if method is not None:
                self._turn(method)
        return True

    def _turn(self, fake: Function) -> None:
        self._turned.add(fake)
        draft, facts = self.draft(fake.module), fake.facts
        node, site = NodeRef("FunctionDef", facts.number, fake.name), (facts.line, facts.column)
        draft.add(
            MakeAsync(
                node=node, site=Site(draft.module.path, *site),
                rename=ENTERED_AS.get(fake.name, ""),
            )
        )  # fmt: skip

    @staticmethod
    def _named(function: Function, fake: Function) -> Iterator[f.Operation]:
        """Where its name stands."""
        for other in function.module.functions:
            if fake.name in other.facts.names and is_inside(other, function):
                for operation in other.body.operations:
                    if operation and operation[0] == f.NAME and operation[5] == fake.name:
                        yield operation

    def of_members(self, function: Function, name: str) -> None:
        """``store.each.return_value = [1, 2]``, ``store.session.return_value.__enter__``, of the
        mock of an object."""
        operations = function.body.operations
        for statement in statements_of(function.body.statements):
            targets = statement[7] if statement[0] == f.ASSIGN else ()
            for target in targets:
                if target[0] == f.TO_ATTRIBUTE and target[2] == MOCK_RESULT:
                    self._result(function, target[1], name)
        for index, operation in enumerate(operations):
            if operation and operation[0] == f.ATTRIBUTE and operation[6] in ENTERED_AS:
                member = dotted(operations, operation[5]).removesuffix(f".{MOCK_RESULT}")
                if self._is_stream(member.removeprefix(f"{name}."), manager=True):
                    self._rename(function, index, ENTERED_AS[operation[6]])

    def _result(self, function: Function, base: int, name: str) -> None:
        operations = function.body.operations
        member = dotted(operations, base)
        if not member.startswith(f"{name}."):
            return
        if self._is_stream(member.removeprefix(f"{name}."), manager=False):
            self._rename(function, base, f"{member}.{MOCK_RESULT}.{_WRITTEN}")

    def _rename(self, function: Function, index: int, new: str) -> None:
        operation, draft = function.body.operations[index], self.draft(function.module)
        draft.add(RenameReference(node=reference(operation), site=draft.site(operation), new=new))

    def _is_stream(self, name: str, manager: bool) -> bool:
        """Are all methods of a name generators, or context managers, that turn?"""
        found = [cls.methods[name] for cls in self.program.classes.values() if name in cls.methods]
        return bool(found) and all(
            method in self.coloring.turned and method.facts.is_generator
            and not method.facts.is_async and bool(method.signature.decorators) == manager
            for method in found
        )  # fmt: skip


def is_inside(inner: Function | None, function: Function) -> bool:
    """Is it the function itself, or defined in it?"""
    while inner is not None and inner is not function:
        inner = inner.parent
    return inner is function
