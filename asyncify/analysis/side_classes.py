"""Classes that are a side of their own: they make the sessions that they use, and hand none out.

A cache that keeps its rows in a database of its own, or what runs in another process, opens engine
and sessions by itself. Where its constructor can't await, or somebody calls its methods who can't,
the class stays sync as a whole; anybody may call its methods as they stand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify.analysis import values as v
from asyncify.analysis.environments import is_alembic
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Class, Function
from asyncify.analysis.side_roots import Roots
from asyncify.analysis.side_spread import Spread
from asyncify.analysis.uses import SYNC_KINDS
from asyncify.vocabulary.testing import is_test_path

if TYPE_CHECKING:
    from asyncify.analysis.coloring import Coloring
    from asyncify.analysis.colors import Colors


class OwnClasses:
    """Tells which classes are a side of their own."""

    def __init__(self, colors: Colors, spread: Spread, roots: Roots) -> None:
        self.colors = colors
        self.inference = colors.inference
        self.spread = spread
        self.roots = roots

    def add(self, function: Function, obstacle: Obstacle, coloring: Coloring) -> bool:
        """Keep the class of a method sync that can't turn, if it is a side of its own and something
        else turns."""
        sides = coloring.sides
        if obstacle.whole or function in sides.refused or function in sides.roots:
            return False
        if function.owner is None:
            return False
        if function.owner not in self.spread.holders():
            return False
        family = self._family(function.owner)
        methods = {m for cls in family for m in cls.methods.values() if self._works(m)}
        methods.add(function)
        members = {fn for method in methods for fn in self.spread.below(method)}
        if (
            not members.isdisjoint(sides.refused) or not self._is_own(family, methods, members)
            or self.roots.refusal_below(function, members, sides)
            or not self._leaves_some(members, coloring)
        ):  # fmt: skip
            return False
        sides.roots[function] = obstacle
        sides.own |= methods
        sides.synced |= members
        return True

    def _family(self, owner: Class) -> list[Class]:
        """A class, and those that share its methods."""
        above = [cls for cls in owner.ancestors if cls in self.spread.holders()]
        return list(dict.fromkeys(c for cls in (owner, *above) for c in (cls, *cls.descendants())))

    def _works(self, method: Function) -> bool:
        return (
            self.colors.does_io(method) or self.spread.makes(method)
            or self.spread.reads_held(method)
        )  # fmt: skip

    def _is_own(self, family: list[Class], methods: set[Function], members: set[Function]) -> bool:
        """Is all that objects hold made by the class, and for itself?"""
        kinds = set(family)
        held = [
            atom for cls, value in self.inference.attributes_held() if cls in kinds
            for atom in value if isinstance(atom, v.Known) and atom.kind in SYNC_KINDS
        ]  # fmt: skip
        if not held or any(a.origin is None or a.origin.function not in members for a in held):
            return False
        return not any(
            self.roots.wants_session(method)
            or (self.spread.makes(method) and self._is_called_outside(method, methods))
            for method in methods
        )

    def _is_called_outside(self, method: Function, methods: set[Function]) -> bool:
        return any(caller not in methods for caller, _ in self.colors.callers().get(method, ()))

    def _leaves_some(self, members: set[Function], coloring: Coloring) -> bool:
        """Does anything else turn, or is it async already? A program that is no more than that
        class is refused."""
        own = coloring.sides.own
        others = (
            function for function in (*coloring.turned, *self.inference.evaluations)
            if function not in members and function not in own
            and not is_test_path(function.module.path) and not is_alembic(function)
        )  # fmt: skip
        uses = self.colors.uses
        return any(
            (function in coloring.turned and uses.doing_io(function))
            or any(use.is_async for use in uses.of(function))
            for function in others
        )
