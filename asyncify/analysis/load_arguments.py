"""What a call gives each parameter of a function of the program.

Instances also come packed: `send(order, by=user)` puts the user into the `**details` of a function
that hands them on, and that one's `receiver(order, **details)` into the receiver's `by`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from asyncify import facts as f
from asyncify.analysis import load_reads
from asyncify.analysis import load_values as s
from asyncify.analysis.program import Function

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation

_CALLED = "__call__"


class Given(NamedTuple):
    """What a parameter is given, and by which operation: none where that is negative."""

    value: s.Value
    place: int = -1


def arguments(
    run: LoadEvaluation,
    function: Function,
    bound: bool,
    operation: f.Operation,
    base: s.Value,
    handed: dict[int, s.Value],
) -> tuple[list[s.Value], list[int]]:
    """What each parameter is given, and by which operation; -1 where there is none."""
    parameters = function.signature.parameters
    found: list[Given] = [Given(s.NOTHING)] * len(parameters)
    places = [n for n, p in enumerate(parameters) if p.kind in ("p", "a")]
    decorators = run.loading.inference.decorators(function)
    if bound and function.owner is not None and "staticmethod" not in decorators and places:
        callee = run.operations[operation[5]]
        own = frozenset(a for a in base if isinstance(a, s.Entity))
        holder = callee[5] if callee[0] == f.ATTRIBUTE else -1
        if function.name == _CALLED:  # the object itself is
            holder = operation[5]
        found[places.pop(0)] = Given(own, holder)
    more = []  # what no parameter has a name for
    for given in _positional(run, operation, handed):
        if places:
            found[places.pop(0)] = given
        else:
            more.append(given.value)
    names = {parameter.name: n for n, parameter in enumerate(parameters)}
    others: dict[str, s.Value] = {}
    for name, given in _named(run, operation, handed):
        if name in names:
            found[names[name]] = given
        else:
            others[name] = given.value
    for n, parameter in enumerate(parameters):
        if parameter.kind == "*" and any(more):
            found[n] = Given(s.one(s.Row(tuple(more))), load_reads.NOWHERE)
        elif parameter.kind == "**" and any(others.values()):
            packed = s.Row(tuple(others.values()), tuple(others))
            found[n] = Given(s.one(packed), load_reads.NOWHERE)
    return [given.value for given in found], [given.place for given in found]


def _positional(
    run: LoadEvaluation, operation: f.Operation, handed: dict[int, s.Value]
) -> Iterator[Given]:
    """What is given by position, as far as it is known where."""
    for argument in operation[6]:
        if argument >= 0:
            yield Given(run.values[argument] or handed.get(argument, s.NOTHING), argument)
            continue
        row = _only_row(run.values[~argument])
        if row is None or row.names:
            return
        yield from (Given(part, load_reads.NOWHERE) for part in row.items)


def _named(
    run: LoadEvaluation, operation: f.Operation, handed: dict[int, s.Value]
) -> Iterator[tuple[str, Given]]:
    """What is given by name."""
    for name, argument in operation[7]:
        if name:
            yield name, Given(run.values[argument] or handed.get(argument, s.NOTHING), argument)
            continue
        row = _only_row(run.values[argument])
        if row is not None:
            values = zip(row.names, row.items, strict=False)
            yield from ((key, Given(part, load_reads.NOWHERE)) for key, part in values)


def _only_row(value: s.Value) -> s.Row | None:
    rows = [atom for atom in value if isinstance(atom, s.Row)]
    return rows[0] if len(rows) == len(value) == 1 else None
