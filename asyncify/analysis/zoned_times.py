"""Times with a zone, for columns without one: asyncpg refuses them.

PostgreSQL converted the column, by the time zone of the session. It still does, where the statement
says what it compares: `literal(since, DateTime(timezone=True))`. Other databases take no notice.
https://magicstack.github.io/asyncpg/current/usage.html#type-conversion
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis.declarations import foreign_name
from asyncify.analysis.infer import Inference
from asyncify.analysis.program import Class, Function, Variable, dotted
from asyncify.analysis.statements import targets_of
from asyncify.vocabulary.types import (
    DECLARATIVE,
    MAKES_AWARE,
    MAKES_NAIVE,
    NAIVE_TYPES,
    NO_TYPES,
    TYPE_MAP,
    ZONE_KEYWORDS,
    ZONED_METHODS,
)

_DEPTH = 5
_ARITHMETIC = ("Add", "Sub")


class ZonedTimes:
    """Which values have a zone, and which columns have none."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference

    def is_aware(self, function: Function, index: int, depth: int = 0) -> bool:
        """Has a time a zone, whatever way the function went?"""
        return self.zone(function, index, depth) is True

    def zone(self, function: Function, index: int, depth: int = 0) -> bool | None:
        """Has a time a zone? None: that isn't known."""
        if index < 0 or depth > _DEPTH:
            return None
        operation = function.body.operations[index]
        if operation[0] == f.CONSTANT and operation[5] is None:
            return False
        if operation[0] == f.CALL:
            return self._made(function, operation, depth)
        if operation[0] == f.OPERATOR and operation[5] in _ARITHMETIC:
            # a span has no zone, and nobody knows that of its variable
            parts = {self.zone(function, part, depth + 1) for part in operation[6]}
            return True if True in parts else False if False in parts else None
        if operation[0] != f.NAME:
            return None
        if any(p.name == operation[5] for p in function.signature.parameters):
            return None
        given = {self.zone(function, i, depth + 1) for i in self._assigned(function, operation[5])}
        return given.pop() if len(given) == 1 else None

    def _assigned(self, function: Function, name: str) -> Iterator[int]:
        """What a variable is given; -1 where that is no expression."""
        for statement in self.inference.layout(function).statements:
            if any(target[:2] == (f.TO_NAME, name) for target in targets_of(statement)):
                is_plain = statement[0] == f.ASSIGN and (f.TO_NAME, name) in [
                    target[:2] for target in statement[7]
                ]
                yield statement[8] if is_plain else -1

    def _made(self, function: Function, operation: f.Operation, depth: int) -> bool | None:
        operations = function.body.operations
        zones = [operations[i] for name, i in operation[7] if name in ZONE_KEYWORDS]
        zoned = any(zone[:1] != (f.CONSTANT,) or zone[5] is not None for zone in zones)
        callee = operations[operation[5]]
        if callee[0] == f.ATTRIBUTE and callee[6] in ZONED_METHODS:
            if zoned or ZONED_METHODS[callee[6]]:
                return True
            return False if zones else self.zone(function, callee[5], depth + 1)
        name = foreign_name(function, operations, operation[5], self.inference)
        if name in MAKES_NAIVE:
            return False
        place = MAKES_AWARE.get(name)
        return None if place is None else zoned or len(operation[6]) > place

    def is_naive(self, cls: Class, name: str) -> bool:
        """Has a column no zone, as far as its class says?"""
        found = [(c, *each) for c in cls.ancestors for each in declarations(c, name)]
        if not found:
            return False
        holder, annotation, value = found[0]
        operations = holder.body.body.operations
        call = operations[value] if value >= 0 else ()
        for part in call[6] if call and call[0] == f.CALL else ():
            is_call = part >= 0 and operations[part][0] == f.CALL
            kind = dotted(operations, operations[part][5] if is_call else part)
            if kind.rpartition(".")[2] in NAIVE_TYPES:
                return not (is_call and (operations[part][6] or operations[part][7]))
            if operations[part][0] != f.CONSTANT and kind.rpartition(".")[2] not in NO_TYPES:
                return False  # a type of which nothing is known, as the program's own are
        is_known = annotation >= 0 and not _is_of_a_library(cls)
        return is_known and not any(map(self._maps_types, cls.ancestors))

    def _maps_types(self, cls: Class) -> bool:
        """Does a class say what annotations mean, or the call that it comes from?"""
        if TYPE_MAP in cls.body.facts.names:
            return True
        bases = [cls.body.signature.operations[i] for i in cls.body.signature.bases]
        return any(
            TYPE_MAP in {name for name, _ in call[7]}
            for base in bases
            if base[0] == f.NAME
            for call in self._made_by(cls, base[5])
            if call[0] == f.CALL
        )

    def _made_by(self, cls: Class, name: str) -> Iterator[f.Operation]:
        """What a variable is made by that is the base of a class."""
        program = self.inference.program
        symbol = program.lookup(cls.body, name)
        found = program.variable_expression(symbol) if isinstance(symbol, Variable) else None
        if found is not None:
            yield found[1][found[2]]


def _is_of_a_library(cls: Class) -> bool:
    """Does a library make the base of a class? advanced-alchemy's map times to one with a zone."""
    packages = {base.partition(".")[0] for base in cls.foreign_bases}
    is_made_here = any(isinstance(base, Variable) for c in cls.ancestors for base in c.bases)
    return bool(packages) and not is_made_here and packages.isdisjoint(DECLARATIVE)


def declarations(cls: Class, name: str) -> Iterator[tuple[int, int]]:
    """The annotation and the value that a class body gives a name; -1 for what it doesn't."""
    for statement in cls.body.body.statements:
        if statement[0] == f.ANNOTATED and statement[7][:2] == (f.TO_NAME, name):
            yield statement[8], statement[9]
        elif statement[0] == f.ASSIGN and (f.TO_NAME, name) in [t[:2] for t in statement[7]]:
            yield -1, statement[8]
