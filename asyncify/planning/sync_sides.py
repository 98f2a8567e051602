"""What a function is given from behind an async object: ``register(engine.sync_engine)``.

It is sync on purpose, and so is the parameter that takes it.
"""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis.colors import Colors
from asyncify.analysis.program import Function
from asyncify.vocabulary.tasks import SYNC_SIDES


def is_behind(colors: Colors, function: Function, name: str) -> bool:
    """Is a parameter given the sync object behind an async one anywhere?"""
    program = colors.program
    if not any(program.mentioning(side) for side in SYNC_SIDES):
        return False
    return any(
        _is_behind(colors, caller, use.operation, function, name)
        for caller, use in colors.callers().get(function, ()) if use.kind == "call"
    )  # fmt: skip


def _is_behind(colors: Colors, caller: Function, index: int, function: Function, name: str) -> bool:
    operations = caller.body.operations
    call = operations[index]
    if call[0] != f.CALL:
        return False
    names = [p.name for p in function.signature.parameters if p.kind in ("p", "a")]
    skipped = colors.inference.skipped(caller, call, function)
    place = names.index(name) - skipped if name in names else -1
    given = dict(call[7]).get(name, call[6][place] if 0 <= place < len(call[6]) else -1)
    return given >= 0 and operations[given][0] == f.ATTRIBUTE and operations[given][6] in SYNC_SIDES
