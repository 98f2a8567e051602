"""Begins a select where a Query began.

What it does
    `db.query(Book)` becomes `select(Book)`. What stood before `.query` is kept for the call that
    executes the statement. `Book.query`, where a registry's `query_property()` gives it, becomes
    `select(Book)` too.

Why
    AsyncSession has no `query`: statements are built first and executed by the session.

Example
    Before:
        books = db.query(Book).order_by(Book.title)
    After:
        books = select(Book).order_by(Book.title)

Leaves alone
    The entities, and the methods that follow: those that have another name on Select are edits of
    their own.

Safety
    Safe together with the edit of the call that executes the statement; both are in one group.

Source
    https://docs.sqlalchemy.org/en/20/changelog/migration_20.html#migration-orm-usage
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import QueryToSelect
from asyncify_transforms._expressions import comments_in, dotted_node
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def receiver_key(number: int) -> tuple[str, int]:
    """Where the receiver of a Query's call is kept for the call that executes the statement."""
    return ("receiver of call", number)


def apply(
    decision: QueryToSelect, call: cst.Call | cst.Attribute, place: Place
) -> cst.CSTNode | None:
    """``select(...)`` with the arguments of ``query(...)``, or the class that begins a Query."""
    if isinstance(call, cst.Attribute):
        place.keep_comments(comments_in(call.dot))
        arguments = [cst.Arg(call.value)]
        return cst.Call(dotted_node(decision.function), arguments, lpar=call.lpar, rpar=call.rpar)
    function = call.func
    if isinstance(function, cst.Name):  # `query = session.query`, called later
        return call.with_changes(func=dotted_node(decision.function))
    if not isinstance(function, cst.Attribute):
        place.refuse("The query is not begun on a session.")
        return None
    place.memory[receiver_key(decision.node.number)] = function.value
    place.keep_comments(comments_in(function.dot))
    return call.with_changes(func=dotted_node(decision.function))


TRANSFORM = Transform("query-to-select", QueryToSelect, apply)
EXAMPLES = (
    documented(__doc__, QueryToSelect(**node("Call", 1, "query"))),
    Example(
        "books = Book.query.filter(Book.id > 1)\n",
        (QueryToSelect(**node("Attribute", 1, "query")),),
        "books = select(Book).filter(Book.id > 1)\n",
    ),
)
