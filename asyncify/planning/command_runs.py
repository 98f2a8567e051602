"""Commands that tests run: a command starts a loop of its own, which a running loop doesn't allow.

In a test that turns, the runner goes into a thread. There the command has its own loop, as it has
outside of tests.
"""

from __future__ import annotations

from collections.abc import Callable

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function, Module
from asyncify.decisions import ReplaceCall
from asyncify.planning.draft import Draft, call_reference
from asyncify.vocabulary.testing import COMMAND_RUNNERS, RUNNER_METHOD, THREAD


class RunnerPlanner:
    """Plans the calls of the runners of Click and Typer."""

    def __init__(
        self, colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]
    ) -> None:
        self.inference = colors.inference
        self.coloring = coloring
        self.draft = draft

    def plan(self) -> None:
        if not self.coloring.entries:
            return
        for function in self.inference.program.mentioning_member(RUNNER_METHOD):
            if function in self.coloring.turned and function in self.inference.evaluations:
                self._function(function)

    def _function(self, function: Function) -> None:
        operations = function.body.operations
        values = self.inference.evaluations[function].values
        for index, operation in enumerate(operations):
            if not operation or operation[0] != f.CALL:
                continue
            callee = operations[operation[5]]
            if (
                callee[0] == f.ATTRIBUTE
                and callee[6] == RUNNER_METHOD
                and any(
                    isinstance(a, v.ForeignInstance) and a.name in COMMAND_RUNNERS
                    for a in values[callee[5]]
                )
            ):
                draft = self.draft(function.module)
                awaited = f"{draft.spell(THREAD)}({{receiver}}.{RUNNER_METHOD}, {{args}})"
                draft.add(
                    ReplaceCall(
                        node=call_reference(function, index), site=draft.site(operation),
                        group=self.coloring.groups.get(function, 0), awaited=awaited,
                    )
                )  # fmt: skip
