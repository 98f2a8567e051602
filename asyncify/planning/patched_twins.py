"""Patches in tests of what stays sync: ``patch("tasks.SessionLocal")`` means the sync copy where
the module of a task has that from now on, and the test calls the task as before."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from asyncify import facts as f
from asyncify.analysis.colors import Colors
from asyncify.analysis.program import Function, Module, dotted
from asyncify.decisions import EditArguments
from asyncify.planning.draft import Draft
from asyncify.planning.mocked_functions import MockedFunctions
from asyncify.planning.side_twins import SidePlanner
from asyncify.sites import NodeRef


def follow_twins(
    colors: Colors,
    draft: Callable[[Module], Draft],
    sides: SidePlanner,
    functions: MockedFunctions,
) -> None:
    """Name the copies in the patches, once it is known what they are called."""
    if not sides.has_twins:
        return
    for function, operations, operation in _patches(functions):
        if not functions.is_sync(function):
            continue
        for symbol, _ in functions.replaced(function, operations, operation):
            owner = functions.elsewhere(function, operations, operation, symbol)
            new = sides.twin_name(symbol) if owner is not None else ""
            last = _last(operations, operation)
            if owner is None or not new or not draft(owner).drops(last):
                continue
            turned = functions.coloring.turned.intersection(owner.functions)
            if not any(last in inner.facts.names for inner in turned):
                _rename(draft(function.module), operations, operation, new)


def _patches(
    functions: MockedFunctions,
) -> Iterator[tuple[Function, tuple[f.Operation, ...], f.Operation]]:
    for function in functions.patching():
        for operation in function.body.operations:
            if operation and operation[0] == f.CALL:
                yield function, function.body.operations, operation
    for function in functions.decorated():
        for index in function.signature.decorators:
            operation = function.signature.operations[index]
            if operation[0] == f.CALL:
                yield function, function.signature.operations, operation


def _last(operations: tuple[f.Operation, ...], operation: f.Operation) -> str:
    """The name that is patched, which is the last text that is given."""
    texts = (operations[i] for i in operation[6][:2] if i >= 0)
    found = [str(text[5]) for text in texts if text[0] == f.CONSTANT]
    return found[0].rpartition(".")[2] if found else ""


def _rename(
    draft: Draft, operations: tuple[f.Operation, ...], operation: f.Operation, new: str
) -> None:
    first = operations[operation[6][0]]
    place, text = (0, str(first[5])) if first[0] == f.CONSTANT else (1, "")
    owner = text.rpartition(".")[0]
    literals = ((place, f"{owner}.{new}" if owner else new),)
    name = dotted(operations, operation[5]).rpartition(".")[2]
    node = NodeRef("Call", operation[3], name)
    draft.add(EditArguments(node=node, site=draft.site(operation), literals=literals))
