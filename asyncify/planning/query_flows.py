"""Flows: where every Query of the program goes, and whether it can become a statement there.

All places that a Query value reaches are looked at together. One use without an equal form keeps
the Query, everywhere.
"""

from __future__ import annotations

from functools import cached_property

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.declarations import annotation_value
from asyncify.analysis.environments import is_alembic
from asyncify.analysis.layout import Layout
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Class, Function, dotted
from asyncify.analysis.uses import Use
from asyncify.planning import query_forms as forms
from asyncify.planning.query_aliases import name_union
from asyncify.planning.query_escapes import Escapes
from asyncify.planning.query_places import Flow, Queries
from asyncify.planning.query_terminals import QueryTerminals
from asyncify.vocabulary.rows import QueryMember, Role
from asyncify.vocabulary.sqlalchemy_query import QUERY
from asyncify.vocabulary.testing import is_test_path

_CRITERIA = {"filter", "filter_by", "where"}


class QueryFlows(QueryTerminals):
    """Follows every Query of the program, and judges it."""

    def __init__(self, colors: Colors, coloring: Coloring) -> None:
        super().__init__(colors, coloring)
        self._methods_go = False  # is a method of a Query given to anybody?
        self._survey()

    @cached_property
    def _calls(self) -> dict[Function, list[tuple[Function, Use]]]:
        """Where every function is called."""
        found: dict[Function, list[tuple[Function, Use]]] = {}
        for function in self.inference.evaluations:
            for use in self.colors.uses.of(function):
                for callee in use.callees if use.kind == "call" else ():
                    found.setdefault(callee, []).append((function, use))
        return found

    def _survey(self) -> None:
        for function, places in self.places.items():
            escapes = Escapes(self.inference, function, self.colors.uses.layout(function))
            for index, atoms in places.items():
                for atom in atoms:
                    flow = self.flows.get(atom.origin)
                    if flow is None:
                        flow = self.flows[atom.origin] = Flow(atom.origin)
                    flow.values.add(atom)
                self._note(function, index, atoms, escapes)
        executing = self.inference.evaluations if self._methods_go else self.places
        for function in executing:
            for use in self.colors.uses.of(function):
                if use.kind in ("query", "iterate query"):
                    self._terminal(use)
        self._name_sessions()
        own = self._own_classes()
        for flow in self.flows.values():
            for query in sorted(flow.values, key=v.order):
                if query.unequal:
                    flow.refuse(query.unequal)
                if query.source in own or (own and query.source is None):
                    flow.refuse("its session makes queries of a class of its own")
            self._judge(flow)
        self._settle()

    def _name_sessions(self) -> None:
        """``query.session`` is written as the session that the Query has."""
        for function, places in self.asked.items():
            for index, atoms in places:
                receiver = function.body.operations[index][5]
                if len({self._source(a, function, receiver) for a in atoms} | {None}) != 2:
                    reason = "The session of a query is asked for."
                    self.impediments[function] = Obstacle("ASY104", reason)
                    for atom in atoms:
                        self.flows[atom.origin].refuse("its session is asked for")

    def _own_classes(self) -> set[v.Origin]:
        """The factories, sessions and registries that are given a ``query_cls``."""
        found = set()
        for function in self.inference.program.mentioning("query_cls"):
            evaluation = self.inference.evaluations.get(function)
            for index, operation in enumerate(evaluation.operations if evaluation else ()):
                if operation and operation[0] == f.CALL and "query_cls" in dict(operation[7]):
                    assert evaluation is not None
                    origins = {a.origin for a in evaluation.values[index] if isinstance(a, v.Known)}
                    found |= {o for o in origins if o is not None}
                    found.add(v.Origin(function, operation[3]))
        return found

    def _settle(self) -> None:
        """What meets, or stands inside a lambda with another, shares the fate of that."""
        while True:
            self._spread()
            self._inside = {}
            before = sum(bool(flow.reason) for flow in self.flows.values())
            for flow in self.flows.values():
                if flow.reason:
                    for use, _ in flow.terminals:
                        self._enclose(use.function, use.operation)
            for function, operations in self.escaping.items():
                for index in operations:
                    self._enclose(function, index)
            if sum(bool(flow.reason) for flow in self.flows.values()) == before:
                return

    def _enclose(self, function: Function, index: int) -> None:
        """A lambda for run_sync will hold all below an operation: what is executed there stays as
        it is."""
        if function not in self.coloring.turned:
            return
        inside = self.colors.uses.layout(function).subtree(index) - {index}
        self._inside.setdefault(function, set()).update(inside)
        for use in self.colors.uses.of(function):
            if use.operation in inside and isinstance(use.owner, v.QueryValue):
                for atom in self.executed(use):
                    self.flows[atom.origin].refuse("it stands inside another that runs in run_sync")

    def _note(
        self,
        function: Function,
        index: int,
        atoms: Queries,
        escapes: Escapes,
    ) -> None:
        layout = escapes.layout
        operation, value = layout.operations[index], escapes.values[index]
        flows = [self.flows[a.origin] for a in atoms]
        mixed = len(atoms) < len(value) and any(
            not (_may_be_query(a) or _is_fake(a, function)) for a in value
        )
        mixed = mixed and not escapes.only_kept(index)
        told = mixed and self._is_told_apart(function, index, escapes)
        for flow in flows:
            if flow.begins_at(function, operation):
                flow.start = index
            if mixed and not told:
                flow.refuse("it may also be something else than a query")
        escape, asked = escapes.escape(index), escapes.class_asked(index)
        if asked >= 0:
            self.classes.setdefault(function, {})[asked] = index
        elif told:
            if operation[0] == f.NAME:
                self.told.setdefault(function, set()).add(index)
        elif escapes.is_tested(index):
            if operation[0] != f.BOOLEAN:
                self.tested.setdefault(function, set()).add(index)
        elif escape is not None:
            for flow in flows:
                flow.refuse(escape.reason)
            if escape.executes:
                self.escaping.setdefault(function, {})[escape.operation] = escape.reason
        self._note_member(function, index, atoms, layout)

    def _note_member(self, function: Function, index: int, atoms: Queries, layout: Layout) -> None:
        """What a Query is asked for."""
        parent = layout.parent(index)
        if parent < 0 or layout.operations[parent][0] != f.ATTRIBUTE:
            return
        name = layout.operations[parent][6]
        if is_session(name):
            self.asked.setdefault(function, []).append((parent, atoms))
            return
        outer = layout.parent(parent)
        called = outer >= 0 and layout.operations[outer][0] == f.CALL
        called = called and layout.operations[outer][5] == parent
        for flow in [self.flows[a.origin] for a in atoms]:
            self._member(flow, function, outer if called else -1, name, atoms)

    def _is_told_apart(self, function: Function, index: int, escapes: Escapes) -> bool:
        """Is what may be a Query only tested or iterated over, so that its class can decide how?"""
        if escapes.is_told_apart(index):
            return True
        return function.body.operations[index][0] == f.NAME and any(
            use.kind == "iterate query" and use.operation == index
            for use in self.colors.uses.of(function)
        )

    def _member(self, flow: Flow, function: Function, call: int, name: str, atoms: Queries) -> None:
        row = QUERY.member(name)
        if row is None or not row.equal or (call < 0) != row.attribute:
            self._methods_go = self._methods_go or call < 0
            flow.refuse(f"`{name}` has no equal form on a statement")
            return
        if row.role is Role.TERMINAL:
            return
        if row.role is Role.BUILDER:
            flow.builders.add(name)
            if row.is_set_operation:
                flow.unions.calls[function, call] = None
            elif any("set" in a.marks for a in atoms):
                flow.unions.later.append((function, call, atoms))
        if not (row.select_name or row.template or row.rows_template):
            flow.refuse(f"`{name}` has no equal form on a statement")
        elif call >= 0 and not self._fits(row, function, call, atoms):
            flow.refuse(f"these arguments of `{name}` have no equal form on a statement")
        if name == "filter_by" and not self._can_filter_by(function, call, atoms):
            flow.refuse("the entity that `filter_by` means isn't known")
        if len({a.shape for a in atoms}) > 1:
            flow.refuse("what it selects differs between the places that build it")

    def _fits(self, row: QueryMember, function: Function, call: int, atoms: Queries) -> bool:
        """Has a builder a form for these arguments?"""
        operations = function.body.operations
        template = self._builder_template(row, atoms[0])
        if "{entity}" in template and not self._entity(atoms[0], function):
            return False
        if not forms.receiver_template(row, operations[call], operations):
            return False
        if row.name == "with_parent":
            return self._can_name_parent(function, call, atoms)
        return bool(forms.numbered(row, operations[call], template or "{receiver}"))

    def _can_name_parent(self, function: Function, call: int, atoms: Queries) -> bool:
        """Is the relationship known along which ``with_parent`` goes?"""
        operation = function.body.operations[call]
        names = {name for name, _ in operation[7]}
        given = len(operation[6]) + len(names)
        if any(a.target_name for a in atoms) or not names <= {"instance", "property"}:
            return False
        return given == 2 or (given == 1 and self.parent(function, call, atoms[0]) is not None)

    def parent(
        self, function: Function, call: int, value: v.QueryValue
    ) -> tuple[Class, str] | None:
        """The class and the only relationship by which an instance of it, given to
        ``with_parent`` alone, can be the parent of the entity."""
        operation = function.body.operations[call]
        index = operation[6][0] if operation[6] else operation[7][0][1]
        found = self.inference.evaluations[function].values[index] if index >= 0 else v.UNKNOWN
        classes = {a.cls if isinstance(a, v.Instance) else None for a in found}
        classes -= {None} if v.Literal(None) in found else set()
        cls = classes.pop() if len(classes) == 1 else None
        entity = value.entities[0] if value.entities else None
        if cls is None or entity is None:
            return None
        links = self.inference.models.links(cls).values()
        fitting = [link.name for link in links if link.target in (entity, None)]
        known = len(fitting) == 1 and all(link.target for link in links)
        return (cls, fitting[0]) if known else None

    def _builder_template(self, row: QueryMember, value: v.QueryValue) -> str:
        rows = value.shape == "rows" and row.rows_template
        return row.rows_template if rows else row.template

    def _can_filter_by(self, function: Function, call: int, atoms: Queries) -> bool:
        """Is it known, and known by a name, what a ``filter_by`` speaks of?"""
        operation = function.body.operations[call]
        return all(
            not is_ambiguous(a)
            or (
                bool(self._target(a, function))
                and all(name and self._has(a.target, name) for name, _ in operation[7])
            )
            for a in atoms
        )

    def _has(self, cls: Class | None, name: str) -> bool:
        """Has a mapped class an attribute? Query raises an exception of its own where it hasn't."""
        if cls is None or not any("__tablename__" in c.body.facts.bound for c in cls.ancestors):
            return True
        return any(name in c.body.facts.bound for c in cls.ancestors)

    def _target(self, value: v.QueryValue, function: Function) -> str:
        """How the entity that ``filter_by`` means is written in a function; ``*`` where it is a
        class that any file can name."""
        if value.target_name:
            return value.target_name if value.target_scope is function else ""
        return "*" if value.target is not None else ""

    def _judge(self, flow: Flow) -> None:
        if flow.reason:
            return
        rows = [QUERY.member(use.name) for use, _ in flow.terminals]
        writing = {row.starts for row in rows if row is not None}
        dml = sorted(writing - {"select"})
        functions = (flow.origin.function, *(use.function for use, _ in flow.terminals))
        stays, entered = self.coloring.stays, self.coloring.entered
        if any(fn in stays and fn not in entered for fn in functions):
            flow.reason = "it belongs to what stays sync"
        elif any(is_alembic(fn) for fn in functions):
            flow.reason = "migrations stay as they were when they ran"
        elif flow.start < 0:
            flow.reason = "where it starts is unknown"
        elif not self._selects_one_kind(flow):
            flow.reason = "some callers may give it columns, and others an entity"
        elif dml and len(writing) > 1:
            flow.mixed = True
            named = all(
                self._entity(value, use.function) for use, _ in flow.terminals
                for value in flow.values
            )  # fmt: skip
            if not flow.builders or not flow.builders <= _CRITERIA or not named:
                flow.reason = "it is both read and written through"
        elif dml:
            flow.dml = dml[0]
            other = sorted(n for n in flow.builders if not QUERY.member(n).on_dml)  # type: ignore[union-attr]
            if other:
                flow.reason = f"Query refuses `{flow.dml}` behind `{other[0]}`"
        for _, obstacle in flow.terminals:
            if obstacle:
                flow.refuse(obstacle)
        if flow.unions.later and not flow.reason:
            layout = self.colors.uses.layout
            columns = self._columns(flow)
            flow.reason = name_union(flow.unions, self.inference, layout, columns)

    def _columns(self, flow: Flow) -> set[tuple[Class | None, str]] | None:
        """The columns that a Query of rows selects, as far as they are told apart by name; None
        for one entity."""
        if next(iter(flow.values)).shape == "entity":
            return None
        operations = flow.origin.function.body.operations
        values = self.inference.evaluations[flow.origin.function].values
        found: dict[str, Class | None] = {}
        for index in flow.selected():
            operation = operations[index] if index >= 0 else ()
            if not operation or operation[0] != f.ATTRIBUTE or operation[6] in found:
                return set()
            base = values[operation[5]]
            found[operation[6]] = next((a.cls for a in base if isinstance(a, v.ClassObject)), None)
        return {(cls, name) for name, cls in found.items()}

    def _selects_one_kind(self, flow: Flow) -> bool:
        """Where ``query()`` is given a parameter, is it a class at every call?"""
        function = flow.origin.function
        operations = function.body.operations
        for index in flow.selected():
            operation = operations[index if index >= 0 else ~index]
            if operation[0] != f.NAME or not self._is_untyped(function, operation[5]):
                continue
            if any(
                o and o[0] == f.ATTRIBUTE and dotted(operations, o[5]) == operation[5]
                for o in operations
            ):
                continue  # its columns are read: it is a class
            given = self._given(function, operation[5])
            if not all(any(_is_class(a) for a in value) for value in given):
                return False
        return True

    def _is_untyped(self, function: Function, name: str) -> bool:
        """Is it a parameter whose annotation doesn't say that it is a class?"""
        signature = function.signature
        for position, parameter in enumerate(signature.parameters):
            if parameter.name == name:
                if position == 0 and "classmethod" in self.inference.decorators(function):
                    return False
                declared = annotation_value(
                    self.inference, function, signature.operations, parameter.annotation
                )
                return not any(_is_class(a) for a in declared)
        return False

    def _given(self, function: Function, name: str) -> list[v.Value]:
        """What the calls of a function give one of its parameters."""
        names = [p.name for p in function.signature.parameters]
        values = []
        for caller, use in self._calls.get(function, ()):
            operation = caller.body.operations[use.operation]
            if operation[0] != f.CALL:
                continue
            index = dict(operation[7]).get(name, -1)
            shifted = names.index(name) - self.inference.skipped(caller, operation, function)
            shifted -= self.sessions.given(caller, operation)
            if index < 0 and 0 <= shifted < len(operation[6]):
                index = operation[6][shifted]
            if index >= 0:
                values.append(self.inference.evaluations[caller].values[index])
            elif shifted < 0:
                values.append(v.UNKNOWN)  # a partial has it
        return values

    def _spread(self) -> None:
        """Queries that meet in one value share their fate."""
        moved = True
        while moved:
            moved = False
            for flows in self._meeting:
                reason = next((x.reason for x in flows if x.reason), "")
                for flow in flows:
                    if reason and not flow.reason:
                        flow.reason, moved = reason, True

    @cached_property
    def _meeting(self) -> list[list[Flow]]:
        return [
            [self.flows[a.origin] for a in atoms]
            for places in self.places.values() for atoms in places.values() if len(atoms) > 1
        ]  # fmt: skip


def is_session(name: str) -> bool:
    """Is a member of a Query the session that it has?"""
    row = QUERY.member(name)
    return row is not None and row.returns == "Session"


def _is_class(atom: v.Atom) -> bool:
    return isinstance(atom, v.ClassObject) or atom == v.Foreign(v.SOME_CLASS)


def _may_be_query(atom: v.Atom) -> bool:
    """Is an alternative to a Query one too, by its annotation, or a constant in its place?"""
    if isinstance(atom, v.Known):
        return atom.kind == "Query"
    return isinstance(atom, (v.QueryValue, v.Literal))


def _is_fake(atom: v.Atom, function: Function) -> bool:
    """Is it a stand-in that tests give the program? They have to follow, and are told so."""
    if not isinstance(atom, v.Instance) or is_test_path(function.module.path):
        return False
    return is_test_path(atom.cls.module.path)


def is_ambiguous(value: v.QueryValue) -> bool:
    """May ``filter_by`` on a statement mean another table than on the Query?"""
    return value.joined or "several" in value.marks
