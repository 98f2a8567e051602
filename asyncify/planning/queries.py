"""Planning of queries: ``db.query(...)`` to ``select(...)``, wherever the value goes.

All places that a Query value reaches are looked at together. Where every use has an equal form, the
Query becomes a statement; otherwise it stays a Query on the sync session, and its terminals run
inside ``run_sync``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function, dotted
from asyncify.analysis.uses import Use
from asyncify.decisions import (
    AddParameter,
    EditArguments,
    MakeAsyncFor,
    QueryToSelect,
    RenameReference,
    ReplaceCall,
    ReplaceExpression,
)
from asyncify.planning import query_forms as forms
from asyncify.planning.bulk_updates import follows_update
from asyncify.planning.draft import Draft, call_reference, node_reference, reference
from asyncify.planning.hoisting import Hoister
from asyncify.planning.query_builders import QueryBuilders
from asyncify.planning.query_places import Flow
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.rows import QueryMember
from asyncify.vocabulary.sqlalchemy_query import ANEW
from asyncify.vocabulary.sqlalchemy_query_runs import STREAM

_MAPPINGS = {"dict", "OrderedDict"}


class QueryPlanner(QueryBuilders):
    """Writes the decisions about queries, one function after the other."""

    def __init__(
        self, colors: Colors, coloring: Coloring, support: Callable[[Draft, str], str]
    ) -> None:
        self._handed: dict[Function, None] | None = None
        super().__init__(colors, coloring, support)

    def functions(self) -> set[Function]:
        """The functions in which a query is made, built or executed."""
        return set(self.places)

    def plan_sync(self, function: Function, draft: Draft) -> None:
        """Queries of a function that stays sync become statements too."""
        uses = [u for u in self.colors.uses.of(function) if u.kind in ("query", "iterate query")]
        style = self.inference.config.style if self.coloring.sync else "expression"
        hoister = Hoister(self.colors.uses.layout(function), style, self.inference.models)
        self.plan_function(function, draft)
        for use in uses:
            assert isinstance(use.owner, v.QueryValue)
            if self.converts(use.owner):
                self.plan_terminal(use, draft, hoister)

    def plan_function(self, function: Function, draft: Draft) -> None:
        """Starts and builders; terminals come through their uses."""
        operations = function.body.operations
        queried = self.queried(function)
        for index in self._starts_and_builders(function, queried):
            operation = operations[index]
            callee = operations[operation[5]] if operation[0] == f.CALL else operation
            number = operation[3] if operation[0] == f.CALL else ~operation[3]
            flow = self.flows.get(v.Origin(function, number)) if index in queried else None
            if flow is not None and flow.start == index:
                self._plan_start(flow, function, index, draft)
                continue
            if callee[0] == f.ATTRIBUTE and callee[5] in queried:
                self._plan_builder(function, index, operation, callee, draft)
        self._plan_tests(function, draft)
        self._plan_classes(function, draft)
        self._plan_unions(function, draft)
        self._plan_asked(function, draft)
        self._plan_escapes(function, draft)
        self._plan_sessions(function, draft)

    def _starts_and_builders(self, function: Function, queried: set[int]) -> list[int]:
        """The calls and attributes that give a Query, or that are read from one."""
        operations, layout = function.body.operations, self.colors.uses.layout(function)
        found = {index for index in queried if operations[index][0] in (f.CALL, f.ATTRIBUTE)}
        for index in queried:
            read = layout.parent(index)
            if read >= 0 and operations[read][0] == f.ATTRIBUTE:
                found.add(read)
                call = layout.parent(read)
                if call >= 0 and operations[call][0] == f.CALL and operations[call][5] == read:
                    found.add(call)
        return sorted(found)

    def _plan_tests(self, function: Function, draft: Draft) -> None:
        """A statement has no truth: a Query's was that there is one."""
        for index in self.tested.get(function, ()):
            value = self._value(function, index)
            if value is not None and self.converts(value):
                operation = function.body.operations[index]
                draft.add(
                    ReplaceExpression(
                        node=node_reference(function, index), site=draft.site(operation),
                        group=self.coloring.groups.get(function, 0),
                        template="{node} is not None",
                    )
                )  # fmt: skip

        for index in self.told.get(function, ()):
            value, operation = self._value(function, index), function.body.operations[index]
            if value is None or not self.converts(value) or self._is_iterated(function, index):
                continue
            asked = f"isinstance({operation[5]}, {self._kind(value, draft)})"
            draft.add(
                ReplaceExpression(
                    node=reference(operation), site=draft.site(operation),
                    group=self.coloring.groups.get(function, 0),
                    template=f"({asked} or {{node}})",
                )
            )  # fmt: skip

    def _is_iterated(self, function: Function, index: int) -> bool:
        uses = self.colors.uses.of(function)
        return any(use.kind == "iterate query" and use.operation == index for use in uses)

    def _kind(self, value: v.QueryValue, draft: Draft, written: str = "") -> str:
        """How a file writes the class of the statement that a Query becomes."""
        flow = self.flows[value.origin]
        kind = "CompoundSelect" if flow.unions.name else (flow.dml or "select").capitalize()
        module = "sqlalchemy.sql" if self.line == "1.4" else "sqlalchemy"
        return draft.spell(f"{module}.{kind}", written)

    def _plan_classes(self, function: Function, draft: Draft) -> None:
        """``isinstance(query, Query)`` asks for the class of the statement."""
        operations = function.body.operations
        for index, asked in self.classes.get(function, {}).items():
            value = self._value(function, asked)
            if value is None or not self.converts(value):
                continue
            written = dotted(operations, index)
            draft.add(
                RenameReference(
                    node=reference(operations[index]), site=draft.site(operations[index]),
                    group=self.coloring.groups.get(function, 0),
                    new=self._kind(value, draft, written),
                )
            )  # fmt: skip
            draft.drop(written)

    def _plan_unions(self, function: Function, draft: Draft) -> None:
        """What stands behind a set operation names that."""
        for flow in self._named_unions.get(function, ()):
            if flow.reason:
                continue
            for index, text in flow.unions.renamed.items():
                operation = function.body.operations[index]
                draft.add(
                    ReplaceExpression(
                        node=reference(operation), site=draft.site(operation),
                        group=self.coloring.groups.get(function, 0), template=text,
                    )
                )  # fmt: skip

    @cached_property
    def _named_unions(self) -> dict[Function, list[Flow]]:
        found: dict[Function, list[Flow]] = {}
        for flow in self.flows.values():
            if flow.unions.name:
                found.setdefault(flow.unions.call[0], []).append(flow)
        return found

    def _plan_asked(self, function: Function, draft: Draft) -> None:
        """``query.session`` becomes the name of that session: a statement has none."""
        rewritten = self.coloring.sync or self._is_async(function)
        for index, atoms in self.asked.get(function, ()) if rewritten else ():
            operation = function.body.operations[index]
            source = self._source(atoms[0], function, operation[5])
            if source is not None:
                draft.add(
                    ReplaceExpression(
                        node=reference(operation), site=draft.site(operation),
                        group=self.coloring.groups.get(function, 0),
                        template="{session}", session=source,
                    )
                )  # fmt: skip

    def _plan_sessions(self, function: Function, draft: Draft) -> None:
        """The session that a function needs beside the queries it is given."""
        group = self.coloring.groups.get(function, 0)
        handed = self._sessions_handed()
        if function in handed:
            facts = function.facts
            kind = "sqlalchemy.orm.Session"
            if not self.coloring.sync:
                kind = "sqlalchemy.ext.asyncio.AsyncSession"
            signature = function.signature
            annotated = signature.returns >= 0 or any(
                p.annotation >= 0 for p in signature.parameters
            )
            draft.add(
                AddParameter(
                    node=NodeRef("FunctionDef", facts.number, facts.name), group=group,
                    site=Site(draft.module.path, facts.line, facts.column),
                    name=self.sessions.parameters[function],
                    annotation=draft.spell(kind) if annotated else "",
                )
            )  # fmt: skip
        for callee in handed:
            name = self.sessions.parameters[callee]
            for caller, index, text in self.sessions.calls[callee]:
                if caller is function:
                    draft.add(
                        EditArguments(
                            node=call_reference(function, index), group=group,
                            site=draft.site(function.body.operations[index]),
                            set_keywords=((name, text),),
                        )
                    )  # fmt: skip

    def _sessions_handed(self) -> dict[Function, None]:
        """The functions that get a session: those that execute a statement with it or ask a Query
        for it, and those that hand it on."""
        if self._handed is None:
            executing = {
                use.function for flow in self.flows.values() for use, _ in flow.terminals
                if self._names_own_parameter(use)
            }  # fmt: skip
            executing |= {function for function in self.asked if self._asks_own_parameter(function)}
            executing |= self.escaping.keys() & self.sessions.parameters.keys()
            self._handed = {}
            pending = sorted(executing, key=lambda each: each.qualname)
            while pending:
                function = pending.pop()
                if function not in self._handed:
                    self._handed[function] = None
                    for caller, _, text in self.sessions.calls[function]:
                        if self.sessions.parameters.get(caller) == text:
                            pending.append(caller)
        return self._handed

    def _names_own_parameter(self, use: Use) -> bool:
        source = self.session(use.function, use.operation)
        name = self.sessions.parameters.get(use.function, "")
        return bool(name) and source is not None and source.text == name

    def _asks_own_parameter(self, function: Function) -> bool:
        sources = [
            self._source(atoms[0], function, function.body.operations[index][5])
            for index, atoms in self.asked[function]
        ]
        name = self.sessions.parameters.get(function, "")
        return bool(name) and any(source is not None and source.text == name for source in sources)

    def _plan_start(self, flow: Flow, function: Function, index: int, draft: Draft) -> None:
        operation = function.body.operations[index]
        site = draft.site(operation)
        if not flow.reason and self._is_begun_by_instance(function, index):
            name = draft.spell(f"sqlalchemy.{flow.dml or 'select'}")
            draft.add(
                ReplaceExpression(
                    node=reference(operation), site=site,
                    group=self.coloring.groups.get(function, 0),
                    template=f"{name}(type({{node.value}}))",
                )
            )  # fmt: skip
        elif not flow.reason:
            name = draft.spell(f"sqlalchemy.{flow.dml or 'select'}")
            draft.add(
                QueryToSelect(
                    node=node_reference(function, index), site=site,
                    group=self.coloring.groups.get(function, 0), function=name,
                )
            )  # fmt: skip
        elif self._has_async_session(flow, function):
            self._keep_start(flow, function, index, draft)

    def plan_terminal(self, use: Use, draft: Draft, hoister: Hoister) -> None:
        """One place that executes a query."""
        if use.operation in self._inside.get(use.function, ()):
            return  # it runs inside the lambda of another
        value = self._one(self.executed(use))
        assert value is not None
        flow = self.flows[value.origin]
        source = self.session(use.function, use.operation)
        row = None if flow.reason else self._row(use, value)
        self.sessions.import_registry(value, use.function, draft)
        if row is None or source is None:
            self._plan_run_sync(use, draft)
            return
        operation = use.function.body.operations[use.operation]
        awaited, result = self._execution(use, row, value, flow, draft)
        result, hoist = self._result(use, row, value, result, draft, hoister)
        site = draft.site(operation)
        group = self.coloring.groups.get(use.function, 0)
        awaits = self._is_async(use.function)
        if row is STREAM:
            self._plan_loop(use, site, group, draft)
        if use.kind == "iterate query" or operation[0] != f.CALL:
            draft.add(
                ReplaceExpression(
                    node=node_reference(use.function, use.operation), site=site, group=group,
                    template=_for_expression(awaited, use), result=result, awaits=awaits,
                    hoist=hoist, session=source,
                )
            )  # fmt: skip
            return
        draft.add(
            ReplaceCall(
                node=call_reference(use.function, use.operation), site=site, group=group,
                awaited=awaited, result=result, session=source, hoist=hoist, awaits=awaits,
            )
        )  # fmt: skip

    def _result(
        self,
        use: Use,
        row: QueryMember,
        value: v.QueryValue,
        result: str,
        draft: Draft,
        hoister: Hoister,
    ) -> tuple[str, str]:
        """What is made of a result, and the name that the result is given for it, or ''."""
        result = self._needed(use, row, value, result)
        if not self._is_told(use):
            hoisted = result != "{awaited}"
            return result, hoister.take(use.operation, _type_of(value)) if hoisted else ""
        name = use.function.body.operations[use.operation][5]
        return f"{result} if isinstance({name}, {self._kind(value, draft)}) else {name}", ""

    def _needed(self, use: Use, row: QueryMember, value: v.QueryValue, result: str) -> str:
        """What is made of a result where it stands: a list of rows, or nothing at all."""
        layout = self.colors.uses.layout(use.function)
        if layout.is_statement(use.operation) and row.starts != "select":
            return "{awaited}"  # nobody looks at the number of rows
        is_listed = self._is_given(use, layout) and ".all()" not in result
        if is_listed or (_is_mapped(use, layout) and value.shape == "rows"):
            return f"{result}.all()"
        return result

    def _is_given(self, use: Use, layout: Layout) -> bool:
        """Is what is iterated given to a function of the program, which takes a list, or to a
        library that goes through it: returned, or among the variables of a template?"""
        parent = layout.parent(use.operation)
        if use.kind != "iterate query":
            return False
        if parent < 0:
            statement = layout.statement(use.operation)
            return statement is not None and (
                statement[0] == f.RETURN
                or (statement[0] == f.ASSIGN and statement[7][0][0] == f.TO_SUBSCRIPT)
            )
        if layout.operations[parent][0] == f.DICT:
            return True
        if layout.operations[parent][0] != f.CALL:
            return False
        callee = self.inference.evaluations[use.function].values[layout.operations[parent][5]]
        return any(isinstance(a, (v.FunctionObject, v.ClassObject)) for a in callee)

    def _is_told(self, use: Use) -> bool:
        """Is a name iterated that may hold something else than a Query?"""
        return use.operation in self.told.get(use.function, ())

    def _execution(
        self, use: Use, row: QueryMember, value: v.QueryValue, flow: Flow, draft: Draft
    ) -> tuple[str, str]:
        """The templates of a terminal: what does the I/O, and what reads its result."""
        operations = use.function.body.operations
        operation = operations[use.operation]
        pair = row.rows if value.shape == "rows" and row.rows != ("", "") else row.entity
        awaited, receiver = pair[0], "{receiver}"
        if use.kind == "query" and operation[0] == f.CALL:
            receiver = forms.receiver_template(row, operation, operations)
            awaited = forms.numbered(row, operation, awaited)
        if row.starts == "select" and follows_update(self.colors, use, value):
            receiver = ANEW.replace("{receiver}", receiver)
        if flow.mixed and row.starts != "select":
            entity = self._entity_text(value, use.function, draft)
            function = draft.spell(f"sqlalchemy.{row.starts}")
            criteria = f"{function}({entity}).where({{receiver}}.whereclause)"
            receiver = receiver.replace("{receiver}", criteria)
        if use.name == "get":
            awaited = awaited.removesuffix(")") + (self._get_keywords(flow, use) or "") + ")"
            awaited = awaited.replace("{entity}", self._entity_text(value, use.function, draft))
        awaited = forms.spelled(awaited.replace("{receiver}", receiver), row.imports, draft)
        if use.name == "count":
            awaited = awaited.removesuffix(")") + (self.carried(use, value) or "") + ")"
        if row.helper:
            awaited = forms.helped(awaited, row.helper, self.support(draft, row.helper))
        return awaited, pair[1].replace("{unique}", ".unique()" if _unique(use, value) else "")

    def _plan_loop(self, use: Use, site: Site, group: int, draft: Draft) -> None:
        """The loop over what is streamed."""
        found = self._loop(use)
        assert found is not None
        node, place = (found, 0) if isinstance(found, NodeRef) else found
        draft.add(MakeAsyncFor(node=node, site=site, group=group, generator=place))


def _is_mapped(use: Use, layout: Layout) -> bool:
    """Is a mapping made of what is iterated? A result has ``keys()`` and would be taken for one."""
    parent = layout.parent(use.operation)
    if use.kind != "iterate query" or parent < 0 or layout.operations[parent][0] != f.CALL:
        return False
    called = dotted(layout.operations, layout.operations[parent][5])
    return called.rpartition(".")[2] in _MAPPINGS


def _unique(use: Use, value: v.QueryValue) -> bool:
    """Would Query have removed duplicates, and can there be any?"""
    if use.name in ("count", "update", "delete", "get") or "stream" in value.marks:
        return False
    if value.shape == "value" or not (value.shape == "entity" or value.mapped):
        return False
    return value.collections or (value.to_many and use.name != "first")


def _type_of(value: v.QueryValue) -> str:
    """What tells the type of a query's result from that of another."""
    known = value.entities if value.mapped and None not in value.entities else ()
    return f"{value.shape} {[cls.name for cls in known if cls is not None] or value.origin}"


def _for_expression(template: str, use: Use) -> str:
    """A terminal's template for a query that is iterated or indexed, not called."""
    if use.kind == "iterate query":
        return template.replace("{receiver}", "{node}")
    return template.replace("{receiver}", "{node.value}")
