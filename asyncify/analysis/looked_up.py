"""Methods that are looked up by a name which nobody has written down: ``getattr(service, action)``.

Where it isn't known how the name begins or ends, what is called may be any method of the object
that takes such arguments.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.computed_names import assignments, shape
from asyncify.analysis.evaluate import Evaluation
from asyncify.analysis.program import Function, dotted

GETATTR = "getattr"


def lookup(evaluation: Evaluation, place: int) -> f.Operation | None:
    """The ``getattr`` that gives what is called, at once or by a variable."""
    if GETATTR not in evaluation.function.facts.names:
        return None
    for operation in calls(evaluation, place, GETATTR):
        is_plain = evaluation.operations[operation[5]][0] == f.NAME
        if is_plain and len(operation[6]) > 1 and min(operation[6][:2]) >= 0:
            return operation
    return None


def calls(evaluation: Evaluation, place: int, name: str) -> Iterator[f.Operation]:
    """The calls of that name which give what is read, at once or by a variable."""
    operations = evaluation.operations
    layout = evaluation.inference.layout(evaluation.function)
    named = operations[place][0] == f.NAME
    for found in assignments(layout, operations[place][5]) if named else [place]:
        operation = operations[found]
        called = dotted(operations, operation[5]) if operation[0] == f.CALL else ""
        if called.rpartition(".")[2] == name:
            yield operation


def methods(evaluation: Evaluation, operation: f.Operation) -> Iterator[Function]:
    """The methods that a ``getattr`` may give."""
    layout = evaluation.inference.layout(evaluation.function)
    named = shape(evaluation.program, layout, operation[6][1])
    for atom in evaluation.values[operation[6][0]]:
        if isinstance(atom, v.Instance):
            for cls in dict.fromkeys((*atom.cls.ancestors, *atom.cls.descendants())):
                for name, method in cls.methods.items():
                    if named.fits(name) and not name.startswith("__"):
                        yield method
