"""What turns, as plain data: the functions that reach the database, and the calls between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from asyncify.findings import Finding


@dataclass(frozen=True, slots=True)
class Node:
    """One function. ``color``: ``turns``, ``async`` (it is async already), ``island`` (stays sync
    and is entered through `run_sync`) or ``stays`` (sync). ``reason`` says why, where no call does.
    ``io`` names the I/O that it does itself, as "name (line n)", or is empty."""

    name: str
    path: str
    line: int
    color: str
    io: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One place where a function uses another, by their names."""

    caller: str
    callee: str
    line: int


@dataclass(frozen=True, slots=True)
class Turning:
    """The graph: functions in order of their places, and calls in order. ``names`` are all
    functions of the program, and the bodies of modules and classes that are in the graph, but for
    the files that are ``unread``."""

    nodes: tuple[Node, ...] = ()
    calls: tuple[Call, ...] = ()
    names: frozenset[str] = field(default=frozenset())
    unread: tuple[Finding, ...] = ()

    def chain(self, name: str) -> tuple[str, ...]:
        """The shortest way from a function to I/O: names of functions, and the I/O at the end."""
        nodes = {node.name: node for node in self.nodes}
        below = _adjacent((call.caller, call.callee) for call in self.calls)
        came: dict[str, str] = {name: ""}
        pending = deque([name])
        while pending:
            current = pending.popleft()
            if current in nodes and nodes[current].io:
                return (*_way(current, came), nodes[current].io)
            for callee in below.get(current, ()):
                if callee not in came:
                    came[callee] = current
                    pending.append(callee)
        return ()

    def forced(self, name: str) -> tuple[str, ...]:
        """Who turns, or is reported, because a function does: its callers, and theirs, the nearest
        first."""
        above = _adjacent((call.callee, call.caller) for call in self.calls)
        found: dict[str, None] = {}
        pending = deque([name])
        while pending:
            for caller in above.get(pending.popleft(), ()):
                if caller not in found and caller != name:
                    found[caller] = None
                    pending.append(caller)
        return tuple(found)

    def find(self, name: str) -> str:
        """The name of a function of the program: whole, with dots only, or without the module
        where there is only one such; else ''."""
        whole = [n for n in self.names if name in (n, n.replace(":", "."))]
        found = whole or [n for n in self.names if n.partition(":")[2] == name]
        return found[0] if len(found) == 1 else ""


def _adjacent(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for left, right in pairs:
        found.setdefault(left, []).append(right)
    return found


def _way(name: str, came: dict[str, str]) -> list[str]:
    names = [name]
    while came[names[-1]]:
        names.append(came[names[-1]])
    return names[::-1]
