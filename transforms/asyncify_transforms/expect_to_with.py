"""Makes a context manager of a call that is given what should raise.

What it does
    `pytest.raises(ValueError, load, 1)` becomes `with pytest.raises(ValueError):` around
    `await load(1)`. A lambda gives way to its body.

Why
    Whoever expects an error of a function calls it plainly. A coroutine function raises nothing
    then: its errors come when it is awaited.

Example
    Before:
        async def test_load(db):
            pytest.raises(ValueError, load, db, name="")
    After:
        async def test_load(db):
            with pytest.raises(ValueError):
                await load(db, name="")

Leaves alone
    What is expected, and a name that keeps it.

Safety
    Equal: such functions do the same, inside a context manager of their own.

Source
    https://docs.pytest.org/en/stable/reference/reference.html#pytest-raises
"""

from __future__ import annotations

from typing import Any

import libcst as cst

from asyncify.decisions import ExpectToWith
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: ExpectToWith, call: cst.Call, place: Place) -> cst.CSTNode | None:
    """The call without the function, around a call of the function."""
    line, small = place.line, place.statement
    if not place.has_line() or not isinstance(line, cst.SimpleStatementLine):
        return None
    name: cst.AsName | None = None
    if isinstance(small, cst.Assign) and len(small.targets) == 1:
        target: Any = small.targets[0].target
        name = cst.AsName(target)
    elif not isinstance(small, cst.Expr):
        place.refuse("The call is part of a larger statement.")
        return None
    kept = list(call.args[: decision.position])
    if kept:
        kept[-1] = kept[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    inner = cst.SimpleStatementLine(
        [cst.Expr(_called(decision, call))], trailing_whitespace=line.trailing_whitespace
    )
    manager = call.with_changes(args=kept, whitespace_before_args=cst.SimpleWhitespace(""))
    block = cst.With([cst.WithItem(manager, name)], cst.IndentedBlock([inner]))
    return call if place.replace_line([block]) else None


def _called(decision: ExpectToWith, call: cst.Call) -> cst.BaseExpression:
    function = call.args[decision.position].value
    if isinstance(function, cst.Lambda):
        return function.body
    made: cst.BaseExpression = cst.Call(function, call.args[decision.position + 1 :])
    return cst.Await(made) if decision.awaits else made


TRANSFORM = Transform("expect-to-with", ExpectToWith, apply)
EXAMPLES = (
    documented(__doc__, ExpectToWith(**node("Call", 0, "raises"), position=1)),
    Example(
        "async def f(self):\n"
        '    # empty\n    error = self.assertRaisesRegex(E, "no", lambda: work())  # so\n',
        (ExpectToWith(**node("Call", 0, "assertRaisesRegex"), position=2, awaits=False),),
        "async def f(self):\n"
        '    # empty\n    with self.assertRaisesRegex(E, "no") as error:\n'
        "        work()  # so\n",
    ),
)
