"""Puts statements before or after another one, or at the start of a function's body.

What it does
    Inserts the given lines, indented as their new place is. At the start of a body they stand
    behind the docstring.

Why
    Some edits need a statement that wasn't there, such as a refresh after a commit.

Example
    Before:
        async def save(db, book):
            await db.commit()
            return book
    After:
        async def save(db, book):
            await db.commit()
            await db.refresh(book)
            return book

Leaves alone
    The statement itself, and its comments.

Safety
    Refused where no line can be put: an elif. Statements that share a line, or follow the header of
    their block, get lines of their own.

Source
    https://docs.python.org/3/reference/compound_stmts.html
"""

from __future__ import annotations

from typing import Any

import libcst as cst

from asyncify.decisions import InsertStatements
from asyncify_transforms._statements import inserted, parsed
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: InsertStatements, target: Any, place: Place) -> cst.CSTNode | None:
    """The node itself, with the statements put where they belong."""
    statements = parsed(decision.source)
    if decision.where in ("before", "after"):
        return target if place.insert(statements, decision.where) else None
    if decision.where == "body" and isinstance(target, cst.FunctionDef):
        return target.with_changes(body=inserted(target.body, statements))
    place.refuse(f'Statements can\'t be put at "{decision.where}" of this node.')
    return None


TRANSFORM = Transform("insert-statements", InsertStatements, apply)
EXAMPLES = (
    documented(
        __doc__,
        InsertStatements(
            **node("Call", 0, "commit"), source="await db.refresh(book)", where="after"
        ),
    ),
    Example(
        'def f():\n    """Doc."""\n    # first\n    return 1\n',
        (InsertStatements(**node("FunctionDef", 0, "f"), source="x = 1\ny = 2\n", where="body"),),
        'def f():\n    """Doc."""\n    x = 1\n    y = 2\n    # first\n    return 1\n',
    ),
    Example(
        "def f(): return 1\n",
        (InsertStatements(**node("FunctionDef", 0, "f"), source="if x:\n    y()", where="body"),),
        "def f():\n    if x:\n        y()\n    return 1\n",
    ),
    Example(
        "def f():\n    a()\n\n    # why\n    b()  # c\n",
        (InsertStatements(**node("Call", 1, "b"), source="c()", where="before"),),
        "def f():\n    a()\n\n    # why\n    c()\n    b()  # c\n",
    ),
    Example(
        "x = 1\n\n\n# why\ndef f():\n    pass\n",
        (
            InsertStatements(
                **node("FunctionDef", 0, "f"), source="class A:\n    pass\n", where="before"
            ),
        ),
        "x = 1\n\n\nclass A:\n    pass\n\n\n# why\ndef f():\n    pass\n",
    ),
)
