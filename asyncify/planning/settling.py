"""Settling: values of nodes that depend on one another, in rounds that end by themselves.

A node's value is unknown, then a name, then contradictory: it only ever moves in that direction, so
that cycles of nodes need no bound.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

Node = TypeVar("Node")
UNKNOWN = ""
_CONTRADICTORY = "!"


class Waiting(Exception):
    """What was asked for has to be looked at first; whoever asked is asked again after that."""


class Settling(Generic[Node]):
    """Names of nodes. ``first`` gives the names that follow from those of other nodes, which it
    asks ``name`` for. ``then`` gives what holds where the first gave nothing: it is asked when no
    node moves by the first alone, and those that a node needs before the node."""

    def __init__(
        self, first: Callable[[Node], Iterable[str]], then: Callable[[Node], Iterable[str]]
    ) -> None:
        self._first = first
        self._then = then
        self._found: dict[Node, str] = {}
        self._readers: dict[Node, dict[Node, None]] = {}
        self._queue: deque[Node] = deque()
        self._later: list[Node] = []
        self._current: list[Node] = []  # the one that is being looked at
        self._is_last = False  # is `then` being asked?

    def name(self, node: Node) -> str:
        """The name of a node, or '' where there is none, or more than one."""
        if node not in self._found:
            self._found[node] = UNKNOWN
            self._queue.append(node)
            self._later.append(node)
            if self._is_last:
                raise Waiting
        for reader in self._current:
            self._readers.setdefault(node, {})[reader] = None
        if not self._current:
            self._settle()
        found = self._found[node]
        return UNKNOWN if found == _CONTRADICTORY else found

    def _settle(self) -> None:
        while self._queue or self._later:
            if self._queue:
                node = self._queue.popleft()
                self._move(node, self._ask(self._first, node))
                continue
            node, place = self._later.pop(), len(self._later)
            self._is_last = True
            try:
                self._move(node, self._ask(self._then, node))
            except Waiting:
                self._later.insert(place, node)
            finally:
                self._is_last = False

    def _ask(self, names: Callable[[Node], Iterable[str]], node: Node) -> set[str]:
        self._current = [node]
        try:
            return set(names(node))
        finally:
            self._current = []

    def _move(self, node: Node, names: set[str]) -> None:
        known = self._found[node]
        joined = (names | {known}) - {UNKNOWN}
        new = UNKNOWN if not joined else joined.pop() if len(joined) == 1 else _CONTRADICTORY
        if new != known:
            self._found[node] = new
            self._queue.extend(self._readers.get(node, ()))
