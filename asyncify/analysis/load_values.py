"""Which instances of models there are: what a value is where loading is asked about.

An instance is named by where it comes from and by the relationships that lead to it from there;
all instances of one query are one. Sources and instances are made once each, so that they are
compared and hashed by identity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

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
GROUP = "group:"  # deferred columns that an option loads by the name of their group
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
    alias: str = field(init=False, repr=False)  # their name in rows, if it isn't that of the class

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
            _set(found, "alias", "")
        return found

    def name_in_rows(self, alias: str) -> None:
        """``aliased(User, name="owner")``: rows have its instances under that name."""
        _set(self, "alias", alias)

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
    def name(self) -> str:
        """What it is called in a row."""
        return (not self.path and self.source.alias) or self.cls.name

    @property
    def is_new(self) -> bool:
        """Was it constructed, and not loaded through what was?"""
        return self.source.kind == "new" and not self.path

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
    """A container or an iterator of values; ``keyed``: a dict, which gives its keys: ``keys``,
    where those are instances."""

    items: Value
    keyed: bool = False
    keys: Value = frozenset()

    @property
    def held(self) -> tuple[Value, Value]:
        return self.items, self.keys


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
    """The result of an executed statement; ``scalars``: of the first part of its rows; ``named``:
    of its rows as dicts."""

    statement: Statement
    scalars: bool
    named: bool = False


@dataclass(frozen=True, slots=True)
class Asking:
    """A function that makes these requests, and does nothing else: ``lambda: client.get("/")``."""

    verbs: frozenset[str]


Atom = Entity | Many | Row | Model | Statement | Outcome | Asking
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


def many(items: Value, nesting: int = 3, keyed: bool = False, keys: Value = NOTHING) -> Value:
    """A container, unless nothing is known of what it holds."""
    if not (items or keys) or _depth(items) > nesting:
        return NOTHING
    return one(Many(items, keyed, keys))


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


def by_class(value: Value) -> Value:
    """Rows by the names of their parts: those of the classes, as statements select them."""
    return join(
        one(Row(atom.items, tuple(_name_of(part) for part in atom.items)))
        for atom in value if isinstance(atom, Row)
    )  # fmt: skip


def _name_of(part: Value) -> str:
    names = {atom.name for atom in part if isinstance(atom, Entity)}
    return names.pop() if len(names) == 1 else ""


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
            out += unordered(atom.keys)
        elif isinstance(atom, Row):
            out += [entity for part in atom.items for entity in unordered(part)]
    return out


def rows(value: Value) -> Iterator[Row]:
    """The rows that a value is, or holds."""
    for atom in value:
        if isinstance(atom, Row):
            yield atom
        elif isinstance(atom, Many):
            for part in atom.held:
                yield from rows(part)


def mapped(value: Value, become: Callable[[Entity], Iterable[Entity]]) -> Value:
    """A value with other instances in the place of each of its own."""
    out: set[Atom] = set()
    for atom in value:
        if isinstance(atom, Entity):
            out.update(become(atom))
        elif isinstance(atom, Many):
            items, keys = (mapped(part, become) for part in atom.held)
            out.add(Many(items, atom.keyed, keys))
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
            out.add(replace(atom, statement=_restated(atom.statement, become)))
        elif isinstance(atom, Many):
            items, keys = (remade(part, become) for part in atom.held)
            out.add(Many(items, atom.keyed, keys))
        elif isinstance(atom, Row):
            out.add(Row(tuple(remade(part, become) for part in atom.items), atom.names))
        else:
            out.add(become(atom) if isinstance(atom, Entity) else atom)
    return frozenset(out)


def restricted(value: Value, known: Value, sure: bool) -> Value:
    """Of instances of several classes, those that may be of a class that is known; ``sure``: of no
    other."""
    keys = {key for atom in value if isinstance(atom, Many) for key in atom.keys}
    found = {entity.cls for entity in unordered(value) if entity not in keys}
    classes = {entity.cls for entity in unordered(known)}
    if not classes or not found or (len(found) < 2 and not sure):
        return value

    def fits(entity: Entity) -> tuple[Entity, ...]:
        cls = entity.cls
        fits = any(cls in c.ancestors or c in cls.ancestors for c in classes)
        return (entity,) * (fits or entity in keys)  # types say nothing of a dict's keys

    if sure and not found & classes:
        return known
    kept = mapped(value, fits)
    full = frozenset(atom for atom in kept if not isinstance(atom, Many) or any(atom.held))
    return full or kept  # without the containers of all other classes


def _restated(statement: Statement, become: Callable[[Entity], Entity]) -> Statement:
    entities = tuple(become(e) if e is not None else None for e in statement.entities)
    return replace(statement, entities=entities)


def sources(value: Value) -> Iterator[Source]:
    """Where the instances come from that a value is or holds, or that a statement will give."""
    for atom in value:
        if isinstance(atom, Entity):
            yield atom.source
        elif isinstance(atom, Many):
            for part in atom.held:
                yield from sources(part)
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
