"""Takes an `await` away from what isn't awaitable.

What it does
    `await db.add(book)` becomes `db.add(book)`.

Why
    Awaiting None raises TypeError at run time; `add` and its like are plain methods of
    AsyncSession.

Example
    Before:
        async def save(db, book):
            await db.add(book)
    After:
        async def save(db, book):
            db.add(book)

Leaves alone
    The awaited expression itself, and comments.

Safety
    Safe where the table of the API says that the method is plain.

Source
    https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import RemoveAwait
from asyncify_transforms._expressions import (
    fit,
    has_newline,
    with_parentheses_of,
    without_parentheses,
)
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: RemoveAwait, expression: cst.Await, place: Place) -> cst.CSTNode | None:
    """The expression behind ``await``, in no more parentheses than it needs."""
    inner = expression.expression
    if expression.lpar and has_newline(expression):
        inner = with_parentheses_of(inner, expression)
    elif inner.lpar and not has_newline(inner):
        inner = without_parentheses(inner)
    result: cst.CSTNode = fit(inner, place.parent, place.field)
    return result


TRANSFORM = Transform("remove-await", RemoveAwait, apply)
EXAMPLES = (
    documented(__doc__, RemoveAwait(**node("Await"))),
    Example(
        "async def f(db):\n    return (await db.info).x\n",
        (RemoveAwait(**node("Await")),),
        "async def f(db):\n    return db.info.x\n",
    ),
)
