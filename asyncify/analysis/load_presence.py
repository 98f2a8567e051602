"""Conditions that ask whether an instance is there: ``if order is not None``.

On the way where it is None nothing of it is read, so what the other way has loaded of it is loaded
for all that follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_values as s

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation

_THERE = {"Is": 1, "IsNot": 0}  # the block of an `if` in which it is no None


def present(run: LoadEvaluation, condition: int) -> tuple[list[s.Key], int]:
    """The instances that one block of an ``if`` doesn't have, and the number of the other."""
    operation = run.operations[condition]
    if operation[0] != f.OPERATOR or operation[5] not in _THERE or len(operation[6]) != 2:
        return [], 0
    asked, other = operation[6]
    constant = run.operations[other] if other >= 0 else ()
    if asked < 0 or constant[:1] != (f.CONSTANT,) or constant[5] is not None:
        return [], 0
    found = run.values[asked]
    is_one = len(found) == 1 and all(isinstance(atom, s.Entity) for atom in found)
    return [entity.key for entity in s.unordered(found)] * is_one, _THERE[operation[5]]
