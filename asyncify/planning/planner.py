"""What the planners of one concern have: the colors to read, and the drafts to write to."""

from __future__ import annotations

from collections.abc import Callable

from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Module
from asyncify.planning.draft import Draft


class Planner:
    """Writes decisions: ``draft`` gives the one of a module."""

    def __init__(
        self, colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]
    ) -> None:
        self.colors = colors
        self.coloring = coloring
        self.draft = draft
