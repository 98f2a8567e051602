"""Planning of what managers are made by: ``contextmanager(rows)`` of a generator that turns makes
async ones, as the decorator does, and so do the classes of ``contextlib`` below which one turns."""

from __future__ import annotations

from collections.abc import Callable

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.declarations import foreign_name
from asyncify.analysis.program import Class, Module, dotted
from asyncify.analysis.sides import ENTERED_AS, ordered
from asyncify.decisions import RenameReference
from asyncify.planning.draft import Draft, reference
from asyncify.vocabulary.frameworks import ASYNC_DECORATING, DECORATING, MANAGER
from asyncify.vocabulary.generics import GENERICS


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
    entering = (fn for fn in coloring.turned if fn.name in ENTERED_AS and fn.owner is not None)
    for cls in dict.fromkeys(fn.owner for fn in ordered(entering)):
        if cls is not None and coloring.sides.twinned.isdisjoint(cls.methods.values()):
            _plan_bases(colors, coloring, draft(cls.module), cls)


def _plan_bases(colors: Colors, coloring: Coloring, draft: Draft, cls: Class) -> None:
    """``class Transaction(ContextDecorator)``"""
    operations, scope = cls.body.signature.operations, cls.body.parent or cls.body
    for index in cls.body.signature.bases:
        base = operations[index][5] if operations[index][0] == f.SUBSCRIPT else index
        if operations[base][0] not in (f.NAME, f.ATTRIBUTE):
            continue
        name = foreign_name(scope, operations, base, colors.inference)
        generic = GENERICS.get(name)
        new = ASYNC_DECORATING if name == DECORATING else generic.new if generic is not None else ""
        if not new:
            continue
        draft.add(
            RenameReference(
                node=reference(operations[base]), site=draft.site(operations[base]),
                group=max(coloring.groups.get(m, 0) for m in cls.methods.values()),
                new=draft.spell(new), whole=True,
            )
        )  # fmt: skip
        draft.drop(dotted(operations, base))
