"""What tells a driver's connection by its class, as listeners of ``connect`` do.

    @event.listens_for(Engine, "connect")
    def enforce(connection, record):
        if isinstance(connection, sqlite3.Connection): ...     # before "PRAGMA foreign_keys=ON"

An async engine hands such a function SQLAlchemy's own connection around the async driver's, which
works like the sync one: the check takes either, or what it guards would silently not be done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from asyncify import facts as f
from asyncify.analysis.colors import Colors
from asyncify.analysis.program import Module
from asyncify.decisions import ReplaceExpression
from asyncify.planning.draft import Draft, node_of

_CHECK = "isinstance"
_CHECKED = {"sqlite3.Connection", "sqlite3.dbapi2.Connection"}
_REACHES = "run_async"  # the driver's own connection behind SQLAlchemy's
_ADAPTED = "sqlalchemy.dialects.sqlite.aiosqlite.AsyncAdapt_aiosqlite_connection"


def widen_checks(colors: Colors, draft: Callable[[Module], Draft]) -> None:
    """Have checks of what a function is given take the connections of async drivers too."""
    program = colors.inference.program
    for function in program.mentioning(_CHECK):
        operations = function.body.operations
        given = {parameter.name for parameter in function.signature.parameters}
        named = {
            index: program.resolve_expression(function, operations, index)
            for checked, index in _checks(operations) if operations[checked][5] in given
        }  # fmt: skip
        told = _ADAPTED in named.values() or _REACHES in function.facts.names
        if told or colors.is_outside(function):
            continue  # it tells them apart already
        for index, name in named.items():
            if name in _CHECKED:
                edited = draft(function.module)
                node, site = node_of(operations, index), edited.site(operations[index])
                template = f"({{node}}, {edited.spell(_ADAPTED)})"
                edited.add(ReplaceExpression(node=node, site=site, template=template))


def _checks(operations: tuple[f.Operation, ...]) -> Iterator[tuple[int, int]]:
    """The names that are checked, and the classes that they are checked for"""
    for operation in operations:
        if operation and operation[0] == f.CALL and len(operation[6]) == 2:
            callee, (checked, classes) = operations[operation[5]], operation[6]
            if callee[0] == f.NAME and callee[5] == _CHECK and min(checked, classes) >= 0:
                several = operations[classes][0] == f.SEQUENCE
                for index in operations[classes][6] if several else (classes,):
                    if operations[checked][0] == f.NAME and index >= 0:
                        yield checked, index
