"""What names, annotations and values say of coroutines."""

from __future__ import annotations

from enum import IntEnum

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import dotted
from asyncify.vocabulary import awaitables as words


class Fate(IntEnum):
    """What becomes of a coroutine."""

    LOST = 0  # used as if it were its result, or dropped
    OPEN = 1  # handed on to somebody who isn't known
    TAKEN = 2  # awaited, scheduled, or looked at by code that knows what it is


def taking(name: str) -> Fate:
    """Does something foreign, or unknown, take coroutines for what they are?"""
    last = name.removesuffix("()").rpartition(".")[2]
    if name.partition(".")[0] in words.TAKING_MODULES or name.startswith("unittest.mock"):
        return Fate.TAKEN
    if last in words.TAKING_NAMES:
        return Fate.TAKEN
    perhaps = last in words.PERHAPS_NAMES or any(p in last.lower() for p in words.TAKING_PARTS)
    return Fate.OPEN if perhaps else Fate.LOST


def words_of(operations: tuple[f.Operation, ...], index: int) -> frozenset[str]:
    """The names that occur in an annotation, strings as they are."""
    found: set[str] = set()
    pending = [index]
    while pending:
        operation = operations[pending.pop()]
        kind = operation[0]
        if kind == f.NAME:
            found.add(operation[5])
        elif kind == f.ATTRIBUTE:
            found.add(operation[6])
        elif kind == f.CONSTANT and isinstance(operation[5], str):
            found.add(operation[5])
        elif kind == f.SUBSCRIPT:
            pending += operation[5:7]
        elif kind in (f.SEQUENCE, f.OPERATOR):
            pending += [i if i >= 0 else ~i for i in operation[6]]
    return frozenset(found)


def is_asked(layout: Layout, index: int, asking: frozenset[str]) -> bool:
    """Does a function ask what an object is, by one of those functions? What it asserts is no
    question."""
    name = (
        "" if asking.isdisjoint(layout.function.facts.names) else dotted(layout.operations, index)
    )
    for place, operation in enumerate(layout.operations if name else ()):
        if not operation or operation[0] != f.CALL or not operation[6]:
            continue
        called, (first, *_) = dotted(layout.operations, operation[5]), operation[6]
        if called.rpartition(".")[2] in asking and first >= 0:
            statement = layout.statement(place)
            asserted = statement is not None and statement[0] == f.ASSERT
            if not asserted and dotted(layout.operations, first) == name:
                return True
    return False


def holds_coroutine(value: v.Value) -> bool:
    """Is a coroutine of the program among the alternatives, or in a container among them?"""
    for atom in value:
        if isinstance(atom, v.CoroutineValue):
            return True
        if isinstance(atom, v.Collection) and holds_coroutine(atom.items):
            return True
        if isinstance(atom, v.TupleValue) and any(map(holds_coroutine, atom.items)):
            return True
    return False
