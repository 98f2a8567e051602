"""Calls by name of what turns, where nobody has seen what is called.

Only functions that can matter are evaluated. Whoever was left out and yet calls something by a
name that nothing but turning functions have is told: it may be one of those. A method with a name
that many objects have, like ``run``, is called by somebody, too: if none of its calls was seen,
those of something unknown are told.
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
from asyncify.vocabulary.classes import PLAIN_BASES
from asyncify.vocabulary.common import CHOSEN, COMMON

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
                    yield _told(place, operation, function)


def uncalled_methods(colors: Colors, coloring: Coloring) -> Iterator[Finding]:
    """A warning for each call of something unknown that may be a method which turns, and of which
    no call is known."""
    uncalled: dict[str, Function] = {}
    for function in coloring.turned:
        if function.name in CHOSEN and (
            _is_called_by_none(colors, function) and function not in coloring.stays
        ):  # fmt: skip
            uncalled[function.name] = min(
                uncalled.get(function.name, function), function, key=lambda fn: fn.qualname
            )
    for name, method in sorted(uncalled.items()):
        for place in colors.program.mentioning_member(name):
            for operation in _of_unknown(colors, place, name):
                yield _told(place, operation, method)


def _is_called_by_none(colors: Colors, function: Function) -> bool:
    """Is no call known of a method that only the program can call?"""
    return (
        function.owner is not None and function.facts.kind == "def"
        and not function.facts.is_async and not function.facts.is_generator
        and not function.signature_is_decorated and function.owner.foreign_bases <= PLAIN_BASES
        and not any(colors.callers().get(each) for each in colors.family(function))
    )  # fmt: skip


def _of_unknown(colors: Colors, place: Function, name: str) -> Iterator[f.Operation]:
    """The calls of a method of that name, of something of which nothing is known, that nobody
    awaits."""
    evaluation = colors.inference.evaluations.get(place)
    for index, operation in enumerate(evaluation.operations if evaluation else ()):
        if evaluation and operation and operation[0] == f.CALL:
            callee = evaluation.operations[operation[5]]
            unknown = callee[0] == f.ATTRIBUTE and not evaluation.values[callee[5]]
            if unknown and callee[6] == name and not colors.uses.layout(place).is_awaited(index):
                yield operation


def _told(place: Function, operation: f.Operation, function: Function) -> Finding:
    site = Site(place.module.path, operation[1], operation[2])
    reason = f"It isn't known what this calls. It may be `{function.qualname}`, "
    reason += "which turns async, and nobody awaits it here."
    return finding("ASY106", site, reason, _ADVICE)


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
