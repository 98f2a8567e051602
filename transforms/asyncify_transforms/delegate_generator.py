"""Turns `yield from` in an async generator into a loop.

What it does
    `yield from rows(db)` becomes `async for item in rows(db): yield item`, and `for` where what it
    yields from isn't asynchronous.

Why
    `yield from` doesn't exist in an async generator.

Example
    Before:
        async def everything(db):
            yield from books(db)  # first
            yield None
    After:
        async def everything(db):
            async for item in books(db):
                yield item  # first
            yield None

Leaves alone
    The generator's expression.

Safety
    Only for a statement of its own: a loop has no value, and sends nothing on to the generator.

Source
    https://peps.python.org/pep-0525/#asynchronous-yield-from
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import DelegateGenerator
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: DelegateGenerator, delegation: cst.Yield, place: Place) -> cst.CSTNode | None:
    """The loop, in the place of the statement."""
    line = place.line
    if not isinstance(delegation.value, cst.From) or not isinstance(line, cst.SimpleStatementLine):
        place.refuse("It isn't a statement of its own.")
        return None
    item = cst.Name(decision.variable)
    inner = cst.SimpleStatementLine(
        [cst.Expr(cst.Yield(item))], trailing_whitespace=line.trailing_whitespace
    )
    loop = cst.For(
        item,
        delegation.value.item,
        cst.IndentedBlock([inner]),
        leading_lines=line.leading_lines,
        asynchronous=cst.Asynchronous() if decision.asynchronous else None,
    )
    return delegation if place.replace_line([loop]) else None


TRANSFORM = Transform("delegate-generator", DelegateGenerator, apply)
EXAMPLES = (
    documented(__doc__, DelegateGenerator(**node("Yield"))),
    Example(
        "async def f(db):\n    yield from (await db.scalars(q)).all()\n",
        (DelegateGenerator(**node("Yield"), asynchronous=False),),
        "async def f(db):\n    for item in (await db.scalars(q)).all():\n        yield item\n",
    ),
    Example(
        "async def f(item):\n    # all of it\n    yield from item.rows()\n",
        (DelegateGenerator(**node("Yield"), variable="each"),),
        "async def f(item):\n    # all of it\n    async for each in item.rows():\n"
        "        yield each\n",
    ),
    Example(
        "async def f():\n    yield from (1, 2)\n",
        (DelegateGenerator(**node("Yield"), asynchronous=False),),
        "async def f():\n    for item in (1, 2):\n        yield item\n",
    ),
)
