"""What a function that is applied to items is written as, item by item, in a comprehension."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import libcst as cst

from asyncify_transforms._expressions import code, without_parentheses
from asyncify_transforms._templates import Values, fill

_NAMES = ("item", "each", "element")


class PerItem(NamedTuple):
    """The item's name, and the value for one item."""

    name: Any
    value: Any


def per_item(function: Any, awaits: bool) -> PerItem | None:
    """A lambda's parameter and body; or a name for the item, and the call of a named function."""
    function = without_parentheses(function)
    if isinstance(function, cst.Lambda):
        parameters = [*function.params.posonly_params, *function.params.params]
        return PerItem(parameters[0].name, function.body) if len(parameters) == 1 else None
    words = set(re.findall(r"\w+", code(function)))
    name = cst.Name(next(each for each in _NAMES if each not in words))
    if isinstance(function, cst.Call):
        made = _completed(function, name)
        return PerItem(name, cst.Await(made) if awaits else made)
    template = "await {0}({entity})" if awaits else "{0}({entity})"
    return PerItem(name, fill(template, Values({"0": function, "entity": name})))


def _completed(partial: Any, item: Any) -> Any:
    """``partial(f, a, b=c)`` with the item: ``f(a, item, b=c)``."""
    first, *rest = partial.args
    positional = [argument for argument in rest if argument.keyword is None]
    keywords = [argument for argument in rest if argument.keyword is not None]
    arguments = [
        argument.with_changes(comma=cst.MaybeSentinel.DEFAULT)
        for argument in (*positional, cst.Arg(item), *keywords)
    ]
    return cst.Call(first.value, arguments)
