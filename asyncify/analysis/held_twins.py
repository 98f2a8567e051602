"""Held twins: engines and factories that objects hold can be there twice, in the same object.

    class Service:
        def __init__(self, factory=SessionLocal):
            self.factory = factory

An object that a thread and async code use both is given a second factory where it is given the
first: ``self.sync_factory = SyncSessionLocal``. What stays sync reads that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.program import Class, Function, Variable
from asyncify.analysis.side_spread import Spread
from asyncify.analysis.side_twins import Twins
from asyncify.analysis.sides import Sides, ordered
from asyncify.analysis.statements import statements_of, targets_of
from asyncify.analysis.use import MAKING
from asyncify.analysis.uses import SYNC_KINDS

if TYPE_CHECKING:
    from asyncify.analysis.colors import Colors

Write = tuple[Function, f.Statement]


class HeldTwins:
    """Says which classes can hold everything twice, and where their attributes are assigned."""

    def __init__(self, colors: Colors, spread: Spread, twins: Twins) -> None:
        self.colors = colors
        self.inference = colors.inference
        self.program = colors.program
        self.spread = spread
        self.twins = twins
        self._known: tuple[int, dict[Class, bool]] = (-1, {})

    def is_doubled(self, cls: Class) -> bool:
        """Can objects of a class hold a sync engine or factory beside each async one?"""
        if self.inference.config.alongside:
            return False
        if self._known[0] != self.inference.runs:
            self._known = self.inference.runs, {}
        known = self._known[1].get(cls)
        if known is None:
            self._known[1][cls] = False  # while it is asked for
            known = self._known[1][cls] = not self._obstacle(cls)
        return known

    def attributes(self, cls: Class) -> frozenset[str]:
        """The attributes in which objects of a class hold engines or factories."""
        family = {*cls.ancestors, *cls.descendants(), cls}
        return frozenset(
            name for owner, name, value in self.inference.named_attributes_held()
            if owner in family and any(isinstance(a, v.Known) and a.kind in MAKING for a in value)
        )  # fmt: skip

    def writes(self, cls: Class, name: str) -> list[Write] | None:
        """The statements that assign an attribute, each `self.name = ...` in a method of the
        class; None where something else assigns it."""
        family = {*cls.ancestors, *cls.descendants(), cls}
        found: list[Write] = []
        for function in self.program.mentioning(name):
            if name not in function.facts.stores:
                continue
            own = function.owner in family and self._own_writes(function, name)
            if not own and self._writes_another(function, name, family):
                return None
            found += [(function, statement) for statement in own or ()]
        for owner in ordered(c.body for c in family if name in c.body.facts.bound):
            statements = [s for s in owner.body.statements if _is_plain(s, name)]
            if len(statements) != 1:
                return None  # a field of a dataclass, say: another one would move its parameters
            found.append((owner, statements[0]))
        return found or None

    def _own_writes(self, method: Function, name: str) -> list[f.Statement]:
        """The assignments of a method to an attribute of its object, and to nothing else, or of
        nothing to several: ``self.engine = self.factory = None``."""
        parameters = method.signature.parameters
        operations = method.body.operations

        def is_own(target: tuple[Any, ...]) -> bool:
            base = operations[target[1]] if target[0] == f.TO_ATTRIBUTE else ()
            return bool(parameters) and base[5:6] == (parameters[0].name,)

        return [
            statement for statement in statements_of(method.body.statements)
            if statement[0] == f.ASSIGN and all(map(is_own, statement[7]))
            and any(target[2] == name for target in statement[7])
            and (len(statement[7]) == 1 or operations[statement[8]][0] == f.CONSTANT)
        ]  # fmt: skip

    def _writes_another(self, function: Function, name: str, family: set[Class]) -> bool:
        """May a function assign the attribute of an object that it has from somewhere?"""
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None:
            return False
        bases = (
            target[1] for statement in statements_of(function.body.statements)
            for target in targets_of(statement)
            if target[0] == f.TO_ATTRIBUTE and target[2] == name
        )  # fmt: skip
        return any(
            isinstance(a, v.Instance) and a.cls in family
            for base in bases for a in evaluation.values[base]
        ) or function.owner in family  # fmt: skip

    def _obstacle(self, cls: Class) -> bool:
        """Is there anything in a class of which there can't be two?"""
        family = {*cls.ancestors, *cls.descendants(), cls}
        held = [
            (name, value) for owner, name, value in self.inference.named_attributes_held()
            if owner in family
        ]  # fmt: skip
        kinds = {a.kind for _, value in held for a in value if isinstance(a, v.Known)}
        if not kinds & set(MAKING) or kinds & set(SYNC_KINDS) - set(MAKING):
            return True
        return self._is_in_memory(family) or any(
            not self._can_repeat(cls, name) for name in self.attributes(cls)
        )

    def _is_in_memory(self, family: set[Class]) -> bool:
        """Is an object made for a database in memory? Another engine would have another one."""
        makers = [
            method for c in family for method in c.methods.values()
            if method is c.own_constructor or not self.attributes(c).isdisjoint(method.facts.stores)
        ]  # fmt: skip
        return any(
            self.colors.places.in_memory(caller, use.operation)
            for maker in makers for caller, use in self.colors.callers().get(maker, ())
        )  # fmt: skip

    def _can_repeat(self, cls: Class, name: str) -> bool:
        writes = self.writes(cls, name)
        return writes is not None and all(
            self._is_repeatable(cls, function, statement[8]) for function, statement in writes
        )

    def _is_repeatable(self, cls: Class, function: Function, index: int) -> bool:
        """Can what is assigned be made once more, for the sync side?"""
        operations = function.body.operations
        if operations[index][0] == f.CALL and self.colors.places.in_memory(function, index):
            return False
        values = self.inference.evaluations[function].values
        for part in self.colors.uses.layout(function).subtree(index):
            operation = operations[part]
            if operation[0] not in (f.NAME, f.ATTRIBUTE, f.CALL):
                continue
            symbol = self.program.resolve_expression(function, operations, part)
            if isinstance(symbol, Function) and self.spread.makes(symbol):
                if self.twins.copy_obstacle(symbol):
                    return False
            elif any(isinstance(a, v.Known) and a.kind in MAKING for a in values[part]) and (
                operation[0] != f.CALL and not self._has_twin(cls, function, part)
            ):
                return False
        return True

    def _has_twin(self, cls: Class, function: Function, index: int) -> bool:
        """Does a name, or an attribute of the object, mean something that can be there twice?"""
        operation = function.body.operations[index]
        if operation[0] == f.ATTRIBUTE:
            values, name = self.inference.evaluations[function].values, operation[6]
            family = (cls, *cls.ancestors, *cls.descendants())
            holders = {a.cls for a in values[operation[5]] if isinstance(a, v.Instance)}
            if holders:
                return all(
                    name in self.attributes(c) and (c in family or self.is_doubled(c))
                    for c in holders
                )
        variable = self.twins.variable(function, index)
        if variable is not None:
            return not self.twins.twin_obstacle(variable, Sides())
        if operation[0] != f.NAME:
            return False
        return self.default(function, operation[5]) is not None or self.is_local(
            cls, function, operation[5]
        )

    def default(self, function: Function, name: str) -> Variable | None:
        """The variable that a parameter always is, because nobody gives anything for it."""
        for position, parameter in enumerate(function.signature.parameters):
            if parameter.name != name:
                continue
            for index, variable in self.spread.defaults(function):
                operation = function.signature.operations[index]
                if index == parameter.default and operation[5:] == (variable.name,):
                    given = self.inference.passed(function, position)
                    made = self.inference.global_value(variable.module, variable.name)
                    known = {a for a in given if isinstance(a, v.Known)}
                    return variable if known <= made else None
        return None

    def is_local(self, cls: Class, function: Function, name: str) -> bool:
        """Is a local variable assigned once, by something that can be made once more? What works
        with it there, and stays sync, has only the one."""
        found = self.local(function, name)
        works = self.colors.does_io(function)
        return found is not None and not works and self._is_repeatable(cls, function, found[8])

    def local(self, function: Function, name: str) -> f.Statement | None:
        """The one statement that assigns a local variable."""
        if name not in function.facts.bound or name in function.facts.declared:
            return None
        if any(p.name == name for p in function.signature.parameters):
            return None
        found = [
            statement for statement in statements_of(function.body.statements)
            if any(target[:2] == (f.TO_NAME, name) for target in targets_of(statement))
        ]  # fmt: skip
        if len(found) != 1 or found[0][0] != f.ASSIGN or len(found[0][7]) != 1:
            return None
        return found[0] if found[0][7][0][0] == f.TO_NAME else None

    def readers(self, cls: Class, name: str) -> list[Function]:
        """The functions that read an attribute of an object of the class."""
        family = {*cls.ancestors, *cls.descendants(), cls}
        return ordered(
            function for function in self.program.mentioning(name)
            if (evaluation := self.inference.evaluations.get(function)) is not None and any(
                operation and operation[0] == f.ATTRIBUTE and operation[6] == name
                and any(isinstance(a, v.Instance) and a.cls in family
                        for a in evaluation.values[operation[5]])
                for operation in function.body.operations
            )
        )  # fmt: skip


def _is_plain(statement: f.Statement, name: str) -> bool:
    """Does a statement assign a name, and nothing else?"""
    return (
        statement[0] == f.ASSIGN and len(statement[7]) == 1
        and statement[7][0][:2] == (f.TO_NAME, name)
    )  # fmt: skip
