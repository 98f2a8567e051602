"""Turns `any`, `all` and `next` over a generator expression that awaits into `anext`.

What it does
    `any(ready(b) for b in books)` becomes
    `await anext((True for b in books if await ready(b)), False)`; `all` is its negation, and
    `next` becomes `await anext`.

Why
    With an `await` inside, a generator expression is an asynchronous generator, which these can't
    read; as a list it would be computed to its end, where they stop at the first match.

Example
    Before:
        async def checks(books):
            found = any(await ready(book) for book in books)
            whole = all(await ready(b) for b in books if b.id)
            first = next((book for book in books if await ready(book)), None)
    After:
        async def checks(books):
            found = await anext((True for book in books if await ready(book)), False)
            whole = not await anext((True for b in books if b.id if not await ready(b)), False)
            first = await anext((book for book in books if await ready(book)), None)

Leaves alone
    The iterables and the conditions, and their order.

Safety
    Equal in value, in what is evaluated, and in the order. Without a default `anext` raises
    StopAsyncIteration where `next` raises StopIteration, which a coroutine can't: what catches the
    one in the program is renamed to catch the other.

Source
    https://docs.python.org/3/library/functions.html#anext
"""

from __future__ import annotations

from typing import Any

import libcst as cst

from asyncify.decisions import AwaitFirstMatch
from asyncify_transforms._expressions import (
    fit,
    has_bare_newline,
    lost_comments,
    parenthesised,
    with_parentheses_of,
    without_parentheses,
)
from asyncify_transforms._transform import Example, Place, Transform, documented, node

_NAMES = ("any", "all", "next")


def apply(decision: AwaitFirstMatch, call: cst.Call, place: Place) -> cst.CSTNode | None:
    """The call with the generator expression as what `anext` takes."""
    name = call.func.value if isinstance(call.func, cst.Name) else ""
    generator = call.args[0].value
    if name not in _NAMES or not isinstance(generator, cst.GeneratorExp):
        place.refuse("It doesn't take a generator expression.")
        return None
    matching = generator if name == "next" else _matching(generator, name)
    default = [arg.value for arg in call.args[1:]] if name == "next" else [cst.Name("False")]
    arguments = [matching if matching.lpar else parenthesised(matching), *default]
    result: Any = cst.Await(cst.Call(cst.Name("anext"), [cst.Arg(value) for value in arguments]))
    if name == "all":
        result = cst.UnaryOperation(cst.Not(), result)
    place.keep_comments(lost_comments(call, result))
    if call.lpar and has_bare_newline(without_parentheses(result)):
        result = with_parentheses_of(result, call)
    fitted: cst.CSTNode = fit(result, place.parent, place.field)
    return fitted


def _matching(generator: cst.GeneratorExp, name: str) -> cst.GeneratorExp:
    """``True`` for each element that decides."""
    test: Any = generator.elt
    if name == "all":
        negated = cst.UnaryOperation(cst.Not(), test)
        test = negated.with_changes(expression=fit(test, negated, "expression"))
    source = _with_condition(generator.for_in, test)
    return generator.with_changes(elt=cst.Name("True"), for_in=source)


def _with_condition(source: cst.CompFor, test: Any) -> cst.CompFor:
    """One condition more behind the last ``for``."""
    if source.inner_for_in is not None:
        inner = _with_condition(source.inner_for_in, test)
        return source.with_changes(inner_for_in=inner)
    condition = cst.CompIf(test)
    condition = condition.with_changes(test=fit(test, condition, "test"))
    return source.with_changes(ifs=[*source.ifs, condition])


TRANSFORM = Transform("await-first-match", AwaitFirstMatch, apply)
EXAMPLES = (
    documented(
        __doc__,
        AwaitFirstMatch(**node("Call", 0, "any")),
        AwaitFirstMatch(**node("Call", 2, "all")),
        AwaitFirstMatch(**node("Call", 4, "next")),
    ),
    Example(
        "async def f(xs):\n"
        "    if a and not all(x or await g(x) for y in xs for x in y):\n        pass\n",
        (AwaitFirstMatch(**node("Call", 0, "all")),),
        "async def f(xs):\n    if a and await anext((True for y in xs for x in y "
        "if not (x or await g(x))), False):\n        pass\n",
    ),
)
