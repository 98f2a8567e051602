"""Commands that coroutines run: a command starts a loop of its own, which a running loop forbids.

In a test that turns, and in a command that invokes another, what runs the command goes into a
greenlet, with the helpers between the two. There the command finds the loop that runs, and is
awaited in it: as before, both have the same connections, and the same session where that is one of
the task or thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function, Module, dotted
from asyncify.analysis.use import Use
from asyncify.decisions import ReplaceCall
from asyncify.planning.draft import Draft, call_reference
from asyncify.vocabulary.testing import COMMAND_METHODS, COMMAND_RUNNERS, INVOKING, RUNNER_METHOD

_HELPER = "run_sync"


class RunnerPlanner:
    """Plans the calls that run commands: those of the runners of Click and Typer, and those of a
    context that is given one."""

    def __init__(
        self,
        colors: Colors,
        coloring: Coloring,
        draft: Callable[[Module], Draft],
        support: Callable[[Draft, str], str],
    ) -> None:
        self.colors = colors
        self.inference = colors.inference
        self.coloring = coloring
        self.draft = draft
        self.support = support

    def plan(self) -> None:
        if not self.coloring.entries:
            return
        helpers: list[Function] = []
        for method in (*INVOKING, *COMMAND_METHODS):
            for function in self.inference.program.mentioning_member(method):
                if function not in self.inference.evaluations:
                    continue
                if function in self.coloring.turned:
                    self._function(function, method)
                elif any(True for _ in self._running(function, method)):
                    helpers.append(function)
        self._through(helpers)

    def _through(self, helpers: list[Function]) -> None:
        """Helpers that stay plain and run a command, such as the function that a fixture returns,
        and who calls those: what turns calls them in a greenlet."""
        seen, callers = set(helpers), self.colors.callers()
        while helpers:
            for function, use in callers.get(helpers.pop(), ()):
                if use.kind != "call" or function.facts.is_generator:
                    continue
                if function not in self.coloring.turned:
                    helpers += {function} - seen
                    seen.add(function)
                elif self.coloring.turned.isdisjoint(use.callees):
                    self._enter(function, use)

    def _enter(self, function: Function, use: Use) -> None:
        """``run("init")`` becomes ``await run_sync(run, "init")``."""
        operations = function.body.operations
        operation = operations[use.operation]
        name = dotted(operations, operation[5]) if operation[0] == f.CALL else ""
        if name:
            draft = self.draft(function.module)
            given = ", {args}" if operation[6] or operation[7] else ""
            draft.add(
                ReplaceCall(
                    node=call_reference(function, use.operation), site=draft.site(operation),
                    group=self.coloring.groups.get(function, 0),
                    awaited=f"{self.support(draft, _HELPER)}({name}{given})",
                )
            )  # fmt: skip

    def _function(self, function: Function, method: str) -> None:
        for index in self._running(function, method):
            draft = self.draft(function.module)
            helper = self.support(draft, _HELPER)
            operation = function.body.operations[index]
            given = ", {args}" if operation[6] or operation[7] else ""
            draft.add(
                ReplaceCall(
                    node=call_reference(function, index),
                    site=draft.site(operation),
                    group=self.coloring.groups.get(function, 0),
                    awaited=f"{helper}({{receiver}}.{method}{given})",
                )
            )  # fmt: skip

    def _running(self, function: Function, method: str) -> Iterator[int]:
        """The calls by which a function runs commands."""
        operations = function.body.operations
        values = self.inference.evaluations[function].values
        for index, operation in enumerate(operations):
            if not operation or operation[0] != f.CALL:
                continue
            callee = operations[operation[5]]
            if callee[0] != f.ATTRIBUTE or callee[6] != method:
                continue
            receiver = values[callee[5]]
            if method in COMMAND_METHODS:
                runs = self._is_entry(receiver)
            else:
                given = operation[6][:1] and self._is_entry(values[operation[6][0]])
                runs = given or (method == RUNNER_METHOD and _is_runner(receiver))
            if runs:
                yield index

    def _is_entry(self, value: v.Value) -> bool:
        """Is it a command that starts a loop?"""
        return any(
            isinstance(a, v.FunctionObject) and a.function in self.coloring.entries for a in value
        )


def _is_runner(value: v.Value) -> bool:
    return any(isinstance(a, v.ForeignInstance) and a.name in COMMAND_RUNNERS for a in value)
