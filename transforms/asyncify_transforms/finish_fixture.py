"""Makes a fixture end behind a `yield`.

What it does
    `return session` becomes `yield session`, and what the fixture has done when its tests are over
    stands behind it. A fixture that gives nothing gets the `yield` where it named the last of that.

Why
    pytest calls what `request.addfinalizer` is given plainly, and a coroutine would be lost.

Example
    Before:
        async def session(request):
            db = Session()
            return db
    After:
        async def session(request):
            db = Session()
            yield db
            await db.close()

Leaves alone
    The rest of the fixture.

Safety
    Equal, if the fixture itself raises nothing behind the place where it named its finalizers.

Source
    https://docs.pytest.org/en/stable/how-to/fixtures.html#yield-fixtures-recommended
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import FinishFixture
from asyncify_transforms._statements import parsed
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: FinishFixture, target: cst.CSTNode, place: Place) -> cst.CSTNode | None:
    """The `yield`, and what follows it."""
    value = target.value if isinstance(target, cst.Return) else None
    given = cst.SimpleStatementLine([cst.Expr(cst.Yield(value))])
    return target if place.replace_line([given, *parsed(decision.source)]) else None


TRANSFORM = Transform("finish-fixture", FinishFixture, apply)
EXAMPLES = (
    documented(__doc__, FinishFixture(**node("Return", 0), source="await db.close()")),
    Example(
        "def tables(request):\n    create()\n    # later\n    request.addfinalizer(drop)\n",
        (FinishFixture(**node("Call", 1, "addfinalizer"), source="drop()\nagain()"),),
        "def tables(request):\n    create()\n    # later\n    yield\n    drop()\n    again()\n",
    ),
)
