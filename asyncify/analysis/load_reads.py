"""Reads of attributes: what they demand of an instance, and what they leave loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from asyncify import facts as f
from asyncify.analysis import (
    load_again,
    load_closures,
    load_commits,
    load_names,
    load_picks,
    load_sessions,
    load_summaries,
    model_fields,
)
from asyncify.analysis import load_values as s
from asyncify.analysis.load_demands import Demand
from asyncify.analysis.model_bodies import Relationship
from asyncify.analysis.program import Class, Function, dotted
from asyncify.vocabulary import loading as words
from asyncify.vocabulary.loading import AWAITABLE, DYNAMIC, EAGER, QUERYING, RAISING

if TYPE_CHECKING:
    from asyncify.analysis.load_bodies import LoadBody
    from asyncify.analysis.load_evaluation import LoadEvaluation


PATTERN = "a pattern"  # that reads
_HELD = ("given", "held", "new")  # sources whose instances somebody else holds
NOWHERE = -2  # there is no expression for the instance that is read


class Reading(NamedTuple):
    """Where an attribute is read: see ``Demand``."""

    place: int
    reader: str = ""
    at: int = -1
    below: tuple[str, ...] = ()


def along(run: LoadEvaluation, value: s.Value, path: tuple[str, ...], index: int) -> s.Value:
    """Attributes that a pattern reads of its subject: ``case User(team=Team(name=name))``."""
    below: tuple[str, ...] = ()
    for name in path:
        if name.startswith("["):  # an item of the subject
            value = value if name == "[*" else run.elements(value)
            continue
        reading, found = Reading(index, PATTERN, index, below), []
        for entity in s.ordered([a for a in value if isinstance(a, s.Entity)]):
            if name.isdigit():  # a class pattern reads its first attributes by their position
                names = model_fields.positional(entity.cls)
                name = names[int(name)] if int(name) < len(names) else ""
            found.append(read(run, entity, name, index, reading))
        value, below = s.join(found), (*below, name)
    return value


def read(
    run: LoadEvaluation, entity: s.Entity, name: str, index: int, reading: Reading | None = None
) -> s.Value:
    """An attribute of an instance is read."""
    if name == AWAITABLE:
        return s.one(entity)
    models = run.loading.models
    link = models.links(entity.cls).get(name)
    if link is None:
        return _read_other(run, entity, name, index, reading)
    parent = inverse(entity, link)
    if parent is not None and _is_held(run, parent):
        return s.one(parent)
    if link.lazy in QUERYING:
        return _query(run, entity, link, index)
    demand(run, entity, name, reading or Reading(index, at=_holder(run, index, name)))
    if link.target is None:
        return s.NOTHING
    item = s.one(s.Entity(entity.source, (*entity.path, name), link.target))
    return s.many(item) if link.to_many else item


def _read_other(
    run: LoadEvaluation, entity: s.Entity, name: str, index: int, reading: Reading | None
) -> s.Value:
    """An attribute that is no relationship, or one of subclasses alone."""
    models = run.loading.models
    proxy = models.proxy(entity.cls, name)
    if proxy is not None:
        return _through(run, entity, proxy, index, reading)
    methods = models.methods(entity.cls, name)
    if methods:
        return s.join([_of_method(run, method, entity, index) for method in methods])
    if name in models.columns(entity.cls):
        column(run, entity, name, reading or Reading(index))
        return s.NOTHING
    if models.comes_later(entity.cls, name):
        column_of_subclass(run, entity, name, reading or Reading(index))
    behind = models.synonym(entity.cls, name)
    found = [read(run, entity, each, index, reading or _of(run, index)) for each in behind]
    subclasses = models.having(entity.cls, name) if not found else ()
    found += [
        read(run, s.Entity(entity.source, entity.path, cls), name, index, reading)
        for cls in subclasses
    ]
    return s.join(found)


def standing(
    run: LoadEvaluation, entity: s.Entity, path: tuple[str, ...]
) -> list[tuple[s.Entity, tuple[str, ...]]]:
    """What a path means that begins with an attribute which stands for others, or which subclasses
    alone have; nothing where it doesn't."""
    models, name, rest = run.loading.models, path[0], path[1:]
    proxy = models.proxy(entity.cls, name)
    if proxy is not None:
        return [(entity, (*proxy, *rest))]
    behind = models.synonym(entity.cls, name)
    if behind:
        return [(entity, (each, *rest)) for each in behind]
    return [
        (s.Entity(entity.source, entity.path, cls), path) for cls in models.having(entity.cls, name)
    ]


def _holder(run: LoadEvaluation, index: int, name: str) -> int:
    """What holds the relationship where another attribute stands for it: what that is read of."""
    operation = run.operations[index]
    stands_for = operation[0] == f.ATTRIBUTE and operation[6] != name
    return operation[5] if stands_for else -1


def _query(run: LoadEvaluation, entity: s.Entity, link: Relationship, index: int) -> s.Value:
    """A dynamic relationship gives a Query, which executes itself."""
    if link.target is None or link.lazy != DYNAMIC:
        return s.NOTHING
    item = s.Entity(s.Source("other", run.function, index), (), link.target)
    return s.one(s.Statement((item,), legacy=True, dynamic=(entity, link.name)))


def executed(run: LoadEvaluation, statement: s.Statement, name: str, index: int) -> None:
    """The Query of a dynamic relationship is executed."""
    if statement.dynamic is not None:
        entity, link = statement.dynamic
        found = Demand(
            run.function, index, link, entity, entity.source, entity.path, at=index, executes=name
        )
        run.summary.demands[found] = None


def _through(
    run: LoadEvaluation, entity: s.Entity, proxy: tuple[str, str], index: int,
    reading: Reading | None,
) -> s.Value:  # fmt: skip
    """An association proxy reads a relationship, and an attribute of what that holds: another
    proxy, it may be."""
    held = read(run, entity, proxy[0], index, reading)
    reading = reading or _of(run, index)
    below = reading._replace(below=(*reading.below, proxy[0]))
    found = [read(run, each, proxy[1], index, below) for each in s.entities(held)]
    return s.many(s.join(found))


def _of_method(run: LoadEvaluation, method: Function, entity: s.Entity, index: int) -> s.Value:
    """A property runs its function; a method that isn't called here is called by somebody else."""
    operation, at = run.operations[index], -1
    if operation[0] == f.ATTRIBUTE:
        at = operation[5]
    elif operation[0] == f.CALL and operation[6] and operation[6][0] >= 0:  # getattr(user, name)
        at = operation[6][0]
    at = at if at >= 0 and run.values[at] else -1
    if run.loading.inference.is_property(method):
        return load_summaries.apply(run, method, [s.one(entity)], index, [at])
    if operation[0] == f.CALL or index not in run.body.called:
        load_closures.taken(run, method, entity, index, at)
    return s.NOTHING


def _of(run: LoadEvaluation, index: int) -> Reading:
    """A read of what an operation doesn't name, of the instance whose attribute it is."""
    operation = run.operations[index]
    return Reading(index, at=operation[5] if operation[0] == f.ATTRIBUTE else NOWHERE)


def by_name(run: LoadEvaluation, operation: f.Operation, index: int) -> s.Value:
    """``getattr(user, "books")``"""
    if len(operation[6]) < 2 or min(operation[6]) < 0:
        return s.NOTHING
    base = run.values[operation[6][0]]
    found = s.ordered([a for a in base if isinstance(a, s.Entity)])
    names = run.body.texts(operation[6][1]) if found else []
    if found and not names and run.function.facts.members & words.COLUMN_LISTS:
        for entity in found:
            reading = Reading(index, at=operation[6][0])
            for name in sorted(run.loading.models.columns(entity.cls)):
                column(run, entity, name, reading)
    for entity in found if not names else ():
        _perhaps(run, entity, index)
        for method, bound in run.body.functions(index):  # getattr(user, f"on_{event}")
            if bound and method.owner in entity.cls.ancestors:
                _of_method(run, method, entity, index)
    return s.join([read(run, entity, name, index) for name in names for entity in found])


def _perhaps(run: LoadEvaluation, entity: s.Entity, index: int) -> None:
    """``for name in mapper.relationships.keys(): getattr(user, name)``: whether each of them is
    read depends on more than the names, so nothing is loaded ahead for it."""
    models = run.loading.models
    key = run.operations[index][6][1]
    listed, names = load_names.listing(run.body, key, entity.cls), list[str]()
    if not listed.isdisjoint(words.RELATIONSHIP_LISTS):
        links = models.links(entity.cls).values()
        names += [link.name for link in links if link.lazy not in QUERYING]
    if not listed.isdisjoint(words.DESCRIPTOR_LISTS):
        methods = [fn for each in entity.cls.ancestors for fn in each.methods.values()]
        decorators = run.loading.inference.decorators
        names += [fn.name for fn in methods if any("hybrid" in name for name in decorators(fn))]
    if not names:
        return
    before, known = run.state.copy(), set(run.summary.demands)
    for name in dict.fromkeys(names):
        read(run, entity, name, index)
    run.state = before
    for found in [each for each in run.summary.demands if each not in known]:
        del run.summary.demands[found]
        run.summary.demands[found._replace(maybe=True)] = None


def by_getters(run: LoadEvaluation, getter: int, items: s.Value, index: int) -> s.Value:
    """``key=attrgetter("author.name")``, ``map(methodcaller("label"), books)``: what the call at
    ``index`` is given, or calls."""
    if not run.loading.has_getters:
        return s.NOTHING
    places = load_names.getters(run.body, getter)
    return s.join([_by_getter(run, *place, items, index) for place in places])


def _by_getter(
    run: LoadEvaluation, body: LoadBody, getter: int, items: s.Value, index: int
) -> s.Value:
    operation = body.operations[getter]
    name = dotted(body.operations, operation[5]).rpartition(".")[2]
    if any(maker.endswith(name) for maker in words.PICKERS):
        return run.elements(items)
    if any(maker.endswith(name) for maker in words.CALLERS):
        texts = body.texts(operation[6][0]) if min(operation[6][:1], default=-1) >= 0 else []
        return s.join([_called(run, items, text, index) for text in texts])
    found = [
        in_turn(run, items, text.split("."), index)
        for argument in operation[6]
        for text in (body.texts(argument) if argument >= 0 else ())
    ]
    return s.join(found) if len(found) == 1 else s.many(s.join(found))


def _called(run: LoadEvaluation, items: s.Value, name: str, index: int) -> s.Value:
    """A method of instances that a call at ``index`` calls by its name."""
    entities = s.ordered([a for a in items if isinstance(a, s.Entity)])
    return s.join([
        load_summaries.apply(run, method, [s.one(entity)], index, [NOWHERE])
        for entity in entities for method in run.loading.models.methods(entity.cls, name)
    ])  # fmt: skip


def in_turn(run: LoadEvaluation, value: s.Value, names: list[str], index: int) -> s.Value:
    """Attributes that are read one of another."""
    for name in names:
        found = s.ordered([a for a in value if isinstance(a, s.Entity)])
        value = s.join([read(run, entity, name, index) for entity in found])
    return value


def inverse(entity: s.Entity, link: Relationship) -> s.Entity | None:
    """The instance whose collection this one comes from: the session has it already."""
    if not entity.path or link.to_many or not link.back or link.back != entity.path[-1]:
        return None
    if link.target is None or not _comes_from(entity, link.target):
        return None
    return s.Entity(entity.source, entity.path[:-1], link.target)


def _is_held(run: LoadEvaluation, parent: s.Entity) -> bool:
    """Does a variable hold an instance, or what leads to it? A session holds nothing for long:
    of ``find(db, 1).books`` the user may be gone while its books are gone through."""
    if parent.source.kind in _HELD:
        return True
    return any(
        each.source is parent.source and parent.path[: len(each.path)] == each.path
        for value in run.environment.values()
        for each in s.unordered(value)
    )


def _comes_from(entity: s.Entity, target: Class) -> bool:
    """Is it an instance of the class that holds this one? Another class may have a relationship of
    the same name: ``items`` of an order, and of a product."""
    path = entity.path[:-1]
    holders = [cls for at, cls in list(entity.source.entities) if at == path]
    return all(target in cls.ancestors or cls in target.ancestors for cls in holders)


def column(run: LoadEvaluation, entity: s.Entity, name: str, reading: Reading) -> None:
    """A column is needed: has it expired, or was it never loaded?"""
    state, key = run.state, entity.key
    if name in run.loading.unlike and entity.source.kind in ("held", "other"):
        run.summary.loads.add((entity.cls, name))
        if any((cls, s.GIVEN_BACK + name) in state.computes for cls in entity.cls.ancestors):
            _given_back(run, entity, name, reading)
            return
    if s.GIVEN_BACK + name in state.expired.get(key, frozenset()):
        _given_back(run, entity, name, reading)
        state.set_expired(key, state.expired[key] - {s.GIVEN_BACK + name})
        return
    if state.is_expired(key, name):
        _note(run, entity, name, True, reading)
        if load_sessions.settles(run, entity.source, reading.place):
            load_picks.read_again(run, key, name)
        else:
            return
    elif (
        entity.source.kind == "given"
        and (
            run.loading.expires
            or name in run.loading.recomputed
            or name in run.loading.unlike
            or run.loading.models.is_queried(entity.cls, name)
        )
        and not _is_awaited(run, reading.place)
    ):
        run.summary.reads.setdefault((key, name), _demanded(run, entity, name, True, reading))
    _come_later(run, entity, name, reading)


def _come_later(run: LoadEvaluation, entity: s.Entity, name: str, reading: Reading) -> None:
    """A column that its query may have left out is loaded by whoever reads it first."""
    models, state, key = run.loading.models, run.state, entity.key
    deferred = (
        name in models.deferred(entity.cls)
        or is_left_out(run, key, name)
        or is_uncomputed(run, entity, name)
        or (bool(reading.reader) and _is_from_before(run, entity, name))
    )
    if deferred and name not in state.loaded.get(key, frozenset()):
        fresh = entity.is_new
        if not fresh or entity.source in state.stored or models.is_queried(entity.cls, name):
            _note(run, entity, name, True, reading)
        if load_sessions.settles(run, entity.source, reading.place):
            state.load(key, (name,))


def _given_back(run: LoadEvaluation, entity: s.Entity, name: str, reading: Reading) -> None:
    """A commit had given back what the database has made of a column."""
    found = _demanded(run, entity, name, True, reading)
    late = load_commits.is_late(run, found.at, found.anchor)
    run.summary.demands[found._replace(outdated=True, at=-1 if late else found.at)] = None


def _is_from_before(run: LoadEvaluation, entity: s.Entity, name: str) -> bool:
    """Is it a column that the database computes, of what may be there since an earlier request of
    the same test? A query loads what has expired of all that it comes to by its options, but not
    of what it doesn't ask for, and the session has."""
    loading, path = run.loading, entity.path
    if not path or entity.source.kind != "query" or loading.keeping.all or not loading.is_shared:
        return False
    if not any((entity.source, path[: n + 1]) in run.awaited for n in range(len(path))):
        return False
    return any(name in loading.computed.get(c, ()) for c in entity.cls.ancestors)


def is_left_out(run: LoadEvaluation, key: s.Key, name: str) -> bool:
    """Is it a column that the options of the statement have left out?"""
    return s.WITHOUT + name in run.state.loaded.get(key, frozenset())


def is_uncomputed(run: LoadEvaluation, entity: s.Entity, name: str) -> bool:
    """Is it an expression of SQL, of an instance that was never selected?"""
    is_new = entity.is_new
    if not is_new or entity.source not in run.state.stored:
        return False
    return run.loading.models.is_queried(entity.cls, name)


def column_of_subclass(run: LoadEvaluation, entity: s.Entity, name: str, reading: Reading) -> None:
    """A column of a subclass, which a query of the base doesn't load."""
    known = run.state.loaded.get(entity.key, frozenset())
    if s.SUBCLASSES in known or name in known or entity.source.kind == "new":
        return
    _note(run, entity, name, True, reading)
    if load_sessions.settles(run, entity.source, reading.place):
        run.state.load(entity.key, (name,))


def seen(run: LoadEvaluation, source: s.Source, cls: Class, name: str) -> None:
    """Note that a relationship was read: what is loaded by it others may hold."""
    run.seen.add((cls, name))
    if source.kind not in ("given", "new"):
        load_again.loads(run, ((cls, name),))


def demand(run: LoadEvaluation, entity: s.Entity, name: str, reading: Reading) -> None:
    """A relationship is needed: is it there?"""
    link = run.loading.models.links(entity.cls)[name]
    state = run.state
    seen(run, entity.source, entity.cls, name)
    asked = _demanded(run, entity, name, False, reading)
    late = load_commits.is_late(run, asked.at, asked.anchor)
    if load_commits.is_outdated(run, entity, name, late):
        renew(run, entity, asked, reading.place)
        return
    loaded = state.loaded.get(entity.key, frozenset())
    known = name in loaded or s.EVERYTHING in loaded
    if known and not is_unsure(run, entity.key, name):
        return
    postponed = s.WITHOUT + name in loaded
    fresh = entity.is_new
    if fresh and entity.source not in state.stored:
        return  # what was never in the database loads nothing, and doesn't keep what isn't there
    if load_sessions.settles(run, entity.source, reading.place):
        state.load(entity.key, (name,))
        is_given = entity.source.kind == "given" and not entity.path
        if is_given and not _is_awaited(run, reading.place):
            state.read |= {(entity.key, name)}
    if link.lazy in RAISING or not link.lazy:
        return
    if link.lazy in EAGER and not postponed and comes_loaded(run, entity.source):
        return
    _note(run, entity, name, False, reading)


def is_unsure(run: LoadEvaluation, key: s.Key, name: str) -> bool:
    """Was it read of a parameter before a flush only? From now on it has been read after that."""
    found = (key, name) in run.state.unsure
    if found:
        run.state.unsure -= {(key, name)}
    return found


def comes_loaded(run: LoadEvaluation, source: s.Source) -> bool:
    """Is what relationships load with their parents there? Not of new instances, nor of what was
    put into theirs; of those that a function is given its caller knows, if that has to await."""
    if source.kind == "given":
        return run.function in run.loading.coloring.turned
    return source.kind != "new"


def renew(
    run: LoadEvaluation, entity: s.Entity, demand: Demand, place: int, loads: bool = True
) -> None:
    """It was loaded before a commit that may have changed it: it is loaded again, or, unless that
    ``loads``, by who reads it."""
    if _is_awaited(run, place):
        return
    late = load_commits.is_late(run, demand.at, demand.anchor)
    distant = load_commits.is_distant(run, entity.cls, demand.attribute)
    at = -1 if late else demand.at
    found = demand._replace(outdated=True, at=at, maybe=demand.maybe or distant)
    run.summary.demands[found] = None
    if not loads:
        load_again.forget(run, entity, demand.attribute)
    elif load_sessions.settles(run, entity.source, place):
        load_commits.renewed(run, entity, demand.attribute)


def _is_awaited(run: LoadEvaluation, place: int) -> bool:
    """Is it read by way of ``awaitable_attrs``, which loads it by itself?"""
    operation = run.operations[place]
    if operation[0] != f.ATTRIBUTE:
        return False
    base = run.operations[operation[5]]
    return base[0] == f.ATTRIBUTE and bool(base[6] == AWAITABLE)


def _note(
    run: LoadEvaluation, entity: s.Entity, name: str, is_column: bool, reading: Reading
) -> None:
    if not _is_awaited(run, reading.place):
        run.summary.demands[_demanded(run, entity, name, is_column, reading)] = None
        if not is_column:
            run.awaited.add((entity.source, (*entity.path, name)))


def _demanded(
    run: LoadEvaluation, entity: s.Entity, name: str, is_column: bool, reading: Reading
) -> Demand:
    place, reader, at, below = reading
    at = place if at == -1 else run.reached(at)
    return Demand(
        run.function, place, name, entity, entity.source, entity.path, (), is_column, reader,
        at, below, late=run.state.has_lapsed(entity.key),
        stale=is_stale(run, entity.source, entity, name),
        maybe=entity.source.kind == "held" and not run.is_certain(place),
        many=run.is_many(reading.at), guards=run.guards,
        flushed=run.state.flushes and entity.source.kind == "given" and not entity.path,
    )  # fmt: skip


def is_stale(run: LoadEvaluation, source: s.Source, entity: s.Entity, name: str) -> bool:
    """May a relationship's rows have been written since the query? Its target's are; where it
    leads to one, a foreign key of its own may."""
    link = run.loading.models.links(entity.cls).get(name)
    if link is None:
        return False
    classes = [] if link.target is None else [link.target]
    if run.state.is_stale(source, classes if link.to_many else [*classes, entity.cls]):
        return True
    return source.kind in ("query", "get") and load_commits.is_put_elsewhere(run, source, link)
