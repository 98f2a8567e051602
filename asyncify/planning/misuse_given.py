"""Coroutine functions given to what calls them plainly: threads, executors, callbacks, sort keys,
commands. Each call makes a coroutine, and nobody awaits it."""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Colors
from asyncify.analysis.coroutine_signs import Fate
from asyncify.analysis.program import Function
from asyncify.analysis.uses import Use
from asyncify.findings import Finding
from asyncify.planning.misuse_view import View
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.vocabulary.awaitables import APPLYING
from asyncify.vocabulary.boundary_rules import Boundary, Rule
from asyncify.vocabulary.frameworks import boundary, method_boundary
from asyncify.vocabulary.tasks import COMMANDS, EVENT_LOOP, LOOPS, PLAIN_CALLERS

_HANDING = ("apply", "pass", "thread")
_PLAIN = "Give it a plain function that has the coroutine run"
_IN_THREADS = {Rule.THREAD, Rule.UNWRAP}


def given_coroutines(colors: Colors, view: View) -> Iterator[Finding]:
    """What is given to something by a call."""
    for use in colors.uses.of(view.function):
        if use.kind not in _HANDING or not use.callees:
            continue
        if not all(_is_coroutine_function(colors, callee) for callee in use.callees):
            continue
        row = _row(use.name)
        if row is not None and _is_given_at(view, use, row) and _is_lost(colors, use, row):
            yield _found(use.name, use.callees[0], view.site(use.operation), _advice(use, row))


def coroutine_commands(colors: Colors, function: Function) -> Iterator[Finding]:
    """Commands: Click and Typer call what they decorate, and drop what it gives."""
    if not function.facts.is_async or not function.signature.decorators:
        return
    decorators = colors.bounds.decorators(function)
    for position, decorator in enumerate(decorators):
        below = decorators[position + 1 :]
        is_command = decorator.rule is Rule.ENTRY and decorator.name.startswith(COMMANDS)
        if is_command and all(d.foreign and d.rule is Rule.TRANSPARENT for d in below):
            site = Site(function.module.path, function.facts.line, function.facts.column)
            yield _found(f"@{decorator.name}", function, site, f"{_PLAIN}: `asyncio.run`.")
            return


def _found(caller: str, function: Function, site: Site, advice: str) -> Finding:
    reason = f"`{caller}` calls `{function.facts.qualname}` and never awaits it: it does nothing."
    return finding("ASY401", site, reason, advice)


def _advice(use: Use, row: Boundary) -> str:
    if row.rule in _IN_THREADS:
        return "Await it itself: it needs no thread."
    if use.name == "map" or use.name.rpartition(".")[2] in APPLYING:
        return "Await the results first, in a loop or a comprehension."
    return f"{_PLAIN}, in the event loop of its engine."


def _is_coroutine_function(colors: Colors, function: Function) -> bool:
    """Does a call surely give a coroutine, whatever decorates the function?"""
    decorators = colors.bounds.decorators(function)
    is_bare = all(d.foreign and d.rule is Rule.TRANSPARENT for d in decorators)
    return function.facts.is_async and not function.facts.is_generator and is_bare


def _row(name: str) -> Boundary | None:
    """How something foreign calls what it is given, where it is known that nothing awaits it."""
    if name.endswith(".sort"):
        return boundary("builtins.sorted")  # by the same keyword
    full = name if "." in name else f"builtins.{name}"
    if not full.startswith(PLAIN_CALLERS):
        return None
    owner, separator, method = full.rpartition("().")
    if not separator:
        return boundary(full)
    return method_boundary(EVENT_LOOP if owner in LOOPS else owner, method)


def _is_lost(colors: Colors, use: Use, row: Boundary) -> bool:
    if row.rule in _IN_THREADS:  # awaited, it gives the coroutine
        return use.kind == "thread" and colors.already.coroutines.fate(use) is Fate.LOST
    if use.name == "map":
        return colors.already.coroutines.fate_of_all(use) is Fate.LOST
    return row.rule is Rule.SYNC


def _is_given_at(view: View, use: Use, row: Boundary) -> bool:
    """Is it the function that is called, and not one of its arguments?"""
    operation = view.operations[use.operation]
    if operation[0] != f.CALL:
        return False
    given = [i for i in operation[6][row.argument : row.argument + 1] if i >= 0]
    given += [i for name, i in operation[7] if name == row.keyword]
    if row.keyword == "key":
        given = [i for name, i in operation[7] if name == "key"] or given
    return any(
        isinstance(a, v.FunctionObject) and a.function in use.callees
        for i in given for a in view.values[i]
    )  # fmt: skip
