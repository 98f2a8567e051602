"""Computes the keys of a sort before the sort, so that they can be awaited.

What it does
    `sorted(books, key=lambda book: sales(book))` becomes a sort of pairs of key and book, whose
    keys a comprehension has awaited. `max`, `min` and `list.sort` likewise.

Why
    A key function is called by the sort, which can't await it.

Example
    Before:
        async def ranked(xs):
            best = max(xs, key=lambda x: await sales(x))
            return sorted(xs, key=lambda x: await f(x))
    After:
        async def ranked(xs):
            best = max([(await sales(x), x) for x in xs], key=lambda pair: pair[0])[1]
            return [x for _, x in sorted([(await f(x), x) for x in xs], key=lambda pair: pair[0])]

Leaves alone
    `reverse`, `default`, and the order of items with equal keys.

Safety
    Python computes all keys of a sort in order, once each, before it compares; so does this. Only
    the keys are compared.

Source
    https://docs.python.org/3/howto/sorting.html#decorate-sort-undecorate
"""

from __future__ import annotations

from typing import Any

import libcst as cst

from asyncify.decisions import SortByAwaitedKeys
from asyncify_transforms._applied import PerItem, per_item
from asyncify_transforms._expressions import find_argument, fit, lost_comments
from asyncify_transforms._templates import Values, fill
from asyncify_transforms._transform import Example, Place, Transform, documented, node

_PAIRS = "[({1}, {entity}) for {entity} in {0}]"
_SORTED = "[{entity} for _, {entity} in {awaited}]"
_BY_FIRST = "lambda pair: pair[0]"


def apply(decision: SortByAwaitedKeys, call: cst.Call, place: Place) -> cst.CSTNode | None:
    """The call with pairs of key and item in the place of the items."""
    index = find_argument(call.args, "key")
    item = per_item(call.args[index].value, decision.awaits) if index >= 0 else None
    if item is None:
        place.refuse("Its key isn't a function of one argument.")
        return None
    if isinstance(call.func, cst.Attribute):
        return _in_place(call, call.func.value, item, place)
    ordered = _by_pairs(call, _items(call), item)
    if cst.ensure_type(call.func, cst.Name).value == "sorted":
        nodes = {"awaited": ordered, "entity": item.name}
        result = fill(_SORTED, Values(nodes))
    else:
        result = fill("{awaited}[1]", Values({"awaited": ordered}))
    place.keep_comments(lost_comments(call, result))
    fitted: cst.CSTNode = fit(result, place.parent, place.field)
    return fitted


def _items(call: cst.Call) -> Any:
    """What is sorted: an iterable, or several arguments of ``max``."""
    given = [argument.value for argument in call.args if argument.keyword is None]
    if len(given) == 1:
        return given[0]
    return cst.Tuple([cst.Element(value) for value in given])


def _by_pairs(call: cst.Call, items: Any, item: PerItem) -> cst.Call:
    nodes = {"0": items, "1": item.value, "entity": item.name}
    pairs = cst.Arg(fill(_PAIRS, Values(nodes)))
    key = _keyword("key", cst.parse_expression(_BY_FIRST))
    others = [
        _other(argument) for argument in call.args
        if argument.keyword is not None and argument.keyword.value != "key"
    ]  # fmt: skip
    name = call.func if isinstance(call.func, cst.Name) else cst.Name("sorted")
    return cst.Call(name, [pairs, key, *others])


def _other(argument: cst.Arg) -> cst.Arg:
    """``reverse``, or ``default``, which becomes a pair too."""
    name = cst.ensure_type(argument.keyword, cst.Name).value
    value: Any = argument.value
    if name == "default":
        value = fill("(None, {0})", Values({"0": value}))
    return _keyword(name, value)


def _keyword(name: str, value: Any) -> cst.Arg:
    plain = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    return cst.Arg(value, cst.Name(name), equal=plain)


def _in_place(call: cst.Call, items: Any, item: PerItem, place: Place) -> cst.CSTNode | None:
    """``items[:] = [...]``, as a statement."""
    nodes = {"awaited": _by_pairs(call, items, item), "entity": item.name}
    target = cst.AssignTarget(fill("{0}[:]", Values({"0": items})))
    assigned = cst.Assign([target], fill(_SORTED, Values(nodes)))
    line = cst.SimpleStatementLine([assigned])
    place.keep_comments(lost_comments(call, assigned))
    return call if place.replace_line([line]) else None


TRANSFORM = Transform("sort-by-awaited-keys", SortByAwaitedKeys, apply)
EXAMPLES = (
    documented(
        __doc__,
        SortByAwaitedKeys(**node("Call", 0, "max")),
        SortByAwaitedKeys(**node("Call", 2, "sorted")),
    ),
    Example(
        "async def f(xs):\n    xs.sort(key=size)\n",
        (SortByAwaitedKeys(**node("Call", 0, "sort"), awaits=True),),
        "async def f(xs):\n    xs[:] = [item for _, item in "
        "sorted([(await size(item), item) for item in xs], key=lambda pair: pair[0])]\n",
    ),
    Example(
        "async def f(a, b):\n    return min(a, b, key=self.size).name\n",
        (SortByAwaitedKeys(**node("Call", 0, "min"), awaits=True),),
        "async def f(a, b):\n    return min([(await self.size(item), item) for item in (a, b)], "
        "key=lambda pair: pair[0])[1].name\n",
    ),
    Example(
        "async def f(xs):\n    return max(xs, key=lambda x: await g(x), default=None)\n",
        (SortByAwaitedKeys(**node("Call", 0, "max")),),
        "async def f(xs):\n    return max([(await g(x), x) for x in xs], "
        "key=lambda pair: pair[0], default=(None, None))[1]\n",
    ),
)
