"""UPDATEs of many rows that leave what is loaded as it was: ``synchronize_session=False``.

A commit had what they have changed read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_sessions, load_statements
from asyncify.analysis import load_values as s
from asyncify.analysis.program import Class
from asyncify.vocabulary.loading import VALUES
from asyncify.vocabulary.sqlalchemy_query import UNSYNCHRONIZED

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation


def by_query(run: LoadEvaluation, operation: f.Operation, cls: Class) -> None:
    """``db.query(User).update({"age": 1}, synchronize_session=False)``"""
    if _is_unsynchronized(run, operation, 1):
        _leave(run, cls, _names(run, operation))


def executed(run: LoadEvaluation, index: int) -> None:
    """``db.execute(update(User).values(age=1).execution_options(synchronize_session=False))``"""
    names: set[str] | None = set()
    is_left, place = False, index
    while place >= 0 and run.operations[place][0] == f.CALL:
        operation = run.operations[place]
        callee = run.operations[operation[5]]
        if callee[0] != f.ATTRIBUTE:
            break
        is_left |= _is_unsynchronized(run, operation)
        if callee[6] == VALUES:
            names = _names(run, operation)
        place = callee[5]
    cls = load_sessions.updated_class(run, index) if is_left else None
    if cls is not None:
        _leave(run, cls, names)


def _is_unsynchronized(run: LoadEvaluation, operation: f.Operation, position: int = -1) -> bool:
    name, says = UNSYNCHRONIZED
    given = dict(operation[7]).get(name, -1)
    if given < 0 <= position < len(operation[6]):
        given = operation[6][position]
    return (
        given >= 0
        and run.operations[given][:1] == (f.CONSTANT,)
        and (run.operations[given][5] is says)
    )


def _names(run: LoadEvaluation, operation: f.Operation) -> set[str] | None:
    """The attributes that are set; None: any."""
    names = {name for name, _ in operation[7] if name and name != UNSYNCHRONIZED[0]}
    for argument in operation[6][:1]:
        given = run.operations[argument] if argument >= 0 else ()
        if not given or given[0] != f.DICT or min(given[5], default=0) < 0:
            return None
        names |= {name for key in given[5] for name in load_statements.attributes(run, key)}
    return names


def _leave(run: LoadEvaluation, cls: Class, names: set[str] | None) -> None:
    """What is held of a class has other values than its rows until the next commit."""
    state = run.state
    for entity in load_sessions.held(run):
        if cls in entity.cls.ancestors:
            columns = run.loading.models.columns(entity.cls)
            unlike = {s.UNLIKE + name for name in (columns if names is None else names)}
            state.set_changed(entity.key, state.changed.get(entity.key, frozenset()) | unlike)
