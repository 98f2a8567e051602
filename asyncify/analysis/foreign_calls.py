"""Foreign calls: what calling something outside the program gives, by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from asyncify import facts as f
from asyncify.analysis import (
    callables,
    declarations,
    item_functions,
    members,
    modules,
    protocols,
    records,
    replaced,
    running,
)
from asyncify.analysis import values as v
from asyncify.vocabulary import flask
from asyncify.vocabulary.common import DESCRIBED, FACTORY_ARGUMENTS, FIELD_MAKERS
from asyncify.vocabulary.frameworks import MANAGERS
from asyncify.vocabulary.injection import DEPENDS, PROVIDERS
from asyncify.vocabulary.names import BINDS, FUNCTIONS, KINDS
from asyncify.vocabulary.runners import RUNNERS
from asyncify.vocabulary.special import ITERATE
from asyncify.vocabulary.tasks import THREADING
from asyncify.vocabulary.testing import CLIENTS, MOCKS, REPLACING

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation

_SET_IN_CONTEXT = "contextvars.ContextVar().set"


class Call(NamedTuple):
    """A call of something foreign."""

    evaluation: Evaluation
    name: str
    operation: f.Operation
    arguments: list[v.Value]
    named: dict[str, v.Value]

    @property
    def origin(self) -> v.Origin:
        return v.Origin(self.evaluation.function, self.operation[3])


class _Row(NamedTuple):
    """How a call is answered, and the positional arguments without which nothing is known."""

    answer: Callable[[Call], v.Value]
    wanted: int = 0


def call(
    evaluation: Evaluation,
    name: str,
    operation: f.Operation,
    arguments: list[v.Value],
    named: dict[str, v.Value],
) -> v.Value:
    """What a call of something foreign gives."""
    if name.startswith(callables.GETTERS) and arguments:
        return callables.got(evaluation, name, arguments[0])
    row = _ROWS.get(name)
    if row is None or len(arguments) < row.wanted:
        return _unknown_call(name)
    return row.answer(Call(evaluation, name, operation, arguments, named))


@lru_cache(maxsize=1 << 16)
def made(name: str) -> v.Value | None:
    """What calling something foreign gives, where it doesn't depend on the arguments."""
    told = name in _ROWS or name == "super" or name.startswith(callables.GETTERS)
    return None if told else _unknown_call(name)


def _unknown_call(name: str) -> v.Value:
    if "()" in name:
        return v.foreign_instance(name) if _gives_session(name) else v.UNKNOWN
    return v.foreign_instance(name) if "." in name else v.UNKNOWN


def _gives_session(name: str) -> bool:
    """Does an object of a library give a session that the library makes: ``Manager().session()``,
    ``Cluster().connect()``? What is kept deeper, as in a framework's ``request.app.state``, the
    program may have put there."""
    _, _, member = name.partition("().")
    gives = member == "connect" or "session" in member.lower()
    return gives and "." not in member and "(" not in member


# -- SQLAlchemy


def _constructed(of: Call) -> v.Value:
    """An object of SQLAlchemy made here. A session, or a factory given to a registry, keeps
    the origin of what it was made from."""
    evaluation, origin, arguments, named = of.evaluation, of.origin, of.arguments, of.named
    kind = KINDS.get(of.name) or FUNCTIONS[of.name]
    if kind == "entity class":
        return arguments[0] if arguments else v.UNKNOWN
    if kind == "Inspection":
        return _inspectors(arguments[0]) if arguments else v.UNKNOWN
    source = origin
    relate(evaluation, origin, (*arguments, *named.values()))
    if of.name in KINDS:  # `object_session(user)` is given none
        _note_bind(evaluation, kind, origin, named.get("bind", *arguments[:1] or (None,)))
    if kind in ("scoped_session", "async_scoped_session", "Session", "AsyncSession"):
        given = [*arguments, *(named[k] for k in ("bind", "session_factory") if k in named)]
        found = [a.origin for g in given for a in g if isinstance(a, v.Known) and a.origin]
        source = found[0] if found else origin
    if kind == "sessionmaker" and any(map(is_async_session, named.get("class_", v.UNKNOWN))):
        kind = "async_sessionmaker"
    return v.one(v.Known(kind, source))


def is_async_session(atom: v.Atom) -> bool:
    """Is it the class of async sessions, or one of the program that extends it?"""
    if isinstance(atom, v.Foreign):
        return KINDS.get(atom.name) == "AsyncSession"
    bases = atom.cls.foreign_bases if isinstance(atom, v.ClassObject) else frozenset[str]()
    return any(KINDS.get(base) == "AsyncSession" for base in bases)


def _inspectors(given: v.Value) -> v.Value:
    """What ``inspect`` gives for engines and connections."""
    return frozenset(
        v.Known("Inspector", a.origin) for a in given if isinstance(a, v.Known) and a.kind in BINDS
    )


def relate(evaluation: Evaluation, origin: v.Origin | None, values: Iterable[v.Value]) -> None:
    """What is made at an origin is made of some values: a factory of its engine."""
    if origin is None:
        return
    for value in values:
        for atom in value:
            if isinstance(atom, v.Known) and atom.origin is not None and atom.origin != origin:
                evaluation.inference.related.add((origin, atom.origin))


def _note_bind(evaluation: Evaluation, kind: str, origin: v.Origin, bind: v.Value | None) -> None:
    """Note what is made on an engine of which nothing is known."""
    unbound = evaluation.inference.unbound
    is_known = bind is None or any(isinstance(a, (v.Known, v.Literal)) for a in bind)
    if kind in ("Session", "sessionmaker") and not is_known:
        unbound.add(origin)
    elif unbound:
        unbound.discard(origin)


def _extension(of: Call) -> v.Value:
    return extension(of.evaluation, of.origin)


def extension(evaluation: Evaluation, origin: v.Origin) -> v.Value:
    """What makes the sessions of a Flask application, which stay sync."""
    evaluation.inference.staying.add(origin)
    return v.one(v.Known(flask.EXTENSION, origin))


def _described(of: Call) -> v.Value:
    return declarations.described(of.evaluation.inference, of.name, of.arguments, of.named)


# -- builtins and the standard library


def _provided(of: Call) -> v.Value:
    """``Singleton(sessionmaker, bind=engine)``: calling it gives what SQLAlchemy makes; or what a
    class or function of the program gives."""
    found = [callables.provider(of.evaluation, of.arguments, of.named)]
    for atom in of.arguments[0]:
        if isinstance(atom, v.Foreign) and (KINDS.get(atom.name) or FUNCTIONS.get(atom.name)):
            given = [callables.injected(value) for value in of.arguments[1:]]
            named = {name: callables.injected(value) for name, value in of.named.items()}
            made = _constructed(Call(of.evaluation, atom.name, of.operation, given, named))
            found.append(v.one(v.Giving(made)))
    return v.join(found)


def _iterated(of: Call) -> v.Value:
    return v.collection(protocols.iterate(of.evaluation, of.arguments[-1]))


def _items(of: Call) -> list[v.Value]:
    """What each argument gives, one after the other."""
    return [protocols.iterate(of.evaluation, argument) for argument in of.arguments]


def _rows(*items: v.Value) -> v.Value:
    """Tuples, one after the other, where anything is known of what is in them."""
    return v.collection(v.one(v.TupleValue(items))) if any(items) else v.UNKNOWN


def _enumerated(of: Call) -> v.Value:
    return _rows(v.UNKNOWN, _items(of)[0])


def _unpacked(of: Call) -> list[v.Value]:
    """What each ``*argument`` gives, all as one."""
    starred = (of.evaluation.values[~i] for i in of.operation[6] if i < 0)
    return [protocols.iterate(of.evaluation, value) for value in starred]


def _zipped(of: Call) -> v.Value:
    """``zip(*pairs)`` gives all that the pairs have, in other tuples."""
    several = _unpacked(of)
    if not several:
        return _rows(*_items(of))
    return v.collection(v.collection(v.join(protocols.iterate(of.evaluation, x) for x in several)))


def _grouped(of: Call) -> v.Value:
    """``groupby``: keys, and what has them."""
    item = _items(of)[0]
    return _rows(v.UNKNOWN, v.collection(item)) if item else v.UNKNOWN


def _in_parts(of: Call) -> v.Value:
    """``batched``, ``combinations``: several of the items, one after the other."""
    item = _items(of)[0]
    return v.collection(v.collection(item)) if item else v.UNKNOWN


def _iter(of: Call) -> v.Value:
    """A generator itself: of what is gone through in its place nothing turns. ``iter(take, None)``
    gives what calling `take` does."""
    if len(of.arguments) > 1:
        return _taken_by(of) or v.collection(
            item_functions.called(of.evaluation, of.arguments[0], [])
        )
    made = protocols.iterator(of.evaluation, of.arguments[0], ITERATE)
    return v.generators(made) or _iterated(of)


def _taken_by(of: Call) -> v.Value:
    """``iter(jobs.get, None)``: what is in the queue."""
    evaluation, place = of.evaluation, min(of.operation[6], default=-1)
    taking = evaluation.operations[of.operation[6][0]] if place >= 0 else ()
    is_taking = taking[:1] == (f.ATTRIBUTE,) and taking[6] in _TAKING
    return v.collection(v.elements(evaluation.values[taking[5]])) if is_taking else v.UNKNOWN


def _chained(of: Call) -> v.Value:
    several = [*of.arguments, *_unpacked(of)]
    if of.name.endswith("from_iterable"):
        several = [protocols.iterate(of.evaluation, each) for each in several]
    return v.collection(v.join(protocols.iterate(of.evaluation, each) for each in several))


def _attribute_getter(of: Call) -> v.Value:
    return callables.attribute_getter(of.evaluation.inference, of.arguments)


def _next(of: Call) -> v.Value:
    return protocols.iterate(of.evaluation, of.arguments[0])


def _type(of: Call) -> v.Value:
    """The class of an object; ``type(name, bases, {})``: one below others, which stands for it."""
    if len(of.arguments) != 1:
        bases = v.join(v.elements(given) for given in of.arguments[1:2])
        return frozenset(a for a in bases if isinstance(a, v.ClassObject)) or _unknown_call(of.name)
    return v.join(members.class_of(atom) for atom in of.arguments[0])


def _object(of: Call) -> v.Value:
    return v.join(
        declarations.instance_of(a.cls) for a in of.arguments[0] if isinstance(a, v.ClassObject)
    )


def _dict(of: Call) -> v.Value:
    """What is under the keys of another dict, and of keywords; or what pairs have second."""
    given = v.join(of.arguments)
    listed = frozenset(atom for atom in given if not isinstance(atom, v.Record))
    pairs = [a.items for a in v.elements(listed) if isinstance(a, v.TupleValue)]
    if pairs:
        firsts, seconds = zip(*(pair[:2] for pair in pairs if len(pair) > 1), strict=True)
        return v.mapping(v.join(firsts), v.join(seconds))
    dicts = frozenset(atom for atom in listed if isinstance(atom, v.Collection))
    return v.join([v.record(v.keyed(given) | of.named), dicts])


def _defaulting(of: Call) -> v.Value:
    """``defaultdict(Repository)``: each key that isn't there yet gets one."""
    made = item_functions.called(of.evaluation, v.join(of.arguments[:1]), [])
    return _unknown_call(of.name) | v.collection(made)


def _counted(of: Call) -> v.Value:
    """``Counter(items)``: the items are its keys."""
    return v.mapping(_items(of)[0], v.UNKNOWN)


def _by_name(of: Call) -> v.Value:
    kept = of.evaluation.inference.kept
    places = (*of.operation[6], -1, -1)  # none of what another call hands on
    found = [members.by_name(of.evaluation, of.arguments, places[1])]
    found += [
        kept.read(of.evaluation, places[0], name)
        for name in _literals(of.arguments[1])
        if name in kept.names and places[0] >= 0
    ]
    return v.join(found)


def _literals(names: v.Value) -> list[str]:
    return [a.value for a in names if isinstance(a, v.Literal) and isinstance(a.value, str)]


def _set_by_name(of: Call) -> v.Value:
    """``setattr(object, name, value)``"""
    base, names, value = of.arguments[:3]
    known = _literals(names)
    for name in known:
        of.evaluation.store(base, name, value)
        if of.operation[6][0] >= 0:
            of.evaluation.inference.kept.keep(of.evaluation, of.operation[6][0], name, value)
    if not known:
        for atom in base:
            if isinstance(atom, v.Instance):
                of.evaluation.inference.made_attributes.keep(atom, value)
    return v.UNKNOWN


def _replaced(of: Call) -> v.Value:
    replaced.replace(of.evaluation, of.arguments, of.named)
    return _unknown_call(of.name)


def _globals(of: Call) -> v.Value:
    return modules.names(of.evaluation.program, of.evaluation.function.module)


def _vars(of: Call) -> v.Value:
    program = of.evaluation.program
    modules_given = [a.module for a in v.join(of.arguments) if isinstance(a, v.ModuleObject)]
    return v.join(modules.names(program, module) for module in modules_given)


def _with_items(of: Call) -> v.Value:
    return item_functions.call(of.evaluation, of.name, of.arguments, of.named)


def _closing(of: Call) -> v.Value:
    return v.one(v.Managed(of.arguments[0])) if of.arguments[0] else of.arguments[0]


def _entered(of: Call) -> v.Value:
    return protocols.entered(of.evaluation, of.arguments[0])


def _run(of: Call) -> v.Value:
    return protocols.awaited(of.evaluation, of.arguments[0])


def _runner(of: Call) -> v.Value:
    return running.run(of.evaluation, RUNNERS[of.name], of.operation) or _unknown_call(of.name)


def _threaded(of: Call) -> v.Value:
    """``sync_to_async(f)``: a coroutine function."""
    functions = [a for a in of.arguments[0] if isinstance(a, v.FunctionObject)]
    made = {v.FunctionObject(a.function, a.bound, a.given, True) for a in functions}
    return frozenset(made) or _unknown_call(of.name)


def _mock(of: Call) -> v.Value:
    effect = of.named.get("side_effect", v.UNKNOWN)
    return _unknown_call(of.name) | {a for a in effect if isinstance(a, v.FunctionObject)}


def _field(of: Call) -> v.Value:
    """What a field of a dataclass, or of a model of Pydantic, has if it isn't given: its default,
    or what makes it."""
    given = [of.named.get("default", v.UNKNOWN)]
    for atom in v.join(of.named.get(name, v.UNKNOWN) for name in FACTORY_ARGUMENTS):
        if isinstance(atom, v.FunctionObject):
            given.append(of.evaluation.inference.called(atom.function, atom.bound, [], {}))
    return v.join(given) or _unknown_call(of.name)


def _put_in(of: Call) -> v.Value:
    """A ``ContextVar`` gives what anybody has set it to, a ``Queue`` what anybody put in."""
    owner, given = _owner(of), v.join(of.arguments[:1])
    if owner >= 0 and not of.evaluation.inference.holds_nothing(given):
        of.evaluation.fill(owner, given)
    return v.UNKNOWN


def _taken_from(of: Call) -> v.Value:
    owner = _owner(of)
    return v.elements(of.evaluation.values[owner]) if owner >= 0 else v.UNKNOWN


def _dispatched(of: Call) -> v.Value:
    """``describe.dispatch(int)``: one of the functions that calling `describe` may run."""
    owner = _owner(of)
    chosen = of.evaluation.values[owner] if owner >= 0 else v.UNKNOWN
    return members.registered(of.evaluation.inference, chosen)


def _pushed(of: Call) -> v.Value:
    """``heappush(jobs, job)``: the list has it from then on."""
    item, place = of.arguments[1], min(of.operation[6][:1], default=-1)
    if place >= 0 and not of.evaluation.inference.holds_nothing(item):
        of.evaluation.fill(place, item)
    return v.join((v.elements(of.arguments[0]), item)) if of.name in _POPPING else v.UNKNOWN


def _owner(of: Call) -> int:
    """The object whose method is called, or -1 where the method has a name of its own."""
    callee = of.evaluation.operations[of.operation[5]]
    return int(callee[5]) if callee[0] == f.ATTRIBUTE else -1


_ITERATING = (
    "list",
    "tuple",
    "set",
    "frozenset",
    "reversed",
    "itertools.cycle",
    "itertools.takewhile",
    "itertools.dropwhile",
    "itertools.filterfalse",
    "weakref.WeakSet",
)
# They give some of what they are given first, or containers of those.
_SOME = (
    "itertools.islice", "itertools.compress", "itertools.accumulate", "collections.deque",
    "random.sample", "random.choices",
)  # fmt: skip
_IN_PARTS = ("itertools.batched", "itertools.combinations", "itertools.permutations",
             "itertools.pairwise", "itertools.tee")  # fmt: skip
_CHAINING = ("itertools.chain", "itertools.chain.from_iterable", "heapq.merge")
_DICTS = ("dict", "collections.OrderedDict", "collections.UserDict", "types.MappingProxyType")
_SAME = (
    "staticmethod",
    "copy.copy",
    "copy.deepcopy",
    "enum.member",
    "weakref.proxy",
)  # what they give does what they are given
_PUSHING = ("heapq.heappush", "bisect.insort", "bisect.insort_left", "bisect.insort_right")
_POPPING = ("heapq.heappushpop", "heapq.heapreplace")
_COPYING = ("dataclasses.replace", "copy.replace", "attr.evolve", "attrs.evolve")
_STACKING = (
    "contextlib.ExitStack().enter_context", "contextlib.AsyncExitStack().enter_context",
    "contextlib.AsyncExitStack().enter_async_context", "click.Context().with_resource",
    "typer.Context().with_resource",
)  # fmt: skip
_QUEUES = [
    f"{module}.{name}()." for module in ("queue", "asyncio", "multiprocessing")
    for name in ("Queue", "LifoQueue", "PriorityQueue", "SimpleQueue")
]  # fmt: skip
_TAKING = {"get", "get_nowait", "pop", "popleft"}
_PUT_IN_QUEUES = [queue + method for queue in _QUEUES for method in ("put", "put_nowait")]
_TAKEN_FROM_QUEUES = [queue + method for queue in _QUEUES for method in ("get", "get_nowait")]
# The calls whose result depends on their arguments.
_ROWS: dict[str, _Row] = {
    **dict.fromkeys(RUNNERS, _Row(_runner)),
    **dict.fromkeys(THREADING, _Row(_threaded, 1)),
    **dict.fromkeys(DEPENDS, _Row(lambda _: v.UNKNOWN)),
    "super": _Row(lambda of: members.super_of(of.arguments), 2),
    "getattr": _Row(_by_name, 2),
    "setattr": _Row(_set_by_name, 3),
    **dict.fromkeys(REPLACING, _Row(_replaced, 1)),
    **dict.fromkeys(("asyncio.run", "anyio.run"), _Row(_run, 1)),
    **dict.fromkeys(("contextlib.closing", "contextlib.nullcontext"), _Row(_closing, 1)),
    **dict.fromkeys(
        MANAGERS, _Row(lambda of: callables.manager(of.arguments) or _unknown_call(of.name), 1)
    ),
    **dict.fromkeys(_STACKING, _Row(_entered, 1)),
    "typing.cast": _Row(lambda of: of.arguments[-1], 1),
    **dict.fromkeys(_SAME, _Row(lambda of: of.arguments[0], 1)),
    **dict.fromkeys(
        _COPYING, _Row(lambda of: records.replaced(of.evaluation, of.arguments[0], of.named), 1)
    ),
    "collections.namedtuple": _Row(lambda of: records.named_tuple(of.evaluation, of.operation), 2),
    **{f"unittest.mock.{name}": _Row(_mock) for name in MOCKS},
    **dict.fromkeys(item_functions.NAMES, _Row(_with_items, 1)),
    **dict.fromkeys(PROVIDERS, _Row(_provided, 1)),
    "functools.partial": _Row(
        lambda of: callables.partial(of.evaluation, of.arguments, of.named), 1
    ),
    "functools.partialmethod": _Row(
        lambda of: callables.partial_method(of.evaluation, of.arguments, of.named), 1
    ),
    "operator.methodcaller": _Row(
        lambda of: callables.method_caller(of.evaluation, of.arguments, of.named), 1
    ),
    "operator.attrgetter": _Row(_attribute_getter, 1),
    "operator.itemgetter": _Row(lambda of: callables.item_getter(of.arguments), 1),
    **dict.fromkeys(("next", "anext", "random.choice"), _Row(_next, 1)),
    "iter": _Row(_iter, 1),
    "enumerate": _Row(_enumerated, 1),
    **dict.fromkeys(("zip", "itertools.zip_longest", "itertools.product"), _Row(_zipped)),
    "dict.fromkeys": _Row(lambda of: v.mapping(_items(of)[0], of.arguments[1]), 2),
    "collections.Counter": _Row(_counted, 1),
    "collections.defaultdict": _Row(_defaulting),
    "collections.ChainMap": _Row(lambda of: v.join([*of.arguments, *_unpacked(of)])),
    "itertools.groupby": _Row(_grouped, 1),
    **dict.fromkeys(_IN_PARTS, _Row(_in_parts, 1)),
    **dict.fromkeys(_SOME, _Row(lambda of: v.collection(_items(of)[0]), 1)),
    "itertools.repeat": _Row(lambda of: v.collection(of.arguments[0]), 1),
    "weakref.ref": _Row(lambda of: v.one(v.Giving(of.arguments[0])), 1),
    "aiter": _Row(lambda of: protocols.iterator(of.evaluation, of.arguments[0], "__aiter__"), 1),
    **dict.fromkeys(_DICTS, _Row(_dict)),
    **dict.fromkeys(_CHAINING, _Row(_chained)),
    **dict.fromkeys((*_PUSHING, *_POPPING), _Row(_pushed, 2)),
    "heapq.heappop": _Row(lambda of: v.elements(of.arguments[0]), 1),
    **dict.fromkeys(
        ("heapq.nsmallest", "heapq.nlargest"),
        _Row(lambda of: v.collection(protocols.iterate(of.evaluation, of.arguments[1])), 2),
    ),
    **dict.fromkeys(FIELD_MAKERS, _Row(_field)),
    records.NAMESPACE: _Row(lambda of: records.namespace(of.named)),
    "globals": _Row(_globals),
    "vars": _Row(_vars),
    members.DISPATCH: _Row(_dispatched),
    "inspect.getmembers": _Row(lambda of: members.listed(of.evaluation, of.arguments[0]), 1),
    "importlib.import_module": _Row(
        lambda of: modules.imported(of.evaluation, of.arguments[0]) or _unknown_call(of.name), 1
    ),
    members.OBJECT_MAKER: _Row(_object, 1),
    **dict.fromkeys(("type", "types.new_class"), _Row(_type)),
    **dict.fromkeys(_ITERATING, _Row(_iterated, 1)),
    **dict.fromkeys(DESCRIBED, _Row(_described)),
    **dict.fromkeys((_SET_IN_CONTEXT, *_PUT_IN_QUEUES), _Row(_put_in)),
    **dict.fromkeys(("contextvars.ContextVar().get", *_TAKEN_FROM_QUEUES), _Row(_taken_from)),
    **dict.fromkeys(flask.EXTENSIONS, _Row(_extension)),
    **dict.fromkeys(CLIENTS, _Row(lambda of: v.one(v.Client(of.origin)))),
    **{name: _Row(_constructed) for table in (FUNCTIONS, KINDS) for name in table if table[name]},
}
