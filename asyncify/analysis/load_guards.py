"""Guards: parameters without which a function doesn't read something.

    def as_dict(self, nested=False):
        ...
        if nested:
            found["books"] = [book.title for book in self.books]

Who calls it without them, or with what is false, reads none of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis.program import Function
from asyncify.analysis.statements import statements_of, targets_of
from asyncify.vocabulary import loading as words

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation

Guards = frozenset[str]
NONE: Guards = frozenset()
_LEAVING = (f.RETURN, f.RAISE, f.FLOW)


def of_branches(run: LoadEvaluation, statement: f.Statement) -> tuple[Guards, Guards, Guards]:
    """The parameters that are true in the body of an ``if``, in its ``else``, and behind it."""
    met, unmet = _true(run, statement[7], True), _true(run, statement[7], False)
    ends = bool(statement[8]) and statement[8][-1][0] in _LEAVING
    return met, unmet, unmet if ends else NONE


def _true(run: LoadEvaluation, test: int, outcome: bool) -> Guards:
    """The parameters that are true where a test has this outcome."""
    operation = run.operations[test]
    if operation[0] == f.NAME:
        return frozenset((operation[5],)) if outcome and _is_guard(run, operation[5]) else NONE
    if operation[0] == f.OPERATOR and operation[5] == words.NOT:
        return _true(run, operation[6][0], not outcome)
    if operation[0] == f.BOOLEAN and (operation[6] == words.AND) == outcome:
        return NONE.union(*(_true(run, part, outcome) for part in operation[5]))
    return NONE


def _is_guard(run: LoadEvaluation, name: str) -> bool:
    """Is it a parameter that is false unless it is given?"""
    signature = run.function.signature
    defaults = [
        signature.operations[each.default] for each in signature.parameters
        if each.name == name and each.default >= 0
    ]  # fmt: skip
    return any(each[0] == f.CONSTANT and not each[5] for each in defaults) and not any(
        target[:2] == (f.TO_NAME, name)
        for statement in statements_of(run.function.body.statements)
        for target in targets_of(statement)
    )


def handed_on(
    run: LoadEvaluation, function: Function, guards: Guards, places: Sequence[int] | None
) -> Guards | None:
    """What is true of a caller's own parameters where it calls a function and that reads what it
    guards; None where the call leaves it out. ``places``: the operations of its arguments, None
    where nobody knows them."""
    own = run.guards
    for position, parameter in enumerate(function.signature.parameters):
        if parameter.name not in guards or places is None:
            continue
        operation = run.operations[places[position]] if places[position] >= 0 else ()
        if not operation or (operation[0] == f.CONSTANT and not operation[5]):
            return None
        if operation[0] == f.NAME and _is_guard(run, operation[5]):
            own |= {operation[5]}
    return own
