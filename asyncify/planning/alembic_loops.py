"""Commands of Alembic where an event loop runs: an env.py that connects through an async engine
starts a loop of its own, which raises there.

https://alembic.sqlalchemy.org/en/latest/cookbook.html#programmatic-api-use-connection-sharing-with-asyncio
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis import alembic_runs
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.declarations import foreign_name
from asyncify.analysis.environments import is_environment
from asyncify.analysis.program import Function
from asyncify.findings import Finding
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.vocabulary.names import ALEMBIC_COMMANDS

_ADVICE = (
    "Call it in a thread, with `asyncio.to_thread`, or let env.py keep its sync engine "
    '(`alembic = "sync"`).'
)


def commands_in_loops(colors: Colors, coloring: Coloring) -> Iterator[Finding]:
    """An error for each that is run, through whatever plain functions, by what turns."""
    modules = colors.program.modules.values()
    if not any(is_environment(module) and module.runs_loop for module in modules):
        return
    for name in sorted({command.rpartition(".")[2] for command in ALEMBIC_COMMANDS}):
        for function in colors.program.mentioning(name):
            for operation in function.body.operations:
                command = _command(colors, function, operation)
                above = _above(colors, coloring, function) if command else None
                if command.endswith(f".{name}") and above is not None:
                    site = Site(function.module.path, operation[1], operation[2])
                    reason = f"`{command}` runs env.py, which starts an event loop: it raises "
                    reason += f"where one runs already, as in `{above.qualname}`."
                    yield finding("ASY203", site, reason, _ADVICE)


def _command(colors: Colors, function: Function, operation: f.Operation) -> str:
    """The command of Alembic that is called, on no connection of the program's, or ''."""
    if not operation or operation[0] != f.CALL:
        return ""
    name = foreign_name(function, function.body.operations, operation[5], colors.inference)
    evaluation = colors.inference.evaluations.get(function)
    if evaluation is not None and alembic_runs.shared_binds(
        colors.uses.layout(function), evaluation.values
    ):
        return ""
    return name if name in ALEMBIC_COMMANDS else ""


def _above(colors: Colors, coloring: Coloring, function: Function) -> Function | None:
    """The function itself, or the nearest that calls it, that runs in an event loop."""
    seen, pending = {function}, [function]
    for current in pending:
        if current in coloring.turned or current.facts.is_async:
            return current
        callers = {c for c, use in colors.callers().get(current, ()) if use.kind == "call"}
        fresh = sorted(callers - seen, key=lambda fn: (fn.module.path, fn.index))
        seen.update(fresh)
        pending += fresh
    return None
