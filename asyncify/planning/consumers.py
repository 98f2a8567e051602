"""Planning of builtins that run what is awaited from now on: generator expressions, sort keys,
``map`` and ``filter``."""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis.consumers import applied, stops_early
from asyncify.analysis.layout import Layout
from asyncify.analysis.uses import Use
from asyncify.decisions import (
    ApplyInComprehension,
    AwaitFirstMatch,
    ConsumeGenerator,
    MakeAsyncFor,
    SortByAwaitedKeys,
)
from asyncify.planning.draft import Draft, call_reference
from asyncify.sites import NodeRef, Site


def plan_applied(use: Use, layout: Layout, draft: Draft, group: int) -> None:
    """A function that is awaited from now on, and that a builtin applies to items."""
    found = applied(layout, use.operation)
    assert found is not None
    node = call_reference(use.function, use.operation)
    site = draft.site(layout.operations[use.operation])
    awaits = layout.operations[found.function][0] != f.LAMBDA  # else its body does
    if found.form not in ("map", "filter"):
        draft.add(SortByAwaitedKeys(node=node, site=site, group=group, awaits=awaits))
        return
    parent = layout.parent(use.operation)
    lazy = parent < 0 or stops_early(layout, parent)
    draft.add(ApplyInComprehension(node=node, site=site, group=group, lazy=lazy, awaits=awaits))
    if parent >= 0 and lazy:
        site = draft.site(layout.operations[parent])
        outer = call_reference(use.function, parent)
        draft.add(AwaitFirstMatch(node=outer, site=site, group=group))
    elif lazy:
        statement = next(s for s in layout.statements if s[0] == f.FOR and s[8] == use.operation)
        site = Site(draft.module.path, statement[1], statement[2])
        draft.add(MakeAsyncFor(node=NodeRef("For", statement[3]), site=site, group=group))


def consume_generators(layout: Layout, index: int, draft: Draft, group: int) -> None:
    """Generator expressions around what awaits are read in a form that awaits."""
    for operation in layout.enclosing(index):
        if operation[5] == "GeneratorExp":
            consume_generator(layout, operation, draft, group)


def consume_generator(layout: Layout, generator: f.Operation, draft: Draft, group: int) -> None:
    """It becomes a list, for a consumer that exhausts it; else its first match is awaited."""
    call = layout.parent(layout.operations.index(generator))
    if call >= 0 and layout.operations[call][0] == f.CALL and stops_early(layout, call):
        node, site = call_reference(layout.function, call), draft.site(layout.operations[call])
        draft.add(AwaitFirstMatch(node=node, site=site, group=group))
    else:
        node = NodeRef("GeneratorExp", generator[3])
        draft.add(ConsumeGenerator(node=node, site=draft.site(generator), group=group))
