"""Puts one more decorator right above a function.

What it does
    The new decorator is the innermost one: it sees the function as it is written.

Why
    A command line calls its functions plainly. One that turned async is run to its end by a helper
    of the support module, once, at the top.

Example
    Before:
        @cli.command()
        async def refresh(count: int) -> None:
            await load(count)
    After:
        @cli.command()
        @run_async
        async def refresh(count: int) -> None:
            await load(count)

Leaves alone
    The other decorators and their comments.

Safety
    Safe where nothing but the command line calls the function, which the plan makes sure of.

Source
    https://click.palletsprojects.com/en/stable/commands/
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import AddDecorator
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: AddDecorator, function: cst.FunctionDef, place: Place) -> cst.CSTNode | None:
    """The function with the decorator; comments above the ``def`` stay above it."""
    decorator = cst.Decorator(cst.parse_expression(decision.decorator))
    return function.with_changes(decorators=[*function.decorators, decorator])


TRANSFORM = Transform("add-decorator", AddDecorator, apply)
EXAMPLES = (
    documented(__doc__, AddDecorator(**node("FunctionDef", 0, "refresh"), decorator="run_async")),
    Example(
        "def f(): pass\n",
        (AddDecorator(**node("FunctionDef", 0, "f"), decorator="run_async"),),
        "@run_async\ndef f(): pass\n",
    ),
)
