"""Delegation: an async function can't contain ``yield from``, so that becomes a loop."""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function
from asyncify.decisions import DelegateGenerator
from asyncify.planning.draft import Draft, reference

_NAMES = ("item", "each", "element", "yielded")


def loops(
    colors: Colors, coloring: Coloring, function: Function, draft: Draft
) -> Iterator[DelegateGenerator]:
    """What a function that turns yields from besides async generators, which are iterations."""
    facts = function.facts
    if not facts.is_generator:
        return
    evaluation = colors.inference.evaluations[function]
    name = next((n for n in _NAMES if n not in facts.names | facts.bound), "item_")
    planned = {d.node for d in draft.decisions if isinstance(d, DelegateGenerator)}
    for operation in function.body.operations:
        if not operation or operation[0] != f.YIELD_FROM or reference(operation) in planned:
            continue
        if not any(_is_async(atom, coloring) for atom in evaluation.values[operation[5]]):
            yield DelegateGenerator(
                node=reference(operation), site=draft.site(operation),
                group=coloring.groups.get(function, 0), variable=name, asynchronous=False,
            )  # fmt: skip


def _is_async(atom: v.Atom, coloring: Coloring) -> bool:
    return isinstance(atom, v.Generated) and (
        atom.function in coloring.turned or atom.function.facts.is_async
    )
