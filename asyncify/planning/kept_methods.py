"""``query = session.query``: a method that begins queries, kept under a name.

What it began becomes statements, and an async session has no such method: the assignment goes too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from asyncify import facts as f
from asyncify.analysis import kept_methods
from asyncify.analysis.program import Function, Module
from asyncify.decisions import RemoveStatement
from asyncify.planning.draft import Draft
from asyncify.planning.query_places import Flow
from asyncify.sites import NodeRef, Site

_Kept = tuple[Function, str]


def drop_kept_methods(
    flows: Iterable[Flow],
    draft: Callable[[Module], Draft],
    is_async: Callable[[Flow, Function], bool],
    groups: dict[Function, int],
) -> None:
    """Remove the assignments whose names nobody needs any more."""
    for (function, name), starts in _kept(flows, is_async).items():
        statement = kept_methods.assignment(function, name)
        if statement is not None and starts.issuperset(kept_methods.reads(function, name)):
            site = Site(function.module.path, statement[1], statement[2])
            node, group = NodeRef("Assign", statement[3]), groups.get(function, 0)
            draft(function.module).add(RemoveStatement(node=node, site=site, group=group))


def _kept(
    flows: Iterable[Flow], is_async: Callable[[Flow, Function], bool]
) -> dict[_Kept, set[tuple[Function, int]]]:
    """The names that queries begin at which become statements, and the calls of them."""
    kept: dict[_Kept, set[tuple[Function, int]]] = {}
    for flow in flows:
        function = flow.origin.function
        start = function.body.operations[flow.start]
        if start[0] != f.CALL or flow.reason or not is_async(flow, function):
            continue
        callee = function.body.operations[start[5]]
        binder = kept_methods.binder(function, callee[5]) if callee[0] == f.NAME else None
        if binder is not None:
            kept.setdefault((binder, callee[5]), set()).add((function, start[5]))
    return kept
