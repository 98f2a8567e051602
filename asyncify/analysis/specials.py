"""Special methods that do I/O: ``len(users)``, ``name in users``, ``if users``.

Python checks what they give, so none of them can be a coroutine. But where all places are known
that call one, it gets a name of its own there: ``await users.length()``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.evaluate import Evaluation
from asyncify.analysis.iterating import ITERATING
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Class, Function
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary import special as words
from asyncify.vocabulary.classes import LOOKED_AT, PLAIN_BASES
from asyncify.vocabulary.tasks import OF_METHODS

if TYPE_CHECKING:
    from asyncify.analysis.callers import Callers

_HARMLESS_METHODS = v.FILLING | words.READING_METHODS | words.ASKING_NOTHING
_HARMLESS_METHODS |= words.ASSERTED_IN.keys()
_HARMLESS = LOOKED_AT | ITERATING | words.CALLED_BY.keys() | {"setattr"}


def returned_iterator(function: Function) -> f.Statement | None:
    """The one ``return iter(items)`` of a function, or of a generator expression, at its end."""
    statements = list(statements_of(function.body.statements))
    returned = [s for s in statements if s[0] == f.RETURN]
    if len(returned) != 1 or function.body.statements[-1] is not returned[0]:
        return None
    operations = function.body.operations
    operation = operations[returned[0][7]] if returned[0][7] >= 0 else ()
    if operation and operation[0] == f.COMPREHENSION and operation[5] == "GeneratorExp":
        return returned[0]
    if not operation or operation[0] != f.CALL or operation[7] or len(operation[6]) != 1:
        return None
    callee = operations[operation[5]]
    is_iter = callee[0] == f.NAME and callee[5] == "iter" and operation[6][0] >= 0
    return returned[0] if is_iter else None


class Specials:
    """Says which special methods can turn."""

    def __init__(self, callers: Callers) -> None:
        self.callers = callers
        self.inference = callers.inference

    def name(self, function: Function) -> str:
        """What a special method is called once it is awaited, or ''."""
        cls = function.owner
        assert cls is not None
        if function.name == words.ITERATE:
            return "__aiter__"
        family = dict.fromkeys(c for each in cls.ancestors for c in (each, *each.descendants()))
        taken = {name for c in family for name in (*c.methods, *c.body.facts.bound)}
        taken |= {name for c in family for fn in c.methods.values() for name in fn.facts.stores}
        return next((n for n in words.AWAITED_AS[function.name] if n not in taken), "")

    def obstacle(self, function: Function) -> Obstacle | None:
        """Why a special method can't turn, or None."""
        name, cls = function.name, function.owner
        if cls is None:  # a module's `__getattr__`
            return self._called(name)
        is_iterator = name == words.ITERATE and (
            function.facts.is_generator or returned_iterator(function) is not None
        )
        if name not in words.AWAITED_AS and not is_iterator:
            return self._called(name)
        line = dict.fromkeys((*cls.ancestors, *cls.descendants()))
        plain = all(
            isinstance(base, Class) or base in PLAIN_BASES for each in line for base in each.bases
        )
        is_plain = OF_METHODS.issuperset(self.inference.decorators(function))
        if not plain or not self.name(function) or not is_plain:
            return self._called(name)
        seen = any(use.kind != "pass" for _, use in self.callers.callers().get(function, ()))
        if name in words.ASKED_FOR_TRUTH and not seen:
            return self._called(name)  # without it the object would be true, for whoever asks
        given = self._given_away(set(line))
        if given is not None:
            shown, where, number = given
            reason = f"`{where.qualname}` gives its object to `{shown}` (line {number}), which may "
            return Obstacle("ASY101", f"{reason}call `{name}`.")
        return None

    def _called(self, name: str) -> Obstacle:
        caller = "Python" if name in words.PYTHONS else "A library"
        return Obstacle("ASY101", f"{caller} calls {name} itself and can't await it.")

    def _given_away(self, classes: set[Class]) -> tuple[str, Function, int] | None:
        """Who gives an object to something that may do anything with it?"""
        for function, evaluation in self.inference.evaluations.items():
            for operation in evaluation.operations:
                if not operation or operation[0] != f.CALL:
                    continue
                given = (*operation[6], *(i for _, i in operation[7]))
                if any(
                    isinstance(a, v.Instance) and a.cls in classes
                    for i in given if i >= 0 for a in evaluation.values[i]
                ) and not self._is_harmless(evaluation, operation):  # fmt: skip
                    callee = evaluation.operations[operation[5]]
                    shown = callee[5] if callee[0] == f.NAME else callee[6]
                    return str(shown), function, int(operation[1])
        return None

    def _is_harmless(self, evaluation: Evaluation, operation: f.Operation) -> bool:
        """Is what is called the program's own, or does it only look, or keep?"""
        callee = evaluation.operations[operation[5]]
        if callee[0] == f.ATTRIBUTE and callee[6] in _HARMLESS_METHODS:
            return True
        found = evaluation.values[operation[5]]
        return callee[0] not in (f.NAME, f.ATTRIBUTE) or (
            bool(found) and all(
                isinstance(a, (v.FunctionObject, v.ClassObject, v.Instance))
                or (isinstance(a, v.Foreign) and a.name in _HARMLESS)
                for a in found
            )
        )  # fmt: skip
