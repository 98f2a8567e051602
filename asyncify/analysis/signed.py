"""Functions that are given to a library in a signature: in a decorator, a default, an annotation.

``@click.option("--name", callback=check)`` and ``Annotated[str, typer.Argument(callback=check)]``
run nothing where they stand, so that they are no use of a function's body; but whoever gets the
function, or a list or a dict that holds it, calls it later, and may not await it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from asyncify import facts as f
from asyncify.analysis.boundaries import fits, may_call_items
from asyncify.analysis.declarations import foreign_name
from asyncify.analysis.infer import Inference
from asyncify.analysis.program import Function, Variable
from asyncify.vocabulary.frameworks import CONSTRUCTORS, boundary

_NAMED = "named in calls of the signature"
_HELD = "held by the containers of the module"
_LOOKING = ("functools.", "pytest.", "unittest.mock.")


class Given(NamedTuple):
    """What a function is given to, and where."""

    name: str
    line: int


def given_plainly(function: Function, inference: Inference) -> Given | None:
    """The first call in a signature that is given a function and may not await it."""
    if function.facts.kind != "def" or function.owner is not None:
        return None
    users = inference.program.mentioning(function.name)
    symbols: list[Function | Variable] = [function]
    for user in users:
        symbols += _containers(user).get(function.name, ())
    for symbol in symbols:
        for other in inference.program.mentioning(symbol.name):
            for given in _in_signature(other, symbol, inference):
                return given
    return None


def _containers(body: Function) -> dict[str, list[Variable]]:
    """The lists and dicts of a module, by the names that stand in them."""
    if body.facts.kind != "module":
        return {}
    known: dict[str, list[Variable]] | None = body.atoms.get(_HELD)
    if known is None:
        known = body.atoms[_HELD] = {}
        operations = body.body.operations
        for statement in body.body.statements:
            if statement[0] != f.ASSIGN or operations[statement[8]][0] == f.NAME:
                continue
            for held in _names(operations, statement[8]):
                variables = [Variable(body.module, t[1]) for t in statement[7] if not t[0]]
                known.setdefault(operations[held][5], []).extend(variables)
    return known


def _in_signature(
    other: Function, symbol: Function | Variable, inference: Inference
) -> Iterator[Given]:
    """The calls in a signature that are given a function, or a container that holds it."""
    if symbol.name not in _named_in(other):
        return
    operations, scope = other.signature.operations, other.parent or other
    for place, operation in enumerate(operations):
        if not operation or operation[0] != f.CALL:
            continue
        for keyword, index in _arguments(operation):
            called = foreign_name(scope, operations, operation[5], inference)
            if "." not in called:
                break
            known = keyword in CONSTRUCTORS.get(called, {})
            name = f"{called}({keyword})" if known else called
            decorates = place in other.signature.decorators and not known
            if _is_looked_at(name) if decorates else fits(name):
                continue
            inside = known or may_call_items(name)
            if isinstance(symbol, Variable) and not inside:
                continue
            for named in _names(operations, index, inside):
                is_name = operations[named][5] == symbol.name
                if is_name and symbol == inference.program.resolve_expression(
                    scope, operations, named
                ):
                    yield Given(name, operation[1])


def _arguments(call: f.Operation) -> Iterator[tuple[str | None, int]]:
    """The arguments of a call, with their keywords."""
    yield from ((None, index) for index in call[6] if index >= 0)
    yield from call[7]


def _names(operations: tuple[f.Operation, ...], index: int, inside: bool = True) -> Iterator[int]:
    """An argument that is a name, and names in one that is a list, or a dict."""
    kind = operations[index][0] if operations[index] else f.CONSTANT
    if kind == f.NAME:
        yield index
    elif inside and kind in (f.SEQUENCE, f.DICT):
        for item in operations[index][6]:
            if item >= 0 and operations[item] and operations[item][0] == f.NAME:
                yield item


def _named_in(other: Function) -> frozenset[str]:
    """The names that calls in a signature are given: few of all, and looked for once."""
    known: frozenset[str] | None = other.atoms.get(_NAMED)
    if known is None:
        operations = other.signature.operations if other.facts.kind in ("def", "class") else ()
        known = other.atoms[_NAMED] = frozenset(
            operations[named][5] for operation in operations if operation and operation[0] == f.CALL
            for _, index in _arguments(operation) for named in _names(operations, index)
        )  # fmt: skip
    return known


def _is_looked_at(decorator: str) -> bool:
    """Does a decorator call nothing that it gets beside what it decorates, or is it known to await
    that: ``@commands.check(allowed)``?"""
    row = boundary(decorator)
    awaits = row is not None and row.argument >= 0 and fits(decorator)
    return awaits or decorator.startswith(_LOOKING)
