"""Slots: what flows between functions, and the worklist that follows it.

Returns, yields, arguments, attributes, globals and captured variables are kept in *slots*. A
function is evaluated again when a slot that it read has grown.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from asyncify.analysis import values as v
from asyncify.analysis.program import Class, Function, Module

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation

_WITHOUT_CONSTANTS = {"attribute", "parameter", "return", "yield"}  # slots
_ROUNDS = 40  # evaluations of one function; a lattice of this height is never climbed so far
_NESTED = 60  # evaluations inside one another; what lies deeper waits for its turn
_NOWHERE: set[int] = set()
_RECURSION_LIMIT = 12_000  # room for them, and for statements as deep as Python reads


# Who reads, and by which operations; None: by something else, too.
Readers = dict[Function, set[int] | None]


class Slot:
    """One place that values flow into. ``kind`` is ``attribute``, ``global``, ``local``,
    ``parameter``, ``packed`` (the whole tuple of ``*args``, the dict of ``**kwargs``), ``return``,
    ``wrapped`` or ``yield``; ``owner`` the class, module or function
    that has it, ``name`` what it has it under: for a parameter its position."""

    __slots__ = ("groups", "kind", "name", "owner", "readers", "value")

    def __init__(self, kind: str, owner: Any, name: Any) -> None:
        self.kind = kind
        self.owner = owner
        self.name = name
        self.value: v.Value = v.UNKNOWN
        self.readers: Readers = {}
        self.groups: list[Group] = []

    def __repr__(self) -> str:
        return f"<slot {self.kind} {self.owner} {self.name}>"


class Group:
    """Slots that are read together, and what they hold: that is joined once for all who read it,
    and forgotten when one of them grows."""

    __slots__ = ("readers", "slots", "value")

    def __init__(self, slots: tuple[Slot, ...]) -> None:
        self.slots = slots
        self.value: v.Value | None = None
        self.readers: Readers = {}
        for slot in slots:
            slot.groups.append(self)


_PLAIN = (v.Foreign, v.ForeignInstance, v.Literal, v.ModuleObject, v.Collection, v.TupleValue)


class Flow:
    """The slots of a program, and which functions are due to be evaluated."""

    def __init__(self) -> None:
        self._held: tuple[int, list[tuple[Class, str, v.Value]]] = (-1, [])
        self.runs = 0  # grows with every evaluation: what is derived from them may be kept
        self.evaluations: dict[Function, Evaluation] = {}
        self._slots: dict[tuple[str, Any, Any], Slot] = {}
        self._written: list[Slot] = []
        self._queue: deque[Function] = deque()
        self._again: deque[Function] = deque()  # those that were evaluated: they wait for more
        self._queued: set[Function] = set()
        self._counts: dict[Function, int] = {}
        self._current: Function | None = None
        self.place = -1  # the operation that is evaluated, or -1
        self._patches: Readers = {}  # where those that are due have to be evaluated again
        self._running: set[Function] = set()
        self._stripped: dict[v.Value, v.Value] = {}
        self._holding: dict[v.Value, bool] = {}
        self._plain: dict[v.Value, bool] = {}
        self._empty: dict[v.Value, bool] = {}

    def evaluate(self, function: Function) -> None:
        """Evaluate a function."""
        raise NotImplementedError

    def patch(self, function: Function, places: set[int]) -> bool:
        """Evaluate some operations again. False where that isn't enough."""
        raise NotImplementedError

    def noticed(self, slot: Slot, value: v.Value) -> None:
        """A slot has grown by a value."""
        raise NotImplementedError

    # -- the worklist

    def need(self, function: Function) -> None:
        """Evaluate a function, unless that was done or is due."""
        if function not in self._queued and function not in self.evaluations:
            self._queued.add(function)
            self._queue.append(function)

    def again(self, functions: Iterable[Function]) -> None:
        """Evaluate functions, and once more those that were evaluated before."""
        for function in functions:
            if function not in self._queued and function is not self._current:
                self._patches[function] = None
                self._queued.add(function)
                self._again.append(function)

    def settle(self) -> None:
        """Evaluate until nothing changes."""
        with _deep_recursion():
            while self._queue or self._again:
                function = (self._queue or self._again).popleft()
                if function in self._queued:  # else it was evaluated on the way
                    self._run(function)

    def demand(self, function: Function) -> None:
        """Evaluate now what the function under evaluation depends on: it would have to be
        evaluated once more if it came first."""
        if function in self._running or function in self.evaluations:
            return
        if self._current is None or len(self._running) >= _NESTED:
            self.need(function)
        else:
            self._run(function)

    def _run(self, function: Function) -> None:
        self._queued.discard(function)
        self.runs += 1
        count = self._counts[function] = self._counts.get(function, 0) + 1
        if count > _ROUNDS:
            return
        outer, place = self._current, self.place
        self._current, self.place = function, -1
        self._running.add(function)
        places = self._patches.pop(function, None)
        if not places or function not in self.evaluations or not self.patch(function, places):
            self.place = -1
            self.evaluate(function)
        self._running.discard(function)
        self._current, self.place = outer, place

    # -- slots

    def slot(self, kind: str, owner: Class | Function | Module, name: str | int = "") -> Slot:
        """The slot of that name."""
        key = kind, owner, name
        found = self._slots.get(key)
        if found is None:
            found = self._slots[key] = Slot(kind, owner, name)
        return found

    def read(self, slot: Slot) -> v.Value:
        """The value of a slot; the function under evaluation is run again when it grows."""
        if self._current is not None:
            self._note_reader(slot.readers, self._current)
        return slot.value

    def _note_reader(self, readers: Readers, function: Function) -> None:
        known = readers.get(function, _NOWHERE)
        if known is _NOWHERE:
            readers[function] = {self.place} if self.place >= 0 else None
        elif known is not None:
            if self.place >= 0:
                known.add(self.place)
            else:
                readers[function] = None

    def read_group(self, group: Group) -> v.Value:
        """What any of several slots holds."""
        if self._current is not None:
            self._note_reader(group.readers, self._current)
        value = group.value
        if value is None:
            value = group.value = v.join([slot.value for slot in group.slots])
        return value

    def write(self, slot: Slot, value: v.Value) -> None:
        """A value flows into a slot."""
        known = slot.value
        if value is known or not value:
            return
        if slot.kind in _WITHOUT_CONSTANTS:
            value = self._without_constants(value)
        if value <= known:
            return
        grown = known | value if known else value
        wide = len(grown) > v.WIDTH * 4 and not v.fits(grown, v.WIDTH * 4)
        if wide or v.depth(grown) > v.DEPTH:
            return
        if not known:
            self._written.append(slot)
        slot.value = grown
        self.noticed(slot, value)
        if slot.kind == "parameter" and any(map(_is_received, value)):
            self.need(slot.owner)
        self._grown(slot.readers)
        for group in slot.groups:
            group.value = None
            self._grown(group.readers)

    def _grown(self, readers: Readers) -> None:
        for reader, places in readers.items():
            known = self._patches.get(reader, _NOWHERE)
            self._patches[reader] = None if places is None or known is None else known | places
            if reader not in self._queued:
                self._queued.add(reader)
                self._again.append(reader)

    def _without_constants(self, value: v.Value) -> v.Value:
        """Constants are passed and returned everywhere, and each new one would have everybody who
        reads the slot evaluated again, to learn nothing."""
        found = self._stripped.get(value)
        if found is None:
            kept = frozenset(a for a in value if a.__class__ is not v.Literal)
            found = self._stripped[value] = value if len(kept) == len(value) else kept
        return found

    def holds_objects(self, value: v.Value) -> bool:
        """Is an object of SQLAlchemy or a Query among the alternatives?"""
        found = self._holding.get(value)
        if found is None:
            found = any(isinstance(a, (v.Known, v.QueryValue)) for a in value)
            self._holding[value] = found
        return found

    def is_plain(self, value: v.Value) -> bool:
        """Is nothing of the program and no object of SQLAlchemy among the alternatives?"""
        found = self._plain.get(value)
        if found is None:
            found = self._plain[value] = all(isinstance(a, _PLAIN) for a in value)
        return found

    def holds_nothing(self, value: v.Value) -> bool:
        """The same, also of what is in containers: ``(priority, handler)``, ``[handler]``."""
        found = self._empty.get(value)
        if found is None:
            found = self._empty[value] = self.is_plain(value) and all(
                self.holds_nothing(v.elements(frozenset((a,)))) and a.__class__ is not v.Keyed
                for a in value
                if isinstance(a, (v.Collection, v.TupleValue))
            )
        return found

    def given(self, what: str, function: Function) -> v.Value:
        """What was seen to be returned or yielded (``what``) by a function."""
        return self.slot(what, function).value

    def passed(self, function: Function, position: int) -> v.Value:
        """What was seen to be given for a parameter."""
        return self.slot("parameter", function, position).value

    def attributes_held(self) -> Iterator[tuple[Class, v.Value]]:
        """The classes with attributes that hold objects of SQLAlchemy, and what these hold."""
        for cls, _, value in self.named_attributes_held():
            yield cls, value

    def named_attributes_held(self) -> list[tuple[Class, str, v.Value]]:
        """The same, with the attributes' names."""
        if self._held[0] != self.runs:
            found = [
                (slot.owner, str(slot.name), slot.value) for slot in self._written
                if slot.kind == "attribute" and isinstance(slot.owner, Class)
                and self.holds_objects(slot.value)
            ]  # fmt: skip
            self._held = self.runs, found
        return self._held[1]


def _is_received(atom: v.Atom) -> bool:
    """Is it something that is looked for in the function that gets it? Nobody else calls a
    lambda."""
    if isinstance(atom, v.FunctionObject):
        return atom.function.facts.kind == "lambda"
    return isinstance(atom, (v.Known, v.QueryValue))


@contextmanager
def _deep_recursion() -> Iterator[None]:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _RECURSION_LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
