"""Planning of listeners: what listens to an engine listens to its sync twin as well.

So it does where the engine is a variable. What listens to one of several, or to a parameter, is a
finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Colors
from asyncify.analysis.declarations import foreign_name
from asyncify.analysis.program import Function, Module, Variable
from asyncify.analysis.sides import Sides, home
from asyncify.decisions import CopyDecorator, Decision, KeepSyncTwin, RenameReference
from asyncify.findings import Finding
from asyncify.planning.alongside import Alongside
from asyncify.planning.draft import Draft, call_reference, reference
from asyncify.planning.held_twins import HeldPlanner
from asyncify.rules import finding
from asyncify.sites import NodeRef, Site

_LISTENERS = {"sqlalchemy.event.listen", "sqlalchemy.event.listens_for"}
_UNHEARD = "What listens here to engines doesn't listen to their sync copies: {}."
_ADVICE = "Add it to those as well."


class SideListeners:
    """Repeats what adds a listener, for the twins of engines."""

    def __init__(
        self,
        colors: Colors,
        sides: Sides,
        draft: Callable[[Module], Draft],
        twins: Mapping[Variable, str],
        imported: Callable[[Function, str, str, Draft], None],
        held: HeldPlanner,
    ) -> None:
        self.held = held
        self.colors = colors
        self.program = colors.program
        self.inference = colors.inference
        self.sides = sides
        self.draft = draft
        self._twins = twins
        self._import = imported
        self._there: set[Variable] = set()
        self._repeated: set[tuple[Function, int]] = set()  # calls, and ~ decorators
        self.alongside: Alongside | None = None

    def plan(self, alongside: Alongside | None, there: set[Variable]) -> None:
        """What listens to an engine listens to its twin as well; those that are ``there`` aren't
        made by this plan."""
        self.alongside = alongside
        self._there = there
        for function in self.program.mentioning("listens_for"):
            if function.facts.kind == "def" and home(function) not in self.sides.synced:
                for place, index in enumerate(function.signature.decorators):
                    self._decorated(function, place, index)
        for function in self.program.mentioning("listen"):
            if self._may_listen(function):
                for index, operation in enumerate(function.body.operations):
                    if operation and operation[0] == f.CALL:
                        self._listen(function, index)

    def missed(self) -> Iterator[Finding]:
        """What listens to engines that have twins, and isn't repeated for these."""
        twins: dict[v.Origin, str] = {}
        for variable, name in self._twins.items():
            for atom in self.inference.global_value(variable.module, variable.name):
                if isinstance(atom, v.Known) and atom.kind == "Engine" and atom.origin and name:
                    twins[atom.origin] = name
        if not twins:
            return
        for word in ("listen", "listens_for"):
            for function in self.program.mentioning(word):
                for site, held in self._unrepeated(function):
                    names = {
                        twins[a.origin]
                        for a in held
                        if isinstance(a, v.Known) and a.origin in twins
                    }
                    if names:
                        told = ", ".join(f"`{name}`" for name in sorted(names))
                        yield finding("ASY204", site, _UNHEARD.format(told), _ADVICE)

    def _unrepeated(self, function: Function) -> Iterator[tuple[Site, v.Value]]:
        """The calls in a function, and its decorators, that listen to something and aren't
        repeated, with what that is."""
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None or home(function) in self.sides.synced:
            return
        outer = self.inference.evaluations.get(function.parent) if function.parent else None
        bodies = [(function, evaluation.operations, evaluation.values)]
        if outer is not None and function in outer.decorated and function.parent is not None:
            operations = function.signature.operations
            bodies.append((function.parent, operations, outer.decorated[function]))
        for scope, operations, values in bodies:
            for index, operation in enumerate(operations):
                place = index if scope is function else ~index
                if not operation or operation[0] != f.CALL or (function, place) in self._repeated:
                    continue
                if not operation[6] or operation[6][0] < 0:
                    continue
                if foreign_name(scope, operations, operation[5], self.inference) in _LISTENERS:
                    site = Site(function.module.path, operation[1], operation[2])
                    yield site, values[operation[6][0]]

    def _may_listen(self, function: Function) -> bool:
        return (
            function.facts.kind == "module" or self._fills_both(function)
            or self.held.is_listening(function)
        )  # fmt: skip

    def _fills_both(self, function: Function) -> bool:
        """Does a function fill a variable and its twin?"""
        return function not in self.sides.synced and any(
            function in self.colors.divider.spread.lazy.fillers(variable)
            for variable, name in self._twins.items()
            if name
        )

    def _listened(
        self, scope: Function, operations: tuple[f.Operation, ...], index: int
    ) -> tuple[f.Operation, str] | None:
        """The engine that a call listens to, and its twin."""
        operation = operations[index]
        if operation[0] != f.CALL or not operation[6] or operation[6][0] < 0:
            return None
        if foreign_name(scope, operations, operation[5], self.inference) not in _LISTENERS:
            return None
        held = self.held.listened(scope, operations, operation[6][0])
        if held:
            return operations[operation[6][0]], held
        symbol = self._source(scope, operations, operation[6][0])
        name = self._twins.get(symbol, "") if symbol is not None else ""
        target = operations[operation[6][0]]
        if self.alongside is not None and name:
            self.alongside.keeps(self.draft(scope.module), target)
            name = "" if symbol in self._there else f"{name}.sync_engine"
        return (target, name) if name else None

    def _source(
        self, scope: Function, operations: tuple[f.Operation, ...], index: int
    ) -> Variable | None:
        if operations[index][0] == f.NAME and operations[index][5] in scope.facts.declared:
            symbol = self.program.resolve(scope.module, operations[index][5])
        else:
            symbol = self.program.resolve_expression(scope, operations, index)
        return symbol if isinstance(symbol, Variable) else None

    def _decorated(self, function: Function, place: int, index: int) -> None:
        scope = function.parent or function
        found = self._listened(scope, function.signature.operations, index)
        if found is None:
            return
        self._repeated.add((function, ~index))
        draft, facts = self.draft(function.module), function.facts
        draft.add(
            CopyDecorator(
                node=NodeRef("FunctionDef", facts.number, facts.name),
                site=Site(draft.module.path, facts.line, facts.column),
                decorator=place, decisions=(self._listening(function, *found, draft),),
            )
        )  # fmt: skip

    def _listen(self, function: Function, index: int) -> None:
        found = self._listened(function, function.body.operations, index)
        if found is not None and self.colors.uses.layout(function).is_statement(index):
            self._repeated.add((function, index))
            draft = self.draft(function.module)
            site = draft.site(function.body.operations[index])
            nested = (self._listening(function, *found, draft),)
            node = call_reference(function, index)
            draft.add(KeepSyncTwin(node=node, site=site, name="", decisions=nested))

    def _listening(
        self, function: Function, target: f.Operation, name: str, draft: Draft
    ) -> Decision:
        if target[0] == f.NAME:
            local = name.partition(".")[0]
            self._import(function.module.functions[0], target[5], local, draft)
        return RenameReference(node=reference(target), site=draft.site(target), new=name)
