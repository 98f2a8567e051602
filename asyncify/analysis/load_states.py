"""Load states: which instances there are, and what of them is loaded.

An instance is named by where it comes from and by the relationships that lead to it from there;
all instances of one query are one. A state tells what is loaded at one place of a function.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from asyncify.analysis.program import Class, Function

EVERYTHING = "*"  # among expired attributes: all columns


@dataclass(frozen=True, slots=True)
class Source:
    """Where instances come from. ``kind``:

    ``query``: the statement that begins at the call ``operation``, ``index`` being the position
    of the entity; ``get``: a read by primary key; ``new``: a construction; ``given``: the parameter
    ``index`` of ``function``; ``other``: something that the analysis doesn't follow.
    """

    kind: str
    function: Function
    operation: int
    index: int = 0


@dataclass(frozen=True, slots=True)
class Entity:
    """An instance of ``cls``, reached from ``source`` along ``path``."""

    source: Source
    path: tuple[str, ...]
    cls: Class

    @property
    def key(self) -> Key:
        return self.source, self.path

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
    """A container or an iterator of values."""

    items: Value


@dataclass(frozen=True, slots=True)
class Row:
    """A row, or a tuple."""

    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A Query or a select: its entities by position, and the paths that its options load.
    ``explicit`` are those paths that were given by options."""

    entities: tuple[Entity | None, ...]
    paths: frozenset[tuple[str, ...]] = frozenset()
    single: bool = True
    legacy: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an executed statement; ``scalars``: of the first part of its rows."""

    statement: Statement
    scalars: bool


Atom = Entity | Many | Row | Statement | Outcome
Value = frozenset[Atom]
Key = tuple[Source, tuple[str, ...]]
NOTHING: Value = frozenset()
WIDTH = 12


def one(atom: Atom) -> Value:
    return frozenset((atom,))


def join(values: Iterable[Value]) -> Value:
    """The union, or nothing where it grows too wide."""
    out = frozenset(atom for value in values for atom in value)
    return out if len(out) <= WIDTH else NOTHING


def many(items: Value, nesting: int = 3) -> Value:
    """A container, unless nothing is known of what it holds."""
    if not items or _depth(items) > nesting:
        return NOTHING
    return one(Many(items))


def _depth(value: Value) -> int:
    inner = [a.items for a in value if isinstance(a, Many)]
    inner += [part for a in value if isinstance(a, Row) for part in a.items]
    return 1 + max(map(_depth, inner), default=0) if value else 0


def entities(value: Value) -> list[Entity]:
    """The instances that a value is, or holds."""
    return ordered(_entities(value))


def ordered(found: list[Entity]) -> list[Entity]:
    return sorted(found, key=lambda entity: entity.place) if len(found) > 1 else found


def _entities(value: Value) -> list[Entity]:
    out: list[Entity] = []
    for atom in value:
        if isinstance(atom, Entity):
            out.append(atom)
        elif isinstance(atom, Many):
            out += _entities(atom.items)
        elif isinstance(atom, Row):
            out += [entity for part in atom.items for entity in _entities(part)]
    return out


@dataclass(frozen=True, slots=True)
class Demand:
    """An attribute that is read where it may not be loaded.

    ``function`` and ``operation`` are the place of the read, ``entity`` the instance as it is known
    there, ``attribute`` what is read; ``source`` and ``path`` say where the instance comes from in
    ``holder``, the function that is asked about, and ``calls`` through which calls the read is
    reached from it: pairs of a function and an operation, the outermost first. ``column``: no
    relationship but a column that is expired or deferred.
    ``reader`` is what reads it where that is no code of the program. ``at`` is the operation in the
    function that is asked about whose value the instance is, or holds it, and ``below`` the path
    from there; -1 where there is none.
    """

    function: Function
    operation: int
    attribute: str
    entity: Entity
    source: Source
    path: tuple[str, ...]
    calls: tuple[tuple[Function, int], ...] = ()
    column: bool = False
    reader: str = ""
    at: int = -1
    below: tuple[str, ...] = ()

    @property
    def whole(self) -> tuple[str, ...]:
        """The path from the source to the attribute."""
        return (*self.path, self.attribute)


@dataclass(slots=True)
class State:
    """What is known at one place of a function."""

    loaded: dict[Key, frozenset[str]] = field(default_factory=dict)
    expired: dict[Key, frozenset[str]] = field(default_factory=dict)
    changed: dict[Key, frozenset[str]] = field(default_factory=dict)  # expire at the next flush
    born: frozenset[Source] = frozenset()  # made or queried on the way here
    kept: frozenset[Source] = frozenset()  # new, and added to a session
    stored: frozenset[Source] = frozenset()  # new, and flushed
    flushes: bool = False  # did the session flush, or expire everything, on the way here?
    expires: bool = False

    def copy(self) -> State:
        return State(
            dict(self.loaded), dict(self.expired), dict(self.changed),
            self.born, self.kept, self.stored, self.flushes, self.expires,
        )  # fmt: skip

    def joined(self, other: State) -> State:
        """What holds on both ways: loaded is what is on each, expired what is on any."""
        loaded = {
            key: self._loaded(key, other) & other._loaded(key, self)
            for key in {*self.loaded, *other.loaded}
        }
        return State(
            loaded,
            _united(self.expired, other.expired),
            _united(self.changed, other.changed),
            self.born | other.born,
            self.kept | other.kept,
            self.stored | other.stored,
            self.flushes or other.flushes,
            self.expires or other.expires,
        )

    def _loaded(self, key: Key, other: State) -> frozenset[str]:
        """What is loaded here; an instance that only the other way makes is not there at all."""
        found = self.loaded.get(key)
        if found is None:
            made = key[0].kind in ("query", "get", "new") and key[0] not in self.born
            found = other.loaded[key] if made else frozenset()
        return found

    def load(self, key: Key, *names: str) -> None:
        self.loaded[key] = self.loaded.get(key, frozenset()) | set(names)

    def forget(self, source: Source) -> None:
        """The source gives new instances from now on."""
        for table in (self.loaded, self.expired, self.changed):
            for key in [k for k in table if k[0] == source]:
                del table[key]
        self.stored -= {source}
        self.born |= {source}

    def flush(self) -> None:
        self.flushes = True
        self.stored |= self.kept
        self.expired = _united(self.expired, self.changed)
        self.changed = {}

    def expire(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self.expired[key] = frozenset((EVERYTHING,))
            self.loaded[key] = frozenset()


def _united(
    one: dict[Key, frozenset[str]], other: dict[Key, frozenset[str]]
) -> dict[Key, frozenset[str]]:
    out = dict(one)
    for key, names in other.items():
        out[key] = out.get(key, frozenset()) | names
    return out


@dataclass(slots=True)
class Summary:
    """What a function does with the instances that it is given, and what it gives back."""

    demands: dict[Demand, None] = field(default_factory=dict)
    returned: Value = NOTHING
    state: State | None = None  # at its returns


def moved(demand: Demand, entity: Entity, call: tuple[Function, int], at: int) -> Demand:
    """The demand of a callee on its parameter, as one on the caller's instance, which is the value
    of the operation ``at``."""
    return replace(
        demand,
        source=entity.source,
        path=(*entity.path, *demand.path),
        calls=(call, *demand.calls),
        at=at,
        below=demand.path,
    )
