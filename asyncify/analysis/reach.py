"""Reach: whoever may call what does I/O is evaluated, before anybody asks for colors.

A coloring looks at the whole program, so it is not the way to find out step by step which functions
it needs. Here only what was evaluated since the last step is looked at. Obstacles are not asked
for: a few more functions are evaluated than turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from asyncify.analysis.infer import Inference
from asyncify.analysis.program import Function
from asyncify.analysis.uses import Uses


class Reach:
    """Finds, upwards from the I/O, all functions that may turn, and evaluates their callers."""

    def __init__(
        self,
        inference: Inference,
        uses: Uses,
        family: Callable[[Function], tuple[Function, ...]],
        heat: Callable[[Iterable[Function]], None],
    ) -> None:
        self.inference = inference
        self.uses = uses
        self.family = family
        self.heat = heat
        self.reached: set[Function] = set()
        self._callers: dict[Function, set[Function]] = {}
        self._looked_at: dict[Function, object] = {}

    def close(self) -> None:
        """Go up until nothing more is reached."""
        while True:
            before = set(self.reached)
            for function, evaluation in list(self.inference.evaluations.items()):
                if self._looked_at.get(function) is not evaluation:
                    self._looked_at[function] = evaluation
                    self._look_at(function)
            if len(self.reached) == len(before):
                return
            self.heat(self.reached - before)
            self.inference.settle()

    def _look_at(self, function: Function) -> None:
        does_io = bool(self.uses.doing_io(function))
        for use in self.uses.of(function):
            for callee in use.callees:
                if use.runs(callee):
                    self._callers.setdefault(callee, set()).add(function)
                    does_io = does_io or callee in self.reached
        if does_io:
            self._reach(function)

    def _reach(self, function: Function) -> None:
        pending = [function]
        while pending:
            for member in self.family(pending.pop()):
                if member not in self.reached:
                    self.reached.add(member)
                    pending += self._callers.get(member, ())
