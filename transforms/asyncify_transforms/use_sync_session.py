"""Hands on the sync session behind an async one.

What it does
    `db` becomes `db.sync_session` (or another attribute: `engine.sync_engine`).

Why
    Event listeners, islands and some constructors take only the sync object.

Example
    Before:
        async def track(db):
            register(db)
    After:
        async def track(db):
            register(db.sync_session)

Leaves alone
    Every other use of the session.

Safety
    Safe for what does no I/O, or does it inside `run_sync`; the plan gives no other use.

Source
    https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html
"""

from __future__ import annotations

from typing import Any

import libcst as cst

from asyncify.decisions import UseSyncSession
from asyncify_transforms._expressions import fit
from asyncify_transforms._transform import Place, Transform, documented, node


def apply(decision: UseSyncSession, reference: Any, place: Place) -> cst.CSTNode | None:
    """The attribute of the reference."""
    result = cst.Attribute(cst.Name("_"), cst.Name(decision.attribute))
    return result.with_changes(value=fit(reference, result, "value"))


TRANSFORM = Transform("use-sync-session", UseSyncSession, apply)
EXAMPLES = (documented(__doc__, UseSyncSession(**node("Name", 1, "db"))),)
