"""Planning of builders: what the methods between ``query()`` and a terminal become."""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.program import Class, Function, dotted
from asyncify.decisions import RenameMethod, ReplaceCall, ReplaceExpression
from asyncify.planning import query_forms as forms
from asyncify.planning.draft import Draft, call_reference, reference
from asyncify.planning.query_flows import is_ambiguous, is_session
from asyncify.planning.query_kept import KeptQueries
from asyncify.sites import Site
from asyncify.vocabulary.rows import QueryMember, Role
from asyncify.vocabulary.sqlalchemy_query import QUERY


class QueryBuilders(KeptQueries):
    """Writes the decisions about what builds a Query."""

    def _plan_builder(
        self,
        function: Function,
        index: int,
        operation: f.Operation,
        callee: f.Operation,
        draft: Draft,
    ) -> None:
        value = self._value(function, callee[5])
        row = QUERY.member(callee[6]) if value is not None else None
        if value is None or row is None or not self.converts(value) or is_session(callee[6]):
            return
        if row.role is Role.TERMINAL or (operation[0] == f.ATTRIBUTE) != row.attribute:
            return
        group = self.coloring.groups.get(function, 0)
        site = draft.site(callee)
        if row.attribute:
            self._plan_attribute(row, operation, site, group, draft)
            return
        node = call_reference(function, index)
        template = self._builder_call(row, function, operation, value, draft)
        unions = self.flows[value.origin].unions
        if template and unions.name and (function, index) == unions.call:
            head, _, inner = template.removesuffix(")").partition("(")
            draft.add(
                ReplaceCall(
                    node=node, site=site, group=group, awaited=inner, awaits=False,
                    result=f"{head}({{awaited}})", hoist=unions.name,
                )
            )  # fmt: skip
        elif template:
            draft.add(
                ReplaceCall(node=node, site=site, group=group, awaited=template, awaits=False)
            )
        elif row.select_name and row.select_name != callee[6]:
            draft.add(RenameMethod(node=node, site=site, group=group, new=row.select_name))

    @staticmethod
    def _plan_attribute(
        row: QueryMember, operation: f.Operation, site: Site, group: int, draft: Draft
    ) -> None:
        """An attribute of a Query that gives another one."""
        template = row.template or row.rows_template
        if template:
            draft.add(
                ReplaceExpression(
                    node=reference(operation), site=site, group=group,
                    template=template.replace("{receiver}", "{node.value}"),
                )
            )  # fmt: skip

    def _builder_call(
        self,
        row: QueryMember,
        function: Function,
        operation: f.Operation,
        value: v.QueryValue,
        draft: Draft,
    ) -> str:
        """What a builder's call becomes where that isn't just another name."""
        operations = function.body.operations
        if row.name == "filter_by" and is_ambiguous(value):
            return self._filter_by(function, operation, value, draft)
        if forms.clears(row.name, operation, operations):
            return f"{{receiver}}.{row.select_name}(None)"
        receiver = forms.receiver_template(row, operation, operations)
        template = self._builder_template(row, value)
        if not template:
            kept = forms.kept_arguments(row, operation)
            if receiver == "{receiver}" and kept == "{args}":
                return ""
            template = f"{{receiver}}.{row.select_name}({kept})"
        if row.name == "with_parent":
            template = self._with_parent(function, operation, value, template, draft)
        template = forms.numbered(row, operation, template)
        if "{entity}" in template:
            template = template.replace("{entity}", self._entity_text(value, function, draft))
        imports = [*row.imports, *(name for a in row.arguments for name in a.imports)]
        used = [n for n in imports if n.rpartition(".")[2] in template + receiver]
        return forms.spelled(template.replace("{receiver}", receiver), used, draft)

    def _with_parent(
        self,
        function: Function,
        operation: f.Operation,
        value: v.QueryValue,
        template: str,
        draft: Draft,
    ) -> str:
        """Query looks for the relationship that fits; the function has to be told."""
        if len(operation[6]) + len(operation[7]) > 1:
            return template
        found = self.parent(function, function.body.operations.index(operation), value)
        assert found is not None
        cls, name = found
        owner = self._class_name(function, cls) or draft.spell_class(cls)
        return template.replace("{1}", f"{owner}.{name}")

    def _filter_by(
        self, function: Function, operation: f.Operation, value: v.QueryValue, draft: Draft
    ) -> str:
        """``filter_by`` among several tables names the entity that Query would have used."""
        name = self._target(value, function)
        if name == "*":
            assert value.target is not None
            name = self._class_name(function, value.target) or draft.spell_class(value.target)
        parts = [f"{name}.{keyword} == {{kw:{keyword}}}" for keyword, _ in operation[7]]
        return f"{{receiver}}.where({', '.join(parts)})"

    def _class_name(self, function: Function, cls: Class) -> str:
        """How the function itself writes the class, or ''."""
        evaluation = self.inference.evaluations[function]
        for index, atoms in enumerate(evaluation.values):
            if any(isinstance(a, v.ClassObject) and a.cls is cls for a in atoms):
                operations = evaluation.operations
                name = dotted(operations, index)
                program = self.inference.program
                if name and program.resolve_expression(function, operations, index) is cls:
                    return name
        return ""

    def _entity_text(self, value: v.QueryValue, function: Function, draft: Draft) -> str:
        name = self._entity(value, function)
        if name != "*":
            return name
        start = self.flows[value.origin].origin.function
        operations = start.body.operations
        index = self.flows[value.origin].selected()[0]
        symbol = self.inference.program.resolve_expression(start, operations, index)
        assert isinstance(symbol, Class)
        return self._class_name(function, symbol) or draft.spell_class(symbol)
