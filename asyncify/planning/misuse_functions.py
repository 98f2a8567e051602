"""Coroutine functions given to what calls them without awaiting (caches, SQLAlchemy's events), and
plain ones that are awaited."""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Colors
from asyncify.analysis.coroutine_signs import words_of
from asyncify.analysis.program import Function, dotted
from asyncify.analysis.statements import statements_of
from asyncify.analysis.stubs import is_stub
from asyncify.analysis.uses import Use
from asyncify.findings import Finding
from asyncify.planning.misuse_view import View
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.vocabulary import tasks as words

_VALUES = frozenset(
    {"bool", "bytes", "dict", "float", "int", "list", "set", "str", "tuple", "Optional", "Union"}
)


def cached_coroutines(colors: Colors) -> Iterator[Finding]:
    """Decorated functions are found by the names of the decorators: few files have any."""
    for function in _decorated(colors, words.CACHING):
        decorators = colors.bounds.decorators(function)
        for position, decorator in enumerate(decorators):
            below = decorators[position + 1 :]
            if decorator.name in words.CACHING and all(d.name in words.OF_METHODS for d in below):
                what = "an async generator" if function.facts.is_generator else "a coroutine"
                reason = (
                    f"`@{decorator.name}` keeps {what} of `{function.facts.qualname}`, which can "
                    "be used once: the second call with the same arguments raises."
                )
                advice = "Cache the result: in a dict, or by a cache that is made for coroutines."
                yield finding("ASY410", _site(function), reason, advice)
                break


def async_listeners(colors: Colors) -> Iterator[Finding]:
    """Listeners by decorator, and by `event.listen`."""
    advice = "Make it a plain `def`, and start what has to be awaited from there."
    for function in _decorated(colors, words.LISTENS_FOR):
        if any(d.name in words.LISTENS_FOR for d in colors.bounds.decorators(function)):
            yield finding("ASY412", _site(function), _unheard(function), advice)
    for function in colors.program.mentioning("listen"):
        if function in colors.inference.evaluations:
            view = View(colors, function)
            for listener, index in _listening(view):
                yield finding("ASY412", view.site(index), _unheard(listener), advice)


def awaits_of_plain(colors: Colors, view: View) -> Iterator[Use]:
    """Awaited calls of functions that give a value or an async generator, and surely nothing to be
    awaited. A variable may hold another function."""
    for use in colors.uses.of(view.function):
        if use.kind == "call" and view.layout.is_awaited(use.operation):
            callee = view.operations[use.operation][5]
            known = all(isinstance(a, v.FunctionObject) for a in view.values[callee])
            named = dotted(view.operations, callee).rpartition(".")[2]
            known = known and {callee.name for callee in use.callees} == {named}
            if known and all(map(_gives_value, use.callees)):
                yield use


def _gives_value(function: Function) -> bool:
    """Is it a plain function that is annotated with builtins only, or that returns nothing, or an
    async generator?"""
    signature = function.signature
    if function.facts.is_async and not signature.decorators:
        return function.facts.is_generator and not is_stub(function)
    if function.facts.is_async or function.facts.is_generator or signature.decorators:
        return False
    if function.facts.kind != "def" or is_stub(function):
        return False
    if signature.returns >= 0:
        named = words_of(signature.operations, signature.returns)
        return named <= _VALUES
    statements = statements_of(function.body.statements)
    return not any(s[0] == f.RETURN and s[7] >= 0 for s in statements)


def _unheard(function: Function) -> str:
    return f"SQLAlchemy calls the listener `{function.facts.qualname}` and never awaits it."


def _listening(view: View) -> Iterator[tuple[Function, int]]:
    for index, operation in view.calls():
        position = words.LISTEN.get(view.foreign(operation[5]), -1)
        if position < 0:
            continue
        given = [i for i in operation[6][position : position + 1] if i >= 0]
        given += [i for name, i in operation[7] if name == words.LISTENER]
        for atom in (atom for i in given for atom in view.values[i]):
            if isinstance(atom, v.FunctionObject) and atom.function.facts.is_async:
                yield atom.function, index


def _decorated(colors: Colors, decorators: frozenset[str]) -> Iterator[Function]:
    """The coroutine functions that may have one of the decorators."""
    names = {name.rpartition(".")[2] for name in decorators}
    seen: set[Function] = set()
    for name in sorted(names):
        for local in (name, *colors.program.imported_names(name)):
            for scope in colors.program.mentioning(local):
                if scope not in seen:
                    seen.add(scope)
                    for function in scope.module.functions:
                        if function.parent is scope and function.facts.is_async:
                            yield function


def _site(function: Function) -> Site:
    return Site(function.module.path, function.facts.line, function.facts.column)
