"""``patch.dict(vars(crud), get_user=fake)``: what stands in the mapping of a module's names."""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis.program import Function, Module, Program, Symbol, dotted
from asyncify.vocabulary.testing import NAMESPACE, NAMESPACE_OF, SET_ITEM


def items(
    program: Program,
    function: Function,
    operations: tuple[f.Operation, ...],
    operation: f.Operation,
) -> Iterator[tuple[Symbol, int]]:
    """What a call replaces in a module, and what it puts there instead."""
    arguments = operation[6]
    if not arguments or min(arguments) < 0:
        return
    owner = namespace(program, function, operations, arguments[0])
    if owner is None:
        return
    given: list[tuple[str | None, int]] = list(operation[7])
    if f".{dotted(operations, operation[5])}".endswith(f".{SET_ITEM}"):
        if len(arguments) > 2:
            given.append((_text(operations, arguments[1]), arguments[2]))
    elif len(arguments) > 1 and operations[arguments[1]][0] == f.DICT:
        _, _, _, _, _, keys, values = operations[arguments[1]]
        given += [(_text(operations, key), value) for key, value in zip(keys, values, strict=True)]
    for name, index in given:
        symbol = program.member(owner, name) if name else None
        if symbol is not None:
            yield symbol, index


def namespace(
    program: Program, function: Function, operations: tuple[f.Operation, ...], index: int
) -> Module | None:
    """The module of ``crud.__dict__``, ``vars(crud)`` or ``"app.crud.__dict__"``."""
    operation = operations[index]
    owner: object = None
    if operation[0] == f.CONSTANT and isinstance(operation[5], str):
        name, _, last = operation[5].rpartition(".")
        owner = program.named(name) if last == NAMESPACE else None
    elif operation[0] == f.ATTRIBUTE and operation[6] == NAMESPACE:
        owner = program.resolve_expression(function, operations, operation[5])
    elif operation[0] == f.CALL and dotted(operations, operation[5]) == NAMESPACE_OF:
        given = next(iter(operation[6]), -1)
        owner = program.resolve_expression(function, operations, given) if given >= 0 else None
    return owner if isinstance(owner, Module) else None


def _text(operations: tuple[f.Operation, ...], index: int) -> str | None:
    value = operations[index][5] if index >= 0 and operations[index][0] == f.CONSTANT else None
    return value if isinstance(value, str) else None
