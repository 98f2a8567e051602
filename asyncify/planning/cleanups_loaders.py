"""Loader options on collections: joined ones become ``selectinload``, by option.

A joined collection repeats its parent in every row, and a LIMIT has to go into a subquery. Only
where the relationship is known to be a collection, and nothing but the strategy is asked for:
``innerjoin=True`` leaves parents out, and stays.
"""

from __future__ import annotations

from collections.abc import Callable

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function, Module, dotted
from asyncify.analysis.query_entities import loads_collection_apart
from asyncify.decisions import RenameMethod, RenameReference
from asyncify.planning.draft import Draft, call_reference, reference
from asyncify.vocabulary.loading import JOINED, SELECTED


class Loaders:
    """Plans the loader options of the whole program, wherever they are made."""

    def __init__(
        self, colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]
    ) -> None:
        self.inference = colors.inference
        self.coloring = coloring
        self.draft = draft
        self.blocked = colors.blocked

    def plan(self) -> None:
        if self.inference.config.joined_loading != "selectin" or not self.coloring.turned:
            return
        for function in self.inference.program.mentioning(JOINED.rpartition(".")[2]):
            self._function(function)

    def _function(self, function: Function) -> None:
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None or function.module.path in self.blocked:
            return
        for index, operation in enumerate(function.body.operations):
            if operation and operation[0] == f.CALL and loads_collection_apart(evaluation, index):
                self._rename(function, index)

    def _rename(self, function: Function, index: int) -> None:
        operations = function.body.operations
        callee = operations[operations[index][5]]
        draft, site = self.draft(function.module), self.draft(function.module).site(callee)
        group = self.coloring.groups.get(function, 0)
        last = SELECTED.rpartition(".")[2]
        if callee[0] == f.NAME:
            new = draft.spell(SELECTED)
            draft.add(RenameReference(node=reference(callee), site=site, group=group, new=new))
            draft.drop(dotted(operations, operations[index][5]))
        else:
            node = call_reference(function, index)
            draft.add(RenameMethod(node=node, site=site, group=group, new=last))
