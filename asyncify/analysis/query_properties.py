"""Query properties: models that begin queries by themselves.

``Base.query = registry.query_property()`` makes of ``Model.query`` a Query on the registry's
session. Who reads it needs no session: the registry is a variable of a module, which any file can
import.

https://docs.sqlalchemy.org/en/21/orm/contextual.html#sqlalchemy.orm.scoped_session.query_property
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import queries
from asyncify.analysis import values as v
from asyncify.analysis.program import Class, Function, Program, Variable
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary.sqlalchemy_query import QUERY

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation

KIND = "QueryProperty"
_SHARED = {"get", "count", "values", "value", "update", "delete"}  # methods of much else, too


@dataclass(slots=True)
class Property:
    """One call of ``query_property``. ``source`` is where the registry's sessions come from,
    ``names`` those that classes have it under."""

    origin: v.Origin
    registry: Variable | None
    source: v.Origin | None
    own_class: bool
    names: set[str] = field(default_factory=set)

    def statement(self) -> f.Statement | None:
        """The assignment that does nothing but to give the property to a class."""
        body = self.origin.function.body
        for statement in statements_of(body.statements):
            if statement[0] == f.ASSIGN and len(statement[7]) == 1:
                target, value = statement[7][0], statement[8]
            elif statement[0] == f.ANNOTATED and statement[9] >= 0:
                target, value = statement[7], statement[9]
            else:
                continue
            made = body.operations[value]
            if made[0] == f.CALL and made[3] == self.origin.call:
                in_class = self.origin.function.facts.kind == "class"
                wanted = f.TO_NAME if in_class else f.TO_ATTRIBUTE
                return statement if target[0] == wanted else None
        return None


class QueryProperties:
    """The properties of a program, and the classes that have them."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.made: dict[v.Origin, Property] = {}
        self.names: set[str] = set()
        self._unknown: dict[v.Origin, str] = {}  # where something unknown may have a property
        self._owners: dict[tuple[Class | Variable, str], Property] = {}
        self._families: dict[tuple[Class, str], Property | None] = {}

    def make(
        self, evaluation: Evaluation, owner: v.Known, operation: f.Operation, origin: v.Origin
    ) -> v.Value:
        """``registry.query_property()``."""
        if origin not in self.made:
            receiver = evaluation.operations[operation[5]][5]
            symbol = self.program.resolve_expression(
                evaluation.function, evaluation.operations, receiver
            )
            registry = symbol if isinstance(symbol, Variable) else None
            given = bool(operation[6] or operation[7])
            self.made[origin] = Property(origin, registry, owner.origin, given)
        return v.one(v.Known(KIND, origin))

    def keep(self, evaluation: Evaluation, target: tuple[object, ...], value: v.Value) -> None:
        """The property is bound to a name in a class's body, or to an attribute of a class."""
        origins = (a.origin for a in value if isinstance(a, v.Known) and a.kind == KIND)
        found = [self.made[o] for o in origins if o is not None and o in self.made]
        if not found:
            return
        for owner, name in self._targets(evaluation, target):
            found[0].names.add(name)
            if self._owners.get((owner, name)) is not found[0]:
                self._owners[owner, name] = found[0]
                self._families.clear()
                self.names.add(name)
                evaluation.inference.again(self.program.mentioning_member(name))

    def _targets(
        self, evaluation: Evaluation, target: tuple[object, ...]
    ) -> Iterator[tuple[Class | Variable, str]]:
        function = evaluation.function
        if target[0] == f.TO_NAME:
            if function.facts.kind == "class":
                yield self.program.classes[function], str(target[1])
        elif target[0] == f.TO_ATTRIBUTE:
            base = int(target[1])  # type: ignore[call-overload]
            classes = [a.cls for a in evaluation.values[base] if isinstance(a, v.ClassObject)]
            for cls in classes:
                yield cls, str(target[2])
            symbol = self.program.resolve_expression(function, evaluation.operations, base)
            if isinstance(symbol, Variable) and not classes:
                yield symbol, str(target[2])

    def read(self, evaluation: Evaluation, operation: f.Operation, known: v.Value) -> v.Value:
        """What ``Model.query`` is: a Query where the class has the property, else ``known``."""
        name, base = operation[6], operation[5]
        atoms = evaluation.values[base]
        found: list[v.Value] = []
        for atom in sorted(atoms, key=repr):
            if isinstance(atom, (v.ClassObject, v.Instance)):
                made = self._of(atom.cls, name)
                if made is not None:
                    found.append(self._start(evaluation, made, operation, atom))
        if not atoms or atoms == v.one(v.Foreign(v.SOME_CLASS)):
            return self._guessed(evaluation, operation) or known
        return v.join(found) or known

    def _guessed(self, evaluation: Evaluation, operation: f.Operation) -> v.Value:
        """``model.query`` where nobody knows which model: a Query, if it is used as one."""
        name, only = operation[6], [m for m in self.made.values() if operation[6] in m.names]
        called = _methods_called(evaluation, operation)
        place = v.Origin(evaluation.function, ~operation[3])
        self._unknown.pop(place, None)
        if len(only) == 1 and called - _SHARED:
            return self._start(evaluation, only[0], operation, None)
        if called:
            self._unknown[place] = f"`{name}` at {_site(evaluation, operation)} may be read from it"
        return v.UNKNOWN

    def _of(self, cls: Class, name: str) -> Property | None:
        """The property that a class has, or where it is a mixin, a class that inherits it."""
        key = cls, name
        if key not in self._families:
            own = self._inherited(cls, name)
            below = (self._inherited(each, name) for each in cls.descendants())
            self._families[key] = own or next((made for made in below if made), None)
        return self._families[key]

    def _inherited(self, cls: Class, name: str) -> Property | None:
        for ancestor in cls.ancestors:
            found = self._owners.get((ancestor, name))
            if found is not None:
                return found
            if name in ancestor.methods:
                return None
            for base in ancestor.bases:
                found = self._of_base(base, name) if isinstance(base, Variable) else None
                if found is not None:
                    return found
        return None

    def _of_base(self, base: Variable, name: str) -> Property | None:
        """The property of what ``declarative_base()`` gave, maybe by its argument ``cls``."""
        found = self._owners.get((base, name))
        made = self.program.variable_expression(base)
        if found is not None or made is None:
            return found
        function, operations, index = made
        if operations[index][0] != f.CALL:
            return None
        given = dict(operations[index][7]).get("cls", -1)
        if given < 0:
            return None
        symbol = self.program.resolve_expression(function, operations, given)
        return self._inherited(symbol, name) if isinstance(symbol, Class) else None

    def _start(
        self,
        evaluation: Evaluation,
        made: Property,
        operation: f.Operation,
        atom: v.ClassObject | v.Instance | None,
    ) -> v.Value:
        origin = v.Origin(evaluation.function, ~operation[3])
        cls = atom.cls if atom is not None else None
        unequal = ""
        if made.own_class:
            unequal = "its property makes queries of a class of its own"
        return queries.begun_by_class(
            evaluation, operation[5], origin, cls,
            registry=made.registry, source=made.source, unequal=unequal,
        )  # fmt: skip

    def gives_way(self, origin: v.Origin | None) -> bool:
        """Can a property go, because all that it began begins with ``select``?"""
        return origin in self.made and not self.reason(origin)

    def kept_in(self, function: Function) -> str:
        """Why a property that is made in a function's body has to stay, or ''."""
        reasons = (self.reason(origin) for origin in self.made if origin.function is function)
        return next(filter(None, reasons), "")

    def reason(self, origin: v.Origin | None) -> str:
        """Why a property has to stay, or ''."""
        made = self.made.get(origin) if origin is not None else None
        if made is None or made.registry is None:
            return "The registry of a query property isn't a variable of a module."
        if made.own_class:
            return "A query property makes queries of a class of its own."
        if made.statement() is None:
            return "A query property isn't simply given to a class."
        unknown = min(self._unknown.values(), default="")
        return f"It isn't known who has a query property: {unknown}." if unknown else ""


def _methods_called(evaluation: Evaluation, operation: f.Operation) -> set[str]:
    """The methods of Query that are called on what an attribute gives."""
    operations = evaluation.operations
    return {
        str(other[6]) for other in operations
        if other and other[0] == f.ATTRIBUTE and operations[other[5]] is operation
        and QUERY.member(other[6]) is not None
    }  # fmt: skip


def _site(evaluation: Evaluation, operation: f.Operation) -> str:
    return f"{evaluation.function.module.path}:{operation[1]}"
