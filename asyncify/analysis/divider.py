"""Divider: what finds the sides of a program, and what is asked of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify.analysis.held_twins import HeldTwins
from asyncify.analysis.side_classes import OwnClasses
from asyncify.analysis.side_fixtures import OwnFixtures
from asyncify.analysis.side_roots import Roots
from asyncify.analysis.side_sharing import Sharing
from asyncify.analysis.side_spread import Spread
from asyncify.analysis.side_twins import Twins

if TYPE_CHECKING:
    from asyncify.analysis.colors import Colors


class Divider:
    """Each part knows those before it."""

    def __init__(self, colors: Colors) -> None:
        self.spread = Spread(colors)
        self.twins = Twins(colors, self.spread)
        self.held = HeldTwins(colors, self.spread, self.twins)
        self.spread.is_doubled = self.held.is_doubled
        self.sharing = Sharing(colors, self.spread, self.twins)
        self.roots = Roots(colors, self.spread, self.twins, self.sharing)
        self.classes = OwnClasses(colors, self.spread, self.roots)
        self.fixtures = OwnFixtures(colors, self.spread, self.roots)
