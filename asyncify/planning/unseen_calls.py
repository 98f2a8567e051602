"""Calls by name of what turns, in functions that the inference never looked at.

Only functions that can matter are evaluated. Whoever was left out and yet calls something by a
name that nothing but turning functions have is told: it may be one of those.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function
from asyncify.findings import Finding
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.vocabulary.common import COMMON

_ADVICE = "Await it where it is that function, or annotate what it is called on."


def unseen_calls(colors: Colors, coloring: Coloring) -> Iterator[Finding]:
    """A warning for each call in a function that was not evaluated."""
    named = _turning(colors, coloring)
    evaluations = colors.inference.evaluations
    places = dict.fromkeys(
        place for name in sorted(named) for place in colors.program.mentioning(name)
        if place not in evaluations
    )  # fmt: skip
    for place in places:
        for index, operation in enumerate(place.body.operations):
            if operation and operation[0] == f.CALL:
                function = _called(colors, place, operation, named)
                if function is not None and not colors.uses.layout(place).is_awaited(index):
                    site = Site(place.module.path, operation[1], operation[2])
                    reason = f"It isn't known what this calls. It may be `{function.qualname}`, "
                    reason += "which turns async, and nobody awaits it here."
                    yield finding("ASY106", site, reason, _ADVICE)


def _turning(colors: Colors, coloring: Coloring) -> dict[str, Function]:
    """What turns, by names that say what is meant: nothing else in the program has them, nor do
    many libraries."""
    found = {
        function.name: function for function in coloring.turned
        if function.facts.kind == "def" and not function.facts.is_async
        and not function.facts.is_generator and function not in coloring.stays
        and function.name not in COMMON and function.name[:2] != "__"
        and (function.owner is not None or function.parent is function.module.functions[0])
    }  # fmt: skip
    if not found:
        return found
    numbers = Counter(
        function.name for module in colors.program.modules.values()
        for function in module.functions if function.name in found
    )  # fmt: skip
    turned = Counter(function.name for function in coloring.turned)
    return {name: fn for name, fn in found.items() if numbers[name] == turned[name]}


def _called(
    colors: Colors, place: Function, operation: f.Operation, named: dict[str, Function]
) -> Function | None:
    """The function that a call may be one of."""
    operations = place.body.operations
    callee = operations[operation[5]]
    name = callee[5] if callee[0] == f.NAME else callee[6] if callee[0] == f.ATTRIBUTE else ""
    function = named.get(name)
    if function is None:
        return None
    symbol = colors.program.resolve_expression(place, operations, operation[5])
    if isinstance(symbol, str) or (symbol is None and callee[0] == f.NAME):
        return None  # a library's, or a variable of its own
    return function
