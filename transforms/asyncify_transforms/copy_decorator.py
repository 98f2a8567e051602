"""Repeats a decorator of a function for the sync twin of what it names.

What it does
    The decorator is repeated below the others, with other names in it.

Why
    A function that listens to the events of an engine has to listen to its sync twin too.

Example
    Before:
        @listens_for(engine, "connect")
        def on_connect(connection, record):
            prepare(connection)
    After:
        @listens_for(engine, "connect")
        @listens_for(sync_engine, "connect")
        def on_connect(connection, record):
            prepare(connection)

Leaves alone
    The decorator itself, which other decisions edit.

Safety
    Safe: a decorator that registers a function gives back the function.

Source
    https://docs.sqlalchemy.org/en/20/core/event.html
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import CopyDecorator, RenameReference
from asyncify_transforms._transform import Place, Transform, documented, node


def apply(decision: CopyDecorator, function: cst.FunctionDef, place: Place) -> cst.CSTNode | None:
    """The function with one more decorator."""
    copy = place.copied(decision.decisions).decorators[decision.decorator]
    decorators = [*function.decorators, copy.with_changes(leading_lines=())]
    return function.with_changes(decorators=decorators)


TRANSFORM = Transform("copy-decorator", CopyDecorator, apply)
EXAMPLES = (
    documented(
        __doc__,
        CopyDecorator(
            **node("FunctionDef", 0, "on_connect"),
            decorator=0,
            decisions=(RenameReference(**node("Name", 1, "engine"), new="sync_engine"),),
        ),
    ),
)
