"""Misuse of what is async already: what is not awaited and should be, and the other way round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.layout import Layout
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function, dotted
from asyncify.analysis.sides import is_copy
from asyncify.analysis.uses import Use
from asyncify.findings import Finding
from asyncify.planning.misuse_blocking import Blocking
from asyncify.planning.misuse_dependencies import Dependencies
from asyncify.planning.misuse_expiry import Expiry
from asyncify.planning.misuse_functions import async_listeners, awaits_of_plain, cached_coroutines
from asyncify.planning.misuse_given import coroutine_commands, given_coroutines
from asyncify.planning.misuse_loading import caught_by_class, unawaited_attributes
from asyncify.planning.misuse_tasks import Tasks
from asyncify.planning.misuse_types import ParameterTypes
from asyncify.planning.misuse_unloaded import unloaded
from asyncify.planning.misuse_view import View
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.vocabulary.rows import Form
from asyncify.vocabulary.special import is_special

_ENTERED = {Form.AWAIT_OR_WITH, Form.WITH}
# What begins them, and what says nothing of whether they have begun.
_BEGINNING = {"start", "__aenter__", "__aexit__", "is_active", "is_valid"}


def misuses(colors: Colors, coloring: Coloring) -> Iterator[Finding]:
    """Findings in code that is async already, whether the program is migrated or not."""
    blocking, tasks = Blocking(colors, coloring), Tasks(colors)
    dependencies, expiry = Dependencies(colors, coloring), Expiry(colors)
    types = ParameterTypes(colors, coloring)
    yield from cached_coroutines(colors)
    yield from async_listeners(colors)
    yield from unawaited_attributes(colors)
    yield from caught_by_class(colors)
    yield from unloaded(colors, coloring)
    for function in list(colors.inference.evaluations):
        view = View(colors, function)
        yield from blocking.of(view)
        yield from dependencies.of(view)
        yield from tasks.of(view)
        yield from expiry.of(view)
        yield from types.of(view)
        yield from given_coroutines(colors, view)
        yield from coroutine_commands(colors, function)
        copied = function in coloring.entered and is_copy(function)  # `run_sync` gives the session
        for use in () if copied else colors.already.lost(function):
            found = _lost(use, coloring, colors.already.coroutines.losing(use))
            yield replace(found, fixed=use not in coloring.lost)
        for use in colors.uses.of(function):
            if use.kind == "member" and use.is_async and use.row is not None:
                yield from _misuse(use, view.layout)
        fixed = function.module.path not in colors.blocked
        for index in needless_awaits(colors, function):
            callee = view.operations[view.operations[index][5]][5]
            name = dotted(view.operations, callee) or str(view.operations[callee][6])
            reason = f"`{name}` is not awaitable."
            found = finding("ASY402", view.site(index), reason, "Remove the `await`.")
            yield replace(found, fixed=fixed)
        for use in awaits_of_plain(colors, view):
            if not coloring.turned.isdisjoint(use.callees):
                continue
            name, advice = use.callees[0].facts.qualname, "Remove the `await`"
            if use.callees[0].facts.is_async:
                reason = f"`{name}` is an async generator, which can't be awaited."
                advice = f"{advice}, and go through it by `async for`."
            else:
                reason = f"`{name}` is a plain function: it gives a value."
                advice = f"{advice}, or make the function async."
            yield finding("ASY402", view.site(view.layout.parent(use.operation)), reason, advice)


def needless_awaits(colors: Colors, function: Function) -> Iterator[int]:
    """The `await`s in a function of what a method of SQLAlchemy's async objects gives at once."""
    for use in colors.uses.of(function):
        if use.kind != "member" or not use.is_async or use.row is None:
            continue
        layout = colors.uses.layout(function)
        is_call = layout.operations[use.operation][0] == f.CALL
        is_plain = is_call and use.row.form is Form.PLAIN and not use.row.io
        if is_plain and layout.is_awaited(use.operation):
            yield layout.parent(use.operation)


def _site(use: Use) -> Site:
    return Site(use.function.module.path, use.line, use.column)


def _lost(use: Use, coloring: Coloring, at: Use | None) -> Finding:
    """What is async is used as its result; ``at``: by a caller that gets it from here."""
    obstacle = coloring.lost.get(use)
    advice = "Write `await` in front of it."
    if use.kind == "enter":
        reason = "An async session, connection or engine can't be entered with `with`: it raises."
        advice = "Use `async with`, or give code that stays sync a sync engine of its own."
        return finding("ASY404", _site(use), _with(reason, obstacle), advice)
    if use.kind == "enter manager":
        reason = "This `with` enters an async context manager: it raises."
        advice = "Write `async with`."
    elif use.kind == "iterate":
        reason = f"`{use.name}` is an async generator, and nothing here iterates it as one."
        advice = "Write `async for`."
    elif use.kind == "step":
        reason = f"`{use.callee_name}` is async, and its next item isn't awaited here."
    elif use.kind == "member" and use.name == "delete":
        reason = "This `delete` of an async session isn't awaited: it deletes nothing."
        return finding("ASY403", _site(use), _with(reason, obstacle), advice)
    elif use.kind == "member":
        reason = f"This call of `{use.name}` isn't awaited: it does nothing."
    else:
        reason = f"`{use.callee_name}` is async, and this call isn't awaited: it does nothing."
    if at is not None:
        name = use.callee_name if use.callees else use.name
        place = f"`{at.function.qualname}` (line {at.line})"
        reason = f"`{name}` is async, and {place}, which gets its coroutine here, doesn't await it."
    if obstacle is not None:
        advice = "Move it to a place that can await it."
    return finding("ASY401", _site(use), _with(reason, obstacle), advice)


def _with(reason: str, obstacle: Obstacle | None) -> str:
    return f"{reason} {obstacle.reason}" if obstacle is not None else reason


def _misuse(use: Use, layout: Layout) -> Iterator[Finding]:
    """Transactions and connections that are neither entered nor awaited."""
    assert use.row is not None
    if layout.operations[use.operation][0] != f.CALL or use.row.form not in _ENTERED:
        return
    advice = "Use `async with`, or await it."
    if use.row.form is Form.WITH:
        advice = "Use `async with`."
        if layout.is_awaited(use.operation) and not is_special(use.name):
            reason = f"`{use.name}` can only be entered: awaiting what it gives raises."
            yield finding("ASY402", _site(use), reason, advice)
    if layout.is_statement(use.operation):
        reason = f"`{use.name}` is neither awaited nor entered: it does nothing, without a warning."
        yield finding("ASY404", _site(use), reason, advice)
    elif _is_only_used(layout, use):
        reason = f"What `{use.name}` gives is neither awaited nor entered: it has not begun."
        yield finding("ASY404", _site(use), reason, advice)


def _is_only_used(layout: Layout, use: Use) -> bool:
    """Is it kept in a variable, of which only methods are called that want it begun?"""
    statement = layout.statement(use.operation)
    if statement is None or statement[0] != f.ASSIGN or statement[8] != use.operation:
        return False
    target = statement[7][0]
    function = layout.function
    if len(statement[7]) != 1 or target[0] != f.TO_NAME or function.facts.kind != "def":
        return False
    name = target[1]
    inner = (x for x in function.module.functions if x.parent is function)
    if name in function.facts.declared or any(name in x.facts.names for x in inner):
        return False
    operations = layout.operations
    reads = (i for i, op in enumerate(operations) if op and op[0] == f.NAME and op[5] == name)
    above = [operations[parent] if (parent := layout.parent(i)) >= 0 else () for i in reads]
    return all(op and op[0] == f.ATTRIBUTE and op[6] not in _BEGINNING for op in above)
