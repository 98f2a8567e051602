"""Which values of a function come from the database, directly or by way of its variables."""

from __future__ import annotations

from functools import cached_property

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function


class Reads:
    """The values of one function."""

    def __init__(self, colors: Colors, coloring: Coloring, function: Function) -> None:
        self.layout = colors.uses.layout(function)
        self.operations = function.body.operations
        self.io = {
            use.operation for use in colors.uses.of(function)
            if use.does_io or not coloring.turned.isdisjoint(use.callees)
        }  # fmt: skip

    def gives(self, index: int) -> bool:
        """Is a value made of what the database gave?"""
        return self._comes_from(index, self.variables)

    @property
    def are_returned(self) -> bool:
        """Does the function give what it has from the database?"""
        return any(
            statement[0] == f.RETURN and statement[7] >= 0 and self.gives(statement[7])
            for statement in self.layout.statements
        )

    def _comes_from(self, index: int, variables: set[str]) -> bool:
        return any(
            i in self.io or (self.operations[i][0] == f.NAME and self.operations[i][5] in variables)
            for i in self.layout.subtree(index)
        )

    @cached_property
    def variables(self) -> set[str]:
        """The variables that hold such values, or containers of them."""
        found: set[str] = set()
        while True:
            before = len(found)
            for statement in self.layout.statements:
                self._follow(statement, found)
            if len(found) == before:
                return found

    def _follow(self, statement: f.Statement, found: set[str]) -> None:
        kind = statement[0]
        if kind == f.ASSIGN and self._comes_from(statement[8], found):
            for target in statement[7]:
                found |= self._names(target)
        elif (
            kind in (f.ANNOTATED, f.AUGMENTED) and statement[-1 if kind == f.AUGMENTED else 9] >= 0
        ):
            value = statement[8] if kind == f.AUGMENTED else statement[9]
            if self._comes_from(value, found):
                found |= self._names(statement[7])
        elif kind == f.FOR and self._comes_from(statement[8], found):
            found |= self._names(statement[7])
        elif kind == f.EXPRESSION and self._comes_from(statement[7], found):
            operation = self.operations[statement[7]]
            callee = self.operations[operation[5]] if operation[0] == f.CALL else (-1,)
            owner = self.operations[callee[5]] if callee[0] == f.ATTRIBUTE else (-1,)
            if owner[0] == f.NAME:  # rows.append(row)
                found.add(owner[5])

    def _names(self, target: tuple[object, ...]) -> set[str]:
        if target[0] == f.TO_NAME:
            return {str(target[1])}
        if target[0] == f.TO_SUBSCRIPT:
            base = self.operations[int(str(target[1]))]
            return {base[5]} if base[0] == f.NAME else set()
        if target[0] == f.TO_SEQUENCE and isinstance(target[1], tuple):
            return {name for inner in target[1] for name in self._names(inner)}
        return set()
