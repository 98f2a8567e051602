"""Islands: what stays sync, and is entered with a session that somebody has in hand."""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.ambient import Ambient, AmbientSession
from asyncify.analysis.coloring import Coloring
from asyncify.analysis.consumers import is_lazy
from asyncify.analysis.divider import Divider
from asyncify.analysis.infer import Inference
from asyncify.analysis.obstacles import Obstacles
from asyncify.analysis.program import Class, Function, dotted
from asyncify.analysis.sides import home
from asyncify.analysis.unawaited import AsyncAlready
from asyncify.analysis.uses import (
    Use,
)

_ENTERING = ("Session", "Connection")  # what has run_sync


class Islands(Obstacles):
    """Which functions can be islands, and how they are entered."""

    already: AsyncAlready
    divider: Divider

    def __init__(self, inference: Inference, blocked: frozenset[str] = frozenset()) -> None:
        super().__init__(inference, blocked)
        self.ambient = Ambient(inference, self.uses)

    def _can_be_island(self, function: Function, coloring: Coloring) -> bool:
        """Is every caller able to await, with a session in hand; and makes the function no session
        of its own?"""
        if function.facts.kind not in ("def", "lambda"):
            return False
        if not self.callers().get(function):
            return False  # whoever it is handed to calls it outside of run_sync
        return self._can_be_islands(self._closure(function), coloring)

    def _can_be_islands(self, members: set[Function], coloring: Coloring) -> bool:
        """May all that calls some functions enter them, but for what runs inside run_sync too?"""
        for member in members:
            if member.facts.is_async or self.already.lost(member):
                return False  # it awaits, and what runs inside run_sync can't
            if self.returns_unread(member) or self.makes_session(member):
                return False
            if self._defaults_to_session(member):
                return False  # that of the async code around it
            if member in self.rendered:
                return False  # nothing is rendered inside run_sync
            if self.replacing(member):
                return False  # a library calls what would enter it
            if member.is_constructor and (
                self.factories.is_injected(member) or not self.factories.is_only_made(member)
            ):
                return False  # who makes objects of its class isn't seen
        inside = coloring.islands - coloring.sides.quiet
        entries = [
            (caller, use) for member in members for caller, use in self.callers().get(member, ())
            if caller not in members and caller not in inside
        ]  # fmt: skip
        if not entries or self._crosses(members, [use for _, use in entries]):
            return False
        return all(self.may_enter(use) for _, use in entries)

    def _defaults_to_session(self, function: Function) -> bool:
        """``lambda db=db: count(db)``"""
        signature = function.signature
        return any(
            parameter.default >= 0
            and signature.operations[parameter.default][0] in (f.NAME, f.ATTRIBUTE)
            and any(
                isinstance(a, v.Known) and a.kind in _ENTERING
                for a in self.inference.passed(function, position)
            )
            for position, parameter in enumerate(signature.parameters)
        )

    def _crosses(self, members: set[Function], entries: list[Use]) -> bool:
        """Does an island get at the async session of an object that is made outside?"""
        if not any(self.divider.spread.reads_held(member) for member in members):
            return False
        entered = [callee for use in entries for callee in use.callees if callee in members]
        holders = self.divider.spread.holders()
        if any((outer := home(c)) is not c and outer.owner in holders for c in entered):
            return True  # it is a method's own: whoever calls it has the object
        return any(self.divider.spread.hands_object(use) for use in entries) or any(
            not callee.is_constructor and callee.owner in holders
            and not any(cls.own_constructor in members for cls in _line(callee.owner))
            for callee in entered if callee.owner is not None
        )  # fmt: skip

    def may_enter(self, use: Use) -> bool:
        """Can a call enter an island, or is the island given to what runs inside run_sync?"""
        caller = use.function
        if self.obstacle(caller) is not None:
            return False
        written = self.lambdas.is_inlined(caller) or self.lambdas.definition(caller) is not None
        if caller.facts.kind != "def" and not written:
            return False
        if use.kind == "pass":
            others = self.uses.of(use.function)
            return any(u.kind == "foreign" and u.operation == use.operation for u in others)
        return use.kind == "call" and (
            self.session_in_hand(use) is not None or self.ambient_session(use) is not None
        )

    def ambient_session(self, use: Use) -> AmbientSession | None:
        """The session that what is called reaches by itself, where that is the only one."""
        found = {self.ambient.session(callee) for callee in use.callees}
        return found.pop() if len(found) == 1 else None

    def returns_unread(self, function: Function) -> bool:
        """Does a function give an iterator that does database work only when somebody reads it, who
        isn't inside ``run_sync``?"""
        if function.facts.is_generator:
            return True
        layout = self.uses.layout(function)
        return any(
            statement[0] == f.RETURN and statement[7] >= 0
            and is_lazy(layout, statement[7]) and self._runs_inside(function, statement[7])
            for statement in layout.statements
        )  # fmt: skip

    def _runs_inside(self, function: Function, index: int) -> bool:
        """Does database work belong to what an iterator goes through?"""
        inside = set(self.uses.layout(function).subtree(index))
        values = self.inference.evaluations[function].values
        return any(
            isinstance(a, (v.Generated, v.FunctionObject)) and self.does_io(a.function)
            for i in inside for a in values[i]
        ) or any(
            use.operation in inside and (use.does_io or any(map(self.does_io, use.callees)))
            for use in self.uses.of(function)
        )  # fmt: skip

    def makes_session(self, function: Function) -> bool:
        """Does it make a session, or open one of a factory that another function makes?"""
        return any(
            isinstance(use.owner, v.Known)
            and use.owner.kind in ("Session", "Connection", "Engine")
            and use.owner.origin is not None
            and use.owner.origin.function is function
            for use in self.uses.of(function)
        ) or any(o.function.facts.kind == "def" for o in self.divider.spread.opened(function))

    def _closure(self, function: Function) -> set[Function]:
        """The function, and all below it that do I/O; of a class whose constructor is an island,
        all methods that do."""
        out: set[Function] = set()
        pending = [function]
        while pending:
            current = pending.pop()
            if current in out:
                continue
            out.add(current)
            for use in self.uses.of(current):
                pending += [c for c in use.callees if self.does_io(c)]
            if current.is_constructor and self.ambient.session(current) is None:
                assert current.owner is not None
                methods = current.owner.methods.values()
                pending += [m for m in methods if self.does_io(m)]
        return out

    def left_over(self, members: set[Function]) -> set[Function]:
        """Methods with I/O that nobody else calls, of classes whose objects are made in an island:
        with its sync session."""
        made = {
            cls for member in members for use in self.uses.of(member) for callee in use.callees
            if callee.is_constructor and callee.owner is not None for cls in _line(callee.owner)
        }  # fmt: skip
        found = {m for cls in made for m in cls.methods.values() if self.does_io(m)} - members
        callers = {m: {caller for caller, _ in self.callers().get(m, ())} for m in found}
        while called := {m for m in found if callers[m] - found - members}:
            found -= called
        return found

    def session_in_hand(self, use: Use) -> str | None:
        """The dotted name of an async-to-be session among the arguments of a call, or of the
        object that the method is called on."""
        operations = use.function.body.operations
        operation = operations[use.operation]
        evaluation = self.inference.evaluations[use.function]
        if operation[0] != f.CALL:
            return None
        for index in (*operation[6], *(i for _, i in operation[7])):
            position = index if index >= 0 else ~index
            if any(
                isinstance(a, v.Known) and a.kind in _ENTERING for a in evaluation.values[position]
            ):
                name = dotted(operations, position)
                if name:
                    return name
        names = [
            name for name, value in evaluation.environment.items()
            if any(isinstance(a, v.Known) and a.kind == "Session" for a in value)
        ]  # fmt: skip
        if not names:
            return None
        bound = self.uses.layout(use.function).bound_before(use.operation)
        bound.update(parameter.name for parameter in use.function.signature.parameters)
        return next((name for name in names if name in bound), None)

    def kinds_in_hand(self, use: Use, name: str) -> set[str]:
        """What the name of a session in hand stands for: a Session, or a Connection."""
        operations = use.function.body.operations
        values = self.inference.evaluations[use.function].values
        operation = operations[use.operation]
        return {
            a.kind for index in (*operation[6], *(i for _, i in operation[7]))
            if index >= 0 and dotted(operations, index) == name
            for a in values[index] if isinstance(a, v.Known)
        }  # fmt: skip


def _line(cls: Class) -> tuple[Class, ...]:
    """A class and those above it."""
    return (cls, *cls.ancestors)
