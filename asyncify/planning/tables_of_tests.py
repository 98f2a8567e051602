"""Tables that a file of tests creates when it is imported.

    Base.metadata.create_all(bind=engine)

No loop runs then. A fixture creates them, before all others.
"""

from __future__ import annotations

from collections.abc import Callable

from asyncify.analysis.around_tests import runs_on_anyio
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function, Module, dotted
from asyncify.analysis.uses import Use
from asyncify.decisions import InsertStatements, RemoveStatement
from asyncify.planning.draft import Draft, call_reference
from asyncify.vocabulary.rows import Form
from asyncify.vocabulary.testing import ASYNC_FIXTURE, PLAIN_FIXTURE, is_collected

_NAME = "create_tables"
_HEAD = """@{fixture}(scope="session", autouse=True)
async def {name}():
"""


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
    edited, lines = draft(module), []
    for use in uses:
        lines += creating(layout, use)
    strict = colors.inference.config.suite.mode == "strict"
    owner, _, last = (ASYNC_FIXTURE if strict else PLAIN_FIXTURE).partition(".")
    head = _HEAD.format(fixture=f"{edited.spell(owner)}.{last}", name=_NAME)
    first = uses[0].operation
    edited.add(
        InsertStatements(
            node=call_reference(function, first), site=edited.site(layout.operations[first]),
            source=head + "\n".join(lines) + "\n",
        )
    )  # fmt: skip
    for use in uses:
        node, site = call_reference(function, use.operation), layout.operations[use.operation]
        edited.add(RemoveStatement(node=node, site=edited.site(site)))
    return True


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
