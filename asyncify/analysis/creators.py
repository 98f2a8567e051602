"""Creators: functions that make the connections of engines, ``create_engine(creator=connect)``."""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis.program import Function, Program

KEYWORD = "creator"
_IN_MEMORY = (":memory:", "mode=memory")


def argument(operations: tuple[f.Operation, ...], call: int) -> int:
    """The operation that is given as ``creator``, or -1."""
    operation = operations[call]
    given = operation[7] if operation[0] == f.CALL else ()
    return next((index for keyword, index in given if keyword == KEYWORD), -1)


def makes_files(
    program: Program, function: Function, operations: tuple[f.Operation, ...], index: int
) -> bool:
    """Is a creator a function of the program that makes a new connection at every call, and to no
    database in the memory of its process?"""
    operation = operations[index]
    if operation[0] == f.LAMBDA:
        made = function.module.functions[operation[5]]
    else:
        symbol = program.resolve_expression(function, operations, index)
        if not isinstance(symbol, Function) or symbol.facts.kind != "def":
            return False
        made = symbol
    if made.facts.is_async or made.facts.is_generator or made.signature_is_decorated:
        return False
    texts = (o[5] for o in made.body.operations if o and o[0] == f.CONSTANT)
    if any(isinstance(t, str) and any(part in t for part in _IN_MEMORY) for t in texts):
        return False
    return _is_made_there(made)


def _is_made_there(creator: Function) -> bool:
    """Is what a function returns the result of a call in it?"""
    operations = creator.body.operations
    found: list[int] = []
    local: dict[str, int] = {}
    for statement in creator.body.statements:
        if statement[0] == f.ASSIGN and [t[0] for t in statement[7]] == [f.TO_NAME]:
            local[statement[7][0][1]] = statement[8]
        elif statement[0] == f.RETURN:
            found.append(statement[7])
    values = [
        local.get(operations[i][5], i) if i >= 0 and operations[i][0] == f.NAME else i
        for i in found
    ]  # fmt: skip
    return bool(values) and all(i >= 0 and operations[i][0] == f.CALL for i in values)
