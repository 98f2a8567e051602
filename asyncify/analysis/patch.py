"""Patch: what a function reads has grown, and only what is made of that is evaluated again.

Most of what grows late is looked at and forgotten: a column is compared, an attribute is printed.
From the operations that read it, the values are followed upwards, as long as they change. Where one
is bound to a name, the whole function has to be evaluated again.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import calls, members, operators
from asyncify.analysis import values as v

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation

_HANDLERS = {
    f.ATTRIBUTE: members.read,
    f.CALL: calls.call,
    f.SUBSCRIPT: operators.subscript,
    f.AWAIT: operators.awaited,
    f.SEQUENCE: operators.sequence,
    f.DICT: operators.mapping,
    f.BOOLEAN: operators.boolean,
    f.CONDITIONAL: operators.conditional,
    f.OPERATOR: operators.binary,
}
_WITHOUT_VALUE = (f.FORMAT, f.SLICE)
# Statements whose values nobody gets.
_FORGETTING = (f.EXPRESSION, f.IF, f.WHILE, f.ASSERT, f.RAISE)


def patch(evaluation: Evaluation, places: set[int]) -> bool:
    """Evaluate operations again, and those that use their values. False where that isn't enough."""
    if not evaluation.is_scope:
        return False
    pending = list(places)
    heapify(pending)
    layout = evaluation.inference.layout(evaluation.function)
    while pending:
        index = heappop(pending)
        value = _evaluated(evaluation, index)
        if value is None:
            return False
        if value == evaluation.values[index] and not _hides(evaluation, index):
            continue
        evaluation.values[index] = value
        parent = layout.parent(index)
        if parent >= 0:
            if parent not in pending:
                heappush(pending, parent)
        elif not _is_settled(evaluation, layout.statement(index), value):
            return False
    return True


def _hides(evaluation: Evaluation, index: int) -> bool:
    """Is it a method of a container? Only calling it gives what the container has."""
    operation = evaluation.operations[index]
    return (
        operation[0] == f.ATTRIBUTE
        and operation[6] in calls.OF_CONTAINERS
        and not evaluation.values[index]
    )


def _evaluated(evaluation: Evaluation, index: int) -> v.Value | None:
    """The value of an operation, or None where it can't be had without those before it."""
    operation = evaluation.operations[index]
    kind = operation[0]
    evaluation.inference.place = index
    if kind == f.NAME:
        is_free = operation[5] not in evaluation.environment
        return evaluation.free(operation[5]) if is_free else None
    if kind in _WITHOUT_VALUE:
        return v.UNKNOWN
    handler = _HANDLERS.get(kind)
    if handler is None or (kind == f.CALL and calls.may_fill(evaluation, operation)):
        return None
    return handler(evaluation, operation, index)


def _is_settled(evaluation: Evaluation, statement: f.Statement | None, value: v.Value) -> bool:
    """Has the value of a whole expression arrived where it goes?"""
    if statement is None:
        return False
    if statement[0] == f.RETURN:
        inference = evaluation.inference
        inference.write(inference.slot("return", evaluation.function), value)
        return True
    return statement[0] in _FORGETTING
