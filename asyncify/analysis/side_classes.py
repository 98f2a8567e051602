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
from asyncify.analysis.program import Class, Function, Variable
from asyncify.analysis.side_roots import Roots
from asyncify.analysis.side_spread import Spread
from asyncify.analysis.sides import ordered
from asyncify.analysis.uses import SYNC_KINDS
from asyncify.vocabulary.testing import is_test_path

if TYPE_CHECKING:
    from asyncify.analysis.coloring import Coloring
    from asyncify.analysis.colors import Colors
    from asyncify.analysis.sides import Sides


class OwnClasses:
    """Tells which classes are a side of their own."""

    def __init__(self, colors: Colors, spread: Spread, roots: Roots) -> None:
        self.colors = colors
        self.inference = colors.inference
        self.spread = spread
        self.roots = roots

    def add_opening(self, function: Function, obstacle: Obstacle, coloring: Coloring) -> bool:
        """Keep the classes sync that a function which can't turn makes objects of, where these open
        their sessions by themselves: others have sessions of their own in such objects."""
        found = [
            fn for fn in self.spread.below(function)
            if fn.is_constructor and self.spread.holds_one(fn.owner) and self._opens(fn)
        ]  # fmt: skip
        added = [self.add(fn, obstacle, coloring) for fn in ordered(found)]
        return any(added)

    def _opens(self, constructor: Function) -> bool:
        """Is nothing that a constructor is given a session, and opens it some?"""
        evaluation = self.inference.evaluations.get(constructor)
        return bool(self.spread.opened(constructor)) and not any(
            isinstance(atom, v.Known) and atom.kind in SYNC_KINDS
            for parameter in constructor.signature.parameters if evaluation is not None
            for atom in evaluation.environment.get(parameter.name, ())
        )  # fmt: skip

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
        methods = self._working(family) | {function}
        members = {fn for method in methods for fn in self.spread.below(method)}
        held = self._held(family)
        registries = self._registries(function, methods, members, held)
        if (
            not members.isdisjoint(sides.refused) or not held
            or any(
                self._is_given(atom, members) and not self._is_opened(function, atom)
                for atom in held if atom not in registries
            )
            or self._hands_out(methods)
            or self.roots.refusal_below(function, members, sides)
            or not self._leaves_some(members, coloring)
        ):  # fmt: skip
            return False
        sides.roots[function] = obstacle
        sides.own |= methods
        sides.registries |= set(registries.values())
        sides.synced |= members
        return True

    def keep(self, sides: Sides) -> bool:
        """The classes stay sync that are a side of their own already: a constructor drives a sync
        copy, and no method that works with what it keeps is async."""
        driving = [
            fn for fn in sides.roots
            if fn.is_constructor and fn.owner in self.spread.holders()
        ]  # fmt: skip
        for constructor in driving:
            assert constructor.owner is not None
            methods = self._working(self._family(constructor.owner))
            if not any(method.facts.is_async for method in methods):
                sides.own |= methods | {constructor}
                sides.synced |= {fn for method in methods for fn in self.spread.below(method)}
        return bool(driving)

    def _working(self, family: list[Class]) -> set[Function]:
        return {m for cls in family for m in cls.methods.values() if self._works(m)}

    def _family(self, owner: Class) -> list[Class]:
        """A class, and those that share its methods."""
        above = [cls for cls in owner.ancestors if cls in self.spread.holders()]
        return list(dict.fromkeys(c for cls in (owner, *above) for c in (cls, *cls.descendants())))

    def _works(self, method: Function) -> bool:
        return (
            self.colors.does_io(method) or self.spread.makes(method)
            or self.spread.reads_held(method)
        )  # fmt: skip

    def _held(self, family: list[Class]) -> list[v.Known]:
        """The sessions and the like that objects hold."""
        return [
            atom for cls, value in self.inference.attributes_held() if cls in family
            for atom in value if isinstance(atom, v.Known) and atom.kind in SYNC_KINDS
        ]  # fmt: skip

    def _is_opened(self, constructor: Function, atom: v.Known) -> bool:
        """Is it a session that the objects open, of a factory that others have too?"""
        opened = self.spread.opened(constructor) if constructor.is_constructor else ()
        return atom.kind == "Session" and atom.origin in opened and self._opens(constructor)

    def _is_given(self, atom: v.Known, members: set[Function]) -> bool:
        """Is it made by others than the class?"""
        return atom.origin is None or atom.origin.function not in members

    def _registries(
        self,
        constructor: Function,
        methods: set[Function],
        members: set[Function],
        held: list[v.Known],
    ) -> dict[v.Known, Variable]:
        """What objects hold of modules, that stays sync with them: where one is made at import it
        works there, and it is nobody's who can await."""
        given = {atom for atom in held if self._is_given(atom, members)}
        if not given or not self._works_at_import(constructor):
            return {}
        others = {c.own_constructor for c in self.spread.holders()}
        alike = {fn for fn in others if fn is not None and self._works_at_import(fn)}
        found = {x for method in methods for x in self.roots.twins.sources(method)}
        registries = self.colors.uses.registries
        return {
            atom: variable for variable in found if registries.is_one(variable)
            for atom in self.inference.global_value(variable.module, variable.name)
            if isinstance(atom, v.Known) and atom in given
            and registries.is_only_called(variable, members | alike)
        }  # fmt: skip

    def _works_at_import(self, constructor: Function) -> bool:
        return (
            constructor.is_constructor and self.colors.does_io(constructor)
            and not self.colors.factories.is_reached_by_async(constructor)
        )  # fmt: skip

    def _hands_out(self, methods: set[Function]) -> bool:
        """Is a session that others made among what the class works with, or is one handed out, be
        it by an object that the engine is given to: ``return UnitOfWork(self.engine)``?"""
        return any(
            self.roots.wants_session(method)
            or (
                (self.spread.makes(method) or self._lends(method, methods))
                and self._is_called_outside(method, methods)
            )
            for method in methods
        )

    def _lends(self, method: Function, methods: set[Function]) -> bool:
        """Does it hand what its object holds to one of another class, and that to its callers?"""
        own = {
            cls for each in methods if each.owner is not None for cls in self._family(each.owner)
        }
        return self.spread.reads_held(method) and any(
            isinstance(atom, v.Instance) and atom.cls in self.spread.holders() - own
            for atom in self.spread.returned(method)
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
