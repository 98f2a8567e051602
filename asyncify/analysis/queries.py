"""Queries: what a Query selects, and what its methods do to that.

https://docs.sqlalchemy.org/en/21/orm/queryguide/query.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.program import Class, dotted
from asyncify.vocabulary.rows import Role
from asyncify.vocabulary.sqlalchemy_query import QUERY

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation

_JOINED_LOADERS = {"joinedload", "contains_eager", "subqueryload_all"}
_LIMITING = {"limit", "offset", "distinct", "group_by", "slice", "having"}
# Methods of columns: an attribute of these names doesn't make its owner a class.
_COLUMN_METHODS = {
    "asc", "desc", "label", "in_", "notin_", "not_in", "is_", "isnot", "is_not", "like", "ilike",
    "between", "contains", "startswith", "endswith", "any", "has", "op", "cast", "nullslast",
    "nullsfirst", "nulls_last", "nulls_first", "distinct", "match", "collate", "concat", "c",
    "columns", "key", "name", "type",
}  # fmt: skip

Entities = tuple[str, tuple[Class | None, ...]]


def start(
    evaluation: Evaluation, owner: v.Known, operation: f.Operation, origin: v.Origin
) -> v.Value:
    """``db.query(...)``: a new Query."""
    shape, entities = selected(evaluation, operation[6])
    callee = evaluation.operations[operation[5]]
    session = dotted(evaluation.operations, callee[5]) if callee[0] == f.ATTRIBUTE else ""
    target = entities[0] if entities else None
    joined = target is not None and any(
        r.joined and r.to_many for r in evaluation.inference.models.relationships(target).values()
    )
    return v.one(
        v.QueryValue(
            origin, shape, entities, target, session=session, source=owner.origin,
            collections=joined,
        )
    )  # fmt: skip


def selected(evaluation: Evaluation, positional: tuple[int, ...]) -> Entities:
    """The shape that arguments of ``query()`` give, and the classes among them."""
    if not positional or any(i < 0 for i in positional):
        return "unknown" if not positional else "rows", ()
    kinds = [_entity(evaluation, i) for i in positional]
    classes = tuple(kind[1] for kind in kinds)
    if len(kinds) > 1:
        return "rows", classes
    return kinds[0][0], classes


def _entity(evaluation: Evaluation, index: int) -> tuple[str, Class | None]:
    value = evaluation.values[index]
    for atom in value:
        if isinstance(atom, v.ClassObject):
            return "entity", atom.cls
        if atom == v.Foreign(v.SOME_CLASS):
            return "entity", None
    operation = evaluation.operations[index]
    if operation[0] == f.ATTRIBUTE and not _used_as_class(evaluation, index):
        base = evaluation.values[operation[5]]
        if any(isinstance(a, v.ClassObject) for a in base):
            return "rows", None
        if any(a == v.Foreign(v.SOME_CLASS) for a in base):
            return "rows", None
        return "unknown" if dotted(evaluation.operations, index).startswith(
            ("self.", "cls.")
        ) else "rows", None
    if operation[0] in (f.CALL, f.OPERATOR, f.SUBSCRIPT):
        return "rows", None
    if _used_as_class(evaluation, index):
        return "entity", None
    return "unknown", None


def _used_as_class(evaluation: Evaluation, index: int) -> bool:
    """Is an attribute read of the same expression somewhere in the function? Classes have columns;
    columns have only the methods above."""
    name = dotted(evaluation.operations, index)
    if not name:
        return False
    if any(isinstance(a, v.ClassObject) for a in evaluation.values[index]):
        return True
    return any(
        operation[0] == f.ATTRIBUTE
        and operation[6] not in _COLUMN_METHODS
        and dotted(evaluation.operations, operation[5]) == name
        for operation in evaluation.operations
        if operation
    )


def item(query: v.QueryValue) -> v.Value:
    """What one result of a query is."""
    if query.shape == "entity" and query.entities and query.entities[0] is not None:
        return v.one(v.Instance(query.entities[0]))
    if query.shape == "rows" and any(query.entities):
        parts = tuple(v.one(v.Instance(c)) if c else v.UNKNOWN for c in query.entities)
        return v.one(v.TupleValue(parts))
    return v.UNKNOWN


def method(
    evaluation: Evaluation, query: v.QueryValue, name: str, operation: f.Operation
) -> v.Value:
    """A method called on a Query."""
    row = QUERY.member(name)
    if row is None:
        return v.UNKNOWN
    if row.role is Role.BUILDER:
        return v.one(_built(evaluation, query, name, operation))
    if row.role is Role.TERMINAL:
        if name in ("all",):
            return v.collection(item(query))
        if name in ("first", "one", "one_or_none", "get"):
            return item(query)
    return v.UNKNOWN


def _built(
    evaluation: Evaluation, query: v.QueryValue, name: str, operation: f.Operation
) -> v.QueryValue:
    if name in ("join", "outerjoin"):
        return _join(evaluation, query, operation)
    if name == "options":
        many = any(_loads_collection(evaluation, i) for i in operation[6])
        return replace(query, collections=query.collections or many)
    if name in _LIMITING:
        return replace(query, limited=True)
    if name in ("with_entities", "add_columns", "add_column", "add_entity"):
        shape, entities = selected(evaluation, operation[6])
        if name != "with_entities":
            shape, entities = "rows", (*query.entities, *entities)
        return replace(query, shape=shape, entities=entities)
    if name == "select_from" and operation[6]:
        return replace(query, target=_class_of(evaluation, operation[6][0]) or query.target)
    return query


def _class_of(evaluation: Evaluation, index: int) -> Class | None:
    for atom in evaluation.values[index if index >= 0 else ~index]:
        if isinstance(atom, v.ClassObject):
            return atom.cls
    return None


def _join(evaluation: Evaluation, query: v.QueryValue, operation: f.Operation) -> v.QueryValue:
    """A join: its target is what ``filter_by`` means from now on."""
    target, many = query.target, True
    if operation[6]:
        first = operation[6][0]
        target = _class_of(evaluation, first)
        found = relationship_at(evaluation, first)
        if found is not None:
            target, many = found
        elif target is not None:
            many = not _joins_one(evaluation, target, operation[6][1:])
    return replace(query, joined=True, target=target, to_many=query.to_many or many)


def relationship_at(evaluation: Evaluation, index: int) -> tuple[Class | None, bool] | None:
    """The target of ``Model.relationship``, and whether it is a collection."""
    operation = evaluation.operations[index if index >= 0 else ~index]
    if operation[0] != f.ATTRIBUTE:
        return None
    for atom in evaluation.values[operation[5]]:
        if isinstance(atom, v.ClassObject):
            found = evaluation.inference.models.relationship(atom.cls, operation[6])
            if found is not None:
                return found.target, found.to_many
    return None


def _joins_one(evaluation: Evaluation, target: Class, rest: tuple[int, ...]) -> bool:
    """Does a join to ``target`` find at most one row for each? Shown where the condition is an
    equality with its primary key."""
    for index in rest:
        operation = evaluation.operations[index if index >= 0 else ~index]
        if operation[0] == f.OPERATOR and operation[5] == "Eq":
            for side in operation[6]:
                part = evaluation.operations[side]
                is_column = part[0] == f.ATTRIBUTE and _class_of(evaluation, part[5]) is target
                if is_column and evaluation.inference.models.has_primary_key(target, part[6]):
                    return True
    return False


def _loads_collection(evaluation: Evaluation, index: int) -> bool:
    """Does a loader option join a collection? Where the relationship is unknown it may."""
    operation = evaluation.operations[index if index >= 0 else ~index]
    while operation[0] == f.CALL:
        callee = evaluation.operations[operation[5]]
        name = callee[5] if callee[0] == f.NAME else callee[6] if callee[0] == f.ATTRIBUTE else ""
        if name in _JOINED_LOADERS:
            found = [relationship_at(evaluation, i) for i in operation[6]]
            if not found or any(part is None or part[1] for part in found):
                return True
        if callee[0] != f.ATTRIBUTE:
            return False
        operation = evaluation.operations[callee[5]]
    return False
