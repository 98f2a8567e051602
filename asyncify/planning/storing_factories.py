"""Sessions of a suite's factories that flush or commit: these await nothing, so they get the sync
session behind the async one, and are called in a greenlet (uses of the kind ``greenlet``).

    sqlalchemy_session_factory = lambda: Session().sync_session
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Class, Function, Module
from asyncify.analysis.storing_factories import Given
from asyncify.decisions import RenameName, RenameReference, ReplaceExpression, UseSyncSession
from asyncify.findings import Finding
from asyncify.planning.draft import Draft, node_reference
from asyncify.rules import finding
from asyncify.sites import NodeRef
from asyncify.vocabulary.loading import CALLING_FACTORIES, STORED_WITH_WHAT_GIVES_IT

_STORES = "Factories store what they make with this session, which turns, and await nothing."
_ADVICE = (
    "Have them only add to it and flush behind them, or give them its `sync_session` and call "
    "them in `run_sync`."
)
_CALLED = "Call it through `run_sync`, in an async fixture of the suite's own."
_NAMED = (f.NAME, f.ATTRIBUTE)
_SYNC = "sync_session"


class StoringPlanner:
    """Plans what factories are given to store with."""

    def __init__(
        self, colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]
    ) -> None:
        self.colors = colors
        self.coloring = coloring
        self.inference = colors.inference
        self.draft = draft

    def plan(self) -> list[Finding]:
        """Plan them; what isn't known, or can't be spelled, is told."""
        found: list[Finding] = []
        if not self.coloring.alive:
            return found
        for given in self.inference.storing.given:
            operation = given.function.body.operations[given.value]
            session = self.inference.storing.known(given)
            if self._is_settled(given) or (session is not None and not self._turns(session)):
                continue
            if session is None or not self._plan(given):
                site = self.draft(given.function.module).site(operation)
                found.append(finding("ASY106", site, _STORES, _ADVICE))
        turning = any(map(self._turns, self._sessions()))
        return [*found, *self._called_elsewhere()] if turning else found

    def _sessions(self) -> Iterator[v.Known]:
        for given in self.inference.storing.given:
            session = self.inference.storing.known(given)
            if session is not None:
                yield session

    def _called_elsewhere(self) -> Iterator[Finding]:
        """``register(UserFactory)``: a library calls them in fixtures of its own."""
        program, classes = self.colors.program, self.inference.storing.classes
        for cls in classes:
            for index in cls.body.signature.decorators:
                operations = cls.body.signature.operations
                name = program.resolve_expression(cls.body.parent or cls.body, operations, index)
                if name in CALLING_FACTORIES:
                    yield self._told(cls.module, operations[index], cls.name)
        names = {name.rpartition(".")[2] for name in CALLING_FACTORIES}
        for function in dict.fromkeys(fn for name in names for fn in program.mentioning(name)):
            operations = function.body.operations
            for operation in operations:
                if not operation or operation[0] != f.CALL or min(operation[6], default=-1) < 0:
                    continue
                called = program.resolve_expression(function, operations, operation[5])
                given = program.resolve_expression(function, operations, operation[6][0])
                if called in CALLING_FACTORIES and isinstance(given, Class) and given in classes:
                    yield self._told(function.module, operation, given.name)

    def _told(self, module: Module, operation: f.Operation, name: str) -> Finding:
        reason = f"What calls `{name}` here awaits nothing, and its session turns."
        return finding("ASY106", self.draft(module).site(operation), reason, _CALLED)

    def _turns(self, session: v.Known) -> bool:
        return session.origin is None or session.origin not in self.colors.unfit

    def _is_settled(self, given: Given) -> bool:
        """Is it no session at all, or a sync one already?"""
        operations, index = given.function.body.operations, given.value
        if operations[index][0] == f.LAMBDA:
            inner = given.function.module.functions[operations[index][5]]
            operations, index = inner.body.operations, inner.body.statements[0][7]
        operation = operations[index]
        is_sync = operation[0] == f.ATTRIBUTE and operation[6] == _SYNC
        return is_sync or bool(operation[0] == f.CONSTANT)

    def _plan(self, given: Given) -> bool:
        """Plan one. False where that can't be spelled."""
        function, index = given.function, given.value
        operation = function.body.operations[index]
        if operation[0] == f.LAMBDA:
            inner = function.module.functions[operation[5]]
            return self._of_call(inner, inner.body.statements[0][7])
        kinds = {
            atom.kind if isinstance(atom, v.Known) else atom
            for atom in self.inference.evaluations[function].values[index]
        }
        if "Session" in kinds:
            return self._of_call(function, index)
        if operation[0] not in _NAMED or any(
            isinstance(atom, v.FunctionObject) and atom.function in self.coloring.turned
            for atom in kinds
        ):
            return False
        draft, site = self.draft(function.module), self.draft(function.module).site(operation)
        node, template = node_reference(function, index), f"lambda: {{node}}().{_SYNC}"
        draft.add(ReplaceExpression(node=node, site=site, template=template))
        self._rename(given, draft)
        return True

    def _of_call(self, function: Function, index: int) -> bool:
        """``session``, ``SessionLocal()``: the sync session behind it."""
        operation = function.body.operations[index]
        if operation[0] not in (*_NAMED, f.CALL):
            return False
        draft = self.draft(function.module)
        node, site = node_reference(function, index), draft.site(operation)
        draft.add(UseSyncSession(node=node, site=site, attribute=_SYNC))
        return True

    def _rename(self, given: Given, draft: Draft) -> None:
        """What is called for a session is another setting than a session."""
        (target,), new = given.statement[7], STORED_WITH_WHAT_GIVES_IT
        site = draft.site(given.statement)
        if target[0] == f.TO_NAME and target[1] != new:
            node = NodeRef("Assign", given.statement[3])
            draft.add(RenameName(node=node, site=site, old=target[1], new=new))
        elif target[0] == f.TO_ATTRIBUTE and target[2] != new:
            node = NodeRef("Attribute", target[3], target[2])
            draft.add(RenameReference(node=node, site=site, new=new))
