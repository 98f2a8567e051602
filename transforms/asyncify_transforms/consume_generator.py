"""Turns a generator expression into a list comprehension.

What it does
    `sum(price(b) for b in books)` becomes `sum([price(b) for b in books])`.

Why
    With an `await` inside, a generator expression is an asynchronous generator, which `sum`,
    `sorted`, `join` and their like can't read. A list comprehension awaits in place.

Example
    Before:
        total = sum(price(book) for book in books)
    After:
        total = sum([price(book) for book in books])

Leaves alone
    The element, the iterables and the conditions.

Safety
    Equal for consumers that read everything; `any` and `all`, which stop early, aren't given here.

Source
    https://peps.python.org/pep-0530/
"""

from __future__ import annotations

import libcst as cst

from asyncify.decisions import ConsumeGenerator
from asyncify_transforms._expressions import parenthesised
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(
    decision: ConsumeGenerator, generator: cst.GeneratorExp, place: Place
) -> cst.CSTNode | None:
    """The same parts in square brackets."""
    brackets = generator if generator.lpar else parenthesised(generator)
    return cst.ListComp(
        generator.elt,
        generator.for_in,
        cst.LeftSquareBracket(brackets.lpar[-1].whitespace_after),
        cst.RightSquareBracket(brackets.rpar[0].whitespace_before),
        lpar=brackets.lpar[:-1],
        rpar=brackets.rpar[1:],
    )


TRANSFORM = Transform("consume-generator", ConsumeGenerator, apply)
EXAMPLES = (
    documented(__doc__, ConsumeGenerator(**node("GeneratorExp"))),
    Example(
        "names = sorted((b.name for b in books), key=str)\n",
        (ConsumeGenerator(**node("GeneratorExp")),),
        "names = sorted([b.name for b in books], key=str)\n",
    ),
)
