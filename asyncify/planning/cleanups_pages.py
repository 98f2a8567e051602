"""Pages that are cut in Python: all rows are loaded, and most of them thrown away.

Only functions that load lists are looked at, and those that call them. A variable holds rows as
long as it is assigned what was loaded, sorted or filtered; a slice of it that has an end is a page.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function
from asyncify.findings import Finding
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.vocabulary.loading import LIMITING, LISTS
from asyncify.vocabulary.testing import is_test_path

_CONTAINERS = frozenset({"list", "sorted", "tuple"})
_ADVICE = "Let the database do it: `limit`, `offset`, and a `count` where that is shown."


class Pages:
    """Reports pages in the functions that turn."""

    def __init__(self, colors: Colors, coloring: Coloring) -> None:
        self.colors = colors
        self.coloring = coloring
        self.findings: list[Finding] = []

    def plan(self) -> None:
        """Look at the functions that load lists, and at those that they give them to."""
        if self.colors.inference.config.pagination == "off":
            return
        program = self.colors.inference.program
        loading = {fn for name in LISTS for fn in program.mentioning_member(name)}
        pending = sorted(loading & self.coloring.turned, key=_place)
        givers: set[Function] = set()
        while pending:
            function = pending.pop(0)
            if is_test_path(function.module.path) or LIMITING & function.facts.members:
                continue
            rows = Rows(self.colors, function, givers)
            self.findings += [x for x in rows.findings() if x not in self.findings]
            if rows.are_returned and function not in givers:
                givers.add(function)
                callers = {caller for caller, use in self.colors.callers().get(function, ())}
                pending += sorted(callers & self.coloring.turned, key=_place)


def _place(function: Function) -> tuple[str, int]:
    return function.module.path, function.index


class Rows:
    """The lists of rows in one function; ``givers`` are functions that return such lists."""

    def __init__(self, colors: Colors, function: Function, givers: set[Function]) -> None:
        self.function = function
        self.layout: Layout = colors.uses.layout(function)
        self.operations = function.body.operations
        uses = colors.uses.of(function)
        io = {use.operation for use in uses if use.does_io}
        self.given = {use.operation for use in uses if not givers.isdisjoint(use.callees)}
        self.loaded = {
            index for index, operation in enumerate(self.operations)
            if operation and operation[0] == f.CALL and self._method(operation) in LISTS
            and not io.isdisjoint(self.layout.subtree(index))
        }  # fmt: skip

    def _method(self, operation: f.Operation) -> str:
        callee = self.operations[operation[5]]
        return str(callee[6]) if callee[0] == f.ATTRIBUTE else ""

    def is_rows(self, index: int, variables: dict[str, int]) -> bool:
        """Is a value a list of all rows that were loaded, or of some that Python chose?"""
        index = self._unwrapped(index)
        operation = self.operations[index]
        if index in self.loaded or index in self.given:
            return True
        if operation[0] == f.NAME:
            return operation[5] in variables
        if operation[0] == f.COMPREHENSION and operation[5] == "ListComp":
            return self.is_rows(operation[8][0][1], variables)
        if operation[0] == f.CALL and operation[6] and operation[6][0] >= 0:
            callee = self.operations[operation[5]]
            named = callee[0] == f.NAME and callee[5] in _CONTAINERS
            return named and self.is_rows(operation[6][0], variables)
        return False

    def _unwrapped(self, index: int) -> int:
        operation = self.operations[index]
        return int(operation[5]) if operation[0] == f.AWAIT else index

    @cached_property
    def variables(self) -> dict[str, int]:
        """The variables that hold rows, and the lines on which they got them first."""
        found: dict[str, int] = {}
        for statement in self.layout.statements:
            if statement[0] == f.ASSIGN and len(statement[7]) == 1:
                target, value = statement[7][0], statement[8]
            elif statement[0] == f.ANNOTATED and statement[9] >= 0:
                target, value = statement[7], statement[9]
            else:
                continue
            if target[0] == f.TO_NAME and self.is_rows(value, found):
                found.setdefault(target[1], statement[1])
        return found

    @property
    def are_returned(self) -> bool:
        """Does the function give all rows to its caller?"""
        return any(
            statement[0] == f.RETURN and statement[7] >= 0
            and self.is_rows(statement[7], self.variables)
            for statement in self.layout.statements
        )  # fmt: skip

    def findings(self) -> Iterator[Finding]:
        """The pages that are cut out of all rows, and rows that are only loaded to be counted."""
        if not (self.loaded or self.given):
            return
        for index, operation in enumerate(self.operations):
            if operation and operation[0] == f.SUBSCRIPT and self._is_page(operation):
                yield self._finding(index, "loads all rows and cuts a page out of them")
            elif operation and operation[0] == f.CALL and self._only_counts(operation):
                yield self._finding(index, "loads all rows to count them")

    def _is_page(self, operation: f.Operation) -> bool:
        part = self.operations[operation[6]]
        has_end = part[0] == f.SLICE and part[6] >= 0 and part[7] < 0
        return has_end and self.is_rows(operation[5], self.variables)

    def _only_counts(self, operation: f.Operation) -> bool:
        """``len(query.all())``, or of a variable that nothing else is done with."""
        callee, given = self.operations[operation[5]], operation[6]
        if callee[0] != f.NAME or callee[5] != "len" or len(given) != 1 or given[0] < 0:
            return False
        value = self.operations[self._unwrapped(given[0])]
        if value[0] != f.NAME:
            return self.is_rows(given[0], {})
        if not self.is_rows(given[0], self.variables):
            return False
        uses = sum(op[0] == f.NAME and op[5] == value[5] for op in self.operations if op)
        return bool(uses == 1)

    def _finding(self, index: int, what: str) -> Finding:
        operation = self.operations[index]
        site = Site(self.function.module.path, operation[1], operation[2])
        reason = f"`{self.function.facts.qualname}` {what} in Python."
        return finding("ASY801", site, reason, _ADVICE)
