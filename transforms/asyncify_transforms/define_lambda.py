"""Gives a lambda that has to await a definition of its own.

What it does
    An `async def` with the lambda's parameters returns what the lambda did. It stands right before
    the statement that holds the lambda, which names it from then on. A lambda that is only
    assigned to a name gives way to the definition.

Why
    A lambda can't await.

Example
    Before:
        async def f(db):
            return await retry(lambda: await count(db) + 1)
    After:
        async def f(db):
            async def call():
                return await count(db) + 1

            return await retry(call)

Leaves alone
    The parameters, their defaults, and the expression.

Safety
    Safe: a definition sees the same variables as a lambda in its place, and runs nothing.

Source
    https://docs.python.org/3/reference/expressions.html#lambda
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import DefineLambda
from asyncify_transforms._expressions import has_bare_newline, parenthesised
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: DefineLambda, function: cst.Lambda, place: Place) -> cst.CSTNode | None:
    """The name of the definition."""
    body = function.body
    if decision.items:
        lines = _yields(body)
        if lines is None:
            place.refuse("Only what gives `iter([...])` can yield its items.")
            return None
    else:
        if has_bare_newline(body) and not body.lpar:
            body = parenthesised(body)
        lines = [cst.SimpleStatementLine([cst.Return(body)])]
    definition = cst.FunctionDef(
        name=cst.Name(decision.name),
        params=function.params,
        body=cst.IndentedBlock(lines),
        asynchronous=cst.Asynchronous(),
    )
    if decision.replaces:
        return function if place.replace_line([definition]) else None
    return cst.Name(decision.name) if place.insert([definition], "before") else None


def _yields(body: cst.BaseExpression) -> list[cst.SimpleStatementLine] | None:
    """A statement for each item of ``iter([...])``."""
    items = body.args[0].value if isinstance(body, cst.Call) and len(body.args) == 1 else None
    if not isinstance(items, (cst.List, cst.Tuple)) or not items.elements:
        return None
    return [
        cst.SimpleStatementLine([cst.Expr(cst.Yield(element.value))]) for element in items.elements
    ]


TRANSFORM = Transform("define-lambda", DefineLambda, apply)
EXAMPLES = (
    documented(__doc__, DefineLambda(**node("Lambda"), name="call")),
    Example(
        "async def f(db):\n    x = 1\n    # twice\n    g = lambda n, m=2: await h(n) * m\n"
        "    return g\n",
        (DefineLambda(**node("Lambda"), name="g", replaces=True),),
        "async def f(db):\n    x = 1\n    # twice\n    async def g(n, m=2):\n"
        "        return await h(n) * m\n    return g\n",
    ),
    Example(
        "def f(patch, db):\n    patch(lambda: iter([db]))\n",
        (DefineLambda(**node("Lambda"), name="fake", items=True),),
        "def f(patch, db):\n    async def fake():\n        yield db\n\n    patch(fake)\n",
    ),
)
