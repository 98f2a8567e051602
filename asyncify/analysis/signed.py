"""Functions that are given to a library in a signature: in a decorator, a default, an annotation.

``@click.option("--name", callback=check)`` and ``Annotated[str, typer.Argument(callback=check)]``
run nothing where they stand, so that they are no use of a function's body; but whoever gets the
function calls it later, and may not await it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from asyncify import facts as f
from asyncify.analysis.boundaries import fits
from asyncify.analysis.declarations import foreign_name
from asyncify.analysis.infer import Inference
from asyncify.analysis.program import Function

_NAMED = "named in calls of the signature"
_LOOKING = ("functools.", "pytest.", "unittest.mock.")


class Given(NamedTuple):
    """What a function is given to, and where."""

    name: str
    line: int


def given_plainly(function: Function, inference: Inference) -> Given | None:
    """The first call in a signature that is given a function and may not await it."""
    if function.facts.kind != "def" or function.owner is not None:
        return None
    for other in inference.program.mentioning(function.name):
        for given in _in_signature(other, function, inference):
            return given
    return None


def _in_signature(other: Function, function: Function, inference: Inference) -> Iterator[Given]:
    if function.name not in _named_in(other):
        return
    operations, scope = other.signature.operations, other.parent or other
    for place, operation in enumerate(operations):
        if not operation or operation[0] != f.CALL:
            continue
        for index in (*operation[6], *(i for _, i in operation[7])):
            named = index >= 0 and operations[index]
            if not named or named[0] != f.NAME or named[5] != function.name:
                continue
            if inference.program.resolve_expression(scope, operations, index) is not function:
                continue
            name = foreign_name(scope, operations, operation[5], inference)
            decorates = place in other.signature.decorators
            if "." in name and not (_is_looked_at(name) if decorates else fits(name)):
                yield Given(name, operation[1])


def _named_in(other: Function) -> frozenset[str]:
    """The names that calls in a signature are given: few of all, and looked for once."""
    known: frozenset[str] | None = other.atoms.get(_NAMED)
    if known is None:
        operations = other.signature.operations if other.facts.kind in ("def", "class") else ()
        known = other.atoms[_NAMED] = frozenset(
            operations[index][5] for operation in operations if operation and operation[0] == f.CALL
            for index in (*operation[6], *(i for _, i in operation[7]))
            if index >= 0 and operations[index] and operations[index][0] == f.NAME
        )  # fmt: skip
    return known


def _is_looked_at(decorator: str) -> bool:
    """Does a decorator call nothing that it gets beside what it decorates?"""
    return decorator.startswith(_LOOKING)
