"""Commits, as far as load states go: relationships that a sync session would load again.

See `asyncify.analysis.load_histories` for what is kept of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_values as s
from asyncify.analysis import values as v
from asyncify.analysis.load_histories import NO_HISTORY, History, Key, Pair, Write
from asyncify.analysis.load_states import State
from asyncify.analysis.model_bodies import Relationship
from asyncify.analysis.program import Class
from asyncify.vocabulary.loading import APPENDING, EAGER, QUERYING

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation

_PUT = ("put", "inserted")


# -- writes


def note(run: LoadEvaluation, write: Write) -> None:
    if run.loading.keeping.all:
        return
    run.state.history = run.state.history.writing(write)


def constructed(run: LoadEvaluation, entity: s.Entity, operation: f.Operation) -> None:
    """``Child(parent_id=parent.id)``: is it set to which others the row belongs?"""
    cls, models = entity.cls, run.loading.models
    links, keywords = models.links(cls), {name for name, _ in operation[7]}
    given = frozenset(name for name in links if name in keywords)
    read(run, entity, given)
    if None in keywords:  # **data
        note(run, Write(cls, "new", None, given))
        return
    tables = {table for name, table in models.foreign_keys(cls).items() if name in keywords}
    for name in given:
        target = links[name].target
        tables |= models.tables(target) if target is not None else set()
    if tables:
        note(run, Write(cls, "new", None if "" in tables else frozenset(tables), given))


def stored(run: LoadEvaluation, cls: Class, name: str) -> None:
    """``child.parent_id = 3``"""
    table = run.loading.models.foreign_keys(cls)[name]
    note(run, Write(cls, "moved", frozenset((table,)) if table else None))


def put(run: LoadEvaluation, item: s.Entity, name: str) -> None:
    """``parent.children.append(child)``: it is there, though not where the database has it."""
    kind = "put" if name in APPENDING else "inserted"
    note(run, Write(item.cls, kind, links=frozenset(item.path[-1:]), into=item.source))


def replaced(run: LoadEvaluation, link: Relationship, value: s.Value) -> None:
    """``parent.children = [one, other]``: they are in the order of the list, which is that of the
    database for certain only where all are new."""
    if link.to_many and link.target is not None:
        given = s.unordered(value)
        new = bool(given) and all(each.is_new for each in given)
        kind = "put" if new else "inserted"
        note(run, Write(link.target, kind, links=frozenset((link.name,))))


def removed(run: LoadEvaluation, collection: s.Value) -> None:
    """``parent.children.remove(child)``: it isn't there any more."""
    for item in s.unordered(collection):
        for path, cls in list(item.source.entities) if item.path else ():
            link = run.loading.models.links(cls).get(item.path[-1])
            if link is not None and path == item.path[:-1]:
                orphaned(run, link)


def orphaned(run: LoadEvaluation, link: Relationship) -> None:
    """What has left a collection may be deleted; others that it is in don't know of that."""
    if link.orphans and link.to_many and link.target is not None:
        gone(run, link.target, "gone", link)


def added(run: LoadEvaluation, value: s.Value) -> None:
    """What a session is given and nobody has seen made may belong to anything; what it had let go
    of is its own again."""
    history, keys = run.state.history, {entity.key for entity in s.unordered(value)}
    if not keys.isdisjoint(history.gone):
        run.state.history = history._replace(gone=history.gone - keys)
    for entity in s.unordered(value):
        if entity.source.kind == "other" and run.loading.models.foreign_keys(entity.cls):
            note(run, Write(entity.cls, "new"))


def deleted(run: LoadEvaluation, value: s.Value) -> None:
    """``db.delete(child)``: who has it in a collection keeps it there."""
    for cls in {entity.cls for entity in s.unordered(value)}:
        gone(run, cls, "gone")
    history, keys = run.state.history, {entity.key for entity in s.unordered(value)}
    if history.dirty:
        run.state.history = history._replace(gone=history.gone | keys)


def expunged(run: LoadEvaluation, entities: Iterable[s.Entity]) -> None:
    """Instances stay as they are: they are no longer the session's."""
    history, keys = run.state.history, {entity.key for entity in entities}
    if not keys <= history.gone:
        run.state.history = history._replace(gone=history.gone | keys)


def gone(run: LoadEvaluation, cls: Class, kind: str, left: Relationship | None = None) -> None:
    """Rows of a class go, or may; and others with them."""
    if run.loading.keeping.all:
        return
    note(run, Write(cls, kind, left=left))
    for each in run.loading.models.dependents(cls):
        note(run, Write(each, kind))


def requested(run: LoadEvaluation) -> None:
    """A request has written and committed whatever it may have."""
    if run.loading.is_shared:
        note(run, Write(None, "bulk"))
        commits(run)


def invoked(run: LoadEvaluation, operation: f.Operation) -> bool:
    """``runner.invoke(command)``: the command runs, in the session of the test if it likes."""
    entries = run.loading.coloring.entries
    found = [
        atom.function for argument in operation[6][:1] if argument >= 0
        for atom in run.types(argument)
        if isinstance(atom, v.FunctionObject) and atom.function in entries
    ]  # fmt: skip
    for function in found:
        state = run.loading.bare_summary(function).state
        if state is not None:
            called(run, state)
    return bool(found)


# -- commits


def commits(run: LoadEvaluation) -> None:
    """The function commits; what its session holds may be kept."""
    if not run.loading.keeping.keeps(run.function):
        given_back(run)
        committed(run)
    elif run.state.history.dirty:
        run.state.history = run.state.history._replace(dirty=frozenset())


def given_back(run: LoadEvaluation) -> None:
    """What was set to something else than the database gives is read again."""
    run.state.computes = frozenset(
        (cls, name.replace(s.UNLIKE, s.GIVEN_BACK)) for cls, name in run.state.computes
    )
    for key, names in list(run.state.expired.items()):
        unlike = {name for name in names if name.startswith(s.UNLIKE)}
        if unlike:
            given = {name.replace(s.UNLIKE, s.GIVEN_BACK) for name in unlike}
            run.state.set_expired(key, names - unlike | given)


def committed(run: LoadEvaluation) -> None:
    """All that was loaded, of what has been written otherwise, would be loaded again."""
    history = run.state.history
    if not history.commits:
        history = history._replace(commits=True)
    run.committed_in = run.statement
    if history.dirty:
        _count_again(run)
        pairs = frozenset(_loaded(run, history.dirty))
        history = history._replace(
            dirty=frozenset(), past=history.past | history.dirty,
            pairs=history.pairs | pairs, read=frozenset(),
            elsewhere=history.elsewhere | frozenset(_changed_elsewhere(run, history.dirty)),
        )  # fmt: skip
    run.state.history = history


def _count_again(run: LoadEvaluation) -> None:
    """What instances have selected of other rows, which have been written, is read again."""
    models, state = run.loading.models, run.state
    for value in run.environment.values():
        for entity in s.unordered(value):
            names = models.aggregated(entity.cls)
            if names and entity.is_new:
                names &= state.loaded.get(entity.key, frozenset())  # else it is read for the first
            if names:
                known = state.expired.get(entity.key, frozenset())
                state.set_expired(entity.key, known | {s.GIVEN_BACK + name for name in names})


def called(run: LoadEvaluation, state: State) -> None:
    """A callee has written, and may have committed."""
    theirs = state.history
    if theirs.commits:
        run.state.history = run.state.history._replace(dirty=run.state.history.dirty | theirs.past)
        committed(run)
    mine = run.state.history
    if theirs.dirty or theirs.past:
        run.state.history = mine._replace(
            dirty=mine.dirty | theirs.dirty,
            distant=mine.distant | theirs.distant | theirs.pairs,
        )


def taken_over(run: LoadEvaluation, state: State, own: Callable[[Key], list[Key]]) -> None:
    """What a callee's history says of instances, once it is known which they are here."""
    theirs, mine = state.history.moved(own), run.state.history
    if theirs.gone or theirs.read or theirs.lent:
        run.state.history = mine._replace(
            gone=mine.gone | theirs.gone, read=mine.read | theirs.read,
            lent=mine.lent | theirs.lent, elsewhere=mine.elsewhere | theirs.elsewhere,
        )  # fmt: skip


def _loaded(run: LoadEvaluation, writes: frozenset[Write]) -> Iterator[Pair]:
    """The relationships that are loaded, of those that the writes change."""
    state = run.state
    for cls, name in run.seen:
        link = run.loading.models.links(cls)[name]
        if any(changes(run, write, cls, link) for write in writes):
            yield cls, name
    found = {entity for value in run.environment.values() for entity in s.unordered(value)}
    for source, path in state.loaded:
        found |= {each for (at, _), each in list(source.entities.items()) if at == path}
    for entity in found:
        known = state.loaded.get(entity.key, frozenset())
        is_new = entity.is_new
        for name, link in run.loading.models.links(entity.cls).items():
            if (name in known or (link.lazy in EAGER and not is_new)) and any(
                changes(run, write, entity.cls, link) for write in writes
            ):
                yield entity.cls, name


def _changed_elsewhere(run: LoadEvaluation, writes: frozenset[Write]) -> Iterator[tuple[Key, str]]:
    """Of what callees may have loaded of the instances that are held here, what the writes
    change."""
    for key, name in run.state.history.lent:
        for (path, cls), _ in list(key[0].entities.items()):
            link = run.loading.models.links(cls).get(name) if path == key[1] else None
            if link is not None and any(changes(run, write, cls, link) for write in writes):
                yield key, name


def changes(run: LoadEvaluation, write: Write, cls: Class, link: Relationship) -> bool:
    """May a write have changed what a relationship leads to?"""
    if link.target is None or link.lazy in QUERYING:
        return False
    if write.between:
        return write.between == link.between
    if write.cls is None or link.between in run.loading.models.tables(write.cls):
        return True
    if not link.to_many and write.kind in ("moved", "bulk") and related(write.cls, cls):
        return _refers(run, write, link.target)
    if not related(write.cls, link.target):
        return False
    if write.kind in ("gone", "bulk"):
        return link != write.left
    if not link.to_many and not run.loading.models.is_held_by_key(cls, link.target):
        return False
    if link.ordered == "other" or (link.ordered and write.kind == "inserted"):
        return True
    return write.kind not in _PUT and link.back not in write.links and _refers(run, write, cls)


def changed(run: LoadEvaluation, writes: frozenset[Write], cls: Class) -> list[str]:
    """The relationships of a class that some of the writes may have changed, and anybody read."""
    may_be_read = run.loading.mentions.may_be_read
    return [
        name for name, link in run.loading.models.links(cls).items()
        if may_be_read(cls, link) and any(
            changes(run, write, cls, link) for write in writes
        )
    ]  # fmt: skip


def is_put_elsewhere(run: LoadEvaluation, source: s.Source, link: Relationship) -> bool:
    """Were instances put into another collection of what a query gave, whose rows may be in this
    one as well?"""
    history = run.state.history
    return link.to_many and link.target is not None and any(
        write.into is source and link.name not in write.links
        and write.cls is not None and related(write.cls, link.target)
        for write in history.dirty | history.past
    )  # fmt: skip


def _refers(run: LoadEvaluation, write: Write, cls: Class) -> bool:
    """May the keys that were set refer to a class?"""
    return write.tables is None or bool(write.tables & run.loading.models.tables(cls))


def related(one: Class, other: Class) -> bool:
    return one in other.ancestors or other in one.ancestors


# -- reads


def is_outdated(run: LoadEvaluation, entity: s.Entity, name: str, late: bool) -> bool:
    """Would a sync session load a relationship again that was loaded before the commit? ``late``:
    see below."""
    history = run.state.history
    if not history.past or (entity.key, name) in history.read or is_gone(entity.key, history):
        return False
    link = run.loading.models.links(entity.cls)[name]
    known = name in run.state.loaded.get(entity.key, frozenset())
    if (entity.key, name) in history.elsewhere:
        return True
    if entity.is_new and not known:
        return False
    if any(of == name and related(cls, entity.cls) for cls, of in history.pairs):
        return True
    if is_distant(run, entity.cls, name):
        return not late
    return entity.source.kind == "given" and any(
        write.cls is not None and changes(run, write, entity.cls, link) for write in history.past
    )


def is_late(run: LoadEvaluation, at: int, reading: int) -> bool:
    """Is an instance read in the statement that commits? Nothing can be put in between then, but
    behind the call that gives the instance, if nothing else is called before it is read."""
    if run.committed_in is not run.statement or at < 0:
        return run.committed_in is run.statement
    if at == reading and run.operations[at][0] == f.ATTRIBUTE:
        at = run.operations[at][5]
    calls = [n for n in range(at + 1, reading) if run.operations[n][:1] == (f.CALL,)]
    return run.operations[at][0] != f.CALL or bool(calls)


def is_distant(run: LoadEvaluation, cls: Class, name: str) -> bool:
    """Had only a callee loaded it, of an instance that may not be there any more?"""
    history = run.state.history
    if any(of == name and related(each, cls) for each, of in history.pairs):
        return False
    return any(of == name and related(each, cls) for each, of in history.distant)


def is_gone(key: Key, history: History) -> bool:
    """Is it no longer the session's, or what leads to it?"""
    source, path = key
    return any(of is source and path[: len(start)] == start for of, start in history.gone)


def read(run: LoadEvaluation, entity: s.Entity, names: Iterable[str] | None) -> None:
    """Relationships are as the database has them, or will be when they are read. None: all."""
    if run.state.history.past:
        loaded(run, entity.key, run.loading.models.links(entity.cls) if names is None else names)


def loaded(run: LoadEvaluation, key: Key, names: Iterable[str]) -> None:
    """The same, of the instance with this key."""
    history = run.state.history
    run.state.history = history._replace(read=history.read | {(key, name) for name in names})


def expired(run: LoadEvaluation) -> None:
    """Everything will be loaded again."""
    if run.state.history is not NO_HISTORY:
        nothing: frozenset[Pair] = frozenset()
        run.state.history = run.state.history._replace(
            past=frozenset(), pairs=nothing, distant=nothing
        )


def renewed(run: LoadEvaluation, entity: s.Entity, name: str) -> None:
    """A relationship is loaded again: of what comes to it, nothing more is known."""
    state, path = run.state, (*entity.path, name)
    read(run, entity, (name,))
    for key in list(state.loaded):
        if key[0] is entity.source and key[1][: len(path)] == path:
            state.set_loaded(key, frozenset())
    state.lapse([(entity.source, path)])
    state.load(entity.key, (name,))
