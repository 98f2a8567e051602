"""Coloring: the color of every function, and what made it so."""

from __future__ import annotations

from dataclasses import dataclass, field

from asyncify.analysis import values as v
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function
from asyncify.analysis.sides import Sides
from asyncify.analysis.uses import (
    Use,
)


@dataclass(slots=True)
class Coloring:
    """The result. ``causes`` maps a turned function to the use that made it turn; ``failed`` maps
    functions that must stay sync without a way to be entered to the obstacle; ``stays`` are all
    functions of components that stay sync."""

    turned: set[Function] = field(default_factory=set)
    islands: set[Function] = field(default_factory=set)
    causes: dict[Function, Use] = field(default_factory=dict)
    failed: dict[Function, Obstacle] = field(default_factory=dict)
    stays: set[Function] = field(default_factory=set)
    stays_origins: set[v.Origin] = field(default_factory=set)
    boundaries: dict[Function, Obstacle] = field(default_factory=dict)
    groups: dict[Function, int] = field(default_factory=dict)
    source_groups: dict[v.Origin, int] = field(default_factory=dict)  # of engines and factories
    entered: set[Function] = field(default_factory=set)  # run inside run_sync as it is
    alive: set[v.Origin] = field(default_factory=set)  # engines and factories that turn
    entries: set[Function] = field(default_factory=set)  # called plainly: they get asyncio.run
    sides: Sides = field(default_factory=Sides)
    lost: dict[Use, Obstacle | None] = field(default_factory=dict)  # coroutines nobody awaits
    sync: bool = False  # nothing turns yet: only queries are rewritten

    def chain(self, function: Function) -> tuple[str, ...]:
        """The calls that lead from a function to the I/O."""
        names, seen = [function.qualname], {function}
        use = self.causes.get(function)
        while use is not None and use.callees:
            following = next((c for c in use.callees if c in self.causes), None)
            if following is None or following in seen:
                break
            seen.add(following)
            names.append(following.qualname)
            use = self.causes[following]
        if use is not None:
            names.append(f"{use.name or use.kind} (line {use.line})")
        return tuple(names)
