"""Gives a function a copy that stays sync, for the callers that stay sync.

What it does
    The function is followed by a copy of itself as it was, under another name.

Why
    A function that async code and, say, a Celery task both call can't be both, and where it opens
    a session of its own it can't be entered through `run_sync` either.

Example
    Before:
        def active_users():
            with SessionLocal() as db:
                return db.scalars(select(User)).all()


        def other():
            pass
    After:
        def active_users():
            with SessionLocal() as db:
                return db.scalars(select(User)).all()


        def active_users_sync():
            with SyncSessionLocal() as db:
                return db.scalars(select(User)).all()


        def other():
            pass

Leaves alone
    The original function, which other decisions turn async.

Safety
    Safe. From now on a change has to be made in both.

Source
    https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import CopyFunction, RenameReference
from asyncify_transforms._transform import Place, Transform, documented, node


def apply(decision: CopyFunction, function: cst.FunctionDef, place: Place) -> cst.CSTNode | None:
    """The function itself, with the copy put behind it."""
    copy = place.copied(decision.decisions)
    blank = [cst.EmptyLine(indent=False)] * (2 if isinstance(place.parent, cst.Module) else 1)
    copy = copy.with_changes(name=cst.Name(decision.name), leading_lines=blank)
    return function if place.insert([copy], "after") else None


TRANSFORM = Transform("copy-function", CopyFunction, apply)
EXAMPLES = (
    documented(
        __doc__,
        CopyFunction(
            **node("FunctionDef", 0, "active_users"),
            name="active_users_sync",
            decisions=(RenameReference(**node("Name", 0, "SessionLocal"), new="SyncSessionLocal"),),
        ),
    ),
)
