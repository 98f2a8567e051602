"""Planning of what makes coroutine functions of plain ones, which then run in a thread:
``sync_to_async(find)`` of what turns is ``find`` itself."""

from __future__ import annotations

from collections.abc import Callable

from asyncify.analysis.boundaries import rule_of
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Module, dotted
from asyncify.analysis.sides import ordered
from asyncify.decisions import ReplaceCall
from asyncify.planning.draft import Draft, call_reference
from asyncify.vocabulary.boundary_rules import Rule


def plan_wrappers(colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]) -> None:
    """Wherever one is made of functions that all turn, but for what stays sync."""
    staying = coloring.islands | coloring.stays
    made = {
        (caller, use.operation): use
        for function in ordered(coloring.turned)
        for caller, use in colors.callers().get(function, ())
        if use.kind == "pass" and rule_of(use.name) is Rule.UNWRAP and caller not in staying
    }  # fmt: skip
    for (caller, index), use in made.items():
        if not coloring.turned.issuperset(use.callees):
            continue
        edited, operations = draft(caller.module), caller.body.operations
        edited.add(
            ReplaceCall(
                node=call_reference(caller, index), site=edited.site(operations[index]),
                group=coloring.groups.get(use.callees[0], 0),
                awaited="{0}", result="{awaited}", awaits=False,
            )
        )  # fmt: skip
        edited.drop(dotted(operations, operations[index][5]))
