"""What stands in a statement: the statements below it, and what it assigns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asyncify import facts as f


def statements_of(statements: tuple[f.Statement, ...]) -> Iterator[f.Statement]:
    """All statements below, outer ones first, in source order."""
    for statement in statements:
        yield statement
        for block in blocks_of(statement):
            yield from statements_of(block)


def names_assigned(statement: f.Statement) -> Iterator[tuple[str, int]]:
    """The names that a statement assigns, with the operations of their values."""
    if statement[0] == f.ASSIGN:
        for target in statement[7]:
            if target[0] == f.TO_NAME:
                yield target[1], statement[8]
    elif statement[0] == f.ANNOTATED and statement[7][0] == f.TO_NAME and statement[9] >= 0:
        yield statement[7][1], statement[9]


def blocks_of(statement: f.Statement) -> tuple[tuple[f.Statement, ...], ...]:
    """The blocks of a compound statement."""
    kind = statement[0]
    if kind == f.IF or kind == f.WHILE:
        return statement[8], statement[9]
    if kind == f.FOR:
        return statement[9], statement[10]
    if kind == f.WITH:
        return (statement[8],)
    if kind == f.TRY:
        handlers = tuple(handler[2] for handler in statement[8])
        return statement[7], *handlers, statement[9], statement[10]
    if kind == f.MATCH:
        return tuple(case[2] for case in statement[8])
    return ()


def targets_of(statement: f.Statement) -> Iterator[tuple[Any, ...]]:
    """All that a statement sets or deletes, those in sequences included."""
    kind, pending = statement[0], []
    if kind in (f.ASSIGN, f.DELETE):
        pending = list(statement[7])
    elif kind in (f.ANNOTATED, f.AUGMENTED, f.FOR):
        pending = [statement[7]]
    elif kind == f.WITH:
        pending = [target for _, target in statement[7] if target is not None]
    while pending:
        target = pending.pop()
        if target[0] == f.TO_SEQUENCE:
            pending += target[1]
        else:
            yield target


def is_bound(block: tuple[f.Statement, ...], name: str, at: f.Statement) -> bool | None:
    """Has a variable been set when a statement of a block is reached, whatever way led there?
    None: the statement isn't in the block."""
    bound = False
    for statement in block:
        if statement is at:
            return bound
        for inner in blocks_of(statement):
            found = is_bound(inner, name, at)
            if found is not None:
                goes_on = statement[0] == f.TRY and inner is statement[9]  # behind the body
                before = goes_on and _sets(statement[7], name)
                return bound or found or before or _is_target(statement, name)
        bound = bound or _sets((statement,), name)
    return None


def _sets(block: tuple[f.Statement, ...], name: str) -> bool:
    """Has a block set a variable, if what follows it is reached?"""
    for statement in block:
        kind, blocks = statement[0], blocks_of(statement)
        if kind in (f.RETURN, f.RAISE, f.FLOW) and statement[7:] != ("pass",):
            return True
        if kind != f.FOR and _is_target(statement, name):
            return True
        if kind == f.TRY:
            ways = [(*statement[7], *statement[9]), *blocks[1:-2]]
            blocks = (statement[10],) if _sets(statement[10], name) else tuple(ways)
        if kind in (f.IF, f.WITH, f.TRY) and all(_sets(each, name) for each in blocks):
            return True
    return False


def _is_target(statement: f.Statement, name: str) -> bool:
    return statement[0] != f.DELETE and any(
        target[:2] == (f.TO_NAME, name) for target in targets_of(statement)
    )
