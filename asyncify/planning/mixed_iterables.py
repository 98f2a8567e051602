"""What is iterated over and isn't always async: ``names(people(session))`` and ``names([ann])``.

``async for`` refuses a list. Where a loop gets what turns from some of its callers and something
else from others, it goes through both by a helper.
"""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function
from asyncify.analysis.uses import Use
from asyncify.vocabulary.special import ITERATE

HELPER = "iterated"


class MixedIterables:
    """Tells loops over what is always async from those over anything."""

    def __init__(self, colors: Colors, coloring: Coloring) -> None:
        self.colors = colors
        self.coloring = coloring
        self.inference = colors.inference

    def holds(self, use: Use) -> bool:
        """May what is iterated over be something that isn't async?"""
        function = use.function
        values = self.inference.evaluations[function].values
        value = values[use.operation]
        if all(isinstance(atom, (v.Collection, v.TupleValue)) for atom in value):
            return False  # `chain.from_iterable(several)`, which asks each of them
        if not all(map(self._is_async, value)):
            return True
        operation = function.body.operations[use.operation]
        if operation[0] == f.CALL and not all(map(self._gives_async, values[operation[5]])):
            return True
        if operation[0] != f.NAME or operation[5] in function.facts.bound - _parameters(function):
            return False
        return operation[5] in _parameters(function) and any(
            not given or not all(map(self._is_async, given))
            for given in self._given(function, operation[5])
        )

    def _gives_async(self, atom: v.Atom) -> bool:
        """Is what a function gives always async, as far as that is a function of the program?"""
        if not isinstance(atom, v.FunctionObject) or atom.function.facts.is_generator:
            return True
        given = self.inference.given("return", atom.function)
        return bool(given) and all(map(self._is_async, given))

    def _is_async(self, atom: v.Atom) -> bool:
        if isinstance(atom, v.Generated):
            return self._turns(atom.function)
        if isinstance(atom, v.Instance):
            return any(map(self._turns, self.inference.methods(atom.cls, ITERATE)))
        return atom == v.Literal(None)

    def _turns(self, function: Function) -> bool:
        return function.facts.is_async or function in self.coloring.turned

    def _given(self, function: Function, name: str) -> list[v.Value]:
        """What the calls of a function give one of its parameters, as far as that is told."""
        names = [parameter.name for parameter in function.signature.parameters]
        found = []
        for caller, use in self.colors.callers().get(function, ()):
            operation = caller.body.operations[use.operation]
            if use.kind != "call" or operation[0] != f.CALL:
                continue
            index = dict(operation[7]).get(name, -1)
            place = names.index(name) - self.inference.skipped(caller, operation, function)
            if index < 0 and 0 <= place < len(operation[6]):
                index = operation[6][place]
            if index >= 0:
                found.append(self.inference.evaluations[caller].values[index])
        return found


def _parameters(function: Function) -> set[str]:
    return {parameter.name for parameter in function.signature.parameters}
