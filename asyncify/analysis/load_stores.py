"""Stores of attributes: what needn't be loaded any more, and what an UPDATE leaves to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import (
    load_commits,
    load_given,
    load_kinds,
    load_reads,
    load_sessions,
    load_touches,
)
from asyncify.analysis import load_values as s
from asyncify.analysis.model_bodies import Relationship
from asyncify.vocabulary import loading as words
from asyncify.vocabulary.loading import EAGER, QUERYING

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation


def store(run: LoadEvaluation, base: int, name: str, value: s.Value, index: int) -> None:
    """An attribute is set: it needn't be loaded any more, or is to be computed."""
    models, state = run.loading.models, run.state
    holders = s.ordered([a for a in run.values[base] if isinstance(a, s.Entity)])
    if value and not holders:
        if index >= 0:
            _kept(run, name, value, index)
        run.loading.held.put(run.body, base, name, value)
        if run.loading.statements.put(run.body, base, name, value):
            run.loading.held.grow(name)
    for atom in holders:
        load_sessions.keep(run, value)
        link = models.links(atom.cls).get(name)
        if link is not None:
            _store_link(run, atom, name, link, base, value)
            continue
        proxy = models.proxy(atom.cls, name)
        if proxy is not None:  # what it stands for is changed
            load_reads.read(run, atom, proxy[0], base, load_reads.Reading(base))
        if name in models.deferred(atom.cls):
            state.load(atom.key, (name,))
        if name in models.foreign_keys(atom.cls):
            state.write(atom.cls)
            load_commits.stored(run, atom.cls, name)
        if index >= 0 and load_kinds.is_unlike(run.loading, run.function, atom.cls, name, index):
            known = state.changed.get(atom.key, frozenset())
            state.set_changed(atom.key, known | {s.UNLIKE + name})
        changed = state.changed.get(atom.key, frozenset()) | models.expiring(atom.cls)
        if name in changed and name in run.loading.defaulted(atom.cls):
            changed -= {name}
            state.set_changed(atom.key, changed)
        if index >= 0 and run.is_computed(index):
            changed |= {name}
        compute(run, atom, changed)


def _store_link(
    run: LoadEvaluation,
    atom: s.Entity,
    name: str,
    link: Relationship,
    base: int,
    value: s.Value,
) -> None:
    """A relationship is set."""
    state = run.state
    load_touches.related(run, atom, link, value)
    load_sessions.keep_with(run, atom.source, link, s.unordered(value))
    _replace(run, atom, link, base)
    if run.operations[base][0] == f.SUBSCRIPT or load_sessions.is_shared(run, atom.source):
        return  # it is one of several, and the others have what they had
    state.load(atom.key, (name,))
    state.read -= {(atom.key, name)}
    load_commits.read(run, atom, {name})
    load_commits.replaced(run, link, value)
    load_commits.orphaned(run, link)
    if link.target is not None:
        item = s.Entity(atom.source, (*atom.path, name), link.target)
        others = [each.key for each in s.unordered(value)]
        if not link.to_many:
            _parted(run, item, base)
        state.put(item.key, others)
        state.lapse([item.key] if others else [])


def _replace(run: LoadEvaluation, atom: s.Entity, link: Relationship, base: int) -> None:
    """What was there is loaded to be replaced."""
    if link.to_many and link.lazy not in EAGER and link.lazy not in QUERYING:
        load_reads.demand(run, atom, link.name, load_reads.Reading(base))


def _parted(run: LoadEvaluation, item: s.Entity, base: int) -> None:
    """A relationship is about to lead to another instance: what variables hold of the one that it
    led to is that one still, with all that is loaded of it."""
    source, length = s.Source("other", run.function, base), len(item.path)

    def below(key: s.Key) -> bool:
        return key[0] is item.source and key[1][:length] == item.path

    for name, value in list(run.environment.items()):
        held = {a for a in value if isinstance(a, s.Entity) and below(a.key)}
        if held:
            own = s.join(s.one(s.Entity(source, a.path[length:], a.cls)) for a in held)
            run.environment[name] = s.join((value - held, own))
            for key in [key for key in run.state.loaded if below(key)]:
                run.state.set_loaded((source, key[1][length:]), run.state.loaded[key])


def _kept(run: LoadEvaluation, name: str, value: s.Value, index: int) -> None:
    """``self.user = user``: an object keeps an instance, and its methods will read columns of it.
    Whether these have expired is known where it is handed over. Any of them brings all back."""
    for entity in s.ordered([a for a in value if isinstance(a, s.Entity)]):
        columns = run.loading.models.columns(entity.cls)
        first = min(run.loading.read_behind(name).intersection(columns), default="")
        if first:
            load_reads.column(run, entity, first, load_reads.Reading(index, words.KEEPER, index))


def set_by_name(run: LoadEvaluation, entity: s.Entity, operation: f.Operation) -> None:
    """``setattr(user, name, value)``: something changes, and what the database sets then."""
    run.state.write(entity.cls)
    known = run.state.changed.get(entity.key, frozenset())
    unlike = load_given.set_by_name(run.body, operation, entity.cls)
    known |= {s.UNLIKE + name for name in unlike}
    compute(run, entity, known | run.loading.models.expiring(entity.cls))
    for name in load_given.keys_set(run.body, operation, entity.cls):
        load_commits.stored(run, entity.cls, name)
    links = run.loading.models.links(entity.cls)
    for name in _names_set(run, operation):
        if name in links:
            _replace(run, entity, links[name], operation[6][0])


def put_by_name(run: LoadEvaluation, operation: f.Operation) -> None:
    """``setattr(self, name, value)`` of an object that is no model: under one of the names that are
    known, or those of the dict that it goes through."""
    if len(operation[6]) < 3 or min(operation[6]) < 0 or not run.values[operation[6][2]]:
        return
    base, _, given = operation[6]
    value = run.values[given]
    found = dict.fromkeys(_names_set(run, operation), value)
    for held in () if found else list(run.environment.values()):
        for row in s.rows(held):
            parts = zip(row.names, row.items, strict=False)
            found |= {name: part for name, part in parts if part and part <= value}
    for name, part in found.items():
        store(run, base, name, part, -1)


def put_all(run: LoadEvaluation, base: int, operation: f.Operation) -> None:
    """``self.__dict__.update(values, user=user)``"""
    given = [(name, run.values[place]) for name, place in operation[7] if name]
    dicts = [place for name, place in operation[7] if not name]
    for place in (*operation[6], *dicts):
        for row in s.rows(run.values[place]) if place >= 0 else ():
            given += zip(row.names, row.items, strict=False)
    for name, value in given:
        store(run, base, name, value, -1)


def _names_set(run: LoadEvaluation, operation: f.Operation) -> list[str]:
    """The names that ``setattr`` may set, where they are a closed set."""
    places = operation[6][1:2]
    return run.body.texts(places[0]) if places and places[0] >= 0 else []


def compute(run: LoadEvaluation, entity: s.Entity, changed: frozenset[str]) -> None:
    """The next flush changes the instance: of some attributes only the database knows the value."""
    if changed:
        run.state.set_changed(entity.key, changed)
        computed = {(entity.cls, each) for each in changed if not each.startswith(s.UNLIKE)}
        run.state.computes |= computed


def add(run: LoadEvaluation, base: int, name: str, index: int) -> None:
    """``job.logs += logs``: of what was never in the database, nothing is kept if that is empty."""
    state = run.state
    unset = [
        atom.key for atom in run.values[base]
        if isinstance(atom, s.Entity) and atom.is_new
        and atom.source not in state.stored and name in run.loading.models.links(atom.cls)
        and name not in state.loaded.get(atom.key, ())
    ]  # fmt: skip
    for atom in s.ordered([a for a in run.values[base] if isinstance(a, s.Entity)]):
        if name in run.loading.models.columns(atom.cls):  # it is read first
            load_reads.column(run, atom, name, load_reads.Reading(base))
    store(run, base, name, s.NOTHING, index)
    for key in unset:
        state.set_loaded(key, state.loaded.get(key, frozenset()) - {name})
