"""Functions that go elsewhere with an instance: `calls.append(lambda: user.manager.name)`.

Who calls a nested function doesn't know the variables that it closes over, and who calls a method
that it was given (`hook = user.notify`) doesn't know whose it is. What they read is demanded where
they are named, by the function that has the instance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_summaries
from asyncify.analysis import load_values as s
from asyncify.analysis.program import Function
from asyncify.vocabulary.loading import IN_GREENLETS

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation


def named(run: LoadEvaluation, function: Function, index: int) -> None:
    """A nested function is the value of an operation that doesn't call it."""
    if function in run.loading.coloring.turned or function.facts.is_generator:
        return
    if not load_summaries.closed(run, function) and not load_summaries.defaults(run, function):
        return
    layout = run.loading.colors.uses.layout(run.function)
    parent = layout.parent(index)
    if parent >= 0 and run.operations[parent][0] == f.CALL:
        callee = run.operations[run.operations[parent][5]]
        if callee[0] == f.ATTRIBUTE and callee[6] in IN_GREENLETS:
            return
        index = parent
    given = [s.NOTHING] * len(function.signature.parameters)
    load_summaries.demanded(run, function, given, index, [-1] * len(given))


def taken(run: LoadEvaluation, method: Function, entity: s.Entity, index: int, at: int) -> None:
    """A method of an instance is the value of an operation, and isn't called there."""
    count = len(method.signature.parameters)
    if method in run.loading.coloring.turned or method.facts.is_generator or not count:
        return
    given, places = [s.NOTHING] * count, [-1] * count
    given[0], places[0] = s.one(entity), at
    load_summaries.demanded(run, method, given, index, places)


def on_lambda(run: LoadEvaluation, operation: f.Operation, index: int) -> s.Value:
    named(run, run.function.module.functions[operation[5]], index)
    return s.NOTHING
