"""Entries: an expression that reads what isn't loaded is evaluated inside ``run_sync``.

    tree = await db.run_sync(lambda _: root.as_dict())

There attributes load as they did. It is what is left where no query is in reach and no statement
before it could load as much: a tree of any depth, or a way that nobody can tell beforehand.
"""

from __future__ import annotations

from collections.abc import Callable

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.consumers import exhausts
from asyncify.analysis.layout import Layout
from asyncify.analysis.load_demands import Demand
from asyncify.analysis.load_values import EVERYTHING
from asyncify.analysis.program import Function, Module, dotted
from asyncify.analysis.special_uses import tested
from asyncify.analysis.statements import statements_of
from asyncify.decisions import AwaitExpression, EnterRunSync, ReplaceCall, ReplaceExpression
from asyncify.planning.consumers import consume_generators
from asyncify.planning.draft import Draft, node_reference
from asyncify.planning.load_access import Access
from asyncify.sites import Site
from asyncify.vocabulary.loading import RESHAPED_EACH

ITERATED = "__iter__"  # gives an iterator, mostly
# What a lambda can't do for the function around it.
_BOUND = {f.AWAIT, f.YIELD, f.YIELD_FROM, f.WALRUS}
_LAZY = {"map", "filter"}
_ENTERED = (f.CALL, f.ATTRIBUTE, f.SUBSCRIPT, f.NAME)
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
        if demand.returned or self._is_asked(holder, demand):
            return None  # it is read later
        layout, draft = self.colors.uses.layout(holder), self.draft(holder.module)
        index, whole = self._whole(layout, demand)
        if index < 0:
            return None
        operation = layout.operations[index]
        site = draft.site(operation)
        if (holder, index) in self.entered:
            return site
        session = self.access.session(holder, index)
        if not (session or demand.is_read_itself) or not self._may(holder, layout, index, demand):
            return None
        outside = self.awaits(holder, layout.subtree(index))
        may_hand = index == demand.anchor or not _generates(demand)  # `map` does nothing yet
        if outside and not (may_hand and self._can_hand_in(holder, layout, index)):
            if not self.include(holder, index, draft) and not self._has_name(
                holder, layout, index, demand.anchor
            ):
                return None
            outside = False
        session = session or self.access.session_of(holder, instance(layout, demand))
        if not session:
            return None
        self.entered.add((holder, index))
        group = self.coloring.groups.get(holder, 0)
        consume_generators(layout, index, draft, group, keeps_end=True)
        self._write(holder, index, session, "" if outside else whole)
        return site

    def _is_asked(self, holder: Function, demand: Demand) -> bool:
        """Is it the value of a call that Python asks for something then: ``with page(user):``?"""
        is_value = demand.at == demand.anchor and bool(demand.calls) and not _generates(demand)
        return is_value and holder.body.operations[demand.anchor][0] == f.CALL

    def _write(self, holder: Function, index: int, session: str, whole: str) -> None:
        """An expression, as ``whole`` says it, is evaluated inside ``run_sync``; '': as it stands,
        with what it awaits handed in."""
        draft, group = self.draft(holder.module), self.coloring.groups.get(holder, 0)
        node, site = node_reference(holder, index), draft.site(holder.body.operations[index])
        if not whole:
            draft.add(
                EnterRunSync(
                    node=node, site=site, group=group, session=session, parameter="_", outside=True
                )
            )
        else:
            template = f"{session}.run_sync(lambda _: {whole})"
            draft.add(
                ReplaceExpression(node=node, site=site, group=group, template=template, awaits=True)
            )

    def _whole(self, layout: Layout, demand: Demand) -> tuple[int, str]:
        """What is entered, and as what: of a generator all that it gives, -1 where nobody tells
        that all of it is gone through."""
        index = demand.anchor
        if demand.executes in (EVERYTHING, RESHAPED_EACH) and not demand.calls:
            return index, "{node}.all()"
        parent, loop = layout.parent(index), layout.loop(index)
        operation = layout.operations[parent] if parent >= 0 else ()
        if not _generates(demand):
            is_lazy = self._is_lazy(layout.function, layout.operations[index])
            is_whole = is_lazy and operation[:1] == (f.CALL,) and exhausts(layout, parent)
            if is_whole or layout.operations[index][0] != f.NAME:
                return parent if is_whole else index, "{node}"
            # A name loads nothing, unless somebody wants to know whether it is true: `if user:`
            return (index, "bool({node})") if index in tested(layout) else (-1, "")
        if operation[:1] == (f.CALL,) and index in operation[6]:
            return (parent, "{node}") if exhausts(layout, parent) else (-1, "")
        is_listed = operation[:1] == (f.COMPREHENSION,) and operation[5] != "GeneratorExp"
        is_first = is_listed and operation[8][0][1] == index
        is_whole = is_first or (loop is not None and _ends(loop))
        # `list` would ask an object for its length first.
        is_object = _inner(demand)[0].name == ITERATED
        whole = "[item for item in {node}]" if is_object else "list({node})"
        return (index, whole) if is_whole else (-1, "")

    def holds(self, function: Function, index: int) -> bool:
        """Is an operation evaluated inside of one that is entered?"""
        if not self.entered:
            return False
        layout = self.colors.uses.layout(function)
        while index >= 0 and (function, index) not in self.entered:
            index = layout.parent(index)
        return index >= 0

    def _may(self, holder: Function, layout: Layout, index: int, demand: Demand) -> bool:
        """Does it end where it began, with nothing in it that awaits?"""
        inner, gives = _inner(demand), _generates(demand)
        if any(fn in self.coloring.turned for fn in inner):
            return False
        if not gives and any(fn.facts.is_generator for fn in inner):
            return False
        if self._is_lazy(holder, layout.operations[index]):
            return False
        return _has_node(layout.operations[index]) and holder.facts.kind == "def"

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

    def _has_name(self, holder: Function, layout: Layout, index: int, anchor: int) -> bool:
        """Is what awaits only the instance of which something is called, and gets a name before?
        ``user = await find(db)``, for ``find(db).as_dict()``."""
        base = anchor
        while base >= 0 and not (base != anchor and layout.operations[base][0] == f.CALL):
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


def _has_node(operation: f.Operation) -> bool:
    """Can an expression be replaced? Of the operators comparisons can."""
    return operation[0] in _ENTERED or bool(operation[0] == f.OPERATOR and operation[3] >= 0)


def _inner(demand: Demand) -> list[Function]:
    """The functions that are called on the way to a read."""
    inner = [function for function, _ in demand.calls[1:]]
    return [*inner, demand.function] if demand.calls else inner


def instance(layout: Layout, demand: Demand) -> int:
    """The instance whose session it is: ``user`` of what ``user.notes.limit(2)`` executes."""
    index, operation = demand.at, layout.operations[demand.at]
    while demand.executes and operation[0] in (f.CALL, f.ATTRIBUTE):
        if operation[0] == f.ATTRIBUTE and operation[6] == demand.attribute:
            return int(operation[5])
        index = operation[5]
        operation = layout.operations[index]
    return demand.at


def _generates(demand: Demand) -> bool:
    """Is the first of these a generator, which reads when it is gone through?"""
    inner = _inner(demand)
    return bool(inner) and (inner[0].facts.is_generator or inner[0].name == ITERATED)


def _ends(loop: f.Statement) -> bool:
    """Does a loop go through all that it is given?"""
    return not any(
        statement[0] in (f.RETURN, f.RAISE) or (statement[0] == f.FLOW and statement[7] == "break")
        for statement in statements_of(loop[9])
    )
