"""Hoisting: may an awaited expression get a statement of its own, before the one that holds it?

Only the first effectful evaluation of a statement may move in front of it, and only one per
statement, so that the order of evaluation stays as it was. Reading a relationship counts as one:
``order.lines.append(session.query(Product).one())`` reads an empty collection of an order that is
new, where it would load that of an order which the query has flushed before.
"""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis.layout import Layout
from asyncify.analysis.models import Models
from asyncify.analysis.program import dotted

_HOSTS = {f.EXPRESSION, f.ASSIGN, f.ANNOTATED, f.RETURN, f.IF, f.FOR, f.MATCH}
_EFFECTS = {f.CALL, f.AWAIT, f.YIELD, f.YIELD_FROM, f.WALRUS, f.COMPREHENSION}
_NAMES = ("result", "query_result", "awaited_result")


class Hoister:
    """Hands out hoisted variables in one function."""

    def __init__(self, layout: Layout, style: str, models: Models) -> None:
        self.layout = layout
        self.models = models
        self.enabled = style == "statement"
        facts = layout.function.facts
        self._taken = facts.bound | facts.names
        self.name = next((n for n in _NAMES if n not in self._taken), "")
        self._hosts: set[int] = set()
        self._named: dict[str, str] = {}
        self._read_for: dict[str, str] = {}  # names after what is read: of which type each is

    def take(self, index: int, kind: str = "") -> str:
        """The name of a new variable for the operation's value, or '' where it must stay.
        ``kind`` tells values of one type from those of another."""
        if not self.enabled or not self.name or not self.may(index):
            return ""
        name = self._name(index, kind or selected(self.layout, index))
        if name:
            self._hosts.add(id(self.layout.statement(index)))
        return name

    def _name(self, index: int, kind: str) -> str:
        """A variable is of one type for whoever checks types, so what is of another type gets a
        name of its own: after what it is read for, if that has a name."""
        if kind in self._named:
            return self._named[kind]
        target = _target(self.layout.statement(index)) if self._named else ""
        own = f"{target}_{_NAMES[0]}"
        is_free = target and _NAMES[0] not in target and own not in self._taken
        if is_free and self._read_for.setdefault(own, kind) == kind:
            return own
        taken = self._taken.union(self._named.values(), self._read_for)
        self._named[kind] = next((n for n in _NAMES if n not in taken), "")
        return self._named[kind]

    def may(self, index: int, ahead: bool = False) -> bool:
        """``ahead``: even if it is what a comprehension goes through that calls something."""
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
        own, first = self.layout.subtree(index), statement[4]
        if statement[0] == f.ASSIGN and self._below(statement[8], index):
            first = min(self.layout.subtree(statement[8]))  # targets are evaluated behind it
        return not any(
            self._effect(position) for position in range(first, index)
            if position not in own and not (ahead and self._goes_through(position, index))
        )  # fmt: skip

    def _goes_through(self, position: int, index: int) -> bool:
        """Is it a comprehension that an operation stands in, or evaluated for each of its turns?"""
        operation = self.layout.operations[position]
        if not operation or operation[0] == f.COMPREHENSION:
            return bool(operation) and bool(index < operation[9])
        return bool(operation[4] & (f.REPEATED | f.GENERATOR))

    def _below(self, root: int, index: int) -> bool:
        return self.layout.holds(root, index)

    def _effect(self, position: int) -> bool:
        operation = self.layout.operations[position]
        if operation[:1] == (f.ATTRIBUTE,):
            return operation[6] in self.models.linking
        return bool(operation) and operation[0] in _EFFECTS


def selected(layout: Layout, index: int) -> str:
    """What tells the type of a result: the method, and what its statement selects."""
    operations = layout.operations
    if operations[index][0] != f.CALL:
        return ""
    callee = dotted(operations, operations[index][5]).rpartition(".")[2]
    place = next(iter(operations[index][6]), -1)
    operation = operations[place] if place >= 0 else ()
    words = []
    while operation and operation[0] in (f.CALL, f.ATTRIBUTE):  # down the chain to its `select()`
        if operation[0] == f.CALL:
            words = [dotted(operations, i if i >= 0 else ~i) for i in operation[6]]
        place, operation = operation[5], operations[operation[5]]
    return " ".join((callee, dotted(operations, place) if place >= 0 else "", *words))


def _target(statement: f.Statement | None) -> str:
    """The one variable that a statement assigns, or ''."""
    targets: tuple[f.Operation, ...] = ()
    if statement is not None and statement[0] == f.ASSIGN:
        targets = tuple(statement[7])
    elif statement is not None and statement[0] == f.ANNOTATED:
        targets = (statement[7],)
    return str(targets[0][1]) if len(targets) == 1 and targets[0][0] == f.TO_NAME else ""


def is_read_from(layout: Layout, index: int) -> bool:
    """Is an attribute, a method or an item of the operation's value used?"""
    parent = layout.parent(index)
    if parent < 0:
        return False
    operation = layout.operations[parent]
    if operation[0] in (f.ATTRIBUTE, f.SUBSCRIPT):
        return bool(operation[5] == index)
    return bool(operation[0] == f.CALL and operation[5] == index)
