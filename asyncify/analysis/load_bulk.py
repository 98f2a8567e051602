"""Statements that leave what is loaded as it was: ``synchronize_session=False``, those of tables,
and texts.

A commit had what they have changed read again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_commits, load_sessions, load_statements
from asyncify.analysis import load_values as s
from asyncify.analysis import values as v
from asyncify.analysis.load_histories import Write
from asyncify.analysis.model_bodies import TABLE
from asyncify.analysis.program import Class, Function, Variable
from asyncify.vocabulary import loading as words
from asyncify.vocabulary.loading import VALUES
from asyncify.vocabulary.sqlalchemy_query import UNSYNCHRONIZED

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation
    from asyncify.analysis.loading import Loading

_STATEMENT = re.compile(
    r"""\s*(?P<verb>update|insert\s+into|delete\s+from)\s+["`]?(?P<table>\w+)["`]?
    (?:\s+set\s+(?P<set>.*?)(?:\swhere\s.*)?$)?""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_SET = re.compile(r"""(?:^|,)\s*["`]?(\w+)["`]?\s*=""")


def by_query(run: LoadEvaluation, operation: f.Operation, cls: Class) -> None:
    """``db.query(User).update({"age": 1}, synchronize_session=False)``"""
    if _is_unsynchronized(run, operation, 1):
        leave(run, cls, set_by(run, operation))


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
            names = set_by(run, operation)
        place = callee[5]
    cls = load_sessions.updated_class(run, index) if is_left else None
    if cls is not None:
        leave(run, cls, names)
    table = _table_updated(run, index)
    for each in run.loading.by_table.get(table, ()) if table else ():
        known = run.loading.models.columns(each)
        leave(run, each, names if names is None else names & known)


def _table_updated(run: LoadEvaluation, index: int) -> str:
    """Of ``update(User.__table__)`` or ``users.update()``: the table, of which what is held knows
    nothing."""
    while index >= 0 and run.operations[index][0] == f.CALL:
        operation = run.operations[index]
        callee = run.operations[operation[5]]
        if callee[0] == f.ATTRIBUTE and run.operations[callee[5]][0] == f.CALL:
            index = callee[5]
            continue
        if callee[-1] not in words.UPDATING:
            return ""
        first = operation[6][0] if operation[6] else callee[5] if callee[0] == f.ATTRIBUTE else -1
        if first < 0 or any(isinstance(atom, v.ClassObject) for atom in run.types(first)):
            return ""
        local = run.body.assigned(first)
        return run.loading.models.table_at(
            run.function, run.operations, local if local >= 0 else first
        )
    return ""


def by_text(run: LoadEvaluation, index: int) -> None:
    """``db.execute(text("UPDATE users SET age = 1"))``: nothing of what is held knows of it."""
    for verb, table, names in texts(run.loading, run.function, run.operations, index):
        classes = run.loading.by_table.get(table, ())
        if not classes:
            load_commits.note(run, Write(None, "bulk", between=table))
        for cls in classes:
            run.state.write(cls)
            load_commits.gone(run, cls, "bulk")
            if verb == "update":
                leave(run, cls, names & run.loading.models.columns(cls))


def columns(loading: Loading) -> set[str]:
    """The columns that such statements set, anywhere."""
    out: set[str] = set()
    program = loading.inference.program
    for function in program.mentioning(words.TEXT):
        operations = function.body.operations
        for index, operation in enumerate(operations):
            if operation and operation[0] == f.CALL:
                for _, _, names in texts(loading, function, operations, index):
                    out |= names
    of_tables = {
        function for body in program.mentioning(TABLE) for function in body.module.functions
        if VALUES in function.facts.members and words.UPDATING & function.facts.names
    }  # fmt: skip
    for function in dict.fromkeys([*program.mentioning(UNSYNCHRONIZED[0]), *of_tables]):
        run = loading.empty_run(function)
        for operation in run.operations:
            if operation and operation[0] == f.CALL:
                callee = run.operations[operation[5]]
                if callee[0] == f.ATTRIBUTE and callee[6] in (VALUES, *words.UPDATING):
                    out |= set_by(run, operation) or set()
    return out


def texts(
    loading: Loading, function: Function, operations: tuple[f.Operation, ...], index: int
) -> Iterator[tuple[str, str, set[str]]]:
    """What a text does to which table, and the columns that it sets."""
    body, place, program = loading.body(function), index, loading.inference.program
    if place >= 0 and operations[place][0] == f.NAME and body.assigned(place) >= 0:
        place = body.assigned(place)
    elif place >= 0 and operations[place][0] in (f.NAME, f.ATTRIBUTE):
        symbol = program.resolve_expression(function, operations, place)
        found = program.variable_expression(symbol) if isinstance(symbol, Variable) else None
        if found is not None and found[1][found[2]][0] == f.CALL:
            yield from texts(loading, *found)
        return
    while place >= 0 and operations[place][0] == f.CALL:
        callee = operations[operations[place][5]]
        if callee[0] != f.ATTRIBUTE or callee[6] == words.TEXT:
            break
        place = callee[5]  # .bindparams(...)
    if place < 0 or operations[place][0] != f.CALL or not operations[place][6]:
        return
    callee, argument = operations[operations[place][5]], operations[place][6][0]
    if words.TEXT not in callee[5:7] or argument < 0:
        return
    for text in body.texts(argument):
        if told := _STATEMENT.match(text):
            names = set(_SET.findall(told["set"] or ""))
            yield told["verb"].split()[0].lower(), told["table"], names


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


def set_by(run: LoadEvaluation, operation: f.Operation) -> set[str] | None:
    """The attributes that are set; None: any."""
    names = {name for name, _ in operation[7] if name and name != UNSYNCHRONIZED[0]}
    for argument in operation[6][:1]:
        given = run.operations[argument] if argument >= 0 else ()
        if not given or given[0] != f.DICT or min(given[5], default=0) < 0:
            return None
        names |= {name for key in given[5] for name in load_statements.attributes(run, key)}
    return names


def leave(run: LoadEvaluation, cls: Class, names: set[str] | None) -> None:
    """What is held of a class has other values than its rows until the next commit."""
    state = run.state
    columns = run.loading.models.columns(cls)
    unlike = {s.UNLIKE + name for name in (columns if names is None else names)}
    state.computes |= {(cls, name) for name in unlike}  # callers may hold others
    for entity in load_sessions.held(run):
        if cls in entity.cls.ancestors:
            state.set_changed(entity.key, state.changed.get(entity.key, frozenset()) | unlike)
