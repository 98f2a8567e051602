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
from asyncify.analysis.load_values import EVERYTHING
from asyncify.analysis.program import Function, Module, dotted
from asyncify.decisions import AwaitExpression, EnterRunSync, ReplaceCall, ReplaceExpression
from asyncify.planning.consumers import consume_generators
from asyncify.planning.draft import Draft, node_reference
from asyncify.planning.load_access import Access
from asyncify.sites import Site

# What a lambda can't do for the function around it.
_BOUND = {f.AWAIT, f.YIELD, f.YIELD_FROM, f.WALRUS}
_LAZY = {"map", "filter"}
_ENTERED = (f.CALL, f.ATTRIBUTE, f.SUBSCRIPT)
_NODES = {f.CALL, f.ATTRIBUTE, f.NAME, f.SUBSCRIPT, f.COMPREHENSION}


class Entries:
    """The expressions of a program that are entered so."""

    def __init__(
        self,
        colors: Colors,
        coloring: Coloring,
        draft: Callable[[Module], Draft],
        access: Access,
        hoisted: Callable[[Function, Layout, int], str],
        include: Callable[[Function, int, Draft], bool],
    ) -> None:
        self.colors = colors
        self.coloring = coloring
        self.draft = draft
        self.access = access
        self.hoisted = hoisted
        self.include = include
        self.entered: set[tuple[Function, int]] = set()

    def take(self, holder: Function, demand: Demand) -> Site | None:
        """Evaluate what leads to the read inside ``run_sync``; None where that can't be
        done."""
        if demand.returned:
            return None  # it is read later
        index = demand.anchor
        layout, draft = self.colors.uses.layout(holder), self.draft(holder.module)
        operation = layout.operations[index]
        site = draft.site(operation)
        if (holder, index) in self.entered:
            return site
        session = self.access.session(holder, index) or self._own(holder, demand)
        if not session or not self._may(holder, layout, index, demand):
            return None
        outside = self.awaits(holder, layout.subtree(index))
        if outside and not self._can_hand_in(holder, layout, index):
            if not self.include(holder, index, draft) and not self._has_name(holder, layout, index):
                return None
            outside = False
        self.entered.add((holder, index))
        group = self.coloring.groups.get(holder, 0)
        consume_generators(layout, index, draft, group)
        node = node_reference(holder, index)
        if outside:
            draft.add(
                EnterRunSync(
                    node=node, site=site, group=group, session=session, parameter="_", outside=True
                )
            )
        else:
            whole = "{node}.all()" if demand.executes == EVERYTHING else "{node}"
            template = f"{session}.run_sync(lambda _: {whole})"
            draft.add(
                ReplaceExpression(node=node, site=site, group=group, template=template, awaits=True)
            )
        return site

    def holds(self, function: Function, index: int) -> bool:
        """Is an operation evaluated inside of one that is entered?"""
        if not self.entered:
            return False
        layout = self.colors.uses.layout(function)
        while index >= 0 and (function, index) not in self.entered:
            index = layout.parent(index)
        return index >= 0

    def _own(self, holder: Function, demand: Demand) -> str:
        """The session of the instance itself."""
        is_instance = not demand.below and demand.source.kind != "held"
        return self.access.session_of(holder, demand.at) if is_instance else ""

    def _may(self, holder: Function, layout: Layout, index: int, demand: Demand) -> bool:
        """Does it end where it began, with nothing in it that awaits?"""
        inner = [function for function, _ in demand.calls[1:]]
        inner += [demand.function] if demand.calls else []
        if any(fn in self.coloring.turned or fn.facts.is_generator for fn in inner):
            return False
        if self._is_lazy(holder, layout.operations[index]):
            return False
        return layout.operations[index][0] in _ENTERED and holder.facts.kind == "def"

    def _is_lazy(self, holder: Function, operation: f.Operation) -> bool:
        """Does a call give an iterator, which calls what it was given when it is gone through?"""
        if operation[0] != f.CALL:
            return False
        called = dotted(holder.body.operations, operation[5])
        symbol = self.colors.program.resolve(holder.module, called.partition(".")[0])
        return called in _LAZY or (isinstance(symbol, str) and symbol.startswith("itertools"))

    def _can_hand_in(self, holder: Function, layout: Layout, index: int) -> bool:
        """Is what awaits among the arguments of a call, which can be evaluated before?"""
        operation = layout.operations[index]
        if operation[0] != f.CALL or self._is_decided(holder, index):
            return False
        return not self.awaits(holder, layout.subtree(operation[5]))

    def _has_name(self, holder: Function, layout: Layout, index: int) -> bool:
        """Is what awaits only the instance of which something is called, and gets a name before?
        ``user = await find(db)``, for ``find(db).as_dict()``."""
        base = index
        while base >= 0 and not (base != index and layout.operations[base][0] == f.CALL):
            if layout.operations[base][0] not in (f.CALL, f.ATTRIBUTE):
                return False
            base = layout.operations[base][5]
        rest = layout.subtree(index) - layout.subtree(base)
        if base < 0 or self.awaits(holder, rest):
            return False
        node = node_reference(holder, base)
        known = any(
            decision.node == node and bool(decision.hoist)
            for decision in self.draft(holder.module).decisions
            if isinstance(decision, (AwaitExpression, ReplaceCall, ReplaceExpression))
        )
        return known or bool(self.hoisted(holder, layout, base))

    def awaits(self, holder: Function, below: set[int]) -> bool:
        """Can't a lambda hold an expression: because of what it does, or what is planned for it?"""
        body = holder.body.operations
        if any(body[i] and body[i][0] in _BOUND for i in below):
            return True
        return any(body[i] and body[i][0] in _NODES and self._is_decided(holder, i) for i in below)

    def _is_decided(self, holder: Function, index: int) -> bool:
        node = node_reference(holder, index)
        return any(decision.node == node for decision in self.draft(holder.module).decisions)
