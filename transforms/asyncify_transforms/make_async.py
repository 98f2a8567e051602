"""Turns a function into a coroutine function.

What it does
    Writes `async` in front of `def`. A special method gets its async name (`__enter__` becomes
    `__aenter__`). A generator function becomes an async generator function by the same word; it
    can't return a value, so one that nobody can have asked for goes.

Why
    Only a coroutine function can await what does I/O on an AsyncSession.

Example
    Before:
        class Books:
            def titles(self):
                return []
    After:
        class Books:
            async def titles(self):
                return []

Leaves alone
    Decorators, parameters, annotations and the body; the calls of the function are edits of their
    own, planned together with this one.

Safety
    Safe together with its group: every resolved call is awaited in the same run, or none of it is
    written.

Source
    https://docs.python.org/3/reference/compound_stmts.html#coroutine-function-definition
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import MakeAsync
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: MakeAsync, function: cst.FunctionDef, place: Place) -> cst.CSTNode | None:
    """``def`` to ``async def``."""
    if function.asynchronous is not None:
        place.refuse(f"{function.name.value} is async already.")
        return None
    name = function.name.with_changes(value=decision.rename) if decision.rename else function.name
    if decision.ends:
        function = function.with_changes(body=function.body.visit(_Returns()))
    return function.with_changes(asynchronous=cst.Asynchronous(), name=name)


class _Returns(cst.CSTTransformer):
    """Takes the values of a function's own ``return`` statements away."""

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return False

    def leave_Return(self, original_node: cst.Return, updated_node: cst.Return) -> cst.Return:
        return updated_node.with_changes(
            value=None, whitespace_after_return=cst.SimpleWhitespace("")
        )


TRANSFORM = Transform("make-async", MakeAsync, apply)
EXAMPLES = (
    documented(__doc__, MakeAsync(**node("FunctionDef", 0, "titles"))),
    Example(
        "class Unit:\n    # opens\n    @traced\n    def __enter__(self): return self\n",
        (MakeAsync(**node("FunctionDef", 0, "__enter__"), rename="__aenter__"),),
        "class Unit:\n    # opens\n    @traced\n    async def __aenter__(self): return self\n",
    ),
    Example(
        "def rows(db):\n    if db: return None  # none\n    yield 1\n    return True\n",
        (MakeAsync(**node("FunctionDef", 0, "rows"), ends=True),),
        "async def rows(db):\n    if db: return  # none\n    yield 1\n    return\n",
    ),
)
