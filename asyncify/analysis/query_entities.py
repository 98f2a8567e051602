"""Query entities: what the expressions that are given to a Query name.

https://docs.sqlalchemy.org/en/21/orm/queryguide/query.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.layout import operands
from asyncify.analysis.program import Class, Function, Variable, dotted
from asyncify.vocabulary.loading import JOINED, LOADER_CRITERIA, LOADER_OPTIONS

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation

_JOINED_LOADERS = {"joinedload", "contains_eager", "subqueryload_all"}
# Calls whose arguments belong to a statement of their own.
_OWN_STATEMENT = {"select", "query", "exists", "any", "has", "in_", "not_in", "notin_"}
# Methods of columns: an attribute of these names doesn't make its owner a class.
_COLUMN_METHODS = {
    "asc", "desc", "label", "in_", "notin_", "not_in", "is_", "isnot", "is_not", "like", "ilike",
    "between", "contains", "startswith", "endswith", "any", "has", "op", "cast", "nullslast",
    "nullsfirst", "nulls_last", "nulls_first", "distinct", "match", "collate", "concat", "c",
    "columns", "key", "name", "type",
}  # fmt: skip
# What people call an attribute that holds a mapped class, and a list of columns.
_CLASSES = ("model", "cls", "class", "class_", "klass", "entity")
_COLUMNS = ("columns", "cols", "fields", "attributes", "attrs", "aggregates")

Entities = tuple[str, tuple[Class | None, ...], bool]


def selected(evaluation: Evaluation, positional: tuple[int, ...]) -> Entities:
    """The shape that arguments of ``query()`` give, the classes among them, and whether any is a
    mapped entity."""
    if not positional or any(i < 0 for i in positional):
        return _starred(evaluation, positional) if positional else "unknown", (), True
    kinds = [_entity(evaluation, i) for i in positional]
    classes = tuple(kind[1] for kind in kinds)
    mapped = any(kind[0] in ("entity", "unknown") for kind in kinds)
    if len(kinds) > 1:
        return "rows", classes, mapped
    return kinds[0][0], classes, mapped


def _starred(evaluation: Evaluation, positional: tuple[int, ...]) -> str:
    """The shape that ``query(*what)`` gives: one entity alone comes without a row around it."""
    plain = [index for index in positional if index >= 0]
    if len(plain) > 1 or any(_entity(evaluation, index)[0] == "rows" for index in plain):
        return "rows"
    starred = [~index for index in positional if index < 0]
    return "rows" if all(_are_columns(evaluation, i, bool(plain)) for i in starred) else "unknown"


def _are_columns(evaluation: Evaluation, index: int, beside: bool) -> bool:
    """Is what is unpacked surely columns, or several things (one, ``beside`` an entity)?"""
    value = evaluation.values[index]
    if any(isinstance(a, v.TupleValue) and len(a.items) + beside > 1 for a in value):
        return all(isinstance(a, v.TupleValue) and len(a.items) + beside > 1 for a in value)
    operation = evaluation.operations[index]
    if operation[0] == f.SEQUENCE:
        inner = [i for i in operation[6] if i >= 0]
        return len(inner) + beside > 1 or any(_entity(evaluation, i)[0] == "rows" for i in inner)
    found = v.elements(value)
    if not found:
        name = dotted(evaluation.operations, index).rpartition(".")[2]
        return name.endswith(_COLUMNS)
    return all(a == v.ForeignInstance("sqlalchemy.Column") for a in found)


def _entity(evaluation: Evaluation, index: int) -> tuple[str, Class | None]:
    value = evaluation.values[index]
    if any(isinstance(a, v.ClassObject) or a == v.Foreign(v.SOME_CLASS) for a in value):
        return "entity", class_of(evaluation, index)
    if value and all(isinstance(a, v.Known) and a.kind == "Table" for a in value):
        return "rows", None
    operation = evaluation.operations[index]
    if operation[0] == f.ATTRIBUTE and not _used_as_class(evaluation, index):
        base = evaluation.values[operation[5]]
        if any(isinstance(a, v.ClassObject) for a in base):
            return "rows", None
        if any(a == v.Foreign(v.SOME_CLASS) for a in base):
            return "rows", None
        written = dotted(evaluation.operations, index)
        kept = written.startswith(("self.", "cls.")) or _may_name_class(operation[6])
        return "unknown" if kept else "rows", None
    if operation[0] == f.CALL:
        return _called(evaluation, operation), None
    if operation[0] == f.SUBSCRIPT:  # of a JSON column, or of a table of classes
        return _entity(evaluation, operation[5])[0].replace("entity", "unknown"), None
    if operation[0] == f.OPERATOR:
        return "rows", None
    if _used_as_class(evaluation, index):
        return "entity", None
    return "unknown", None


def _may_name_class(attribute: str) -> bool:
    """May ``models.User`` or ``request.model`` of what isn't known be a class?"""
    return attribute[:1].isupper() or attribute.endswith(_CLASSES)


def _called(evaluation: Evaluation, operation: f.Operation) -> str:
    """What a call gives to select: a column, save where the program's own functions may give a
    class. ``Bundle(..., single_entity=True)`` comes without a row around it."""
    if _called_name(evaluation, operation) != "Bundle":
        callee = evaluation.values[operation[5]]
        own = any(isinstance(a, v.FunctionObject) for a in callee)
        return "unknown" if own else "rows"
    single = dict(operation[7]).get("single_entity", -1)
    if single < 0:
        return "rows"
    value = evaluation.operations[single]
    if value[0] != f.CONSTANT or not isinstance(value[5], bool):
        return "unknown"
    return "value" if value[5] else "rows"


def _called_name(evaluation: Evaluation, operation: f.Operation) -> str:
    callee = evaluation.operations[operation[5]]
    return str(callee[5] if callee[0] == f.NAME else callee[6] if callee[0] == f.ATTRIBUTE else "")


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


def is_selected(evaluation: Evaluation, query: v.QueryValue, index: int) -> bool:
    """Is an ORDER BY expression a column of the selected entity, or of the first table?"""
    operation = evaluation.operations[index if index >= 0 else ~index]
    if operation[0] == f.CONSTANT:
        return operation[5] is None or operation[5] is False
    if operation[0] == f.CALL:  # User.name.desc()
        callee = evaluation.operations[operation[5]]
        return callee[0] == f.ATTRIBUTE and is_selected(evaluation, query, callee[5])
    if operation[0] != f.ATTRIBUTE:
        return False
    cls = class_of(evaluation, operation[5])
    return query.shape == "entity" and cls is not None and cls in query.entities


def brings_in(evaluation: Evaluation, query: v.QueryValue, operation: f.Operation) -> bool:
    """Does a criterion name another table, outside a subquery? That is a join, which may repeat
    rows."""
    for index in operation[6]:
        for cls in _classes_named(evaluation, index if index >= 0 else ~index):
            known = cls in query.entities or cls in query.others
            if not known and not joins_one(evaluation, cls, (index,)):
                return True
    return False


def _classes_named(evaluation: Evaluation, index: int) -> set[Class]:
    """The mapped classes whose columns an expression uses, outside statements of its own."""
    found: set[Class] = set()
    pending = [index]
    while pending:
        current = pending.pop()
        operation = evaluation.operations[current]
        if operation[0] == f.CALL and _is_own_statement(evaluation, operation):
            callee = evaluation.operations[operation[5]]
            pending += [callee[5]] if callee[0] == f.ATTRIBUTE else []
            continue
        cls = class_of(evaluation, current)
        if cls is not None and evaluation.inference.models.is_mapped(cls):
            found.add(cls)
        pending += operands(operation)
    return found


def _is_own_statement(evaluation: Evaluation, operation: f.Operation) -> bool:
    """Is a call a statement, a method of one, or an operator that takes one?"""
    name = _called_name(evaluation, operation)
    if name in _OWN_STATEMENT:
        return True
    while operation[0] == f.CALL:
        callee = evaluation.operations[operation[5]]
        if callee[0] != f.ATTRIBUTE:
            return _called_name(evaluation, operation) in _OWN_STATEMENT
        if any(isinstance(a, v.QueryValue) for a in evaluation.values[callee[5]]):
            return True
        operation = evaluation.operations[callee[5]]
    return False


def _is_class(evaluation: Evaluation, index: int) -> bool:
    return any(isinstance(atom, v.ClassObject) for atom in evaluation.values[index])


def class_of(evaluation: Evaluation, index: int) -> Class | None:
    """The class that an expression stands for; None where it may be one of several."""
    value = evaluation.values[index if index >= 0 else ~index]
    classes = [atom.cls for atom in value if isinstance(atom, v.ClassObject)]
    return classes[0] if len(classes) == 1 else None


def target_at(evaluation: Evaluation, index: int) -> tuple[Class | None, str]:
    """The entity that an expression selects from, and how it is written where that isn't simply
    the class's name: an alias, a variable."""
    operations = evaluation.operations
    if not _is_class(evaluation, index) and operations[index][0] != f.NAME:
        bases = {
            dotted(operations, i): i for i in _parts(operations, index)
            if dotted(operations, i) and _is_class(evaluation, i)
        }  # fmt: skip
        if len(bases) != 1:
            return None, ""
        index = next(iter(bases.values()))
    name = dotted(operations, index)
    cls = class_of(evaluation, index)
    symbol = evaluation.program.resolve_expression(evaluation.function, operations, index)
    if cls is not None and symbol is cls:
        return cls, ""
    return (cls, name) if name else (None, "")


def _parts(operations: tuple[f.Operation, ...], index: int) -> list[int]:
    """All operations of an expression."""
    found, pending = [], [index]
    while pending:
        current = pending.pop()
        found.append(current)
        pending += operands(operations[current])
    return found


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


def joins_one(evaluation: Evaluation, target: Class, rest: tuple[int, ...]) -> bool:
    """Does a join to ``target`` find at most one row for each? Shown where the condition is an
    equality with its primary key."""
    for index in rest:
        operation = evaluation.operations[index if index >= 0 else ~index]
        if operation[0] == f.OPERATOR and operation[5] == "Eq":
            for side in operation[6]:
                part = evaluation.operations[side]
                is_column = part[0] == f.ATTRIBUTE and class_of(evaluation, part[5]) is target
                if is_column and evaluation.inference.models.has_primary_key(target, part[6]):
                    return True
    return False


def loads_collection(evaluation: Evaluation, index: int) -> bool:
    """Does a loader option join a collection? Where the relationship is unknown it may, and so may
    an option that comes from elsewhere."""
    operation = evaluation.operations[index if index >= 0 else ~index]
    if operation[0] == f.SEQUENCE:
        return any(loads_collection(evaluation, each) for each in operation[6])
    if operation[0] != f.CALL:
        return True
    while operation[0] == f.CALL:
        callee = evaluation.operations[operation[5]]
        name = callee[5] if callee[0] == f.NAME else callee[6] if callee[0] == f.ATTRIBUTE else ""
        if name not in LOADER_OPTIONS:
            return True
        if name in _JOINED_LOADERS and not _is_loaded_apart(evaluation, operation, name):
            found = [relationship_at(evaluation, i) for i in operation[6]]
            joins = evaluation.inference.models.joins_collections
            if not found or any(part is None or part[1] or joins(part[:1]) for part in found):
                return True
        if callee[0] != f.ATTRIBUTE:
            return False
        operation = evaluation.operations[callee[5]]
    return False


def filters_everywhere(evaluation: Evaluation, index: int) -> bool:
    """Is an option ``with_loader_criteria(...)``, or a variable or function of the program that
    gives it?"""
    operations = evaluation.operations
    operation = operations[index]
    if operation[0] == f.SEQUENCE:
        return any(filters_everywhere(evaluation, i if i >= 0 else ~i) for i in operation[6])
    callee = operation[5] if operation[0] == f.CALL else index
    if dotted(operations, callee).rpartition(".")[2] == LOADER_CRITERIA:
        return True
    symbol = evaluation.program.resolve_expression(evaluation.function, operations, callee)
    if isinstance(symbol, Variable):
        made = evaluation.program.variable_expression(symbol)
        return made is not None and LOADER_CRITERIA in {
            name.rpartition(".")[2]
            for name in evaluation.inference.layout(made[0]).names_in(made[2])
        }
    if isinstance(symbol, Function):
        return _names_criteria(symbol)
    return operation[0] == f.NAME and _names_criteria(evaluation.function)


def _names_criteria(function: Function) -> bool:
    return LOADER_CRITERIA in function.facts.names | function.facts.members


def loads_collection_apart(evaluation: Evaluation, index: int) -> bool:
    """Does an option join a collection that is loaded by a SELECT of its own from now on?"""
    operation = evaluation.operations[index]
    return _is_loaded_apart(evaluation, operation, _called_name(evaluation, operation))


def _is_loaded_apart(evaluation: Evaluation, operation: f.Operation, name: str) -> bool:
    settings = evaluation.inference.config
    if settings.joined_loading != "selectin" or name != JOINED.rpartition(".")[2]:
        return False
    if len(operation[6]) != 1 or operation[7]:
        return False
    found = relationship_at(evaluation, operation[6][0])
    return found is not None and found[1] and _is_of_sqlalchemy(evaluation, operation[5])


def _is_of_sqlalchemy(evaluation: Evaluation, index: int) -> bool:
    """Is it SQLAlchemy's own function, or the method that goes on after one?"""
    operations = evaluation.operations
    if operations[index][0] == f.ATTRIBUTE and operations[operations[index][5]][0] == f.CALL:
        return True
    symbol = evaluation.program.resolve_expression(evaluation.function, operations, index)
    return symbol == JOINED
