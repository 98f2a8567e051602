"""Event loops of a function's own: ``asyncio.run(work())``, or a loop that it makes, that runs what
it is given until that is complete, and that is closed.

    loop = asyncio.new_event_loop()
    loop.run_until_complete(work())
    loop.close()

In a function that turns the work is awaited, and the loop goes. One that does anything else, or
that others see, stays, and its function with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from asyncify import facts as f
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import dotted
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary.serving import ALONE, CLOSE, SET_LOOP, UNTIL_COMPLETE


class Frame(NamedTuple):
    """What stands around the calls of a loop, only to make and to close it."""

    made: f.Statement
    calls: tuple[int, ...]


def is_own(layout: Layout, call: int, name: str) -> bool:
    """Does a call, of what has a name, run a coroutine in a loop that nothing else has?"""
    if name in ALONE:
        return True
    if not name.endswith(f"().{UNTIL_COMPLETE}") or not layout.operations[call][6]:
        return False
    if layout.function.facts.kind != "def":
        return False
    return _loop(layout, call)[:1] == (f.CALL,) or frame(layout, call) is not None


def frame(layout: Layout, call: int) -> Frame | None:
    """What stands around the calls of a loop in a variable; None where others see the loop, or it
    does anything else."""
    base, function = _loop(layout, call), layout.function
    if base[:1] != (f.NAME,):
        return None
    name = base[5]
    if name not in function.facts.bound or name in function.facts.declared:
        return None
    if any(fn.parent is function and name in fn.facts.names for fn in function.module.functions):
        return None
    made = [
        statement for statement in statements_of(function.body.statements)
        if statement[0] == f.ASSIGN and any(t[:2] == (f.TO_NAME, name) for t in statement[7])
    ]  # fmt: skip
    if len(made) != 1 or len(made[0][7]) != 1:
        return None
    calls = list(_calls(layout, name))
    return Frame(made[0], tuple(i for i in calls if i is not None)) if None not in calls else None


def _loop(layout: Layout, call: int) -> f.Operation:
    """The loop of `loop.run_until_complete(...)`."""
    callee = layout.operations[layout.operations[call][5]]
    return layout.operations[callee[5]] if callee[0] == f.ATTRIBUTE else ()


def _calls(layout: Layout, name: str) -> Iterator[int | None]:
    """The calls that close a loop or make it that of the thread; None for anything else that isn't
    running it."""
    operations = layout.operations
    for index, operation in enumerate(operations):
        if not operation or operation[0] != f.NAME or operation[5] != name:
            continue
        parent = layout.parent(index)
        above = operations[parent] if parent >= 0 else ()
        call = layout.parent(parent) if above[:1] == (f.ATTRIBUTE,) else parent
        if call < 0 or operations[call][0] != f.CALL:
            yield None
        elif call == parent:
            sets = dotted(operations, above[5]) == SET_LOOP and layout.is_statement(call)
            yield call if sets else None
        elif operations[call][5] != parent or above[6] not in (UNTIL_COMPLETE, CLOSE):
            yield None
        elif above[6] == CLOSE:
            yield call if layout.is_statement(call) else None
