"""Builtins that call a function with one item after the other: ``map``, ``sorted``, ``reduce``.

What the items are, the parameters of the function are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify.analysis import callables, protocols
from asyncify.analysis import values as v
from asyncify.analysis.construction import construct

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation

_ONE = {"min", "max"}  # they give one of the items
REDUCE, _MAP, _FILTER, _STARMAP = "functools.reduce", "map", "filter", "itertools.starmap"
NAMES = frozenset({*_ONE, "sorted", REDUCE, _MAP, _FILTER, _STARMAP})


def call(
    evaluation: Evaluation, name: str, arguments: list[v.Value], named: dict[str, v.Value]
) -> v.Value:
    """What one of these builtins gives."""
    if name == REDUCE:
        return _reduced(evaluation, *arguments[:3]) if len(arguments) > 1 else v.UNKNOWN
    if name in (_MAP, _STARMAP):
        return _mapped(evaluation, arguments, starred=name == _STARMAP)
    if not arguments:
        return v.UNKNOWN
    item = protocols.iterate(evaluation, arguments[-1])
    function = arguments[0] if name == _FILTER else named.get("key", v.UNKNOWN)
    if item and len(arguments) == 1 + (name == _FILTER):
        called(evaluation, function, [item])
    if name in _ONE:
        return item if len(arguments) == 1 else v.UNKNOWN
    return v.collection(item)


def _mapped(evaluation: Evaluation, arguments: list[v.Value], starred: bool) -> v.Value:
    items = [protocols.iterate(evaluation, given) for given in arguments[1:]]
    if starred and items:
        parts = next((a.items for a in items[0] if isinstance(a, v.TupleValue)), ())
        items = list(parts)
    return v.collection(called(evaluation, arguments[0], items)) if any(items) else v.UNKNOWN


def _reduced(
    evaluation: Evaluation, function: v.Value, items: v.Value, start: v.Value | None = None
) -> v.Value:
    """``reduce(f, items, start)``: ``start``, else the first item, and what ``f`` makes of it
    again and again."""
    item = protocols.iterate(evaluation, items)
    value = item if start is None else start
    for _ in range(2):
        value = v.join([value, called(evaluation, function, [value, item])])
    return value


def called(evaluation: Evaluation, function: v.Value, given: list[v.Value]) -> v.Value:
    """What a function, a class or an object of the program gives that is called for an item."""
    inference = evaluation.inference
    made = []
    for atom in function:
        if isinstance(atom, v.FunctionObject):
            behind = [*([v.UNKNOWN] * atom.given), *given]
            made.append(inference.called(atom.function, atom.bound, behind, {}))
        elif isinstance(atom, v.ClassObject):
            behind = [*([v.UNKNOWN] * atom.given), *given]
            made.append(construct(evaluation, atom.cls, behind, {}))
        elif isinstance(atom, v.Giving):
            made.append(atom.items)
        elif isinstance(atom, v.Foreign) and atom.name.startswith(callables.GETTERS) and given:
            made.append(callables.got(evaluation, atom.name, given[0]))
    return v.join(made)
