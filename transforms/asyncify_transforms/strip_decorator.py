"""Takes a decorator from a function.

What it does
    Removes one decorator, such as `@lru_cache`, from a function that turns async.

Why
    A cache around a coroutine function keeps the coroutine, which can be awaited only once.

Example
    Before:
        @traced
        @lru_cache(maxsize=None)
        async def settings(db):
            return db.rows
    After:
        @traced
        async def settings(db):
            return db.rows

Leaves alone
    The other decorators, and comments between them.

Safety
    What the decorator did is gone, so the plan always gives a finding with it.

Source
    https://docs.python.org/3/library/functools.html#functools.lru_cache
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import StripDecorator
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: StripDecorator, function: cst.FunctionDef, place: Place) -> cst.CSTNode | None:
    """The function without one decorator; ``decorator`` counts those that were there at first."""
    stripped: set[int] = place.memory.setdefault(("stripped", id(place.original)), set())
    index = decision.decorator - sum(earlier < decision.decorator for earlier in stripped)
    if decision.decorator in stripped or not 0 <= index < len(function.decorators):
        place.refuse(f"The function has no decorator {decision.decorator}.")
        return None
    stripped.add(decision.decorator)
    left = list(function.decorators)
    comments = [line for line in left.pop(index).leading_lines if line.comment is not None]
    if not comments:
        return function.with_changes(decorators=left)
    if index < len(left):
        lines = [*comments, *left[index].leading_lines]
        left[index] = left[index].with_changes(leading_lines=lines)
        return function.with_changes(decorators=left)
    lines = [*comments, *function.lines_after_decorators]
    return function.with_changes(decorators=left, lines_after_decorators=lines)


TRANSFORM = Transform("strip-decorator", StripDecorator, apply)
EXAMPLES = (
    documented(__doc__, StripDecorator(**node("FunctionDef", 0, "settings"), decorator=1)),
    Example(
        "# head\n@a\n# about b\n@b\n@c\ndef f(): ...\n",
        (
            StripDecorator(**node("FunctionDef", 0, "f"), decorator=0),
            StripDecorator(**node("FunctionDef", 0, "f"), decorator=1),
        ),
        "# head\n# about b\n@c\ndef f(): ...\n",
    ),
)
