"""Callables: functions that libraries make of the program's: partials, callers of methods.

What they make is called like the function itself, so that it is the function, with some of its
arguments given already.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from asyncify.analysis import members
from asyncify.analysis import values as v
from asyncify.analysis.construction import construct
from asyncify.vocabulary.names import TABLES

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation
    from asyncify.analysis.signatures import Signatures

# What `methodcaller` makes for objects of SQLAlchemy: a member's name follows; and `attrgetter`,
# `itemgetter`, where what they are called on says what it gives: a path follows, or a key.
CALLER, GETTER, ITEM_GETTER = (
    f"operator.{maker}()." for maker in ("methodcaller", "attrgetter", "itemgetter")
)
GETTERS = GETTER, ITEM_GETTER
_MEMBERS = {
    row.name for kind in ("Session", "Connection", "Engine")
    for row in TABLES[kind].members if row.io
}  # fmt: skip
Named = dict[str, v.Value]
_FEW = 8  # more methods of one name say nothing


def partial(evaluation: Evaluation, arguments: list[v.Value], named: Named) -> v.Value:
    """``partial(f, a, b=c)``: the function or class, which has these arguments already."""
    made = []
    for atom in arguments[0]:
        if isinstance(atom, v.FunctionObject):
            given = [v.UNKNOWN] * atom.given + arguments[1:]
            evaluation.inference.pass_arguments(atom.function, atom.bound, given, named)
            atom = v.FunctionObject(atom.function, atom.bound, len(given))
        elif isinstance(atom, v.ClassObject):
            given = [v.UNKNOWN] * atom.given + arguments[1:]
            construct(evaluation, atom.cls, given, named)
            atom = v.ClassObject(atom.cls, len(given))
        made.append(v.one(atom))
    return v.join(made)


def partial_method(evaluation: Evaluation, arguments: list[v.Value], named: Named) -> v.Value:
    """``partialmethod(f, a, b=c)``: the method, which gets its object before that."""
    bound = frozenset(
        v.FunctionObject(a.function, True) for a in arguments[0] if isinstance(a, v.FunctionObject)
    )
    return partial(evaluation, [bound, *arguments[1:]], named)


def manager(arguments: list[v.Value]) -> v.Value:
    """``contextmanager(rows)``: what makes managers of generators, as the decorator does."""
    return frozenset(
        v.Managing(a.function, a.bound) for a in arguments[0]
        if isinstance(a, v.FunctionObject) and a.function.facts.is_generator
    )  # fmt: skip


def provider(evaluation: Evaluation, arguments: list[v.Value], named: Named) -> v.Value:
    """``Factory(Service, repository=repository)``: whatever calls that makes a `Service`, of what
    the providers among the arguments make."""
    given = [injected(value) for value in arguments[1:]]
    keywords = {name: injected(value) for name, value in named.items()}
    made = partial(evaluation, [arguments[0], *given], keywords)
    # Others of its arguments may be overridden where it is called.
    return frozenset(v.ClassObject(a.cls) if isinstance(a, v.ClassObject) else a for a in made)


def injected(value: v.Value) -> v.Value:
    """What a provider makes, which is a class here, or is said to give something; or a class that
    is given as such."""
    made = frozenset(v.Instance(a.cls) for a in value if isinstance(a, v.ClassObject))
    given = [a.items for a in value if isinstance(a, v.Giving)]
    return v.join((value, made, *given)) if made or given else value


def method_caller(evaluation: Evaluation, arguments: list[v.Value], named: Named) -> v.Value:
    """``methodcaller("save", x)``: the methods of that name, which get their object later; or those
    of objects of SQLAlchemy."""
    inference = evaluation.inference
    methods = [
        method for name in _literals(arguments[:1])
        for method in inference.methods_named(name) if not inference.is_property(method)
    ]  # fmt: skip
    if len(methods) > _FEW:
        return v.UNKNOWN
    for method in methods:
        inference.pass_arguments(method, True, arguments[1:], named)
    known = [v.foreign(CALLER + name) for name in _literals(arguments[:1]) if name in _MEMBERS]
    return v.join([*known, *(v.one(v.FunctionObject(method)) for method in methods)])


def attribute_getter(inference: Signatures, arguments: list[v.Value]) -> v.Value:
    """``attrgetter("total")``: the properties of that name, or what gives methods of it; or
    whatever is kept there, by its path."""
    paths = list(_literals(arguments))
    names = [path.rpartition(".")[2] for path in paths]
    methods = [method for name in names for method in inference.methods_named(name)]
    if len(arguments) != 1 or len(methods) > _FEW:
        return v.UNKNOWN
    if not methods or names != paths or not _MEMBERS.isdisjoint(names):
        known = [v.foreign(GETTER + path) for path in paths]
    else:
        known = []
    return v.join([*known, *(
        v.one(v.FunctionObject(method)) if inference.is_property(method)
        else v.one(v.Giving(v.one(v.FunctionObject(method, True))))
        for method in methods
    )])  # fmt: skip


def item_getter(arguments: list[v.Value]) -> v.Value:
    """``itemgetter("session")``: what is under that key."""
    keys = [a.value for given in arguments for a in given if isinstance(a, v.Literal)]
    known = len(arguments) == 1 == len(keys) and isinstance(keys[0], (str, int))
    return v.foreign(f"{ITEM_GETTER}{keys[0]}") if known else v.UNKNOWN


def got(evaluation: Evaluation, name: str, value: v.Value) -> v.Value:
    """``attrgetter("session.scalar")(app)``, ``itemgetter(0)(pair)``"""
    if name.startswith(ITEM_GETTER):
        key = name.removeprefix(ITEM_GETTER)
        return v.at(value, int(key)) if key.isdecimal() else v.under(value, key)
    for step in name.removeprefix(GETTER).split("."):
        value = v.join(members.of(evaluation, atom, step) for atom in value)
    return value


def _literals(values: list[v.Value]) -> Iterator[str]:
    for value in values:
        for atom in value:
            if isinstance(atom, v.Literal) and isinstance(atom.value, str):
                yield atom.value
