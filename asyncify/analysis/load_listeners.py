"""Listeners that write rows by statements of their own: nothing of what is held knows of it.

    @event.listens_for(Line, "after_insert")
    def count(mapper, connection, target):
        connection.execute(update(Order).where(Order.id == target.order_id).values(...))

A commit had what they have changed read again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from asyncify import facts as f
from asyncify.analysis import load_bulk, load_commits
from asyncify.analysis.program import Class, Function
from asyncify.vocabulary import loading as words
from asyncify.vocabulary.tasks import LISTEN, LISTENS_FOR

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation
    from asyncify.analysis.loading import Loading

_Operations = tuple[f.Operation, ...]


class Heard(NamedTuple):
    """What is written when something happens: to a class, None: to a session; ``names``: the
    columns that are set, None: any, of rows that come or go."""

    of: Class | None
    event: str
    cls: Class
    names: frozenset[str] | None


def flushed(run: LoadEvaluation) -> None:
    """What is flushed is heard of."""
    for each in run.loading.heard:
        if each.of is None or _happens(run, each.of, each.event):
            load_commits.gone(run, each.cls, "bulk")
            if each.names is not None:
                load_bulk.leave(run, each.cls, set(each.names))


def _happens(run: LoadEvaluation, cls: Class, event: str) -> bool:
    """May rows of a class have been written? Updates are those of anything that is held."""
    if event.endswith(words.UPDATED):
        return True
    written = run.state.written | {write.cls for write in run.state.history.dirty}
    return any(each is None or load_commits.related(each, cls) for each in written)


def heard(loading: Loading) -> tuple[Heard, ...]:
    """What the listeners of the program write."""
    out: dict[Heard, None] = {}
    for listener, of, event in _listeners(loading):
        out.update((Heard(of, event, *each), None) for each in _written(loading, listener))
    return tuple(out)


def _listeners(loading: Loading) -> Iterator[tuple[Function, Class | None, str]]:
    """The listeners, what each listens to, and for what."""
    inference = loading.inference
    for function in inference.program.mentioning_member(words.EXECUTE):
        if function.signature_is_decorated and LISTENS_FOR & {*inference.decorators(function)}:
            signature = function.signature
            for index in signature.decorators:
                given = signature.operations[index]
                if given[0] == f.CALL:
                    scope = function.parent or function
                    yield (function, *_heard(loading, scope, signature.operations, given))
    for function in inference.program.mentioning("listen"):
        for operation in function.body.operations:
            if operation and operation[0] == f.CALL and len(operation[6]) > 2:
                place, program = operation[6][2], inference.program
                callee = program.resolve_expression(
                    function, function.body.operations, operation[5]
                )
                listener = program.resolve_expression(function, function.body.operations, place)
                if callee in LISTEN and isinstance(listener, Function):
                    found = _heard(loading, function, function.body.operations, operation)
                    yield (listener, *found)


def _heard(
    loading: Loading, function: Function, operations: _Operations, call: f.Operation
) -> tuple[Class | None, str]:
    of, event = [*call[6][:2], -1, -1][:2]
    symbol = None
    if of >= 0:
        symbol = loading.inference.program.resolve_expression(function, operations, of)
    name = operations[event][5] if event >= 0 and operations[event][0] == f.CONSTANT else ""
    return symbol if isinstance(symbol, Class) else None, str(name)


def _written(loading: Loading, listener: Function) -> Iterator[tuple[Class, frozenset[str] | None]]:
    """The classes whose rows a listener writes."""
    run = loading.empty_run(listener)
    for operation in run.operations:
        callee = run.operations[operation[5]] if operation and operation[0] == f.CALL else ()
        if callee and callee[0] == f.ATTRIBUTE and callee[6] == words.EXECUTE and operation[6]:
            place = operation[6][0]
            if place < 0:
                continue
            for verb, table, names in load_bulk.texts(loading, listener, run.operations, place):
                for cls in loading.by_table.get(table, ()):
                    yield cls, frozenset(names) if verb == "update" else None
            yield from _by_statement(run, place)


def _by_statement(run: LoadEvaluation, place: int) -> Iterator[tuple[Class, frozenset[str] | None]]:
    """``update(Order).values(...)``, ``Order.__table__.insert()``"""
    names: set[str] | None = None
    place = run.body.assigned(place) if run.operations[place][0] == f.NAME else place
    while place >= 0 and run.operations[place][0] == f.CALL:
        operation = run.operations[place]
        callee = run.operations[operation[5]]
        name = callee[6] if callee[0] == f.ATTRIBUTE else callee[5]
        if name == words.VALUES:
            names = load_bulk.set_by(run, operation)
        is_member = callee[0] == f.ATTRIBUTE
        if name in words.WRITING_TABLES:
            of = operation[6][0] if operation[6] else callee[5] if is_member else -1
            for cls in _classes(run, of):
                columns = run.loading.models.columns(cls)
                is_update = name in words.UPDATING
                yield cls, frozenset(columns if names is None else names) if is_update else None
            return
        place = callee[5] if is_member else -1


def _classes(run: LoadEvaluation, index: int) -> list[Class]:
    """The classes of a table, or of what stands for it."""
    if index >= 0 and run.operations[index][0] == f.NAME and run.body.assigned(index) >= 0:
        index = run.body.assigned(index)
    if index < 0:
        return []
    table = run.loading.models.table_at(run.function, run.operations, index)
    return run.loading.by_table.get(table, []) if table else []
