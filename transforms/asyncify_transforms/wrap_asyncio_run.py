"""Starts the event loop at an entry point.

What it does
    `main()` becomes `asyncio.run(main())`.

Why
    At the top of a program there is no loop yet that could await the coroutine.

Example
    Before:
        if __name__ == "__main__":
            main()
    After:
        if __name__ == "__main__":
            asyncio.run(main())

Leaves alone
    The call and its arguments.

Safety
    Only at true entry points: `asyncio.run` inside a running loop raises. The plan gives it nowhere
    else.

Source
    https://docs.python.org/3/library/asyncio-runner.html#asyncio.run
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import WrapAsyncioRun
from asyncify_transforms._expressions import (
    dotted_node,
    has_bare_newline,
    with_parentheses_of,
    without_parentheses,
)
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: WrapAsyncioRun, call: cst.Call, place: Place) -> cst.CSTNode | None:
    """The call as the argument of ``asyncio.run``."""
    bare = without_parentheses(call)
    argument = cst.Arg(bare)
    result = cst.Call(dotted_node(decision.function), [argument])
    return with_parentheses_of(result, call) if has_bare_newline(result) else result


TRANSFORM = Transform("wrap-asyncio-run", WrapAsyncioRun, apply)
EXAMPLES = (
    documented(__doc__, WrapAsyncioRun(**node("Call", 0, "main"))),
    Example(
        "sys.exit(main(\n    1,\n))\n",
        (WrapAsyncioRun(**node("Call", 1, "main"), function="run"),),
        "sys.exit(run(main(\n    1,\n)))\n",
    ),
)
