"""What goes through what it is given."""

from __future__ import annotations

from collections.abc import Sequence

from asyncify import facts as f
from asyncify.analysis import values as v

FROM_ITERABLE = "itertools.chain.from_iterable"
# Builtins that iterate over their arguments.
ITERATING = {
    "list", "tuple", "set", "sorted", "iter", "enumerate", "sum", "any", "all", "zip", "map",
    "filter", "dict", "frozenset", "min", "max", "next", "reversed",
    "collections.Counter", "collections.OrderedDict", "collections.deque", "dict.fromkeys",
    "functools.reduce",
    "itertools.accumulate", "itertools.chain", "itertools.combinations", "itertools.compress",
    "itertools.cycle", "itertools.dropwhile", "itertools.filterfalse", "itertools.groupby",
    "itertools.islice", "itertools.pairwise", "itertools.permutations", "itertools.product",
    "itertools.starmap", "itertools.takewhile", "itertools.tee", "itertools.zip_longest",
}  # fmt: skip


def reads_items(values: Sequence[v.Value], operation: f.Operation, argument: int) -> bool:
    """Does a call go through what the items of an argument give, too: ``chain.from_iterable(all)``,
    ``zip(*all)``, ``map(list, all)``?"""
    names = _names(values, operation[5])
    if argument < 0:
        return not names.isdisjoint(ITERATING)
    given = operation[6]
    if FROM_ITERABLE in names:
        return bool(given[:1] == (argument,))
    is_mapped = "map" in names and argument in given[1:] and given[0] >= 0
    return is_mapped and not _names(values, given[0]).isdisjoint(ITERATING)


def _names(values: Sequence[v.Value], index: int) -> set[str]:
    return {atom.name for atom in values[index] if isinstance(atom, v.Foreign)}
