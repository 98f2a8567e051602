"""Autocommit of SQLAlchemy 1.4: a plain connection commits what changes data; an async one, which
is always of the 2.0 style, would lose it without a word. Such code stays sync and is told."""

from __future__ import annotations

import re

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Colors
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function, Variable
from asyncify.analysis.uses import Use

_LINE = "1.4"
_READING = re.compile(r"\s*(select|values|explain|pragma|show|set)\b", re.IGNORECASE)
_STATEMENTS = {"select"}  # `values` is also what an insert has
_RUNNING = {"execute", "exec_driver_sql", "scalar", "scalars"}
_TRANSACTIONS = {"begin", "begin_nested", "begin_twophase"}


def autocommitted(colors: Colors, function: Function) -> Obstacle | None:
    """Why a function has to stay sync, if a connection in it commits by itself."""
    if colors.inference.config.sqlalchemy_version != _LINE or _opens(function):
        return None
    for use in colors.uses.of(function):
        if _is_plain(use) and not _only_reads(colors, function, use):
            reason = f"1.4 commits by itself after line {use.line}, and async connections don't."
            return Obstacle("ASY203", reason)
    return None


def _opens(function: Function) -> bool:
    """Does the function begin transactions? Inside them nothing is committed by itself."""
    return bool(function.facts.names & _TRANSACTIONS)


def _is_plain(use: Use) -> bool:
    """Is a statement run on a connection that isn't of the 2.0 style?"""
    owner = use.owner
    if use.kind != "member" or use.row is None or use.row.name not in _RUNNING:
        return False
    return isinstance(owner, v.Known) and owner.kind == "Connection" and not _is_future(owner)


def _is_future(owner: v.Known) -> bool:
    """Was the engine made with ``future=True``?"""
    if owner.origin is None:
        return False
    operations = owner.origin.function.body.operations
    return any(
        operation and operation[0] == f.CALL and operation[3] == owner.origin.call
        and any(
            name == "future" and operations[index][0] == f.CONSTANT and operations[index][5] is True
            for name, index in operation[7]
        )
        for operation in operations
    )  # fmt: skip


def _only_reads(colors: Colors, function: Function, use: Use) -> bool:
    """Is the statement known to change nothing?"""
    operations = function.body.operations
    call = operations[use.operation]
    if call[0] != f.CALL or not call[6] or call[6][0] < 0:
        return False
    return _reads(colors, function, operations, call[6][0])


def _reads(
    colors: Colors, function: Function, operations: tuple[f.Operation, ...], index: int
) -> bool:
    operation = operations[index]
    while operation[0] in (f.CALL, f.ATTRIBUTE):
        if operation[0] == f.CALL and operation[6] and operation[6][0] >= 0:
            first = operations[operation[6][0]]
            if first[0] == f.CONSTANT and isinstance(first[5], str) and _READING.match(first[5]):
                return True  # text("select ...")
        if operation[0] == f.ATTRIBUTE and operation[6] in _STATEMENTS:
            return True
        operation = operations[operation[5]]
    if operation[0] == f.CONSTANT:
        return isinstance(operation[5], str) and bool(_READING.match(operation[5]))
    if operation[0] != f.NAME:
        return False
    if operation[5] in _STATEMENTS:
        return True
    symbol = colors.program.lookup(function, operation[5])
    found = colors.program.variable_expression(symbol) if isinstance(symbol, Variable) else None
    return found is not None and _reads(colors, found[0], found[1], found[2])
