"""What a new object doesn't have: relationships that nobody has put into it, once it is stored.

A collection that nobody has filled is loaded by its first read then, and so is what a foreign key
leads to, unless that is None.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_given, model_fields
from asyncify.analysis.load_demands import Demand
from asyncify.analysis.load_schemas import Schema, is_schema
from asyncify.analysis.model_bodies import Relationship
from asyncify.analysis.program import Class, Function
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary import loading as words

if TYPE_CHECKING:
    from asyncify.analysis.load_bodies import LoadBody
    from asyncify.analysis.loading import Loading


def is_missing(loading: Loading, demand: Demand) -> bool:
    """Has a new object not what is demanded of it, whatever it was made with?"""
    source, cls, name = demand.source, demand.entity.cls, demand.attribute
    link = loading.models.links(cls).get(name)
    operation = source.function.body.operations[source.operation]
    if link is None or demand.path or operation[0] != f.CALL or operation[6]:
        return False
    if model_fields.is_dataclass(cls) or cls.find("__init__") is not None:
        return False
    body = loading.body(source.function)
    spread = _spread(body, operation)
    if spread is None or name in spread:
        return False
    ways = {source.function, demand.function, *(function for function, _ in demand.calls)}
    if any(_fills(function, name) for function in ways):
        return False
    keys = _keys(loading, cls, link)
    if link.to_many or not keys:
        return True
    given = {key: value for key, value in operation[7] if key}
    return any(
        key in spread or _is_something(body, given.get(key, -1)) or _sets(body, key) for key in keys
    )


def _spread(body: LoadBody, operation: f.Operation) -> set[str] | None:
    """The names that ``**data.model_dump()`` gives; None where nobody knows them."""
    names = set[str]()
    for name, value in operation[7]:
        if name is None:
            given = load_given.givers(body, value)
            if given is None or not all(map(is_schema, given)):
                return None
            names |= {field.name for cls in given for field in body.loading.fields(Schema(cls))}
    return names


def _keys(loading: Loading, cls: Class, link: Relationship) -> list[str]:
    """The columns of a class that may lead to the target of a relationship."""
    tables = loading.models.tables(link.target) if link.target is not None else frozenset()
    return [key for key, table in loading.models.foreign_keys(cls).items() if table in tables]


def _is_something(body: LoadBody, index: int) -> bool:
    operation = body.operations[index] if index >= 0 else ()
    return bool(operation) and not (operation[0] == f.CONSTANT and operation[5] is None)


def _sets(body: LoadBody, key: str) -> bool:
    """``post.user_id = user.id``"""
    return any(
        target[0] == f.TO_ATTRIBUTE and target[2] == key and _is_something(body, statement[8])
        for statement in statements_of(body.function.body.statements) if statement[0] == f.ASSIGN
        for target in statement[7]
    )  # fmt: skip


def _fills(function: Function, name: str) -> bool:
    """``post.tags.extend(tags)``, ``post.tags += tags``, ``setattr(post, name, value)``: does a
    function put something into a relationship?"""
    if "setattr" in function.facts.names or name in set(_added(function)):
        return True
    operations = function.body.operations
    return any(
        operation and operation[0] == f.ATTRIBUTE and operation[6] in words.FILLING
        and operations[operation[5]][0] == f.ATTRIBUTE and operations[operation[5]][6] == name
        for operation in operations
    )  # fmt: skip


def _added(function: Function) -> Iterator[str]:
    operations = function.body.operations
    for statement in statements_of(function.body.statements):
        targets = [statement[7]] if statement[0] == f.AUGMENTED else []
        targets += statement[7] if statement[0] == f.ASSIGN else ()
        for target in targets:
            if target[0] == f.TO_ATTRIBUTE:
                yield target[2]
            elif target[0] == f.TO_SUBSCRIPT and operations[target[1]][0] == f.ATTRIBUTE:
                yield operations[target[1]][6]
