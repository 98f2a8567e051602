"""Planning of what a fixture has done when its tests are over: it stands behind a ``yield``."""

from __future__ import annotations

from collections.abc import Callable

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function, Module, dotted
from asyncify.analysis.use import Use
from asyncify.decisions import FinishFixture, RemoveStatement
from asyncify.planning.draft import Draft, call_reference
from asyncify.sites import NodeRef


def plan_finalizers(colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]) -> None:
    """For each fixture that turns: the last that was named is the first that is done."""
    for function in sorted(coloring.turned, key=lambda fn: (fn.module.path, fn.index)):
        uses = [use for use in colors.uses.of(function) if use.kind == "finalize"]
        if uses and not function.facts.is_async and function not in coloring.stays:
            _plan(function, uses, coloring, draft(function.module))


def _plan(function: Function, uses: list[Use], coloring: Coloring, draft: Draft) -> None:
    operations, last = function.body.operations, function.body.statements[-1]
    group = coloring.groups.get(function, 0)
    lines = [_line(use, operations, coloring) for use in reversed(uses)]
    ends = [use for use in uses if last[0] == f.EXPRESSION and last[7] == use.operation]
    node = call_reference(function, uses[-1].operation) if ends else NodeRef("Return", last[3])
    site = draft.site(operations[uses[-1].operation])
    draft.add(FinishFixture(node=node, site=site, group=group, source="\n".join(lines)))
    for use in uses:
        if use not in ends:
            called = call_reference(function, use.operation)
            where = draft.site(operations[use.operation])
            draft.add(RemoveStatement(node=called, site=where, group=group))


def _line(use: Use, operations: tuple[f.Operation, ...], coloring: Coloring) -> str:
    name = dotted(operations, operations[use.operation][6][0])
    awaited = use.does_io or not coloring.turned.isdisjoint(use.callees)
    return f"await {name}()" if awaited else f"{name}()"
