"""Calls: what calling something gives, and what flows into it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from asyncify import facts as f
from asyncify.analysis import (
    declarations,
    generics,
    members,
    operators,
    protocols,
    queries,
    query_properties,
    receivers,
    running,
)
from asyncify.analysis import values as v
from asyncify.analysis.program import Class
from asyncify.vocabulary import flask
from asyncify.vocabulary.common import DESCRIBED
from asyncify.vocabulary.frameworks import NAMESPACE_DEFAULTS
from asyncify.vocabulary.injection import PROVIDERS
from asyncify.vocabulary.names import BINDS, FUNCTIONS, KINDS
from asyncify.vocabulary.runners import RUNNERS, RUNNING
from asyncify.vocabulary.testing import CLIENTS, MOCKS

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation

# Methods of containers that put their last argument in, and that give an element.
_VIEWS = {"items", "values", "copy"}
BY_KEY = {"get", "pop", "setdefault"}
_TAKING = {"popleft"} | BY_KEY
_SET_IN_CONTEXT = "contextvars.ContextVar().set"
_CONTEXT = {_SET_IN_CONTEXT, "contextvars.ContextVar().get"}
OF_CONTAINERS = v.FILLING | _VIEWS | _TAKING
# Builtins that hand their argument's elements on.
_ITERATING = {"list", "tuple", "set", "frozenset", "sorted", "iter", "reversed", "filter"}
# What a method gives where that depends on its arguments, or on where it is called.
_BY_ARGUMENTS = {
    "configured", "Query", query_properties.KIND, "entity", "entities", "applied",
}  # fmt: skip

Named = dict[str, v.Value]


def call(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    """The operation that calls something."""
    values = evaluation.values
    callees = values[operation[5]]
    method = evaluation.operations[operation[5]]
    if method[0] == f.ATTRIBUTE and method[6] == NAMESPACE_DEFAULTS:
        for name, value in _named(values, operation[7]).items():
            evaluation.inference.kept.default(name, value)
    if not callees:
        method = evaluation.operations[operation[5]]
        if method[0] == f.ATTRIBUTE and method[6] in RUNNING:
            return running.run(evaluation, RUNNING[method[6]], operation)
        return _contained(evaluation, method, operation[6])
    inference = evaluation.inference
    known = inference.results.get(callees)
    if known is not None:
        return known
    single = None
    if len(callees) == 1:
        (single,) = callees
        if isinstance(single, v.Foreign):
            made = _made(single.name)
            if made is not None:
                inference.results[callees] = made
                return made
    arguments = []
    named = _named(values, operation[7])
    for position in operation[6]:
        if position < 0:
            named[v.UNPACKED] = v.elements(values[~position])
            break  # behind what is unpacked nobody knows which is which
        arguments.append(values[position])
    callee = evaluation.operations[operation[5]]
    if callee[0] == f.NAME and callee[5] == "super" and not operation[6]:
        return members.super_object(evaluation)
    if single is not None:
        made = v.capped(_call(evaluation, single, operation, arguments, named))
        if isinstance(single, v.FunctionObject) and not single.given:
            told = generics.returned(evaluation, operation, single.function)
            is_code = any(isinstance(atom, (v.Generated, v.Managed)) for atom in made)
            made = v.join((made, told)) if is_code else told or made
        return receivers.narrowed(evaluation, callee, made)
    made = v.join([_call(evaluation, atom, operation, arguments, named) for atom in callees])
    if all(v.one(atom) in inference.results for atom in callees):
        inference.results[callees] = made
    return made


def _named(
    values: Sequence[v.Value], keywords: tuple[tuple[str | None, int], ...]
) -> dict[str, v.Value]:
    """The keyword arguments, those of ``**`` too where its keys are known."""
    named: dict[str, v.Value] = {}
    for name, index in keywords:
        named |= v.keyed(values[index]) if name is None else {name: values[index]}
    return named


def _contained(evaluation: Evaluation, method: f.Operation, positional: tuple[int, ...]) -> v.Value:
    """What is put into a container, and what is taken out of one: Queries, functions, objects
    of the program."""
    name = method[6] if method[0] == f.ATTRIBUTE else ""
    if name not in OF_CONTAINERS:
        return v.UNKNOWN
    if positional and positional[-1] >= 0 and name in v.FILLING:
        given = evaluation.values[positional[-1]]
        given = v.elements(given) if name in v.POURING else given
        if not evaluation.inference.holds_nothing(given):
            evaluation.fill(method[5], given)
    if name not in _TAKING and name not in _VIEWS:
        return v.UNKNOWN
    base = evaluation.values[method[5]]
    key = None
    if positional and positional[0] >= 0 and name in BY_KEY:
        key = operators.key_of(evaluation.operations[positional[0]])
    items = v.elements(base) if key is None else v.under(base, key)
    if name in BY_KEY and len(positional) > 1 and positional[1] >= 0:
        items = v.join((items, evaluation.values[positional[1]]))  # where there is none
    if evaluation.inference.holds_nothing(items):
        return v.UNKNOWN
    if name == "items":
        return v.collection(v.one(v.TupleValue((v.UNKNOWN, items))))
    return v.collection(items) if name in _VIEWS else items


def may_fill(evaluation: Evaluation, operation: f.Operation) -> bool:
    """May a call put something into a container, which binds the container's name?"""
    callee = evaluation.operations[operation[5]]
    return callee[0] == f.ATTRIBUTE and callee[6] in v.FILLING


def _call(
    evaluation: Evaluation,
    atom: v.Atom,
    operation: f.Operation,
    arguments: list[v.Value],
    named: Named,
) -> v.Value:
    handler = _HANDLERS.get(atom.__class__)
    if handler is None:
        return v.UNKNOWN
    return handler(evaluation, atom, operation, arguments, named)


def _call_function(
    evaluation: Evaluation,
    atom: v.FunctionObject,
    operation: f.Operation,
    arguments: list[v.Value],
    named: Named,
) -> v.Value:
    if atom.given:
        arguments = [v.UNKNOWN] * atom.given + arguments
    return evaluation.inference.called(atom.function, atom.bound, arguments, named)


def _call_class(
    evaluation: Evaluation,
    atom: v.ClassObject,
    operation: f.Operation,
    arguments: list[v.Value],
    named: Named,
) -> v.Value:
    made = construct(evaluation, atom.cls, arguments, named)
    if not flask.EXTENSIONS.isdisjoint(atom.cls.foreign_bases):
        return _extension(evaluation, v.Origin(evaluation.function, operation[3]))
    clients = [a for a in made if isinstance(a, v.Client)]
    if not clients:
        return made
    origin = v.Origin(evaluation.function, operation[3])
    return frozenset(v.Client(origin, client.cls) for client in clients)


def _call_known(
    evaluation: Evaluation,
    atom: v.Known,
    operation: f.Operation,
    arguments: list[v.Value],
    named: Named,
) -> v.Value:
    row = evaluation.inference.row(atom.kind, "__call__")
    if row is None:
        return v.UNKNOWN
    origin = v.Origin(evaluation.function, operation[3])
    return members.known_result(evaluation.inference, atom, row, origin)


def _call_instance(
    evaluation: Evaluation,
    atom: v.Instance,
    operation: f.Operation,
    arguments: list[v.Value],
    named: Named,
) -> v.Value:
    methods = evaluation.inference.methods(atom.cls, "__call__")
    return v.join(evaluation.inference.called(m, True, arguments, named) for m in methods)


def _call_method(
    evaluation: Evaluation,
    atom: v.KnownMethod,
    operation: f.Operation,
    arguments: list[v.Value],
    named: Named,
) -> v.Value:
    owner = atom.owner
    if isinstance(owner, v.QueryValue):
        return queries.method(evaluation, owner, atom.name, operation)
    inference = evaluation.inference
    row = inference.row(owner.kind, atom.name)
    if row is None:
        inference.results[atom.alone] = v.UNKNOWN
        return v.UNKNOWN
    origin = v.Origin(evaluation.function, operation[3])
    if row.returns not in _BY_ARGUMENTS:
        made = members.known_result(inference, owner, row, origin)
        if owner.origin is not None or members.known_result(inference, owner, row, None) is made:
            inference.results[atom.alone] = made
        return made
    if row.returns == "configured":
        _relate(evaluation, owner.origin, (evaluation.values[i] for _, i in operation[7]))
        return v.UNKNOWN
    if row.returns == "Query":
        return queries.start(evaluation, owner, operation, origin)
    if row.returns == query_properties.KIND:
        return inference.query_properties.make(evaluation, owner, operation, origin)
    given = arguments[0] if arguments else v.UNKNOWN
    if row.returns == "applied":
        return _applied(evaluation, given, arguments[1:], named)
    return frozenset(v.Instance(a.cls) for a in given if isinstance(a, v.ClassObject))


def _applied(
    evaluation: Evaluation, given: v.Value, arguments: list[v.Value], named: Named
) -> v.Value:
    """``run_sync(f, a)``: what a function gives for the sync object, of which nothing is said."""
    arguments = [v.UNKNOWN, *arguments]
    made = []
    for atom in given:
        if isinstance(atom, v.FunctionObject):
            behind = [*([v.UNKNOWN] * atom.given), *arguments]
            made.append(evaluation.inference.called(atom.function, atom.bound, behind, named))
        elif isinstance(atom, v.ClassObject):
            made.append(construct(evaluation, atom.cls, arguments, named))
    return v.join(made)


def construct(
    evaluation: Evaluation, cls: Class, arguments: list[v.Value], named: Named
) -> v.Value:
    inference = evaluation.inference
    constructor = cls.find("__init__")
    if constructor is not None:
        inference.pass_arguments(constructor, True, arguments, named)
        given = (*arguments, *named.values())
        if any(isinstance(a, v.FunctionObject) for value in given for a in value):
            inference.need(constructor)  # it may keep a function, under another name
    else:
        for name, value in named.items():
            inference.write(inference.slot("attribute", cls, name), value)
        for name, value in zip(inference.fields(cls), arguments, strict=False):
            inference.write(inference.slot("attribute", cls, name), value)
    made = declarations.instance_of(cls)
    origin = frozenset(a for a in made if isinstance(a, v.Known))
    return origin or made


def _call_foreign(
    evaluation: Evaluation,
    atom: v.Foreign,
    operation: f.Operation,
    arguments: list[v.Value],
    named: Named,
) -> v.Value:
    name, origin = atom.name, v.Origin(evaluation.function, operation[3])
    kind = KINDS.get(name) or FUNCTIONS.get(name)
    if kind:
        return _constructed(evaluation, kind, origin, arguments, named)
    if name in CLIENTS:
        return v.one(v.Client(origin))
    if name in flask.EXTENSIONS:
        return _extension(evaluation, origin)
    if name in _CONTEXT:
        return _in_context(evaluation, name, operation, arguments)
    if name in DESCRIBED:
        return declarations.described(evaluation.inference, name, arguments, named)
    if name in _ITERATING and arguments:
        return v.collection(protocols.iterate(evaluation, arguments[-1]))
    if name == "type" and len(arguments) == 1:
        return v.join(members.class_of(atom) for atom in arguments[0])
    if name == members.OBJECT_MAKER and arguments:
        return v.join(
            declarations.instance_of(a.cls) for a in arguments[0] if isinstance(a, v.ClassObject)
        )
    if name == "globals":
        return _globals(evaluation)
    if name == "dict":
        return v.record(v.keyed(v.join(arguments)) | named)
    if name in ("next", "anext") and arguments:
        return protocols.iterate(evaluation, arguments[0])
    if name == "functools.partial" and arguments:
        return _partial(evaluation, arguments, named)
    if name in PROVIDERS and arguments:
        return _provider(evaluation, arguments, named)
    if name == "functools.reduce" and len(arguments) > 2:
        return _reduced(evaluation, *arguments[:3])
    if name in _MOCKS:
        return _unknown_call(name) | _functions_in(named.get("side_effect", v.UNKNOWN))
    if name == "staticmethod" and arguments:
        return arguments[0]
    if name in ("contextlib.closing", "typing.cast") and arguments:
        value = arguments[-1] if name == "typing.cast" else arguments[0]
        return v.one(v.Managed(value)) if name.endswith("closing") and value else value
    if name in ("asyncio.run", "anyio.run") and arguments:
        return protocols.awaited(evaluation, arguments[0])
    if name in ("getattr",) and len(arguments) > 1:
        return members.by_name(evaluation, arguments, operation[6][1])
    if name in declarations.DEPENDS:
        return v.UNKNOWN
    if name in RUNNERS:
        return running.run(evaluation, RUNNERS[name], operation) or _unknown_call(name)
    return _unknown_call(name)


def _globals(evaluation: Evaluation) -> v.Value:
    """``globals()``: the functions of the module by their names."""
    module = evaluation.function.module
    fields = {
        function.name: v.one(v.FunctionObject(function)) for function in module.functions
        if function.facts.kind == "def" and function.parent is module.functions[0]
    }  # fmt: skip
    return v.one(v.Record(v.join(fields.values()), tuple(sorted(fields.items()))))


def _extension(evaluation: Evaluation, origin: v.Origin) -> v.Value:
    """What makes the sessions of a Flask application, which stay sync."""
    evaluation.inference.staying.add(origin)
    return v.one(v.Known(flask.EXTENSION, origin))


def _partial(evaluation: Evaluation, arguments: list[v.Value], named: Named) -> v.Value:
    """``partial(f, a, b=c)``: the function, which has these arguments already."""
    made = []
    for atom in arguments[0]:
        if isinstance(atom, v.FunctionObject):
            given = [v.UNKNOWN] * atom.given + arguments[1:]
            evaluation.inference.pass_arguments(atom.function, atom.bound, given, named)
            atom = v.FunctionObject(atom.function, atom.bound, len(given))
        made.append(v.one(atom))
    return v.join(made)


def _provider(evaluation: Evaluation, arguments: list[v.Value], named: Named) -> v.Value:
    """``Factory(Service, repository=repository)``: whatever calls that makes a `Service`, of what
    the providers among the arguments make."""
    given = [_injected(value) for value in arguments[1:]]
    keywords = {name: _injected(value) for name, value in named.items()}
    for atom in arguments[0]:
        if isinstance(atom, v.ClassObject):
            construct(evaluation, atom.cls, given, keywords)
    return _partial(evaluation, [arguments[0], *given], keywords)


def _injected(value: v.Value) -> v.Value:
    """A provider, which is a class here, or a class that is given as such."""
    made = frozenset(v.Instance(a.cls) for a in value if isinstance(a, v.ClassObject))
    return v.join((value, made)) if made else value


def _reduced(evaluation: Evaluation, function: v.Value, items: v.Value, start: v.Value) -> v.Value:
    """``reduce(f, items, start)``: ``start``, and what ``f`` makes of it again and again."""
    value, item = start, protocols.iterate(evaluation, items)
    for _ in range(2):
        made = [
            evaluation.inference.called(
                a.function, a.bound, [*([v.UNKNOWN] * a.given), value, item], {}
            )
            for a in function if isinstance(a, v.FunctionObject)
        ]  # fmt: skip
        value = v.join([value, *made])
    return value


def _relate(evaluation: Evaluation, origin: v.Origin | None, values: Iterable[v.Value]) -> None:
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


def _constructed(
    evaluation: Evaluation, kind: str, origin: v.Origin, arguments: list[v.Value], named: Named
) -> v.Value:
    """An object of SQLAlchemy made here. A session, or a factory given to a registry, keeps
    the origin of what it was made from."""
    if kind == "entity class":
        return arguments[0] if arguments else v.UNKNOWN
    if kind == "Inspection":
        return _inspectors(arguments[0]) if arguments else v.UNKNOWN
    source = origin
    _relate(evaluation, origin, (*arguments, *named.values()))
    _note_bind(evaluation, kind, origin, named.get("bind", *arguments[:1] or (None,)))
    if kind in ("scoped_session", "async_scoped_session", "Session", "AsyncSession"):
        given = [*arguments, *(named[k] for k in ("bind", "session_factory") if k in named)]
        found = [a.origin for g in given for a in g if isinstance(a, v.Known) and a.origin]
        source = found[0] if found else origin
    if kind == "sessionmaker":
        classes = named.get("class_", v.UNKNOWN)
        if any(isinstance(a, v.Foreign) and KINDS.get(a.name) == "AsyncSession" for a in classes):
            kind = "async_sessionmaker"
    return v.one(v.Known(kind, source))


def _inspectors(given: v.Value) -> v.Value:
    """What ``inspect`` gives for engines and connections."""
    return frozenset(
        v.Known("Inspector", a.origin) for a in given if isinstance(a, v.Known) and a.kind in BINDS
    )


def _functions_in(given: v.Value) -> v.Value:
    return frozenset(atom for atom in given if isinstance(atom, v.FunctionObject))


_MOCKS = {f"unittest.mock.{name}" for name in MOCKS}
# Calls of these foreign functions depend on their arguments.
_SPECIAL = {
    *KINDS, *FUNCTIONS, *CLIENTS, *flask.EXTENSIONS, *DESCRIBED, *_ITERATING, *_CONTEXT,
    *declarations.DEPENDS,
    *PROVIDERS, *RUNNERS, *_MOCKS, members.OBJECT_MAKER, "type", "dict", "globals", "next",
    "anext", "super", "getattr", "staticmethod", "functools.partial", "functools.reduce",
    "contextlib.closing", "typing.cast", "asyncio.run", "anyio.run",
}  # fmt: skip


@lru_cache(maxsize=1 << 16)
def _made(name: str) -> v.Value | None:
    """What calling something foreign gives, where it doesn't depend on the arguments."""
    return None if name in _SPECIAL else _unknown_call(name)


def _unknown_call(name: str) -> v.Value:
    if "()" in name:
        return v.foreign_instance(name) if _gives_session(name) else v.UNKNOWN
    return v.foreign_instance(name) if "." in name else v.UNKNOWN


def _gives_session(name: str) -> bool:
    """Does an object of a library give a session that the library makes: ``Manager().session()``?
    What is kept deeper, as in a framework's ``request.app.state``, the program may have put there.
    """
    _, _, member = name.partition("().")
    return "session" in member.lower() and "." not in member and "(" not in member


def _in_context(
    evaluation: Evaluation, name: str, operation: f.Operation, arguments: list[v.Value]
) -> v.Value:
    """A ``ContextVar`` gives what anybody has set it to."""
    variable = evaluation.operations[operation[5]][5]
    if name == _SET_IN_CONTEXT:
        if arguments and not evaluation.inference.is_plain(arguments[0]):
            evaluation.fill(variable, arguments[0])
        return v.UNKNOWN
    return v.elements(evaluation.values[variable])


def _call_declared(
    evaluation: Evaluation,
    atom: v.Giving,
    operation: f.Operation,
    arguments: list[v.Value],
    named: Named,
) -> v.Value:
    return atom.items


_HANDLERS: dict[type, Callable[[Evaluation, Any, f.Operation, list[v.Value], Named], v.Value]] = {
    v.FunctionObject: _call_function,
    v.ClassObject: _call_class,
    v.KnownMethod: _call_method,
    v.Known: _call_known,
    v.Instance: _call_instance,
    v.Foreign: _call_foreign,
    v.Giving: _call_declared,
}
