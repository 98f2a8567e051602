"""Turns a `with` into `async with`.

What it does
    `with SessionLocal() as db:` becomes `async with SessionLocal() as db:`. Where context managers
    that stay sync stand in the same statement, it is split into nested ones in the same order.

Why
    AsyncSession is an asynchronous context manager; `with` on it raises TypeError.

Example
    Before:
        async def seed(path):
            with open(path) as file, SessionLocal() as db:
                load(file, db)
    After:
        async def seed(path):
            with open(path) as file:
                async with SessionLocal() as db:
                    load(file, db)

Leaves alone
    The managers themselves, their targets and the body.

Safety
    Equal: the managers are entered and left in the order as written.

Source
    https://docs.python.org/3/reference/compound_stmts.html#the-async-with-statement
"""

from __future__ import annotations

from itertools import groupby

import libcst as cst

from asyncify.decisions import MakeAsyncWith
from asyncify_transforms._expressions import comments_in
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: MakeAsyncWith, statement: cst.With, place: Place) -> cst.CSTNode | None:
    """One ``async with``, or nested statements."""
    if statement.asynchronous is not None or not decision.items:
        place.refuse("The statement is an async with already, or no item is named.")
        return None
    if max(decision.items) >= len(statement.items):
        place.refuse(f"The statement has no item {max(decision.items)}.")
        return None
    items = _all_items(decision, statement)
    if all(is_async for is_async, _ in items):
        return statement.with_changes(
            items=[item for _, item in items], asynchronous=cst.Asynchronous()
        )
    return _nested(items, statement, place)


def _all_items(decision: MakeAsyncWith, statement: cst.With) -> list[tuple[bool, cst.WithItem]]:
    """The items, whether each is asynchronous, and those that are entered before them."""
    found: list[tuple[bool, cst.WithItem]] = []
    for index, item in enumerate(statement.items):
        for before, source in decision.before:
            if before == index:
                comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
                found.append((True, cst.WithItem(cst.parse_expression(source), comma=comma)))
        found.append((index in decision.items, item))
    return found


def _nested(items: list[tuple[bool, cst.WithItem]], statement: cst.With, place: Place) -> cst.With:
    groups = [
        (is_async, [item for _, item in found])
        for is_async, found in groupby(items, key=lambda each: each[0])
    ]
    place.keep_comments(_comments(statement))
    body: cst.BaseSuite = statement.body
    inner: cst.With | None = None
    for is_async, group in reversed(groups):
        inner = cst.With(
            [item.with_changes(comma=cst.MaybeSentinel.DEFAULT) for item in group],
            body if inner is None else cst.IndentedBlock([inner]),
            asynchronous=cst.Asynchronous() if is_async else None,
        )
    assert inner is not None
    return inner.with_changes(leading_lines=statement.leading_lines)


def _comments(statement: cst.With) -> list[cst.Comment]:
    """Comments between the items, which have no place in the split statement."""
    parts: list[cst.CSTNode] = []
    for part in (statement.lpar, *(item.comma for item in statement.items), statement.rpar):
        if isinstance(part, cst.CSTNode):
            parts.append(part)
    return comments_in(*parts)


TRANSFORM = Transform("make-async-with", MakeAsyncWith, apply)
EXAMPLES = (
    documented(__doc__, MakeAsyncWith(**node("With"), items=(1,))),
    Example(
        "async def f():\n    # c\n    with (\n        A() as a,\n        B() as b,\n    ): pass\n",
        (MakeAsyncWith(**node("With"), items=(0, 1)),),
        "async def f():\n    # c\n"
        "    async with (\n        A() as a,\n        B() as b,\n    ): pass\n",
    ),
    Example(
        "async def f():\n    with A() as a, B(a) as b:\n        pass\n",
        (MakeAsyncWith(**node("With"), items=(0, 1), before=((1, "started(a)"),)),),
        "async def f():\n    async with A() as a, started(a), B(a) as b:\n        pass\n",
    ),
    Example(
        "async def f():\n    with a, b, c:  # x\n        pass\n",
        (MakeAsyncWith(**node("With"), items=(1,)),),
        "async def f():\n    with a:\n        async with b:\n            with c:  # x\n"
        "                pass\n",
    ),
)
