"""What the checks of async code look at: one function with its values and its layout."""

from __future__ import annotations

from functools import cached_property

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Colors
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function, dotted
from asyncify.analysis.statements import blocks_of, statements_of
from asyncify.sites import Site

_LEAVING = (f.RETURN, f.RAISE, f.FLOW)
_ANY = frozenset(range(32))
_VALUES = {f.ASSIGN: 8, f.FOR: 8, f.ANNOTATED: 9}  # where a statement has what it binds


class View:
    """One evaluated function."""

    def __init__(self, colors: Colors, function: Function) -> None:
        self.colors = colors
        self.function = function
        self.layout: Layout = colors.uses.layout(function)
        self.operations = function.body.operations
        self.values = colors.inference.evaluations[function].values

    def site(self, index: int) -> Site:
        operation = self.operations[index]
        return Site(self.function.module.path, operation[1], operation[2])

    def calls(self) -> list[tuple[int, f.Operation]]:
        return self._calls

    @cached_property
    def _calls(self) -> list[tuple[int, f.Operation]]:
        """Most checks look at calls, and at nothing else."""
        return [
            (index, operation)
            for index, operation in enumerate(self.operations)
            if operation and operation[0] == f.CALL
        ]

    def foreign(self, index: int) -> str:
        """The dotted name of something of a library that an operation refers to, or ''."""
        for atom in self.values[index]:
            if isinstance(atom, v.Foreign):
                return atom.name
        return ""

    def named(self, index: int, kinds: frozenset[str]) -> str:
        """The dotted name under which an object of one of the kinds stands, or ''. An attribute of
        something unknown may be a property that gives another object each time."""
        is_read = self.operations[index][0] == f.ATTRIBUTE
        known = (
            a for a in self.values[index] if isinstance(a, v.Known) and (a.sure or not is_read)
        )
        return dotted(self.operations, index) if any(a.kind in kinds for a in known) else ""

    def arguments(self, operation: f.Operation) -> tuple[int, ...]:
        """The arguments of a call, unpacked ones too."""
        positional = (i if i >= 0 else ~i for i in operation[6])
        return (*positional, *(i for _, i in operation[7]))

    def assigned_to(self, name: str) -> int:
        """What a variable is set to, where that happens once, or -1."""
        found = [
            value_of(statement) for statement in self.layout.statements
            if name in (t[1] for t in assigned(statement) if t[0] == f.TO_NAME)
        ]  # fmt: skip
        return found[0] if len(found) == 1 else -1

    def path(self, statement: f.Statement | None) -> list[f.Statement]:
        """The statements around one, outermost first, with it at the end."""
        return _path(self.function.body.statements, statement) if statement is not None else []

    def follows(self, first: int, later: int, around: frozenset[int] = _ANY) -> bool:
        """Does one operation come after another, in every run that goes on from that? ``around``
        are the kinds of statements that the first may stand in, alone."""
        left, right = (self.path(self.layout.statement(i)) for i in (first, later))
        for depth, (one, other) in enumerate(zip(left, right, strict=False)):
            if one is other:
                continue
            if self.layout.blocks[id(one)] is not self.layout.blocks[id(other)]:
                return False
            inner = left[depth:]
            leaves = (self.layout.blocks[id(s)][-1][0] in _LEAVING for s in inner[1:])
            return first < later and not any(leaves) and {s[0] for s in inner[:-1]} <= around
        return first < later and bool(left) and len(left) == len(right)

    def awaits(self) -> bool:
        """Is there anything in the function that only an async one can have?"""
        return awaits_anything(self.layout)


def awaits_anything(layout: Layout) -> bool:
    """Is there an await, an ``async with`` or an ``async for`` in a function?"""
    return any(op and op[0] == f.AWAIT for op in layout.operations) or any(
        (s[0] == f.WITH and s[9]) or (s[0] == f.FOR and s[11]) for s in layout.statements
    )


def _path(block: tuple[f.Statement, ...], wanted: f.Statement) -> list[f.Statement]:
    for statement in block:
        if statement is wanted:
            return [statement]
        for part in blocks_of(statement):
            below = _path(part, wanted)
            if below:
                return [statement, *below]
    return []


def bound_in(statement: f.Statement) -> set[str]:
    """The names that a statement, and what is inside it, binds."""
    names: set[str] = set()
    if statement[0] == f.ASSIGN:
        for target in statement[7]:
            names |= targets(target)
    elif statement[0] in (f.FOR, f.ANNOTATED):
        names |= targets(statement[7])
    elif statement[0] == f.WITH:
        for _, target in statement[7]:
            names |= targets(target) if target is not None else set()
    for block in blocks_of(statement):
        for inner in block:
            names |= bound_in(inner)
    return names


def end_of(statement: f.Statement) -> int:
    """Behind the last operation of a statement and what is inside it."""
    return max(int(s[5]) for s in statements_of((statement,)))


def assigned(statement: f.Statement) -> tuple[f.Operation, ...]:
    """What an assignment or a loop binds."""
    if statement[0] == f.ASSIGN:
        return tuple(statement[7])
    return (statement[7],) if statement[0] in _VALUES else ()


def value_of(statement: f.Statement) -> int:
    """What an assignment or a loop binds it to, or -1."""
    return int(statement[_VALUES[statement[0]]])


def targets(target: f.Operation) -> set[str]:
    """The names that a target of an assignment binds."""
    if target[0] == f.TO_NAME:
        return {target[1]}
    if target[0] == f.TO_SEQUENCE:
        return {name for part in target[1] for name in targets(part)}
    return set()
