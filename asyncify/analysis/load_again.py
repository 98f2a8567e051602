"""What is loaded again after a commit by others than its reader: by a request, a call or a query.

    post = find(db, 1)                          # with its comments
    db.add(Comment(text=text, post_id=1))       # by the key
    db.commit()                                 # a sync session expires the comments here
    return find(db, 1)                          # and loads them again here

No option loads again what an instance has that the session holds. So what a variable holds expires
before the statement that loads it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_commits
from asyncify.analysis import load_values as s
from asyncify.analysis import values as v
from asyncify.analysis.load_demands import Demand
from asyncify.analysis.load_histories import Pair, Write
from asyncify.analysis.program import Class
from asyncify.vocabulary.loading import CALLEE, EAGER, REQUEST

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation

_UNKNOWN = ("held", "other")  # sources whose instances may as well be in no session


def before_request(run: LoadEvaluation, index: int) -> None:
    """What a test has written and committed, the program reads: by the test's own session, in which
    what the test holds, or an earlier request has loaded, is what it was."""
    own = frozenset(write for write in run.state.history.past if write.cls is not None)
    if not own or not run.body.is_test or run.committed_in is run.statement:
        return
    requested = len(own) < len(run.state.history.past)  # there were other requests before
    _changed_by_tests(run, index, own, requested)


def before_tests(run: LoadEvaluation, index: int) -> None:
    """The same for what a fixture has written, before the tests that ask for it: of what another
    fixture gives it, the mapping has loaded a relationship by itself."""
    own = frozenset(write for write in run.state.history.past if write.cls is not None)
    if (
        own
        and run.body.is_test
        and run.loading.is_shared
        and run.committed_in is not run.statement
        and run.loading.inference.fixtures.is_fixture(run.function)
    ):
        _changed_by_tests(run, index, own, False, by_mapping=True)


def _changed_by_tests(
    run: LoadEvaluation,
    index: int,
    own: frozenset[Write],
    requested: bool,
    by_mapping: bool = False,
) -> None:
    history = run.state.history
    changed: dict[Class, list[str]] = {}
    for variable, value in run.environment.items():
        for entity in s.ordered([a for a in value if isinstance(a, s.Entity) and not a.path]):
            if load_commits.is_gone(entity.key, history):
                continue
            if entity.cls not in changed:
                changed[entity.cls] = load_commits.changed(run, own, entity.cls)
            known = run.state.loaded.get(entity.key, frozenset())
            any_is = requested or entity.source.kind == "given"
            eager = {name for _, name in _eager(run, entity.cls)} if by_mapping else ()
            for name in changed[entity.cls]:
                is_loaded = name in known or (name in eager if by_mapping else any_is)
                if is_loaded and (entity.key, name) not in history.read:
                    _expire(run, entity, name, variable, index, REQUEST)
                    load_commits.read(run, entity, (name,))


def before_call(
    run: LoadEvaluation,
    pairs: Collection[Pair],
    index: int,
    selected: Collection[Class] = (),
    anew: Collection[Pair] = (),
) -> set[Pair]:
    """Expire what a function, or a query of these classes, is about to load again of instances that
    variables hold; ``anew``: after a commit of its own. Returns what has expired."""
    found: set[Pair] = set()
    apart: dict[s.Source, s.Source] = {}
    past = bool(pairs and run.state.history.past)
    if run.loading.keeping.all or not (anew or past):
        return found
    if index < 0 or run.committed_in is run.statement:  # nothing can be put in between
        return found
    named = _named(run)
    for variable, value in run.environment.items():
        for entity in s.entities(value):
            if run.body.apart.is_left(entity.source, index):
                continue
            if past and _read_again(run, entity, pairs, variable, index):
                apart.setdefault(entity.source, _own(run, entity.source, variable))
            told = variable in named or any(load_commits.related(entity.cls, c) for c in selected)
            for name in _of(run, entity.cls, pairs):
                is_old = past and _is_old(run, entity, name, told)
                if (is_old or _will_be_old(run, entity, name, anew)) and _expire(
                    run, entity, name, variable, index, CALLEE
                ):
                    forget(run, entity, name)
                    found.add((entity.cls, name))
                    apart.setdefault(entity.source, _own(run, entity.source, variable))
    if apart:
        _set_apart(run, apart)
    return found


def _own(run: LoadEvaluation, source: s.Source, variable: str) -> s.Source:
    """Where the instances of a variable come from, apart from where they came from."""
    if source.kind in ("given", "new"):
        return source
    return s.Source("made", run.function, _naming(run, variable), source.operation)


def _set_apart(run: LoadEvaluation, apart: dict[s.Source, s.Source]) -> None:
    """What has expired of the instances that variables hold isn't loaded by what gives others from
    the same place."""

    def own(entity: s.Entity) -> s.Entity:
        source = apart.get(entity.source, entity.source)
        return entity if source is entity.source else s.Entity(source, entity.path, entity.cls)

    for old, new in apart.items():
        if new is not old:
            run.state.forget(new)
            run.state.follow(old, new)
            for (source, path), name in run.state.history.read:
                if source is old:
                    load_commits.loaded(run, (new, path), (name,))
    for variable, value in run.environment.items():
        if any(entity.source in apart for entity in s.unordered(value)):
            run.environment[variable] = s.remade(value, own)


def _naming(run: LoadEvaluation, variable: str) -> int:
    """The first operation that names a variable, or -1."""
    return run.body.named_first.get(variable, -1)


def _read_again(
    run: LoadEvaluation, entity: s.Entity, pairs: Collection[Pair], variable: str, index: int
) -> bool:
    """Columns that a commit has given back: what selects the class loads what has expired of them,
    and what may have the instance from elsewhere reads them as they are. Has any expired?"""
    expired = run.state.expired.get(entity.key, frozenset())
    given = {name.removeprefix(s.GIVEN_BACK) for name in expired if name.startswith(s.GIVEN_BACK)}
    if not given or not _is_stored(run, entity.source):
        return False
    related = {name for cls, name in pairs if load_commits.related(cls, entity.cls)}
    selects = s.EVERYTHING in related
    before = expired
    left = set() if _is_kept(run, index) else given - related  # to those who select it
    for name in sorted(given if selects else given & related):
        reader = CALLEE if name in left else ""
        if _expire(run, entity, name, variable, index, reader, column=True):
            expired -= {s.GIVEN_BACK + name}
            expired |= {name} if reader else set()
            run.state.set_expired(entity.key, expired)
    return expired is not before


def _is_kept(run: LoadEvaluation, index: int) -> bool:
    """Is it the method of an object that is called, which may keep the instance and read it before
    it selects anything?"""
    operation = run.operations[index]
    callee = run.operations[operation[5]] if operation[0] == f.CALL else ()
    return callee[:1] == (f.ATTRIBUTE,) and any(
        isinstance(atom, v.Instance) and not run.loading.is_model(atom.cls)
        for atom in run.types(callee[5])
    )


def loads(run: LoadEvaluation, pairs: Collection[Pair]) -> None:
    """The function loads these relationships of what it isn't given; those that its own commit has
    changed, whoever calls it has to let expire."""
    run.summary.loads.update(pairs)
    past = [write for write in run.state.history.past if write.cls is not None]
    for cls, name in pairs if past else ():
        link = run.loading.models.links(cls).get(name)
        if link is not None and any(load_commits.changes(run, w, cls, link) for w in past):
            run.summary.anew.add((cls, name))


def lend(run: LoadEvaluation, pairs: Collection[Pair]) -> None:
    """A function that is told of instances may load relationships of them by queries of its own,
    as it does of their classes."""
    loads(run, pairs)
    if not pairs or run.loading.keeping.all:
        return
    lent = {
        (entity.key, name) for variable in _named(run)
        for entity in s.unordered(run.environment.get(variable, s.NOTHING))
        for name in _of(run, entity.cls, pairs)
    }  # fmt: skip
    if not run.state.history.lent.issuperset(lent):
        run.state.history = run.state.history._replace(lent=run.state.history.lent | lent)


def _named(run: LoadEvaluation) -> set[str]:
    """The variables that the statement names."""
    statement = run.statement
    operations = run.operations[statement[4] : statement[5]] if statement is not None else ()
    return {operation[5] for operation in operations if operation[:1] == (f.NAME,)}


def _of(run: LoadEvaluation, cls: Class, pairs: Collection[Pair]) -> list[str]:
    """The names of those relationships that a class has."""
    links = run.loading.models.links(cls)
    return sorted({n for of, n in pairs if n in links and load_commits.related(of, cls)})


def _is_old(run: LoadEvaluation, entity: s.Entity, name: str, told: bool) -> bool:
    """Was a relationship loaded before a commit that may have changed it? ``told``: is it likely
    that this is the instance which is loaded again?"""
    history, key = run.state.history, entity.key
    if (key, name) in history.read or load_commits.is_gone(key, history):
        return False
    if name in run.state.loaded.get(key, frozenset()):
        return load_commits.is_outdated(run, entity, name, late=True)
    if not told:
        return False
    if (key, name) in history.elsewhere:
        return True
    link = run.loading.models.links(entity.cls)[name]
    return (
        entity.source.kind == "given"
        and not run.body.is_test
        and any(
            w.cls is not None and load_commits.changes(run, w, entity.cls, link)
            for w in history.past
        )
    )


def _will_be_old(run: LoadEvaluation, entity: s.Entity, name: str, anew: Collection[Pair]) -> bool:
    """Is a relationship loaded that a function is about to commit something of, and load anew?"""
    history, key = run.state.history, entity.key
    return (
        (name in run.state.loaded.get(key, frozenset()) or (key, name) in run.anew)
        and _is_among(anew, entity.cls, name)
        and _is_stored(run, entity.source)
        and not load_commits.is_gone(key, history)
    )


def _is_among(pairs: Collection[Pair], cls: Class, name: str) -> bool:
    return any(of == name and load_commits.related(each, cls) for each, of in pairs)


def after_call(
    run: LoadEvaluation, value: s.Value, expired: set[Pair], anew: Collection[Pair]
) -> None:
    """What has expired before a call, and was loaded by it, is as the database has it; what it has
    loaded ``anew`` of what variables hold is, whether it was that or others that it loaded."""
    keys = frozenset(
        (entity.key, name) for cls, name in expired if _is_among(anew, cls, name)
        for each in run.environment.values() for entity in s.unordered(each) if entity.cls is cls
    )  # fmt: skip
    if keys:
        run.anew |= keys
        history = run.state.history
        run.state.history = history._replace(read=history.read | keys, lent=history.lent | keys)
    for entity in s.unordered(value) if expired else ():
        known = run.state.loaded.get(entity.key, frozenset())
        for cls, name in expired:
            if name in known and load_commits.related(cls, entity.cls):
                load_commits.read(run, entity, (name,))


def after_query(run: LoadEvaluation, statement: s.Statement, expired: set[Pair]) -> None:
    """The same for what a query gives: unless others may be there that have what was loaded."""
    names = {name for cls, name in expired if not _is_elsewhere(run, statement, cls, name)}
    for entity in statement.entities:
        for path in statement.paths if names and entity is not None else ():
            if path[-1] in names and entity is not None:
                load_commits.loaded(run, (entity.source, path[:-1]), (path[-1],))


def _is_elsewhere(run: LoadEvaluation, statement: s.Statement, cls: Class, name: str) -> bool:
    """May there be instances with a relationship that no variable holds?"""
    own = {entity.source for entity in statement.entities if entity is not None}
    return load_commits.is_distant(run, cls, name) or any(
        name in names and key[0] not in own and (key, name) not in run.state.history.read
        for key, names in run.state.loaded.items()
    )


def selected(run: LoadEvaluation, statement: s.Statement) -> Iterator[Pair]:
    """The relationships that a statement loads, by its options or by the mapping, and the classes
    of which it loads all columns."""
    for entity in statement.entities:
        if entity is None:
            continue
        yield entity.cls, s.EVERYTHING
        yield from _eager(run, entity.cls)
        for path in statement.paths:
            yield from _along(run, entity.cls, path)


def _along(run: LoadEvaluation, cls: Class, path: tuple[str, ...]) -> Iterator[Pair]:
    """The last relationship of a path, by the classes that have it."""
    models, classes = run.loading.models, [cls]
    for position, name in enumerate(path):
        having = [c for each in classes for c in (each, *models.declaring(each, name))]
        links = [(c, models.links(c)[name]) for c in having if name in models.links(c)]
        if position == len(path) - 1:
            for owner, link in links:
                yield owner, name
                if link.target is not None:
                    yield link.target, s.EVERYTHING
                    yield from _eager(run, link.target)
        classes = [link.target for _, link in links if link.target is not None]


def _eager(run: LoadEvaluation, cls: Class) -> Iterator[Pair]:
    for name, link in run.loading.models.links(cls).items():
        if link.lazy in EAGER:
            yield cls, name


def _expire(
    run: LoadEvaluation,
    entity: s.Entity,
    name: str,
    variable: str,
    index: int,
    reader: str,
    column: bool = False,
) -> bool:
    """Ask for it before the statement, by the variable that holds the instance."""
    at = _naming(run, variable)
    if at < 0:
        return False
    value = run.environment[variable]
    if run.detached.get(variable) == value:
        return False  # the session that had it is closed
    is_bound_there = not _may_be_unbound(run, variable)
    if _is_left_by_loop(run, variable):
        return False
    if not is_bound_there and any(run.body.loops_around[variable]):  # by an earlier turn, if at all
        return False
    many = entity not in value
    if (many and not s.is_flat(value)) or entity.source.kind in _UNKNOWN:
        return False
    stored = all(each.source.kind not in _UNKNOWN and _is_stored(run, each.source)
                 for each in s.unordered(value))  # fmt: skip
    maybe = not stored or (run.body.is_test and run.loading.expunges)
    at = at if is_bound_there else -1  # nobody can name it there
    found = Demand(
        run.function, index, name, entity, entity.source, entity.path, column=column,
        reader=reader, at=at, outdated=True, maybe=maybe, many=many,
    )  # fmt: skip
    run.summary.demands[found] = None
    return is_bound_there


def _may_be_unbound(run: LoadEvaluation, variable: str) -> bool:
    """Is it set by one branch, say, and the statement behind that?"""
    is_own = not any(each.name == variable for each in run.function.signature.parameters)
    return is_own and run.statement is not None and not run.body.is_bound(variable, run.statement)


def _is_left_by_loop(run: LoadEvaluation, variable: str) -> bool:
    """Is it set by loops alone, or in them, none of which the statement is in? They may have had
    no turn, and then there is no such variable."""
    if any(parameter.name == variable for parameter in run.function.signature.parameters):
        return False
    setting = run.body.loops_around.get(variable, ())
    return bool(setting) and all(
        any(id(run.statement) not in loop for loop in loops) for loops in setting
    )


def forget(run: LoadEvaluation, entity: s.Entity, name: str) -> None:
    """It isn't loaded any more: who reads it of this variable loads it."""
    load_commits.read(run, entity, (name,))
    known = run.state.loaded.get(entity.key, frozenset()) - {name}
    is_eager = run.loading.models.links(entity.cls)[name].lazy in EAGER
    run.state.set_loaded(entity.key, known | {s.WITHOUT + name} if is_eager else known)
    run.state.lapse([entity.key, (entity.source, (*entity.path, name))])


def _is_stored(run: LoadEvaluation, source: s.Source) -> bool:
    """Has the session seen it by now? What a test makes, or is given by a fixture that doesn't ask
    the database, it may add later."""
    if source.kind not in ("given", "new") or source in run.state.stored:
        return True
    if source.kind == "given" and not run.body.is_test:
        return True
    parameters, fixtures = run.function.signature.parameters, run.loading.inference.fixtures
    return source.kind == "given" and any(
        fixtures.given(run.function, parameter.name) in run.loading.coloring.turned
        for parameter in parameters[source.index : source.index + 1]
    )
