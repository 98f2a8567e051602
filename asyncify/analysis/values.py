"""Values: the lattice of the types.

An abstract value is a frozenset of the atoms below; the empty set is unknown, and joining is union.
Atoms are frozen, hashable and small.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache

from asyncify.analysis.program import Class, Function, Module, Variable


@dataclass(frozen=True, slots=True)
class Known:
    """An object of SQLAlchemy: ``kind`` is a name of ``asyncify.vocabulary.names``.

    ``origin`` tells sources apart: the session factory or engine that it comes from (see
    ``Origin``), or None where only an annotation or a name says what it is. ``sure`` is false where
    nothing but the configured names say so.
    """

    kind: str
    origin: Origin | None = None
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Origin:
    """The call that made something: its function and the number of the Call in the file."""

    function: Function
    call: int

    def __repr__(self) -> str:
        return f"<origin {self.function.qualname}#{self.call}>"


@dataclass(frozen=True, slots=True)
class QueryValue:
    """A Query under construction.

    ``origin`` is the ``query()`` call. ``shape`` is ``entity``, ``value`` (one thing that is no
    mapped entity and yet comes without a row around it), ``rows`` or ``unknown``; ``entities`` the
    classes (or None) that it selects, ``mapped`` whether any of them is a mapped entity. ``target``
    is the class that ``filter_by`` means, ``target_name`` how it is written in the function
    ``target_scope`` (empty: it is the class itself, by any name). ``to_many``: a join along a
    to-many relationship may repeat entities; ``collections``: a joined collection loader needs
    ``unique()``. ``limited``: limit, offset, distinct or grouping were applied. ``marks`` are what
    else was done to it that later methods ask for, in alphabetical order; ``others`` the classes
    that it is joined to. ``unequal`` is the reason
    why no statement gives the same result, or empty. ``session`` is the dotted name of the session
    where the query was made, and ``source`` what that session comes from. ``registry`` is the
    module's variable that holds the session of a Query which its class began (``Model.query``).
    """

    origin: Origin
    shape: str = "unknown"
    entities: tuple[Class | None, ...] = ()
    target: Class | None = None
    joined: bool = False
    to_many: bool = False
    collections: bool = False
    limited: bool = False
    unequal: str = ""
    session: str = ""
    source: Origin | None = None
    mapped: bool = False
    target_name: str = ""
    target_scope: Function | None = None
    marks: tuple[str, ...] = ()
    others: tuple[Class, ...] = ()
    registry: Variable | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance of a class of the program."""

    cls: Class


@dataclass(frozen=True, slots=True)
class ClassObject:
    """A class of the program, as a value."""

    cls: Class


@dataclass(frozen=True, slots=True)
class FunctionObject:
    """A function of the program, as a value; ``bound`` where it is taken from an object, ``given``
    the number of positional arguments that a ``partial`` has given it already."""

    function: Function
    bound: bool = False
    given: int = 0


@dataclass(frozen=True, slots=True)
class ModuleObject:
    """A module of the program."""

    module: Module


@dataclass(frozen=True, slots=True)
class Foreign:
    """Something outside the program, by its dotted name: a module, class or function."""

    name: str


@dataclass(frozen=True, slots=True)
class ForeignInstance:
    """The result of calling something foreign, or a value annotated with a foreign class."""

    name: str


@dataclass(frozen=True, slots=True)
class Client:
    """A client of the application, made by a call, or somewhere where only an annotation tells."""

    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class KnownMethod:
    """A bound method of an object of SQLAlchemy: ``db.query``."""

    owner: Known | QueryValue
    name: str


@dataclass(frozen=True, slots=True)
class Collection:
    """A container of values: list, tuple, set, dict values, iterator."""

    items: Value


@dataclass(frozen=True, slots=True)
class TupleValue:
    """A tuple of known length."""

    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Generated:
    """What calling a generator function gives. ``function`` is the generator."""

    function: Function


@dataclass(frozen=True, slots=True)
class Managed:
    """A context manager whose ``with`` target has the value; ``function`` where the program
    defines it by a generator."""

    items: Value
    function: Function | None = None


@dataclass(frozen=True, slots=True)
class CoroutineValue:
    """What calling an ``async def`` of the program gives, before it is awaited."""

    function: Function


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant whose value matters: a string, True, False, None or a small int."""

    value: str | int | bool | None


Atom = (
    Known
    | QueryValue
    | Instance
    | ClassObject
    | FunctionObject
    | ModuleObject
    | Foreign
    | ForeignInstance
    | Client
    | KnownMethod
    | Collection
    | TupleValue
    | Generated
    | Managed
    | CoroutineValue
    | Literal
)
Value = frozenset[Atom]
UNKNOWN: Value = frozenset()
SOME_CLASS = "<class>"  # the name of a Foreign that is a class, but which isn't known

WIDTH = 16  # more alternatives than this say nothing
DEPTH = 4  # containers nested deeper than this say nothing


def one(atom: Atom) -> Value:
    """The value that is one atom."""
    return frozenset((atom,))


@lru_cache(maxsize=1 << 16, typed=True)
def literal(value: str | int | bool | None) -> Value:
    """The value of a constant. Kept, because making and hashing atoms is what evaluation costs."""
    return frozenset((Literal(value),))


@lru_cache(maxsize=1 << 16)
def foreign(name: str) -> Value:
    """Something outside the program."""
    return frozenset((Foreign(name),))


@lru_cache(maxsize=1 << 16)
def foreign_member(name: str, attribute: str) -> Value:
    """An attribute of something outside the program."""
    return frozenset((Foreign(f"{name}.{attribute}"),))


@lru_cache(maxsize=1 << 16)
def foreign_instance(name: str) -> Value:
    """What calling something outside the program gives."""
    return frozenset((ForeignInstance(name),))


def capped(value: Value) -> Value:
    """The value, or unknown where it has grown too wide: ``join`` of one value."""
    return value if len(value) <= WIDTH else UNKNOWN


def join(values: Iterable[Value]) -> Value:
    """The union, or unknown where it grows too wide."""
    out: Value = UNKNOWN
    wide: set[Atom] = set()  # a frozen set would be copied for each of thousands of alternatives
    for value in values:
        if not value:
            continue
        if wide:
            wide |= value
        elif not out:
            out = value
        else:
            out |= value
            if len(out) > WIDTH:
                wide = set(out)
    if wide or len(out) > WIDTH:
        out = _narrowed(frozenset(wide) or out)
    return out if len(out) <= WIDTH else UNKNOWN


def _narrowed(value: Value) -> Value:
    """The value with one Query in the place of all that begin at the same call: a Query that is
    extended on many conditions is still a Query."""
    queries: dict[Origin, list[QueryValue]] = {}
    for atom in value:
        if isinstance(atom, QueryValue):
            queries.setdefault(atom.origin, []).append(atom)
    others = frozenset(a for a in value if not isinstance(a, QueryValue))
    return others | {merged_query(found) for found in queries.values()}


@lru_cache(maxsize=1 << 14)
def order(query: QueryValue) -> str:
    """What alternatives are sorted by, so that every run takes them in the same order."""
    return repr(query)


def merged_query(queries: list[QueryValue]) -> QueryValue:
    """One Query that stands for alternatives of one origin: what only some are, it may be."""
    if len(queries) == 1:
        return queries[0]
    ordered = sorted(queries, key=order)
    first = ordered[0]
    same = len({q.entities for q in ordered}) == 1
    targets = {(q.target, q.target_name, q.target_scope) for q in ordered}
    target, name, scope = targets.pop() if len(targets) == 1 else (None, "", None)
    return replace(
        first,
        shape=first.shape if len({q.shape for q in ordered}) == 1 else "unknown",
        entities=first.entities if same else (None,),
        mapped=any(q.mapped for q in ordered),
        target=target,
        target_name=name,
        target_scope=scope,
        joined=any(q.joined for q in ordered),
        to_many=any(q.to_many for q in ordered),
        collections=any(q.collections for q in ordered),
        limited=any(q.limited for q in ordered),
        unequal=max(q.unequal for q in ordered),
        session=first.session if len({q.session for q in ordered}) == 1 else "",
        marks=tuple(sorted({mark for q in ordered for mark in q.marks})),
        others=tuple(cls for cls in first.others if all(cls in q.others for q in ordered)),
    )


def depth(value: Value) -> int:
    """How deep containers are nested in a value."""
    deepest = 0
    for atom in value:
        if isinstance(atom, (Collection, Managed)):
            deepest = max(deepest, 1 + depth(atom.items))
        elif isinstance(atom, TupleValue):
            deepest = max([deepest, *(1 + depth(item) for item in atom.items)])
    return deepest


def collection(items: Value) -> Value:
    """A container of ``items``, unknown where nothing is known of them."""
    if not items or depth(items) >= DEPTH:
        return UNKNOWN
    return one(Collection(items))


def elements(value: Value) -> Value:
    """What iterating over a value gives."""
    out: list[Value] = []
    for atom in value:
        if isinstance(atom, Collection):
            out.append(atom.items)
        elif isinstance(atom, TupleValue):
            out.extend(atom.items)
    return join(out)
