"""Presence: is what a name stands for known not to be None before a statement?

`if order is None: raise ...` above, an attribute of it that was read or set, or an enclosing
`if order:` tell. Anything else leaves it open, and who asks has to ask the program.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

from asyncify import facts as f
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import dotted
from asyncify.analysis.statements import blocks_of
from asyncify.vocabulary.loading import NEVER_NONE

_LEAVING = {f.RETURN, f.RAISE, f.FLOW}
_NOT = {"Not", "Is"}


def is_there(layout: Layout, statement: f.Statement, text: str) -> bool:
    """Is ``text`` never None where a statement begins?"""
    current: f.Statement | None = statement
    while current is not None:
        for before in _before(layout, current):
            told = _tells(layout, before, text)
            if told is not None:
                return told
        current, inside = _around(layout, current)
        if current is not None and current[0] == f.IF:
            positive = inside is current[8]
            if _mentions(layout, current[7], text):
                return positive is not _asks_for_none(layout, current[7])
        if current is not None and _binds(current, text):
            return bool(current[0] == f.FOR)
    return False


def may_be_none(layout: Layout, text: str, called: Callable[[int], list[Layout]]) -> bool:
    """Is a name bound to None, or to what a function gives (``called``) that returns None too?"""
    for statement in layout.statements:
        if statement[0] not in (f.ASSIGN, f.ANNOTATED):
            continue
        is_plain = statement[0] == f.ASSIGN
        value = statement[8 if is_plain else 9]
        for target in statement[7] if is_plain else statement[7:8]:
            for place in _places(target, text):
                if _gives_none(layout, value, place, called):
                    return True
    return False


def _places(target: f.Operation, text: str) -> list[int]:
    """Where a target takes a name: -1 the whole, else what part of it."""
    if target[:2] == (f.TO_NAME, text):
        return [-1]
    if target[0] != f.TO_SEQUENCE or target[2] >= 0:
        return []
    return [n for n, part in enumerate(target[1]) if part[:2] == (f.TO_NAME, text)]


def _gives_none(
    layout: Layout, index: int, place: int, called: Callable[[int], list[Layout]] | None
) -> bool:
    """Is None what an expression says, or what a function may return that it calls?"""
    operation = layout.operations[index] if index >= 0 else ()
    if operation and operation[0] == f.AWAIT:
        index = operation[5]
        operation = layout.operations[index]
    if not operation:
        return False
    if operation[0] == f.CONSTANT:
        return operation[5] is None
    if operation[0] == f.CONDITIONAL:
        return any(_gives_none(layout, part, place, called) for part in operation[6:8])
    if operation[0] == f.SEQUENCE and -1 < place < len(operation[6]):
        return _gives_none(layout, operation[6][place], -1, called)
    if operation[0] != f.CALL or called is None:
        return False
    return any(
        _gives_none(callee, statement[7], place, None) or statement[7] < 0
        for callee in called(index)
        for statement in callee.statements
        if statement[0] == f.RETURN
    )


def is_given(layout: Layout, text: str, givers: list[Layout]) -> bool:
    """Is a parameter never None that is injected by one of these functions?"""
    return (
        bool(givers)
        and not any(_binds(statement, text) for statement in layout.statements)
        and all(map(_gives_something, givers))
    )


def _gives_something(layout: Layout) -> bool:
    """Does a function return something, whichever way it ends?"""
    returns = [each for each in layout.statements if each[0] == f.RETURN]
    ends = layout.function.body.statements[-1:]
    if not returns or ends[0][0] not in (f.RETURN, f.RAISE):
        return False
    for statement in returns:
        value = layout.operations[statement[7]] if statement[7] >= 0 else ()
        is_name = value[:1] == (f.NAME,)
        if not (
            is_there(layout, statement, value[5]) if is_name else _never_none(layout, statement[7])
        ):
            return False
    return True


def _before(layout: Layout, statement: f.Statement) -> list[f.Statement]:
    """The statements of the same block above, nearest first."""
    block = layout.blocks[id(statement)]
    place = next(n for n, each in enumerate(block) if each is statement)
    return list(reversed(block[:place]))


def _around(
    layout: Layout, statement: f.Statement
) -> tuple[f.Statement | None, tuple[f.Statement, ...]]:
    block = layout.blocks[id(statement)]
    for outer in layout.statements:
        for part in blocks_of(outer):
            if part is block:
                return outer, part
    return None, ()


def _tells(layout: Layout, statement: f.Statement, text: str) -> bool | None:
    """What a statement above says; None: nothing."""
    if statement[0] == f.IF and _mentions(layout, statement[7], text):
        leaves = bool(statement[8]) and statement[8][-1][0] in _LEAVING
        if leaves and _leaves_for_none(layout, statement[7], text):
            return True
    if statement[0] == f.ASSERT and _mentions(layout, statement[7], text):
        return True
    if _binds(statement, text):
        return statement[0] == f.ASSIGN and _never_none(layout, statement[8])
    return True if _is_read_in(layout, statement, text) else None


def _mentions(layout: Layout, index: int, text: str) -> bool:
    """Does an expression name it, or bind it? ``if not (order := find(key)):``"""
    return text in layout.names_in(index) or any(
        layout.operations[inner][:1] == (f.WALRUS,) and layout.operations[inner][5] == text
        for inner in layout.subtree(index)
    )


def _asks_for_none(layout: Layout, index: int) -> bool:
    """``not order``, ``order is None``, and ``or`` of such."""
    operation = layout.operations[index]
    if operation[0] == f.BOOLEAN:
        return any(_asks_for_none(layout, part) for part in operation[5])
    return bool(operation[0] == f.OPERATOR and operation[5] in _NOT)


def _leaves_for_none(layout: Layout, index: int, text: str) -> bool:
    """Is a condition true whenever it is None? ``strict and order is None`` needn't be."""
    operation = layout.operations[index]
    if operation[0] == f.BOOLEAN:
        return operation[6] == "Or" and any(
            _leaves_for_none(layout, part, text) for part in operation[5]
        )
    return _asks_for_none(layout, index) and _mentions(layout, index, text)


def _binds(statement: f.Statement, text: str) -> bool:
    targets: tuple[f.Operation, ...] = ()
    if statement[0] == f.ASSIGN:
        targets = statement[7]
    elif statement[0] in (f.ANNOTATED, f.FOR):
        targets = (statement[7],)
    return any(target[:2] == (f.TO_NAME, text) for target in targets)


def _never_none(layout: Layout, index: int) -> bool:
    """Is it the result of a call that gives something, or raises?"""
    operation = layout.operations[index] if index >= 0 else ()
    if operation and operation[0] == f.AWAIT:
        operation = layout.operations[operation[5]]
    if not operation or operation[0] != f.CALL:
        return False
    callee = layout.operations[operation[5]]
    return callee[0] == f.ATTRIBUTE and callee[6] in NEVER_NONE


def _is_read_in(layout: Layout, statement: f.Statement, text: str) -> bool:
    """Is an attribute of it read or set, whichever way the statement goes?"""
    reads = layout.certain_reads.get(text, [])
    first = bisect_left(reads, statement[4])
    if first < len(reads) and reads[first] < statement[5]:
        return True
    targets: tuple[f.Operation, ...] = statement[7] if statement[0] == f.ASSIGN else ()
    return any(
        target[0] == f.TO_ATTRIBUTE and dotted(layout.operations, target[1]) == text
        for target in targets
    )
