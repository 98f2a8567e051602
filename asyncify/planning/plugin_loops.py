"""Loops of pytest's plugins: what runs a server for tests has a loop, and the tests have another.

Plugins that run async tests by themselves have a fixture that gives their loop. With tests and
fixtures that pytest-asyncio awaits, that has to be the loop of these, or whoever waits for the
plugin's server waits for ever.
"""

from __future__ import annotations

from collections.abc import Callable

from asyncify import facts as f
from asyncify.analysis.program import Function, Module, Program
from asyncify.decisions import InsertStatements
from asyncify.planning.draft import Draft
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.testing import LOOP_FIXTURES, PLUGINS

_FIXTURE = '''
@{fixture}
async def {name}():
    """The loop of the tests, for what the plugin runs."""
    return {loop}()
'''


def share_loops(program: Program, draft: Callable[[Module], Draft]) -> None:
    """Where plugins are named, their fixtures give the loop of the tests from now on."""
    for module in program.modules.values():
        body = module.functions[0]
        if PLUGINS in body.facts.bound:
            for name in _missing(body):
                _insert(body, name, draft(module))


def _missing(body: Function) -> list[str]:
    """The fixtures of the plugins that a module names which it hasn't replaced."""
    named = {str(o[5]) for o in body.body.operations if o and o[0] == f.CONSTANT}
    return [
        name for name, plugins in LOOP_FIXTURES.items()
        if name not in body.facts.bound
        and any(each == p or each.startswith(f"{p}.") for each in named for p in plugins)
    ]  # fmt: skip


def _insert(body: Function, name: str, draft: Draft) -> None:
    functions = [
        fn for fn in body.module.functions if fn.facts.kind == "def" and fn.parent is body
    ]  # fmt: skip
    last = max(functions, key=lambda fn: fn.facts.line, default=None)
    if last is None:
        return
    text = _FIXTURE.format(
        name=name, fixture=draft.spell("pytest.fixture"),
        loop=f"{draft.spell('asyncio')}.get_running_loop",
    )  # fmt: skip
    draft.add(
        InsertStatements(
            node=NodeRef("FunctionDef", last.facts.number, last.name),
            site=Site(body.module.path, last.facts.line, last.facts.column),
            source=f"\n{text}", where="after",
        )
    )  # fmt: skip
