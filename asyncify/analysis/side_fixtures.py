"""Fixtures that are a side of their own: what makes the engine of some tests, and all that use it.

    @pytest.fixture
    def factory(tmp_path):
        engine = create_engine(f"sqlite:///{tmp_path}/test.db")
        yield sessionmaker(engine)

Where a thread of a test opens sessions of such a factory, the tests that have it stay sync as a
whole, and its fixture with them: nothing else knows of that database.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from asyncify.analysis import values as v
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function
from asyncify.analysis.side_roots import Roots
from asyncify.analysis.side_spread import Spread
from asyncify.analysis.sides import Sides, ordered
from asyncify.analysis.uses import SYNC_KINDS
from asyncify.vocabulary.testing import is_test_path

if TYPE_CHECKING:
    from asyncify.analysis.colors import Colors


class OwnFixtures:
    """Tells which fixtures are a side of their own."""

    def __init__(self, colors: Colors, spread: Spread, roots: Roots) -> None:
        self.inference = colors.inference
        self.spread = spread
        self.roots = roots

    def add(self, function: Function, obstacle: Obstacle, sides: Sides) -> bool:
        """Keep all sync that uses what a function of a test, which can't turn, has of a fixture."""
        makers = {origin.function for origin in self._origins(function)}
        if obstacle.whole or len(makers) != 1:
            return False
        (maker,) = makers
        if maker.facts.kind != "def" or not self._is_fixture(maker):
            return False
        users = {maker, *(fn for fn in self.inference.evaluations if self._has(fn, maker))}
        users = {fn for fn in users if is_test_path(fn.module.path)}
        members = {fn for user in users for fn in self.spread.below(user)}
        if not members.isdisjoint(sides.refused) or users & sides.twinned:
            return False
        if not all(self._has_no_other(user, maker) for user in users):
            return False
        if any(self.roots.refusal_below(user, members, sides) for user in users):
            return False
        reason = f"It has what `{maker.qualname}` makes, as `{function.qualname}` has."
        sides.roots[function] = obstacle
        for user in ordered(users):
            sides.roots.setdefault(user, replace(obstacle, reason=reason))
        sides.synced |= members
        return True

    def _is_fixture(self, function: Function) -> bool:
        return is_test_path(function.module.path) and self.inference.fixtures.is_fixture(function)

    def _origins(self, function: Function) -> Iterator[v.Origin]:
        """What made the engines, factories and sessions that a function has."""
        evaluation = self.inference.evaluations.get(function)
        for _, value in evaluation.objects if evaluation is not None else ():
            for atom in value:
                if (
                    isinstance(atom, v.Known)
                    and atom.kind in SYNC_KINDS
                    and atom.origin is not None
                ):
                    yield atom.origin

    def _has(self, function: Function, maker: Function) -> bool:
        return any(origin.function is maker for origin in self._origins(function))

    def _has_no_other(self, function: Function, maker: Function) -> bool:
        """Has it neither the sessions of another function nor a client of the application?"""
        evaluation = self.inference.evaluations.get(function)
        return all(
            origin.function is maker or origin.function.facts.kind == "module"
            for origin in self._origins(function)
        ) and not any(
            isinstance(atom, v.Client)
            for value in (evaluation.values if evaluation is not None else ()) for atom in value
        )  # fmt: skip
