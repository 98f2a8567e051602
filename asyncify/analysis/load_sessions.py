"""Sessions, as far as load states go: what their methods give, flush, expire and refresh."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_again, load_bulk, load_commits, load_listeners, load_statements
from asyncify.analysis import load_values as s
from asyncify.analysis import values as v
from asyncify.analysis.load_histories import Write
from asyncify.analysis.model_bodies import Relationship
from asyncify.analysis.program import Class, Function
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary import loading as words
from asyncify.vocabulary.loading import Effect, Gives
from asyncify.vocabulary.names import FUNCTIONS

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation

_SESSIONS = {
    "Session", "scoped_session", "AsyncSession", "async_scoped_session",
    "SessionTransaction", "AsyncSessionTransaction",
}  # fmt: skip
# What expires attributes: the methods of sessions, and bulk updates.
EXPIRING = {
    name
    for name, effect in words.SESSION_EFFECTS.items()
    if effect in (Effect.EXPIRE, Effect.EXPIRE_ALL)
} | {"update"}

COMMITTING = {name for name, effect in words.SESSION_EFFECTS.items() if effect is Effect.COMMIT}


def session_of(atom: v.Atom) -> v.Known | None:
    """The session, or its transaction, that a method is one of."""
    owner = atom.owner if isinstance(atom, v.KnownMethod) else None
    return owner if isinstance(owner, v.Known) and owner.kind in _SESSIONS else None


def method(run: LoadEvaluation, operation: f.Operation, index: int, name: str) -> s.Value | None:
    """What a method of a session gives, or None where it is none that matters here."""
    owners = (session_of(a) for a in run.types(operation[5]) if isinstance(a, v.KnownMethod))
    owner = next((o for o in owners if o is not None), None)
    row = run.loading.inference.row(owner.kind, name) if owner is not None else None
    if row is None:
        return None
    first = operation[6][0] if operation[6] and operation[6][0] >= 0 else -1
    argument = run.values[first] if first >= 0 else s.NOTHING
    if row.returns == "Query":
        return load_statements.started(run, operation, index, legacy=True)
    if name in words.MERGING:
        return _merged(run, argument, index)
    if row.returns == "entity" and first >= 0:
        classes = load_statements.selected(run, first)
        found = fetched(run, classes[0], index, frozenset()) if len(classes) == 1 else s.NOTHING
        _note_session(run, owner, found)
        return found
    if name in words.WRITING:
        _write(run, argument, first)
        if name in words.DELETING:
            load_commits.deleted(run, argument)
        else:
            load_commits.added(run, argument)
    gives = words.SESSION_GIVES.get(name)
    if gives is not None:
        _note_session(run, owner, argument)
        return _executed_by(run, argument, gives, first)
    effect = words.SESSION_EFFECTS.get(name)
    if effect is not None:
        if effect is Effect.KEEP:
            _note_session(run, owner, argument)
        _affect(run, effect, operation, argument)
        return s.NOTHING
    return None


def _note_session(run: LoadEvaluation, session: v.Known | None, value: s.Value) -> None:
    """Note which kind of session is asked for what a value is, or selects."""
    if session is not None:
        for source in s.sources(value):
            run.loading.asked.setdefault(source, set()).add(session.kind)


def _write(run: LoadEvaluation, value: s.Value, index: int) -> None:
    """Rows of what a session is handed, an instance or a class, are written."""
    types = run.types(index) if index >= 0 else v.UNKNOWN
    classes: set[Class | None] = {entity.cls for entity in s.unordered(value)}
    classes |= {a.cls for a in types if isinstance(a, v.ClassObject)}
    for cls in classes or {None}:
        run.state.write(cls)


def _write_many(run: LoadEvaluation, index: int) -> None:
    """``delete(User).where(...)``, or a variable that holds such a statement."""
    place = index
    while place >= 0 and run.operations[place][0] == f.CALL:
        operation = run.operations[place]
        if any(
            isinstance(a, v.Foreign) and FUNCTIONS.get(a.name) in words.WRITERS
            for a in run.types(operation[5])
        ):
            cls = updated_class(run, place)
            run.state.write(cls)
            if cls is not None:
                load_commits.gone(run, cls, "bulk")
            elif operation[6] and operation[6][0] >= 0:
                _write_between(run, operation[6][0])
            return
        callee = run.operations[operation[5]]
        place = callee[5] if callee[0] == f.ATTRIBUTE else -1
        if place >= 0 and callee[6] in words.WRITING_TABLES:
            _write_between(run, place)
    if index >= 0 and any(
        isinstance(a, v.Known) and a.kind in words.WRITERS for a in run.types(index)
    ):
        run.state.write(None)


def _write_between(run: LoadEvaluation, index: int) -> None:
    """``insert(links)`` or ``links.delete()``: rows of a table that links many to many."""
    models = run.loading.models
    table = models.table_at(run.function, run.operations, index) if index >= 0 else ""
    if table:
        load_commits.note(run, Write(None, "bulk", between=table))


def _executed_by(run: LoadEvaluation, argument: s.Value, gives: Gives, index: int) -> s.Value:
    statements = [a for a in argument if isinstance(a, s.Statement)]
    if not statements:
        run.state.flush()
        _bulk_update(run, index)
        load_bulk.executed(run, index)
        load_bulk.by_text(run, index)
        _write_many(run, index)

    def execute(statement: s.Statement) -> s.Value:
        load_statements.executed(run, statement)
        if gives is Gives.SCALAR:
            return load_statements.item(statement, True)
        scalars = gives is Gives.SCALARS or (gives is Gives.MIXED and statement.single)
        return s.one(s.Outcome(statement, scalars))

    return s.join(load_statements.alternately(run, statements, execute))


def _bulk_update(run: LoadEvaluation, index: int) -> None:
    """``update(User).values(name=func.upper(User.name))``: no evaluator knows what that gives, so
    the attribute of what is loaded expires."""
    while index >= 0 and run.operations[index][0] == f.CALL:
        operation = run.operations[index]
        callee = run.operations[operation[5]]
        started = any(
            isinstance(a, v.Foreign) and FUNCTIONS.get(a.name) == "Update"
            for a in run.types(operation[5])
        )
        if started:
            return
        cls, names = bulk_values(run, operation)
        if cls is not None and names:
            expire_attributes(run, {(cls, name) for name in names})
            return
        index = callee[5] if callee[0] == f.ATTRIBUTE else -1


def bulk_values(run: LoadEvaluation, operation: f.Operation) -> tuple[Class | None, set[str]]:
    """Of ``update(User).values(...)``: the class, and what only the database can compute."""
    callee = run.operations[operation[5]] if operation and operation[0] == f.CALL else ()
    if not callee or callee[0] != f.ATTRIBUTE or callee[6] != words.VALUES:
        return None, set()
    keywords = {n for n, i in operation[7] if n and run.is_computed(i, bulk=True)}
    return updated_class(run, callee[5]), keywords | computed_keys(run, operation)


def updated_class(run: LoadEvaluation, index: int) -> Class | None:
    """The class of ``update(User).where(...)``."""
    while run.operations[index][0] == f.CALL:
        operation = run.operations[index]
        callee = run.operations[operation[5]]
        if callee[0] == f.ATTRIBUTE and run.operations[callee[5]][0] == f.CALL:
            index = callee[5]
            continue
        for argument in operation[6][:1]:
            for atom in run.types(argument):
                if isinstance(atom, v.ClassObject):
                    return atom.cls
        return None
    return None


def computed_keys(run: LoadEvaluation, operation: f.Operation) -> set[str]:
    """The keys of ``{"name": func.upper(User.name)}`` or ``{User.name: ...}``."""
    names: set[str] = set()
    for argument in operation[6]:
        given = run.operations[argument] if argument >= 0 else ()
        if not given or given[0] != f.DICT:
            continue
        for key, value in zip(given[5], given[6], strict=True):
            if key >= 0 and run.is_computed(value, bulk=True):
                names |= set(load_statements.attributes(run, key))
    return names


def expire_attributes(run: LoadEvaluation, attributes: Set[tuple[Class, str]]) -> None:
    """Attributes of classes expire, in all instances of them that are held."""
    if not attributes:
        return
    if not attributes <= run.state.computes:
        run.state.computes |= attributes
    for entity in held(run):
        names = {name for cls, name in attributes if cls in entity.cls.ancestors}
        if names:
            known = run.state.expired.get(entity.key, frozenset())
            run.state.set_expired(entity.key, known | names)


def settles(run: LoadEvaluation, source: s.Source, place: int) -> bool:
    """Is what a read loads there for all reads behind it? Not if it may not be run."""
    return not run.is_maybe(place) and not is_shared(run, source)


def is_shared(run: LoadEvaluation, source: s.Source) -> bool:
    """May there be two instances, or two lists, that come from one place? Two variables hold what
    comes from one query, or what one function gave in two calls."""
    key, one, many = (source, ()), 0, 0
    for value in run.environment.values():
        if value:
            one += any(isinstance(a, s.Entity) and a.key == key for a in value)
            items = s.join(a.items for a in value if isinstance(a, s.Many))
            many += any(each.key == key for each in s.unordered(items))
    return max(one, many) > 1


def held(run: LoadEvaluation) -> set[s.Entity]:
    """The instances that variables of the function hold."""
    return {e for value in run.environment.values() if value for e in s.unordered(value)}


def fetched(
    run: LoadEvaluation, cls: Class, index: int, paths: frozenset[tuple[str, ...]]
) -> s.Value:
    """``session.get(User, 1)``: what is held already comes as it is, whatever the options say."""
    if not run.loading.is_model(cls):
        return s.NOTHING
    source = s.Source("get", run.function, index)
    read = {(cls, name) for name in run.loading.unlike & run.loading.models.columns(cls)}
    load_again.before_call(run, read, index)  # what the session holds comes as it is
    run.summary.loads |= read
    run.state.forget(source)
    computed = {n for c in cls.ancestors for n in run.loading.computed.get(c, ())}
    if run.loading.is_shared:
        models = run.loading.models
        computed |= {n for n in models.columns(cls) if models.is_queried(cls, n)}
    if computed:
        # The session may hold it, with what a flush has computed and nobody has read yet; a test
        # may have made it there, without what only a query computes.
        run.state.set_expired((source, ()), frozenset(computed))
    for path in paths:
        run.state.load((source, path[:-1]), path[-1:])
    return s.one(s.Entity(source, (), cls))


def _merged(run: LoadEvaluation, value: s.Value, index: int) -> s.Value:
    """The session's own instance, which takes over what the given one has."""
    source = s.Source("made", run.function, index)
    run.state.forget(source)
    for entity in s.entities(value):
        run.state.load((source, ()), run.state.loaded.get(entity.key, frozenset()))
    return s.mapped(value, lambda entity: (s.Entity(source, (), entity.cls),))


def _affect(run: LoadEvaluation, effect: Effect, operation: f.Operation, argument: s.Value) -> None:
    state = run.state
    if effect is Effect.FLUSH:
        state.flush()
    elif effect is Effect.COMMIT:
        load_listeners.flushed(run)
        state.flush()
        load_commits.commits(run)
    elif effect is Effect.EXPIRE_ALL:
        expire_all(run)
    elif effect is Effect.KEEP:
        keep(run, argument)
    elif effect is Effect.EXPIRE:
        _expire(run, operation, argument)
    elif effect is Effect.REFRESH:
        _refresh(run, operation, argument)
    elif effect is Effect.EXPUNGE_ALL:
        load_commits.expunged(run, held(run))
        load_commits.expired(run)  # what the session loads from now on is new to it
    elif effect is Effect.EXPUNGE:
        load_commits.expunged(run, s.unordered(argument))


def expire_all(run: LoadEvaluation, failed: bool = False) -> None:
    """Everything that the function holds, but what was never stored. ``failed``: only where
    something has failed before, and was handled."""
    if not failed:  # else it may as well not have come to that
        load_commits.expired(run)
    failed = failed or run.handlers > 0
    run.state.recovers |= failed
    run.state.expires |= not failed
    keys = {e.key for e in held(run)} | run.state.loaded.keys()
    stored = run.state.stored
    run.state.sweep((k for k in keys if k[0].kind != "new" or k[0] in stored), failed)


def keep(run: LoadEvaluation, value: s.Value) -> None:
    """Instances become the session's. Of those that are given the caller knows if they are new."""
    if value:
        kept = {e.source for e in s.unordered(value) if e.source.kind in ("new", "given")}
        if not kept <= run.state.kept:
            for source in sorted(kept - run.state.kept, key=lambda source: source.index):
                if run.body.is_test and _is_handed_new(run, source):
                    run.state.refreshed((source, ()))
            run.state.kept |= kept


def keep_with(
    run: LoadEvaluation, source: s.Source, link: Relationship, others: list[s.Entity]
) -> None:
    """A new instance refers to other new ones: it is stored with those that hold it, too."""
    if source.kind == "new" and link.back and any(other.is_new for other in others):
        run.state.kept |= {source}


def _is_handed_new(run: LoadEvaluation, source: s.Source) -> bool:
    """A fixture that a test adds itself is in no session before, where nothing could expire:
    nobody adds what is there, unless it has been changed."""
    parameters = run.function.signature.parameters
    if source.kind != "given" or not 0 <= source.index < len(parameters):
        return False
    name = parameters[source.index].name
    return not any(
        target[0] == f.TO_ATTRIBUTE and run.operations[target[1]][5] == name
        for statement in statements_of(run.function.body.statements) if statement[0] == f.ASSIGN
        for target in statement[7]
    )  # fmt: skip


def ended(run: LoadEvaluation, index: int) -> None:
    """A context ends: a transaction commits, ``with db.begin():``, and a generator may."""
    if not _ends_flushing(run, index):
        return
    run.state.flush()
    if not is_savepoint(run, index):
        load_commits.commits(run)


def is_savepoint(run: LoadEvaluation, index: int) -> bool:
    """Is it a savepoint that a context takes? ``with db.begin_nested():``"""
    operation = run.operations[index]
    callee = run.operations[operation[5]] if operation[0] == f.CALL else ()
    return callee[:1] == (f.ATTRIBUTE,) and callee[6] in words.NESTED


def rolled_back(run: LoadEvaluation) -> None:
    """A context's savepoint was rolled back, and the failure is handled: what was changed in it
    expires."""
    run.state.expire((e.key for e in held(run) if e.source.kind != "new"), failed=True)


def is_opened(run: LoadEvaluation, index: int) -> bool:
    """Is it a session of its own that a context opens? ``with SessionLocal() as db:``, or a
    generator of the program that does so."""
    operation = run.operations[index]
    if operation[0] != f.CALL:
        return False
    if _is_session(run.types(index)):
        return True
    callees = [function for function, _ in run.body.callees(operation[5])]
    return any(
        function.facts.is_generator and _makes_its_own(run, function) for function in callees
    )


def _makes_its_own(run: LoadEvaluation, function: Function) -> bool:
    """Does a function make a session, which it closes?"""
    evaluation = run.loading.inference.evaluations.get(function)
    if evaluation is None or function.facts.members.isdisjoint(words.CLOSING):
        return evaluation is not None and any(
            _is_session(evaluation.values[value])
            for statement in statements_of(function.body.statements) if statement[0] == f.WITH
            for value, _ in statement[7] if function.body.operations[value][0] == f.CALL
        )  # fmt: skip
    return any(
        operation and operation[0] == f.CALL and _is_session(evaluation.values[index])
        for index, operation in enumerate(function.body.operations)
    )


def _is_session(value: v.Value) -> bool:
    return any(isinstance(a, v.Known) and a.kind == "Session" for a in value)


def _ends_flushing(run: LoadEvaluation, index: int) -> bool:
    operation = run.operations[index]
    if operation[0] != f.CALL:
        return False
    callee = run.operations[operation[5]]
    if callee[0] == f.ATTRIBUTE and callee[6] in words.TRANSACTIONS:
        return True
    for function, _ in run.body.callees(operation[5]):
        state = run.loading.bare_summary(function).state if function.facts.is_generator else None
        if state is not None and state.flushes:
            return True
    return False


def _named_attributes(run: LoadEvaluation, operation: f.Operation) -> set[str] | None:
    """The attributes that ``refresh`` or ``expire`` is told; None: all."""
    index = operation[6][1] if len(operation[6]) > 1 else -1
    index = dict(operation[7]).get("attribute_names", index)
    if index < 0:
        return None
    given = run.operations[index]
    if given[0] != f.SEQUENCE:
        return None
    return {name for i in given[6] for name in load_statements.attributes(run, i)}


def _expire(run: LoadEvaluation, operation: f.Operation, argument: s.Value) -> None:
    names = _named_attributes(run, operation)
    for entity in s.entities(argument):
        load_commits.read(run, entity, names)
        if names is None:
            expire_below(run, entity)
            run.state.expire([entity.key])
            continue
        run.state.lapse((entity.key,))
        known = run.state.expired.get(entity.key, frozenset())
        run.state.set_expired(entity.key, known | names)
        loaded = run.state.loaded.get(entity.key, frozenset())
        run.state.set_loaded(entity.key, loaded - names)


def _refresh(run: LoadEvaluation, operation: f.Operation, argument: s.Value) -> None:
    state, names = run.state, _named_attributes(run, operation)
    state.flush()
    for entity in s.entities(argument):
        load_commits.read(run, entity, names)
        expired = state.expired.get(entity.key, frozenset())
        links = run.loading.models.links(entity.cls).values()
        if names is not None:
            state.set_expired(entity.key, expired - names)
            if run.loading.inference.config.sqlalchemy_version == "1.4":
                forgotten = names & {link.name for link in links}  # not loaded there
                known = state.loaded.get(entity.key, frozenset())
                state.set_loaded(entity.key, known - forgotten)
                names = names - forgotten
            state.load(entity.key, names)
            continue
        expire_below(run, entity)
        state.refreshed(entity.key)
        state.renewed |= {entity.key}
        state.lapse((entity.key,))
        eager = frozenset(link.name for link in links if link.lazy in words.EAGER)
        models = run.loading.models
        queried = {n for n in models.columns(entity.cls) if models.is_queried(entity.cls, n)}
        state.set_loaded(entity.key, eager | queried)
        state.forget_below(entity.key)


def expire_below(run: LoadEvaluation, entity: s.Entity) -> None:
    """What refreshes or expires an instance expires what its relationships with ``cascade="all"``
    have loaded, whoever holds it.

    Source of facts:
    https://docs.sqlalchemy.org/en/21/orm/cascades.html#refresh-expire
    """
    state, models = run.state, run.loading.models
    found = {entity.key}
    above = [entity]
    while above:
        parent = above.pop()
        known = state.loaded.get(parent.key, frozenset())
        for link in models.links(parent.cls).values():
            if link.expires and link.target is not None and link.name in known:
                below = s.ordered([
                    each for each in held(run)
                    if each.key not in found and load_commits.related(each.cls, link.target)
                ])  # fmt: skip
                found |= {each.key for each in below}
                above += below
    state.expire(found - {entity.key})
