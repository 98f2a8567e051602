"""Transactions of connections, as far as a function shows them: inside one, a connection of 1.4's
own style commits nothing by itself."""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis.colors import Colors
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function
from asyncify.analysis.statements import blocks_of

_BEGINNING = {"begin", "begin_nested", "begin_twophase"}
_ENDING = {"commit", "rollback", "close"}


class Transactions:
    """Answers for one function."""

    def __init__(self, colors: Colors, function: Function) -> None:
        self.colors = colors
        self.function = function
        self.layout = colors.uses.layout(function)
        opens = bool(function.facts.names & _BEGINNING)
        self.ranges = tuple(_ranges(self.layout)) if opens else ()

    def hold(self, index: int) -> bool:
        """Is an operation inside a transaction that this function begins?"""
        return any(index in each for each in self.ranges)

    def hold_parameter(self, name: str, seen: frozenset[Function] = frozenset()) -> bool:
        """Is a parameter given only inside transactions that the callers begin?"""
        if self.function in seen or all(p.name != name for p in self.function.signature.parameters):
            return False
        seen |= {self.function}
        callers = self.colors.callers().get(self.function, ())
        return bool(callers) and all(
            use.kind == "call" and self._given(caller, use.operation, seen)
            for caller, use in callers
        )

    def _given(self, caller: Function, call: int, seen: frozenset[Function]) -> bool:
        there = Transactions(self.colors, caller)
        if there.hold(call):
            return True
        operations = caller.body.operations
        given = (*operations[call][6], *(index for _, index in operations[call][7]))
        names = {operations[i][5] for i in given if i >= 0 and operations[i][0] == f.NAME}
        return any(there.hold_parameter(name, seen) for name in sorted(names))


def _ranges(layout: Layout) -> Iterator[range]:
    """The operations between the beginning and the end of each transaction."""
    entered = set()
    for statement in layout.statements:
        if statement[0] == f.WITH:
            calls = {value for value, _ in statement[7] if _begins(layout, value)}
            entered |= calls
            if calls:
                yield range(statement[5], _end(statement))
    for index, operation in enumerate(layout.operations):
        if operation and operation[0] == f.CALL and index not in entered and _begins(layout, index):
            yield range(index, _last_ending(layout, index))


def _begins(layout: Layout, index: int) -> bool:
    operation = layout.operations[index]
    if operation[0] != f.CALL:
        return False
    callee = layout.operations[operation[5]]
    return bool(callee[0] == f.ATTRIBUTE and callee[6] in _BEGINNING)


def _end(statement: f.Statement) -> int:
    """Behind the last operation of a statement and its blocks."""
    inner = [_end(each) for block in blocks_of(statement) for each in block]
    return max([int(statement[5]), *inner])


def _last_ending(layout: Layout, start: int) -> int:
    """Where a transaction ends that a statement begins: at the last call that ends any."""
    found = [
        index for index, operation in enumerate(layout.operations)
        if index > start and operation and operation[0] == f.ATTRIBUTE and operation[6] in _ENDING
    ]  # fmt: skip
    return max(found, default=len(layout.operations))
