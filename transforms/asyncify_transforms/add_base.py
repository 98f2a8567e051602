"""Puts one more base class before those that a class has.

What it does
    The new base comes first, so that it is found first.

Why
    `AsyncAttrs` gives the instances of every model `awaitable_attrs`, by which an attribute that
    isn't loaded can be awaited.

Example
    Before:
        class Base(DeclarativeBase):
            pass
    After:
        class Base(AsyncAttrs, DeclarativeBase):
            pass

Leaves alone
    The other bases, the keywords, and the body.

Safety
    Safe for a mixin without a constructor and without attributes that the class uses.

Source
    https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.AsyncAttrs
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import AddBase
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: AddBase, cls: cst.ClassDef, place: Place) -> cst.CSTNode | None:
    """The class with the base."""
    base = cst.Arg(cst.parse_expression(decision.base))
    if cls.bases or cls.keywords:
        comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        base = base.with_changes(comma=comma)
    parentheses = {"lpar": cst.LeftParen(), "rpar": cst.RightParen()}
    return cls.with_changes(bases=[base, *cls.bases], **parentheses)


TRANSFORM = Transform("add-base", AddBase, apply)
EXAMPLES = (
    documented(__doc__, AddBase(**node("ClassDef", 0, "Base"), base="AsyncAttrs")),
    Example(
        "class Base: pass\n",
        (AddBase(**node("ClassDef", 0, "Base"), base="AsyncAttrs"),),
        "class Base(AsyncAttrs): pass\n",
    ),
)
