"""Lets what returned an iterator yield its items.

What it does
    `return iter(items)` becomes a loop that yields each item.

Why
    `async for` asks an object for an asynchronous iterator, and an asynchronous generator is one;
    what it iterates over can be awaited there.

Example
    Before:
        async def __aiter__(self):
            return iter(await self.names())
    After:
        async def __aiter__(self):
            for item in await self.names():
                yield item

Leaves alone
    What is iterated over.

Safety
    Safe: the items are the same, in the same order. What was evaluated when the iteration began is
    evaluated when the first item is asked for.

Source
    https://docs.python.org/3/reference/datamodel.html#object.__aiter__
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import YieldItems
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: YieldItems, statement: cst.Return, place: Place) -> cst.CSTNode | None:
    """The loop."""
    call = statement.value
    if not isinstance(call, cst.Call) or len(call.args) != 1:
        place.refuse("It returns no `iter(...)`.")
        return None
    item = cst.Name(decision.variable)
    line = cst.SimpleStatementLine([cst.Expr(cst.Yield(item))])
    loop = cst.For(item, call.args[0].value, cst.IndentedBlock([line]))
    return statement if place.replace_line([loop]) else None


TRANSFORM = Transform("yield-items", YieldItems, apply)
EXAMPLES = (
    documented(__doc__, YieldItems(**node("Return", 0))),
    Example(
        "def f(item):\n    # all\n    return iter(item)\n",
        (YieldItems(**node("Return", 0), variable="each"),),
        "def f(item):\n    # all\n    for each in item:\n        yield each\n",
    ),
)
