"""Ambient sessions: those that a function reaches by a variable of a module.

``registry.query(...)`` or ``db.session.add(...)``: nobody gives them to the function, and whoever
can import the variable reaches the same session. So a constructor that uses no other can run inside
``run_sync`` of that session, and the other methods of its class turn.
"""

from __future__ import annotations

from typing import NamedTuple

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.evaluate import Evaluation
from asyncify.analysis.infer import Inference
from asyncify.analysis.program import Function, Variable, dotted
from asyncify.analysis.uses import Uses

_KINDS = ("Session", "scoped_session")


class AmbientSession(NamedTuple):
    """A session by the variable that it is reached by, and the attributes behind that
    (``.session``). ``called``: the variable is a registry, which gives its session when called."""

    variable: Variable
    attributes: str
    called: bool


Places = dict[int, AmbientSession | None]


class Ambient:
    """Answers for the functions of a program."""

    def __init__(self, inference: Inference, uses: Uses) -> None:
        self.inference = inference
        self.uses = uses
        self._places: dict[Function, tuple[Evaluation, Places]] = {}

    def session(self, function: Function) -> AmbientSession | None:
        """The one ambient session of a function that uses no other, and hands none on."""
        found = self.places(function)
        sessions = {each for each in found.values() if each is not None}
        if len(sessions) != 1 or None in found.values() or self._keeps(function):
            return None
        return sessions.pop()

    def places(self, function: Function) -> Places:
        """The operations of a function that reach a session from outside it; None for one that
        is given to it. Registries that are called stand for the call."""
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None:
            return {}
        known = self._places.get(function)
        if known is None or known[0] is not evaluation:
            known = self._places[function] = evaluation, self._reaching(function, evaluation)
        return known[1]

    def _reaching(self, function: Function, evaluation: Evaluation) -> Places:
        found: Places = {}
        layout = self.uses.layout(function)
        for index, value in evaluation.objects:
            kinds = {a.kind for a in value if isinstance(a, v.Known)}
            operation = layout.operations[index]
            if not kinds & set(_KINDS) or operation[0] not in (f.NAME, f.ATTRIBUTE):
                continue
            head, _, rest = dotted(layout.operations, index).partition(".")
            if head in function.facts.bound and not self._is_parameter(function, head):
                continue  # what it was assigned is looked at
            symbol = self.inference.program.lookup(function, head) if head else None
            parent, called = layout.parent(index), kinds == {"scoped_session"}
            if called and parent >= 0 and layout.operations[parent][0] == f.CALL:
                index = parent if layout.operations[parent][5] == index else index
            known = isinstance(symbol, Variable) and len(kinds) == 1
            found[index] = AmbientSession(symbol, rest, called) if known else None  # type: ignore[arg-type]
        return found

    def reached(self, function: Function) -> set[int]:
        """The operations that an ambient session is reached by, variables included."""
        layout = self.uses.layout(function)
        places = [index for index, found in self.places(function).items() if found is not None]
        return {inner for index in places for inner in (index, *layout.subtree(index))}

    def _is_parameter(self, function: Function, name: str) -> bool:
        return any(parameter.name == name for parameter in function.signature.parameters)

    def _keeps(self, function: Function) -> bool:
        """Does it keep a session in an attribute, or give one to somebody?"""
        evaluation = self.inference.evaluations[function]
        layout = self.uses.layout(function)
        for index, value in evaluation.objects:
            if not any(isinstance(a, v.Known) and a.kind in _KINDS for a in value):
                continue
            parent = layout.parent(index)
            if parent >= 0:
                operation = layout.operations[parent]
                if operation[0] not in (f.ATTRIBUTE, f.CALL) or (
                    operation[0] == f.CALL and operation[5] != index
                ):
                    return True
                continue
            statement = layout.statement(index)
            if statement is None or statement[0] != f.ASSIGN:
                return True
            if any(target[0] != f.TO_NAME for target in statement[7]):
                return True
        return False
