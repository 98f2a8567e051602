"""Aliases of set operations: what follows on ``a.union(b)`` speaks of the union's rows.

Query means the union by the name of the class, wherever that stands behind it. A statement has to
name what it selects from: so the union gets a name, and the columns of later criteria are read from
that.
https://docs.sqlalchemy.org/en/21/orm/queryguide/select.html#selecting-entities-from-unions-and-other-set-operations
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.infer import Inference
from asyncify.analysis.layout import Layout, operands
from asyncify.analysis.program import Class, Function, dotted
from asyncify.planning.hoisting import Hoister

# Calls whose arguments belong to a statement of their own.
_STATEMENTS = {"select", "query", "exists", "any", "has", "in_", "not_in", "notin_"}
_OPAQUE = {f.LAMBDA, f.COMPREHENSION, f.AWAIT, f.WALRUS}


@dataclass(slots=True)
class Unions:
    """The set operations of one Query, and the builders behind them. ``columns`` are what it
    selects where that isn't one entity; ``renamed`` the operations that name the union, with how,
    and ``name`` is the variable that it gets."""

    calls: dict[tuple[Function, int], None] = field(default_factory=dict)
    later: list[tuple[Function, int, tuple[v.QueryValue, ...]]] = field(default_factory=list)
    renamed: dict[int, str] = field(default_factory=dict)
    name: str = ""

    @property
    def call(self) -> tuple[Function, int]:
        return next(iter(self.calls))


def name_union(
    unions: Unions,
    inference: Inference,
    layout: Callable[[Function], Layout],
    columns: set[tuple[Class | None, str]] | None,
) -> str:
    """Find what has to name the union. The reason why it can't, or ''."""
    found: list[tuple[Function, int, str]] = []
    for function, call, atoms in unions.later:
        if not all("set" in atom.marks for atom in atoms):
            return "it is a set operation in some cases only"
        places = _Places(inference, function, atoms[0], columns)
        if not places.of_call(call):
            return "what stands behind a set operation can't be told to mean it"
        found += [(function, index, suffix) for index, suffix in places.found]
    if not found:
        return ""
    if len(unions.calls) > 1 or any(function is not unions.call[0] for function, *_ in found):
        return "what stands behind a set operation can't be told to mean it"
    function, index = unions.call
    if not Hoister(layout(function), "statement", inference.models).may(index):
        return "its set operation can't get a name"
    unions.name = _free_name(function, unions.later[0][2][0], columns)
    unions.renamed = {index: unions.name + suffix for _, index, suffix in found}
    return ""


def _free_name(
    function: Function, query: v.QueryValue, columns: set[tuple[Class | None, str]] | None
) -> str:
    """A new variable, called like the class."""
    cls = query.entities[0] if query.entities and columns is None else None
    start = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.name).lower() if cls else "combined"
    taken = function.facts.names | function.facts.bound
    names = [f"{start}_alias", *(f"{start}_alias{n}" for n in range(2, 100))]
    return next(name for name in ([start] if cls is None else []) + names if name not in taken)


class _Places:
    """Where the arguments of one builder name what the union selects."""

    def __init__(
        self,
        inference: Inference,
        function: Function,
        query: v.QueryValue,
        columns: set[tuple[Class | None, str]] | None,
    ) -> None:
        self.program = inference.program
        self.values = inference.evaluations[function].values
        self.operations = function.body.operations
        self.function = function
        self.query = query
        self.columns = columns
        self.found: list[tuple[int, str]] = []

    def of_call(self, call: int) -> bool:
        """Is all understood that a builder's call is given?"""
        operation = self.operations[call]
        arguments = [*operation[6], *(i for _, i in operation[7])]
        return all(i >= 0 and self._is_known(i) and self._look(i) for i in arguments)

    def _is_known(self, index: int) -> bool:
        """Is a criterion written where it is given? A variable may hold a column."""
        operation = self.operations[index]
        while operation[0] in (f.CALL, f.ATTRIBUTE):
            index = operation[5]
            operation = self.operations[index]
        if operation[0] != f.NAME:
            return True
        return any(isinstance(a, (v.ClassObject, v.Foreign)) for a in self.values[index])

    def _look(self, index: int) -> bool:
        operation = self.operations[index]
        kind = operation[0]
        if kind in _OPAQUE:
            return False
        if kind == f.ATTRIBUTE and self._class(operation[5]) is not None:
            return self._column(index, operation)
        if kind == f.NAME:
            return self._class(index) not in self._selected() and not self._holds_column(operation)
        if kind == f.CALL and self._is_statement(operation):
            return not any(self._class(i) in self._selected() for i in self._below(index))
        return all(self._look(part) for part in operands(operation))

    def _selected(self) -> set[Class | None]:
        if self.columns is not None:
            return {cls for cls, _ in self.columns}
        return {self.query.entities[0]}

    def _column(self, index: int, operation: f.Operation) -> bool:
        """``User.name``, of the class that the union selects."""
        cls = self._class(operation[5])
        if cls not in self._selected():
            return True
        if self.columns is None:
            self.found.append((operation[5], ""))
            return True
        self.found.append((index, f".c.{operation[6]}"))
        return (cls, operation[6]) in self.columns

    def _class(self, index: int) -> Class | None:
        """The class that an expression names, as such."""
        found = next((a.cls for a in self.values[index] if isinstance(a, v.ClassObject)), None)
        if found is None or not dotted(self.operations, index):
            return None
        return found

    def _holds_column(self, operation: f.Operation) -> bool:
        """Is a variable assigned something of the class's?"""
        for statement in self.function.body.statements:
            if statement[0] == f.ASSIGN and (f.TO_NAME, operation[5]) in [
                target[:2] for target in statement[7]
            ]:
                below = self._below(statement[8])
                if any(self._class(i) in self._selected() for i in below):
                    return True
        return False

    def _is_statement(self, operation: f.Operation) -> bool:
        callee = self.operations[operation[5]]
        name = callee[5] if callee[0] == f.NAME else callee[6] if callee[0] == f.ATTRIBUTE else ""
        return name in _STATEMENTS and not self._is_operator(callee)

    def _is_operator(self, callee: f.Operation) -> bool:
        """``User.id.in_([1, 2])`` is no statement where it is given values."""
        return bool(callee[0] == f.ATTRIBUTE and self.operations[callee[5]][0] == f.ATTRIBUTE)

    def _below(self, index: int) -> Iterator[int]:
        pending = [index]
        while pending:
            current = pending.pop()
            yield current
            pending += operands(self.operations[current])
