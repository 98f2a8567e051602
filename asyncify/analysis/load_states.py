"""Load states: which instances there are, and what of them is loaded.

An instance is named by where it comes from and by the relationships that lead to it from there;
all instances of one query are one. A state tells what is loaded at one place of a function.

Sources and instances are made once each, so that they are compared and hashed by identity. States
are copied at every branch and rarely changed in it: copies share their tables until one changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from asyncify.analysis.load_histories import NO_HISTORY
from asyncify.analysis.program import Class, Function

EVERYTHING = "*"  # among expired attributes: all columns
FAILED = "!"  # all columns, where something has failed and was handled
ALL = frozenset((EVERYTHING, FAILED))
SUBCLASSES = "<subclasses>"  # among loaded attributes: the columns of all subclasses
EACH = "[]"  # behind a name in a path: what is in a container of that name
# Among changed and expired attributes: what was set to something else than the database gives for
# it, and stays so until it is loaded; what a commit has expired of that.
UNLIKE, GIVEN_BACK = "unlike:", "given back:"
# What a statement's options leave out: all but these; this column; what is loaded when it is read.
ONLY, WITHOUT, LATER = "only:", "-", "later:"
_set = object.__setattr__


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Source:
    """Where instances come from. ``kind``:

    ``query``: the statement that begins at the call ``operation``, ``index`` being the position
    of the entity; ``get``: a read by primary key; ``new``: a construction; ``made``: a call that
    hands a class to what does one of these; ``given``: the parameter ``index`` of ``function``;
    ``held``: an attribute of an instance of the class with this body; ``other``: something that the
    analysis doesn't follow.
    """

    kind: str
    function: Function
    operation: int
    index: int = 0
    entities: dict[Any, Entity] = field(init=False, repr=False)  # those that come from it

    def __new__(cls, kind: str, function: Function, operation: int, index: int = 0) -> Source:
        key = cls, kind, operation, index
        found: Source | None = function.atoms.get(key)
        if found is None:
            found = function.atoms[key] = object.__new__(cls)
            _set(found, "kind", kind)
            _set(found, "function", function)
            _set(found, "operation", operation)
            _set(found, "index", index)
            _set(found, "entities", {})
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return Source, (self.kind, self.function, self.operation, self.index)


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Entity:
    """An instance of ``cls``, reached from ``source`` along ``path``. ``key`` is what its state is
    kept under, and ``alone`` the value that holds nothing else."""

    source: Source
    path: tuple[str, ...]
    cls: Class
    key: Key = field(init=False, repr=False)
    alone: Value = field(init=False, repr=False)

    def __new__(cls, source: Source, path: tuple[str, ...], of: Class) -> Entity:
        found = source.entities.get((path, of))
        if found is None:
            found = source.entities[path, of] = object.__new__(cls)
            _set(found, "source", source)
            _set(found, "path", path)
            _set(found, "cls", of)
            _set(found, "key", (source, path))
            _set(found, "alone", frozenset((found,)))
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return Entity, (self.source, self.path, self.cls)

    @property
    def place(self) -> tuple[Any, ...]:
        """What instances are sorted by, so that every run takes them in the same order."""
        source, body = self.source, self.cls.body
        return (
            source.function.module.path, source.function.index, source.operation, source.index,
            source.kind, self.path, body.module.path, body.index,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Many:
    """A container or an iterator of values; ``keyed``: a dict, which gives its keys."""

    items: Value
    keyed: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row, or a tuple; a dict whose keys are known has ``names`` for them."""

    items: tuple[Value, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """A mapped class that is handed to a function which takes several."""

    cls: Class


@dataclass(frozen=True, slots=True)
class Statement:
    """A Query or a select: its entities by position, and the paths that its options load.
    ``dynamic``: the instance and the relationship (``lazy="dynamic"``) whose Query it is."""

    entities: tuple[Entity | None, ...]
    paths: frozenset[tuple[str, ...]] = frozenset()
    single: bool = True
    legacy: bool = False
    dynamic: tuple[Entity, str] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an executed statement; ``scalars``: of the first part of its rows."""

    statement: Statement
    scalars: bool


Atom = Entity | Many | Row | Model | Statement | Outcome
Value = frozenset[Atom]
Key = tuple[Source, tuple[str, ...]]
NOTHING: Value = frozenset()
WIDTH = 12


def one(atom: Atom) -> Value:
    return atom.alone if isinstance(atom, Entity) else frozenset((atom,))


def join(values: Iterable[Value]) -> Value:
    """The union, or nothing where it grows too wide."""
    out = NOTHING
    for value in values:
        if value and value is not out:
            out = out | value if out else value
    return out if len(out) <= WIDTH else NOTHING


def many(items: Value, nesting: int = 3, keyed: bool = False) -> Value:
    """A container, unless nothing is known of what it holds."""
    if not items or _depth(items) > nesting:
        return NOTHING
    return one(Many(items, keyed))


def is_flat(value: Value) -> bool:
    """Does going through a value, if it is a container, give the instances that it holds?"""
    return all(
        not isinstance(a, (Many, Row))
        or (isinstance(a, Many) and not a.keyed and _are_entities(a.items))
        or (isinstance(a, Row) and not a.names and all(map(_are_entities, a.items)))
        for a in value
    )


def _are_entities(value: Value) -> bool:
    return bool(value) and all(isinstance(a, Entity) for a in value)


def _depth(value: Value) -> int:
    inner = [a.items for a in value if isinstance(a, Many)]
    inner += [part for a in value if isinstance(a, Row) for part in a.items]
    return 1 + max(map(_depth, inner), default=0) if value else 0


def entities(value: Value) -> list[Entity]:
    """The instances that a value is, or holds."""
    return ordered(unordered(value))


def flat(value: Value) -> Value:
    """The parts of rows, in their place."""
    rows_in = [atom for atom in value if isinstance(atom, Row)]
    return join([value.difference(rows_in), *(part for row in rows_in for part in row.items)])


def ordered(found: list[Entity]) -> list[Entity]:
    return sorted(found, key=lambda entity: entity.place) if len(found) > 1 else found


def unordered(value: Value) -> list[Entity]:
    """The same, for those who don't mind the order."""
    if not value:
        return []
    out: list[Entity] = []
    for atom in value:
        if isinstance(atom, Entity):
            out.append(atom)
        elif isinstance(atom, Many):
            out += unordered(atom.items)
        elif isinstance(atom, Row):
            out += [entity for part in atom.items for entity in unordered(part)]
    return out


def rows(value: Value) -> Iterator[Row]:
    """The rows that a value is, or holds."""
    for atom in value:
        if isinstance(atom, Row):
            yield atom
        elif isinstance(atom, Many):
            yield from rows(atom.items)


def mapped(value: Value, become: Callable[[Entity], Iterable[Entity]]) -> Value:
    """A value with other instances in the place of each of its own."""
    out: set[Atom] = set()
    for atom in value:
        if isinstance(atom, Entity):
            out.update(become(atom))
        elif isinstance(atom, Many):
            out.add(Many(mapped(atom.items, become), atom.keyed))
        elif isinstance(atom, Row):
            out.add(Row(tuple(mapped(part, become) for part in atom.items), atom.names))
        else:
            out.add(atom)
    return frozenset(out)


def remade(value: Value, become: Callable[[Entity], Entity]) -> Value:
    """The same, one for one, and of what statements select too."""
    out: set[Atom] = set()
    for atom in value:
        if isinstance(atom, Statement):
            out.add(_restated(atom, become))
        elif isinstance(atom, Outcome):
            out.add(Outcome(_restated(atom.statement, become), atom.scalars))
        elif isinstance(atom, Many):
            out.add(Many(remade(atom.items, become), atom.keyed))
        elif isinstance(atom, Row):
            out.add(Row(tuple(remade(part, become) for part in atom.items), atom.names))
        else:
            out.add(become(atom) if isinstance(atom, Entity) else atom)
    return frozenset(out)


def restricted(value: Value, known: Value, sure: bool) -> Value:
    """Of instances of several classes, those that may be of a class that is known; ``sure``: of no
    other."""
    found = {entity.cls for entity in unordered(value)}
    classes = {entity.cls for entity in unordered(known)}
    if not classes or not found or (len(found) < 2 and not sure):
        return value

    def fits(entity: Entity) -> tuple[Entity, ...]:
        cls = entity.cls
        return (entity,) * any(cls in c.ancestors or c in cls.ancestors for c in classes)

    return mapped(value, fits) if found & classes or not sure else known


def _restated(statement: Statement, become: Callable[[Entity], Entity]) -> Statement:
    entities = tuple(become(e) if e is not None else None for e in statement.entities)
    return replace(statement, entities=entities)


def sources(value: Value) -> Iterator[Source]:
    """Where the instances come from that a value is or holds, or that a statement will give."""
    for atom in value:
        if isinstance(atom, Entity):
            yield atom.source
        elif isinstance(atom, Many):
            yield from sources(atom.items)
        elif isinstance(atom, Row):
            for part in atom.items:
                yield from sources(part)
        else:
            yield from (entity.source for entity in selected(atom))


def selected(atom: Atom) -> list[Entity]:
    """The entities of a statement, or of its result."""
    if isinstance(atom, Outcome):
        atom = atom.statement
    if not isinstance(atom, Statement):
        return []
    return [entity for entity in atom.entities if entity is not None]


Table = dict[Key, frozenset[str]]
_NO_NAMES: frozenset[str] = frozenset()
_EVERYTHING = frozenset((EVERYTHING,))
_MADE = ("query", "get", "new", "made")
_READ = ("query", "get")


class State:
    """What is known at one place of a function. The tables are read by everybody, and changed by
    the methods alone.

    ``changed`` are the attributes that expire at the next flush; ``born`` the sources that were
    made or queried on the way here; ``kept`` new ones that were added to a session, ``stored``
    those that were flushed. ``flushes`` and ``expires``: did the session flush, or expire
    everything, on the way here? ``recovers``: did it so after a failure that was handled?
    ``computes`` are columns of which only the database knows the value from then on; ``renewed``
    instances of which all that was loaded before has been forgotten; ``lapsed`` those of
    which something has been, or to which others have come, since they were loaded. ``written`` are
    the classes whose rows were written on the way here, None standing for all; ``aged`` those with
    the sources that had been queried by then; ``history`` is what commits left behind.
    """

    __slots__ = (
        "_own", "aged", "born", "changed", "computes", "expired", "expires", "flushes", "history",
        "kept", "lapsed", "loaded", "recovers", "renewed", "stored", "written",
    )  # fmt: skip

    def __init__(self) -> None:
        self.loaded: Table = {}
        self.expired: Table = {}
        self.changed: Table = {}
        self.born: frozenset[Source] = frozenset()
        self.kept: frozenset[Source] = frozenset()
        self.stored: frozenset[Source] = frozenset()
        self.flushes = False
        self.expires = False
        self.recovers = False
        self.computes: frozenset[tuple[Class, str]] = frozenset()
        self.renewed: frozenset[Key] = frozenset()
        self.lapsed: frozenset[Key] = frozenset()
        self.written: frozenset[Class | None] = frozenset()
        self.aged: frozenset[tuple[Source, Class | None]] = frozenset()
        self.history = NO_HISTORY
        self._own = True  # are the tables those of this state alone?

    def copy(self) -> State:
        out = State.__new__(State)
        out.loaded, out.expired, out.changed = self.loaded, self.expired, self.changed
        out.born, out.kept, out.stored = self.born, self.kept, self.stored
        out.flushes, out.expires, out.recovers = self.flushes, self.expires, self.recovers
        out.computes, out.renewed, out.lapsed = self.computes, self.renewed, self.lapsed
        out.written, out.aged, out.history = self.written, self.aged, self.history
        out._own = self._own = False
        return out

    def _change(self) -> None:
        """The tables are about to be changed."""
        if not self._own:
            self.loaded, self.expired = dict(self.loaded), dict(self.expired)
            self.changed = dict(self.changed)
            self._own = True

    def joined(self, other: State) -> State:
        """What holds on both ways: loaded is what is on each, expired what is on any."""
        out = self.copy()
        if self.loaded is not other.loaded:
            out.loaded = {
                key: self._loaded(key, other) & other._loaded(key, self)
                for key in {**self.loaded, **other.loaded}
            }
        out.expired = _united(self.expired, other.expired)
        out.changed = _united(self.changed, other.changed)
        out.born |= other.born
        out.kept |= other.kept
        out.stored |= other.stored
        out.flushes = self.flushes or other.flushes
        out.expires = self.expires or other.expires
        out.recovers = self.recovers or other.recovers
        out.computes |= other.computes
        out.renewed |= other.renewed
        out.lapsed |= other.lapsed
        if self.written is not other.written:
            out.written |= other.written
        if self.aged is not other.aged:
            out.aged |= other.aged
        out.history = self.history.joined(other.history)
        return out

    def _loaded(self, key: Key, other: State) -> frozenset[str]:
        """What is loaded here; an instance that only the other way makes is not there at all."""
        found = self.loaded.get(key)
        if found is None:
            made = key[0].kind in _MADE and key[0] not in self.born
            found = other.loaded[key] if made else _NO_NAMES
        return found

    def after_turns(self, skipped: State, items: list[Key]) -> State:
        """After a loop: with what its turns did to the items, and what holds without any turn."""
        out = self.joined(skipped)
        keys = {*self.loaded, *self.expired, *self.changed} if items else ()
        for key in keys:
            if any(key[0] == of and key[1][: len(path)] == path for of, path in items):
                out.set_loaded(key, self.loaded.get(key, _NO_NAMES))
                out.set_expired(key, self.expired.get(key, _NO_NAMES))
                out.set_changed(key, self.changed.get(key, _NO_NAMES))
        return out

    def load(self, key: Key, names: Iterable[str]) -> None:
        known = self.loaded.get(key)
        if known is None or not known.issuperset(names):
            self._change()
            self.loaded[key] = (known or _NO_NAMES).union(names)

    def set_loaded(self, key: Key, names: frozenset[str]) -> None:
        self._change()
        self.loaded[key] = names

    def set_expired(self, key: Key, names: frozenset[str]) -> None:
        self._change()
        self.expired[key] = names

    def refreshed(self, key: Key) -> None:
        """Nothing of an instance has expired any more."""
        if key in self.expired:
            self._change()
            del self.expired[key]

    def read_again(self, key: Key, name: str) -> None:
        """An expired column has been read: all that is expired is loaded at once. What may be
        expired with everything may as well not be: then the others are, still."""
        expired = self.expired[key]
        self.set_expired(key, _NO_NAMES if name in expired else expired - ALL)

    def set_changed(self, key: Key, names: frozenset[str]) -> None:
        self._change()
        self.changed[key] = names

    def is_expired(self, key: Key, name: str) -> bool:
        """Has a column to be read again? ``refresh`` of one loads that one only."""
        found = self.expired.get(key)
        if found is None:
            return False
        return name in found or (
            not ALL.isdisjoint(found) and name not in self.loaded.get(key, _NO_NAMES)
        )

    def forget(self, source: Source) -> None:
        """The source gives new instances from now on."""
        for name in ("loaded", "expired", "changed"):
            gone = [key for key in getattr(self, name) if key[0] is source]
            if gone:
                self._change()
                for key in gone:
                    del getattr(self, name)[key]
        if source in self.stored:
            self.stored -= {source}
        if self.lapsed:
            self.lapsed = frozenset(key for key in self.lapsed if key[0] is not source)
        if source not in self.born:
            self.born |= {source}
        if self.aged:
            self.aged = frozenset(pair for pair in self.aged if pair[0] is not source)
        self.history = self.history.forgetting(source)

    def write(self, cls: Class | None) -> None:
        """Rows of a class, or nobody knows of which, are written."""
        self.written |= {cls}
        self.aged |= {(source, cls) for source in self.born if source.kind in _READ}

    def is_stale(self, source: Source, classes: Iterable[Class]) -> bool:
        """May rows of one of these classes have been written since the source was queried?"""
        if not self.written:
            return False
        written = self.written
        if source in self.born:
            written = frozenset(cls for aged, cls in self.aged if aged is source)
        return None in written or any(
            cls in of.ancestors or of in cls.ancestors
            for cls in written if cls is not None for of in classes
        )  # fmt: skip

    def follow(self, old: Source, new: Source) -> None:
        """What is known of the instances of one source is that of another's."""
        self._change()
        for table in (self.loaded, self.expired, self.changed):
            table.update({(new, key[1]): names for key, names in table.items() if key[0] is old})
        self.kept |= {new} if old in self.kept else frozenset()
        self.stored |= {new} if old in self.stored else frozenset()
        self.lapse((new, path) for source, path in self.lapsed if source is old)
        self.aged |= {(new, cls) for source, cls in self.aged if source is old}

    def flush(self) -> None:
        self.flushes = True
        self.stored |= self.kept
        if self.changed:
            self._change()
            self.expired = _united(self.expired, self.changed)
            self.changed = {}

    def expire(self, keys: Iterable[Key], failed: bool = False) -> None:
        self._change()
        keys = list(keys)
        self.lapse(keys)
        for key in keys:
            known = self.expired.get(key, _NO_NAMES)
            self.expired[key] = known | {FAILED} if failed else _EVERYTHING
            self.loaded[key] = _NO_NAMES

    def lapse(self, keys: Iterable[Key]) -> None:
        """What options have loaded of these instances may be gone."""
        lapsed = self.lapsed.union(keys)
        if len(lapsed) > len(self.lapsed):
            self.lapsed = lapsed

    def has_lapsed(self, key: Key) -> bool:
        """Has an instance, or one on the way to it?"""
        source, path = key
        return any(of is source and path[: len(start)] == start for of, start in self.lapsed)

    def put(self, key: Key, others: list[Key]) -> None:
        """A relationship is given other instances: what is loaded of all of them is loaded."""
        if others:
            known = [self.loaded.get(other, _NO_NAMES) for other in others]
            self.set_loaded(key, known[0].intersection(*known))

    def mix(self, key: Key, others: Iterable[Key]) -> None:
        """Other instances come to those of a collection: only what is loaded of all is loaded."""
        known = self.loaded.get(key, _NO_NAMES)
        for other in others:
            if other != key:
                self.lapse((key,))
                known &= self.loaded.get(other, _NO_NAMES)
        self.set_loaded(key, known)

    def narrowed(self, sources: set[Source], function: Function) -> State:
        """The state without what the callers of the function can't ask for: they know instances
        of those sources, and what they have given."""

        def known(source: Source) -> bool:
            return source in sources or (source.kind == "given" and source.function is function)

        out = State()
        out.loaded = {key: names for key, names in self.loaded.items() if known(key[0])}
        out.expired = {key: names for key, names in self.expired.items() if known(key[0])}
        out.born = frozenset(source for source in self.born if source in sources)
        out.kept = frozenset(source for source in self.kept if known(source))
        out.stored = frozenset(source for source in self.stored if known(source))
        out.renewed = frozenset(key for key in self.renewed if known(key[0]))
        out.lapsed = frozenset(key for key in self.lapsed if known(key[0]))
        out.flushes, out.expires, out.recovers = self.flushes, self.expires, self.recovers
        out.computes, out.written = self.computes, self.written
        out.aged = frozenset(pair for pair in self.aged if pair[0] in sources)
        out.history = self.history.narrowed(known)
        return out


def _united(one: Table, other: Table) -> Table:
    if one is other or not other:
        return one
    out = dict(one)
    for key, names in other.items():
        known = out.get(key)
        out[key] = known | names if known else names
    return out
