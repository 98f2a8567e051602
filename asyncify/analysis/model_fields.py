"""Fields of mapped classes that are dataclasses, in the order in which they are declared.

https://docs.sqlalchemy.org/en/20/orm/dataclasses.html
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis.program import Class, dotted
from asyncify.vocabulary.loading import BY_KEYWORD, DATACLASSES, IN_ORDER, MATCH_ARGUMENTS

Operations = tuple[f.Operation, ...]
Keywords = tuple[tuple[str | None, int], ...]
_MAPPED = ("Mapped", "DynamicMapped", "WriteOnlyMapped", "AssociationProxy")


def is_dataclass(cls: Class) -> bool:
    """Does a class get its methods from its fields?"""
    if any(base.rpartition(".")[2] in DATACLASSES for base in cls.foreign_bases):
        return True
    return any(
        dotted(each.body.signature.operations, _called(each, index)).rpartition(".")[2]
        in DATACLASSES
        for each in cls.ancestors for index in each.body.signature.decorators
    )  # fmt: skip


def _called(cls: Class, index: int) -> int:
    """What a decorator with arguments calls."""
    operation = cls.body.signature.operations[index]
    return int(operation[5]) if operation[0] == f.CALL else index


def fields(cls: Class, flag: str) -> list[str]:
    """The fields for which a flag (``repr``, ``init``) isn't off."""
    if any(_says(*_options(each), flag, False) for each in cls.ancestors):
        return []
    found: dict[str, bool] = {}
    for each in reversed(cls.ancestors):
        for name, keywords in _declared(each):
            operations = each.body.body.operations
            found[name] = not _says(operations, keywords, flag, False)
            if flag == IN_ORDER and _says(operations, keywords, BY_KEYWORD, True):
                found[name] = False
    return [name for name, is_on in found.items() if is_on]


def _options(cls: Class) -> tuple[Operations, Keywords]:
    return cls.body.signature.operations, cls.body.signature.keywords


def positional(cls: Class) -> list[str]:
    """The attributes that a class pattern reads by position."""
    for each in cls.ancestors:
        operations = each.body.body.operations
        for statement in each.body.body.statements:
            if statement[0] == f.ASSIGN and statement[7][0][:2] == (f.TO_NAME, MATCH_ARGUMENTS):
                given = operations[statement[8]]
                parts = given[6] if given[0] == f.SEQUENCE else ()
                return [operations[i][5] for i in parts if operations[i][0] == f.CONSTANT]
    return fields(cls, IN_ORDER) if is_dataclass(cls) else []


def _declared(cls: Class) -> Iterator[tuple[str, Keywords]]:
    operations = cls.body.body.operations
    for statement in cls.body.body.statements:
        if statement[0] != f.ANNOTATED or statement[7][0] != f.TO_NAME:
            continue
        annotation = operations[statement[8]]
        outer = annotation[5] if annotation[0] == f.SUBSCRIPT else statement[8]
        if annotation[0] == f.CONSTANT:
            is_mapped = str(annotation[5]).startswith(_MAPPED)
        else:
            is_mapped = dotted(operations, outer).rpartition(".")[2] in _MAPPED
        value = operations[statement[9]] if statement[9] >= 0 else ()
        keywords = value[7] if value and value[0] == f.CALL else ()
        if is_mapped:
            yield statement[7][1], keywords


def _says(operations: Operations, keywords: Keywords, flag: str, value: bool) -> bool:
    return any(
        name == flag and operations[index][0] == f.CONSTANT and operations[index][5] is value
        for name, index in keywords
    )
