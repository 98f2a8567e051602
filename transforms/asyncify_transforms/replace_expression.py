"""Replaces an expression by one made from a template around it.

What it does
    `book.author` becomes `book.awaitable_attrs.author`, awaited; `value` becomes `list(value)`: the
    expression itself stands in the template for `{node}`.

Why
    Some uses have no method call that could be awaited: an attribute that loads, an iteration.

Example
    Before:
        async def latest(db, statement):
            return [book for book in db.scalars(statement)]
    After:
        async def latest(db, statement):
            return [book for book in (await db.scalars(statement)).all()]

Leaves alone
    The expression itself, and what its children became.

Safety
    As safe as its template; the plan takes templates only from the vocabulary.

Source
    https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#asyncio-orm-avoid-lazyloads
"""

from __future__ import annotations

from typing import Any

import libcst as cst

from asyncify.decisions import ReplaceExpression
from asyncify_transforms._expressions import (
    assignment,
    await_statement,
    awaited,
    fit,
    has_bare_newline,
    standalone,
    with_parentheses_of,
    without_parentheses,
)
from asyncify_transforms._templates import MissingValue, Values, fill, placeholders
from asyncify_transforms._transform import (
    Example,
    Place,
    Transform,
    awaited_before,
    documented,
    node,
)
from asyncify_transforms.replace_call import session_of


def apply(decision: ReplaceExpression, expression: Any, place: Place) -> cst.CSTNode | None:
    """The template with the expression in it."""
    takes_result = "node.awaited" in placeholders(decision.template)
    if decision.awaits and not takes_result and awaited_before(place):
        place.refuse("The expression is awaited already.")
        return None
    try:
        nodes = _nodes(decision, expression, place)
        executed = fill(decision.template, Values(nodes))
    except MissingValue as missing:
        place.refuse(str(missing))
        return None
    if decision.hoist:
        name = decision.hoist
        plain = await_statement(name, executed) if decision.awaits else None
        if not place.hoist(plain or assignment(name, standalone(executed))):
            return None
        value: Any = cst.Name(name)
    elif decision.result != "{awaited}":
        value = cst.Await(executed) if decision.awaits else executed
    else:
        value = awaited(executed, place.parent, place.field) if decision.awaits else executed
    result = fill(decision.result, Values({"awaited": value}))
    if expression.lpar and has_bare_newline(without_parentheses(result)) and not result.lpar:
        result = with_parentheses_of(result, expression)
    fitted: cst.CSTNode = fit(result, place.parent, place.field)
    return fitted


def _nodes(decision: ReplaceExpression, expression: Any, place: Place) -> dict[str, Any]:
    """The expression, its parts, and the session, as far as the template asks for them."""
    nodes: dict[str, Any] = {"node": expression, "node.awaited": expression}
    wanted = placeholders(decision.template)
    if "session" in wanted:
        nodes["session"] = session_of(decision.session, None, place)
    if "node.value" in wanted:
        nodes["node.value"] = expression.value
    if isinstance(expression, cst.Comparison):
        nodes["node.left"] = expression.left
        nodes["node.right"] = expression.comparisons[0].comparator
    if isinstance(expression, cst.Subscript):
        part = expression.slice[0].slice
        for name in ("lower", "upper"):
            nodes[f"node.{name}"] = getattr(part, name, None) or cst.Name("None")
        nodes["node.index"] = getattr(part, "value", None)
    return {name: node for name, node in nodes.items() if node is not None}


TRANSFORM = Transform("replace-expression", ReplaceExpression, apply)
EXAMPLES = (
    documented(
        __doc__,
        ReplaceExpression(**node("Call", 0, "scalars"), template="(await {node}).all()"),
    ),
    Example(
        "async def f(book):\n    return book.author.name\n",
        (
            ReplaceExpression(
                **node("Attribute", 1, "author"), template="{node}", awaits=True, hoist="author"
            ),
        ),
        "async def f(book):\n    author = await book.author\n    return author.name\n",
    ),
    Example(
        "async def f(a, b):\n    return a not in b\n",
        (
            ReplaceExpression(
                **node("Comparison", 0),
                template="{node.right}.contains({node.left})",
                result="not {awaited}",
                awaits=True,
            ),
        ),
        "async def f(a, b):\n    return not await b.contains(a)\n",
    ),
    Example(
        "def f(a, b):\n    return (a or b).all()\n",
        (ReplaceExpression(**node("Name", 0, "a"), template="{node} + 1"),),
        "def f(a, b):\n    return (a + 1 or b).all()\n",
    ),
)
