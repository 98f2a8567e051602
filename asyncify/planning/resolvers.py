"""Resolvers of GraphQL: who runs those that turn, and the session that they share.

A plain resolver is called as soon as its turn has come, one after the other. Those that are
coroutine functions are awaited at the same time, all that are side by side in a query.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.likely import spelled
from asyncify.analysis.program import Class, Function
from asyncify.analysis.sides import ordered
from asyncify.findings import Finding
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.vocabulary.frameworks import (
    RESOLVER_CONTEXT,
    RESOLVERS,
    RESOLVING,
    RESOLVING_PLAINLY,
)

_FIELD = "field"  # the fields of mutations are resolved in turn
_SESSIONS = ("Session", "AsyncSession", "Connection", "AsyncConnection")
_ADVICE = (
    "Let each resolver open a session of its own, by the factory in the context, or load what it "
    "needs by a `DataLoader`."
)


def sync_schemas(colors: Colors, coloring: Coloring) -> Iterator[Finding]:
    """A warning for each place that runs the resolvers of a schema without awaiting them."""
    turned = (fn for fn in coloring.turned if fn.facts.kind == "def" and not fn.facts.is_async)
    resolvers = [fn.facts.qualname for fn in turned if _is_decorated(colors, fn)]
    for function in colors.program.mentioning_member(RESOLVING_PLAINLY) if resolvers else ():
        for operation in function.body.operations:
            if operation and operation[0] == f.ATTRIBUTE and operation[6] == RESOLVING_PLAINLY:
                site = Site(function.module.path, operation[1], operation[2])
                reason = f"`{RESOLVING_PLAINLY}` awaits no resolver, and `{min(resolvers)}` turns."
                yield finding("ASY105", site, reason, f"Await `{RESOLVING}` of the schema instead.")


def shared_contexts(colors: Colors, coloring: Coloring) -> Iterator[Finding]:
    """An error for each function that gives the resolvers of a request one session, or for the
    first resolver where no function does."""
    running = coloring.turned | {fn for fn in colors.inference.evaluations if fn.facts.is_async}
    named = ordered(colors.program.mentioning_member(RESOLVER_CONTEXT[1]))
    fields = [fn for fn in named if fn in running and _is_field(colors, fn)]
    holders = _holders(colors) if fields else frozenset()
    users = [fn for fn in fields if _shares_session(colors, fn, holders)]
    for function in ordered(colors.inference.kept.getters) or users[:1] if users else ():
        site = Site(function.module.path, function.facts.line, function.facts.column)
        name = users[0].facts.qualname
        reason = (
            f"Resolvers that are coroutines run at the same time, and `{name}` uses the session "
            "that all of a request share."
        )
        yield finding("ASY408", site, reason, _ADVICE)


def _is_decorated(colors: Colors, function: Function) -> bool:
    return any(d.name.startswith(RESOLVERS) for d in colors.bounds.decorators(function))


def _is_field(colors: Colors, function: Function) -> bool:
    """Does it resolve a field, by its decorator, or as the resolver that one is given?"""
    names = [decorator.name for decorator in colors.bounds.decorators(function)]
    names += [use.name for _, use in colors.callers().get(function, ()) if use.kind == "pass"]
    return any(n.startswith(RESOLVERS) and n.rpartition(".")[2] == _FIELD for n in names)


def _holders(colors: Colors) -> frozenset[Class]:
    """The classes whose objects hold sessions, and those below them."""
    return frozenset(
        each for cls, value in colors.inference.attributes_held()
        if any(map(_is_session, value)) for each in (cls, *cls.descendants())
    )  # fmt: skip


def _is_session(atom: v.Atom) -> bool:
    return isinstance(atom, v.Known) and atom.kind in _SESSIONS


def _shares_session(colors: Colors, function: Function, holders: frozenset[Class]) -> bool:
    """Does it read a session, or what holds one, from the context of the request?"""
    evaluation, context = colors.inference.evaluations.get(function), ".".join(RESOLVER_CONTEXT)
    for index, value in enumerate(evaluation.values if evaluation is not None else ()):
        shared = any(
            _is_session(a) or (isinstance(a, v.Instance) and a.cls in holders) for a in value
        )
        written = spelled(function.body.operations, index) if shared else ""
        if written.startswith((f"{context}.", f"{context}[")):
            return True
    return False
