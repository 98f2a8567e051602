"""Texts that name a class or a variable: a path to it, or its name behind its module."""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis.program import Function, Module, Program, dotted
from asyncify.analysis.symbols import Symbol

Operations = tuple[f.Operation, ...]
_GETTING = frozenset({"getattr", "setattr", "hasattr", "delattr", "object", "patch"})
_LOGGER = "getLogger"  # configured by its name elsewhere
_IMPORTING = frozenset({"import_module", "__import__"})


def texts_naming(
    program: Program,
    scope: Function,
    operations: Operations,
    symbol: Symbol,
    name: str,
) -> Iterator[int]:
    """The constants ``"app.jobs.Executor"`` and ``"app.jobs:Executor"``, and the second argument
    of ``setattr(jobs, "Executor", other)``."""
    for index, operation in enumerate(operations):
        text = operation[5] if operation and operation[0] == f.CONSTANT else None
        if not isinstance(text, str) or not text.endswith(name):
            continue
        path = text.replace(":", ".", 1)
        if path == name:
            if _is_member(program, scope, operations, index, symbol, name):
                yield index
        elif path.removesuffix(name).endswith(".") and program.named(path) == symbol:
            call = call_of(operations, index)
            if call < 0 or _called(operations, operations[call]) != _LOGGER:
                yield index


def call_of(operations: Operations, index: int) -> int:
    """The call that a constant is an argument of, or -1."""
    for place in range(index + 1, len(operations)):
        operation = operations[place]
        if operation and operation[0] == f.CALL and (
            index in operation[6] or any(i == index for _, i in operation[7])
        ):  # fmt: skip
            return place
    return -1


def _is_member(
    program: Program,
    scope: Function,
    operations: Operations,
    index: int,
    symbol: Symbol,
    name: str,
) -> bool:
    """Is it the name of the class in a module that stands before it?"""
    call = call_of(operations, index)
    given: tuple[int, ...] = operations[call][6] if call >= 0 else ()
    if len(given) < 2 or given[1] != index or given[0] < 0:
        return False
    if _called(operations, operations[call]) not in _GETTING:
        return False
    owner = operations[given[0]]
    if owner[0] == f.CALL:
        text = operations[owner[6][0]][5] if owner[6] and owner[6][0] >= 0 else None
        return (
            _called(operations, owner) in _IMPORTING and program.named(f"{text}.{name}") == symbol
        )
    module = program.resolve_expression(scope, operations, given[0])
    return isinstance(module, Module) and program.resolve(module, name) == symbol


def _called(operations: Operations, call: f.Operation) -> str:
    """The last name of what is called."""
    return dotted(operations, call[5]).rpartition(".")[2]
