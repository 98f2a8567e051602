"""Kept methods: ``query = session.query``, by which queries begin.

What begins there becomes statements, and an async session has no such method. A name that nothing
else is done with than calling it goes with its assignment; whatever else is done with the method
has no form.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function
from asyncify.analysis.statements import statements_of

BEGINS = "Query"  # what such a method gives
REASON = "`{name}` of a session is kept or handed on, and an async session hasn't got it."


def binder(function: Function, name: str) -> Function | None:
    """The function, this one or one around it, that binds a variable."""
    scope: Function | None = function
    while scope is not None and scope.facts.kind in ("def", "lambda"):
        if name in scope.facts.bound:
            return scope
        scope = scope.parent
    return None


def assignment(function: Function, name: str) -> f.Statement | None:
    """The one statement by which a function binds a variable, and nothing else."""
    if any(parameter.name == name for parameter in function.signature.parameters):
        return None
    found = [
        statement for statement in statements_of(function.body.statements)
        if statement[0] == f.ASSIGN and (f.TO_NAME, name) in [t[:2] for t in statement[7]]
    ]  # fmt: skip
    return found[0] if len(found) == 1 and len(found[0][7]) == 1 else None


def reads(function: Function, name: str) -> Iterator[tuple[Function, int]]:
    """Where a function's variable is read, also in the functions that it defines."""
    for other in function.module.functions:
        if other is function or (name in other.facts.names and binder(other, name) is function):
            for index, operation in enumerate(other.body.operations):
                if operation and operation[0] == f.NAME and operation[5] == name:
                    yield other, index


def is_called(layout: Layout, index: int) -> bool:
    """Is it called where it stands, or kept by a name that is? A mock of it is asked for more."""
    parent = layout.parent(index)
    if _is_callee(layout.operations, index) or (
        parent >= 0 and layout.operations[parent][0] == f.ATTRIBUTE
    ):
        return True
    function, statement = layout.function, layout.statement(index)
    if statement is None or statement[0] != f.ASSIGN or statement[8] != index:
        return False
    target = statement[7][0]
    if target[0] != f.TO_NAME or assignment(function, target[1]) is not statement:
        return False
    return all(
        _is_callee(other.body.operations, place) for other, place in reads(function, target[1])
    )


def _is_callee(operations: tuple[f.Operation, ...], index: int) -> bool:
    return any(each and each[0] == f.CALL and each[5] == index for each in operations)
