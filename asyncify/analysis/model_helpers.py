"""What functions of the program declare of a mapping for those who call them.

def link(target, back, **options):
    return relationship(target, back_populates=back, **options)

class Book(Base):
    author = link("Author", "books", lazy="joined")
"""

from __future__ import annotations

from typing import NamedTuple

from asyncify import facts as f
from asyncify.analysis.program import Function, Program, Variable, dotted
from asyncify.analysis.statements import statements_of

_PARTIAL = "partial"
_WRITTEN = (f.CONSTANT, f.NAME)  # what means the same elsewhere


class Made(NamedTuple):
    """A call in the body of another function, or of the same one, with what it is given filled
    in."""

    body: Function
    operations: tuple[f.Operation, ...]
    call: int


def made(
    program: Program, body: Function, operations: tuple[f.Operation, ...], call: int
) -> Made | None:
    """What a call of a helper declares; None if that isn't known."""
    operation = operations[call]
    symbol = program.resolve_expression(body, operations, operation[5])
    if isinstance(symbol, Variable):
        found = program.variable_expression(symbol)
        return _of_partial(found, operations, operation) if found is not None else None
    if not isinstance(symbol, Function):
        return None
    inner = symbol.body.operations
    for statement in statements_of(symbol.body.statements):
        if statement[0] == f.RETURN and statement[7] >= 0 and inner[statement[7]][0] == f.CALL:
            return _filled(symbol, statement[7], operations, operation)
    return None


def _filled(
    helper: Function, call: int, outer: tuple[f.Operation, ...], operation: f.Operation
) -> Made:
    """The call that a helper returns, with what the helper is given for its parameters."""
    signature = helper.signature
    plain = [p.name for p in signature.parameters if p.kind in ("p", "a")]
    named = {p.name for p in signature.parameters if p.kind in ("a", "k")}
    rest = next((p.name for p in signature.parameters if p.kind == "**"), "")
    given = {
        p.name: signature.operations[p.default] for p in signature.parameters if p.default >= 0
    }
    given |= {name: outer[at] for name, at in zip(plain, operation[6], strict=False) if at >= 0}
    keywords = {name: outer[at] for name, at in operation[7] if name}
    given |= {name: each for name, each in keywords.items() if name in named}
    given = {name: each for name, each in given.items() if each[0] in _WRITTEN}
    operations = [
        given.get(each[5], each) if each[:1] == (f.NAME,) else each
        for each in helper.body.operations
    ]
    made = operations[call]
    more = {name: each for name, each in keywords.items() if name not in named}
    return _with_keywords(
        helper, operations, made, more if rest in _unpacked(operations, made) else {}
    )


def _of_partial(
    found: tuple[Function, tuple[f.Operation, ...], int],
    outer: tuple[f.Operation, ...],
    operation: f.Operation,
) -> Made | None:
    """``many = partial(relationship, lazy="selectin")``"""
    body, operations, index = found
    partial = operations[index]
    if partial[0] != f.CALL or not partial[6] or partial[6][0] < 0:
        return None
    if dotted(operations, partial[5]).rpartition(".")[2] != _PARTIAL:
        return None
    all_of_them = list(operations)
    places = list(partial[6][1:])
    for at in operation[6]:
        if at >= 0:
            places.append(len(all_of_them))
            all_of_them.append(outer[at])
    made = (*partial[:5], partial[6][0], tuple(places), *partial[7:])
    return _with_keywords(
        body, all_of_them, made, {name: outer[at] for name, at in operation[7] if name}
    )


def _unpacked(operations: list[f.Operation], call: f.Operation) -> set[str]:
    """The names of the dicts that a call unpacks."""
    places = [at for name, at in call[7] if name is None]
    return {operations[at][5] for at in places if operations[at][0] == f.NAME}


def _with_keywords(
    body: Function,
    operations: list[f.Operation],
    call: f.Operation,
    more: dict[str, f.Operation],
) -> Made:
    """A call with further keywords."""
    keywords = dict(call[7])
    for name, operation in more.items():
        keywords[name] = len(operations)
        operations.append(operation)
    operations.append((*call[:7], tuple(keywords.items()), *call[8:]))
    return Made(body, tuple(operations), len(operations) - 1)
