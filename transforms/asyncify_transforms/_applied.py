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
        made = _MADE[_last_name(function.func)](function, name)
        return PerItem(name, cst.Await(made) if awaits else made)
    template = "await {0}({entity})" if awaits else "{0}({entity})"
    return PerItem(name, fill(template, Values({"0": function, "entity": name})))


def _last_name(callee: Any) -> str:
    named = callee.attr if isinstance(callee, cst.Attribute) else callee
    return str(named.value)


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


def _called(caller: Any, item: Any) -> Any:
    """``methodcaller("f", a)`` with the item: ``item.f(a)``."""
    first, *rest = caller.args
    arguments = [argument.with_changes(comma=cst.MaybeSentinel.DEFAULT) for argument in rest]
    return cst.Call(cst.Attribute(item, cst.Name(first.value.evaluated_value)), arguments)


def _read(getter: Any, item: Any) -> Any:
    """``attrgetter("a.b")`` with the item: ``item.a.b``."""
    made = item
    for name in getter.args[0].value.evaluated_value.split("."):
        made = cst.Attribute(made, cst.Name(name))
    return made


_MADE = {"partial": _completed, "methodcaller": _called, "attrgetter": _read}
