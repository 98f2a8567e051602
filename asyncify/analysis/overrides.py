"""Overrides: what stands in the place of a dependency, mostly in tests.

``app.dependency_overrides[get_service] = FakeService``, wherever that stands: with a function, a
lambda or a class, one by one, several at once, or by a fixture that takes it back afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from asyncify import facts as f
from asyncify.analysis.program import Class, Function, Program, dotted
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary.testing import MOCKED_OVERRIDES

_UPDATE, _SET_ITEM = "update", "setitem"


class Override(NamedTuple):
    """Where one dependency is put in the place of another: the operation that names that."""

    function: Function
    key: int
    replaced: Function | Class
    override: Function | Class


def overrides(program: Program) -> Iterator[Override]:
    """All of a program."""
    for function in program.mentioning(MOCKED_OVERRIDES):
        for key, value in overriding(function):
            replaced, override = (_callable(program, function, i) for i in (key, value))
            if replaced is not None and override is not None:
                yield Override(function, key, replaced, override)


def by_dependency(program: Program) -> dict[Function | Class, list[Function | Class]]:
    """What takes the place of each dependency."""
    found: dict[Function | Class, list[Function | Class]] = {}
    for _, _, replaced, override in overrides(program):
        found.setdefault(replaced, []).append(override)
    return found


def overriding(function: Function) -> Iterator[tuple[int, int]]:
    """The operations of a function that name dependencies, and what takes their places."""
    if MOCKED_OVERRIDES not in function.facts.names:
        return
    operations = function.body.operations
    for statement in statements_of(function.body.statements):
        for target in statement[7] if statement[0] == f.ASSIGN else ():
            if target[0] == f.TO_SUBSCRIPT and _is_table(operations, target[1]):
                yield target[2], statement[8]
            elif target[0] == f.TO_ATTRIBUTE and target[2] == MOCKED_OVERRIDES:
                yield from _pairs(operations[statement[8]])
    for operation in operations:
        if operation and operation[0] == f.CALL and operation[6]:
            yield from _called(operations, operation)


def _called(
    operations: tuple[f.Operation, ...], operation: f.Operation
) -> Iterator[tuple[int, int]]:
    """``app.dependency_overrides.update({...})``, ``monkeypatch.setitem(...)``."""
    callee, arguments = operations[operation[5]], operation[6]
    if callee[0] != f.ATTRIBUTE or min(arguments) < 0:
        return
    if callee[6] == _UPDATE and _is_table(operations, callee[5]):
        yield from _pairs(operations[arguments[0]])
    elif callee[6] == _SET_ITEM and len(arguments) > 2 and _is_table(operations, arguments[0]):
        yield arguments[1], arguments[2]


def _is_table(operations: tuple[f.Operation, ...], index: int) -> bool:
    return dotted(operations, index).rpartition(".")[2] == MOCKED_OVERRIDES


def _pairs(operation: f.Operation) -> Iterator[tuple[int, int]]:
    return zip(operation[5], operation[6], strict=True) if operation[0] == f.DICT else iter(())


def _callable(program: Program, function: Function, index: int) -> Function | Class | None:
    """The function or class that an operation is or names, also one inside of the function."""
    if index < 0:
        return None
    operation = function.body.operations[index]
    symbol: object = None
    if operation[0] == f.LAMBDA:
        symbol = function.module.functions[operation[5]]
    elif operation[0] == f.NAME:
        inner = (c for c in function.module.functions if c.parent is function)
        symbol = next((c for c in inner if c.name == operation[5]), None)
    symbol = symbol or program.resolve_expression(function, function.body.operations, index)
    return symbol if isinstance(symbol, (Function, Class)) else None
