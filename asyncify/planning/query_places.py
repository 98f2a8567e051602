"""Places: where the Queries of a program are, on which session, and what they select.

What is followed and judged in `query_flows`, and rewritten in `queries`, is looked up here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Class, Function, dotted
from asyncify.analysis.uses import Use
from asyncify.decisions import SessionSource
from asyncify.findings import Finding
from asyncify.planning.draft import node_reference
from asyncify.planning.query_aliases import Unions
from asyncify.planning.query_sessions import QuerySessions
from asyncify.sites import NodeRef

Queries = tuple[v.QueryValue, ...]


@dataclass(slots=True)
class Flow:
    """Where one Query, from its ``query()`` call on, goes."""

    origin: v.Origin
    start: int = -1
    values: set[v.QueryValue] = field(default_factory=set)
    reason: str = ""  # why it can't become a statement
    dml: str = ""  # "update" or "delete" where that is its only terminal
    mixed: bool = False  # both read and written through: its criteria are used twice
    builders: set[str] = field(default_factory=set)
    terminals: list[tuple[Use, str]] = field(default_factory=list)
    unions: Unions = field(default_factory=Unions)

    def refuse(self, reason: str) -> None:
        self.reason = self.reason or reason

    def begins_at(self, function: Function, operation: f.Operation) -> bool:
        """Does the Query begin with this call of ``query()``, or ``Model.query``?"""
        if self.origin.function is not function or operation[0] not in (f.CALL, f.ATTRIBUTE):
            return False
        number = operation[3] if operation[0] == f.CALL else ~operation[3]
        return bool(self.origin.call == number)

    def selected(self) -> tuple[int, ...]:
        """What it is begun with: the arguments of ``query()``, or the class."""
        if self.start < 0:
            return ()
        operation = self.origin.function.body.operations[self.start]
        return operation[6] if operation[0] == f.CALL else (operation[5],)


class QueryPlaces:
    """Looks up the Queries of a program. ``flows`` has them by their origins."""

    def __init__(self, colors: Colors, coloring: Coloring) -> None:
        self.colors = colors
        self.coloring = coloring
        self.inference = colors.inference
        self.line = self.inference.config.sqlalchemy_version
        self.flows: dict[v.Origin, Flow] = {}
        self.sessions = QuerySessions(colors, coloring, self.flows)
        self.findings: list[Finding] = []
        self.impediments: dict[Function, Obstacle] = {}
        self.escaping: dict[Function, dict[int, str]] = {}  # operations that may execute a Query
        self.asked: dict[Function, list[tuple[int, Queries]]] = {}  # for its session
        self.tested: dict[Function, set[int]] = {}  # operations whose truth is asked for
        self.told: dict[Function, set[int]] = {}  # names that hold a Query or something else
        self.classes: dict[Function, dict[int, int]] = {}  # a class -> the Query it is asked of
        self.places = self._places()
        self._inside: dict[Function, set[int]] = {}  # operations inside a lambda for run_sync
        self._merged: dict[Queries, v.QueryValue] = {}

    def _places(self) -> dict[Function, dict[int, Queries]]:
        """The operations of every function whose value is a Query, or may be one."""
        queries: dict[v.Value, Queries] = {}
        found: dict[Function, dict[int, Queries]] = {}
        for function, evaluation in self.inference.evaluations.items():
            for index, value in evaluation.objects:
                atoms = queries.get(value)
                if atoms is None:
                    atoms = queries[value] = _in_order(value)
                if atoms:
                    found.setdefault(function, {})[index] = atoms
        return found

    def _value(self, function: Function, index: int) -> v.QueryValue | None:
        return self._one(self._queries(function, index))

    def _one(self, atoms: Queries) -> v.QueryValue | None:
        """One Query that stands for those that a value may be."""
        if len(atoms) < 2:
            return atoms[0] if atoms else None
        if atoms not in self._merged:
            self._merged[atoms] = _one_of(atoms)
        return self._merged[atoms]

    def queried(self, function: Function) -> set[int]:
        """The operations whose value is a Query, or may be one."""
        return set(self.places.get(function, ()))

    def converts(self, value: v.QueryValue) -> bool:
        """Does the Query become a statement?"""
        flow = self.flows.get(value.origin)
        return flow is not None and not flow.reason

    def session(self, function: Function, index: int) -> SessionSource | None:
        """Where the session comes from at a place that executes a query: ``index`` is the call,
        the subscript or the iterated expression."""
        operations = function.body.operations
        receiver = index
        if not (operations[index][0] == f.CALL and self._queries(function, index)):
            receiver = receiver_at(operations, index)
        queries = self._queries(function, receiver) or self._of_method(function, receiver)
        found = {self._source(a, function, receiver) for a in queries}
        if len(found) < 2 or None in found:
            return found.pop() if len(found) == 1 else None
        # Some begin in this very expression, others come into it from elsewhere.
        names = {self.sessions.name(a, function) for a in queries}
        return SessionSource(text=names.pop()) if len(names) == 1 and "" not in names else None

    def _queries(self, function: Function, index: int) -> Queries:
        return self.places.get(function, {}).get(index, ())

    def _of_method(self, function: Function, index: int) -> Queries:
        """The Query whose method is kept under a name: ``run = query.first``."""
        methods = self.inference.evaluations[function].values[index]
        return _in_order(a.owner for a in methods if isinstance(a, v.KnownMethod))

    def executed(self, use: Use) -> Queries:
        """The Query that a use executes."""
        receiver = receiver_of(use)
        found = self._queries(use.function, receiver)
        return found or self._of_method(use.function, receiver)

    def _source(
        self, value: v.QueryValue, function: Function, receiver: int
    ) -> SessionSource | None:
        return self.sessions.source(value, function, receiver)

    def _node(self, function: Function, index: int) -> NodeRef | None:
        """The node of an operation, or None for a kind that isn't counted."""
        countable = (f.CALL, f.ATTRIBUTE, f.NAME, f.SUBSCRIPT)
        if function.body.operations[index][0] not in countable:
            return None
        return node_reference(function, index)

    def _is_begun_by_instance(self, function: Function, start: int) -> bool:
        """``self.query``, where the property is read from an instance?"""
        operation = function.body.operations[start]
        if operation[0] != f.ATTRIBUTE:
            return False
        base = self.inference.evaluations[function].values[operation[5]]
        return any(isinstance(a, v.Instance) for a in base)

    def _entity(self, value: v.QueryValue, function: Function) -> str:
        """How the entity that a Query begins with is written in a function: ``*`` for a class that
        any file can name, '' where it has no name there."""
        flow = self.flows[value.origin]
        start = flow.origin.function
        selected = flow.selected()
        if not selected or selected[0] < 0 or "reshaped" in value.marks:
            return ""
        index = selected[0]
        name = dotted(start.body.operations, index)
        if name and self._is_begun_by_instance(start, flow.start):
            return f"type({name})" if function is start else ""
        if function is start or not name:
            return name
        symbol = self.inference.program.resolve_expression(start, start.body.operations, index)
        if isinstance(symbol, Class):
            return "*"
        shared = function.owner is not None and function.owner is start.owner
        return name if shared and name.startswith("self.") else ""


def receiver_of(use: Use) -> int:
    """The operation whose value is the Query that a use executes; a method that was kept stands for
    it."""
    iterated = use.kind == "iterate query"
    return use.operation if iterated else receiver_at(use.function.body.operations, use.operation)


def receiver_at(operations: tuple[f.Operation, ...], index: int) -> int:
    """The same for a call or brackets."""
    operation = operations[index]
    if operation[0] == f.SUBSCRIPT:
        return int(operation[5])
    if operation[0] != f.CALL:
        return index
    callee = operations[operation[5]]
    return int(callee[5] if callee[0] == f.ATTRIBUTE else operation[5])


def _in_order(found: Iterable[object]) -> Queries:
    """The Queries among alternatives: the first that is refused says why for all that meet."""
    queries = [a for a in found if isinstance(a, v.QueryValue)]
    return tuple(sorted(queries, key=v.order) if len(queries) > 1 else queries)


def _one_of(found: Queries) -> v.QueryValue:
    """One Query that stands for alternatives."""
    first = min(found, key=v.order)
    merged = v.merged_query([a for a in found if a.origin == first.origin])
    return v.changed(
        merged,
        to_many=any(a.to_many for a in found),
        collections=any(a.collections for a in found),
        mapped=any(a.mapped for a in found),
    )
