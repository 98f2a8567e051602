"""What is iterated over: is it always async, and does somebody go on with it?

``async for`` refuses a list. Where a loop gets what turns from some of its callers and something
else from others (``names(people(session))``, ``names([ann])``), it goes through both by a helper.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from itertools import chain

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function
from asyncify.analysis.statements import blocks_of, names_assigned, statements_of
from asyncify.analysis.uses import Use
from asyncify.vocabulary.special import ITERATE

HELPER = "iterated"


class MixedIterables:
    """Tells loops over what is always async from those over anything, and who else reads that."""

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
        if not all(map(self._is_async, value)) or self._may_be_plain(function, use.operation):
            return True
        operation = function.body.operations[use.operation]
        if operation[0] != f.NAME or operation[5] in function.facts.bound - _parameters(function):
            return False
        return operation[5] in _parameters(function) and any(
            not given or not all(map(self._is_async, given))
            for given in self._given(function, operation[5])
        )

    def _may_be_plain(self, function: Function, index: int, seen: Set[str] = frozenset()) -> bool:
        """May an expression give a list or the like, as it is written? Of one that is empty no
        value tells."""
        operation = function.body.operations[index]
        if operation[0] in (f.CONDITIONAL, f.BOOLEAN):
            parts = operation[6:8] if operation[0] == f.CONDITIONAL else operation[5]
            return any(self._may_be_plain(function, part, seen) for part in parts)
        if operation[0] == f.CALL:
            values = self.inference.evaluations[function].values
            return any(map(self._gives_plain, values[operation[5]]))
        if operation[0] == f.NAME and operation[5] not in seen:
            seen = {*seen, operation[5]}
            assigned = map(names_assigned, self.colors.uses.layout(function).statements)
            return any(
                name == operation[5] and self._may_be_plain(function, source, seen)
                for name, source in chain.from_iterable(assigned)
            )
        is_generator = operation[0] == f.COMPREHENSION and operation[5] == "GeneratorExp"
        return operation[0] in (f.SEQUENCE, f.DICT, f.COMPREHENSION) and not is_generator

    def _gives_plain(self, atom: v.Atom) -> bool:
        """May a function of the program give what isn't async?"""
        if not isinstance(atom, v.FunctionObject) or atom.function.facts.is_generator:
            return False
        function = atom.function
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None:
            return True
        for statement in self.colors.uses.layout(function).statements:
            if statement[0] != f.RETURN or statement[7] < 0:
                continue
            value = evaluation.values[statement[7]]
            if not value or not all(map(self._is_async, value)):
                return True
            if self._may_be_plain(function, statement[7]):
                return True
        return False

    def _is_async(self, atom: v.Atom) -> bool:
        if isinstance(atom, v.Generated):
            return self._turns(atom.function)
        if isinstance(atom, v.Instance):
            return any(map(self._turns, self.inference.methods(atom.cls, ITERATE)))
        return atom == v.Literal(None)

    def _turns(self, function: Function) -> bool:
        return function.facts.is_async or function in self.coloring.turned

    def is_kept(self, use: Use) -> bool:
        """May somebody go on with what is iterated over, where a loop over it is left early?"""
        return self._goes_on(use.function, use.operation, frozenset())

    def _goes_on(self, function: Function, index: int, seen: Set[Function]) -> bool:
        operation = function.body.operations[index]
        if operation[0] != f.NAME:
            return bool(operation[0] == f.ATTRIBUTE)
        name = operation[5]
        if name in _parameters(function) and function not in seen:
            seen = {*seen, function}
            if any(self._goes_on(*given, seen) for given in self._arguments(function, name)):
                return True
        reads = [o for o in function.body.operations if o and o[0] == f.NAME and o[5] == name]
        return (
            len(reads) > 1 or name not in function.facts.bound
            or any(name in o.facts.names for o in function.module.functions if o.parent is function)
            or _is_repeated(function, index, name)
        )  # fmt: skip

    def _given(self, function: Function, name: str) -> list[v.Value]:
        """What the calls of a function give one of its parameters, as far as that is told."""
        evaluations = self.inference.evaluations
        given = self._arguments(function, name)
        return [evaluations[caller].values[index] for caller, index in given]

    def _arguments(self, function: Function, name: str) -> Iterator[tuple[Function, int]]:
        names = [parameter.name for parameter in function.signature.parameters]
        for caller, use in self.colors.callers().get(function, ()):
            operation = caller.body.operations[use.operation]
            if use.kind != "call" or operation[0] != f.CALL:
                continue
            index = dict(operation[7]).get(name, -1)
            place = names.index(name) - self.inference.skipped(caller, operation, function)
            if index < 0 and 0 <= place < len(operation[6]):
                index = operation[6][place]
            if index >= 0:
                yield caller, index


def _parameters(function: Function) -> set[str]:
    return {parameter.name for parameter in function.signature.parameters}


def _is_repeated(function: Function, index: int, name: str) -> bool:
    """Is an operation evaluated again and again, with what a variable was given before?"""
    for statement in statements_of(function.body.statements):
        if statement[0] not in (f.FOR, f.WHILE):
            continue
        below = list(statements_of(tuple(chain.from_iterable(blocks_of(statement)))))
        if any(each[4] <= index < each[5] for each in below):
            assigned = chain.from_iterable(map(names_assigned, below))
            return all(each != name for each, _ in assigned)
    return False
