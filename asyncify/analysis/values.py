"""Values: the lattice of the types.

An abstract value is a frozenset of the atoms below; the empty set is unknown, and joining is union.

Atoms are made once: whoever asks for the same one gets the same object, so that comparing and
hashing them, which is what evaluation does all day, is that of their identity. They are kept with
the part of the program that they speak of (a function, a class, a module), and go with it; only
those that speak of nothing but names are kept for good.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from functools import lru_cache
from itertools import zip_longest
from typing import Any, TypeVar

from asyncify.analysis.program import Class, Function, Module, Variable

_Kept = dict[Any, Any]
_NAMES: _Kept = {}  # the atoms that belong to no program
_M = TypeVar("_M", bound="Made")
_set = object.__setattr__


class Made:
    """An atom that is made once. ``alone`` is the value that holds nothing else."""

    __slots__ = ("alone",)
    alone: Value


def _keep(kept: _Kept, key: Any, kind: type[_M], /, **fields: Any) -> _M:
    """Make an atom, and keep it under its key."""
    atom: _M = object.__new__(kind)
    kept[key] = atom
    for name, value in fields.items():
        _set(atom, name, value)
    _set(atom, "alone", frozenset((atom,)))
    return atom


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Known(Made):
    """An object of SQLAlchemy: ``kind`` is a name of ``asyncify.vocabulary.names``.

    ``origin`` tells sources apart: the session factory or engine that it comes from (see
    ``Origin``), or None where only an annotation or a name says what it is. ``sure`` is false where
    nothing but the configured names say so.
    """

    kind: str
    origin: Origin | None = None
    sure: bool = True

    def __new__(cls, kind: str, origin: Origin | None = None, sure: bool = True) -> Known:
        kept = _NAMES if origin is None else origin.atoms
        key = (Known, kind, sure)
        found: Known | None = kept.get(key)
        if found is None:
            found = _keep(kept, key, cls, kind=kind, origin=origin, sure=sure)
        return found


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Origin:
    """The call that made something: its function and the number of the Call in the file."""

    function: Function
    call: int
    atoms: _Kept = field(init=False, repr=False)  # those that begin here

    def __new__(cls, function: Function, call: int) -> Origin:
        found: Origin | None = function.atoms.get(call)
        if found is None:
            found = function.atoms[call] = object.__new__(cls)
            _set(found, "function", function)
            _set(found, "call", call)
            _set(found, "atoms", {})
        return found

    def __repr__(self) -> str:
        return f"<origin {self.function.qualname}#{self.call}>"


@dataclass(frozen=True, slots=True, eq=False, init=False)
class QueryValue(Made):
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
    text: str = field(init=False, repr=False)  # see ``order``
    given: tuple[Any, ...] = field(init=False, repr=False)  # all but the origin

    def __new__(cls, origin: Origin, *values: Any, **more: Any) -> QueryValue:
        if len(values) < len(_QUERY_FIELDS):
            values = (*values, *_QUERY_DEFAULTS[len(values) :])
        if more:
            values = _replaced(values, more)
        kept = origin.atoms
        found: QueryValue | None = kept.get(values)
        if found is None:
            found = kept[values] = object.__new__(cls)
            for put, value in zip(_QUERY_SETTERS, (*values, origin, "", values), strict=True):
                put(found, value)
            _set(found, "alone", frozenset((found,)))
        return found

    @property
    def is_begun_by_class(self) -> bool:
        """Does it begin with an attribute, ``Model.query``, and no call?"""
        return self.origin.call < 0


def _replaced(values: tuple[Any, ...], more: dict[str, Any]) -> tuple[Any, ...]:
    out = list(values)
    for name, value in more.items():
        out[_QUERY_FIELDS[name]] = value
    return tuple(out)


def changed(query: QueryValue, **more: Any) -> QueryValue:
    """The Query, but for some of its fields: ``dataclasses.replace``, which asks for each field."""
    return QueryValue(query.origin, *_replaced(query.given, more))


_QUERY_DEFAULTS: tuple[Any, ...] = tuple(
    each.default for each in fields(QueryValue) if each.init and each.name != "origin"
)
_QUERY_FIELDS = {  # and their places
    each.name: place - 1
    for place, each in enumerate(each for each in fields(QueryValue) if each.init)
    if place
}
# What sets each field, and then the others: nobody asks for their names again.
_QUERY_SETTERS = [
    getattr(QueryValue, name).__set__ for name in (*_QUERY_FIELDS, "origin", "text", "given")
]


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Instance(Made):
    """An instance of a class of the program."""

    cls: Class

    def __new__(cls, of: Class) -> Instance:
        found: Instance | None = of.atoms.get(Instance)
        return _keep(of.atoms, Instance, cls, cls=of) if found is None else found


@dataclass(frozen=True, slots=True, eq=False, init=False)
class ClassObject(Made):
    """A class of the program, as a value; ``given`` is the number of positional arguments that a
    ``partial`` has given it already."""

    cls: Class
    given: int = 0

    def __new__(cls, of: Class, given: int = 0) -> ClassObject:
        key = (ClassObject, given) if given else ClassObject
        found: ClassObject | None = of.atoms.get(key)
        return _keep(of.atoms, key, cls, cls=of, given=given) if found is None else found


@dataclass(frozen=True, slots=True, eq=False, init=False)
class FunctionObject(Made):
    """A function of the program, as a value; ``bound`` where it is taken from an object, ``given``
    the number of positional arguments that a ``partial`` has given it already; ``threaded`` where
    ``sync_to_async(function)`` made a coroutine function of it."""

    function: Function
    bound: bool = False
    given: int = 0
    threaded: bool = False

    def __new__(
        cls, function: Function, bound: bool = False, given: int = 0, threaded: bool = False
    ) -> FunctionObject:
        kept, key = function.atoms, (FunctionObject, bound, given, threaded)
        found: FunctionObject | None = kept.get(key)
        if found is None:
            made = {"function": function, "bound": bound, "given": given, "threaded": threaded}
            found = _keep(kept, key, cls, **made)
        return found


@dataclass(frozen=True, slots=True, eq=False, init=False)
class ModuleObject(Made):
    """A module of the program."""

    module: Module

    def __new__(cls, module: Module) -> ModuleObject:
        kept = module.atoms
        found: ModuleObject | None = kept.get(ModuleObject)
        return _keep(kept, ModuleObject, cls, module=module) if found is None else found


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Foreign(Made):
    """Something outside the program, by its dotted name: a module, class or function."""

    name: str

    def __new__(cls, name: str) -> Foreign:
        key = Foreign, name
        found: Foreign | None = _NAMES.get(key)
        return _keep(_NAMES, key, cls, name=name) if found is None else found


@dataclass(frozen=True, slots=True, eq=False, init=False)
class ForeignInstance(Made):
    """The result of calling something foreign, or a value annotated with a foreign class."""

    name: str

    def __new__(cls, name: str) -> ForeignInstance:
        key = ForeignInstance, name
        found: ForeignInstance | None = _NAMES.get(key)
        return _keep(_NAMES, key, cls, name=name) if found is None else found


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Client(Made):
    """A client of the application, made by a call, or somewhere where only an annotation tells;
    ``cls`` is the program's own class of clients that it is one of."""

    origin: Origin | None = None
    cls: Class | None = None

    def __new__(cls, origin: Origin | None = None, of: Class | None = None) -> Client:
        made_of = of if origin is None else origin
        kept = _NAMES if made_of is None else made_of.atoms
        key = Client, of
        found: Client | None = kept.get(key)
        return _keep(kept, key, cls, origin=origin, cls=of) if found is None else found


@dataclass(frozen=True, slots=True, eq=False, init=False)
class KnownMethod(Made):
    """A bound method of an object of SQLAlchemy: ``db.query``."""

    owner: Known | QueryValue
    name: str

    def __new__(cls, owner: Known | QueryValue, name: str) -> KnownMethod:
        kept = _NAMES if owner.origin is None else owner.origin.atoms
        key = KnownMethod, owner, name
        found: KnownMethod | None = kept.get(key)
        return _keep(kept, key, cls, owner=owner, name=name) if found is None else found


@dataclass(frozen=True, slots=True)
class Requesting:
    """What makes requests of a client of the application: ``send = client.post``."""

    client: Client
    name: str


@dataclass(frozen=True, slots=True)
class Collection:
    """A container of values: list, tuple, set, dict values, iterator."""

    items: Value


@dataclass(frozen=True, slots=True)
class Record(Collection):
    """A dict of which the keys are known; ``items`` is what is under any of them."""

    fields: tuple[tuple[str, Value], ...]

    def field(self, key: str) -> Value:
        """What is under a key."""
        return dict(self.fields).get(key, UNKNOWN)


@dataclass(frozen=True, slots=True)
class Keyed(Collection):
    """A dict whose keys are functions, or objects that matter; ``items`` is what is under them."""

    keys: Value


@dataclass(frozen=True, slots=True)
class TupleValue:
    """A tuple of known length."""

    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class NamedTuple(TupleValue):
    """A tuple whose items have names: an object of ``namedtuple("Point", "x y")``."""

    names: tuple[str, ...]

    def field(self, name: str) -> Value:
        """The item of a name."""
        return self.items[self.names.index(name)] if name in self.names else UNKNOWN


@dataclass(frozen=True, slots=True)
class NamedTupleClass:
    """``namedtuple("Point", "x y")``; ``given`` are the items of the object of which it makes
    another, with ``_replace``."""

    names: tuple[str, ...]
    given: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Generated(Made):
    """What calling a generator function gives. ``function`` is the generator."""

    function: Function

    def __new__(cls, function: Function) -> Generated:
        kept = function.atoms
        found: Generated | None = kept.get(Generated)
        return _keep(kept, Generated, cls, function=function) if found is None else found


@dataclass(frozen=True, slots=True)
class Managed:
    """A context manager whose ``with`` target has the value; ``function`` where the program
    defines it by a generator."""

    items: Value
    function: Function | None = None


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Managing(Made):
    """``contextmanager(rows)``: called, it gives the context manager that a generator function
    defines; ``bound`` where that is taken from an object."""

    function: Function
    bound: bool = False

    def __new__(cls, function: Function, bound: bool = False) -> Managing:
        kept, key = function.atoms, (Managing, bound)
        found: Managing | None = kept.get(key)
        return _keep(kept, key, cls, function=function, bound=bound) if found is None else found


@dataclass(frozen=True, slots=True)
class Giving:
    """Something of which only the annotation says what a call of it gives."""

    items: Value


@dataclass(frozen=True, slots=True, eq=False, init=False)
class CoroutineValue(Made):
    """What calling an ``async def`` of the program gives, before it is awaited."""

    function: Function

    def __new__(cls, function: Function) -> CoroutineValue:
        kept = function.atoms
        found: CoroutineValue | None = kept.get(CoroutineValue)
        return _keep(kept, CoroutineValue, cls, function=function) if found is None else found


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Literal(Made):
    """A constant whose value matters: a string, True, False, None or a small int."""

    value: str | int | bool | None

    def __new__(cls, value: str | int | bool | None) -> Literal:
        key = value.__class__, value
        found: Literal | None = _NAMES.get(key)
        return _keep(_NAMES, key, cls, value=value) if found is None else found


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
    | Requesting
    | Collection
    | TupleValue
    | NamedTupleClass
    | Generated
    | Managed
    | Managing
    | Giving
    | CoroutineValue
    | Literal
)
Value = frozenset[Atom]
UNKNOWN: Value = frozenset()
SOME_CLASS = "<class>"  # the name of a Foreign that is a class, but which isn't known

UNPACKED = "*"  # among keyword arguments: what `*` unpacks
WIDTH = 16  # more alternatives than this say nothing
FUNCTIONS = 512  # a table of handlers may have many
LAMBDAS = 4096  # a helper of the tests is given a lambda by each: they count as one alternative
KEYS = 32  # dicts with more keys than this are containers like others
DEPTH = 4  # containers nested deeper than this say nothing


def one(atom: Atom) -> Value:
    """The value that is one atom."""
    return atom.alone if isinstance(atom, Made) else frozenset((atom,))


@lru_cache(maxsize=1 << 16, typed=True)
def literal(value: str | int | bool | None) -> Value:
    """The value of a constant. Kept, because making and hashing atoms is what evaluation costs."""
    return Literal(value).alone


@lru_cache(maxsize=1 << 16)
def foreign(name: str) -> Value:
    """Something outside the program."""
    return Foreign(name).alone


@lru_cache(maxsize=1 << 16)
def foreign_member(name: str, attribute: str) -> Value:
    """An attribute of something outside the program."""
    return Foreign(f"{name}.{attribute}").alone


@lru_cache(maxsize=1 << 16)
def foreign_instance(name: str) -> Value:
    """What calling something outside the program gives."""
    return ForeignInstance(name).alone


def capped(value: Value) -> Value:
    """The value, or unknown where it has grown too wide: ``join`` of one value."""
    if len(value) > WIDTH:
        value = _narrowed(value)
    return value if len(value) <= WIDTH or fits(value) else UNKNOWN


def fits(value: Value, width: int = WIDTH) -> bool:
    """Does a value say something, that has more atoms than ``width``?"""
    functions = [a for a in value if isinstance(a, FunctionObject)]
    named = sum(a.function.facts.kind != "lambda" for a in functions)
    others = len(value) - len(functions)
    return others < width and named < FUNCTIONS and len(value) <= LAMBDAS


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
    return out if len(out) <= WIDTH or fits(out) else UNKNOWN


def _narrowed(value: Value) -> Value:
    """The value with one Query in the place of all that begin at the same call: a Query that is
    extended on many conditions is still a Query, and a dict that is filled key by key a dict."""
    queries: dict[Origin, list[QueryValue]] = {}
    for atom in value:
        if isinstance(atom, QueryValue):
            queries.setdefault(atom.origin, []).append(atom)
    others = frozenset(a for a in value if not isinstance(a, (QueryValue, Record, TupleValue)))
    items = tuple(positions(value))
    names = {a.names if isinstance(a, NamedTuple) else () for a in value
             if isinstance(a, TupleValue)}  # fmt: skip
    named = names.pop() if len(names) == 1 else ()
    merged_tuple = NamedTuple(items, named) if named else TupleValue(items)
    tuples = one(merged_tuple) if items else UNKNOWN
    merged = {merged_query(found) for found in queries.values()}
    return others | record(keyed(value)) | tuples | merged


def order(query: QueryValue) -> str:
    """What alternatives are sorted by, so that every run takes them in the same order."""
    if not query.text:
        _set(query, "text", repr((query.origin, query.given[:-1])))  # all but the registry
    return query.text


def merged_query(queries: list[QueryValue]) -> QueryValue:
    """One Query that stands for alternatives of one origin: what only some are, it may be."""
    if len(queries) == 1:
        return queries[0]
    ordered = sorted(queries, key=order)
    first = ordered[0]
    same = len({q.entities for q in ordered}) == 1
    targets = {(q.target, q.target_name, q.target_scope) for q in ordered}
    target, name, scope = targets.pop() if len(targets) == 1 else (None, "", None)
    return changed(
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


# Methods that put something into a container, and those that put in what another holds.
GETTING = frozenset({"get", "setdefault"})  # by a key: what is in it may be filled
POURING = frozenset({"extend", "extendleft", "update"})
FILLING = frozenset({"append", "appendleft", "insert", "setdefault", "add"}) | POURING


def depth(value: Value) -> int:
    """How deep containers are nested in a value."""
    deepest = 0
    for atom in value:
        if isinstance(atom, Record):  # its items may be unknown, where they are too many
            deepest = max([deepest, *(1 + depth(held) for _, held in atom.fields)])
        elif isinstance(atom, (Collection, Managed)):
            deepest = max(deepest, 1 + depth(atom.items))
        elif isinstance(atom, TupleValue):
            deepest = max([deepest, *(1 + depth(item) for item in atom.items)])
    return deepest


def collection(items: Value) -> Value:
    """A container of ``items``, unknown where nothing is known of them."""
    if not items or depth(items) >= DEPTH:
        return UNKNOWN
    return one(Collection(items))


def record(fields: dict[str, Value]) -> Value:
    """A dict of known keys, unknown where nothing is known of what is under them."""
    items = join(fields.values())
    if len(fields) > KEYS:
        return collection(items)
    known = any(fields.values()) and all(depth(value) < DEPTH for value in fields.values())
    return one(Record(items, tuple(sorted(fields.items())))) if known else UNKNOWN


def mapping(keys: Value, items: Value) -> Value:
    """A dict of keys that aren't written down."""
    told = frozenset(a for a in keys if isinstance(a, (FunctionObject, Instance, ClassObject)))
    if not told:
        return collection(items)
    return one(Keyed(items, told)) if depth(items) < DEPTH else UNKNOWN


def keys(value: Value) -> Value:
    """What the keys of dicts are, as far as that matters."""
    return join(a.keys for a in value if isinstance(a, Keyed))


def keyed(value: Value) -> dict[str, Value]:
    """What is under each of the keys that are known."""
    records = [a for a in value if isinstance(a, Record)]
    keys = {key for record in records for key, _ in record.fields}
    return {key: join(a.field(key) for a in records) for key in sorted(keys)}


def under(value: Value, key: str) -> Value:
    """What a container has under a key."""
    records = frozenset(a for a in value if isinstance(a, Record))
    return join(
        [elements(value - records), *(a.field(key) for a in records if isinstance(a, Record))]
    )


def elements(value: Value) -> Value:
    """What iterating over a value gives."""
    out: list[Value] = []
    for atom in value:
        if isinstance(atom, Collection):
            out.append(atom.items)
        elif isinstance(atom, TupleValue):
            out.extend(atom.items)
    return join(out)


def at(value: Value, position: int) -> Value:
    """What is at a position: tuples have other things at others."""
    tuples = [a for a in value if isinstance(a, TupleValue)]
    items = [a.items[position] for a in tuples if position < len(a.items)]
    return join([elements(value.difference(tuples)), *items])


def generators(value: Value) -> Value:
    """The generators of the program among the alternatives."""
    return frozenset(a for a in value if isinstance(a, Generated))


def positions(value: Value) -> list[Value]:
    """What is at each position of tuples, those of different lengths too."""
    tuples = [a.items for a in value if isinstance(a, TupleValue)]
    return [join(items) for items in zip_longest(*tuples, fillvalue=UNKNOWN)]


def inner_queries(value: Value) -> bool:
    """Are there queries in a container?"""
    return any(
        isinstance(a, QueryValue)
        or (isinstance(a, (Collection, TupleValue)) and inner_queries(one(a)))
        for a in elements(value)
    )


def declares_queries(value: Value) -> bool:
    """Does an annotation say that a container has queries?"""
    return any(
        (isinstance(a, Known) and a.kind == "Query")
        or (isinstance(a, (Collection, TupleValue)) and declares_queries(one(a)))
        for a in elements(value)
    )
