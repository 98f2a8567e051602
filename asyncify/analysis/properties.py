"""Properties that do I/O: Python hands their result through, so that every reader can await it.

A property turns if it is known who reads it: an unknown object with an attribute of that name may
be one of the class, and what libraries read (mapped classes, Pydantic models) can't be awaited.
"""

from __future__ import annotations

from collections.abc import Collection

from asyncify import facts as f
from asyncify.analysis import operators
from asyncify.analysis import values as v
from asyncify.analysis.infer import Inference
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Class, Function, Module, Variable, dotted
from asyncify.analysis.statements import statements_of, targets_of
from asyncify.analysis.uses import Use
from asyncify.vocabulary.loading import RENDERS_TEMPLATES

_PLAIN = {"property", "abc.abstractproperty", "abc.abstractmethod", "abstractmethod"}
CACHED = {"functools.cached_property", "cached_property"}  # they become properties
# They turn where what stands for them in SQL is told apart.
_HYBRID = {"sqlalchemy.ext.hybrid.hybrid_property", "hybrid_property"}
_IN_SQL = ("expression", "inplace.expression")
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
        told = _HYBRID if owner is not None and _has_expression(owner, function.name) else set()
        if owner is None or not decorators <= _PLAIN | CACHED | told:
            return Obstacle("ASY101", "A property can't be awaited by those who read it.")
        mapped = self.inference.models.is_mapped(owner)
        if self._is_read_by_schemas(function.name) if mapped else self._is_read_elsewhere(owner):
            return Obstacle("ASY101", "A property that libraries may read can't be awaited.")
        stored = self._stored(function.name, owner) if decorators & CACHED else ""
        if stored:
            reason = f"What the cached property keeps is replaced or deleted {stored}."
            return Obstacle("ASY101", reason)
        place = self._unknown_reader(function, owner)
        if place:
            return Obstacle(
                "ASY101", f"A property turns only if all that read it are known. {place}"
            )
        return None

    def item_obstacle(
        self, function: Function, callers: Collection[tuple[Function, Use]]
    ) -> Obstacle | None:
        """Why ``__getitem__`` can't turn, or None: it turns where subscripts of it are seen."""
        owner = function.owner
        if owner is None or not callers or self._is_read_elsewhere(owner):
            return Obstacle("ASY101", "It isn't known who reads items of its objects.")
        return None

    def _is_read_elsewhere(self, cls: Class) -> bool:
        return any(
            isinstance(base, Variable) or (isinstance(base, str) and base not in _BASES)
            for each in cls.ancestors for base in each.bases
        )  # fmt: skip

    def _is_read_by_schemas(self, name: str) -> bool:
        """May a library read an attribute of that name of a model: has a class that is no model
        such a field, is the name written as a string, or does a template read it?"""
        strings = (fn.body.operations for fn in self.program.mentioning(name))
        if any(o[:1] == (f.CONSTANT,) and o[5] == name for found in strings for o in found):
            return True
        if any(map(self.program.mentioning, RENDERS_TEMPLATES)) and any(
            name in read.path for read in self.inference.templates.all_reads
        ):
            return True
        return any(
            name in cls.body.facts.bound and name not in cls.methods
            and not self.inference.models.is_mapped(cls)
            for cls in self.program.classes.values()
        )  # fmt: skip

    def _stored(self, name: str, owner: Class) -> str:
        """Where an attribute of the name is set or deleted, but of something else for certain."""
        family = {*owner.ancestors, *owner.descendants()}
        for writer in self.program.mentioning(name):
            if name in writer.facts.stores and not self._stores_elsewhere(writer, name, family):
                return f"by `{writer.qualname}`"
        return ""

    def _stores_elsewhere(self, writer: Function, name: str, family: set[Class]) -> bool:
        """Is what a function stores under the name an attribute of other classes only?"""
        evaluation = self.inference.evaluations.get(writer)
        first = next((p.name for p in writer.signature.parameters), "") if writer.owner else ""
        bases = [
            target[1] for statement in statements_of(writer.body.statements)
            for target in targets_of(statement) if target[0] == f.TO_ATTRIBUTE and target[2] == name
        ]  # fmt: skip
        for base in bases:
            operation = writer.body.operations[base]
            if first and operation[:1] == (f.NAME,) and operation[5] == first:
                if writer.owner in family:
                    return False
                continue
            value = evaluation.values[base] if evaluation is not None else v.UNKNOWN
            if not value or not all(
                isinstance(a, v.Instance) and a.cls not in family for a in value
            ):
                return False
        return bool(bases)

    def _unknown_reader(self, function: Function, owner: Class) -> str:
        """Where an attribute of the name is read of something unknown, or ''."""
        hybrid = not _HYBRID.isdisjoint(self.inference.decorators(function))
        family = set() if hybrid else {*owner.ancestors, *owner.descendants()}  # read of the class
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
        return self._got_with_others(function.name)

    def _got_with_others(self, name: str) -> str:
        """Where ``attrgetter("name", "other")`` would put the coroutine into a tuple."""
        for reader in self.program.mentioning("attrgetter"):
            operations = reader.body.operations
            for operation in operations:
                if not operation or operation[0] != f.CALL or len(operation[6]) < 2:
                    continue
                given = (operations[i] for i in operation[6] if i >= 0)
                names = [o[5].rpartition(".")[2] for o in given if operators.key_of(o) is not None]
                maker = dotted(operations, operation[5]).rpartition(".")[2]
                if maker == "attrgetter" and name in names:
                    return f"`{reader.qualname}` gets it with others (line {operation[1]})."
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


def _has_expression(owner: Class, name: str) -> bool:
    """Is there a function of its own for what a hybrid property is in SQL?"""
    said = {f"{name}.{kind}" for kind in _IN_SQL}
    return any(
        dotted(method.signature.operations, index) in said
        for method in owner.methods.values() for index in method.signature.decorators
    )  # fmt: skip
