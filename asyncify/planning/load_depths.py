"""Depths: attributes that are read again and again on the way that they lead.

A function that calls itself on ``self.children``, or a loop that goes on from ``node.parent``,
reads one relationship at any depth. Its first two turns are demands like others; here they become
one, which says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from asyncify.analysis.load_demands import Demand

DEEP = "deep"  # along one relationship
ENDLESS = "endless"  # along several


def deepened(demands: Iterable[Demand]) -> list[Demand]:
    """The demands, with one for all turns of those that are asked again below themselves, by the
    same reader: another schema ends where it ends."""
    alike: dict[object, list[Demand]] = {}
    for demand in demands:
        place = demand.function, demand.operation, demand.reader
        key = demand.source, *place, demand.attribute, demand.executes
        alike.setdefault(key, []).append(demand)
    return [each for group in alike.values() for each in _merged(group)]


def _merged(group: list[Demand]) -> Iterator[Demand]:
    """Of reads at one place, each below no other, marked with how the others lie below it."""
    below: dict[Demand, list[tuple[str, ...]]] = {}
    ways = {demand: _way(demand, group) for demand in group} if len(group) > 1 else {}
    for demand, (first, way) in ways.items():
        if way and demand.attribute in way:
            below.setdefault(first, []).append(way)
    for demand in group:
        first, way = ways.get(demand, (demand, ()))
        if not way:
            depth = _depth(demand, below.get(demand, [])) or _turn(demand)
            yield demand._replace(depth=depth)
        elif demand.attribute not in way and len(set(way)) == len(way):
            yield demand  # what hangs on each node


def _depth(demand: Demand, ways: list[tuple[str, ...]]) -> str:
    if not ways:
        return ""
    return DEEP if all(set(way) == {demand.attribute} for way in ways) else ENDLESS


def _turn(demand: Demand) -> str:
    """How a demand goes on whose first turn asks for nothing: that was loaded already."""
    again = any(function is demand.function for function, _ in demand.calls)
    if not again or demand.attribute not in demand.path:
        return ""
    return DEEP if demand.path[-1] == demand.attribute else ENDLESS


def _way(demand: Demand, group: list[Demand]) -> tuple[Demand, tuple[str, ...]]:
    """The demand that this one repeats, the one nearest to the source, and the way from there."""
    for other in sorted(group, key=lambda each: len(each.path)):
        start = len(other.path)
        if start >= len(demand.path):
            break
        if demand.path[:start] == other.path and demand.calls[: len(other.calls)] == other.calls:
            return other, demand.path[start:]
    return demand, ()
