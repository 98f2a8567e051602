"""Other calls that block the event loop: reported, and put into threads where that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from asyncify import facts as f
from asyncify.analysis.blocking import BlockingCall, BlockingCalls
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function, Module, dotted
from asyncify.decisions import ReplaceCall
from asyncify.findings import Finding
from asyncify.planning.draft import Draft, call_reference
from asyncify.planning.misuse_view import awaits_anything
from asyncify.planning.planner import Planner
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.vocabulary.blocking import ENTERED, IN_A_THREAD


class BlockingPlanner(Planner):
    """Finds them once for a plan; ``wrap-blocking`` says whether they are edited."""

    def __init__(
        self, colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]
    ) -> None:
        super().__init__(colors, coloring, draft)
        self.wraps = colors.inference.config.wrap_blocking
        self._found: list[tuple[BlockingCall, bool]] = []

    def plan(self) -> None:
        """Find them, and wrap those that can be."""
        for call in BlockingCalls(self.colors, self.coloring).find():
            wrapped = self.wraps and self._can_wrap(call)
            if wrapped:
                self._wrap(call)
            self._found.append((call, wrapped))

    def findings(self) -> Iterator[Finding]:
        """One for each call; a function of the program is told of once in each that calls it."""
        told: set[tuple[Function, Function, bool]] = set()
        for call, wrapped in self._found:
            if call.below:
                key = call.function, call.below[0], wrapped
                if key in told:
                    continue
                told.add(key)
            yield replace(self._finding(call), fixed=wrapped)

    # -- edits

    def _can_wrap(self, call: BlockingCall) -> bool:
        """Is the call's result what is needed, and can it be awaited where it stands?"""
        function = call.function
        operation = function.body.operations[call.operation]
        if operation[4] & f.GENERATOR or function.module.path in self.colors.blocked:
            return False
        if call.applied or (call.name in ENTERED and not call.below):
            return False
        if function.body.operations[operation[5]][0] not in (f.NAME, f.ATTRIBUTE):
            return False  # `partial(send, mail)()`
        return not call.below or self._takes_only_values(function, operation)

    def _takes_only_values(self, function: Function, operation: f.Operation) -> bool:
        """Is nothing given to a function of the program that belongs to this task: a session, or
        an object that may have to be loaded?"""
        evaluation = self.colors.inference.evaluations.get(function)
        if evaluation is None:
            return True
        given = (*(i if i >= 0 else ~i for i in operation[6]), *(i for _, i in operation[7]))
        return all(self.colors.inference.is_plain(evaluation.values[i]) for i in given)

    def _wrap(self, call: BlockingCall) -> None:
        function, draft = call.function, self.draft(call.function.module)
        operations = function.body.operations
        operation = operations[call.operation]
        callee = operations[operation[5]]
        written = f"{{receiver}}.{callee[6]}" if callee[0] == f.ATTRIBUTE else str(callee[5])
        new = "" if call.below else call.row.new
        owner, _, name = (new or IN_A_THREAD).rpartition(".")
        spelled = f"{draft.spell(owner)}.{name}"
        given = "{args}" if new else f"{written}, {{args}}"
        if not operation[6] and not operation[7]:
            given = "" if new else written
        draft.add(
            ReplaceCall(
                node=call_reference(function, call.operation), site=draft.site(operation),
                group=self.coloring.groups.get(function, 0), awaited=f"{spelled}({given})",
            )
        )  # fmt: skip
        if new:
            draft.drop(dotted(operations, operation[5]))

    # -- findings

    def _finding(self, call: BlockingCall) -> Finding:
        operation = call.function.body.operations[call.operation]
        site = Site(call.function.module.path, operation[1], operation[2])
        name = call.function.facts.qualname
        what = f"`{_shown(call.name)}` blocks"
        if call.below:
            what = f"`{call.below[0].facts.qualname}` calls `{_shown(call.name)}`, which blocks"
        is_async = call.function.facts.is_async and not call.function.in_thread
        where = f"`{name}` is async" if is_async else f"`{name}` turns async"
        if call.row.is_file:
            reason = f"{what} until the file system answers, and {where}."
        else:
            reason = f"{what}, and {where}: the event loop stands still meanwhile."
        chain = tuple(fn.qualname for fn in (call.function, *call.below)) if call.below else ()
        code = "ASY415" if call.row.is_file else "ASY414"
        return finding(code, site, reason, self._advice(call), chain)

    def _advice(self, call: BlockingCall) -> str:
        """Both remedies: go async, or stay sync, in a thread."""
        remedy = call.row.instead[0].upper() + call.row.instead[1:]
        if "thread" not in remedy and not call.row.new:
            remedy += ", or `asyncio.to_thread`"
        if self.colors.bounds.is_route(call.function):
            if not call.function.facts.is_async:
                return f"{remedy}; or name the route in `sync`, so that it goes on in a thread."
            if not awaits_anything(self.colors.uses.layout(call.function)):
                return f"{remedy}; or make the route a plain `def`: then it runs in a thread."
        return f"{remedy}: `wrap-blocking` does that for you." if self._would_wrap(call) else (
            f"{remedy}."
        )  # fmt: skip

    def _would_wrap(self, call: BlockingCall) -> bool:
        return not self.wraps and self._can_wrap(call)


def _shown(name: str) -> str:
    """A dotted name for people: without the calls that made the object."""
    return name.replace("()", "")
