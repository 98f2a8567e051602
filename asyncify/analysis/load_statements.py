"""Statements and results, as far as load states go: what they select, and what options load."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from asyncify import facts as f
from asyncify.analysis import load_again, load_bulk, load_commits, load_reads, load_sessions
from asyncify.analysis import load_values as s
from asyncify.analysis import values as v
from asyncify.analysis.load_states import State
from asyncify.analysis.program import Class, Function, Variable, dotted
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary import loading as words
from asyncify.vocabulary.loading import Gives
from asyncify.vocabulary.rows import Role
from asyncify.vocabulary.sqlalchemy_query import QUERY

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation
    from asyncify.analysis.loading import Loading

_T = TypeVar("_T")
_CLASSES = 6  # that a repository of any class may select
_BODIES = 6  # of functions that give options of one another
_NO_CALL: f.Operation = ()


def statement_method(
    run: LoadEvaluation, statement: s.Statement, name: str, operation: f.Operation, index: int
) -> s.Value:
    if statement.dynamic is not None and name in words.DYNAMIC_EXECUTES | words.DYNAMIC_RUNS:
        load_reads.executed(run, statement, name if statement.entities else words.RESHAPED, index)
    if statement.dynamic is not None and name in words.EXTENDING:
        for place in operation[6]:
            run.iterable(place if place >= 0 else ~place)
    if name in words.RESHAPING:
        bare = replace(statement, entities=(), paths=frozenset())
        return s.one(bare) if statement.dynamic is not None else s.NOTHING
    if name == words.OPTIONS:
        paths = _option_paths(run, statement, operation)
        for source in _sources(statement):
            run.loading.opted.setdefault(source, set()).update(*paths)
        return s.one(replace(statement, paths=statement.paths | paths))
    if not statement.legacy:
        return s.one(statement)
    if name in words.QUERY_GETS:
        first = statement.entities[0] if statement.entities else None
        return load_sessions.fetched(run, first.cls, index, statement.paths) if first else s.NOTHING
    if name in words.WRITING_QUERIES and statement.entities:
        entity = statement.entities[0]
        run.state.write(entity.cls if entity is not None else None)
        if entity is not None:
            load_commits.gone(run, entity.cls, "bulk")
    if name in words.UPDATING and statement.entities and statement.entities[0] is not None:
        run.state.flush()
        names = load_sessions.computed_keys(run, operation)
        cls = statement.entities[0].cls
        load_sessions.expire_attributes(run, {(cls, name) for name in names})
        load_bulk.by_query(run, operation, cls)
    gives = words.QUERY_GIVES.get(name)
    if gives is not None:
        executed(run, statement)
        found = item(statement, statement.single or gives is Gives.SCALAR)
        return s.many(found) if gives is Gives.MANY else found
    row = QUERY.member(name)
    return s.one(statement) if row is not None and row.role is Role.BUILDER else s.NOTHING


def _option_paths(
    run: LoadEvaluation, statement: s.Statement, operation: f.Operation
) -> set[tuple[str, ...]]:
    """The paths that the arguments of ``options`` load. Where one can't be read, no option can be
    added: SQLAlchemy refuses two that contradict each other."""
    paths: set[tuple[str, ...]] = set()
    for argument in operation[6]:
        index = argument if argument >= 0 else ~argument
        if argument >= 0 and run.operations[index][0] == f.CALL:
            paths |= option(run, index)[1]
            is_later = any(s.LATER in path[-1] for path in paths)  # which nothing may contradict
            if is_later or not _is_written_out(run, run, index):
                run.loading.unreadable |= _sources(statement)
            continue
        kept = _kept_options(run, index)
        for view, inner in kept:
            paths |= option(view, inner)[1]
        polymorphic = any(
            path[-1] == s.SUBCLASSES for path in paths
        )  # nothing else may say it again
        is_made = run.operations[index][0] == f.CALL  # by a function, for other queries too
        written_out = kept and all(_is_written_out(run, view, inner) for view, inner in kept)
        if polymorphic or is_made or not written_out:
            run.loading.unreadable |= _sources(statement)
    return paths


def _is_written_out(run: LoadEvaluation, view: LoadEvaluation | _View, index: int) -> bool:
    """Can all of an option be read: does no function of the program make it, or a part of it?
    ``selectinload(User.books).options(*book_options())``"""
    operations, program = view.operations, run.loading.inference.program
    while index >= 0 and operations[index][0] == f.CALL:
        operation = operations[index]
        callee = operations[operation[5]]
        if callee[0] == f.ATTRIBUTE and callee[6] == words.OPTIONS:
            for argument in operation[6]:
                if argument < 0 or operations[argument][0] != f.CALL:
                    return False
                if not _is_written_out(run, view, argument):
                    return False
        elif isinstance(
            program.resolve_expression(view.function, operations, operation[5]), Function
        ):
            return False
        index = callee[5] if callee[0] == f.ATTRIBUTE else -1
    return True


def _sources(statement: s.Statement) -> set[s.Source]:
    return {entity.source for entity in statement.entities if entity is not None}


class _View(NamedTuple):
    """The operations of another body, and how many bodies lead to it."""

    loading: Loading
    function: Function
    operations: tuple[f.Operation, ...]
    depth: int = 1


def _kept_options(run: LoadEvaluation | _View, index: int) -> list[tuple[_View, int]]:
    """The options that a module's variable holds, or a function gives; none if that isn't known."""
    program, operation = run.loading.inference.program, run.operations[index]
    place = operation[5] if operation[0] == f.CALL else index
    symbol = program.resolve_expression(run.function, run.operations, place)
    found = program.variable_expression(symbol) if isinstance(symbol, Variable) else None
    if isinstance(symbol, Function) and operation[0] == f.CALL:
        found = _returned(symbol)
    depth = run.depth + 1 if isinstance(run, _View) else 1
    if found is None or depth > _BODIES:
        return []
    function, operations, value = found
    operation, view = operations[value], _View(run.loading, function, operations, depth)
    out: list[tuple[_View, int]] = []
    for part in operation[6] if operation[0] == f.SEQUENCE else (value,):
        more = [(view, part)] if part >= 0 else _kept_options(view, ~part)
        if not more or more[0][0].operations[more[0][1]][0] != f.CALL:
            return []
        out += more
    return out


def _returned(function: Function) -> tuple[Function, tuple[f.Operation, ...], int] | None:
    """What a function gives, where it has one ``return``: ``def book_options(): return (...)``"""
    returns = [each for each in statements_of(function.body.statements) if each[0] == f.RETURN]
    if len(returns) != 1 or returns[0][7] < 0:
        return None
    return function, function.body.operations, returns[0][7]


def iterated(run: LoadEvaluation, value: s.Value, index: int) -> None:
    """Is it the Query of a dynamic relationship that a loop runs over?"""
    for atom in value:
        if isinstance(atom, s.Statement) and atom.dynamic is not None:
            each = s.EVERYTHING if atom.entities else words.RESHAPED_EACH
            load_reads.executed(run, atom, each, index)


def result_method(run: LoadEvaluation, outcome: s.Outcome, name: str) -> s.Value:
    gives = words.RESULT_GIVES.get(name, Gives.OTHER)
    if gives is Gives.SAME:
        return s.one(outcome)
    if gives is Gives.SCALARS:
        return s.one(s.Outcome(outcome.statement, True))
    if gives is Gives.MAPPINGS:
        return s.one(s.Outcome(outcome.statement, False, named=True))
    if gives is Gives.OTHER:
        return s.NOTHING
    found = item_of(outcome) if gives is not Gives.SCALAR else item(outcome.statement, True)
    found = s.many(found) if gives in (Gives.MANY, Gives.PARTS) else found
    return s.many(found) if gives is Gives.PARTS else found


def item_of(outcome: s.Outcome) -> s.Value:
    """One item of a result."""
    found = item(outcome.statement, outcome.scalars)
    return s.by_class(found) if outcome.named else found


def item(statement: s.Statement, single: bool) -> s.Value:
    """One item of what a statement selects."""
    parts = tuple(s.one(e) if e is not None else s.NOTHING for e in statement.entities)
    if single:
        return parts[0] if parts else s.NOTHING
    return s.one(s.Row(parts)) if any(parts) else s.NOTHING


def alternately(
    run: LoadEvaluation, alternatives: list[_T], act: Callable[[_T], s.Value]
) -> list[s.Value]:
    """What an action gives for each of several statements, or classes, of which one will be there:
    what holds afterwards, holds whichever it is."""
    if len(alternatives) < 2:
        return [act(each) for each in alternatives]
    before, out = run.state, []
    after: State | None = None
    for each in alternatives:
        run.state = before.copy()
        out.append(act(each))
        after = run.state if after is None else after.joined(run.state)
    if after is not None:
        run.state = after
    return out


def executed(run: LoadEvaluation, statement: s.Statement) -> None:
    """The statement's instances are new ones, and loaded as its options say."""
    run.state.flush()
    loads = set(load_again.selected(run, statement))
    classes = [entity.cls for entity in statement.entities if entity is not None]
    expired = load_again.before_call(run, loads, run.place, classes)
    load_again.loads(run, loads)
    for entity in statement.entities:
        if entity is not None:
            run.state.forget(entity.source)
            for path in statement.paths:
                names = _said_of(run, entity, path)
                run.state.load((entity.source, path[:-1]), names)
    load_again.after_query(run, statement, expired)


def _said_of(run: LoadEvaluation, entity: s.Entity, path: tuple[str, ...]) -> set[str]:
    """The attributes that an option loads, or leaves out, each with the sign of that."""
    last = path[-1]
    if not last.startswith((s.ONLY, s.GROUP)):
        return {last.replace(s.LATER, s.WITHOUT)}
    models, cls = run.loading.models, entity.cls
    for name in path[:-1]:
        link = models.links(cls).get(name)
        if link is None or link.target is None:
            return set()
        cls = link.target
    if last.startswith(s.GROUP):
        return models.grouped(cls, last.removeprefix(s.GROUP))
    kept = set(last.removeprefix(s.ONLY).split(","))
    return {
        s.WITHOUT + name for name in models.columns(cls) - kept
        if not models.has_primary_key(cls, name)
    }  # fmt: skip


def option(run: LoadEvaluation | _View, index: int) -> tuple[tuple[str, ...], set[tuple[str, ...]]]:
    """Where a loader option leads, and the paths that it loads."""
    operation = run.operations[index]
    if operation[0] != f.CALL:
        return (), set()
    callee = run.operations[operation[5]]
    prefix: tuple[str, ...] = ()
    paths: set[tuple[str, ...]] = set()
    name = callee[5] if callee[0] == f.NAME else callee[6] if callee[0] == f.ATTRIBUTE else ""
    if callee[0] == f.ATTRIBUTE and run.operations[callee[5]][0] == f.CALL:
        prefix, paths = option(run, callee[5])
    if name == words.OPTIONS:
        for argument in operation[6]:
            for view, inner in (
                [(run, argument)] if argument >= 0 else _kept_options(run, ~argument)
            ):
                paths |= {(*prefix, *path) for path in option(view, inner)[1]}
        return prefix, paths
    if name in words.POLYMORPHIC_OPTIONS:
        paths.add((*prefix, s.SUBCLASSES))
    if name in words.NARROWING or name in words.DEFERRING or name in words.POSTPONING:
        return prefix, paths | {(*prefix, each) for each in _for_later(run, operation, name)}
    if name in words.UNDEFERRING_GROUPS:
        return prefix, paths | {
            (*prefix, s.GROUP + part) for each in operation[6] for part in attributes(run, each)
        }
    loads = name in words.LOADING or name in words.UNDEFERRING or name in words.REFUSING
    if not loads and name not in words.LEADING:
        return prefix, paths
    for argument in operation[6]:
        for part in attributes(run, argument):
            prefix = (*prefix, part)
            if loads:
                paths.add(prefix)
                if words.DEPTH in dict(operation[7]):
                    paths |= {(*prefix, *[part] * more) for more in (1, 2)}
        if name in words.UNDEFERRING and prefix:
            prefix = prefix[:-1]
    return prefix, paths


def _for_later(run: LoadEvaluation | _View, operation: f.Operation, name: str) -> list[str]:
    """What an option leaves for later, as the last part of a path."""
    parts = [attributes(run, argument) for argument in operation[6]]
    named = [part for each in parts for part in each]
    if name in words.POSTPONING:
        return [s.LATER + each for each in named]
    if not all(parts):
        return []  # nobody knows which
    if name in words.NARROWING:
        return [s.ONLY + ",".join(named)]
    return [s.WITHOUT + each for each in named]


def attributes(run: LoadEvaluation | _View, index: int) -> list[str]:
    """The attributes that an argument of a loader option names: ``User.books``, ``"books"``."""
    operation = run.operations[index] if index >= 0 else ()
    if operation and operation[0] == f.ATTRIBUTE:
        return [operation[6]]
    if operation and operation[0] == f.CONSTANT and isinstance(operation[5], str):
        return operation[5].split(".")
    if operation and operation[0] == f.CALL:  # User.books.of_type(Novel)
        callee = run.operations[operation[5]]
        return attributes(run, callee[5]) if callee[0] == f.ATTRIBUTE else []
    return []


def selected(run: LoadEvaluation, index: int) -> list[Class]:
    """The classes that an argument may stand for: that which the caller has given, if it has."""
    if index < 0:
        return []
    given = [a.cls for a in run.values[index] if isinstance(a, s.Model)]
    return given or [a.cls for a in run.types(index) if isinstance(a, v.ClassObject)]


def started(run: LoadEvaluation, operation: f.Operation, index: int, legacy: bool) -> s.Value:
    """``db.query(...)`` or ``select(...)``: several, where the class is one of several."""
    found: list[list[s.Entity | None]] = [[]]
    whole = False
    for position, argument in enumerate(operation[6]):
        source = s.Source("query", run.function, index, position)
        classes = [c for c in selected(run, argument) if run.loading.is_model(c)]
        made = _made_by(run, argument) if classes else ("", _NO_CALL, ())
        whole |= made[0] == words.WITH_SUBCLASSES
        if made[0] in words.ALIASING:
            source.name_in_rows(_alias(*made[1:]))
        if len(classes) == 1 or len(found) == 1 < len(classes) <= _CLASSES:
            entities = [s.Entity(source, (), cls) for cls in classes]
            found = [[*before, entity] for before in found for entity in entities]
        else:
            found = [[*before, None] for before in found]
    paths = frozenset(((s.SUBCLASSES,),)) if whole else frozenset()
    return frozenset(
        s.Statement(tuple(entities), paths, single=len(entities) == 1, legacy=legacy)
        for entities in found if any(entities)
    )  # fmt: skip


def returning(run: LoadEvaluation, operation: f.Operation, index: int) -> s.Value:
    """``insert(Order).returning(Order)``: what it gives comes without what options would load."""
    statements = started(run, operation, index, legacy=False)
    for atom in statements:
        run.loading.unreadable.update(entity.source for entity in s.selected(atom))
    return statements


def _made_by(run: LoadEvaluation, index: int) -> tuple[str, f.Operation, tuple[f.Operation, ...]]:
    """What makes a class that is selected, if it isn't one of the program itself: its name, the
    call, and the operations that this is one of."""
    local, operations = run.body.assigned(index), run.operations
    at = local if local >= 0 else index
    program = run.loading.inference.program
    symbol = program.resolve_expression(run.function, operations, index) if local < 0 else None
    if isinstance(symbol, Variable):
        found = program.variable_expression(symbol)
        if found is None:
            return "", _NO_CALL, operations
        _, operations, at = found
    operation = operations[at]
    if operation[0] != f.CALL:
        return "", _NO_CALL, operations
    return dotted(operations, operation[5]).rpartition(".")[2], operation, operations


def _alias(call: f.Operation, operations: tuple[f.Operation, ...]) -> str:
    """``aliased(User, name="owner")``"""
    place = dict(call[7]).get(words.ALIAS_NAME, -1)
    name = operations[place] if place >= 0 else ()
    return str(name[5]) if name[:1] == (f.CONSTANT,) else ""


def begun(run: LoadEvaluation, index: int) -> s.Value:
    """``User.query``, where a class begins it: several, where the class is one of several."""
    number, source = run.operations[index][3], s.Source("query", run.function, index)
    classes = {
        query.entities[0] for query in run.types(index)
        if isinstance(query, v.QueryValue) and query.entities[:1] != (None,)
        and query.origin.function is run.function and ~query.origin.call == number
    }  # fmt: skip
    return frozenset(
        s.Statement((s.Entity(source, (), cls),), legacy=True)
        for cls in classes if cls is not None and len(classes) <= _CLASSES
    )  # fmt: skip
