"""Lets what returned an iterator yield its items.

What it does
    `return iter(items)` becomes a loop that yields each item, and so does a generator expression
    that is returned.

Why
    `async for` asks an object for an asynchronous iterator, and an asynchronous generator is one;
    what it iterates over can be awaited there.

Example
    Before:
        async def __aiter__(self):
            return iter(await self.names())
    After:
        async def __aiter__(self):
            for item in await self.names():
                yield item

Leaves alone
    What is iterated over.

Safety
    Safe: the items are the same, in the same order. What was evaluated when the iteration began is
    evaluated when the first item is asked for.

Source
    https://docs.python.org/3/reference/datamodel.html#object.__aiter__
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import YieldItems
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: YieldItems, statement: cst.Return, place: Place) -> cst.CSTNode | None:
    """The loop."""
    value = statement.value
    if isinstance(value, cst.GeneratorExp):
        loop = _written_out(value) or _loop(value, decision.variable)
    elif isinstance(value, cst.Call) and len(value.args) == 1:
        loop = _loop(value.args[0].value, decision.variable, decision.asynchronous)
    else:
        place.refuse("It returns no `iter(...)`.")
        return None
    return statement if place.replace_line([loop]) else None


def _loop(
    items: cst.BaseExpression, variable: str, asynchronous: bool = False
) -> cst.BaseStatement:
    item, awaited = cst.Name(variable), cst.Asynchronous() if asynchronous else None
    return cst.For(item, items, cst.IndentedBlock([_yielding(item)]), asynchronous=awaited)


def _yielding(item: cst.BaseExpression) -> cst.SimpleStatementLine:
    return cst.SimpleStatementLine([cst.Expr(cst.Yield(item))])


def _written_out(expression: cst.GeneratorExp) -> cst.BaseStatement | None:
    """A generator expression as loops and conditions; None where its brackets hold lines
    together."""
    if "\n" in cst.Module([]).code_for_node(expression):
        return None
    parts: list[cst.CompFor | cst.CompIf] = []
    source: cst.CompFor | None = expression.for_in
    while source is not None:
        parts += [source, *source.ifs]
        source = source.inner_for_in
    statement: cst.BaseStatement | cst.SimpleStatementLine = _yielding(expression.elt)
    for part in reversed(parts):
        body = cst.IndentedBlock([statement])
        if isinstance(part, cst.CompIf):
            statement = cst.If(part.test, body)
        else:
            awaits = cst.Asynchronous() if part.asynchronous else None
            statement = cst.For(part.target, part.iter, body, asynchronous=awaits)
    return statement


TRANSFORM = Transform("yield-items", YieldItems, apply)
EXAMPLES = (
    documented(__doc__, YieldItems(**node("Return", 0))),
    Example(
        "def f(item):\n    # all\n    return iter(item)\n",
        (YieldItems(**node("Return", 0), variable="each"),),
        "def f(item):\n    # all\n    for each in item:\n        yield each\n",
    ),
    Example(
        "async def f():\n    return iter(names())\n",
        (YieldItems(**node("Return", 0), asynchronous=True),),
        "async def f():\n    async for item in names():\n        yield item\n",
    ),
    Example(
        "def f(items):\n    return (a + b for a, b in items if a for c in b)\n",
        (YieldItems(**node("Return", 0)),),
        "def f(items):\n    for a, b in items:\n        if a:\n            for c in b:\n"
        "                yield a + b\n",
    ),
    Example(
        "def f(items):\n    return (\n        a\n        for a in items  # all\n    )\n",
        (YieldItems(**node("Return", 0)),),
        "def f(items):\n    for item in (\n        a\n        for a in items  # all\n    ):\n"
        "        yield item\n",
    ),
)
