"""Relationships that async code reads though nothing has loaded them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.coloring import Coloring
from asyncify.analysis.colors import Colors
from asyncify.analysis.load_demands import Demand
from asyncify.analysis.load_native import NativeLoading, Unloaded
from asyncify.analysis.program import Class, Function
from asyncify.findings import Finding
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.vocabulary.loading import CRITERIA, JOINS, LOADING_BY_HAND, UNLOADED_RAISE

_CALLERS = 60  # that are looked at for what they hold


def unloaded(colors: Colors, coloring: Coloring) -> Iterator[Finding]:
    """One finding for each read, whoever reaches it."""
    found: dict[tuple[Function, int, str], Finding] = {}
    native = NativeLoading(colors, coloring)
    for each in native.unloaded():
        place = each.demand.function, each.demand.operation, each.demand.attribute
        if place not in found and not _Way(native, each).loads():
            found[place] = _finding(each.holder, each.demand)
    yield from found.values()


class _Way:
    """What leads to a read: the functions on the way, and what they hold besides."""

    def __init__(self, native: NativeLoading, unloaded: Unloaded) -> None:
        self.native = native
        self.colors = native.colors
        self.holder, self.demand, self.is_injected = unloaded
        called = (function for function, _ in self.demand.calls[1:])
        self.functions = [
            self.demand.source.function, self.holder, *called, self.demand.function
        ]  # fmt: skip

    def loads(self) -> bool:
        """May the attribute have been loaded after all, or is its absence provided for?"""
        return (
            any(map(self._loads_by_hand, self.functions))
            or any(map(self._is_caught, self.functions))
            or self._is_in_session()
        )

    def _loads_by_hand(self, function: Function) -> bool:
        """Does a function name the attribute of the class, or ask what is loaded?"""
        mentioned = function.facts.members | function.facts.names
        if not mentioned.isdisjoint(LOADING_BY_HAND):
            return True
        name, values = self.demand.attribute, self._values(function)
        return any(
            (operation[0] == f.CONSTANT and operation[5] == name)
            or (operation[0] == f.ATTRIBUTE and operation[6] == name
                and any(isinstance(atom, v.ClassObject) for atom in values[operation[5]])
                and not self._only_restricts(function, index))
            for index, operation in enumerate(function.body.operations) if operation
        )  # fmt: skip

    def _only_restricts(self, function: Function, index: int) -> bool:
        """``.join(Post.user)``, ``Post.user.has(...)``: that chooses rows, and loads nothing."""
        layout = self.colors.uses.layout(function)
        parent = layout.parent(index)
        above = layout.operations[parent] if parent >= 0 else ()
        if above and above[0] == f.ATTRIBUTE:
            return above[6] in CRITERIA
        callee = layout.operations[above[5]] if above and above[0] == f.CALL else ()
        return bool(callee) and callee[0] == f.ATTRIBUTE and callee[6] in JOINS

    def _is_caught(self, function: Function) -> bool:
        """Is there a handler for what the read raises?"""
        names = function.facts.names | function.facts.members
        return not names.isdisjoint(UNLOADED_RAISE)

    def _is_in_session(self) -> bool:
        """May the session have what is read, because somebody on the way holds it? Then it gives
        that, for a relationship to one; and the instance itself, as it was loaded before."""
        entity = self.demand.entity
        link = self.colors.inference.models.links(entity.cls).get(self.demand.attribute)
        if link is None or link.target is None:
            return True
        around, target = self._around(), link.target
        if self.demand.source.kind == "new" and self._is_asked_again(around):
            return True
        asked = not self.is_injected and self.native.is_optional(entity.cls, link.name)
        return any(
            (asked and self._is_given(function, entity.cls))
            or (not link.to_many and self._holds(function, target))
            for function in around
        )

    def _is_asked_again(self, around: list[Function]) -> bool:
        """Is there a query with an option for it, that may come to the new object as well?"""
        entity, source = self.demand.entity, self.demand.source
        if not self.native.is_optional(entity.cls, self.demand.attribute):
            return False
        callers = self.colors.callers()
        made = source.function.body.operations[source.operation]
        known = {(source.function, source.operation), (source.function, made[5])}
        known |= {(caller, use.operation) for fn in around for caller, use in callers.get(fn, ())}
        return any(
            operation and (function, index) not in known
            and (_is_of(value, entity.cls) if operation[0] == f.CALL
                 else _is_class(value, entity.cls))
            for function in around
            for index, operation, value in zip(
                count(), function.body.operations, self._values(function), strict=False
            )
        )  # fmt: skip

    def _around(self) -> list[Function]:
        """The functions that have the instance, and those that call them."""
        found = dict.fromkeys((self.demand.source.function, self.holder))
        pending = [self.holder]
        callers = self.colors.callers()
        while pending and len(found) < _CALLERS:
            for caller, _ in callers.get(pending.pop(), ()):
                if caller not in found:
                    found[caller] = None
                    pending.append(caller)
        return list(found)

    def _is_given(self, function: Function, cls: Class) -> bool:
        inference = self.colors.inference
        return function in inference.evaluations and any(
            _is_of(inference.parameter(function, position), cls)
            for position in range(len(function.signature.parameters))
        )

    def _holds(self, function: Function, cls: Class) -> bool:
        """Does a function select instances of a class, call what gives one, or get one?"""
        values = self._values(function)
        return self._is_given(function, cls) or any(
            _is_of(value, cls) if operation[0] == f.CALL else _is_class(value, cls)
            for operation, value in zip(function.body.operations, values, strict=True) if operation
        )  # fmt: skip

    def _values(self, function: Function) -> list[v.Value]:
        evaluation = self.colors.inference.evaluations.get(function)
        unknown = [v.UNKNOWN] * len(function.body.operations)
        return evaluation.values if evaluation is not None else unknown


def _is_of(value: v.Value, cls: Class) -> bool:
    """Is a value an instance of a class, or a collection of some? Not if it may be anything."""
    known = [atom for atom in value if isinstance(atom, (v.Instance, v.Collection))]
    return bool(known) and all(
        _is_of(atom.items, cls) if isinstance(atom, v.Collection)
        else atom.cls in cls.ancestors or cls in atom.cls.ancestors
        for atom in known
    )  # fmt: skip


def _is_class(value: v.Value, cls: Class) -> bool:
    return any(
        isinstance(atom, v.ClassObject) and (atom.cls in cls.ancestors or cls in atom.cls.ancestors)
        for atom in value
    )


def _finding(holder: Function, demand: Demand) -> Finding:
    function, source = demand.function, demand.source
    operation = function.body.operations[demand.operation]
    name = f"{demand.entity.cls.name}.{demand.attribute}"
    line = source.function.body.operations[source.operation][1]
    reader = f" by {demand.reader}" if demand.reader else ""
    where = f" when `{holder.facts.qualname}` calls for it" if function is not holder else ""
    is_new = source.kind == "new"
    origin = "is made" if is_new else "comes from"
    advice = (
        f"Load it with its query, by an option such as `selectinload({name})`, or by `refresh`."
    )
    if is_new:
        advice = f'Load it when it is stored, by `refresh(..., ["{demand.attribute}"])`.'
    return finding(
        "ASY416", Site(function.module.path, operation[1], operation[2]),
        f"`{demand.attribute}` of {demand.entity.cls.name} is read{reader}{where}, and nothing has "
        f"loaded it: the instance {origin} {'in ' * is_new}{source.function.module.path}:{line}.",
        advice,
    )  # fmt: skip
