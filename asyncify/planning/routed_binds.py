"""Planning of routed binds: the class that chooses engines stays the sync session behind the async
one, and gives it the engines that are behind the async ones."""

from __future__ import annotations

from collections.abc import Callable

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function, Module
from asyncify.analysis.routed_binds import returned, routing
from asyncify.decisions import UseSyncSession
from asyncify.planning.draft import Draft, node_of

_REFERENCES = (f.NAME, f.ATTRIBUTE, f.SUBSCRIPT, f.CALL)
_SYNC = "sync_engine"


def plan_routed(colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]) -> None:
    """``return engines[name]`` in ``get_bind`` becomes ``return engines[name].sync_engine``."""
    for _, method in routing(colors.inference):
        if method in colors.inference.evaluations:
            for index in returned(method):
                if _gives_async(colors, coloring, method, index):
                    operations, found = method.body.operations, draft(method.module)
                    site = found.site(operations[index])
                    node = node_of(operations, index)
                    found.add(UseSyncSession(node=node, site=site, attribute=_SYNC))


def _gives_async(colors: Colors, coloring: Coloring, method: Function, index: int) -> bool:
    value = colors.inference.evaluations[method].values[index]
    return method.body.operations[index][0] in _REFERENCES and any(
        isinstance(a, v.Known) and a.kind == "Engine" and a.origin in coloring.alive for a in value
    )
