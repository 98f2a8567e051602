"""Planning of what stays a Query: begun on the sync session, and executed inside ``run_sync``.

Where no statement is equal for certain, that is the form with the same results.
"""

from __future__ import annotations

from collections.abc import Callable

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.consumers import is_lazy
from asyncify.analysis.layout import Layout
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function, Module
from asyncify.analysis.uses import Use
from asyncify.decisions import RemoveStatement, ReplaceExpression, SessionSource, UseSyncSession
from asyncify.planning.draft import Draft, reference
from asyncify.planning.kept_methods import drop_kept_methods
from asyncify.planning.query_flows import QueryFlows
from asyncify.planning.query_places import Flow, receiver_of
from asyncify.rules import finding
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.sqlalchemy_query import LAZY
from asyncify.vocabulary.testing import MOCK_ANSWERS

_BINDING = {f.AWAIT, f.YIELD, f.YIELD_FROM, f.WALRUS}  # what a lambda can't hold for its function
_ENTERED = "sync_session"  # what run_sync gives, in a lambda


class KeptQueries(QueryFlows):
    """Writes the decisions about what stays a Query."""

    def __init__(
        self, colors: Colors, coloring: Coloring, support: Callable[[Draft, str], str]
    ) -> None:
        self.support = support
        self.reading: set[Function] = set()  # what has to turn, so that a Query runs in run_sync
        super().__init__(colors, coloring)

    def _is_async(self, function: Function) -> bool:
        return function in self.coloring.turned

    def drop_kept_methods(self, draft: Callable[[Module], Draft]) -> None:
        """What keeps ``query`` of a session under a name isn't needed any more."""
        drop_kept_methods(self.flows.values(), draft, self._has_async_session, self.coloring.groups)

    def _has_async_session(self, flow: Flow, function: Function) -> bool:
        """Is the session that a Query starts on an async one, once the program is migrated?"""
        if self.coloring.sync:
            return False
        if self._is_async(function) or function.facts.is_async:
            return function not in self.coloring.stays
        if not self.coloring.turned or function in self.coloring.islands | self.coloring.stays:
            return False
        sources = {value.source for value in flow.values}
        return not sources & self.coloring.stays_origins

    def _keep_start(self, flow: Flow, function: Function, index: int, draft: Draft) -> None:
        """The Query stays one, on the sync session behind the async one."""
        operation = function.body.operations[index]
        if is_mocked(self.colors.uses.layout(function), index):
            return  # what is planned for mocks says what becomes of it
        site = draft.site(operation)
        group = self.coloring.groups.get(function, 0)
        reason = f"This query stays a Query and runs inside run_sync: {flow.reason}."
        self.findings.append(finding("ASY202", site, reason))
        if operation[0] == f.ATTRIBUTE:
            self._keep_begun_by_class(flow, function, index, draft)
            return
        callee = function.body.operations[operation[5]]
        node = self._node(function, callee[5]) if callee[0] == f.ATTRIBUTE else None
        if node is None:
            self._impede(function, "The session of a query has no name.")
            return
        if self._executed_around(flow) is not None:
            draft.add(ReplaceExpression(node=node, site=site, group=group, template=_ENTERED))
        elif any("scoped" in value.marks for value in flow.values):
            template = "{node}().sync_session"
            draft.add(ReplaceExpression(node=node, site=site, group=group, template=template))
        else:
            draft.add(UseSyncSession(node=node, site=site, group=group))

    def _executed_around(self, flow: Flow) -> Use | None:
        """What executes a Query that stays one, where it is begun in the same expression: there it
        is begun on the session that `run_sync` gives."""
        function, place = flow.origin.function, flow.start
        if len(flow.terminals) != 1 or function in self.escaping or place < 0:
            return None
        use = flow.terminals[0][0]
        layout = self.colors.uses.layout(function)
        if use.function is not function or layout.operations[place][0] != f.CALL:
            return None
        while place >= 0 and place != use.operation:
            place = layout.parent(place)
        taken = _ENTERED in function.facts.names | function.facts.bound
        return use if place == use.operation and not taken else None

    def _keep_begun_by_class(
        self, flow: Flow, function: Function, index: int, draft: Draft
    ) -> None:
        """``Model.query`` stays a Query: the property goes, so that its session makes it."""
        operation = function.body.operations[index]
        value = next(iter(flow.values))
        session = self.sessions.name(value, function)
        if not session:
            self._impede(function, "The session of a query has no name.")
            return
        self.sessions.import_registry(value, function, draft)
        instance = self._is_begun_by_instance(function, index)
        entity = "type({node.value})" if instance else "{node.value}"
        draft.add(
            ReplaceExpression(
                node=reference(operation), site=draft.site(operation),
                group=self.coloring.groups.get(function, 0),
                template=f"{session}().sync_session.query({entity})",
            )
        )  # fmt: skip

    def plan_properties(self, draft: Callable[[Module], Draft]) -> None:
        """``Base.query = registry.query_property()`` goes: an async registry has none."""
        properties = self.inference.query_properties
        for origin, made in properties.made.items():
            alive = made.source in self.coloring.alive
            if not alive or made.source in self.coloring.stays_origins:
                continue
            statement = made.statement()
            if statement is None or not properties.gives_way(origin):
                continue
            kind = "Assign" if statement[0] == f.ASSIGN else "AnnAssign"
            place = draft(origin.function.module)
            site = Site(origin.function.module.path, statement[1], statement[2])
            place.add(RemoveStatement(node=NodeRef(kind, statement[3]), site=site))

    def _plan_escapes(self, function: Function, draft: Draft) -> None:
        """What may execute a Query that it is given does so inside run_sync."""
        layout = self.colors.uses.layout(function)
        for index, reason in self.escaping.get(function, {}).items():
            operation = function.body.operations[index]
            if index in self._inside.get(function, ()) or self._is_entered(function, index):
                continue
            if not self._is_async(function):
                if not self._sessions_turn(function, index):
                    continue
                if function.facts.kind == "def" and function not in self.colors.reading:
                    self.reading.add(function)  # it has nothing else to turn for
                else:
                    self._impede(function, f"A query can't be executed here: {reason}.")
                continue
            value = self._given_query(function, index)
            node = self._node(function, index)
            source = self._text_source(value, function, index) if value is not None else None
            if value is not None:
                self.sessions.import_registry(value, function, draft)
            if source is None or node is None or not self._fits_lambda(function, index):
                self._impede(function, f"A query can't be executed in run_sync here: {reason}.")
                continue
            is_given = operation[0] == f.CALL and value is not None
            read = not is_given or self._queries(function, index) or is_lazy(layout, index)
            inner = "list({node})" if read else "{node}"
            draft.add(
                ReplaceExpression(
                    node=node, site=draft.site(operation),
                    group=self.coloring.groups.get(function, 0),
                    template=f"{{session}}.run_sync(lambda _: {inner})", awaits=True,
                    session=source,
                )
            )  # fmt: skip

    def _is_entered(self, function: Function, index: int) -> bool:
        """Is a library called inside run_sync anyway, because it gets a session too?"""
        return function in self.coloring.turned and any(
            use.kind == "foreign" and use.operation == index and use.does_io
            for use in self.colors.uses.of(function)
        )

    def _sessions_turn(self, function: Function, index: int) -> bool:
        """Does the session of the Query at a place become an async one?"""
        value = self._given_query(function, index)
        flow = self.flows[value.origin] if value is not None else None
        return flow is not None and self._has_async_session(flow, function)

    def _given_query(self, function: Function, index: int) -> v.QueryValue | None:
        """The Query at an operation, or the first among its operands."""
        operation = function.body.operations[index]
        places = [index]
        if operation[0] == f.CALL:
            places += [i if i >= 0 else ~i for i in operation[6]] + [i for _, i in operation[7]]
            places += sorted(self.colors.uses.layout(function).subtree(index))  # in containers
        found = (self._value(function, place) for place in places)
        return next((value for value in found if value is not None), None)

    def _text_source(
        self, value: v.QueryValue, function: Function, index: int
    ) -> SessionSource | None:
        """The session of a Query, by name."""
        source = self._source(value, function, index)
        text = source.text if source is not None else ""
        if source is not None and source.query_call >= 0:
            text = value.session
        if not text:
            return None
        return SessionSource(text=f"{text}()" if "scoped" in value.marks else text)

    def _impede(self, function: Function, reason: str) -> None:
        self.impediments[function] = Obstacle("ASY104", reason)

    def _fits_lambda(self, function: Function, index: int) -> bool:
        """Can an expression move into a lambda: does it bind nothing, and await nothing but what
        stays a Query?"""
        layout = self.colors.uses.layout(function)
        inside = layout.subtree(index) - {index}
        if layout.operations[index][4] & f.GENERATOR:
            return False
        if any(layout.operations[i][0] in _BINDING for i in inside if layout.operations[i]):
            return False
        return not any(
            use.operation in inside and not isinstance(use.owner, v.QueryValue)
            and (use.does_io or set(use.callees) & self.coloring.turned)
            for use in self.colors.uses.of(function)
        )  # fmt: skip

    def _plan_run_sync(self, use: Use, draft: Draft) -> None:
        """A Query that stays one is executed inside run_sync."""
        value = self._one(self.executed(use))
        assert value is not None
        source = self._text_source(value, use.function, receiver_of(use))
        node = self._node(use.function, use.operation)
        if node is None or not self._fits_lambda(use.function, use.operation):
            where = f"A query that stays a Query is executed at line {use.line}, and"
            self._impede(use.function, f"{where} run_sync can't be entered there.")
            return
        given, inner = "", "list({node})" if use.kind == "iterate query" else "{node}"
        if use.name in LAZY:
            inner = "iter(list({node}))"
        if self._comes_awaited(use):  # what a call or property that turns gives is executed
            given, inner = "query", inner.replace("{node}", "query")
        if source is not None:
            begun = self._executed_around(self.flows[value.origin]) is use
            takes = ", ".join(filter(None, (_ENTERED if begun else "_", given)))
            entered, takes = "{session}.run_sync", f" {takes}"
        else:  # the Query brings its own, and needs no more than a greenlet
            entered, takes = self.support(draft, "run_sync"), f" {given}" if given else ""
        last = ", {node.awaited}" if given else ""
        template = f"{entered}(lambda{takes}: {inner}{last})"
        draft.add(
            ReplaceExpression(
                node=node, site=draft.site(use.function.body.operations[use.operation]),
                group=self.coloring.groups.get(use.function, 0),
                template=template, awaits=True, session=source or SessionSource(),
            )
        )  # fmt: skip

    def _comes_awaited(self, use: Use) -> bool:
        """Is the very expression that gives the Query awaited?"""
        return use.kind == "iterate query" and any(
            other is not use
            and other.operation == use.operation
            and set(other.callees) & self.coloring.turned
            for other in self.colors.uses.of(use.function)
        )


def is_mocked(layout: Layout, index: int) -> bool:
    """``db.query().filter().first.return_value = user``: is a mock told there what it answers?"""
    chain = [index]
    while (index := layout.parent(index)) >= 0:
        if layout.operations[index][0] not in (f.ATTRIBUTE, f.CALL):
            break
        chain.append(index)
    if any(layout.operations[i][6:7] == (name,) for i in chain for name in MOCK_ANSWERS):
        return True
    statement = layout.statement(chain[-1])
    return statement is not None and statement[0] == f.ASSIGN and any(
        target[0] == f.TO_ATTRIBUTE and target[1] in chain and target[2] in MOCK_ANSWERS
        for target in statement[7]
    )  # fmt: skip
