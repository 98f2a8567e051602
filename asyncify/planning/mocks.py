"""Mocks that stand for what is awaited now: ``Session.execute = MagicMock()`` needs an AsyncMock.

What such a mock is given later stays: an AsyncMock gives its ``return_value`` to whoever awaits it.
"""

from __future__ import annotations

from collections.abc import Callable

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.declarations import foreign_name
from asyncify.analysis.program import Function, Module, statements_of
from asyncify.decisions import RenameReference
from asyncify.planning.draft import Draft, reference
from asyncify.vocabulary.names import KINDS, async_name
from asyncify.vocabulary.rows import Form
from asyncify.vocabulary.testing import ASYNC_MOCK, MOCKS


class MockPlanner:
    """Plans the mocks that are assigned to members of SQLAlchemy's classes."""

    def __init__(
        self, colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]
    ) -> None:
        self.inference = colors.inference
        self.coloring = coloring
        self.draft = draft

    def plan(self) -> None:
        for word in MOCKS:
            for function in self.inference.program.mentioning(word):
                if function not in self.coloring.stays | self.coloring.islands:
                    self._function(function)

    def _function(self, function: Function) -> None:
        operations = function.body.operations
        for statement in statements_of(function.body.statements):
            if statement[0] != f.ASSIGN or operations[statement[8]][0] != f.CALL:
                continue
            callee = operations[operations[statement[8]][5]]
            if callee[0] not in (f.NAME, f.ATTRIBUTE):
                continue
            name = callee[5] if callee[0] == f.NAME else callee[6]
            if name in MOCKS and any(self._is_awaited(function, t) for t in statement[7]):
                self._rename(function, callee)

    def _is_awaited(self, function: Function, target: tuple[object, ...]) -> bool:
        """Is it a member of a class that turns, which is awaited from now on?"""
        if target[0] != f.TO_ATTRIBUTE:
            return False
        base, member = int(str(target[1])), str(target[2])
        operations = function.body.operations
        if operations[base][0] not in (f.NAME, f.ATTRIBUTE):
            return False
        name = foreign_name(function, operations, base, self.inference)
        if not async_name(name, self.inference.config.sqlalchemy_version) or name not in KINDS:
            return False
        row = self.inference.row(KINDS[name], member)
        return row is not None and row.form is Form.AWAIT

    def _rename(self, function: Function, callee: f.Operation) -> None:
        draft = self.draft(function.module)
        last = ASYNC_MOCK.rpartition(".")[2]
        new = last if callee[0] == f.ATTRIBUTE else draft.spell(ASYNC_MOCK)
        draft.add(RenameReference(node=reference(callee), site=draft.site(callee), new=new))
        if callee[0] == f.NAME:
            draft.drop(str(callee[5]))
