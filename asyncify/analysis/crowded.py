"""Crowded mains: more than one call of what does I/O below ``if __name__ == "__main__"``.

A single call gets an event loop where it stands. Of several, the second would meet the connections
of the first one's loop, and a session that is opened there can't be awaited: they need a function.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis.colors import Colors
from asyncify.analysis.environments import is_environment
from asyncify.analysis.infer import Inference
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function, blocks_of, statements_of
from asyncify.analysis.use import Use

_LOOPS = (f.FOR, f.WHILE)
_GIVING = ("pass", "maybe")  # they run nothing


def crowded_mains(colors: Colors) -> frozenset[str]:
    """The paths of modules whose main needs a function of its own. So does what an env.py does with
    the connection, if that is to be async."""
    return frozenset(
        function.module.path for function in colors.inference.evaluations
        if function.facts.kind == "module" and _is_crowded(colors, function)
    ) | frozenset(_environments(colors.inference))  # fmt: skip


def _environments(inference: Inference) -> Iterator[str]:
    if inference.config.alembic == "async":
        for path, module in inference.program.modules.items():
            if is_environment(module) and not module.runs_loop:
                yield path


def _is_crowded(colors: Colors, body: Function) -> bool:
    layout = colors.uses.layout(body)
    if not layout.guarded:
        return False
    uses = list(_working(colors, body, layout))
    if any(use.kind != "call" or _repeats(use, layout) for use in uses):
        return True
    return len(uses) > 1


def _working(colors: Colors, body: Function, layout: Layout) -> Iterator[Use]:
    """What does I/O below the guard."""
    for use in colors.uses.of(body):
        statement = layout.statement(use.operation)
        if statement is None or id(statement) not in layout.guarded or use.kind in _GIVING:
            continue
        runs = [c for c in use.callees if not (c.facts.is_async or c.facts.is_generator)]
        if use.does_io or any(colors.does_io(callee) for callee in runs):
            yield use


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
