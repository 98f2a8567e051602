"""Settling: a place for what can't turn, so that the rest does: an island, a side of its own, a
loop of its own. The nearest comes first."""

from __future__ import annotations

from collections.abc import Mapping

from asyncify.analysis.coloring import Coloring
from asyncify.analysis.enclosed import Enclosures
from asyncify.analysis.infer import Inference
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function
from asyncify.analysis.sides import Sides
from asyncify.analysis.uses import Use


class Settling(Enclosures):
    """Finds places for the boundaries of a coloring."""

    def __init__(self, inference: Inference, blocked: frozenset[str] = frozenset()) -> None:
        super().__init__(inference, blocked)
        self._starts: list[tuple[Function, tuple[Use, ...], tuple[Use, ...]]] | None = None

    def _settle_boundaries(
        self, coloring: Coloring, islands: set[Function], failed: dict[Function, Obstacle]
    ) -> set[Function] | None:
        """Find a place for what can't turn: those for which there is none are returned, or None
        where something moved."""
        sides = coloring.sides
        settled = islands | sides.quiet
        open_ones: dict[Function, Obstacle] = {}
        for function, obstacle in coloring.boundaries.items():
            if function in settled:
                continue
            if function in coloring.stays:
                failed.setdefault(function, obstacle)  # one more thing to be solved
            else:
                open_ones[function] = obstacle
        torn = open_ones.keys() & sides.twinned
        if torn:
            return set(torn)  # it has to turn for one side, and can't
        for function, obstacle in open_ones.items():
            if function.is_method and self.divider.classes.add(function, obstacle, coloring):
                self._keep_to_itself(sides)
                return None
        called = {fn for fn in open_ones if self._is_called(fn)}
        apart = [
            fn for fn, obstacle in open_ones.items()
            if not (fn in called or fn.is_constructor)
            and not (fn.facts.kind == "module" and self.divider.roots.needs_doubles(fn))
            and self.divider.roots.add_root(fn, obstacle, sides)
        ]  # fmt: skip
        if apart:
            return None
        moved, made = False, set(self.factories.made)
        self._in_vain = ()  # these are other functions than before
        for function in open_ones:
            if function in sides.quiet or function in self.factories.made - made:
                moved = True  # it went with another
            else:
                moved |= self._settle(function, open_ones, coloring, islands)
        return None if moved else set(open_ones)

    def _settle(
        self,
        function: Function,
        open_ones: Mapping[Function, Obstacle],
        coloring: Coloring,
        islands: set[Function],
    ) -> bool:
        """Is there a place for one function that can't turn? It is taken, the nearest first."""
        if function in islands:  # it went with another
            return True
        if function.is_constructor and self._turns_later(function, coloring):
            return True
        if self._can_be_island(function, coloring):
            self._add_islands(self._closure(function), function, coloring, islands)
            return True
        roots, sides, obstacle = self.divider.roots, coloring.sides, open_ones[function]
        return (
            (roots.needs_doubles(function) and self.may_run_at_import(function))
            or roots.add_root(function, obstacle, sides)
            or roots.add_called(function, obstacle, sides)
            or self._add_opening(function, obstacle, coloring)
            or self._enclose([function, *open_ones], coloring, islands)
            or roots.add_above(function, obstacle, sides)
            or self.divider.fixtures.add(function, obstacle, sides)
            or self.may_run_at_import(function)
            or self._make_factory(function, coloring)
            or self._enclose_users(function, open_ones, coloring, islands)
        )

    def _add_opening(self, function: Function, obstacle: Obstacle, coloring: Coloring) -> bool:
        added = self.divider.classes.add_opening(function, obstacle, coloring)
        if added:
            self._keep_to_itself(coloring.sides)
        return added

    def _keep_to_itself(self, sides: Sides) -> None:
        """Whoever calls the classes that are a side of their own, or names what they hold, does no
        I/O by that."""
        self.keep_to_itself(sides.own)
        if self.uses.keep_apart(frozenset(sides.registries)):
            self._known_callers = self._reaching_io = self._starts = None

    def _is_called(self, function: Function) -> bool:
        """Does anybody call it, but for what a library calls in its place?"""
        callers = {c for c, use in self.callers().get(function, ()) if use.kind != "pass"}
        return not callers <= set(self.replacing(function))
