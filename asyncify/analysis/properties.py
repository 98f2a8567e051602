"""Properties that do I/O: Python hands their result through, so that every reader can await it.

A property turns if it is known who reads it: an unknown object with an attribute of that name may
be one of the class, and what libraries read (mapped classes, Pydantic models) can't be awaited.
"""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.infer import Inference
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Class, Function, Variable

_PLAIN = {"property", "abc.abstractproperty", "abc.abstractmethod", "abstractmethod"}
# Bases outside the program whose instances nobody else reads the attributes of.
_BASES = {"object", "abc.ABC", "ABC", "typing.Generic", "typing.Protocol", "Generic", "Protocol"}


class Properties:
    """Answers for one coloring which properties can turn."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self.program = inference.program

    def obstacle(self, function: Function) -> Obstacle | None:
        """Why a property can't turn, or None."""
        owner = function.owner
        if owner is None or not set(self.inference.decorators(function)) <= _PLAIN:
            return Obstacle("ASY101", "A property can't be awaited by those who read it.")
        if self.inference.models.is_mapped(owner) or self._is_read_elsewhere(owner):
            return Obstacle("ASY101", "A property that libraries may read can't be awaited.")
        place = self._unknown_reader(function, owner)
        if place:
            return Obstacle(
                "ASY101", f"A property turns only if all that read it are known. {place}"
            )
        return None

    def _is_read_elsewhere(self, cls: Class) -> bool:
        return any(
            isinstance(base, Variable) or (isinstance(base, str) and base not in _BASES)
            for each in cls.ancestors for base in each.bases
        )  # fmt: skip

    def _unknown_reader(self, function: Function, owner: Class) -> str:
        """Where an attribute of the name is read of something unknown, or ''."""
        family = {*owner.ancestors, *owner.descendants()}
        for reader in self.program.mentioning_member(function.name):
            evaluation = self.inference.evaluations.get(reader)
            if evaluation is None:
                continue  # it gets no instance of the class: whoever may is evaluated
            for operation in evaluation.operations:
                if not operation or operation[0] != f.ATTRIBUTE or operation[6] != function.name:
                    continue
                base = evaluation.values[operation[5]]
                if not base or any(isinstance(a, v.ClassObject) and a.cls in family for a in base):
                    return f"`{reader.qualname}` reads `{function.name}` (line {operation[1]})."
        return ""
