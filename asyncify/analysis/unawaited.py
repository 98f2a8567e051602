"""What is async already: who calls it, and where its coroutines are lost.

A program may have been migrated in part, or written so. Whoever takes a coroutine for its result
turns as if the callee turned now; where it can't, the call is an error of the program.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from asyncify.analysis.coroutine_signs import Fate, holds_coroutine
from asyncify.analysis.coroutines import Coroutines
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function
from asyncify.analysis.uses import Use

if TYPE_CHECKING:
    from asyncify.analysis.colors import Colors


class AsyncAlready:
    """Answers for one state of the types; made anew when they have moved."""

    def __init__(self, colors: Colors) -> None:
        self.colors = colors
        self.uses = colors.uses
        self.coroutines = Coroutines(colors.uses, colors.bounds, colors.callers)
        self._lost: dict[Function, tuple[Use, ...]] = {}
        self._unproven: dict[Function, tuple[Use, ...]] = {}

    def reached(self, evaluated: Iterable[Function]) -> set[Function]:
        """Async functions that work with async objects of SQLAlchemy, and those that call them, or
        hand on their coroutines."""
        callers = self.colors.callers()
        pending = [
            function for function in evaluated
            if function.facts.is_async and any(u.is_async for u in self.uses.of(function))
        ]  # fmt: skip
        found = set(pending)
        while pending:
            function = pending.pop()
            above = (caller for caller, _ in callers.get(function, ()))
            for other in (*self.colors.family(function), *above):
                if other not in found and (other.facts.is_async or self._hands_on(other)):
                    found.add(other)
                    pending.append(other)
        return found

    def _hands_on(self, function: Function) -> bool:
        """Does a plain function give a coroutine? Its callers are those of the coroutine too."""
        inference = self.uses.inference
        return function in inference.evaluations and holds_coroutine(inference.result(function))

    def lost(self, function: Function) -> tuple[Use, ...]:
        """The uses that make a coroutine, an async generator or an async context manager of the
        program, and treat it as its result."""
        found = self._lost.get(function)
        if found is None:
            found = self._lost[function] = tuple(
                use for use in self.uses.of(function)
                if self.coroutines.unawaited(use) and self.coroutines.fate(use) is Fate.LOST
            )  # fmt: skip
        return found

    def unproven(self, function: Function) -> tuple[Use, ...]:
        """The uses that make one, and of which it isn't known that somebody awaits it."""
        found = self._unproven.get(function)
        if found is None:
            found = self._unproven[function] = tuple(
                use for use in self.uses.of(function)
                if self.coroutines.unawaited(use) and self.coroutines.fate(use) is not Fate.TAKEN
            )  # fmt: skip
        return found

    def obstacle(self, use: Use) -> Obstacle | None:
        """Why nothing can be awaited where a coroutine is lost, or None."""
        function = use.function
        if function.facts.kind == "module":
            layout = self.uses.layout(function)
            statement = layout.statement(use.operation)
            if use.kind == "call" and statement is not None and id(statement) in layout.guarded:
                return None
            return Obstacle("ASY103", "It runs at import, where nothing can be awaited.")
        return self.colors.obstacle(function) or self.colors.places.obstacle(use)

    def left(
        self, evaluated: Iterable[Function], turned: Collection[Function]
    ) -> dict[Use, Obstacle | None]:
        """Coroutines that are lost and that nobody can be made to await."""
        found: dict[Use, Obstacle | None] = {}
        for function in evaluated:
            for use in self.lost(function):
                why = self.obstacle(use)
                is_module = function.facts.kind == "module"
                if why is not None or (function not in turned and not is_module):
                    found[use] = why
        return found
