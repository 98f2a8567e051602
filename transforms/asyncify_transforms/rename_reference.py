"""Replaces a name, or the last part of a dotted name.

What it does
    `sessionmaker` becomes `async_sessionmaker`; `mock.Mock` becomes `mock.AsyncMock`, or, given a
    dotted name or told so, is replaced as a whole: `orm.Session` becomes `AsyncSession`.

Why
    The async classes and factories have names of their own.

Example
    Before:
        SessionLocal = sessionmaker(bind=engine)
    After:
        SessionLocal = async_sessionmaker(bind=engine)

Leaves alone
    Every other use of the name: each is an edit of its own.

Safety
    Safe: the node is found by its place, not by its name, so a local variable of the same name
    isn't touched.

Source
    https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import RenameReference
from asyncify_transforms._expressions import dotted_node, with_parentheses_of
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(
    decision: RenameReference, reference: cst.Name | cst.Attribute, place: Place
) -> cst.CSTNode | None:
    """The reference under its new name."""
    if decision.whole or "." in decision.new:
        result: cst.CSTNode = with_parentheses_of(dotted_node(decision.new), reference)
        return result
    if isinstance(reference, cst.Attribute):
        return reference.with_changes(attr=reference.attr.with_changes(value=decision.new))
    if isinstance(reference, cst.Name):
        return reference.with_changes(value=decision.new)
    place.refuse("Another edit has replaced the name.")
    return None


TRANSFORM = Transform("rename-reference", RenameReference, apply)
EXAMPLES = (
    documented(
        __doc__, RenameReference(**node("Name", 1, "sessionmaker"), new="async_sessionmaker")
    ),
    Example(
        "x = mock.Mock\ny = orm.Session\nz = orm.Session\n",
        (
            RenameReference(**node("Attribute", 0, "Mock"), new="AsyncMock"),
            RenameReference(**node("Attribute", 1, "Session"), new="asyncio.AsyncSession"),
            RenameReference(**node("Attribute", 2, "Session"), new="AsyncSession", whole=True),
        ),
        "x = mock.AsyncMock\ny = asyncio.AsyncSession\nz = AsyncSession\n",
    ),
)
