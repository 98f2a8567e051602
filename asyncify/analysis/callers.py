"""Callers: who calls whom, by way of all that a use may run, and what does I/O in the end."""

from __future__ import annotations

from collections import deque
from collections.abc import KeysView

from asyncify import facts as f
from asyncify.analysis.boundaries import Boundaries, fits, rule_of
from asyncify.analysis.cases import Cases
from asyncify.analysis.coloring import Coloring
from asyncify.analysis.infer import Inference
from asyncify.analysis.places import Places
from asyncify.analysis.program import Class, Function
from asyncify.analysis.uses import (
    ENTERING,
    Use,
    Uses,
)


class Callers:
    """The call graph of what was evaluated."""

    def __init__(self, inference: Inference, blocked: frozenset[str] = frozenset()) -> None:
        self.inference = inference
        self.blocked = blocked  # paths of files that can't be rewritten
        self.program = inference.program
        self.uses = Uses(inference)
        self.places = Places(self.uses)
        self.bounds = Boundaries(inference)
        self.cases = Cases()
        self._families: dict[Function, tuple[Function, ...]] = {}
        self._protocols = 0  # the families are those of as many classes that meet in protocols
        self._known_callers: dict[Function, list[tuple[Function, Use]]] | None = None
        self._callers_among = 0  # as many functions that were evaluated
        self._reaching_io: set[Function] | None = None
        self._kept_own: set[Function] = set()  # whose I/O is nobody else's business
        self._looping: dict[Function, list[Use]] | None = None
        self._in_order: list[Function] = []

    def _evaluated(self) -> list[Function]:
        if len(self._in_order) != len(self.inference.evaluations):  # none is ever taken out
            order = {module: n for n, module in enumerate(self.program.modules.values())}
            self._in_order = sorted(
                self.inference.evaluations, key=lambda fn: (order[fn.module], fn.index)
            )
        return self._in_order

    def callers(self) -> dict[Function, list[tuple[Function, Use]]]:
        evaluated = len(self.inference.evaluations)
        if self._known_callers is not None and self._callers_among == evaluated:
            return self._known_callers
        callers: dict[Function, list[tuple[Function, Use]]] = {}
        for function in self._evaluated():
            for use in self.uses.of(function):
                for callee in use.callees:
                    callers.setdefault(callee, []).append((function, use))
        self._known_callers, self._callers_among = callers, evaluated
        return callers

    def family(self, function: Function) -> tuple[Function, ...]:
        """A method with those that it overrides and that override it, by way of protocols too; of
        a context manager, both methods."""
        fulfilled = self.inference.fulfilled
        if self._protocols != len(fulfilled):
            self._protocols = len(fulfilled)
            self._families.clear()
        known = self._families.get(function)
        if known is None:
            known = self._families[function] = self._family(function) or (function,)
        return known

    def _family(self, function: Function) -> tuple[Function, ...]:
        if function.owner is None or function.is_constructor:
            return ()
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
                pending += self.inference.fulfilled.get(cls, ())
        members = tuple(c.methods[n] for c in related for n in names if n in c.methods)
        if function not in members:
            members = (function,)  # a later one of that name in the class body hides it
        return self.cases.related(function) or members

    def keep_to_itself(self, functions: set[Function]) -> None:
        """Whoever calls these does no I/O by that: they stay sync, and are called as they are."""
        if functions != self._kept_own:
            self._kept_own = set(functions)
            self._reaching_io = None

    def does_io(self, function: Function) -> bool:
        """Does the function do I/O, or anything that it calls?"""
        if self._reaching_io is None:
            callers = self.callers()
            pending = [fn for fn in self._evaluated() if self.uses.doing_io(fn)]
            self._reaching_io = set(pending)
            while pending:
                callee = pending.pop()
                for caller, use in callers.get(callee, ()):
                    if use.kind == "maybe" or (
                        callee in self._kept_own and caller not in self._kept_own
                    ):
                        continue
                    if use.kind == "pass" and fits(use.name) and rule_of(use.name) is None:
                        continue  # it is only looked at
                    if caller not in self._reaching_io:
                        self._reaching_io.add(caller)
                        pending.append(caller)
        return function in self._reaching_io

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

    def _loops(self) -> dict[Function, list[Use]]:
        """The functions that start event loops, and where."""
        if self._looping is None:
            self._looping = {}
            for function in self._evaluated():
                found = [use for use in self.uses.of(function) if use.kind == "loop"]
                if found:
                    self._looping[function] = found
        return self._looping

    def starting_loops(self) -> KeysView[Function]:
        """The functions that start event loops."""
        return self._loops().keys()

    def _in_loop(self, use: Use) -> bool:
        """Does the function run what a use makes in an event loop of its own?"""
        return use.function in self._loops() and self.places.loop_call(use) >= 0

    def _called_by_functions(self, function: Function) -> bool:
        callers = self.callers().get(function, ())
        return any(caller.facts.kind == "def" and use.kind == "call" for caller, use in callers)

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

    def _loops_inside(self, coloring: Coloring) -> list[Use]:
        """Event loops that functions start which what turned calls: one is running there now."""
        started = coloring.turned - coloring.entries
        staying = coloring.stays | coloring.islands | set(coloring.boundaries)
        return [
            use for function, uses in self._loops().items()
            if function not in staying and self._is_below(function, started) for use in uses
        ]  # fmt: skip

    def _hands_on(self, caller: Function, use: Use) -> bool:
        """Does a plain function hand on a coroutine that it gets? What loses it stands alone."""
        return not caller.facts.is_async and not self._in_loop(use)

    def _gives_either(self, caller: Function, use: Use) -> bool:
        """Is it a wrapper that ends with ``return fn(...)``, of what is async already and of what
        isn't? It gives whatever that gives, and chooses where it has to: it needn't turn."""
        outer = caller.parent
        if caller.facts.is_async or use.kind != "call" or not outer or outer.facts.kind != "def":
            return False
        if caller.facts.kind == "lambda" or len({c.facts.is_async for c in use.callees}) < 2:
            return False
        return any(s[0] == f.RETURN and s[7] == use.operation for s in caller.body.statements)
