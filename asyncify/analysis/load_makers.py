"""Where the objects are made that a variable, or the items of a container, are: ``View(user)`` of
``views = [View(user) for user in users]``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.statements import statements_of, targets_of
from asyncify.vocabulary import loading as words

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation

_STEPS = 8


def makers(run: LoadEvaluation, index: int, steps: int = _STEPS) -> list[int]:
    """The calls of classes that made what an operation gives, or holds; none if not all are
    known."""
    found: dict[int, None] = {}
    for source in _sources(run, index) if index >= 0 and steps else ():
        made = [source] if _is_made(run, source) else makers(run, source, steps - 1)
        if not made:
            return []
        found |= dict.fromkeys(made)
    return list(found)


def _is_made(run: LoadEvaluation, index: int) -> bool:
    operation = run.operations[index] if index >= 0 else ()
    return operation[:1] == (f.CALL,) and any(
        isinstance(atom, v.ClassObject) for atom in run.types(operation[5])
    )


def _sources(run: LoadEvaluation, index: int) -> list[int]:
    """Where the objects of an operation come from, one step back; -1 is unknown."""
    operation = run.operations[index]
    kind = operation[0]
    if kind == f.CALL:
        if _is_made(run, index):
            return [index]
        foreign = {a.name for a in run.types(operation[5]) if isinstance(a, v.Foreign)}
        given = list(operation[6])
        return given if given and foreign & (words.ITERATING | words.PICKING) else [-1]
    if kind == f.COMPREHENSION:
        return [operation[10][-1]]
    if kind == f.SEQUENCE:
        return list(operation[6])
    if kind == f.SUBSCRIPT:
        return [operation[5]]
    if kind == f.NAME:
        places = list(_bound(run, index, operation[5])) or [-1]
        before = [place for place in places if place < index]
        return before or places
    return [-1]


def _bound(run: LoadEvaluation, index: int, name: str) -> Iterator[int]:
    """What a variable is set to, is filled with or goes through."""
    for place, operation in enumerate(run.operations):
        if operation[:1] == (f.COMPREHENSION,) and place < index < operation[9]:
            for target, iterable, *_ in operation[8]:
                if target[:2] == (f.TO_NAME, name):
                    yield iterable
                    return
    if name not in run.function.facts.bound:
        yield -1
    for statement in statements_of(run.function.body.statements):
        if statement[0] == f.ASSIGN and (f.TO_NAME, name) in [t[:2] for t in targets_of(statement)]:
            value = run.operations[statement[8]]
            if value[0] != f.SEQUENCE or value[6]:  # else it is filled below
                yield statement[8]
        elif statement[0] == f.FOR and statement[7][:2] == (f.TO_NAME, name):
            yield statement[8]
        elif statement[0] == f.EXPRESSION:
            yield from _filled(run, run.operations[statement[7]], name)


def _filled(run: LoadEvaluation, operation: f.Operation, name: str) -> Iterator[int]:
    """``views.append(View(user))``"""
    if operation[0] != f.CALL:
        return
    callee = run.operations[operation[5]]
    if callee[0] != f.ATTRIBUTE or callee[6] not in words.FILLING:
        return
    if run.operations[callee[5]][:1] == (f.NAME,) and run.operations[callee[5]][5] == name:
        yield from operation[6]
