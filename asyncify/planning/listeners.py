"""Planning of events: what is listened for on an async object is on the sync one behind it."""

from __future__ import annotations

from collections.abc import Callable

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function, Module, Variable, dotted
from asyncify.analysis.uses import LISTENING
from asyncify.decisions import (
    EditArguments,
    ImportName,
    InsertStatements,
    RenameReference,
    ReplaceExpression,
    UseSyncSession,
)
from asyncify.planning.draft import Draft, call_reference, node_of, reference
from asyncify.planning.sync_names import SyncNames
from asyncify.planning.sync_sides import is_behind

# What events are listened for on, behind the async object.
_SYNC_TARGETS = {
    "Engine": "sync_engine", "Session": "sync_session", "Connection": "sync_connection",
}  # fmt: skip


class ListenerPlanner:
    """Writes the decisions about calls of ``sqlalchemy.event``."""

    def __init__(
        self,
        colors: Colors,
        coloring: Coloring,
        names: SyncNames,
        draft: Callable[[Module], Draft],
        impediments: dict[Function, Obstacle],
    ) -> None:
        self.colors = colors
        self.coloring = coloring
        self.inference = colors.inference
        self.program = self.inference.program
        self.names = names
        self.draft = draft
        self.impediments = impediments
        self._sync_factories: dict[v.Origin, str] = {}

    def decorators(self, function: Function) -> None:
        """A listener stays as it is; what it listens to may turn."""
        operations = function.signature.operations
        for index, operation in enumerate(operations):
            if operation and operation[0] == f.CALL:
                self.call(function, operations, index, in_signature=True)
        given = self.colors.callers().get(function, ()) if function.parent is not None else ()
        if self.colors.listens(function) or any(use.name in LISTENING for _, use in given):
            self._captured(function)

    def _captured(self, function: Function) -> None:
        """A listener runs where the event happens, and can't await: what it has of the functions
        around it is sync there. ``connection.begin_nested()`` restarts a savepoint of a test."""
        evaluation, draft = self.inference.evaluations.get(function), self.draft(function.module)
        for index, value in evaluation.objects if evaluation is not None else ():
            operation = function.body.operations[index]
            if operation[0] != f.NAME or not self._is_around(function, operation[5]):
                continue
            for atom in value:
                if isinstance(atom, v.Known) and atom.origin in self.coloring.alive:
                    name = _SYNC_TARGETS.get(atom.kind, "")
                    if name and atom.origin is not None:
                        group = self.coloring.source_groups.get(atom.origin, 0)
                        node, site = reference(operation), draft.site(operation)
                        draft.add(UseSyncSession(node=node, site=site, group=group, attribute=name))
                        break

    def _is_around(self, function: Function, name: str) -> bool:
        """Is a name a variable of a function around a listener?"""
        scope: Function | None = function
        while scope is not None and (name not in scope.facts.bound or name in scope.facts.declared):
            scope = scope.parent
        return scope is not None and scope is not function and scope.facts.kind == "def"

    def call(
        self,
        function: Function,
        operations: tuple[f.Operation, ...],
        index: int,
        in_signature: bool = False,
    ) -> None:
        """``event.listens_for(engine, ...)`` goes to ``engine.sync_engine``."""
        scope = function.parent or function if in_signature else function
        for place in self.names.listened(scope, operations, index):
            if place >= 0:
                self._target(function, operations, place, in_signature)

    def _target(
        self,
        function: Function,
        operations: tuple[f.Operation, ...],
        index: int,
        in_signature: bool,
    ) -> None:
        scope = function.parent or function if in_signature else function
        target = operations[index]
        if target[0] not in (f.NAME, f.ATTRIBUTE, f.CALL):
            return
        if target[0] == f.NAME and is_behind(self.colors, scope, target[5]):
            return
        is_engine = target[0] == f.ATTRIBUTE and target[6] == "engine"
        if is_engine and scope not in self.coloring.turned:
            base = self._targets(scope, function, operations, target[5], in_signature)
            if any(atom.kind == "Engine" for atom in base):
                return  # what an async engine has there is the sync one; what turns names it anew
        atoms = self._targets(scope, function, operations, index, in_signature)
        origins = {atom.origin for atom in atoms if atom.origin is not None}
        if origins and origins.isdisjoint(self.coloring.alive):
            return  # it stays sync, whatever else an annotation says
        draft = self.draft(function.module)
        turning = [a for a in atoms if a.origin is None or a.origin in self.coloring.alive]
        factories = [a for a in turning if a.kind in ("sessionmaker", "scoped_session")]
        for atom in sorted(turning, key=lambda a: (a.kind, repr(a.origin))):
            if atom.kind in _SYNC_TARGETS:
                name = _SYNC_TARGETS[atom.kind]
                group = self.coloring.source_groups.get(atom.origin, 0) if atom.origin else 0
                node, site = node_of(operations, index), draft.site(target)
                draft.add(UseSyncSession(node=node, site=site, group=group, attribute=name))
                return
            if atom in factories and self._is_given(scope, target, factories):
                self._given_factory(function, factories, operations, index, draft)
                return
            if atom in factories:
                self._listened_factory(function, atom, operations, index, draft)
                return

    def _targets(
        self,
        scope: Function,
        function: Function,
        operations: tuple[f.Operation, ...],
        index: int,
        signature: bool,
    ) -> set[v.Known]:
        """What an event is listened for on."""
        if not signature:
            evaluation = self.inference.evaluations.get(function)
            value = evaluation.values[index] if evaluation is not None else v.UNKNOWN
            return {a for a in value if isinstance(a, v.Known)}
        outer = self.inference.evaluations.get(scope)
        if outer is not None and function in outer.decorated:
            return {a for a in outer.decorated[function][index] if isinstance(a, v.Known)}
        symbol = self.program.resolve_expression(scope, operations, index)
        if not isinstance(symbol, Variable):
            return set()
        value = self.inference.global_value(symbol.module, symbol.name)
        return {a for a in value if isinstance(a, v.Known)}

    def _listened_factory(
        self,
        function: Function,
        atom: v.Known,
        operations: tuple[f.Operation, ...],
        index: int,
        draft: Draft,
    ) -> None:
        """Events of a factory are those of the sync factory that the async one makes its sync
        sessions with."""
        name = self._sync_factory(atom.origin) if atom.origin is not None else ""
        target = operations[index]
        if not name:
            reason = "Events are listened for on a session factory that isn't a plain variable."
            self.impediments[function] = Obstacle("ASY203", reason)
            return
        home = atom.origin.function.module if atom.origin is not None else function.module
        if target[0] == f.NAME and home is not draft.module:
            found = next((i for i in draft.module.facts.imports if i.local == target[5]), None)
            module = "." * found.level + found.module if found is not None else home.name
            draft.add_import(ImportName(module, name))
            draft.drop(target[5])
        new = name if target[0] == f.NAME else f"{dotted(operations, target[5])}.{name}"
        draft.add(RenameReference(node=reference(target), site=draft.site(target), new=new))

    def _is_given(self, scope: Function, target: f.Operation, factories: list[v.Known]) -> bool:
        """Is what is listened for on a factory that was made elsewhere: a parameter, or one of
        several?"""
        made = {a.origin.function for a in factories if a.origin is not None}
        is_own = target[0] != f.NAME or target[5] not in scope.facts.bound
        return len(factories) > 1 or not (is_own or made == {scope})

    def _given_factory(
        self,
        function: Function,
        factories: list[v.Known],
        operations: tuple[f.Operation, ...],
        index: int,
        draft: Draft,
    ) -> None:
        """Each factory that comes here has the sync one with it, and is asked for that."""
        made = [
            a.kind == "sessionmaker" and a.origin is not None and self._sync_factory(a.origin)
            for a in factories
        ]  # fmt: skip
        if not all(made):
            reason = "Events are listened for on a session factory that isn't a plain variable."
            self.impediments[function] = Obstacle("ASY203", reason)
            return
        node, site = node_of(operations, index), draft.site(operations[index])
        template = '{node}.kw["sync_session_class"]'
        draft.add(ReplaceExpression(node=node, site=site, template=template))

    def _sync_factory(self, origin: v.Origin) -> str:
        """The name of a sync factory beside the async one, made where that is made."""
        if origin in self._sync_factories:
            return self._sync_factories[origin]
        layout = self.colors.uses.layout(origin.function)
        for index, operation in enumerate(layout.operations):
            if not operation or operation[0] != f.CALL or operation[3] != origin.call:
                continue
            statement = layout.statement(index)
            if statement is None or statement[0] != f.ASSIGN or statement[7][0][0] != f.TO_NAME:
                break
            name = f"sync_{statement[7][0][1]}"
            draft = self.draft(origin.function.module)
            factory = draft.spell("sqlalchemy.orm.sessionmaker")
            node, site = call_reference(origin.function, index), draft.site(operation)
            own = self._own_class(origin.function, operation)
            draft.add(InsertStatements(node=node, site=site, source=f"{name} = {factory}({own})"))
            keywords = (("sync_session_class", name),)
            draft.add(EditArguments(node=node, site=site, set_keywords=keywords))
            self._sync_factories[origin] = name
            return name
        return ""

    def _own_class(self, function: Function, call: f.Operation) -> str:
        """``class_=AppSession``, where a factory makes sessions of a class of the program."""
        index = dict(call[7]).get("class_", -1)
        evaluation = self.colors.inference.evaluations.get(function)
        found = evaluation.values[index] if evaluation is not None and index >= 0 else v.UNKNOWN
        if not any(isinstance(atom, v.ClassObject) for atom in found):
            return ""
        return f"class_={dotted(function.body.operations, index)}"
