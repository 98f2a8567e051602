"""Running: functions that are given to something foreign along with their arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.vocabulary.runners import Runner

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation


def run(evaluation: Evaluation, runner: Runner, operation: f.Operation) -> v.Value:
    """``submit(f, a)``: the arguments flow into the function. What it returns is given where the
    call gives it."""
    values = evaluation.values
    positional: list[int] = []
    for index in operation[6]:
        if index < 0:
            break  # behind what is unpacked nobody knows which is which
        positional.append(index)
    keywords = {name: index for name, index in operation[7] if name}
    place = keywords.pop(runner.keyword, -1)
    if place < 0 and runner.argument < len(positional):
        place = positional[runner.argument]
    if place < 0:
        return v.UNKNOWN
    arguments = [values[i] for i in positional[runner.argument + 1 :]]
    named = {name: values[i] for name, i in keywords.items()}
    if runner.items:
        arguments, named = [v.elements(value) for value in arguments], {}
    elif runner.packed >= 0:
        arguments, named = _packed(evaluation, runner, positional, keywords)
    made = [
        evaluation.inference.called(
            atom.function, atom.bound, [*([v.UNKNOWN] * atom.given), *arguments], named
        )
        for atom in values[place] if isinstance(atom, v.FunctionObject)
    ]  # fmt: skip
    return v.join(made) if runner.gives else v.UNKNOWN


def _packed(
    evaluation: Evaluation, runner: Runner, positional: list[int], keywords: dict[str, int]
) -> tuple[list[v.Value], dict[str, v.Value]]:
    """``args=(a, b), kwargs={"c": c}``, as written or by position."""
    packed = (runner.packed, runner.packed + 1)
    places = [positional[n] if n < len(positional) else -1 for n in packed]
    args, kwargs = keywords.get("args", places[0]), keywords.get("kwargs", places[1])
    arguments: list[v.Value] = []
    if args >= 0:
        written = evaluation.operations[args]
        if written[0] == f.SEQUENCE:
            arguments = [evaluation.values[i] if i >= 0 else v.UNKNOWN for i in written[6]]
        else:
            tuples = [a for a in evaluation.values[args] if isinstance(a, v.TupleValue)]
            arguments = list(tuples[0].items) if len(tuples) == 1 else []
    return arguments, v.keyed(evaluation.values[kwargs]) if kwargs >= 0 else {}
