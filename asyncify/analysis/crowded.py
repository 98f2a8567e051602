"""Crowded mains: more than one call of what does I/O below ``if __name__ == "__main__"``.

A single call gets an event loop where it stands. Of several, the second would meet the connections
of the first one's loop, and a session that is opened there can't be awaited: they need a function.
A server counts as one, unless it can't be awaited: then each call leaves no connections behind.
A client of the application has a loop of its own there, which may be the only one.
So does what a script does without any such condition, if nobody imports it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Colors
from asyncify.analysis.environments import is_environment, runs_in_alembic
from asyncify.analysis.infer import Inference
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function
from asyncify.analysis.statements import blocks_of, statements_of
from asyncify.analysis.use import Use
from asyncify.vocabulary.testing import is_test_path

_LOOPS = (f.FOR, f.WHILE)
_GIVING = ("pass", "maybe")  # they run nothing
_DRIVING = ("enter manager", "iterate")  # they run generators
_OPENED = {"Session", "Connection", "Transaction"}
# Somebody outside of the program imports a module that has these names, or to do with these.
_ASKED_FOR = {"api", "app", "application", "celery", "celery_app", "handler", "server"}
_SERVED = {
    "aiohttp", "celery", "dramatiq", "fastapi", "flask", "huey", "litestar", "locust", "quart",
    "sanic", "starlette", "streamlit", "tornado",
}  # fmt: skip


class Start(NamedTuple):
    """Where the main of a module starts: at a line, or below its condition (0). ``once``: one call
    is all of it, which needs no more than a condition."""

    line: int = 0
    once: bool = False


def crowded_mains(colors: Colors, turned: Collection[Function]) -> dict[str, Start]:
    """The paths of modules whose main needs a function of its own, or a condition. So does what an
    env.py does with the connection, if that is to be async."""
    found = dict.fromkeys(_environments(colors.inference), Start())
    for function in colors.inference.evaluations:
        if function.facts.kind == "module":
            if _is_crowded(colors, function, turned):
                found[function.module.path] = Start()
            elif start := _bare(colors, function):
                found[function.module.path] = start
    return found


def _bare(colors: Colors, body: Function) -> Start | None:
    """Where a script begins to work with the database."""
    layout, path = colors.uses.layout(body), body.module.path
    if layout.guarded or is_test_path(path) or runs_in_alembic(body.module):
        return None
    working = list(_working(colors, body, layout, False))
    if (
        all(use.kind == "metadata" for use in working)
        or body.facts.bound & _ASKED_FOR
        or _is_entered(colors, body)
        or _SERVED & {i.module.partition(".")[0] for i in body.module.facts.imports}
    ):
        return None
    modules = colors.program.modules.values()
    if any(body.module in colors.program.imported_modules(other) for other in modules):
        return None
    values = colors.inference.evaluations[body].values
    lines = [
        statement[1] for statement in layout.statements
        if any(
            isinstance(atom, v.Known) and atom.kind in _OPENED
            for index in range(statement[4], statement[5]) for atom in values[index]
        )
    ]  # fmt: skip
    once = len(working) == 1 and working[0].kind == "call" and not _repeats(working[0], layout)
    return Start(min([*lines, *(use.line for use in working)]), once and not lines)


def _environments(inference: Inference) -> Iterator[str]:
    if inference.config.alembic == "async":
        for path, module in inference.program.modules.items():
            if is_environment(module) and not module.runs_loop:
                yield path


def _is_crowded(colors: Colors, body: Function, turned: Collection[Function]) -> bool:
    layout = colors.uses.layout(body)
    if not layout.guarded:
        return False
    if _clients(colors, body, layout) and not keeps_its_loop(colors, body):
        return True
    uses = list(_working(colors, body, layout))
    uses += _requesting(colors, body, layout, turned)
    if any(use.kind != "call" or _repeats(use, layout) for use in uses):
        return True
    served = list(colors.servers.of(body)) if uses else []
    if any(not call.form for call in served):
        return False
    return len(uses) + len(served) > 1


def keeps_its_loop(colors: Colors, body: Function) -> bool:
    """Is a single client entered below the guard, and does nothing else there do I/O? The loop in
    which it runs the application is the only one then."""
    layout = colors.uses.layout(body)
    clients = _clients(colors, body, layout)
    entered = any(
        use.kind == "enter client" and use.client in clients for use in colors.uses.of(body)
    )
    return len(clients) == 1 and entered and not any(_working(colors, body, layout))


def _clients(colors: Colors, body: Function, layout: Layout) -> set[v.Client]:
    """The clients that are used below the guard and would turn elsewhere."""
    return {
        client for client, (use, _) in colors.clients.stopped.items()
        if use.function is body and _is_below(use, layout)
    }  # fmt: skip


def _is_entered(colors: Colors, body: Function) -> bool:
    """Does an installed command import the module?"""
    scripts = colors.inference.config.scripts
    return any(script.partition(":")[0] == body.module.name for script in scripts)


def _working(colors: Colors, body: Function, layout: Layout, guarded: bool = True) -> Iterator[Use]:
    """What does I/O below the guard, or where there is none."""
    for use in colors.uses.of(body):
        if layout.statement(use.operation) is None or use.kind in _GIVING:
            continue
        if _is_below(use, layout) is not guarded:
            continue
        drives = use.kind in _DRIVING
        if use.does_io or any(
            colors.does_io(callee) for callee in use.callees
            if not callee.facts.is_async and (drives or not callee.facts.is_generator)
        ):  # fmt: skip
            yield use


def _requesting(
    colors: Colors, body: Function, layout: Layout, turned: Collection[Function]
) -> list[Use]:
    """Calls below the guard of what turns only for the requests that it makes: tests that are a
    script, too."""
    return [
        use for use in colors.uses.of(body)
        if use.kind == "call" and _is_below(use, layout) and any(
            callee in turned and not colors.does_io(callee) and not callee.facts.is_async
            for callee in use.callees
        )
    ]  # fmt: skip


def _is_below(use: Use, layout: Layout) -> bool:
    """Does a use stand below the guard?"""
    return id(layout.statement(use.operation)) in layout.guarded


def _repeats(use: Use, layout: Layout) -> bool:
    """Does a call stand in a loop, or inside of a comprehension?"""
    operation = layout.parent(use.operation)
    while operation >= 0:
        if layout.operations[operation][0] == f.COMPREHENSION:
            return True
        operation = layout.parent(operation)
    statement = layout.statement(use.operation)
    return any(
        inner is statement
        for loop in layout.statements if loop[0] in _LOOPS
        for block in blocks_of(loop) for inner in statements_of(block)
    )  # fmt: skip
