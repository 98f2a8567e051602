"""Gives the method of a call another name.

What it does
    `query.filter(x)` becomes `query.where(x)`.

Why
    Select has `where` where Query has `filter`; a `filter` on Select exists only for compatibility.

Example
    Before:
        adults = people.filter(Person.age >= 18)
    After:
        adults = people.where(Person.age >= 18)

Leaves alone
    The receiver, the arguments and the layout of the chain.

Safety
    Safe: the table of Query's methods says which name is equal.

Source
    https://docs.sqlalchemy.org/en/20/core/selectable.html#sqlalchemy.sql.expression.Select.where
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import RenameMethod
from asyncify_transforms._transform import Place, Transform, documented, node


def apply(decision: RenameMethod, call: cst.Call, place: Place) -> cst.CSTNode | None:
    """The call of the other method."""
    function = call.func
    if not isinstance(function, cst.Attribute):
        place.refuse("The call is no call of a method.")
        return None
    attribute = function.attr.with_changes(value=decision.new)
    return call.with_changes(func=function.with_changes(attr=attribute))


TRANSFORM = Transform("rename-method", RenameMethod, apply)
EXAMPLES = (documented(__doc__, RenameMethod(**node("Call", 0, "filter"), new="where")),)
