"""Misuse of objects that are async already: what is not awaited and should be."""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis.colors import Colors
from asyncify.analysis.layout import Layout
from asyncify.analysis.uses import Use
from asyncify.findings import Finding
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.vocabulary.rows import Form


def misuses(colors: Colors) -> Iterator[Finding]:
    """Findings for calls on async sessions, connections and engines whose value is dropped."""
    for function in list(colors.inference.evaluations):
        layout: Layout | None = None
        for use in colors.uses.of(function):
            if not use.is_async or (use.kind != "enter" and use.row is None):
                continue
            layout = layout or colors.uses.layout(function)
            if use.kind == "enter":
                yield from _entered(use, layout)
            elif use.kind == "member":
                yield from _misuse(use, layout)


def _site(use: Use) -> Site:
    return Site(use.function.module.path, use.line, use.column)


def _entered(use: Use, layout: Layout) -> Iterator[Finding]:
    statement = layout.statement(use.operation)
    if statement is not None and statement[0] == f.WITH and not statement[9]:
        reason = "An async session, connection or engine can't be entered with `with`: it raises."
        advice = "Use `async with`, or give code that stays sync a sync engine of its own."
        yield finding("ASY404", _site(use), reason, advice)


def _misuse(use: Use, layout: Layout) -> Iterator[Finding]:
    assert use.row is not None
    operation = layout.operations[use.operation]
    site = _site(use)
    if operation[0] != f.CALL:
        return
    if use.row.form is Form.AWAIT and layout.is_statement(use.operation):
        if use.name == "delete":
            reason = "This `delete` of an async session isn't awaited: it deletes nothing."
            yield finding("ASY403", site, reason, "Write `await` in front of it.")
        else:
            reason = f"This call of `{use.name}` isn't awaited: it does nothing."
            yield finding("ASY401", site, reason, "Write `await` in front of it.")
    elif use.row.form is Form.AWAIT_OR_WITH and layout.is_statement(use.operation):
        reason = f"`{use.name}` is neither awaited nor entered: it does nothing, without a warning."
        yield finding("ASY404", site, reason, "Use `async with`, or await it.")
    elif use.row.form is Form.PLAIN and not use.row.io and layout.is_awaited(use.operation):
        reason = f"`{use.name}` is not awaitable."
        yield finding("ASY402", site, reason, "Remove the `await`.")
