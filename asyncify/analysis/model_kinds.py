"""What a column gives, by its type: numbers, times, members of an enumeration, what a type of the
program makes; and what selects rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.vocabulary.loading import DECORATED, ENUM, KIND_KEYWORDS, TYPES_GIVE

if TYPE_CHECKING:
    from asyncify.analysis.model_bodies import Reader

_SELECT = "select"


def note(reader: Reader, name: str, words: list[str]) -> None:
    """What kind of value the database gives for a column, by the names in its type."""
    if reader.models.enums.intersection(words):
        reader.model.kinds[name] = ENUM
        return
    if reader.models.decorated.intersection(words):
        reader.model.kinds[name] = DECORATED
        return
    for word in words:
        if word in TYPES_GIVE:
            reader.model.kinds[name] = TYPES_GIVE[word]
            return


def type_words(reader: Reader, index: int) -> list[str]:
    """The names in the type of a column: ``Numeric(10, 2)``, ``Enum(Status)``."""
    operation = reader.operations[index]
    if operation[0] != f.CALL:
        return reader.words(index) if operation[0] in (f.NAME, f.ATTRIBUTE) else []
    given = reader.words(operation[6][0]) if operation[6] else []
    as_other = [i for name, i in operation[7] if name in KIND_KEYWORDS]
    if any(reader.constant(i) is not True for i in as_other):
        return given
    return [*reader.words(operation[5]), *given]


def selects(operations: tuple[f.Operation, ...], indices: Iterable[int]) -> bool:
    """Is there a ``select`` in expressions?"""
    for index in indices:
        operation = operations[index] if index >= 0 else ()
        if not operation:
            continue
        if _SELECT in operation[5:7]:  # a name, or a module's member
            return True
        if operation[0] == f.ATTRIBUTE and selects(operations, (operation[5],)):
            return True
        if operation[0] == f.CALL and selects(operations, (operation[5], *operation[6])):
            return True
    return False
