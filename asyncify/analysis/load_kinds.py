"""Kinds of values: what a column is set to, and what the database makes of it.

Text that is put into a column of numbers, or of members of an enumeration, is a number or a member
once it is read again, which a commit had done.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis.models import Models
from asyncify.analysis.program import Class, Function
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary import loading as words


def is_unlike(models: Models, function: Function, cls: Class, name: str, index: int) -> bool:
    """Is a column set to what the database turns?"""
    kind = models.kind(cls, name)
    turned = words.TURNED.get(kind)
    if turned is None:
        return False
    operation, signature = function.body.operations[index], function.signature
    if operation[0] == f.ATTRIBUTE:
        return kind == words.ENUM and operation[6] in words.ENUM_VALUES
    if operation[0] == f.CONSTANT:
        return type(operation[5]).__name__ in turned
    return operation[0] == f.NAME and any(
        parameter.name == operation[5] and parameter.annotation >= 0
        and signature.operations[parameter.annotation][:1] == (f.NAME,)
        and signature.operations[parameter.annotation][5] in turned
        for parameter in signature.parameters
    )  # fmt: skip


def unlike(models: Models) -> set[str]:
    """The columns that are set so somewhere: whoever reads them reads what the database made."""
    program, by_name = models.program, dict[str, list[Class]]()
    for cls in program.classes.values():
        for name in models.declared(cls).kinds:
            by_name.setdefault(name, []).append(cls)
    out: set[str] = set()
    for name, classes in by_name.items():
        storing = [fn for fn in program.mentioning(name) if name in fn.facts.stores]
        if any(_is_stored(models, function, classes, name) for function in storing):
            out.add(name)
    for cls in {cls for classes in by_name.values() for cls in classes}:
        for made in (cls, *cls.descendants()):
            for function in program.mentioning(made.name):
                out |= set(_constructed(models, function, made))
    return out


def _is_stored(models: Models, function: Function, classes: list[Class], name: str) -> bool:
    return any(
        target[:1] == (f.TO_ATTRIBUTE,) and target[2] == name
        and any(is_unlike(models, function, cls, name, statement[8]) for cls in classes)
        for statement in statements_of(function.body.statements) if statement[0] == f.ASSIGN
        for target in statement[7]
    )  # fmt: skip


def _constructed(models: Models, function: Function, cls: Class) -> Iterator[str]:
    operations = function.body.operations
    for operation in operations:
        if operation and operation[0] == f.CALL and operation[7]:
            callee = operations[operation[5]]
            if cls.name in callee[5:7]:  # by its name, or as a module's member
                yield from (
                    name for name, index in operation[7]
                    if name and is_unlike(models, function, cls, name, index)
                )  # fmt: skip
