"""Sharing: how the async side gets at what the sync side needs too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.program import Function, Variable
from asyncify.analysis.side_spread import Spread
from asyncify.analysis.side_twins import Twins
from asyncify.analysis.sides import ENTERED_AS, Sides, home, is_handed, is_wrapped, ordered
from asyncify.analysis.use import MAKING
from asyncify.analysis.uses import Use
from asyncify.vocabulary.testing import is_test_path

if TYPE_CHECKING:
    from asyncify.analysis.colors import Colors


class Sharing:
    """What both sides call is entered with the session that the caller has, or gets a copy."""

    def __init__(self, colors: Colors, spread: Spread, twins: Twins) -> None:
        self.colors = colors
        self.inference = colors.inference
        self.program = colors.program
        self.uses = colors.uses
        self.spread = spread
        self.twins = twins
        self._decorating: dict[Function, tuple[Function, ...]] = {}

    def share(self, sides: Sides, turned: set[Function], islands: set[Function]) -> set[Function]:
        """Decide how the other side gets at what it shares; functions for which there is no way
        are returned."""
        hopeless: set[Function] = set()
        for member in ordered(
            sides.synced - sides.twinned - set(sides.roots) - sides.own - islands
        ):
            entries = self._entries(member, sides, islands)
            wraps = self._wraps_any(member, turned - sides.synced)
            if not entries and not wraps and not self._referred(member, sides, islands):
                continue
            outer = home(member)
            if self.colors.divider.roots.is_copy(member):
                continue  # what its decorator wraps elsewhere is none of this side's business
            if self._is_in_table(member, sides):
                hopeless.add(member)
            elif outer is not member and (
                outer in sides.twinned or self.twins.can_be_copied(outer)
            ):
                sides.twinned |= {outer, member}
            elif self._can_be_given(member, entries, sides):
                sides.given.add(member)
            elif self.twins.can_be_copied(member):
                relatives = self._relatives(member, sides)
                sides.twinned |= relatives
                sides.synced |= relatives
            else:
                hopeless.add(member)
        self._copy_listeners(sides, islands)
        self._copy_pairs(sides)
        sides.given -= sides.twinned
        return hopeless

    def _relatives(self, member: Function, sides: Sides) -> set[Function]:
        """A method and those that stand for it on the sync side. What does no database work turns
        with the others, so that who calls the copy of one has to find one there too."""
        callers = self.colors.callers()
        return {
            m for m in self.colors.family(member)
            if m in sides.synced or any(c in sides.synced for c, _ in callers.get(m, ()))
        }  # fmt: skip

    def _copy_listeners(self, sides: Sides, islands: set[Function]) -> None:
        """What listens to an engine, and reads it from the variable that a function fills, reads
        the twin where it listens to that."""
        for member in ordered(sides.synced & islands - sides.twinned):
            if (
                self.spread.lazy.are_named(member) and self.twins.can_be_copied(member)
                and any(self._names(other, member) for other in sides.twinned)
            ):  # fmt: skip
                sides.twinned.add(member)

    def _copy_pairs(self, sides: Sides) -> None:
        """What `with` calls is there as a whole on each side."""
        for member in ordered(m for m in sides.twinned if m.name in ENTERED_AS):
            for name in ENTERED_AS:
                other = member.owner.find(name) if member.owner is not None else None
                if other is not None and other not in sides.twinned:
                    sides.synced.add(other)
                    sides.twinned.add(other)

    def _entries(self, member: Function, sides: Sides, islands: set[Function]) -> list[Use]:
        """The calls by which the other side gets at what is shared."""
        return [
            use for caller, use in self.colors.callers().get(member, ())
            if caller not in sides.quiet and caller not in islands and not is_handed(use)
            and use.kind != "run sync"
            and (use.kind != "pass" or sides.roots.keys().isdisjoint(use.callees))
        ]  # fmt: skip

    def refusal(self, member: Function, sides: Sides, islands: set[Function]) -> str:
        """Why the other side can't get at a function: who can't enter it, and why there is no
        copy."""
        closed = next(
            (u for u in self._entries(member, sides, islands) if not self.may_enter(u)), None
        )
        reason = self.twins.copy_obstacle(member)
        parts = [f"there can be no copy: {reason}"] if reason else []
        if closed is not None:
            caller = closed.function.qualname
            parts.insert(0, f"`{caller}` calls it (line {closed.line}) without a session at hand")
        return "; ".join(parts)

    def split_decorators(self, sides: Sides, turned: set[Function]) -> bool:
        """A decorator of what turns and of what doesn't gets a sync copy for the latter. Says
        whether there is a new one."""
        found = {
            part for wrapper in turned
            if (outer := home(wrapper)) is not wrapper and wrapper not in sides.twinned
            and self._wraps_both(wrapper, turned) and not self.works_itself(wrapper, turned)
            and self.twins.can_be_copied(outer) and not self.is_applied(outer, turned)
            for part in (outer, wrapper)
        }  # fmt: skip
        sides.twinned |= found
        return bool(found)

    def is_applied(self, decorator: Function, turned: set[Function]) -> bool:
        """``quick = retrying(3)(parse)``: is what doesn't turn wrapped without being decorated?
        What that gives isn't told from what the decorator gives others."""
        return any(
            isinstance(atom, v.Foreign)
            or (isinstance(atom, v.FunctionObject) and atom.function not in turned
                and not atom.function.facts.is_async)
            for place, given in self._applications(decorator)
            for atom in self.inference.evaluations[place].values[given]
        )  # fmt: skip

    def _applications(self, decorator: Function) -> Iterator[tuple[Function, int]]:
        """What is given to a decorator, or to what it makes, in the bodies of functions."""
        for place in self.program.mentioning(decorator.name):
            operations = place.body.operations if place in self.inference.evaluations else ()
            for operation in operations:
                if operation and operation[0] == f.CALL:
                    callee = operation[5]
                    if operations[callee][0] == f.CALL:
                        callee = operations[callee][5]
                    if self.program.resolve_expression(place, operations, callee) is decorator:
                        yield from ((place, given) for given in operation[6] if given >= 0)

    def keep_sources(self, sides: Sides, turned: set[Function]) -> bool:
        """What makes sessions stays, and gets an async copy beside it, where that is asked for.
        Says whether there is a new one."""
        if not self.inference.config.alongside:
            return False
        called = {c for fn in turned for use in self.uses.of(fn) for c in use.callees}
        found = {
            function for function in turned | called
            if not function.facts.is_async and function.owner is None and home(function) is function
            and function not in sides.twinned and self.spread.makes(function)
            and self.twins.can_be_copied(function) and not is_test_path(function.module.path)
            and not any(self.twins.twin_obstacle(x, sides) for x in self.twins.sources(function))
        }  # fmt: skip
        sides.twinned |= found
        return bool(found)

    def without_wrappers(
        self, use: Use, turned: set[Function], sides: Sides
    ) -> tuple[Function, ...]:
        """The functions that a call may run: of what doesn't turn, the async wrapper of a
        decorator with a sync copy isn't one."""
        plain = {d for c in use.callees if c not in turned for d in self._decorators(c)}
        plain &= sides.twinned
        if not plain:
            return use.callees
        return tuple(c for c in use.callees if home(c) is c or home(c) not in plain)

    def _decorators(self, function: Function) -> tuple[Function, ...]:
        """The decorators of the program that a function has."""
        if function not in self._decorating:
            operations = function.signature.operations
            scope = function.parent or function
            found = (
                self.program.resolve_expression(
                    scope, operations, operations[i][5] if operations[i][0] == f.CALL else i
                )
                for i in function.signature.decorators
            )
            self._decorating[function] = tuple(x for x in found if isinstance(x, Function))
        return self._decorating[function]

    def _wraps_both(self, wrapper: Function, turned: set[Function]) -> bool:
        return any(
            len({c in turned or c.facts.is_async for c in use.callees}) > 1
            for use in self.uses.of(wrapper) if use.kind == "call" and is_wrapped(use)
        )  # fmt: skip

    def _wraps_any(self, wrapper: Function, functions: set[Function]) -> bool:
        """Does a wrapper stand for one of these functions, which it calls or hands on?"""
        outer = wrapper.parent
        while outer is not None and outer.facts.kind == "def":
            for function in self.program.mentioning(outer.name):
                if function in functions and self.colors.wraps(wrapper, function):
                    return True
            outer = outer.parent
        return False

    def works_itself(self, wrapper: Function, turned: set[Function]) -> bool:
        """Does a wrapper await anything but what it wraps? Then a sync copy of it would need
        sessions of its own, and calling whatever it wraps is database work."""
        return any(
            not is_handed(use) and (use.does_io or not turned.isdisjoint(use.callees))
            for use in self.uses.of(wrapper)
        )

    def _referred(self, function: Function, sides: Sides, islands: set[Function]) -> bool:
        """Does anything outside name a function of a module, as FastAPI's Depends does?"""
        if function.owner is not None or home(function) is not function:
            return False
        return any(
            other not in sides.quiet and other not in islands and other is not function
            and self.program.may_name(other, function) and self._names(other, function)
            and not self._enters(other, function) and not self._keeps(other, function, sides)
            for other in self.program.mentioning(function.name)
        )  # fmt: skip

    def _keeps(self, other: Function, function: Function, sides: Sides) -> bool:
        """Does the body of a module or class only keep a function in a table, out of which nobody
        but the sync side calls it?"""
        if other.facts.kind not in ("module", "class"):
            return False
        if any(function in use.callees for use in self.uses.of(other)):
            return False
        callers = self.colors.callers().get(function, ())
        return bool(callers) and all(caller in sides.quiet for caller, _ in callers)

    def _is_in_table(self, function: Function, sides: Sides) -> bool:
        """Does the sync side call a function out of a table that the other side fills? There is one
        table, and the copy isn't in it."""
        if function.owner is not None or home(function) is not function:
            return False
        unnamed = any(
            use.kind == "call" and caller in sides.quiet and not is_handed(use)
            and function.name not in caller.facts.names
            and self.program.resolve_expression(
                caller, caller.body.operations, caller.body.operations[use.operation][5]
            ) is not function
            for caller, use in self.colors.callers().get(function, ())
            if caller.body.operations[use.operation][0] == f.CALL
        )  # fmt: skip
        return unnamed and any(
            other not in sides.quiet and other is not function
            and self.program.may_name(other, function) and self._names(other, function)
            and not any(
                function in use.callees for use in self.uses.of(other) if use.kind != "pass"
            )
            for other in self.program.mentioning(function.name)
        )  # fmt: skip

    def _enters(self, other: Function, function: Function) -> bool:
        """Does one function run another inside ``run_sync``?"""
        return any(
            use.kind == "run sync" and function in use.callees for use in self.uses.of(other)
        )

    def _names(self, other: Function, function: Function) -> bool:
        """Is a function meant by a name in another's body or signature?"""
        for operations, scope in (
            (other.body.operations, other),
            (other.signature.operations, other.parent or other),
        ):
            for index, operation in enumerate(operations):
                if not operation or operation[0] not in (f.NAME, f.ATTRIBUTE):
                    continue
                last = operation[5] if operation[0] == f.NAME else operation[6]
                if last == function.name and (
                    self.program.resolve_expression(scope, operations, index) is function
                ):
                    return True
        return False

    def _can_be_given(self, function: Function, entries: list[Use], sides: Sides) -> bool:
        """Can all callers on the other side enter a function with the session that they have?"""
        if self.inference.config.shared == "twin" and self.twins.can_be_copied(function):
            return False
        if function.facts.kind != "def" or function.facts.is_generator or not entries:
            return False
        if self._referred_only(function, entries) or not self.colors.does_io(function):
            return False
        below = self.spread.below(function)
        if any(self.twins.sources(m) or self.colors.makes_session(m) for m in below):
            return False
        if any(self.colors.returns_unread(m) or (m in sides.twinned and m.owner) for m in below):
            return False
        return all(self.may_enter(use) for use in entries)

    def _referred_only(self, function: Function, entries: list[Use]) -> bool:
        """Is a function handed on by name somewhere, beside being called?"""
        called = {use.function for use in entries if use.kind == "call"}
        return any(
            other not in called and other.facts.kind != "class" and other is not function
            and self.program.may_name(other, function) and self._names(other, function)
            and not any(function in u.callees for u in self.uses.of(other))
            for other in self.program.mentioning(function.name)
        )  # fmt: skip

    def gives_sources(self, use: Use) -> tuple[Variable, ...]:
        """The engines and factories of modules that a call hands on along with a function, if it
        hands on no sessions: whoever stays sync is given their twins."""
        if use.kind != "pass":
            return ()
        function = use.function
        found = [self.twins.variable(function, index) for index in self.spread.carried(use)]
        known = [
            variable for variable in found if variable is not None
            and {a.kind for a in self.inference.global_value(variable.module, variable.name)
                 if isinstance(a, v.Known)} <= set(MAKING)
        ]  # fmt: skip
        return tuple(known) if len(known) == len(found) else ()

    def may_enter(self, use: Use) -> bool:
        if not self.colors.may_enter(use) or not self.spread.hands_named(use):
            return False
        if any(map(self.colors.returns_unread, use.callees)):
            return False
        layout = self.uses.layout(use.function)
        inside = layout.subtree(use.operation) - {use.operation}
        return not any(
            other.operation in inside
            and (other.does_io or any(self.colors.does_io(c) for c in other.callees))
            for other in self.uses.of(use.function)
        )
