"""Planning of what pytest calls around tests by its name, and that turns: it becomes a fixture.

def setup_method(self, method): ...
"""

from __future__ import annotations

from collections.abc import Callable

from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function, Module
from asyncify.decisions import MakeFixture
from asyncify.planning.draft import Draft
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.testing import (
    ASKING,
    ASYNC_FIXTURE,
    PLAIN_FIXTURE,
    TEST_CLASSES,
    XUNIT,
    XUNIT_AFTER,
)

_FOR_FUNCTIONS = "_function"


def plan_around_tests(colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]) -> None:
    """Decorators, parameters and the place of the tests, for each that turns."""
    found = [
        function for function in coloring.turned - coloring.stays
        if not function.facts.is_async and colors.cases.is_called_by_pytest(function)
    ]  # fmt: skip
    for function in sorted(found, key=lambda fn: (fn.module.path, fn.index)):
        facts, edited = function.facts, draft(function.module)
        parameters, first = _parameters(colors, function)
        edited.add(
            MakeFixture(
                node=NodeRef("FunctionDef", facts.number, facts.name),
                site=Site(edited.module.path, facts.line, facts.column),
                group=coloring.groups.get(function, 0), parameters=parameters,
                decorators=_decorators(colors, function, edited), source="\n".join(first),
            )
        )  # fmt: skip


def _decorators(colors: Colors, function: Function, draft: Draft) -> tuple[str, ...]:
    """The fixture's, and that of a method which pytest calls with the class by itself."""
    strict = colors.inference.config.suite.mode == "strict"
    owner, _, last = (ASYNC_FIXTURE if strict else PLAIN_FIXTURE).partition(".")
    scope, given = XUNIT[function.name]
    scoped = "" if scope == "function" else f'scope="{scope}", '
    fixture = f"{draft.spell(owner)}.{last}({scoped}autouse=True)"
    plain = given == "cls" and not function.signature_is_decorated
    return (fixture, "classmethod") if plain else (fixture,)


def _parameters(colors: Colors, function: Function) -> tuple[tuple[str, ...], list[str]]:
    """The names of a fixture's parameters, and how it begins."""
    names = [p.name for p in function.signature.parameters]
    static = "staticmethod" in colors.inference.decorators(function)
    own = int(function.is_method and not static)
    used = [name for name in names[own:] if name in function.facts.names]
    _, given = XUNIT[function.name]
    lines = ["yield"] if function.name.startswith(XUNIT_AFTER) else []
    if _is_for_functions(function):
        lines += [f"if {ASKING}.instance is not None:", "    return"]
    lines += [f"{name} = {ASKING}.{given}" for name in used]
    asks = any(ASKING in line for line in lines)
    return (*names[:own], *([ASKING] if asks else [])), lines


def _is_for_functions(function: Function) -> bool:
    """Are there classes of tests beside it, for whose methods pytest doesn't call it?"""
    return function.name.endswith(_FOR_FUNCTIONS) and any(
        beside.facts.kind == "class" and beside.name.startswith(TEST_CLASSES)
        for beside in function.module.functions
    )
