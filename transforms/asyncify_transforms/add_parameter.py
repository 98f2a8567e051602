"""Adds a parameter to a function.

What it does
    `def page(query, number)` becomes `def page(query, number, *, session)`: the parameter is given
    by keyword, so that nothing that is given by position moves.

Why
    A Query brings its session along, a statement doesn't: what executes one needs the session.

Example
    Before:
        def page(query: Query, number: int = 1):
            return query.offset(number)
    After:
        def page(query: Query, number: int = 1, *, session: AsyncSession):
            return query.offset(number)

Leaves alone
    The other parameters, and the layout of the list.

Safety
    Safe together with the edits of all calls, which are in one group; refused where a parameter of
    that name is there already.

Source
    https://docs.python.org/3/reference/compound_stmts.html#function-definitions
"""

from __future__ import annotations

from typing import Any

import libcst as cst

from asyncify.decisions import AddParameter
from asyncify_transforms._expressions import without_comments
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: AddParameter, function: cst.FunctionDef, place: Place) -> cst.CSTNode | None:
    """The function with one keyword-only parameter more."""
    parameters = function.params
    every = [*parameters.posonly_params, *parameters.params, *parameters.kwonly_params]
    if any(each.name.value == decision.name for each in every):
        place.refuse(f"{function.name.value} has a parameter {decision.name} already.")
        return None
    new = cst.Param(cst.Name(decision.name))
    if decision.annotation:
        annotation = cst.Annotation(cst.parse_expression(decision.annotation))
        new = new.with_changes(annotation=annotation)
    return function.with_changes(params=_added(parameters, new))


def _added(parameters: cst.Parameters, new: cst.Param) -> cst.Parameters:
    """The parameters and the new one, laid out as they are."""
    last = _last(parameters)
    trailing = getattr(last, "comma", cst.MaybeSentinel.DEFAULT)
    comma = _between(parameters, last)
    following = parameters.star_kwarg is not None
    keywords = [each.with_changes(comma=comma) for each in parameters.kwonly_params[-1:]]
    added = new.with_changes(comma=comma if following else trailing)
    changes: dict[str, Any] = {
        "kwonly_params": [*parameters.kwonly_params[:-1], *keywords, added],
    }
    if isinstance(parameters.star_arg, cst.Param) and not keywords:
        changes["star_arg"] = parameters.star_arg.with_changes(comma=comma)
    elif not keywords and not isinstance(parameters.star_arg, cst.ParamStar):
        changes["star_arg"] = cst.ParamStar(comma=comma)
        found = list(parameters.params)
        if found:
            changes["params"] = [*found[:-1], found[-1].with_changes(comma=comma)]
        elif parameters.posonly_params:
            changes["posonly_ind"] = cst.ParamSlash(comma=comma)
    return parameters.with_changes(**changes)


def _last(parameters: cst.Parameters) -> Any:
    every = [
        *parameters.params, parameters.star_arg, *parameters.kwonly_params,
    ]  # fmt: skip
    found = [each for each in every if isinstance(each, cst.Param)]
    return found[-1] if found else None


def _between(parameters: cst.Parameters, last: Any) -> cst.Comma:
    """What stands between two parameters: as between the first two, or as behind the bracket."""
    every = [*parameters.posonly_params, *parameters.params, *parameters.kwonly_params]
    for each in every:
        if each is not last and isinstance(each.comma, cst.Comma):
            return each.comma.with_changes(
                whitespace_after=without_comments(each.comma.whitespace_after)
            )
    return cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))


TRANSFORM = Transform("add-parameter", AddParameter, apply)
EXAMPLES = (
    documented(
        __doc__,
        AddParameter(**node("FunctionDef", 0, "page"), name="session", annotation="AsyncSession"),
    ),
    Example(
        "def f(a, /): pass\n",
        (AddParameter(**node("FunctionDef", 0, "f"), name="db"),),
        "def f(a, /, *, db): pass\n",
    ),
    Example(
        "def f(*a, **k): pass\n",
        (AddParameter(**node("FunctionDef", 0, "f"), name="db"),),
        "def f(*a, db, **k): pass\n",
    ),
    Example(
        "def f(a, *, b=1): pass\n",
        (AddParameter(**node("FunctionDef", 0, "f"), name="db"),),
        "def f(a, *, b=1, db): pass\n",
    ),
    Example(
        "def f(\n    a,  # one\n    b=2,\n): pass\n",
        (AddParameter(**node("FunctionDef", 0, "f"), name="db", annotation="X"),),
        "def f(\n    a,  # one\n    b=2,\n    *,\n    db: X,\n): pass\n",
    ),
)
