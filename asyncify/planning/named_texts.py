"""Texts that name a class or a variable: a path to it or into it, its name behind its module, or a
name that a type checker or SQLAlchemy looks up."""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis.program import Function, Module, Program, dotted
from asyncify.analysis.symbols import Symbol

Operations = tuple[f.Operation, ...]
_GETTING = frozenset({"getattr", "setattr", "hasattr", "delattr", "object", "patch"})
# What is given the name of a logger, which is configured elsewhere.
_LOGGERS = frozenset({"getLogger", "at_level", "set_level", "assertLogs", "assertNoLogs"})
_IMPORTING = frozenset({"import_module", "__import__"})
# What looks a name up where it stands.
_LOOKING_UP = frozenset({"cast", "TypeVar", "NewType", "ForwardRef", "relationship"})


def texts_naming(
    program: Program,
    scope: Function,
    operations: Operations,
    symbol: Symbol,
    name: str,
) -> Iterator[int]:
    """The constants ``"app.jobs.Executor"``, ``"app.jobs:Executor"``, ``"app.jobs.Executor.run"``,
    the second argument of ``setattr(jobs, "Executor", other)``, and the first of
    ``cast("Executor", found)``."""
    for index, operation in enumerate(operations):
        text = operation[5] if operation and operation[0] == f.CONSTANT else None
        if not isinstance(text, str) or name not in text:
            continue
        owner, found, rest = text.replace(":", ".", 1).partition(name)
        if not found or (rest and not (owner and rest.startswith("."))):
            continue
        if not owner:
            if _is_member(program, scope, operations, index, symbol, name):
                yield index
        elif (
            owner.endswith(".") and program.named(owner + name) == symbol
            and not is_of_logger(operations, index)
        ):  # fmt: skip
            yield index


def is_of_logger(operations: Operations, index: int) -> bool:
    """Is a constant the name of a logger?"""
    call = call_of(operations, index)
    return call >= 0 and _called(operations, operations[call]) in _LOGGERS


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
    """Is it the name of the class in a module that stands before it, or where it stands?"""
    call = call_of(operations, index)
    if call >= 0 and _called(operations, operations[call]) in _LOOKING_UP:
        return program.resolve(scope.module, name) == symbol
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
