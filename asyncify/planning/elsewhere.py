"""What is found out in another process while this one plans.

What loads by itself is read off the types and the colors, takes as long as the rest of the plan,
and nothing of the rest needs it before its end.
"""

from __future__ import annotations

from dataclasses import dataclass

from asyncify.analysis import portable
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.load_demands import Demand
from asyncify.analysis.load_values import Entity, Source
from asyncify.analysis.loading import Loading
from asyncify.analysis.program import Function
from asyncify.workers import Meanwhile

_ENOUGH = 60  # functions that turn: for fewer, another process takes longer than it spares


@dataclass(frozen=True, slots=True)
class Found:
    """What is asked for. ``entities`` are the instances that were met on the way, which their
    sources know from then on."""

    entities: list[Entity]
    demands: dict[Function, list[Demand]]
    unreadable: set[Source]
    called_by_templates: dict[tuple[Function, str, int], Function]


class Elsewhere:
    """Finds it out; ``forks``: in another process, if that is worth it."""

    def __init__(self, colors: Colors, coloring: Coloring, forks: bool) -> None:
        self.colors = colors
        self.coloring = coloring
        self.forks = forks and len(coloring.turned) >= _ENOUGH
        self._found: Found | None = None
        self._work: Meanwhile[Found] | None = None

    def begin(self) -> None:
        """From now on nothing changes that it depends on."""
        program = self.colors.inference.program
        self._work = Meanwhile(
            self._find, portable.dump, lambda data: portable.load(program, data), self.forks
        )

    def found(self) -> Found:
        """What was found out; waits for it."""
        if self._found is None:
            self._found = self._work.result() if self._work is not None else self._find()
        return self._found

    def _find(self) -> Found:
        loading = Loading(self.colors, self.coloring)
        demands = loading.demands()
        return Found(self._entities(), demands, loading.unreadable, loading.called_by_templates)

    def _entities(self) -> list[Entity]:
        if not self.forks:
            return []
        functions = self.colors.inference.program.functions()
        return [
            entity for function in functions for source in function.atoms.values()
            if isinstance(source, Source) for entity in source.entities.values()
        ]  # fmt: skip
