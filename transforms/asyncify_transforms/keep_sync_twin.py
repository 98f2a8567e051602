"""Repeats an assignment under another name, so that what stays sync has one of its own.

What it does
    The statement is followed by a copy of itself as it was, with another target.

Why
    What runs at import, or at a boundary that can't await, needs a sync engine beside the async
    one.

Example
    Before:
        engine = create_engine(url, echo=True)
    After:
        engine = create_engine(url, echo=True)
        sync_engine = create_engine(url, echo=True)

Leaves alone
    The original statement, which other decisions edit.

Safety
    Safe: an engine connects when it is used. Two engines have two pools, and two in-memory
    databases.

Source
    https://docs.sqlalchemy.org/en/20/core/engines.html
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import KeepSyncTwin, RenameReference
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(
    decision: KeepSyncTwin, call: cst.Call | cst.Assign | cst.AnnAssign, place: Place
) -> cst.CSTNode | None:
    """The call itself, with the copy put behind its statement."""
    statement = place.statement
    if isinstance(place.original, (cst.Assign, cst.AnnAssign)):
        again = cst.SimpleStatementLine([_renamed(place.copied(decision.decisions), decision.name)])
        return call if place.insert([again], "after") else None
    if not decision.name and isinstance(statement, cst.Expr) and statement.value is place.original:
        again = cst.SimpleStatementLine([cst.Expr(place.copied(decision.decisions))])
        return call if place.insert([again], "after") else None
    if not isinstance(statement, (cst.Assign, cst.AnnAssign)) or (
        statement.value is not place.original
    ):
        place.refuse("The call isn't what a plain assignment assigns.")
        return None
    target = cst.AssignTarget(cst.Name(decision.name))
    value = place.copied(decision.decisions) if decision.decisions else statement.value
    twin = cst.SimpleStatementLine([cst.Assign([target], value)])
    return call if place.insert([twin], "after") else None


def _renamed(statement: cst.Assign | cst.AnnAssign, name: str) -> cst.Assign | cst.AnnAssign:
    """The assignment to a variable, or an attribute, of another name."""
    if isinstance(statement, cst.AnnAssign):
        return statement.with_changes(target=cst.Name(name))
    old, new = statement.targets[0].target, cst.Name(name)
    target = old.with_changes(attr=new) if isinstance(old, cst.Attribute) else new
    return statement.with_changes(targets=[cst.AssignTarget(target)])


TRANSFORM = Transform("keep-sync-twin", KeepSyncTwin, apply)
EXAMPLES = (
    documented(__doc__, KeepSyncTwin(**node("Call", 0, "create_engine"), name="sync_engine")),
    Example(
        "engine: Engine | None = None\n",
        (KeepSyncTwin(**node("AnnAssign", 0), name="sync_engine"),),
        "engine: Engine | None = None\nsync_engine: Engine | None = None\n",
    ),
    Example(
        'listen(engine, "connect", prepare)\n',
        (
            KeepSyncTwin(
                **node("Call", 0, "listen"),
                name="",
                decisions=(RenameReference(**node("Name", 1, "engine"), new="sync_engine"),),
            ),
        ),
        'listen(engine, "connect", prepare)\nlisten(sync_engine, "connect", prepare)\n',
    ),
)
