"""Turns a loop over an async iterable into `async for`.

What it does
    `for row in stream():` becomes `async for row in stream():`, in comprehensions too.

Why
    An async generator and a streamed result can't be iterated by `for`.

    What may be a list as well is given to a helper first, which goes through either.

    Where a loop may be left early, `async with aclosing(stream()) as items:` closes the generator
    as soon as it is left; Python would only do so some time later.

Example
    Before:
        async def names():
            for book in stream():
                print(book)
            return [book.name for book in stream()]
    After:
        async def names():
            async for book in stream():
                print(book)
            return [book.name async for book in stream()]

Leaves alone
    The target, the iterable and the body.

Safety
    Safe where the iterable turns in the same group.

Source
    https://docs.python.org/3/reference/compound_stmts.html#the-async-for-statement
"""

from __future__ import annotations

from typing import Any

import libcst as cst

from asyncify.decisions import MakeAsyncFor
from asyncify_transforms._expressions import dotted_node
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: MakeAsyncFor, loop: Any, place: Place) -> cst.CSTNode | None:
    """``async for``, as a statement or as one part of a comprehension."""
    changed: Any
    if isinstance(loop, cst.For):
        changed = _asynchronous(loop, decision.through)
        if changed is not None and decision.closing:
            changed = _closing(decision, changed)
    else:
        source = _part(loop.for_in, decision.generator, decision.through)
        changed = None if source is None else loop.with_changes(for_in=source)
    if changed is None:
        place.refuse("The loop is an async for already, or has no such part.")
    result: cst.CSTNode | None = changed
    return result


def _asynchronous(loop: cst.For | cst.CompFor, through: str) -> Any:
    if loop.asynchronous:
        return None
    source = cst.Call(dotted_node(through), [cst.Arg(loop.iter)]) if through else loop.iter
    return loop.with_changes(asynchronous=cst.Asynchronous(), iter=source)


def _closing(decision: MakeAsyncFor, loop: cst.For) -> cst.With:
    """The loop inside ``async with aclosing(...)``."""
    name = cst.Name(decision.variable)
    manager = cst.Call(dotted_node(decision.closing), [cst.Arg(loop.iter)])
    inner = loop.with_changes(iter=name, leading_lines=[])
    return cst.With(
        [cst.WithItem(manager, cst.AsName(name))],
        cst.IndentedBlock([inner]),
        leading_lines=loop.leading_lines,
        asynchronous=cst.Asynchronous(),
    )


def _part(source: cst.CompFor | None, index: int, through: str) -> Any:
    """The chain of ``for`` parts with the one at ``index`` made asynchronous."""
    if source is None or index == 0:
        return None if source is None else _asynchronous(source, through)
    inner = _part(source.inner_for_in, index - 1, through)
    return None if inner is None else source.with_changes(inner_for_in=inner)


TRANSFORM = Transform("make-async-for", MakeAsyncFor, apply)
EXAMPLES = (
    documented(__doc__, MakeAsyncFor(**node("For")), MakeAsyncFor(**node("ListComp"))),
    Example(
        "async def f():\n    return {x: y for x in a for y in x if y}\n",
        (MakeAsyncFor(**node("DictComp"), generator=1),),
        "async def f():\n    return {x: y for x in a async for y in x if y}\n",
    ),
    Example(
        "async def f(a):\n    return [x for x in a or []]\n",
        (MakeAsyncFor(**node("ListComp"), through="iterated"),),
        "async def f(a):\n    return [x async for x in iterated(a or [])]\n",
    ),
    Example(
        "async def f():\n    # the first\n    for x in g():\n        return x\n"
        "    else:\n        pass\n",
        (MakeAsyncFor(**node("For"), closing="aclosing", variable="items"),),
        "async def f():\n    # the first\n    async with aclosing(g()) as items:\n"
        "        async for x in items:\n            return x\n        else:\n            pass\n",
    ),
)
