"""Planning of ``contextmanager(rows)``: what makes managers of a generator that turns makes async
ones, as the decorator does."""

from __future__ import annotations

from collections.abc import Callable

from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Module, dotted
from asyncify.analysis.sides import ordered
from asyncify.decisions import RenameReference
from asyncify.planning.draft import Draft, reference
from asyncify.vocabulary.frameworks import MANAGER


def plan_managers(colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]) -> None:
    """Wherever one is made, but for what stays sync, which has a copy of the generator."""
    staying = coloring.islands | coloring.stays
    for generator in ordered(fn for fn in coloring.turned if fn.facts.is_generator):
        for caller, use in colors.callers().get(generator, ()):
            if use.kind != "pass" or use.name != MANAGER or caller in staying:
                continue
            edited, operations = draft(caller.module), caller.body.operations
            callee = operations[use.operation][5]
            edited.add(
                RenameReference(
                    node=reference(operations[callee]), site=edited.site(operations[callee]),
                    group=coloring.groups.get(generator, 0),
                    new=edited.spell("contextlib.asynccontextmanager"), whole=True,
                )
            )  # fmt: skip
            edited.drop(dotted(operations, callee))
