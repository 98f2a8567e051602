"""Hoisting: may an awaited expression get a statement of its own, before the one that holds it?

Only the first effectful evaluation of a statement may move in front of it, and only one per
statement, so that the order of evaluation stays as it was.
"""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis.layout import Layout

_HOSTS = {f.EXPRESSION, f.ASSIGN, f.ANNOTATED, f.RETURN, f.IF, f.FOR, f.MATCH}
_EFFECTS = {f.CALL, f.AWAIT, f.YIELD, f.YIELD_FROM, f.WALRUS, f.COMPREHENSION}
_NAMES = ("result", "query_result", "awaited_result")


class Hoister:
    """Hands out hoisted variables in one function."""

    def __init__(self, layout: Layout, style: str) -> None:
        self.layout = layout
        self.enabled = style == "statement"
        facts = layout.function.facts
        names = facts.bound | facts.names
        self.name = next((n for n in _NAMES if n not in names), "")
        self._hosts: set[int] = set()

    def take(self, index: int) -> str:
        """The name of a new variable for the operation's value, or '' where it must stay."""
        if not self.enabled or not self.name or not self.may(index):
            return ""
        self._hosts.add(id(self.layout.statement(index)))
        return self.name

    def may(self, index: int) -> bool:
        statement = self.layout.statement(index)
        operation = self.layout.operations[index]
        if statement is None or statement[0] not in _HOSTS or statement[6]:
            return False
        if operation[4] & (f.MAYBE | f.REPEATED | f.GENERATOR):
            return False
        if self.layout.function.facts.kind != "def" or id(statement) in self._hosts:
            return False
        if statement[0] == f.FOR and not self._below(statement[8], index):
            return False
        if statement[0] == f.IF and not self._below(statement[7], index):
            return False
        own = self.layout.subtree(index)
        return not any(
            self._effect(position) for position in range(statement[4], index) if position not in own
        )

    def _below(self, root: int, index: int) -> bool:
        return self.layout.holds(root, index)

    def _effect(self, position: int) -> bool:
        operation = self.layout.operations[position]
        return bool(operation) and operation[0] in _EFFECTS


def is_read_from(layout: Layout, index: int) -> bool:
    """Is an attribute, a method or an item of the operation's value used?"""
    parent = layout.parent(index)
    if parent < 0:
        return False
    operation = layout.operations[parent]
    if operation[0] in (f.ATTRIBUTE, f.SUBSCRIPT):
        return bool(operation[5] == index)
    return bool(operation[0] == f.CALL and operation[5] == index)
