"""Planning of module bodies: what turns is run in a loop there, and sessions are opened plainly."""

from __future__ import annotations

from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function, Variable, dotted
from asyncify.analysis.uses import Use
from asyncify.decisions import (
    ReplaceCall,
    ReplaceExpression,
    WrapAsyncioRun,
)
from asyncify.planning.draft import Draft, call_reference
from asyncify.planning.use_planning import UsePlanner
from asyncify.rules import finding
from asyncify.vocabulary.testing import is_test_path


class EntryPlanner(UsePlanner):
    """Plans what a file does when it is run, or imported."""

    def plan(self, function: Function, draft: Draft) -> None:
        """Calls below ``if __name__ == "__main__"`` of what turns get ``asyncio.run``. What stays
        sync as a whole calls the sync copies, where there are any."""
        sides = self.coloring.sides
        quiet = function in sides.quiet
        layout = self.colors.uses.layout(function)
        for use in self.colors.uses.of(function):
            if quiet and (use.kind != "call" or not sides.twinned.isdisjoint(use.callees)):
                continue
            factory = self.colors.places.imported_session(use)
            if factory is not None and set(use.callees) & self.coloring.turned:
                self._open_at_import(use, layout, *factory, draft)
            lost = use in self.colors.already.lost(function) and use not in self.coloring.lost
            turned = any(self._runs_a_coroutine(c) for c in use.callees)
            if use.kind != "call" or not (turned or lost):
                continue
            if self.coloring.entries.issuperset(use.callees):
                continue  # a command runs its own loop
            statement = layout.statement(use.operation)
            is_guarded = statement is not None and id(statement) in layout.guarded
            self._run(use, self._runner(function, is_guarded, draft), draft)
            if not is_guarded and not function.module.runs_loop:
                self._run_at_import(use, draft)

    def _run(self, use: Use, runner: str, draft: Draft) -> None:
        """``main()`` becomes ``asyncio.run(main())``. Of functions in a table some may be sync."""
        node = call_reference(use.function, use.operation)
        site = draft.site(use.function.body.operations[use.operation])
        group = self.coloring.groups.get(use.callees[0], 0)
        if all(c in self.coloring.turned or c.facts.is_async for c in use.callees):
            draft.add(WrapAsyncioRun(node=node, site=site, group=group, function=runner))
            return
        template = f"{runner}({self.support(draft, 'maybe_await')}({{node}}))"
        draft.add(ReplaceExpression(node=node, site=site, group=group, template=template))

    def _runner(self, body: Function, is_guarded: bool, draft: Draft) -> str:
        """What runs a coroutine: a loop may run where a module is imported, under uvicorn; and
        where a bot or a test starts one, that would meet the connections of this one."""
        runs_here = is_guarded or body.module.runs_loop
        if not runs_here or body in self.colors.serving:
            return self.support(draft, "run_at_import")
        return f"{draft.spell('asyncio')}.run"

    def _open_at_import(
        self, use: Use, layout: Layout, factory: Variable, attribute: str, draft: Draft
    ) -> None:
        """``db = next(get_db())`` becomes ``db = SessionLocal()``."""
        parent = layout.parent(use.operation)
        operation = layout.operations[parent]
        name = draft.spell_symbol(factory.name, factory.module)
        draft.add(
            ReplaceCall(
                node=call_reference(use.function, parent), site=draft.site(operation),
                awaited=f"{name}{attribute}()", awaits=False,
            )
        )  # fmt: skip
        draft.drop(dotted(layout.operations, layout.operations[use.operation][5]))
        self.findings.append(
            finding(
                "ASY207", draft.site(operation),
                "One session is opened at import and shared by all that runs later.",
                "Open a session where it is used.",
            )
        )  # fmt: skip

    def _run_at_import(self, use: Use, draft: Draft) -> None:
        site = draft.site(use.function.body.operations[use.operation])
        reason = (
            f"`{use.callee_name}` does database work while the file is imported: it runs in an "
            "event loop of its own."
        )
        advice = "Call it where the application starts, for example in its lifespan."
        if is_test_path(use.function.module.path):
            advice = "Call it in a fixture."
        self.findings.append(finding("ASY206", site, reason, advice))

    def _runs_a_coroutine(self, callee: Function) -> bool:
        """Whether a call that ran the function makes a coroutine from now on; what a generator
        does waits for whoever iterates over it."""
        facts = callee.facts
        return callee in self.coloring.turned and not (facts.is_async or facts.is_generator)
