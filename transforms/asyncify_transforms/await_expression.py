"""Awaits an expression where it stands, or in a statement of its own.

What it does
    `f(x)` becomes `await f(x)`, in parentheses only where Python needs them. With a variable, the
    awaited value is first assigned to it, in a statement right before.

Why
    A coroutine that nobody awaits never runs: the commit doesn't happen, and nothing is raised.

Example
    Before:
        async def save(db, book):
            db.add(book)
            db.commit()
            return load(book).title
    After:
        async def save(db, book):
            db.add(book)
            await db.commit()
            return (await load(book)).title

Leaves alone
    Arguments and layout. Parentheses that held several lines together stay; those that have become
    redundant go.

Safety
    Safe. Where no statement can be put before (an elif, a lambda, a comprehension), a variable is
    refused, and the file with it.

Source
    https://docs.python.org/3/reference/expressions.html#await-expression
"""

from __future__ import annotations

from typing import Any

import libcst as cst

from asyncify.decisions import AwaitExpression
from asyncify_transforms._expressions import await_statement, awaited
from asyncify_transforms._transform import (
    Example,
    Place,
    Transform,
    awaited_before,
    documented,
    node,
)


def apply(decision: AwaitExpression, expression: Any, place: Place) -> cst.CSTNode | None:
    """``await``, in place or hoisted."""
    if isinstance(expression, cst.Await) or awaited_before(place):
        place.refuse("The expression is awaited already.")
        return None
    if not decision.hoist:
        result: cst.CSTNode = awaited(expression, place.parent, place.field)
        return result
    if not place.hoist(await_statement(decision.hoist, expression)):
        return None
    return cst.Name(decision.hoist)


TRANSFORM = Transform("await-expression", AwaitExpression, apply)
EXAMPLES = (
    documented(
        __doc__,
        AwaitExpression(**node("Call", 1, "commit")),
        AwaitExpression(**node("Call", 2, "load")),
    ),
    Example(
        "async def f(db):\n    # one\n    if load(db).ready: pass\n",
        (AwaitExpression(**node("Call", 0, "load"), hoist="loaded"),),
        "async def f(db):\n    # one\n    loaded = await load(db)\n    if loaded.ready: pass\n",
    ),
    Example(
        "async def f(db):\n    return (\n        db\n        .get(1)  # first\n    )\n",
        (AwaitExpression(**node("Call", 0, "get")),),
        "async def f(db):\n    return await (\n        db\n        .get(1)  # first\n    )\n",
    ),
    Example(
        "async def f(db):\n    return(g(db))\n",
        (AwaitExpression(**node("Call", 0, "g")),),
        "async def f(db):\n    return(await g(db))\n",
    ),
)
