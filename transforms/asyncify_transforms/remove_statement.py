"""Takes a statement away.

What it does
    Removes the statement that is the given call, import, assignment or definition. A block that
    would be left empty keeps `pass`.

Why
    Some statements have no meaning any more, such as a close that `async with` does.

Example
    Before:
        def stop(db):
            # give it back
            db.close()
    After:
        def stop(db):
            pass
            # give it back

Leaves alone
    Comments above the statement, and everything else on its line.

Safety
    Refused where the call is only part of its statement.

Source
    https://docs.python.org/3/reference/simple_stmts.html
"""

from __future__ import annotations

from typing import Any

import libcst as cst

from asyncify.decisions import RemoveStatement
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: RemoveStatement, target: Any, place: Place) -> cst.CSTNode | None:
    """The node, which goes with its statement."""
    statement, original = place.statement, place.original
    is_expression = isinstance(statement, (cst.Expr, cst.Return)) and (
        statement.value is original
        or (isinstance(statement.value, cst.Await) and statement.value.expression is original)
    )
    if statement is not original and not is_expression:
        place.refuse("The node is only part of its statement.")
        return None
    return target if place.remove_statement() else None


TRANSFORM = Transform("remove-statement", RemoveStatement, apply)
EXAMPLES = (
    documented(__doc__, RemoveStatement(**node("Call", 0, "close"))),
    Example(
        "import a\n\n# section\nimport b  # note\nx = a; y = b; z = 1\n\n\ndef f(): ...\n",
        (
            RemoveStatement(**node("Import", 1)),
            RemoveStatement(**node("Assign", 2)),
            RemoveStatement(**node("FunctionDef", 0, "f")),
        ),
        "import a\n\n# section\nx = a; y = b\n",
    ),
    Example(
        "if x: f()\n",
        (RemoveStatement(**node("Call", 0, "f")),),
        "if x: pass\n",
    ),
)
