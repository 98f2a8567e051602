"""Functions that stay sync and start an event loop, called by what turns: a loop runs there now, in
which no other can be started. They are called in a thread, which has none.

https://docs.python.org/3/library/asyncio-runner.html#asyncio.run
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis.program import Function
from asyncify.analysis.uses import Use
from asyncify.decisions import ReplaceCall
from asyncify.findings import Finding
from asyncify.planning.draft import call_reference
from asyncify.planning.planner import Planner
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.vocabulary.blocking import IN_A_THREAD

_REASON = (
    "`{}` starts an event loop of its own, which raises where one runs already, as in `{}` from "
    "now on."
)
_ADVICE = "Call it in a thread: `asyncio.to_thread`."


class InnerLoops(Planner):
    """Finds who calls what stays sync with a loop below it."""

    def plan(self) -> Iterator[Finding]:
        """Put the calls into threads; an error for each that can't be awaited."""
        starting = self._starting()
        callers = self.colors.callers() if starting else {}
        for callee in sorted(starting, key=lambda fn: (fn.module.path, fn.index)):
            for caller, use in callers.get(callee, ()):
                if use.kind == "call" and self._turns(caller) and not self._wrap(use):
                    operation = caller.body.operations[use.operation]
                    site = Site(caller.module.path, operation[1], operation[2])
                    reason = _REASON.format(callee.qualname, caller.qualname)
                    yield finding("ASY203", site, reason, _ADVICE)

    def _starting(self) -> set[Function]:
        """What stays sync on sessions of its own and starts a loop, itself or further down."""
        quiet = self.coloring.sides.quiet
        found = {fn for fn in self.colors.starting_loops() if fn in quiet and not fn.facts.is_async}
        pending = deque(found)
        while pending:
            for caller, use in self.colors.callers().get(pending.popleft(), ()):
                if use.kind == "call" and caller in quiet - found and not caller.facts.is_async:
                    found.add(caller)
                    pending.append(caller)
        return found

    def _turns(self, caller: Function) -> bool:
        if caller.facts.kind == "module":
            return caller not in self.coloring.sides.synced and self._is_entered(caller)
        return caller in self.coloring.turned and not caller.facts.is_async

    def _is_entered(self, body: Function) -> bool:
        """Does the body of a module run what turned, in a loop?"""
        return any(
            use.kind == "call" and not self.coloring.turned.isdisjoint(use.callees)
            for use in self.colors.uses.of(body)
        )

    def _wrap(self, use: Use) -> bool:
        function = use.function
        operations = function.body.operations
        operation = operations[use.operation]
        if operation[0] != f.CALL or function.facts.kind != "def":
            return False
        callee = operations[operation[5]]
        if callee[0] not in (f.NAME, f.ATTRIBUTE) or self.colors.places.obstacle(use) is not None:
            return False
        draft = self.draft(function.module)
        written = f"{{receiver}}.{callee[6]}" if callee[0] == f.ATTRIBUTE else str(callee[5])
        owner, _, name = IN_A_THREAD.rpartition(".")
        given = f"{written}, {{args}}" if operation[6] or operation[7] else written
        draft.add(
            ReplaceCall(
                node=call_reference(function, use.operation), site=draft.site(operation),
                group=self.coloring.groups.get(function, 0),
                awaited=f"{draft.spell(owner)}.{name}({given})",
            )
        )  # fmt: skip
        return True
