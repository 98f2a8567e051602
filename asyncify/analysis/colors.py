"""Colors: which functions turn async, which are islands, and which components stay sync.

The fixpoint starts at the places that do I/O and goes up the call graph. A function that does I/O
and can't be awaited becomes an island where every caller has a session in hand to enter it with;
otherwise the component that it belongs to stays sync, as a whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

from asyncify.analysis import values as v
from asyncify.analysis.boundaries import Boundaries
from asyncify.analysis.clients import Clients
from asyncify.analysis.coloring import Coloring
from asyncify.analysis.components import connected
from asyncify.analysis.configured import named
from asyncify.analysis.divider import Divider
from asyncify.analysis.environments import is_alembic
from asyncify.analysis.factories import Factories
from asyncify.analysis.infer import Inference
from asyncify.analysis.lambdas import Lambdas
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function
from asyncify.analysis.reach import Reach
from asyncify.analysis.settling import Settling
from asyncify.analysis.sides import Sides, is_handed, ordered
from asyncify.analysis.unawaited import AsyncAlready
from asyncify.analysis.uses import (
    LISTENING,
    Use,
)
from asyncify.vocabulary.serving import ALONE, UNTIL_COMPLETE
from asyncify.vocabulary.special import is_special

__all__ = ["Coloring", "Colors", "Obstacle"]

_RUNNING_LOOPS = {name.partition(".")[0] for name in ALONE}
_CALLING = ("call", "property", "iterate", "expect", "finalize", "special")


@dataclass(slots=True)
class _State:
    """What one coloring knows so far: what stays sync, what is an island, and the two sides."""

    stays: set[Function]
    islands: set[Function] = field(default_factory=set)
    origins: set[v.Origin] = field(default_factory=set)
    failed: dict[Function, Obstacle] = field(default_factory=dict)
    sides: Sides = field(default_factory=Sides)


class Colors(Settling):
    """Computes a ``Coloring`` from the settled types."""

    def __init__(self, inference: Inference, blocked: frozenset[str] = frozenset()) -> None:
        super().__init__(inference, blocked)
        self.unfit: set[v.Origin] = set()  # engines and factories that can't be async
        self.held_back: dict[Function, Obstacle | None] = {}  # with their components
        self.uncopied: set[Function] = set()  # of those that were tried
        self.reading: set[Function] = set()  # what turns for what it reads, or gives a library
        self.divider = Divider(self)
        self.lambdas = Lambdas(self)
        self.factories = Factories(self)
        self.already = AsyncAlready(self)
        self.clients = Clients(self)
        self._state = -1  # of the types, that what is kept of them belongs to

    def solve(self) -> Coloring:
        """Turn functions, and evaluate what mentions them, until neither moves."""
        starting = self._starting_loops()
        for function in starting:
            self.inference.need(function)  # it may start a loop below what turns
        self._heat(starting)  # and those who call it
        for function in self._also_async:
            self.inference.need(function)
        self._heat(self._also_async)
        self.inference.settle()
        Reach(self.inference, self.uses, self.family, self._heat).close()
        while True:
            self._forget()
            coloring = self._fixpoint()
            before = set(self.inference.evaluations)
            reached = (coloring.turned | coloring.islands | set(coloring.failed)) - coloring.stays
            awaitable = self.already.reached(self._evaluated())
            # A decorator with a sync copy doesn't turn itself, but what it decorates may move.
            self._heat(reached | coloring.stays | awaitable | coloring.sides.twinned)
            for function in reached:
                self.inference.need(function)  # an override may do nothing, and turns all the same
            self.inference.settle()
            reached |= coloring.stays | set(coloring.boundaries) | awaitable
            reached |= coloring.sides.twinned
            if not any(
                self._moves(fn, reached) for fn in self.inference.evaluations.keys() - before
            ) and not self.clients.decide(coloring):
                self._group(coloring)
                return coloring

    def _starting_loops(self) -> list[Function]:
        """The functions that may start event loops, by what they mention."""
        found = dict.fromkeys(self.program.mentioning(UNTIL_COMPLETE))
        found.update((fn, None) for fn in self.program.mentioning("run") if _mentions_loops(fn))
        for module in self.program.modules.values():
            for item in module.facts.imports:
                if f"{item.module}.{item.name}" in ALONE and not item.level:
                    mentioning = self.program.mentioning(item.local)
                    found.update((fn, None) for fn in mentioning if fn.module is module)
        return list(found)

    def _forget(self) -> None:
        """Forget what was derived from types that have moved."""
        self._starts = None
        self._obstacles.clear()
        self._entries.clear()
        self.factories.forget()
        if self._state != self.inference.runs:
            self._state = self.inference.runs
            self._known_callers = self._reaching_io = self._looping = None
            self.bounds = Boundaries(self.inference)  # what a decorator is may only be known now
            self.already = AsyncAlready(self)

    def _moves(self, function: Function, reached: set[Function]) -> bool:
        """Does a function that was evaluated late have to do with what the coloring reached?"""
        return function in reached or any(
            use.owner is not None or use.kind == "loop" or not reached.isdisjoint(use.callees)
            for use in self.uses.of(function)
        )

    def _heat(self, functions: Iterable[Function]) -> None:
        """Evaluate whoever may call one of the functions."""
        for function in sorted(functions, key=lambda fn: (fn.module.path, fn.index)):
            if function.facts.kind == "module":
                continue
            if function.owner is not None and is_special(function.name):
                self.inference.heat.instances((function.owner, *function.owner.descendants()))
                for method in self.factories.naming_class(function):
                    self.inference.need(method)
            else:
                self.inference.heat.callers(function)
                if not all(d.foreign for d in self.bounds.decorators(function)):
                    self.inference.need(function.parent or function)  # its decorator calls it

    def _inside_run_sync(self) -> set[Function]:
        """What already runs inside ``run_sync``: what is given to it, and what only that calls."""
        pending = [
            callee for function in self._evaluated() for use in self.uses.of(function)
            if use.kind == "run sync" for callee in use.callees
        ]  # fmt: skip
        pending += [fn for fn in self._evaluated() if self.listens(fn)]
        inside: set[Function] = set()
        while pending:
            function = pending.pop()
            if function in inside:
                continue
            inside.add(function)
            pending += [
                c for use in self.uses.of(function) for c in use.callees
                if use.kind in _CALLING and not c.facts.is_async
            ]  # fmt: skip
        return inside

    def _called_outside(self, inside: set[Function]) -> set[Function]:
        """Of what runs inside ``run_sync``: what does I/O and is called elsewhere too, with what
        that calls."""
        pending = [
            function for function in inside if self.does_io(function)
            and any(
                caller not in inside and use.kind in _CALLING and use.runs(function)
                for caller, use in self.callers().get(function, ())
            )
        ]  # fmt: skip
        outside: set[Function] = set()
        while pending:
            function = pending.pop()
            if function not in outside:
                outside.add(function)
                pending += [
                    c
                    for c in self.divider.spread.called_by(function)
                    if c in inside and self.does_io(c)
                ]
        return outside

    def listens(self, function: Function) -> bool:
        """Is the function decorated as a listener? It runs where the event happens."""
        return any(d.name in LISTENING for d in self.bounds.decorators(function))

    def _blocked_origins(self) -> set[v.Origin]:
        """Engines and factories that are made in files that can't be rewritten."""
        if not self.blocked:
            return set()
        return {
            atom.origin for evaluation in self.inference.evaluations.values()
            for _, value in evaluation.objects for atom in value
            if isinstance(atom, v.Known) and atom.origin is not None
            and atom.origin.function.module.path in self.blocked
        }  # fmt: skip

    def _fixpoint(self) -> Coloring:
        state = _State(self._inside_run_sync())
        state.sides.synced |= self._called_outside(state.stays)
        state.stays -= state.sides.synced
        entered = set(state.stays)
        # These stay sync, and all that uses them.
        fixed: set[Hashable] = {*self.unfit, *self._blocked_origins(), *self.held_back}
        fixed |= self.inference.staying
        state.failed |= {fn: why for fn, why in self.held_back.items() if why is not None}
        self._keep_to_itself(state.sides)
        for function in self.rendered:
            if not self.makes_session(function):  # what renders it hands on that of others
                state.sides.refused |= self._closure(function)
        self.divider.roots.add_copies(state.sides)
        if self.divider.classes.keep(state.sides):
            self._keep_to_itself(state.sides)
        while True:
            coloring = self._turn(state.islands, state.stays, state.sides)
            coloring.failed, coloring.stays_origins = state.failed, state.origins
            if not fixed <= state.stays | state.origins:
                self._leave_sync(fixed, coloring, state)
                continue
            hopeless = self._settle_boundaries(coloring, state.islands, state.failed)
            if hopeless is not None and not hopeless:
                hopeless = self._share(coloring, state)
            if hopeless is None:
                continue
            if not hopeless:
                coloring.islands = (state.islands | state.sides.quiet) - state.stays
                coloring.entered = entered
                coloring.lost = self.already.left(self._evaluated(), coloring.turned - state.stays)
                return coloring
            for function in ordered(hopeless):
                state.failed.setdefault(function, self._why(function, coloring))
            if any(state.failed[function].whole for function in hopeless):
                # Who gets an engine from where isn't seen in a framework's registry: all stays.
                hopeless = hopeless | coloring.turned
            self._leave_sync(ordered(hopeless), coloring, state)

    def _leave_sync(self, starts: Iterable[Hashable], coloring: Coloring, state: _State) -> None:
        """The components of what can't turn stay sync, as a whole."""
        links, done = self._links(coloring), set[Hashable]()
        for start in starts:
            if start in done:
                continue  # it was of the component of another
            members, found = connected(start, links)
            done |= members | found
            state.stays |= members
            state.origins |= found
            state.sides.drop(members)

    def _share(self, coloring: Coloring, state: _State) -> set[Function] | None:
        """Give both sides what both need: the functions that can't be given are returned, or None
        where something moved."""
        sides, sharing = state.sides, self.divider.sharing
        before = len(sides.quiet), len(sides.given)
        hopeless = sharing.share(sides, coloring.turned, state.islands | state.stays)
        if hopeless:
            return hopeless
        moved = sharing.split_decorators(sides, coloring.turned)
        moved |= sharing.keep_sources(sides, coloring.turned)
        return None if moved or before != (len(sides.quiet), len(sides.given)) else set()

    def _why(self, function: Function, coloring: Coloring) -> Obstacle:
        """Why a function can neither turn nor stay sync beside what turns."""
        obstacle, sides = coloring.boundaries.get(function), coloring.sides
        if obstacle is not None:
            if function in sides.refused or function.facts.kind == "class":
                return obstacle
            if is_alembic(function):
                return obstacle  # it has a connection of its own
            members = self.divider.spread.below(function)
            why = self.divider.roots.refusal(function, members, sides)
            more = f" It has no sync session of its own: {why}." if why else ""
            return replace(obstacle, reason=f"{obstacle.reason}{more}")
        why = self.divider.sharing.refusal(function, sides, coloring.islands - sides.synced)
        needed = f"{self._needed(function, sides)}{': ' + why if why else ''}."
        return Obstacle("ASY102", needed)

    def _needed(self, function: Function, sides: Sides) -> str:
        """Which sync code uses a function that async code uses too."""
        spread = self.divider.spread
        root = next((fn for fn in ordered(sides.roots) if function in spread.below(fn)), None)
        way = spread.way(root, function) if root is not None else ()
        user = " -> ".join(f"`{fn.qualname}`" for fn in way) or "Sync code"
        stopped = f" ({sides.roots[root].reason.rstrip('.')})" if root is not None else ""
        return f"{user} needs it sync{stopped}, and async code needs it too"

    def why_island(self, function: Function, coloring: Coloring) -> str:
        """What can't be awaited in an island, or who needs it sync; '' where that isn't known."""
        cause, reason = self._causes.get(function, (function, ""))
        if not reason and function in coloring.sides.synced:
            return f"{self._needed(function, coloring.sides)}."
        if cause is function or not reason:
            return reason
        return f"It goes with `{cause.qualname}`. {reason}"

    def _turn(self, islands: set[Function], stays: set[Function], sides: Sides) -> Coloring:
        islands = islands | sides.quiet
        coloring = Coloring(islands=set(islands), stays=set(stays), sides=sides)
        callers = self.callers()
        pending: deque[Function] = deque()
        for function, obstacle in self.impediments.items():
            if function not in stays and function not in islands:
                coloring.boundaries[function] = obstacle
        for function, doing_io, lost in self._starting():
            if function in stays or function in islands:
                continue
            for use in doing_io:
                if not self._stays(use, coloring):
                    self._reach(function, use, coloring, pending)
            for use in lost:
                if self.already.obstacle(use) is None:
                    self._reach(function, use, coloring, pending)
        for function in self._also_async:
            if function not in stays and function not in islands and not self.obstacle(function):
                coloring.turned.add(function)
                pending.append(function)
        for function in islands:
            if function in sides.quiet and not self.does_io(function):
                continue  # it only makes what others do I/O with
            known = callers
            if (
                function in sides.roots or function in sides.own
            ):  # whoever gives it no session has nothing to do with it
                found = callers.get(function, [])
                known = {function: [x for x in found if self.divider.spread.hands_named(x[1])]}
            self._reach_callers(function, known, coloring, pending)
        while True:
            while pending:
                self._reach_callers(pending.popleft(), callers, coloring, pending)
            for use in self._loops_inside(coloring):
                self._reach(use.function, use, coloring, pending)
            if not pending:
                self._reach_kept(coloring)
                return coloring

    def _reach_kept(self, coloring: Coloring) -> None:
        """Who calls what the configuration keeps sync, and is kept sync too, stands above it."""
        pending = [fn for fn in coloring.boundaries if self._is_kept(fn)]
        while pending:
            for caller, _ in self.callers().get(pending.pop(), ()):
                if caller in coloring.boundaries or not self._is_kept(caller):
                    continue
                if caller not in coloring.islands and caller not in coloring.stays:
                    obstacle = self.obstacle(caller)
                    assert obstacle is not None
                    coloring.boundaries[caller] = obstacle
                    pending.append(caller)

    def _is_kept(self, function: Function) -> bool:
        kept = self.is_configured_sync(function) or self.is_outside(function)
        return kept and self.obstacle(function) is not None

    @property
    def _also_async(self) -> list[Function]:
        """What turns without I/O: for what it reads, because the configuration names it, or as a
        constructor that is called where others are."""
        return [*self._configured_async, *ordered(self.reading), *ordered(self.factories.made)]

    @cached_property
    def _configured_async(self) -> list[Function]:
        found = named(self.program, self.inference.config.also_async)
        return [fn for fn in found if fn.facts.kind == "def" and not fn.facts.is_async]

    def _starting(self) -> list[tuple[Function, tuple[Use, ...], tuple[Use, ...]]]:
        """Where turning starts: functions that do I/O, or that lose a coroutine, and where."""
        if self._starts is None:
            found = (
                (function, self._doing_io(function), self.already.lost(function))
                for function in self._evaluated()
            )
            self._starts = [each for each in found if each[1] or each[2]]
        return self._starts

    def _doing_io(self, function: Function) -> tuple[Use, ...]:
        """The uses that do I/O; a request to the application does, in the loop of the tests."""
        found = self.uses.doing_io(function)
        if not self.clients.turning:
            return found
        return (*found, *(use for use in self.uses.of(function) if self.clients.awaited(use)))

    def _stays(self, use: Use, coloring: Coloring) -> bool:
        """Is the object one of a component that stays sync?"""
        owner = use.owner
        if isinstance(owner, v.QueryValue):
            return owner.source in coloring.stays_origins
        return isinstance(owner, v.Known) and owner.origin in coloring.stays_origins

    def _reach_callers(
        self,
        function: Function,
        callers: dict[Function, list[tuple[Function, Use]]],
        coloring: Coloring,
        pending: deque[Function],
    ) -> None:
        for caller, use in callers.get(function, ()):
            if caller in coloring.stays or caller in coloring.islands:
                continue
            if not use.runs(function):
                continue  # who receives a function is asked by its obstacle
            if use.kind == "maybe" and not self.turns_by_name(use, coloring):
                continue
            if self._in_loop(use) and self._is_apart(caller, use):
                continue
            if function.facts.is_async and self._hands_on(caller, use):
                continue  # it takes the coroutine as what it is
            if self._gives_either(caller, use):
                continue
            sides = coloring.sides
            if function in sides.twinned and function not in self.divider.sharing.without_wrappers(
                use, coloring.turned, sides
            ):
                continue
            self._reach(caller, use, coloring, pending)

    def _is_apart(self, caller: Function, use: Use) -> bool:
        """Does nobody call a function who has an event loop, nor is a session given to what it runs
        in one of its own? That would be a session of another loop."""
        return not (self._called_by_functions(caller) or self.divider.spread.hands_session(use))

    def turns_by_name(self, use: Use, coloring: Coloring) -> bool:
        """Is what a call may run async from now on, whatever it is, and can it be awaited there?"""
        if any(c not in coloring.turned and not c.facts.is_async for c in use.callees):
            return False
        above = self.family(use.function)
        return (
            not self.uses.layout(use.function).is_awaited(use.operation)
            and use.function.facts.kind == "def"
            and not any(self.obstacle(member) for member in above)
            and not any(member in coloring.stays | coloring.islands for member in above)
            and self.places.obstacle(use) is None and not self.places.is_scheduled(use)
        )  # fmt: skip

    def _reach(
        self, function: Function, use: Use, coloring: Coloring, pending: deque[Function]
    ) -> None:
        """A function does I/O, or calls what does: it turns, or is a boundary."""
        for member in self.family(function):
            if member in coloring.boundaries:
                continue
            if member in coloring.turned:
                obstacle = self._place_obstacle(use) if member is function else None
                if obstacle is not None:
                    coloring.boundaries[member] = obstacle
                continue
            coloring.causes.setdefault(member, use)
            obstacle = self.obstacle(member)
            if obstacle is None and member is function:
                obstacle = self._place_obstacle(use)
            if obstacle is not None:
                coloring.boundaries[member] = obstacle
                continue
            if member.facts.kind == "module":
                continue  # its calls are entry points, which the obstacle has checked
            coloring.turned.add(member)
            if self.is_entry(member):
                coloring.entries.add(member)  # the functions that call it, run it
            pending.append(member)
            for other in self.stand_ins.of(member):
                if self.obstacle(other) is None and other not in coloring.turned:
                    coloring.causes.setdefault(other, use)
                    coloring.turned.add(other)
                    pending.append(other)
        outer = function.parent  # the decorator, if it is a wrapper
        if outer is None or outer.facts.kind != "def":
            return
        if function in coloring.turned and not function.facts.is_async and not is_handed(use):
            self._reach_wrapped(function, use, coloring, pending)

    def _reach_wrapped(
        self, wrapper: Function, use: Use, coloring: Coloring, pending: deque[Function]
    ) -> None:
        """Calling what a wrapper with database work of its own decorates is database work too:
        it turns as the wrapper does, so that all of its calls are alike."""
        for function in self._wrapped(wrapper):
            out = function in coloring.stays or function in coloring.islands
            if out or function in coloring.turned or function.facts.is_generator:
                continue
            if self.obstacle(function) is None or wrapper in self.replacing(function):
                self._reach(function, use, coloring, pending)

    def _place_obstacle(self, use: Use) -> Obstacle | None:
        """Why nothing can be awaited where a use stands, and where that is."""
        found = self.places.obstacle(use)
        return found and replace(found, reason=f"Line {use.line}: {found.reason}")


def _mentions_loops(function: Function) -> bool:
    """Does a function name a library that runs event loops, or import from it?"""
    facts = function.facts
    return not _RUNNING_LOOPS.isdisjoint(facts.names) or any(
        module in _RUNNING_LOOPS for _, module, _, _ in facts.imports
    )
