"""Tables that a file creates when it is imported, in a database that only this engine has.

    Base.metadata.create_all(bind=engine)

In a file of tests a fixture creates them, before all others: no loop runs yet. In other files a
loop of its own does: SQLite's connections belong to no loop.
"""

from __future__ import annotations

from collections.abc import Callable

from asyncify.analysis.around_tests import runs_on_anyio
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function, Module, dotted
from asyncify.analysis.uses import Use
from asyncify.decisions import InsertStatements, RemoveStatement, ReplaceExpression
from asyncify.planning.draft import Draft, call_reference
from asyncify.vocabulary.rows import Form
from asyncify.vocabulary.testing import ASYNC_FIXTURE, PLAIN_FIXTURE, is_collected, is_test_path

_NAME = "create_tables"
_FIXTURE = '@{fixture}(scope="session", autouse=True)'


def create_in_fixture(
    colors: Colors,
    coloring: Coloring,
    draft: Callable[[Module], Draft],
    function: Function,
    uses: list[Use],
) -> bool:
    """Have a fixture do what the body of a module does, if nothing else there needs the tables."""
    module, layout = function.module, colors.uses.layout(function)
    if not is_collected(module.path) or _NAME in module.bindings or runs_on_anyio(colors.inference):
        return False
    if not _has_tests(module) or any(_is_io(coloring, use) for use in colors.uses.of(function)):
        return False
    edited = draft(module)
    strict = colors.inference.config.suite.mode == "strict"
    owner, _, last = (ASYNC_FIXTURE if strict else PLAIN_FIXTURE).partition(".")
    _insert(edited, layout, uses, _FIXTURE.format(fixture=f"{edited.spell(owner)}.{last}"))
    _remove(edited, layout, uses)
    return True


def create_in_loop(
    colors: Colors,
    draft: Callable[[Module], Draft],
    run_at_import: Callable[[Draft], str],
    function: Function,
    uses: list[Use],
) -> bool:
    """Have a loop of its own do what the body of a module does, where nothing comes in between."""
    module, layout = function.module, colors.uses.layout(function)
    body = [id(statement) for statement in function.body.statements]
    positions = [id(layout.statement(use.operation)) for use in uses]
    start = body.index(positions[0]) if positions[0] in body else 0
    follow = len(uses) == 1 or body[start : start + len(uses)] == positions
    if _NAME in module.bindings or not follow:
        return False
    edited, (first, *others) = draft(module), uses
    of_tests = is_test_path(module.path)
    runner = f"{edited.spell('asyncio')}.run" if of_tests else run_at_import(edited)
    _insert(edited, layout, uses)
    edited.add(
        ReplaceExpression(
            node=call_reference(function, first.operation),
            site=edited.site(layout.operations[first.operation]), template=f"{runner}({_NAME}())",
        )
    )  # fmt: skip
    _remove(edited, layout, others)
    return True


def _insert(edited: Draft, layout: Layout, uses: list[Use], decorator: str = "") -> None:
    """The function that creates the tables, before the first line that does so."""
    lines = [decorator] if decorator else []
    lines.append(f"async def {_NAME}():")
    for use in uses:
        lines += creating(layout, use)
    first = uses[0].operation
    edited.add(
        InsertStatements(
            node=call_reference(layout.function, first),
            site=edited.site(layout.operations[first]), source="\n".join(lines) + "\n",
        )
    )  # fmt: skip


def _remove(edited: Draft, layout: Layout, uses: list[Use]) -> None:
    for use in uses:
        node, site = (
            call_reference(layout.function, use.operation),
            layout.operations[use.operation],
        )
        edited.add(RemoveStatement(node=node, site=edited.site(site)))


def creating(layout: Layout, use: Use) -> list[str]:
    """The lines that create or drop tables on a connection of their own."""
    operation = layout.operations[use.operation]
    engine = (*operation[6], *(i for _, i in operation[7]))[0]
    return [
        f"    async with {dotted(layout.operations, engine)}.begin() as conn:",
        f"        await conn.run_sync({dotted(layout.operations, operation[5])})",
    ]


def _has_tests(module: Module) -> bool:
    """Does pytest run what is in the file: is it a conftest, or are there plain functions?"""
    last = module.path.rpartition("/")[2]
    return last == "conftest.py" or any(
        function.facts.kind == "def" and function.name.startswith("test")
        for function in module.functions
    )  # fmt: skip


def _is_io(coloring: Coloring, use: Use) -> bool:
    awaited = use.row is not None and use.row.form is Form.AWAIT
    called = use.kind == "call" and not coloring.turned.isdisjoint(use.callees)
    return use.kind != "metadata" and (awaited or called)
