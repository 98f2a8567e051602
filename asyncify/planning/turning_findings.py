"""Findings of a function that turns: that it would, and what of libraries may not await it."""

from __future__ import annotations

from collections.abc import Iterator

from asyncify.analysis.boundaries import Decorator, rule_of
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function
from asyncify.findings import Finding
from asyncify.rules import finding
from asyncify.sites import Site


def turning_findings(colors: Colors, coloring: Coloring, function: Function) -> Iterator[Finding]:
    """All of them."""
    facts = function.facts
    site = Site(function.module.path, facts.line, facts.column)
    if (not facts.is_async or function.in_thread) and facts.kind != "lambda":
        reason = f"`{facts.qualname}` does database work and would turn async."
        yield finding("ASY001", site, reason, chain=coloring.chain(function))
    if not facts.is_async:
        yield from _unknown_decorators(colors, function, site)
        yield from _unknown_bases(colors, function, site)


def _unknown_decorators(colors: Colors, function: Function, site: Site) -> Iterator[Finding]:
    """Warnings for decorators of libraries that may not await what they decorate."""
    for decorator in (*colors.bounds.decorators(function), *_by_hand(colors, function)):
        if decorator.foreign and decorator.rule is None:
            yield finding(
                "ASY105", site,
                f"`{function.facts.qualname}` turns async, and it isn't known whether "
                f"`@{decorator.name}` awaits what it decorates.",
                "Look at what the decorator does.",
            )  # fmt: skip


def _by_hand(colors: Colors, function: Function) -> list[Decorator]:
    """Decorators of libraries that are called with the function: ``app.command("/x")(f)``."""
    return [
        Decorator(use.name, rule_of(use.name), True)
        for _, use in colors.callers().get(function, ())
        if use.kind == "pass" and colors.places.is_decoration(use)
    ]  # fmt: skip


def _unknown_bases(colors: Colors, function: Function, site: Site) -> Iterator[Finding]:
    """A warning for a method that a class of a library may call without awaiting it."""
    base = colors.bounds.unknown_base(function)
    if (
        base
        and not function.signature_is_decorated
        and not any(
            use.kind not in ("pass", "maybe")
            for fn in colors.family(function)
            for _, use in colors.callers().get(fn, ())
        )
    ):
        reason = f"`{function.facts.qualname}` turns async, and nothing in the program calls it: "
        reason += f"it isn't known whether `{base}` does, and awaits it."
        yield finding("ASY105", site, reason, "Look at what the class above it does.")
