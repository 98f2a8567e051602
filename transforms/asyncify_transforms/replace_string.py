"""Gives an assigned string literal another content, or an f-string another beginning.

What it does
    The literal keeps its quotes and its prefix; of a text that is put together only the beginning
    changes.

Why
    The URL of a database names the driver, and an async engine needs an async one.

Example
    Before:
        DATABASE_URL = "sqlite:///app.db"
    After:
        DATABASE_URL = "sqlite+aiosqlite:///app.db"

Leaves alone
    Strings that begin with something else than a literal.

Safety
    Safe where nothing but the engine reads the variable, which the plan makes sure of.

Source
    https://docs.sqlalchemy.org/en/20/core/engines.html#database-urls
"""

from __future__ import annotations

from typing import Any

import libcst as cst

from asyncify.decisions import ReplaceString
from asyncify_transforms._expressions import begun
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: ReplaceString, statement: Any, place: Place) -> cst.CSTNode | None:
    """The assignment with the new literal."""
    value = statement.value
    if decision.old:
        text = begun(value, decision.old, decision.new)
        if text is None:
            place.refuse("What is assigned doesn't begin so.")
            return None
        changed: cst.CSTNode = statement.with_changes(value=text)
        return changed
    if not isinstance(value, cst.SimpleString):
        place.refuse("What is assigned isn't one string literal.")
        return None
    literal = f"{value.prefix}{value.quote}{decision.new}{value.quote}"
    new: cst.CSTNode = statement.with_changes(value=value.with_changes(value=literal))
    return new


TRANSFORM = Transform("replace-string", ReplaceString, apply)
EXAMPLES = (
    documented(__doc__, ReplaceString(**node("Assign"), new="sqlite+aiosqlite:///app.db")),
    Example(
        "URL: str = r'mysql://h/d'  # here\n",
        (ReplaceString(**node("AnnAssign"), new="mysql+aiomysql://h/d"),),
        "URL: str = r'mysql+aiomysql://h/d'  # here\n",
    ),
    Example(
        "URL = f'mysql://{host}/d'\n",
        (ReplaceString(**node("Assign"), old="mysql://", new="mysql+aiomysql://"),),
        "URL = f'mysql+aiomysql://{host}/d'\n",
    ),
)
