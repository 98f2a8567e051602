"""Queries: what a Query selects, and what its methods do to that.

https://docs.sqlalchemy.org/en/21/orm/queryguide/query.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import kept_methods
from asyncify.analysis import query_entities as named
from asyncify.analysis import values as v
from asyncify.analysis.likely import spelled
from asyncify.analysis.program import Class, Variable, dotted
from asyncify.vocabulary.rows import Role
from asyncify.vocabulary.sqlalchemy_query import QUERY

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation
    from asyncify.analysis.layout import Layout

_LIMITING = {"limit", "offset", "distinct", "group_by", "slice", "having"}
COMPUTED = ""  # the name of a method that `getattr` is asked for, and that nobody knows
_ITEMS = {"first", "one", "one_or_none", "get"}  # terminals that give one of the results
_SETS = {"union", "union_all", "except_", "except_all", "intersect", "intersect_all"}
_REPEATING_SETS = {"union_all", "except_all", "intersect_all"}

# What Query refuses with an exception, and a statement takes (or refuses otherwise).
_REFUSED_BEHIND_LIMIT = {
    "filter", "where", "filter_by", "having", "order_by", "group_by", "join", "outerjoin",
}  # fmt: skip
_REFUSED_BEHIND_CRITERIA = {"select_from", "from_statement"}
_CRITERIA = _REFUSED_BEHIND_LIMIT | {"limit", "offset", "slice", "distinct"}
_TAKEN_BY_TEXT = {"options", "execution_options", "populate_existing", "params", "autoflush"}
# Behind a set operation the entity is an alias, which what is written later has to name.
_TAKEN_BY_SET = _SETS | {
    "limit", "offset", "slice", "execution_options", "populate_existing", "autoflush",
    "enable_assertions", "with_session", "reset_joinpoint", "order_by", "group_by", "having",
    "filter", "where", "join", "outerjoin", "distinct", "with_for_update",
}  # fmt: skip
_TAKEN_BY_SET_OF_ENTITIES = _TAKEN_BY_SET | {"filter_by", "options"}
# Strategies that join, or may; and what Query does to them.
_EAGER = {"joined", "subquery", "selectin", "immediate", ""}
_EAGER_OFF = "`enable_eagerloads` takes back what its options or its model load"


def start(
    evaluation: Evaluation, owner: v.Known, operation: f.Operation, origin: v.Origin
) -> v.Value:
    """``db.query(...)``: a new Query."""
    callee = evaluation.operations[operation[5]]
    unequal = ""
    if callee[0] != f.ATTRIBUTE:
        session = _kept_method(evaluation, callee)
    elif _is_held(evaluation, callee):
        session, unequal = "", "an object keeps the method that begins it"
    else:
        session = spelled(evaluation.operations, callee[5], calls=False)
    shape, entities, mapped = named.selected(evaluation, operation[6])
    first = operation[6][0] if operation[6] and operation[6][0] >= 0 else -1
    target, name = named.target_at(evaluation, first) if first >= 0 else (None, "")
    loaded = entities if shape == "entity" else [cls for cls in entities if cls is not None]
    joined = evaluation.inference.models.joins_collections(loaded)
    query = v.QueryValue(
        origin, shape, entities, target, session=session, source=owner.origin, collections=joined,
        mapped=mapped, target_name=name, target_scope=evaluation.function, unequal=unequal,
        marks=("scoped",) if owner.kind == "scoped_session" else (),
    )  # fmt: skip
    if len(operation[6]) > 1:
        query = _marked(query, "several")
    return v.one(query)


def _is_held(evaluation: Evaluation, callee: f.Operation) -> bool:
    """``self.query(...)``: is it an attribute of an object of the program?"""
    return any(
        isinstance(atom, v.Instance) and evaluation.inference.held(atom.cls, callee[6])
        for atom in evaluation.values[callee[5]]
    )


def _kept_method(evaluation: Evaluation, callee: f.Operation) -> str:
    """``query = session.query``: the session whose method is kept under a name, here or in a
    function around, if that is said once and the session is another name."""
    binder = kept_methods.binder(evaluation.function, callee[5]) if callee[0] == f.NAME else None
    statement = kept_methods.assignment(binder, callee[5]) if binder is not None else None
    if binder is None or statement is None:
        return ""
    operations = binder.body.operations
    method = operations[statement[8]]
    return dotted(operations, method[5]) if method[0] == f.ATTRIBUTE else ""


def begun_by_class(
    evaluation: Evaluation,
    index: int,
    origin: v.Origin,
    cls: Class | None,
    *,
    registry: Variable | None,
    source: v.Origin | None,
    unequal: str,
) -> v.Value:
    """``Model.query``: a new Query on the session of a registry. ``index`` is the class."""
    target, name = named.target_at(evaluation, index) if cls is not None else (None, "")
    return v.one(
        v.QueryValue(
            origin, "entity", (cls,), target or cls, source=source, mapped=True, unequal=unequal,
            collections=evaluation.inference.models.joins_collections((cls,)), target_name=name,
            target_scope=evaluation.function, marks=("scoped",), registry=registry,
        )
    )  # fmt: skip


def _marked(query: v.QueryValue, *marks: str) -> v.QueryValue:
    if all(mark in query.marks for mark in marks):
        return query
    return v.changed(query, marks=tuple(sorted({*query.marks, *marks})))


def _unequal(query: v.QueryValue, reason: str) -> v.QueryValue:
    return query if query.unequal else v.changed(query, unequal=reason)


def item(query: v.QueryValue) -> v.Value:
    """What one result of a query is."""
    if query.shape == "value":
        return v.UNKNOWN
    if query.shape == "entity" and query.entities and query.entities[0] is not None:
        return v.one(v.Instance(query.entities[0]))
    if query.shape == "rows" and any(query.entities):
        parts = tuple(v.one(v.Instance(c)) if c else v.UNKNOWN for c in query.entities)
        return v.one(v.TupleValue(parts))
    return v.UNKNOWN


def attribute(query: v.QueryValue, name: str) -> v.Value:
    """A method of a Query, or its session."""
    row = QUERY.member(name)
    if row is not None and row.returns == "Session":
        return v.one(v.Known(row.returns, query.source))
    return v.one(v.KnownMethod(query, name))


def method(
    evaluation: Evaluation, query: v.QueryValue, name: str, operation: f.Operation
) -> v.Value:
    """A method called on a Query."""
    row = QUERY.member(name)
    if name == COMPUTED:
        place = evaluation.operations.index(operation)
        built = rebuilds(evaluation.inference.layout(evaluation.function), place)
        return (
            v.one(_unequal(query, "methods of computed names are called on it"))
            if built
            else (v.UNKNOWN)
        )
    if row is None:
        return _own_method(evaluation, query, name)
    if row.role is Role.BUILDER:
        checked = _refused(evaluation, query, name, operation)
        return v.one(_marked(_built(evaluation, checked, name, operation), "built"))
    return _executed(query, name) if row.role is Role.TERMINAL else v.UNKNOWN


def rebuilds(layout: Layout, call: int) -> bool:
    """``query = getattr(query, name)(...)``: is what a method of a computed name gives put in the
    place of the Query? Else it may have been executed."""
    statement, operations = layout.statement(call), layout.operations
    method = operations[operations[call][5]]
    if statement is None or statement[0] != f.ASSIGN or statement[8] != call:
        return False
    if method[0] != f.CALL or not method[6] or method[6][0] < 0:
        return False
    receiver = operations[method[6][0]]
    targets = {target[1] for target in statement[7] if target[0] == f.TO_NAME}
    return bool(receiver[0] == f.NAME and receiver[5] in targets)


def _executed(query: v.QueryValue, name: str) -> v.Value:
    """What a terminal gives."""
    if name == "all":
        return v.collection(item(query))
    return item(query) if name in _ITEMS else v.UNKNOWN


def _own_method(evaluation: Evaluation, query: v.QueryValue, name: str) -> v.Value:
    """A method of a class of queries of the program's own; what isn't known may build a Query."""
    own = evaluation.inference.own_queries.method(name)
    if own is None or own.builds:
        return v.one(_unequal(query, f"`{name}` is no method of SQLAlchemy's Query"))
    return v.join(_executed(query, each) for each in sorted(own.terminals))


def _refused(
    evaluation: Evaluation, query: v.QueryValue, name: str, operation: f.Operation
) -> v.QueryValue:
    """The query, with the reason why ``name`` can't follow on a statement, if there is one."""
    marks = set(query.marks)
    checks = "unchecked" not in marks
    if "limit" in marks and checks and name in _REFUSED_BEHIND_LIMIT:
        return _unequal(query, f"Query refuses `{name}` behind a limit, a statement doesn't")
    if "criteria" in marks and checks and name in _REFUSED_BEHIND_CRITERIA:
        return _unequal(query, f"Query refuses `{name}` behind criteria, a statement doesn't")
    if "text" in marks and name not in _TAKEN_BY_TEXT:
        return _unequal(query, f"a textual statement takes no `{name}`")
    if "set" in marks:
        taken = _TAKEN_BY_SET_OF_ENTITIES if query.shape == "entity" else _TAKEN_BY_SET
        if name not in taken:
            return _unequal(query, f"`{name}` behind a set operation has to name its alias")
    if "params" in marks and name in _CRITERIA:
        return _unequal(query, "`params` reaches only what stands before it on a statement")
    return query


def _is_constant(
    evaluation: Evaluation, operation: f.Operation, position: int, *values: object
) -> bool:
    """Is an argument literally one of these?"""
    if position >= len(operation[6]) or operation[6][position] < 0:
        return False
    argument = evaluation.operations[operation[6][position]]
    return argument[0] == f.CONSTANT and any(argument[5] is value for value in values)


def _built(
    evaluation: Evaluation, query: v.QueryValue, name: str, operation: f.Operation
) -> v.QueryValue:
    """The Query that a builder gives."""
    if name in _CRITERIA:
        query = _with_criteria(evaluation, query, name, operation)
    if name in ("join", "outerjoin"):
        return _join(evaluation, query, operation)
    if name == "options":
        many = any(named.loads_collection(evaluation, i) for i in operation[6])
        if "lazy" in query.marks:
            query = _unequal(query, _EAGER_OFF)
        marks = ["options"] + ["filters"] * any(
            named.filters_everywhere(evaluation, i if i >= 0 else ~i) for i in operation[6]
        )
        return _marked(v.changed(query, collections=query.collections or many), *marks)
    if name in ("with_entities", "add_columns", "add_column", "add_entity"):
        return _reshaped(evaluation, query, name, operation)
    if name == "select_from" and operation[6]:
        return _selected_from(evaluation, query, operation[6][0])
    if name == "reset_joinpoint":
        first = query.entities[0] if query.entities else None
        return v.changed(query, target=first, target_name="", joined=True)
    if name in _SETS:
        return _set_operation(query, name)
    return _marked_by(evaluation, query, name, operation)


def _marked_by(
    evaluation: Evaluation, query: v.QueryValue, name: str, operation: f.Operation
) -> v.QueryValue:
    """Builders of which later methods have to know."""
    if name == "from_statement":
        return _marked(query, "text")
    if name == "yield_per":
        return _marked(query, "stream")
    if name in ("execution_options", "autoflush"):
        return _marked(query, "execution")
    if name == "params":
        return _marked(query, "params")
    if name == "enable_assertions":
        if _is_constant(evaluation, operation, 0, False):
            return _marked(query, "unchecked")
        return query
    if name == "enable_eagerloads":
        return _without_eager_loading(evaluation, query, operation)
    if name == "tuples":
        return v.changed(query, shape="rows")
    if name == "only_return_tuples":
        if _is_constant(evaluation, operation, 0, True):
            return v.changed(query, shape="rows")
        return (
            query
            if _is_constant(evaluation, operation, 0, False)
            else v.changed(query, shape="unknown")
        )
    if name == "with_transformation":
        return _transformed(evaluation, query, operation)
    return query


def _without_eager_loading(
    evaluation: Evaluation, query: v.QueryValue, operation: f.Operation
) -> v.QueryValue:
    """``enable_eagerloads(False)`` can go where nothing is loaded by a join anyway."""
    if _is_constant(evaluation, operation, 0, True):
        return query
    models = evaluation.inference.models
    eager = "options" in query.marks or any(
        cls is None or any(link.lazy in _EAGER for link in models.links(cls).values())
        for cls in query.entities
    )
    return _unequal(query, _EAGER_OFF) if eager and query.mapped else _marked(query, "lazy")


def _transformed(
    evaluation: Evaluation, query: v.QueryValue, operation: f.Operation
) -> v.QueryValue:
    """A function that is given the Query: only what filters can take a statement instead."""
    argument = operation[6][0] if len(operation[6]) == 1 else -1
    if argument < 0 or evaluation.operations[argument][0] != f.LAMBDA:
        return _unequal(query, "what is done to it by `with_transformation` isn't known")
    body = evaluation.function.module.functions[evaluation.operations[argument][5]]
    methods = {o[6] for o in body.body.operations if o and o[0] == f.ATTRIBUTE}
    other = {m for m in methods if QUERY.member(m) and m not in ("filter", "where")}
    if other:
        return _unequal(query, f"`{min(other)}` is called on it by `with_transformation`")
    return query


def _with_criteria(
    evaluation: Evaluation, query: v.QueryValue, name: str, operation: f.Operation
) -> v.QueryValue:
    """Filters, orders, limits, and the other tables that they bring in."""
    query = _marked(query, "criteria")
    cleared = _is_constant(evaluation, operation, 0, None)
    if name in ("limit", "offset", "slice") and not cleared:
        query = _marked(query, "limit")
    if name in _LIMITING:
        query = v.changed(query, limited=True)
    if name in ("filter", "where") and named.brings_in(evaluation, query, operation):
        query = _marked(v.changed(query, to_many=True), "several")
    if evaluation.inference.config.sqlalchemy_version == "1.4":
        return _distinct_order(evaluation, query, name, operation)
    return query


def _distinct_order(
    evaluation: Evaluation, query: v.QueryValue, name: str, operation: f.Operation
) -> v.QueryValue:
    """On 1.4 a distinct Query selects what it is ordered by, too; a statement doesn't."""
    if name == "distinct":
        query = _marked(query, "distinct")
    if name == "order_by" and not all(
        named.is_selected(evaluation, query, i) for i in operation[6]
    ):
        query = _marked(query, "ordered")
    if {"distinct", "ordered"} <= set(query.marks):
        return _unequal(query, "a distinct Query selects what it is ordered by")
    return query


def _reshaped(
    evaluation: Evaluation, query: v.QueryValue, name: str, operation: f.Operation
) -> v.QueryValue:
    """with_entities and add_columns: other things are selected from now on."""
    shape, entities, mapped = named.selected(evaluation, operation[6])
    if name != "with_entities":
        shape, entities = "rows", (*query.entities, *entities)
        mapped = mapped or query.mapped
    changed = v.changed(query, shape=shape, entities=entities, mapped=mapped)
    return _marked(changed, "several", "reshaped")


def _selected_from(evaluation: Evaluation, query: v.QueryValue, index: int) -> v.QueryValue:
    """select_from: what ``filter_by`` means, and maybe more rows than entities."""
    index = index if index >= 0 else ~index
    target, name = named.target_at(evaluation, index)
    if named.class_of(evaluation, index) is None:
        target, name = None, ""  # a join, a subquery
    known = target is not None and target in query.entities
    changed = v.changed(
        query, target=target, target_name=name, target_scope=evaluation.function, joined=True,
        to_many=query.to_many or not known, others=_with(query.others, target),
    )  # fmt: skip
    return _marked(changed, "criteria", "several")


def _set_operation(query: v.QueryValue, name: str) -> v.QueryValue:
    """union and the like."""
    if query.shape == "rows" and query.mapped:
        query = _unequal(query, f"`{name}` of rows with entities has no equal form")
    if query.shape == "value" or "options" in query.marks or query.collections:
        query = _unequal(query, f"`{name}` behind loader options has no equal form")
    if query.shape == "unknown" or (query.shape == "entity" and query.entities[0] is None):
        query = _unequal(query, f"`{name}` of something unknown has no equal form")
    classes = [c for cls in query.entities if cls is not None for c in cls.ancestors]
    if any("column_property" in c.body.facts.names for c in classes):
        query = _unequal(query, f"`{name}` of a class with `column_property` has no equal form")
    many = query.to_many or name in _REPEATING_SETS
    if query.shape == "entity":  # filter_by means the union's rows
        marks = tuple(mark for mark in query.marks if mark != "several")
        query = v.changed(query, joined=False, target_name="", marks=marks)
    else:
        query = v.changed(query, joined=True, target=None)
    return _marked(v.changed(query, to_many=many), "set")


def _join(evaluation: Evaluation, query: v.QueryValue, operation: f.Operation) -> v.QueryValue:
    """A join: its target is what ``filter_by`` means from now on."""
    reason = _legacy_join(evaluation, operation)
    if reason:
        query = _unequal(query, reason)
    target, name, many = query.target, "", True
    if operation[6]:
        first = operation[6][0] if operation[6][0] >= 0 else ~operation[6][0]
        target, name = named.target_at(evaluation, first)
        if named.class_of(evaluation, first) is None:
            target, name = None, ""
        found = named.relationship_at(evaluation, first)
        if found is not None:
            (target, many), name = found, ""
        elif target is not None:
            many = not named.joins_one(evaluation, target, operation[6][1:])
    return _marked(
        v.changed(
            query, joined=True, target=target, target_name=name,
            target_scope=evaluation.function, to_many=query.to_many or many,
            others=_with(query.others, target),
        ),
        "several",
    )  # fmt: skip


def _with(classes: tuple[Class, ...], cls: Class | None) -> tuple[Class, ...]:
    return classes if cls is None or cls in classes else (*classes, cls)


def _legacy_join(evaluation: Evaluation, operation: f.Operation) -> str:
    """Forms of 1.4 that a statement has not: strings, tuples, several targets."""
    if any(name in ("aliased", "from_joinpoint") for name, _ in operation[7]):
        return "a join with `aliased` or `from_joinpoint` has no equal form"
    if any(i < 0 for i in operation[6]):
        return "what it joins isn't known"
    parts = [evaluation.operations[i] for i in operation[6]]
    if any(part[0] in (f.CONSTANT, f.SEQUENCE) for part in parts):
        return "a join by name or by a tuple has no equal form"
    chained = len(parts) == 2 and named.relationship_at(evaluation, operation[6][0]) is not None
    if chained or len(parts) > 2:
        return "a join of several targets has no equal form"
    return ""
