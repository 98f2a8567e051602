"""Times with a zone, for columns without one: asyncpg refuses them.

PostgreSQL converted the column, by the time zone of the session. It still does, where the statement
says what it compares: `literal(since, DateTime(timezone=True))`. Other databases take no notice.
https://magicstack.github.io/asyncpg/current/usage.html#type-conversion
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

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
_ENGINE, _SQLITE = "create_engine", "sqlite"
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

    def loses_zone(self, cls: Class, name: str) -> bool:
        """Does a column give times without the zone that they were put there with? SQLite keeps
        none, whatever the column says."""
        return self.is_naive(cls, name) or (self.is_on_sqlite and self._is_zoned(cls, name))

    def _is_zoned(self, cls: Class, name: str) -> bool:
        """Does a column say itself that its times have zones?"""
        found = [(c, *each) for c in cls.ancestors for each in declarations(c, name)]
        holder, _, value = found[0] if found else (cls, -1, -1)
        operations = holder.body.body.operations
        call = operations[value] if value >= 0 else ()
        return any(
            operations[part][0] == f.CALL
            and dotted(operations, operations[part][5]).rpartition(".")[2] in NAIVE_TYPES
            for part in (call[6] if call[:1] == (f.CALL,) else ()) if part >= 0
        )  # fmt: skip

    @cached_property
    def is_on_sqlite(self) -> bool:
        """Are all engines that the program makes told a URL of SQLite?"""
        engines = [
            (function, operation)
            for function in self.inference.program.mentioning(_ENGINE)
            for operation in function.body.operations
            if operation and operation[0] == f.CALL
            and dotted(function.body.operations, operation[5]).rpartition(".")[2] == _ENGINE
        ]  # fmt: skip
        return bool(engines) and all(self._names_sqlite(*engine) for engine in engines)

    def _names_sqlite(self, function: Function, call: f.Operation) -> bool:
        """Is an engine made with the text of such a URL, or a variable that is one?"""
        program, operations = self.inference.program, function.body.operations
        index = call[6][0] if call[6] else -1
        operation = operations[index] if index >= 0 else ()
        if operation[:1] in ((f.NAME,), (f.ATTRIBUTE,)):
            symbol = program.resolve_expression(function, operations, index)
            found = program.variable_expression(symbol) if isinstance(symbol, Variable) else None
            if found is None:
                return False
            operations, operation = found[1], found[1][found[2]]
        given = [operation]
        if operation[:1] == (f.CALL,):  # os.getenv("URL", "sqlite:///app.db")
            given = [operations[part] for part in operation[6] if part >= 0]
        texts = [part[5] for part in given if part[:1] == (f.CONSTANT,)]
        texts += [part[6] for part in given if part[:1] == (f.FORMAT,)]  # what it begins with
        return any(isinstance(text, str) and text.startswith(_SQLITE) for text in texts)

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
