"""Properties that do I/O: Python hands their result through, so that every reader can await it.

A property turns if it is known who reads it: an unknown object with an attribute of that name may
be one of the class, and what libraries read (mapped classes, Pydantic models) can't be awaited.
"""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.infer import Inference
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Class, Function, Module, Variable

_PLAIN = {"property", "abc.abstractproperty", "abc.abstractmethod", "abstractmethod"}
CACHED = {"functools.cached_property", "cached_property"}  # they become properties
# Bases outside the program whose instances nobody else reads the attributes of.
_BASES = {"object", "abc.ABC", "ABC", "typing.Generic", "typing.Protocol", "Generic", "Protocol"}


class Properties:
    """Answers for one coloring which properties can turn."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self.program = inference.program
        self._reachable: dict[Module, set[Module]] = {}

    def obstacle(self, function: Function) -> Obstacle | None:
        """Why a property can't turn, or None."""
        owner = function.owner
        decorators = set(self.inference.decorators(function))
        if owner is None or not decorators <= _PLAIN | CACHED:
            return Obstacle("ASY101", "A property can't be awaited by those who read it.")
        if self.inference.models.is_mapped(owner) or self._is_read_elsewhere(owner):
            return Obstacle("ASY101", "A property that libraries may read can't be awaited.")
        if decorators & CACHED and self._is_stored(function.name):
            return Obstacle(
                "ASY101", "What a cached property keeps is replaced or deleted somewhere."
            )
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

    def _is_stored(self, name: str) -> bool:
        return any(name in reader.facts.stores for reader in self.program.mentioning(name))

    def _unknown_reader(self, function: Function, owner: Class) -> str:
        """Where an attribute of the name is read of something unknown, or ''."""
        family = {*owner.ancestors, *owner.descendants()}
        for reader in self.program.mentioning_member(function.name):
            evaluation = self.inference.evaluations.get(reader)
            if evaluation is None or not self._may_have(reader, owner):
                continue  # it gets no instance of the class: whoever may is evaluated
            for operation in evaluation.operations:
                if not operation or operation[0] != f.ATTRIBUTE or operation[6] != function.name:
                    continue
                base = evaluation.values[operation[5]]
                if not base or any(isinstance(a, v.ClassObject) and a.cls in family for a in base):
                    return f"`{reader.qualname}` reads `{function.name}` (line {operation[1]})."
        return ""

    def _may_have(self, reader: Function, owner: Class) -> bool:
        """Does a reader's module import the class's, directly or not? Else only what is passed to
        it can be an instance, and that is known."""
        scope: Function | None = reader
        while scope is not None:
            if scope.parent is not None and scope.imports_inside:
                return True
            scope = scope.parent
        return owner.module in self._imported(reader.module)

    def _imported(self, module: Module) -> set[Module]:
        found = self._reachable.get(module)
        if found is None:
            found, pending = {module}, [module]
            while pending:
                for other in self.program.imported_modules(pending.pop()):
                    if other not in found:
                        found.add(other)
                        pending.append(other)
            self._reachable[module] = found
        return found
