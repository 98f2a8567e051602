"""Turns `map` and `filter` into comprehensions, which can await.

What it does
    `list(map(load, ids))` becomes `list([await load(item) for item in ids])`; with a lambda, its
    parameter names the item. What stops early gets a generator expression.

Why
    `map` and `filter` call a function and don't await it.

Example
    Before:
        async def all_of(ids):
            sizes = list(map(lambda i: await size(i), ids))
            return sizes, set(filter(exists, ids))
    After:
        async def all_of(ids):
            sizes = list([await size(i) for i in ids])
            return sizes, set([item for item in ids if await exists(item)])

Leaves alone
    The iterable.

Safety
    Only where the iterator is read where it is made, so that nothing happens between its steps.

Source
    https://docs.python.org/3/library/functions.html#map
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import ApplyInComprehension
from asyncify_transforms._applied import per_item
from asyncify_transforms._expressions import lost_comments
from asyncify_transforms._templates import Values, fill
from asyncify_transforms._transform import Example, Place, Transform, documented, node

_FORMS = {"map": "{1} for {entity} in {0}", "filter": "{entity} for {entity} in {0} if {1}"}


def apply(decision: ApplyInComprehension, call: cst.Call, place: Place) -> cst.CSTNode | None:
    """The comprehension."""
    name = call.func.value if isinstance(call.func, cst.Name) else ""
    item = per_item(call.args[0].value, decision.awaits) if len(call.args) == 2 else None
    if name not in _FORMS or item is None:
        place.refuse("It doesn't apply a function of one argument.")
        return None
    nodes = {"0": call.args[1].value, "1": item.value, "entity": item.name}
    form = f"({_FORMS[name]})" if decision.lazy else f"[{_FORMS[name]}]"
    result: cst.CSTNode = fill(form, Values(nodes))
    place.keep_comments(lost_comments(call, result))
    return result


TRANSFORM = Transform("apply-in-comprehension", ApplyInComprehension, apply)
EXAMPLES = (
    documented(
        __doc__,
        ApplyInComprehension(**node("Call", 1, "map")),
        ApplyInComprehension(**node("Call", 4, "filter"), awaits=True),
    ),
    Example(
        "async def f(items):\n    async for x in map(item.load, items):\n        print(x)\n",
        (ApplyInComprehension(**node("Call", 0, "map"), lazy=True, awaits=True),),
        "async def f(items):\n"
        "    async for x in (await item.load(each) for each in items):\n        print(x)\n",
    ),
)
