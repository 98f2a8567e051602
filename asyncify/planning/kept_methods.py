"""``query = session.query``: a method that begins queries, kept under a name.

What it began becomes statements, and an async session has no such method: where nothing else uses
the name, its assignment goes too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from asyncify import facts as f
from asyncify.analysis.program import Function, Module
from asyncify.analysis.statements import statements_of
from asyncify.decisions import RemoveStatement
from asyncify.findings import Finding
from asyncify.planning.draft import Draft
from asyncify.planning.query_places import Flow
from asyncify.rules import finding
from asyncify.sites import NodeRef, Site

_Kept = tuple[Function, str]


def drop_kept_methods(
    flows: Iterable[Flow],
    draft: Callable[[Module], Draft],
    is_async: Callable[[Flow, Function], bool],
    groups: dict[Function, int],
) -> list[Finding]:
    """Remove the assignments whose names nobody needs any more; findings for the others."""
    found: list[Finding] = []
    for (function, name), starts in _kept(flows, is_async).items():
        statement = _assignment(function, name)
        if statement is None:
            continue
        place = draft(function.module)
        site = Site(function.module.path, statement[1], statement[2])
        if _is_needed(function, name, starts):
            found.append(finding("ASY306", site, _REASON.format(name=name), _ADVICE))
            continue
        node, group = NodeRef("Assign", statement[3]), groups.get(function, 0)
        place.add(RemoveStatement(node=node, site=site, group=group))
    return found


_REASON = "`{name}` keeps `query` of a session, which an async session doesn't have."
_ADVICE = "Call `session.query` where it is needed, and run asyncify again."


def _kept(
    flows: Iterable[Flow], is_async: Callable[[Flow, Function], bool]
) -> dict[_Kept, set[int]]:
    """The names that queries begin at which become statements, and the calls of them."""
    kept: dict[_Kept, set[int]] = {}
    for flow in flows:
        function = flow.origin.function
        start = function.body.operations[flow.start]
        if start[0] != f.CALL or flow.reason or not is_async(flow, function):
            continue
        callee = function.body.operations[start[5]]
        if callee[0] == f.NAME:
            kept.setdefault((function, callee[5]), set()).add(start[5])
    return kept


def _assignment(function: Function, name: str) -> f.Statement | None:
    """The statement that keeps the method, and nothing else."""
    found = [
        statement for statement in statements_of(function.body.statements)
        if statement[0] == f.ASSIGN and (f.TO_NAME, name) in [t[:2] for t in statement[7]]
    ]  # fmt: skip
    return found[0] if len(found) == 1 and len(found[0][7]) == 1 else None


def _is_needed(function: Function, name: str, starts: set[int]) -> bool:
    """Is the name read for anything else?"""
    reads = {
        index for index, operation in enumerate(function.body.operations)
        if operation and operation[0] == f.NAME and operation[5] == name
    }  # fmt: skip
    inside = any(
        name in other.facts.names for other in function.module.functions if other.parent is function
    )
    return inside or not reads <= starts
