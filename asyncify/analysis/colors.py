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

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.ambient import Ambient, AmbientSession
from asyncify.analysis.boundaries import Boundaries, fits, rule_of
from asyncify.analysis.cases import Cases
from asyncify.analysis.clients import Clients
from asyncify.analysis.configured import is_named, named
from asyncify.analysis.divider import Divider
from asyncify.analysis.evaluate import Evaluation
from asyncify.analysis.infer import Inference
from asyncify.analysis.lambdas import Lambdas
from asyncify.analysis.places import Obstacle, Places
from asyncify.analysis.program import Class, Function, dotted, is_implicit
from asyncify.analysis.properties import Properties
from asyncify.analysis.reach import Reach
from asyncify.analysis.sides import Sides, ordered
from asyncify.analysis.stand_ins import StandIns
from asyncify.analysis.unawaited import AsyncAlready
from asyncify.analysis.uses import (
    ENTERING,
    GREENLET_KINDS,
    LISTENING,
    SYNC_KINDS,
    Use,
    Uses,
    is_session_class,
)
from asyncify.vocabulary import flask
from asyncify.vocabulary.frameworks import CACHE_MEMBERS, Rule
from asyncify.vocabulary.testing import is_test_path

# Protocols that have an async form of their own, or whose result Python hands through.
_TURNING_DUNDERS = {
    "__enter__": "__aenter__", "__exit__": "__aexit__", "__call__": "__call__",
    "__aenter__": "__aenter__", "__aexit__": "__aexit__", "__aiter__": "__aiter__",
    "__anext__": "__anext__", "__getitem__": "__getitem__",
}  # fmt: skip


_OF_ALEMBIC = frozenset({("alembic", "op"), ("alembic", "context")})
_ENTERING = ("Session", "Connection")  # what has run_sync
_CALLING = ("call", "property", "iterate", "expect")
_HANDLED = SYNC_KINDS | GREENLET_KINDS
_SOMEWHERE = "somewhere"  # stands for the unknown origin of a session


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


class Colors:
    """Computes a ``Coloring`` from the settled types."""

    def __init__(self, inference: Inference, blocked: frozenset[str] = frozenset()) -> None:
        self.inference = inference
        self.blocked = blocked  # paths of files that can't be rewritten
        self.program = inference.program
        self.uses = Uses(inference)
        self._families: dict[Function, tuple[Function, ...]] = {}
        self._obstacles: dict[Function, Obstacle | None] = {}
        self._known_callers: dict[Function, list[tuple[Function, Use]]] | None = None
        self._reaching_io: set[Function] | None = None
        self._starts: list[tuple[Function, tuple[Use, ...], tuple[Use, ...]]] | None = None
        self._looping: dict[Function, list[Use]] | None = None
        self._entries: dict[Function, bool] = {}
        self._in_order: list[Function] = []
        self._own: dict[Function, tuple[Evaluation, _Own]] = {}
        self._lasting: tuple[int, dict[Hashable, set[Hashable]]] = (-1, {})
        self.impediments: dict[Function, Obstacle] = {}
        self.unfit: set[v.Origin] = set()  # engines and factories that can't be async
        self.held_back: dict[Function, Obstacle | None] = {}  # with their components
        self.uncopied: set[Function] = set()  # of those that were tried
        self.places = Places(self.uses)
        self.ambient = Ambient(inference, self.uses)
        self.bounds = Boundaries(inference)
        self.divider = Divider(self)
        self.lambdas = Lambdas(self)
        self.properties = Properties(inference)
        self.already = AsyncAlready(self)
        self.clients = Clients(self)
        self.cases = Cases()
        self.stand_ins = StandIns(inference.program)

    def solve(self) -> Coloring:
        """Turn functions, and evaluate what mentions them, until neither moves."""
        starting = [x for x in self.program.mentioning("asyncio") if "run" in x.facts.names]
        for function in starting:
            self.inference.need(function)  # it may start a loop below what turns
        self._heat(starting)  # and those who call it
        for function in self._also_async:
            self.inference.need(function)
        self._heat(self._also_async)
        self.inference.settle()
        Reach(self.inference, self.uses, self.family, self._heat).close()
        while True:
            self._known_callers = self._reaching_io = None
            self._starts = self._looping = None
            self._obstacles.clear()
            self._entries.clear()
            self.bounds = Boundaries(self.inference)  # what a decorator is may only be known now
            self.already = AsyncAlready(self)
            coloring = self._fixpoint()
            before = set(self.inference.evaluations)
            reached = (coloring.turned | coloring.islands | set(coloring.failed)) - coloring.stays
            awaitable = self.already.reached(self._evaluated())
            self._heat(reached | coloring.stays | awaitable)
            for function in reached:
                self.inference.need(function)  # an override may do nothing, and turns all the same
            self.inference.settle()
            reached |= coloring.stays | set(coloring.boundaries) | awaitable
            if not any(
                self._moves(fn, reached) for fn in self.inference.evaluations.keys() - before
            ) and not self.clients.decide(coloring):
                return coloring

    def _moves(self, function: Function, reached: set[Function]) -> bool:
        """Does a function that was evaluated late have to do with what the coloring reached?"""
        return function in reached or any(
            use.owner is not None or use.kind == "loop" or not reached.isdisjoint(use.callees)
            for use in self.uses.of(function)
        )

    def _heat(self, functions: Iterable[Function]) -> None:
        """Evaluate whoever may call one of the functions."""
        for function in sorted(functions, key=lambda fn: (fn.module.path, fn.index)):
            if function.facts.kind in ("module", "lambda"):
                continue
            if function.owner is not None and is_implicit(function):
                self.inference.heat.instances((function.owner, *function.owner.descendants()))
            else:
                self.inference.heat.callers(function)

    # -- the fixpoint

    def _inside_run_sync(self) -> set[Function]:
        """What already runs inside ``run_sync``: what is given to it, and what only that calls."""
        pending = [
            callee for function in self._evaluated() for use in self.uses.of(function)
            if use.kind == "run sync" for callee in use.callees
        ]  # fmt: skip
        pending += [fn for fn in self._evaluated() if self._listens(fn)]
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
        """Of what runs inside ``run_sync``: what does I/O and is called elsewhere too."""
        return {
            function for function in inside if self.does_io(function)
            and any(
                caller not in inside and use.kind in _CALLING and use.runs(function)
                for caller, use in self.callers().get(function, ())
            )
        }  # fmt: skip

    def _listens(self, function: Function) -> bool:
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
        islands: set[Function] = set()
        stays: set[Function] = self._inside_run_sync()
        both = self._called_outside(stays)
        stays -= both
        entered = frozenset(stays)
        origins: set[v.Origin] = set()
        # These stay sync, and all that uses them.
        fixed: set[Hashable] = {*self.unfit, *self._blocked_origins(), *self.held_back}
        fixed |= self.inference.staying
        failed = {fn: why for fn, why in self.held_back.items() if why is not None}
        sides = Sides(synced=both)
        self.divider.roots.add_copies(sides)
        while True:
            coloring = self._turn(islands, stays, sides)
            coloring.failed, coloring.stays_origins = failed, origins
            if not fixed <= stays | origins:
                links = self._links(coloring)
                for start in fixed:
                    members, found = _connected(start, links)
                    stays |= members
                    origins |= found
                    sides.drop(members)
                continue
            hopeless = self._settle_boundaries(coloring, islands, failed)
            if hopeless is None:
                continue
            if not hopeless:
                quiet = len(sides.quiet), len(sides.given)
                hopeless = self.divider.sharing.share(sides, coloring.turned, islands | stays)
                if not hopeless and self.divider.sharing.split_decorators(sides, coloring.turned):
                    continue
                if not hopeless and quiet == (len(sides.quiet), len(sides.given)):
                    coloring.islands = (islands | sides.quiet) - stays
                    coloring.entered = set(entered)
                    coloring.lost = self.already.left(self._evaluated(), coloring.turned - stays)
                    self._group(coloring)
                    return coloring
            for function in ordered(hopeless):
                failed.setdefault(function, self._why(function, coloring))
            links = self._links(coloring)
            for function in hopeless:
                members, found = _connected(function, links)
                stays |= members
                origins |= found
                sides.drop(members | {function})

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
        called = {fn for fn in open_ones if self._is_called(fn)}
        apart = [
            fn for fn, obstacle in open_ones.items()
            if fn not in called and self.divider.roots.add_root(fn, obstacle, sides)
        ]  # fmt: skip
        if apart:
            return None
        moved = False
        for function, obstacle in open_ones.items():
            if function in islands or function in sides.quiet:
                moved = True  # it went with another
            elif self._can_be_island(function, coloring):
                islands |= self._closure(function, coloring) - sides.synced
                moved = True
            elif self.divider.roots.add_root(function, obstacle, sides):
                moved = True
        return None if moved else set(open_ones)

    def _is_called(self, function: Function) -> bool:
        return any(use.kind != "pass" for _, use in self.callers().get(function, ()))

    def _why(self, function: Function, coloring: Coloring) -> Obstacle:
        """Why a function can neither turn nor stay sync beside what turns."""
        obstacle, sides = coloring.boundaries.get(function), coloring.sides
        if obstacle is not None:
            if function in sides.refused or function.facts.kind in ("module", "class"):
                return obstacle
            if is_alembic(function):
                return obstacle  # it has a connection of its own
            members = self.divider.spread.below(function)
            why = self.divider.roots.refusal(function, members, sides)
            more = f" It has no sync session of its own: {why}." if why else ""
            return replace(obstacle, reason=f"{obstacle.reason}{more}")
        spread = self.divider.spread
        root = next((fn for fn in ordered(sides.roots) if function in spread.below(fn)), None)
        way = spread.way(root, function) if root is not None else ()
        user = " -> ".join(f"`{fn.qualname}`" for fn in way) or "Sync code"
        stopped = f" ({sides.roots[root].reason.rstrip('.')})" if root is not None else ""
        why = self.divider.sharing.refusal(function, sides, coloring.islands - sides.synced)
        return Obstacle(
            "ASY102", f"{user} needs it sync{stopped}, and async code needs it too"
            f"{': ' + why if why else ''}.",
        )  # fmt: skip

    def chain_down(self, function: Function) -> tuple[str, ...]:
        """The shortest way from a function to I/O, whatever color it has."""
        before: dict[Function, Function | None] = {function: None}
        pending = deque([function])
        while pending:
            current = pending.popleft()
            doing = self.uses.doing_io(current)
            if doing:
                names = [f"{doing[0].name or doing[0].kind} (line {doing[0].line})"]
                step: Function | None = current
                while step is not None:
                    names.append(step.qualname)
                    step = before[step]
                return tuple(reversed(names))
            for use in self.uses.of(current):
                for callee in use.callees:
                    if callee not in before:
                        before[callee] = current
                        pending.append(callee)
        return (function.qualname,)

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
            known = callers
            if function in sides.roots:  # whoever gives it no session has nothing to do with it
                found = callers.get(function, [])
                known = {function: [x for x in found if self.divider.spread.hands_named(x[1])]}
            self._reach_callers(function, known, coloring, pending)
        while True:
            while pending:
                self._reach_callers(pending.popleft(), callers, coloring, pending)
            for use in self._loops_inside(coloring):
                self._reach(use.function, use, coloring, pending)
            if not pending:
                return coloring

    @cached_property
    def _also_async(self) -> list[Function]:
        """What turns without I/O, because the configuration names it."""
        found = named(self.program, self.inference.config.also_async)
        return [fn for fn in found if fn.facts.kind == "def" and not fn.facts.is_async]

    def _loops_inside(self, coloring: Coloring) -> list[Use]:
        """Event loops that functions start which what turned calls: one is running there now."""
        started = coloring.turned - coloring.entries
        staying = coloring.stays | coloring.islands | set(coloring.boundaries)
        return [
            use for function, uses in self._loops().items()
            if function not in staying and self._is_below(function, started) for use in uses
        ]  # fmt: skip

    def _is_below(self, function: Function, started: set[Function]) -> bool:
        """Is a function called by one of those, by way of plain functions only?"""
        if function.facts.is_async or function in started:
            return False
        seen, pending = {function}, [function]
        while pending:
            for caller, use in self.callers().get(pending.pop(), ()):
                if use.kind != "call" or caller in seen:
                    continue
                if caller in started:
                    return True
                seen.add(caller)
                if not caller.facts.is_async:
                    pending.append(caller)
        return False

    def _loops(self) -> dict[Function, list[Use]]:
        """The functions that start event loops, and where."""
        if self._looping is None:
            self._looping = {}
            for function in self._evaluated():
                found = [use for use in self.uses.of(function) if use.kind == "loop"]
                if found:
                    self._looping[function] = found
        return self._looping

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
            if self._in_loop(use) and not self._called_by_functions(caller):
                continue  # it runs a loop of its own, and nobody who has one calls it
            if function.facts.is_async and self._hands_on(caller, use):
                continue  # it takes the coroutine as what it is
            sides = coloring.sides
            if function in sides.twinned and function not in self.divider.sharing.without_wrappers(
                use, coloring.turned, sides
            ):
                continue
            self._reach(caller, use, coloring, pending)

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

    def _hands_on(self, caller: Function, use: Use) -> bool:
        """Does a plain function hand on a coroutine that it gets? What loses it stands alone."""
        return not caller.facts.is_async and not self._in_loop(use)

    def _in_loop(self, use: Use) -> bool:
        """Does the function run what a use makes in an event loop of its own?"""
        return use.function in self._loops() and self.places.loop_call(use) >= 0

    def _called_by_functions(self, function: Function) -> bool:
        callers = self.callers().get(function, ())
        return any(caller.facts.kind == "def" and use.kind == "call" for caller, use in callers)

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
                coloring.entries.add(member)
            else:
                pending.append(member)
            for other in self.stand_ins.of(member):
                if self.obstacle(other) is None and other not in coloring.turned:
                    coloring.causes.setdefault(other, use)
                    coloring.turned.add(other)
                    pending.append(other)

    def _place_obstacle(self, use: Use) -> Obstacle | None:
        """Why nothing can be awaited where a use stands, and where that is."""
        found = self.places.obstacle(use)
        return found and replace(found, reason=f"Line {use.line}: {found.reason}")

    def _evaluated(self) -> list[Function]:
        if len(self._in_order) != len(self.inference.evaluations):  # none is ever taken out
            order = {module: n for n, module in enumerate(self.program.modules.values())}
            self._in_order = sorted(
                self.inference.evaluations, key=lambda fn: (order[fn.module], fn.index)
            )
        return self._in_order

    def callers(self) -> dict[Function, list[tuple[Function, Use]]]:
        if self._known_callers is not None:
            return self._known_callers
        callers: dict[Function, list[tuple[Function, Use]]] = {}
        for function in self._evaluated():
            for use in self.uses.of(function):
                for callee in use.callees:
                    callers.setdefault(callee, []).append((function, use))
        self._known_callers = callers
        return callers

    # -- what can't turn

    def family(self, function: Function) -> tuple[Function, ...]:
        """A method with those that it overrides and that override it; of a context manager, both
        methods."""
        if function.owner is None or function.name == "__init__":
            return (function,)
        if function not in self._families:
            name = function.owner.method_name(function)
            names = ENTERING if name in ENTERING else (name,)
            related: dict[Class, None] = {}
            pending = [function.owner]
            while pending:
                cls = pending.pop()
                if cls not in related:
                    related[cls] = None
                    pending += [b for b in cls.ancestors if not b.methods.keys().isdisjoint(names)]
                    below = cls.descendants()
                    pending += [c for c in below if not c.methods.keys().isdisjoint(names)]
            members = tuple(c.methods[n] for c in related for n in names if n in c.methods)
            members = self.cases.related(function) or members
            self._families[function] = members or (function,)
        return self._families[function]

    def obstacle(self, function: Function) -> Obstacle | None:
        """Why a function can't turn, or None."""
        if function not in self._obstacles:
            self._obstacles[function] = self._obstacle(function)
        return self._obstacles[function]

    def _obstacle(self, function: Function) -> Obstacle | None:
        facts = function.facts
        if function in self.impediments:
            return self.impediments[function]
        if facts.kind != "module" and function.module.path in self.blocked:
            return Obstacle("ASY306", "Its file can't be rewritten.")
        if is_alembic(function):
            return Obstacle("ASY107", "Alembic runs it, on a sync connection of its own.")
        if self.is_configured_sync(function):
            return Obstacle("ASY107", "The configuration keeps it sync.")
        kept = self.inference.query_properties.kept_in(function)
        if kept:
            return Obstacle("ASY103", kept)
        if facts.kind == "module":
            return self._module_obstacle(function)
        if facts.kind == "class":
            return Obstacle(
                "ASY103", "The body of a class runs at import, where nothing can be awaited."
            )
        if facts.kind == "lambda":
            return self.lambdas.obstacle(function) or self._given_away(function)
        if facts.is_async:
            return None
        if function.owner is not None and is_session_class(function.owner):
            reason = "It is a method of a session class of the program, which async sessions wrap."
            return Obstacle("ASY203", reason)
        called = self.bounds.called_by_base(function)
        if called is not None and called[1].rule in (Rule.SYNC, Rule.OWN_LOOP):
            return self._called_plainly(called[1].rule, called[0])
        extended = self.bounds.extends_base(function)
        if extended:
            return self._called_plainly(Rule.SYNC, extended)
        name = facts.name
        if is_implicit(function) and name not in _TURNING_DUNDERS:
            return Obstacle("ASY101", f"Python calls {name} itself and can't await it.")
        if name == "__getitem__":
            return self.properties.item_obstacle(function, self.callers().get(function, ()))
        if self.inference.is_property(function):
            return self.properties.obstacle(function)
        return (
            self._decorated(function) or self.cases.obstacle(function)
            or self._given_away(function)
        )  # fmt: skip

    def _decorated(self, function: Function) -> Obstacle | None:
        """Does a decorator of a library call the function without awaiting it?"""
        for decorator in self.bounds.decorators(function):
            if decorator.rule in (Rule.SYNC, Rule.OWN_LOOP):
                return self._called_plainly(decorator.rule, f"@{decorator.name}")
            if decorator.rule is Rule.STRIP and self._is_cache_used(function):
                return Obstacle("ASY101", f"The cache that `@{decorator.name}` keeps is used.")
        commands = self._wrapped_commands(function)
        if commands and not self.is_entry(function):
            reason = f"It stands for the command `{commands[0].qualname}`, which isn't awaited"
            return Obstacle("ASY105", f"{reason}, and for other functions.")
        if self.is_entry(function):
            for caller, use in self.callers().get(function, ()):
                if use.kind == "call":
                    reason = f"It is a command, and `{caller.qualname}` calls it too."
                    return Obstacle("ASY105", reason)
        return None

    def _called_plainly(self, rule: Rule, caller: str) -> Obstacle:
        """What a library calls without awaiting it, or in an event loop of its own."""
        if rule is Rule.OWN_LOOP and not self._has_one_loop:
            return Obstacle("ASY104", flask.REASON, whole=True)
        return Obstacle("ASY105", f"`{caller}` calls it without awaiting it.")

    @cached_property
    def _has_one_loop(self) -> bool:
        """Is there a framework in the program that serves its requests in one event loop?"""
        return any(
            item.module.partition(".")[0] in flask.ASYNC_FRAMEWORKS
            for module in self.program.modules.values() for item in module.facts.imports
        )  # fmt: skip

    def _is_cache_used(self, function: Function) -> bool:
        """Does anybody clear the cache of a function, or look at it?"""
        return any(
            function.name in user.facts.names for name in CACHE_MEMBERS
            for user in self.program.mentioning_member(name)
        )  # fmt: skip

    def is_entry(self, function: Function) -> bool:
        """Does a command line call the function? Where a decorator of the program puts a wrapper in
        the place of a command, the wrapper is called."""
        found = self._entries.get(function)
        if found is None:
            found = self._entries[function] = self._is_entry(function)
        return found

    def _is_entry(self, function: Function) -> bool:
        wrapped = self._wrapped(function)
        if wrapped:
            return all(map(self._is_command, wrapped))
        return self._is_command(function) and not any(
            self._wraps(caller, function) for caller, _ in self.callers().get(function, ())
        )

    def _is_command(self, function: Function) -> bool:
        return self.cases.runs_once(function) or any(
            d.rule is Rule.ENTRY for d in self.bounds.decorators(function)
        )

    def _wrapped_commands(self, function: Function) -> list[Function]:
        return [wrapped for wrapped in self._wrapped(function) if self._is_command(wrapped)]

    def _wrapped(self, function: Function) -> list[Function]:
        """The functions in whose place a decorator of the program puts this one."""
        if function.parent is None or function.parent.facts.kind != "def":
            return []
        called = (c for use in self.uses.of(function) if use.kind == "call" for c in use.callees)
        return [callee for callee in called if self._wraps(function, callee)]

    def _wraps(self, wrapper: Function, function: Function) -> bool:
        """Is it defined in a decorator of the function, or in what makes that decorator?"""
        outer = wrapper.parent
        while outer is not None and outer.facts.kind == "def":
            if outer in self.bounds.own_decorators(function):
                return True
            outer = outer.parent
        return False

    def _given_away(self, function: Function) -> Obstacle | None:
        """Is the function handed to something that calls it without awaiting?"""
        for _, use in self.callers().get(function, ()):
            if use.kind == "pass" and self.places.is_decoration(use):
                continue  # as below `@`: an unknown decorator is a warning
            if self.cases.awaits(use.function, use.name):
                continue
            if use.kind == "pass" and not fits(use.name) and not self.is_entry(function):
                if rule_of(use.name) is Rule.OWN_LOOP:
                    return self._called_plainly(Rule.OWN_LOOP, use.name)
                name = use.name or "something unknown"
                return Obstacle(
                    "ASY105", f"It is given to `{name}` (line {use.line}), which may not await it."
                )
        return None

    def is_configured_sync(self, function: Function) -> bool:
        return is_named(function, self.inference.config.sync)

    def _module_obstacle(self, function: Function) -> Obstacle | None:
        """A module's body can't await, but what stands below ``if __name__ == "__main__"`` is an
        entry point, and pytest imports its files before it has an event loop; ``create_all`` at
        import has a form of its own."""
        layout = self.uses.layout(function)
        for use in self.uses.of(function):
            if use.kind == "refused":
                return Obstacle("ASY203", use.name)
            # Giving a function away runs nothing: `Annotated[Session, Depends(get_session)]`.
            relevant = (use.does_io or use.callees) and use.kind not in ("metadata", "pass")
            if self.places.imported_session(use) is not None:
                continue
            statement = layout.statement(use.operation)
            if not relevant or statement is None:
                continue
            runs = [c for c in use.callees if use.kind != "call" or not c.facts.is_generator]
            if use.callees and not any(self.does_io(c) for c in runs):
                continue
            runs_alone = id(statement) in layout.guarded or is_test_path(function.module.path)
            if use.kind != "call" or not runs_alone:
                return Obstacle("ASY103", "It runs at import, where nothing can be awaited.")
        return None

    def does_io(self, function: Function) -> bool:
        """Does the function do I/O, or anything that it calls?"""
        if self._reaching_io is None:
            callers = self.callers()
            pending = [fn for fn in self._evaluated() if self.uses.doing_io(fn)]
            self._reaching_io = set(pending)
            while pending:
                for caller, use in callers.get(pending.pop(), ()):
                    if use.kind == "maybe":
                        continue
                    if use.kind == "pass" and fits(use.name) and rule_of(use.name) is None:
                        continue  # it is only looked at
                    if caller not in self._reaching_io:
                        self._reaching_io.add(caller)
                        pending.append(caller)
        return function in self._reaching_io

    # -- islands

    def _can_be_island(self, function: Function, coloring: Coloring) -> bool:
        """Is every caller able to await, with a session in hand; and makes the function no session
        of its own?"""
        if function.facts.kind not in ("def", "lambda") or function.facts.is_generator:
            return False
        members = self._closure(function, coloring)
        for member in members:
            if member.facts.is_generator or self.makes_session(member):
                return False
            if member.facts.is_async or self.already.lost(member):
                return False  # it awaits, and what runs inside run_sync can't
        entries = [
            (caller, use) for member in members for caller, use in self.callers().get(member, ())
            if caller not in members
        ]  # fmt: skip
        if not entries or self._crosses(members, [use for _, use in entries]):
            return False
        return all(self.may_enter(use) for _, use in entries)

    def _crosses(self, members: set[Function], entries: list[Use]) -> bool:
        """Does an island get at the async session of an object that is made outside?"""
        if not any(self.divider.spread.reads_held(member) for member in members):
            return False
        entered = [callee for use in entries for callee in use.callees if callee in members]
        return any(self.divider.spread.hands_object(use) for use in entries) or any(
            callee.name != "__init__" and callee.owner in self.divider.spread.holders()
            and not any(cls.methods.get("__init__") in members for cls in _line(callee.owner))
            for callee in entered if callee.owner is not None
        )  # fmt: skip

    def may_enter(self, use: Use) -> bool:
        """Can a call enter an island, or is the island given to what runs inside run_sync?"""
        if self.obstacle(use.function) is not None or use.function.facts.kind != "def":
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

    def makes_session(self, function: Function) -> bool:
        return any(
            isinstance(use.owner, v.Known) and use.owner.kind in ("Session", "Connection", "Engine")
            and use.owner.origin is not None and use.owner.origin.function is function
            for use in self.uses.of(function)
        )  # fmt: skip

    def _closure(self, function: Function, coloring: Coloring) -> set[Function]:
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
            is_constructor = current.name == "__init__" and current.owner is not None
            if is_constructor and self.ambient.session(current) is None:
                assert current.owner is not None
                methods = current.owner.methods.values()
                pending += [m for m in methods if self.does_io(m)]
        return out

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
        for name, value in evaluation.environment.items():
            if any(isinstance(a, v.Known) and a.kind == "Session" for a in value):
                return name
        return None

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

    # -- components

    def _links(self, coloring: Coloring) -> _Links:
        """What shares sessions, and calls between what is reached."""
        calls: dict[Hashable, set[Hashable]] = {}
        reached = coloring.turned | set(coloring.boundaries) | coloring.islands
        for function in reached:
            if is_alembic(function):
                continue  # it never stops the application
            for use in self.uses.of(function):
                for callee in use.callees:
                    if callee in reached:
                        _link(calls, function, callee)
            for member in self.family(function):
                _link(calls, function, member)
        return self._shared(), calls

    def _shared(self) -> dict[Hashable, set[Hashable]]:
        """Links by sessions and queries: as long as nothing is evaluated they stay the same."""
        if self._lasting[0] == self.inference.runs:
            return self._lasting[1]
        links: dict[Hashable, set[Hashable]] = {}
        factories: set[v.Origin] = set()
        for function in self._evaluated():
            if is_alembic(function):
                continue
            own = self._own_links(function)
            if own.factories:
                factories |= own.factories
            for other in own.links:
                _link(links, function, other)
        for origin, other in self.inference.related:
            _link(links, origin, other)
        if _SOMEWHERE in links:
            # A session that comes from nobody knows where may come from any factory.
            for origin in factories:
                _link(links, _SOMEWHERE, origin)
        self._lasting = self.inference.runs, links
        return links

    def _own_links(self, function: Function) -> _Own:
        """What one function is linked with, and the factories in it."""
        evaluation = self.inference.evaluations[function]
        known = self._own.get(function)
        if known is not None and known[0] is evaluation:
            return known[1]
        links: set[Hashable] = set()
        for use in self.uses.of(function):
            owner = use.owner
            if isinstance(owner, v.Known) and owner.kind in _HANDLED:
                links.add(owner.origin or _SOMEWHERE)
            elif isinstance(owner, v.QueryValue):
                links |= {owner.origin.function, owner.source or _SOMEWHERE}
        if function.facts.kind == "def":
            links |= self._handled(function)
        own = _Own(frozenset(links), self._factories(evaluation))
        self._own[function] = evaluation, own
        return own

    def _factories(self, evaluation: Evaluation) -> frozenset[v.Origin]:
        """The session factories, registries and engines that application code makes."""
        return frozenset(
            atom.origin for _, value in evaluation.objects for atom in value
            if isinstance(atom, v.Known) and atom.origin is not None
            and atom.kind in ("sessionmaker", "scoped_session", "Session")
            and not is_alembic(atom.origin.function)
        )  # fmt: skip

    def _handled(self, function: Function) -> set[Hashable]:
        """The origins of the sessions and the like that a function's variables hold."""
        environment = self.inference.evaluations[function].environment
        holds = self.inference.holds_objects
        return {
            a.origin or _SOMEWHERE for value in environment.values() if value and holds(value)
            for a in value if isinstance(a, v.Known) and a.kind in SYNC_KINDS
        }  # fmt: skip

    def _group(self, coloring: Coloring) -> None:
        """Number the components of what turned, and note what their sessions come from: not from
        what only a sync side uses."""
        links = self._links(coloring)
        sides = coloring.sides
        number = 0
        for barrier in (frozenset(sides.synced), frozenset[Function]()):
            for function in self._evaluated():
                if function in coloring.groups or function in barrier:
                    continue
                if function not in coloring.turned | coloring.islands:
                    continue
                number += 1
                members, origins = _connected(function, links, barrier)
                for origin in origins:
                    coloring.source_groups.setdefault(origin, number)
                if function not in sides.synced:
                    coloring.alive |= origins
                for member in members - barrier:
                    coloring.groups.setdefault(member, number)
        if sides.synced:
            coloring.alive |= self._made_from(self.divider.twins.own_origins(sides.twinned))
            coloring.alive -= self._apart(coloring)

    def _made_from(self, origins: set[v.Origin]) -> set[v.Origin]:
        """The origins, and those of what they are made from: a factory's engine."""
        found = set(origins)
        pending = list(origins)
        while pending:
            current = pending.pop()
            below = {b for a, b in self.inference.related if a == current} - found
            found |= below
            pending += below
        return found

    def _apart(self, coloring: Coloring) -> set[v.Origin]:
        """What only the sync side uses, and nothing that turns is made from."""
        alone = self.divider.twins.only_synced(coloring.sides)
        return alone - self._made_from(coloring.alive - alone)


# By sessions and queries, which stay, and by calls, which are looked up for every coloring.
_Links = tuple[dict[Hashable, set[Hashable]], dict[Hashable, set[Hashable]]]


@dataclass(frozen=True, slots=True)
class _Own:
    """What one function is linked with by sessions, and the factories that occur in it."""

    links: frozenset[Hashable]
    factories: frozenset[v.Origin]


def _link(links: dict[Hashable, set[Hashable]], left: Hashable, right: Hashable) -> None:
    links.setdefault(left, set()).add(right)
    links.setdefault(right, set()).add(left)


def _line(cls: Class) -> tuple[Class, ...]:
    """A class and those above it."""
    return (cls, *cls.ancestors)


def _connected(
    start: Hashable, links: _Links, barrier: frozenset[Function] = frozenset()
) -> tuple[set[Function], set[v.Origin]]:
    """Everything that is connected with a function by calls and by sessions, but not by way of
    the functions of a barrier."""
    seen: set[Hashable] = {start}
    pending: list[Hashable] = [start]
    while pending:
        current = pending.pop()
        for part in links:
            for other in part.get(current, ()):
                if other not in seen and other not in barrier:
                    seen.add(other)
                    pending.append(other)
    functions = {s for s in seen if isinstance(s, Function)}
    return functions, {s for s in seen if isinstance(s, v.Origin)}


def is_alembic(function: Function) -> bool:
    """Does Alembic run the module that a function is in: is it an env.py or a migration?"""
    return function.module.imports_any(_OF_ALEMBIC)
