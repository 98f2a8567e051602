"""Readers that turn: a function that reads what isn't loaded can await it itself.

    async def shown(order: Order) -> dict[str, str]:
        return {"customer": (await order.awaitable_attrs.customer).name}

It is what is left where neither a query nor a statement before the call can load it, and all who
call the function can await it. The coloring is made again with such functions.
"""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.load_demands import Demand
from asyncify.analysis.program import Function
from asyncify.vocabulary.special import is_special


class TurningReaders:
    """The functions of a program that would have to turn for what they read."""

    def __init__(self, colors: Colors, coloring: Coloring) -> None:
        self.colors = colors
        self.coloring = coloring
        self.found: set[Function] = set()

    def take(self, demand: Demand) -> None:
        """Have the functions on the way to a read turn, if all of them can."""
        way = [demand.function, *(function for function, _ in demand.calls[1:])]
        sync = {function for function in way if function not in self.coloring.turned}
        if demand.calls and sync and all(self._may(function, sync) for function in sync):
            self.found |= sync

    def _may(self, function: Function, sync: set[Function]) -> bool:
        """Is it a plain function that nobody but such callers know who can await it?"""
        facts, colors = function.facts, self.colors
        if function in self.coloring.islands:
            return False
        if facts.kind != "def" or facts.is_async or facts.is_generator or is_special(function.name):
            return False
        if colors.bounds.decorators(function) or function.signature_is_decorated:
            return False
        if len(colors.family(function)) > 1 or colors.obstacle(function) is not None:
            return False
        callers = colors.callers().get(function, [])
        known = sync | {caller for caller, _ in callers}
        return all(
            use.kind == "call" and (caller in self.coloring.turned or caller in sync)
            and caller.facts.kind == "def"
            for caller, use in callers
        ) and not self._is_named_elsewhere(function, known)  # fmt: skip

    def _is_named_elsewhere(self, function: Function, callers: set[Function]) -> bool:
        """Does anybody name it who isn't known to call it? An import alone does nothing."""
        mentions = set(self.colors.program.mentioning(function.name)) - callers - {function}
        return any(
            operation and operation[0] in (f.NAME, f.ATTRIBUTE, f.CONSTANT)
            and operation[6 if operation[0] == f.ATTRIBUTE else 5] == function.name
            and not self._is_another(other, index, function)
            for other in mentions for index, operation in enumerate(other.body.operations)
        )  # fmt: skip

    def _is_another(self, other: Function, index: int, function: Function) -> bool:
        """Is it known what is named there, and not the function?"""
        evaluation = self.colors.inference.evaluations.get(other)
        if other.body.operations[index][0] == f.CONSTANT:
            return False  # `methodcaller("size")`
        value = evaluation.values[index] if evaluation is not None else v.UNKNOWN
        return bool(value) and all(
            not isinstance(atom, v.FunctionObject) or atom.function is not function
            for atom in value
        )
