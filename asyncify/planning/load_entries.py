"""Entries: an expression that reads what isn't loaded is evaluated inside ``run_sync``.

    tree = await db.run_sync(lambda _: root.as_dict())

There attributes load as they did. It is what is left where no query is in reach and no statement
before it could load as much: a tree of any depth, or a way that nobody can tell beforehand.
"""

from __future__ import annotations

from collections.abc import Callable

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.layout import Layout
from asyncify.analysis.load_demands import Demand
from asyncify.analysis.program import Function, Module
from asyncify.decisions import Decision, ReplaceExpression
from asyncify.planning.consumers import consume_generators
from asyncify.planning.draft import Draft, node_reference
from asyncify.planning.load_access import Access
from asyncify.sites import NodeRef, Site

# What a lambda can't do for the function around it.
_BOUND = {f.AWAIT, f.YIELD, f.YIELD_FROM, f.WALRUS}
_ENTERED = (f.CALL, f.ATTRIBUTE)


class Entries:
    """The expressions of a program that are entered so."""

    def __init__(
        self,
        colors: Colors,
        coloring: Coloring,
        draft: Callable[[Module], Draft],
        access: Access,
    ) -> None:
        self.colors = colors
        self.coloring = coloring
        self.draft = draft
        self.access = access
        self._entered: set[tuple[Function, int]] = set()

    def take(self, holder: Function, demand: Demand) -> Site | None:
        """Evaluate what leads to the read inside ``run_sync``; None where that can't be done."""
        index = demand.anchor
        layout, draft = self.colors.uses.layout(holder), self.draft(holder.module)
        operation = layout.operations[index]
        site = draft.site(operation)
        if (holder, index) in self._entered:
            return site
        session = self.access.session(holder, index)
        if not session or not self._may(holder, layout, index, demand):
            return None
        self._entered.add((holder, index))
        group = self.coloring.groups.get(holder, 0)
        consume_generators(layout, index, draft, group)
        draft.add(
            ReplaceExpression(
                node=node_reference(holder, index), site=site, group=group,
                template=f"{session}.run_sync(lambda _: {{node}})", awaits=True,
            )
        )  # fmt: skip
        return site

    def _may(self, holder: Function, layout: Layout, index: int, demand: Demand) -> bool:
        """Does it end where it began, with nothing in it that awaits?"""
        inner = [function for function, _ in demand.calls[1:]]
        inner += [demand.function] if demand.calls else []
        if any(fn in self.coloring.turned or fn.facts.is_generator for fn in inner):
            return False
        if layout.operations[index][0] not in _ENTERED or holder.facts.kind != "def":
            return False
        below = layout.subtree(index)
        if any(layout.operations[i] and layout.operations[i][0] in _BOUND for i in below):
            return False
        return not self._is_changed(holder, below)

    def _is_changed(self, holder: Function, operations: set[int]) -> bool:
        """Is a part of the expression changed already?"""
        nodes = self._nodes(holder, operations)
        return any(decision.node in nodes for decision in self._decisions(holder))

    def _decisions(self, holder: Function) -> list[Decision]:
        return list(self.draft(holder.module).decisions)

    def _nodes(self, holder: Function, operations: set[int]) -> set[NodeRef]:
        kinds = (f.CALL, f.ATTRIBUTE, f.NAME, f.SUBSCRIPT, f.COMPREHENSION)
        body = holder.body.operations
        return {
            node_reference(holder, i) for i in operations if body[i] and body[i][0] in kinds
        }  # fmt: skip
