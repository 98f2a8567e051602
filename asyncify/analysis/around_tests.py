"""What pytest calls around tests by its name, plainly: may a fixture take its place?

pytest leaves a fixture of that name alone, and runs it where it is one that nobody has to ask for.

https://docs.pytest.org/en/stable/how-to/xunit_setup.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function
from asyncify.vocabulary.testing import MARK_OF_ANYIO

if TYPE_CHECKING:
    from asyncify.analysis.callers import Callers
    from asyncify.analysis.infer import Inference

_PYTEST = frozenset({("pytest", None), ("pytest", "mark")})


def fixture_obstacle(function: Function, colors: Callers) -> Obstacle | None:
    """Why what pytest calls by its name can't become a fixture, or None."""
    if not colors.cases.is_called_by_pytest(function):
        return None
    reason = _reason(function, colors)
    caller = f"pytest calls `{function.name}` without awaiting it"
    told = f"{caller}, and a fixture can't take its place: {reason}."
    return Obstacle("ASY105", told) if reason else None


def _reason(function: Function, colors: Callers) -> str:
    for caller, use in colors.callers().get(function, ()):
        if use.kind == "call":
            return f"`{caller.qualname}` calls it, too (line {use.line})"
    if runs_on_anyio(colors.inference):
        return "anyio runs fixtures for async tests only"
    owner = function.owner
    if any(p.kind not in "pa" or p.default >= 0 for p in function.signature.parameters):
        return "it has parameters of its own"
    if owner is not None:
        return "unittest runs its class" if colors.cases.run_in(owner) else ""
    beside = [fn for fn in function.module.functions if fn.facts.kind == "class"]
    if any(colors.cases.run_in(colors.program.classes[cls]) for cls in beside):
        return "unittest runs classes beside it"
    return ""


def runs_on_anyio(inference: Inference) -> bool:
    """Does anyio's plugin run the coroutines of the tests, and pytest-asyncio none?"""
    suite = inference.config.suite
    last = MARK_OF_ANYIO.rpartition(".")[2]
    return (
        not suite.named
        and not suite.mode
        and any(
            function.module.imports_any(_PYTEST)
            for function in inference.program.mentioning_member(last)
        )
    )
