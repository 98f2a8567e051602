"""Clean-ups: what a migration improves on its way, as far as the configuration asks for it."""

from __future__ import annotations

from collections.abc import Callable

from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function, Module
from asyncify.findings import Finding
from asyncify.planning.cleanups_caches import Caches
from asyncify.planning.cleanups_guards import Guards
from asyncify.planning.cleanups_loaders import Loaders
from asyncify.planning.cleanups_pages import Pages
from asyncify.planning.draft import Draft
from asyncify.planning.planner import Planner


class Cleanups(Planner):
    """Plans all clean-ups of a program, after the migration itself."""

    def __init__(
        self, colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]
    ) -> None:
        super().__init__(colors, coloring, draft)
        config = colors.inference.config
        self.caches = Caches(colors, coloring, draft)
        self.pages = Pages(colors, coloring)
        self.loaders = Loaders(colors, coloring, draft)
        self.guards = Guards(
            config.guard_clauses, coloring.groups, lambda function: draft(function.module)
        )

    def plan(self) -> None:
        blocked = self.colors.blocked
        turning = [
            function for function in self.coloring.turned
            if not function.facts.is_async and function.module.path not in blocked
        ]  # fmt: skip
        turning.sort(key=_place)
        self.caches.plan(turning)
        self.pages.plan()
        self.loaders.plan()
        self.guards.gone = self.caches.removed
        self.guards.unwrapped = self.caches.unwrapped
        self.guards.plan(turning, self._every)

    def _every(self) -> list[Function]:
        program, blocked = self.colors.inference.program, self.colors.blocked
        return [fn for fn in program.functions() if fn.module.path not in blocked]

    def findings(self) -> list[Finding]:
        return [*self.caches.findings, *self.guards.findings, *self.pages.findings]


def _place(function: Function) -> tuple[str, int]:
    return function.module.path, function.index
