"""`lazy-loading = "model"`: a relationship that is read where it may not be loaded is loaded with
its parent from then on, by `lazy="selectin"` where it is declared."""

from __future__ import annotations

from collections.abc import Callable

from asyncify import facts as f
from asyncify.analysis.colors import Colors
from asyncify.analysis.load_demands import Demand
from asyncify.analysis.program import Class, Module, dotted
from asyncify.decisions import EditArguments
from asyncify.planning.draft import Draft, call_reference
from asyncify.vocabulary.loading import EAGERLY, OWN_OPTIONS


class EagerModels:
    """The relationships that load with their parents."""

    def __init__(self, colors: Colors, draft: Callable[[Module], Draft]) -> None:
        self.colors = colors
        self.models = colors.inference.models
        self.draft = draft

    def take(self, demand: Demand, group: int) -> bool:
        """Have the relationship loaded with its parent; False where that isn't enough."""
        is_new = demand.is_new
        if demand.column or demand.late or demand.stale or is_new:
            return False
        for cls in demand.entity.cls.ancestors:
            link = self.models.declared(cls).relationships.get(demand.attribute)
            if link is not None:
                recursive = link.target is not None and link.target in cls.ancestors
                return not recursive and self._edit(cls, demand.attribute, group)
        return False

    def _edit(self, cls: Class, name: str, group: int) -> bool:
        index = self._call(cls, name)
        if index < 0 or cls.module.path in self.colors.blocked:
            return False
        operations = cls.body.body.operations
        operation, draft = operations[index], self.draft(cls.module)
        keyword, value = EAGERLY
        if dotted(operations, operation[5]).rpartition(".")[2] in OWN_OPTIONS:  # of SQLModel
            keyword, value = OWN_OPTIONS["Relationship"], f'{{"{keyword}": {value}}}'
            if keyword in dict(operation[7]):
                return False
        node = call_reference(cls.body, index)
        draft.add(
            EditArguments(
                node=node, site=draft.site(operation), group=group,
                set_keywords=((keyword, value),),
            )
        )  # fmt: skip
        return True

    def _call(self, cls: Class, name: str) -> int:
        """The call of ``relationship`` that declares an attribute, or -1."""
        operations = cls.body.body.operations
        for statement in cls.body.body.statements:
            value = -1
            if statement[0] == f.ASSIGN and len(statement[7]) == 1:
                value = statement[8] if statement[7][0][:2] == (f.TO_NAME, name) else -1
            elif statement[0] == f.ANNOTATED and statement[7][:2] == (f.TO_NAME, name):
                value = statement[9]
            if value >= 0 and operations[value][0] == f.CALL:
                return int(value)
        return -1
