"""Planning of queries: ``db.query(...)`` to ``select(...)``, wherever the value goes.

All places that a Query value reaches are looked at together. Where every use has an equal form, the
Query becomes a statement; otherwise it stays a Query on the sync session, and its terminals run
inside ``run_sync``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function, dotted
from asyncify.analysis.uses import Use
from asyncify.decisions import (
    QueryToSelect,
    RenameMethod,
    ReplaceCall,
    ReplaceExpression,
    SessionSource,
    UseSyncSession,
)
from asyncify.findings import Finding
from asyncify.planning.draft import Draft, call_reference, node_reference, reference
from asyncify.planning.hoisting import Hoister
from asyncify.rules import finding
from asyncify.vocabulary.rows import QueryMember, Role
from asyncify.vocabulary.sqlalchemy_query import QUERY, SLICE

_CLAUSE_METHODS = {
    "in_", "notin_", "not_in", "any", "has", "union", "union_all", "except_", "except_all",
    "intersect", "intersect_all", "exists", "select_from", "join", "outerjoin", "where", "filter",
    "contains", "label", "op", "from_select",
}  # fmt: skip


_CRITERIA = {"filter", "filter_by", "where"}


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
    terminals: list[tuple[Function, int, str]] = field(default_factory=list)


class QueryPlanner:
    """Decides for every Query of the program, then writes the decisions per function."""

    def __init__(self, colors: Colors, coloring: Coloring) -> None:
        self.colors = colors
        self.coloring = coloring
        self.inference = colors.inference
        self.line = self.inference.config.sqlalchemy_version
        self.flows: dict[v.Origin, Flow] = {}
        self.findings: list[Finding] = []
        self.impediments: dict[Function, Obstacle] = {}
        self._survey()

    # -- survey

    def _survey(self) -> None:
        for function in self.inference.evaluations:
            for index, value in enumerate(self.inference.evaluations[function].values):
                atoms = [a for a in value if isinstance(a, v.QueryValue)]
                for atom in atoms:
                    flow = self.flows.setdefault(atom.origin, Flow(atom.origin))
                    flow.values.add(atom)
                if atoms:
                    self._note(function, index, atoms, value)
        for flow in self.flows.values():
            self._judge(flow)
        self._spread()

    def _note(
        self, function: Function, index: int, atoms: list[v.QueryValue], value: v.Value
    ) -> None:
        layout = self.colors.uses.layout(function)
        operation = layout.operations[index]
        flows = [self.flows[a.origin] for a in atoms]
        for flow in flows:
            if operation[0] == f.CALL and flow.origin == v.Origin(function, operation[3]):
                flow.start = index
            if any(not isinstance(a, (v.QueryValue, v.Literal)) for a in value):
                flow.reason = "it may also be something else than a query"
        reason = self._misused(function, index)
        if reason:
            for flow in flows:
                flow.reason = flow.reason or reason
        parent = layout.parent(index)
        if parent >= 0 and layout.operations[parent][0] == f.ATTRIBUTE:
            outer = layout.parent(parent)
            called = outer >= 0 and layout.operations[outer][0] == f.CALL
            called = called and layout.operations[outer][5] == parent
            name = layout.operations[parent][6]
            for flow in flows:
                self._member(flow, function, outer if called else -1, name, atoms)

    def _member(
        self, flow: Flow, function: Function, call: int, name: str, atoms: list[v.QueryValue]
    ) -> None:
        row = QUERY.member(name)
        if row is None or not row.equal or (call < 0) != row.attribute:
            flow.reason = flow.reason or f"`{name}` has no equal form on a statement"
            return
        if name == "filter_by" and self._unnamed_target(function, call, atoms):
            flow.reason = flow.reason or "the entity that `filter_by` means isn't known"
        if row.role is Role.TERMINAL:
            flow.terminals.append((function, call, name))
            if row.starts != "select":
                flow.dml = row.starts
        elif row.role is Role.BUILDER:
            flow.builders.add(name)
        if (
            row.role is not Role.TERMINAL
            and not row.select_name
            and not row.template
            and not row.rows_template
        ):
            flow.reason = flow.reason or f"`{name}` has no equal form on a statement"
        if len({a.shape for a in atoms}) > 1:
            flow.reason = flow.reason or "what it selects differs between the places that build it"

    def _unnamed_target(self, function: Function, call: int, atoms: list[v.QueryValue]) -> bool:
        """Does a ``filter_by`` behind a join speak of an entity that can't be named?"""
        operation = function.body.operations[call]
        return any(
            a.joined and (a.target is None or any(k is None for k, _ in operation[7]))
            for a in atoms
        )

    def _misused(self, function: Function, index: int) -> str:
        """Why an argument or element that is a Query can't be a statement, or ''."""
        layout = self.colors.uses.layout(function)
        parent = layout.parent(index)
        if parent < 0:
            return ""
        operation = layout.operations[parent]
        if operation[0] != f.CALL or operation[5] == index:
            return ""
        callee = self.inference.evaluations[function].values[operation[5]]
        name = layout.operations[operation[5]]
        for atom in callee:
            if isinstance(atom, (v.FunctionObject, v.ClassObject)):
                return ""
            if isinstance(atom, v.Foreign) and not atom.name.startswith(("sqlalchemy", "sqlmodel")):
                if "." not in atom.name and atom.name in _ITERATING:
                    return ""
                return f"it is passed to `{atom.name}`, which may use it as a Query"
        if name[0] == f.ATTRIBUTE and (name[6] in _CLAUSE_METHODS or QUERY.member(name[6])):
            return ""
        if any(isinstance(a, v.Foreign) for a in callee):
            return ""
        return "it is passed to something unknown, which may use it as a Query"

    def _judge(self, flow: Flow) -> None:
        if flow.reason:
            return
        functions = {flow.origin.function, *(function for function, _, _ in flow.terminals)}
        if functions & (self.coloring.stays - self.coloring.entered):
            flow.reason = "it belongs to what stays sync"
        elif flow.start < 0:
            flow.reason = "where it starts is unknown"
        elif flow.dml and any(QUERY.member(n).starts != flow.dml for _, _, n in flow.terminals):  # type: ignore[union-attr]
            flow.mixed, flow.dml = True, ""
            if not flow.builders or not flow.builders <= _CRITERIA or not self._entity(flow):
                flow.reason = "it is both read and written through"
        elif flow.dml and any(value.limited for value in flow.values):
            flow.reason = f"`{flow.dml}` behind a limit or grouping has no equal form"
        for function, call, name in flow.terminals:
            if flow.reason:
                return
            flow.reason = self._terminal_obstacle(flow, function, call, name)

    def _terminal_obstacle(self, flow: Flow, function: Function, call: int, name: str) -> str:
        row = QUERY.member(name)
        assert row is not None
        layout = self.colors.uses.layout(function)
        operation = layout.operations[call]
        if self.session(function, call) is None:
            return "the session that it runs on isn't at hand where it is executed"
        value = self._value(function, layout.operations[operation[5]][5])
        if value is None:
            return "what it is isn't known"
        if value.shape == "unknown" and row.rows != row.entity and row.rows != ("", ""):
            return "whether it selects an entity or columns isn't known"
        if name == "get" and not self._is_plain_get(layout, operation, flow):
            return "`get` behind other methods has no equal form"
        if self._template(row, operation, layout, "{receiver}") is None:
            return f"these arguments of `{name}` have no equal form"
        return ""

    def _is_plain_get(self, layout: object, operation: f.Operation, flow: Flow) -> bool:
        operations = layout.operations  # type: ignore[attr-defined]
        callee = operations[operation[5]]
        return bool(callee[5] == flow.start and len(operation[6]) == 1 and operation[6][0] >= 0)

    def _spread(self) -> None:
        """Queries that meet in one value share their fate."""
        moved = True
        while moved:
            moved = False
            for evaluation in self.inference.evaluations.values():
                for value in evaluation.values:
                    flows = [self.flows[a.origin] for a in value if isinstance(a, v.QueryValue)]
                    if len(flows) > 1:
                        reason = next((x.reason for x in flows if x.reason), "")
                        for flow in flows:
                            if reason and not flow.reason:
                                flow.reason, moved = reason, True

    # -- questions

    def _value(self, function: Function, index: int) -> v.QueryValue | None:
        atoms = self.inference.evaluations[function].values[index]
        found = sorted((a for a in atoms if isinstance(a, v.QueryValue)), key=repr)
        if not found:
            return None
        return found[0]

    def converts(self, value: v.QueryValue) -> bool:
        """Does the Query become a statement?"""
        flow = self.flows.get(value.origin)
        return flow is not None and not flow.reason

    def session(self, function: Function, index: int) -> SessionSource | None:
        """Where the session comes from at a place that executes a query: ``index`` is the call,
        the subscript or the iterated expression."""
        operation = function.body.operations[index]
        receiver = index
        if operation[0] == f.CALL and not self._queries(function, index):
            receiver = function.body.operations[operation[5]][5]
        elif operation[0] == f.SUBSCRIPT:
            receiver = operation[5]
        found = {self._source(a, function, receiver) for a in self._queries(function, receiver)}
        return found.pop() if len(found) == 1 else None

    def _queries(self, function: Function, index: int) -> list[v.QueryValue]:
        values = self.inference.evaluations[function].values[index]
        return [a for a in values if isinstance(a, v.QueryValue)]

    def _source(
        self, value: v.QueryValue, function: Function, receiver: int
    ) -> SessionSource | None:
        flow = self.flows[value.origin]
        layout = self.colors.uses.layout(function)
        start = value.origin.function
        if start is function:
            if flow.start in layout.subtree(receiver):
                return SessionSource(query_call=flow.origin.call)
            return SessionSource(text=value.session) if value.session else None
        if not value.session:
            return None
        if (
            value.session.startswith("self.")
            and function.owner in (start.owner, None)
            and start.owner
        ):
            return SessionSource(text=value.session) if function.owner else None
        found = self._handed(value, function)
        if found:
            return SessionSource(text=found)
        only = self._only_session(function)
        return SessionSource(text=only) if only and self._only_session(start) else None

    def _handed(self, value: v.QueryValue, function: Function) -> str:
        """The argument that a caller passed as the session of the function that made the query."""
        start = value.origin.function
        names = [p.name for p in start.signature.parameters]
        if value.session not in names:
            return ""
        texts = set()
        for use in self.colors.uses.of(function):
            if use.kind == "call" and start in use.callees:
                operations = function.body.operations
                operation = operations[use.operation]
                keywords = dict(operation[7])
                place = names.index(value.session) - (1 if start.is_method else 0)
                index = keywords.get(value.session, -1)
                if index < 0 and 0 <= place < len(operation[6]):
                    index = operation[6][place]
                texts.add(dotted(operations, index) if index >= 0 else "")
        return texts.pop() if len(texts) == 1 else ""

    def _only_session(self, function: Function) -> str:
        environment = self.inference.evaluations[function].environment
        names = [
            name for name, value in environment.items()
            if any(isinstance(a, v.Known) and a.kind.lower().endswith("session") for a in value)
        ]  # fmt: skip
        return names[0] if len(names) == 1 else ""

    def _template(
        self, row: QueryMember, operation: f.Operation, layout: object, receiver: str
    ) -> str | None:
        """The receiver with the arguments that the method on the statement doesn't take."""
        operations = layout.operations  # type: ignore[attr-defined]
        given: dict[str, tuple[str, int]] = {}
        for position, index in enumerate(operation[6]):
            if index < 0:
                return None if row.arguments or row.role is Role.TERMINAL else receiver
            for argument in row.arguments:
                if argument.position == position:
                    given[argument.keyword] = (f"{{{position}}}", index)
        for name, index in operation[7]:
            given[name] = (f"{{kw:{name}}}", index)
        known = {argument.keyword: argument for argument in row.arguments}
        for name, (placeholder, index) in given.items():
            found = known.get(name)
            if found is None:
                if row.role is Role.TERMINAL:
                    return None
                continue
            constant = operations[index]
            text = repr(constant[5]) if constant[0] == f.CONSTANT and constant[5] is not ... else ""
            if found.default and text == found.default:
                continue
            if found.literal and text != found.literal:
                return None
            if not found.template:
                if name == "ident":
                    continue
                return None
            receiver = found.template.replace("{receiver}", receiver).replace(
                "{argument}", placeholder
            )
        return receiver

    # -- decisions

    def _is_async(self, function: Function) -> bool:
        return function in self.coloring.turned

    def functions(self) -> set[Function]:
        """The functions in which a query is made, built or executed."""
        return {
            function for function, evaluation in self.inference.evaluations.items()
            if any(isinstance(a, v.QueryValue) for value in evaluation.values for a in value)
        }  # fmt: skip

    def plan_sync(self, function: Function, draft: Draft) -> None:
        """Queries of a function that stays sync become statements too."""
        uses = [u for u in self.colors.uses.of(function) if u.kind in ("query", "iterate query")]
        hoister = Hoister(self.colors.uses.layout(function), "expression")
        self.plan_function(function, draft)
        for use in uses:
            assert isinstance(use.owner, v.QueryValue)
            if self.converts(use.owner):
                self.plan_terminal(use, draft, hoister)

    def plan_function(self, function: Function, draft: Draft) -> None:
        """Starts and builders; terminals come through their uses."""
        layout = self.colors.uses.layout(function)
        for index, operation in enumerate(layout.operations):
            if not operation or operation[0] not in (f.CALL, f.ATTRIBUTE):
                continue
            if operation[0] == f.CALL:
                flow = self.flows.get(v.Origin(function, operation[3]))
                if flow is not None and flow.start == index:
                    self._plan_start(flow, function, index, draft)
                    continue
            self._plan_builder(function, index, operation, draft)

    def _plan_start(self, flow: Flow, function: Function, index: int, draft: Draft) -> None:
        operation = function.body.operations[index]
        group = self.coloring.groups.get(function, 0)
        site = draft.site(operation)
        if not flow.reason:
            name = draft.spell(f"sqlalchemy.{flow.dml or 'select'}")
            draft.add(
                QueryToSelect(
                    node=call_reference(function, index), site=site, group=group, function=name
                )
            )
            return
        if not self._is_async(function):
            return  # a Query in code that stays sync is fine as it is
        receiver = function.body.operations[operation[5]][5]
        draft.add(UseSyncSession(node=node_reference(function, receiver), site=site, group=group))
        self.findings.append(
            finding(
                "ASY202", site,
                f"This query stays a Query and runs inside run_sync: {flow.reason}.",
            )
        )  # fmt: skip

    def _plan_builder(
        self, function: Function, index: int, operation: f.Operation, draft: Draft
    ) -> None:
        callee = (
            operation if operation[0] == f.ATTRIBUTE else function.body.operations[operation[5]]
        )
        if callee[0] != f.ATTRIBUTE:
            return
        value = self._value(function, callee[5])
        row = QUERY.member(callee[6]) if value is not None else None
        if value is None or row is None or not self.converts(value):
            return
        if row.role is Role.TERMINAL or (operation[0] == f.ATTRIBUTE) != row.attribute:
            return
        group = self.coloring.groups.get(function, 0)
        site = draft.site(callee)
        if row.attribute:
            template = row.template or row.rows_template
            if template:
                draft.add(
                    ReplaceExpression(
                        node=reference(operation), site=site, group=group,
                        template=template.replace("{receiver}", "{node.value}"),
                    )
                )  # fmt: skip
            return
        node = call_reference(function, index)
        layout = self.colors.uses.layout(function)
        if callee[6] == "filter_by" and value.joined:
            template = self._filter_by(function, operation, value, draft)
            draft.add(
                ReplaceCall(node=node, site=site, group=group, awaited=template, awaits=False)
            )
            return
        receiver = self._template(row, operation, layout, "{receiver}") or "{receiver}"
        template = (
            row.rows_template if value.shape == "rows" and row.rows_template else row.template
        )
        if template or receiver != "{receiver}":
            whole = (template or f"{{receiver}}.{row.select_name}()").replace(
                "{receiver}", receiver
            )
            for name in row.imports:
                draft.spell(name)
            draft.add(ReplaceCall(node=node, site=site, group=group, awaited=whole, awaits=False))
        elif row.select_name and row.select_name != callee[6]:
            draft.add(RenameMethod(node=node, site=site, group=group, new=row.select_name))

    def _filter_by(
        self, function: Function, operation: f.Operation, value: v.QueryValue, draft: Draft
    ) -> str:
        """``filter_by`` behind a join names the entity that Query would have used."""
        assert value.target is not None
        name = self._class_name(function, value) or draft.spell_class(value.target)
        parts = [f"{name}.{keyword} == {{kw:{keyword}}}" for keyword, _ in operation[7]]
        return f"{{receiver}}.where({', '.join(parts)})"

    def _class_name(self, function: Function, value: v.QueryValue) -> str:
        """How the function itself writes the class, or ''."""
        evaluation = self.inference.evaluations[function]
        for index, atoms in enumerate(evaluation.values):
            if any(isinstance(a, v.ClassObject) and a.cls is value.target for a in atoms):
                name = dotted(evaluation.operations, index)
                if name and "(" not in name:
                    return name
        return ""

    def plan_terminal(self, use: Use, draft: Draft, hoister: Hoister) -> None:
        """One place that executes a query."""
        assert isinstance(use.owner, v.QueryValue)
        flow = self.flows[use.owner.origin]
        source = self.session(use.function, use.operation)
        if flow.reason or source is None:
            self._plan_run_sync(use, flow, draft)
            return
        row = self._row(use)
        layout = self.colors.uses.layout(use.function)
        operation = layout.operations[use.operation]
        receiver = "{receiver}"
        if use.kind == "query" and operation[0] == f.CALL:
            receiver = self._template(row, operation, layout, receiver) or receiver
        value = use.owner
        pair = row.rows if value.shape == "rows" and row.rows != ("", "") else row.entity
        for name in row.imports:
            draft.spell(name)
        if flow.mixed and row.starts != "select":
            function = draft.spell(f"sqlalchemy.{row.starts}")
            criteria = f"{function}({self._entity(flow)}).where({{receiver}}.whereclause)"
            receiver = receiver.replace("{receiver}", criteria)
        awaited = pair[0].replace("{receiver}", receiver)
        awaited = awaited.replace("{entity}", self._entity(flow))
        result = pair[1].replace("{unique}", ".unique()" if self._unique(use, value) else "")
        group = self.coloring.groups.get(use.function, 0)
        site = draft.site(operation)
        awaits = self._is_async(use.function)
        if layout.is_statement(use.operation) and row.starts != "select":
            result = "{awaited}"  # nobody looks at the number of rows
        hoist = hoister.take(use.operation) if result != "{awaited}" else ""
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

    def _row(self, use: Use) -> QueryMember:
        row = QUERY.member(use.name)
        assert row is not None
        if use.name == "__getitem__":
            operations = use.function.body.operations
            index = operations[operations[use.operation][6]]
            return SLICE if index[0] == f.SLICE else row
        return row

    def _unique(self, use: Use, value: v.QueryValue) -> bool:
        """Would Query have removed duplicates, and can there be any?"""
        if use.name in ("count", "update", "delete", "get"):
            return False
        has_entity = value.shape == "entity" or any(value.entities)
        if not has_entity:
            return False
        return value.collections or (value.to_many and use.name not in ("first",))

    def _entity(self, flow: Flow) -> str:
        function = flow.origin.function
        operation = function.body.operations[flow.start]
        return dotted(function.body.operations, operation[6][0]) if operation[6] else ""

    def _plan_run_sync(self, use: Use, flow: Flow, draft: Draft) -> None:
        layout = self.colors.uses.layout(use.function)
        operation = layout.operations[use.operation]
        source = self._kept_session(use)
        site = draft.site(operation)
        group = self.coloring.groups.get(use.function, 0)
        if source is None:
            self.impediments[use.function] = Obstacle(
                "ASY104",
                f"A query is executed at line {use.line}, and no session is at hand there.",
            )
            return
        draft.add(
            ReplaceExpression(
                node=node_reference(use.function, use.operation), site=site, group=group,
                template="{session}.run_sync(lambda _: {node})", awaits=True,
                session=source,
            )
        )  # fmt: skip

    def _kept_session(self, use: Use) -> SessionSource | None:
        """The session in whose run_sync a Query that stays one is executed."""
        source = self.session(use.function, use.operation)
        if source is not None and source.query_call >= 0:
            assert isinstance(use.owner, v.QueryValue)
            return SessionSource(text=use.owner.session) if use.owner.session else None
        return source


def _for_expression(template: str, use: Use) -> str:
    """A terminal's template for a query that is iterated or indexed, not called."""
    if use.kind == "iterate query":
        return template.replace("{receiver}", "{node}")
    template = template.replace("{receiver}", "{node.value}")
    operations = use.function.body.operations
    if operations[operations[use.operation][6]][0] == f.SLICE:
        return template.replace("{0}", "{node.lower}").replace("{1}", "{node.upper}")
    return template.replace("{0}", "{node.index}")


_ITERATING = {
    "list", "tuple", "set", "sorted", "iter", "enumerate", "len", "bool", "str", "repr", "print",
    "isinstance", "type", "any", "all", "sum", "min", "max", "zip", "map", "filter", "reversed",
}  # fmt: skip
