"""Calls: what calling something gives, and what flows into it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from asyncify import facts as f
from asyncify.analysis import (
    decorating,
    foreign_calls,
    generics,
    members,
    operators,
    queries,
    query_properties,
    receivers,
    records,
    running,
)
from asyncify.analysis import values as v
from asyncify.analysis.construction import construct
from asyncify.vocabulary import flask
from asyncify.vocabulary.frameworks import CONTEXT_VALUE, EXECUTING, NAMESPACE_DEFAULTS
from asyncify.vocabulary.runners import RUNNING
from asyncify.vocabulary.testing import REQUESTED

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation

# Methods of containers that put their last argument in, and that give an element, or all of them.
_PAIRS = {"items", "popitem", "most_common"}
_VIEWS = {"items", "values", "keys", "copy", "elements", "most_common", "union", "difference",
          "intersection", "symmetric_difference"}  # fmt: skip
_JOINING = {"union", "symmetric_difference"}
BY_KEY = {"get", "pop", "setdefault"}
_TAKING = {"popleft", "popitem"} | BY_KEY
OF_CONTAINERS = v.FILLING | _VIEWS | _TAKING
# Objects of the standard library that are containers, besides what builtins make.
_CONTAINERS = ("collections.", "types.MappingProxyType", "weakref.Weak")
# What a method gives where that depends on its arguments, or on where it is called.
_BY_ARGUMENTS = {
    "configured", "Query", query_properties.KIND, "entity", "entities", "applied",
}  # fmt: skip
# Methods of libraries that nothing else is called.
_BY_NAME = {NAMESPACE_DEFAULTS, REQUESTED, *EXECUTING}

Named = dict[str, v.Value]


def call(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    """The operation that calls something."""
    values = evaluation.values
    callees = values[operation[5]]
    method = evaluation.operations[operation[5]]
    if method[0] == f.ATTRIBUTE and method[6] in _BY_NAME:
        if method[6] == REQUESTED:
            return _requested(evaluation, operation)
        _keep(evaluation, method[6], operation)
    if not callees:
        if method[0] == f.ATTRIBUTE and method[6] in RUNNING:
            return running.run(evaluation, RUNNING[method[6]], operation)
        return _contained(evaluation, method, operation)
    if method[0] == f.ATTRIBUTE and method[6] in OF_CONTAINERS and _of_containers(callees):
        return _contained(evaluation, method, operation)
    inference = evaluation.inference
    known = inference.results.get(callees)
    if known is not None:
        return known
    single = None
    if len(callees) == 1:
        (single,) = callees
        if isinstance(single, v.Foreign):
            made = foreign_calls.made(single.name)
            if made is not None:
                inference.results[callees] = made
                return made
    arguments, named = _given(evaluation, operation, callees)
    if method[0] == f.NAME and method[5] == "super" and not operation[6]:
        return members.super_object(evaluation)
    if single is not None:
        made = v.capped(_call(evaluation, single, operation, arguments, named))
        if isinstance(single, v.FunctionObject) and not single.given:
            told = generics.returned(evaluation, operation, single.function)
            made = _told(made, told)
        return receivers.narrowed(evaluation, method, made)
    made = _of_all(evaluation, callees, operation, arguments, named)
    if all(v.one(atom) in inference.results for atom in callees):
        inference.results[callees] = made
    return made


def _keep(evaluation: Evaluation, method: str, operation: f.Operation) -> None:
    """``parser.set_defaults(func=run)``, ``schema.execute(query, context_value={"db": db})``"""
    for name, value in _named(evaluation.values, operation[7]).items():
        if method == NAMESPACE_DEFAULTS:
            evaluation.inference.kept.default(name, value)
        elif name == CONTEXT_VALUE:
            evaluation.inference.kept.context(value)


def _of_all(
    evaluation: Evaluation,
    callees: v.Value,
    operation: f.Operation,
    arguments: list[v.Value],
    named: Named,
) -> v.Value:
    """What a call gives that may run any of these."""
    inference = evaluation.inference
    made_by = {atom: _call(evaluation, atom, operation, arguments, named) for atom in callees}
    functions = {atom.function for atom in callees if isinstance(atom, v.FunctionObject)}
    unheard = decorating.unheard(inference, functions)
    return v.join(
        [
            given for atom, given in made_by.items()
            if not (isinstance(atom, v.FunctionObject) and atom.function in unheard)
        ]
    )  # fmt: skip


def _given(
    evaluation: Evaluation, operation: f.Operation, callees: v.Value
) -> tuple[list[v.Value], dict[str, v.Value]]:
    """The arguments of a call, by position and by name."""
    values, arguments = evaluation.values, []
    named = _named(values, operation[7])
    for position in operation[6]:
        if position < 0:
            named[v.UNPACKED] = v.elements(values[~position])
            if not _is_wrapped(evaluation, callees):
                arguments += v.positions(values[~position])
            break  # behind what is unpacked nobody knows which is which
        arguments.append(values[position] or _filler(evaluation.operations[position]))
    return arguments, named


def _is_wrapped(evaluation: Evaluation, callees: v.Value) -> bool:
    """``return fn(*args)`` in the wrapper of a decorator: what is decorated was given the arguments
    of its own calls, and those of others aren't for it."""
    function = evaluation.function
    is_nested = function.parent is not None and function.parent.facts.kind == "def"
    return (is_nested or function.name == "__call__") and any(
        isinstance(atom, v.FunctionObject) and atom.function.signature_is_decorated
        for atom in callees
    )


def _requested(evaluation: Evaluation, operation: f.Operation) -> v.Value:
    """``request.getfixturevalue("session")``."""
    first = evaluation.operations[operation[6][0]] if min(operation[6], default=-1) >= 0 else ()
    name = first[5] if first and first[0] == f.CONSTANT else None
    return evaluation.inference.fixtures.requested_value(evaluation.function, name)


def _told(made: v.Value, told: v.Value) -> v.Value:
    """What a call gives, of which the type variables of its annotation say more than its body; of a
    Query the body says more."""
    if any(isinstance(atom, (v.Generated, v.Managed)) for atom in made):
        return v.join((made, told))
    if any(isinstance(atom, v.QueryValue) for atom in made) or v.inner_queries(made):
        return made
    return told or made


def _named(
    values: Sequence[v.Value], keywords: tuple[tuple[str | None, int], ...]
) -> dict[str, v.Value]:
    """The keyword arguments, those of ``**`` too where its keys are known."""
    named: dict[str, v.Value] = {}
    for name, index in keywords:
        named |= v.keyed(values[index]) if name is None else {name: values[index]}
    return named


def _of_containers(callees: v.Value) -> bool:
    """Are these methods of containers: ``defaultdict(list).values``?"""
    return all(isinstance(a, v.Foreign) and a.name.startswith(_CONTAINERS) for a in callees)


def _updated(evaluation: Evaluation, base: int, operation: f.Operation) -> None:
    """``found.update(users, session=session)``: the dict has it under these keys."""
    values, fields = evaluation.values, _named(evaluation.values, operation[7])
    for place in operation[6]:
        fields |= v.keyed(values[place]) if place >= 0 else {}
    for key, value in fields.items():
        if not evaluation.inference.holds_nothing(value):
            evaluation.fill(base, value, key)


def _contained(evaluation: Evaluation, method: f.Operation, operation: f.Operation) -> v.Value:
    """What is put into a container, and what is taken out of one: Queries, functions, objects
    of the program."""
    name, positional = method[6] if method[0] == f.ATTRIBUTE else "", operation[6]
    if name not in OF_CONTAINERS:
        return v.UNKNOWN
    if name == "update":
        _updated(evaluation, method[5], operation)
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
    items = v.elements(base) if key is None else operators.under(evaluation, base, key)
    if name == "keys":
        items = v.keys(base)
    if name in BY_KEY and len(positional) > 1 and positional[1] >= 0:
        items = v.join((items, evaluation.values[positional[1]]))  # where there is none
    if evaluation.inference.holds_nothing(items) and not v.keys(base):
        return v.UNKNOWN
    if name in _JOINING:
        items = v.join([items, *(v.elements(evaluation.values[i]) for i in positional if i >= 0)])
    if name in _PAIRS:
        items = v.one(v.TupleValue((v.keys(base), v.elements(base))))
    return v.collection(items) if name in _VIEWS else items


def _filler(operation: f.Operation) -> v.Value:
    """``on_commit(names.append)``: a method of a container, which is given as a function."""
    filling = operation[0] == f.ATTRIBUTE and operation[6] in v.FILLING
    return v.foreign(operation[6]) if filling else v.UNKNOWN


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


def _call_managing(
    evaluation: Evaluation,
    atom: v.Managing,
    operation: f.Operation,
    arguments: list[v.Value],
    named: Named,
) -> v.Value:
    evaluation.inference.pass_arguments(atom.function, atom.bound, arguments, named)
    return evaluation.inference.managed(atom.function)


def _call_class(
    evaluation: Evaluation,
    atom: v.ClassObject,
    operation: f.Operation,
    arguments: list[v.Value],
    named: Named,
) -> v.Value:
    if atom.given:
        arguments = [v.UNKNOWN] * atom.given + arguments
    made = construct(evaluation, atom.cls, arguments, named)
    if not flask.EXTENSIONS.isdisjoint(atom.cls.foreign_bases):
        origin = v.Origin(evaluation.function, operation[3])
        return foreign_calls.extension(evaluation, origin)
    if any(map(foreign_calls.is_async_session, named.get("class_", v.UNKNOWN))):
        return frozenset(_of_async_sessions(a) for a in made)
    clients = [a for a in made if isinstance(a, v.Client)]
    if not clients:
        return made
    origin = v.Origin(evaluation.function, operation[3])
    return frozenset(v.Client(origin, client.cls) for client in clients)


def _of_async_sessions(atom: v.Atom) -> v.Atom:
    """What is made of a subclass of ``sessionmaker`` that is given the class of async sessions."""
    is_factory = isinstance(atom, v.Known) and atom.kind == "sessionmaker"
    return v.Known("async_sessionmaker") if is_factory else atom


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
        foreign_calls.relate(
            evaluation, owner.origin, (evaluation.values[i] for _, i in operation[7])
        )
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


def _call_foreign(
    evaluation: Evaluation,
    atom: v.Foreign,
    operation: f.Operation,
    arguments: list[v.Value],
    named: Named,
) -> v.Value:
    return foreign_calls.call(evaluation, atom.name, operation, arguments, named)


def _call_declared(
    evaluation: Evaluation,
    atom: v.Giving,
    operation: f.Operation,
    arguments: list[v.Value],
    named: Named,
) -> v.Value:
    return atom.items


def _call_named_tuple(
    evaluation: Evaluation,
    atom: v.NamedTupleClass,
    operation: f.Operation,
    arguments: list[v.Value],
    named: Named,
) -> v.Value:
    return records.make(atom, arguments, named)


_HANDLERS: dict[type, Callable[[Evaluation, Any, f.Operation, list[v.Value], Named], v.Value]] = {
    v.FunctionObject: _call_function,
    v.Managing: _call_managing,
    v.ClassObject: _call_class,
    v.NamedTupleClass: _call_named_tuple,
    v.KnownMethod: _call_method,
    v.Known: _call_known,
    v.Instance: _call_instance,
    v.Foreign: _call_foreign,
    v.Giving: _call_declared,
}
