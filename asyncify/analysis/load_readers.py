"""Readers that can't await: schemas that are filled from the attributes of an instance.

FastAPI does that with what a route returns, after the route has ended:
https://fastapi.tiangolo.com/tutorial/response-model/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_reads, load_summaries
from asyncify.analysis import load_values as s
from asyncify.analysis import values as v
from asyncify.analysis.generics import Expression
from asyncify.analysis.load_schemas import (
    Field,
    Schema,
    before_validators,
    is_schema,
    schemas_in,
)
from asyncify.analysis.program import Class, Function, Variable
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary import loading as words

if TYPE_CHECKING:
    from asyncify.analysis.colors import Colors
    from asyncify.analysis.load_evaluation import LoadEvaluation

_NESTING = 5


def response_schemas(colors: Colors, function: Function) -> list[Schema]:
    """The schemas that a library fills from what a route returns."""
    index = response_annotation(colors, function)
    if index < 0:
        return []
    place = Expression(function.parent or function, function.signature.operations, index)
    return list(schemas_in(colors.inference, place))


def response_annotation(colors: Colors, function: Function) -> int:
    """The operation of a route's signature that says what it responds; -1 where there is none."""
    if not function.signature_is_decorated:
        return -1
    signature = function.signature
    decorators = colors.bounds.decorators(function)
    for index, decorator in zip(signature.decorators, decorators, strict=True):
        name = decorator.name
        if not name.startswith(words.ROUTING) or name.rpartition(".")[2] not in words.ROUTES:
            continue
        operation = signature.operations[index]
        keywords = dict(operation[7]) if operation[0] == f.CALL else {}
        annotation: int = keywords.get("response_model", signature.returns)
        if annotation >= 0:
            return annotation
    return -1


def returned(run: LoadEvaluation, schema: Schema, index: int) -> None:
    """What a route returns is read by a schema, when the route has ended."""
    demands = run.summary.demands
    known = len(demands)
    _read_returned(run, schema, index)
    for demand in list(demands)[known:]:
        del demands[demand]
        demands[demand._replace(returned=True)] = None


def _read_returned(run: LoadEvaluation, schema: Schema, index: int) -> None:
    """A dict is read key by key."""
    operation = run.operations[index]
    if operation[0] != f.DICT:
        read(run, run.values[index], schema, index, index)
        return
    held = {field.name: field.held for field in run.loading.fields(schema)}
    for key, value in zip(operation[5], operation[6], strict=True):
        name = run.operations[key] if key >= 0 else ()
        if name and name[0] == f.CONSTANT and name[5] in held:
            for each in held[name[5]]:
                read(run, run.values[value], each, value, value)
        else:
            read(run, run.values[value], schema, value, value)


def filled(run: LoadEvaluation, operation: f.Operation, index: int) -> None:
    """``Page(items=orders)``: what the fields hold is read."""
    place = Expression(run.function, run.operations, operation[5])
    schemas = schemas_in(run.loading.inference, place)
    schema = schemas[0] if len(schemas) == 1 else None
    if schema is None or run.loading.is_model(schema.cls):
        return
    if not schema.given:  # a generic one takes what a route declares
        declared = [each for each in run.body.schemas if each.cls is schema.cls]
        schema = declared[0] if declared else schema
    held = {field.name: field.held for field in run.loading.fields(schema)}
    for name, argument in operation[7]:
        for each in held.get(name or "", ()):
            if run.values[argument]:
                read(run, run.values[argument], each, index, argument)


def validated(run: LoadEvaluation, operation: f.Operation, index: int) -> None:
    """``UserOut.model_validate(user)``"""
    callee = run.operations[operation[5]]
    schemas = _schemas(run, callee[5]) if callee[0] == f.ATTRIBUTE else ()
    for schema in schemas:
        for argument in operation[6]:
            if argument >= 0:
                read(run, run.values[argument], schema, index, argument)


def applied(run: LoadEvaluation, method: int, items: s.Value, index: int, at: int) -> None:
    """``map(UserOut.model_validate, users)``, ``map(schema.dump, users)``"""
    operation = run.operations[method]
    if operation[6] in words.VALIDATING:
        for schema in _schemas(run, operation[5]):
            read(run, items, schema, index, at)
    for cls in _classes_of(run, operation[5]) if operation[6] in words.DUMPING else ():
        if cls.foreign_bases & words.DUMPING_SCHEMAS:
            read(run, items, Schema(cls), index, at)


def parsed(run: LoadEvaluation, operation: f.Operation, index: int) -> None:
    """``parse_obj_as(list[UserOut], users)``"""
    if len(operation[6]) > 1 and min(operation[6]) >= 0:
        place = Expression(run.function, run.operations, operation[6][0])
        for schema in schemas_in(run.loading.inference, place):
            read(run, run.values[operation[6][1]], schema, index, operation[6][1])


def _schemas(run: LoadEvaluation, index: int) -> tuple[Schema, ...]:
    """The schemas that an expression may stand for."""
    given = [a.cls for a in run.values[index] if isinstance(a, s.Model)]
    if given:
        return tuple(Schema(cls) for cls in given)
    place = Expression(run.function, run.operations, index)
    made = run.body.assigned(index)
    found = schemas_in(run.loading.inference, place if made < 0 else place.at(made))
    if found:
        return found
    types = run.types(index)
    unknown = not types or v.Foreign(v.SOME_CLASS) in types
    if unknown and run.operations[index][0] == f.ATTRIBUTE:
        types = run.loading.handed_to(_holder(run, run.operations[index][5]))
    classes = [a.cls for a in types if isinstance(a, v.ClassObject) and is_schema(a.cls)]
    return tuple(
        Schema(cls) for cls in sorted(classes, key=lambda c: (c.module.path, c.body.index))
    )


def _holder(run: LoadEvaluation, index: int) -> v.Value:
    """What an attribute is read of: of the receiver it is known without types, too."""
    operation, function = run.operations[index], run.function
    parameters = function.signature.parameters
    if operation[0] == f.NAME and parameters and operation[5] == parameters[0].name:
        return v.one(v.Instance(function.owner)) if function.owner is not None else v.UNKNOWN
    return run.types(index)


def dumped(run: LoadEvaluation, operation: f.Operation, index: int) -> None:
    """``UserSchema().dump(user)``"""
    callee = run.operations[operation[5]]
    if callee[0] != f.ATTRIBUTE or not operation[6][:1] or operation[6][0] < 0:
        return
    argument = operation[6][0]
    for cls in _classes_of(run, callee[5]):
        if cls.foreign_bases & words.DUMPING_SCHEMAS:
            read(run, run.values[argument], Schema(cls), index, argument)


def _classes_of(run: LoadEvaluation, index: int) -> list[Class]:
    """The classes that a value may be an instance of; in a function whose types nobody has asked
    for, those by which a variable is made."""
    if run.is_typed:
        return [atom.cls for atom in run.types(index) if isinstance(atom, v.Instance)]
    program, operation = run.loading.inference.program, run.operations[index]
    places = [(run.function, run.operations, index)]
    if operation[0] == f.NAME:
        variable = program.lookup(run.function, operation[5])
        found = program.variable_expression(variable) if isinstance(variable, Variable) else None
        places = [found] if found is not None else [
            (run.function, run.operations, statement[8])
            for statement in statements_of(run.function.body.statements) if statement[0] == f.ASSIGN
            if (f.TO_NAME, operation[5]) in [target[:2] for target in statement[7]]
        ]  # fmt: skip
    symbols = [
        program.resolve_expression(function, operations, operations[made][5])
        for function, operations, made in places if operations[made][0] == f.CALL
    ]  # fmt: skip
    return [symbol for symbol in symbols if isinstance(symbol, Class)]


def read(run: LoadEvaluation, value: s.Value, schema: Schema, index: int, at: int) -> None:
    """All that a schema reads of the instances of a value."""
    results = frozenset(atom for atom in value if isinstance(atom, s.Outcome))
    if results:  # FastAPI makes a list of it
        value = (value - results) | s.many(run.elements(results))
    dicts = {atom for atom in value if isinstance(atom, s.Row) and atom.names}
    for entity in s.entities(value - dicts):
        _read(run, entity, schema, index, at, ())
    for row in s.rows(value - dicts):
        _read_row(run, row, schema, index, at)
    for row in sorted(dicts, key=lambda row: row.names):
        _read_keys(run, row, schema, index)


def _read_keys(run: LoadEvaluation, row: s.Row, schema: Schema, index: int) -> None:
    """A dict that comes from elsewhere, ``{"total": 3, "items": users}``: key by key."""
    held = {field.name: field.held for field in run.loading.fields(schema)}
    for name, part in zip(row.names, row.items, strict=True):
        for each in held.get(name, ()) or (schema,):
            read(run, part, each, index, _handed(run, part, index))


def _handed(run: LoadEvaluation, value: s.Value, index: int) -> int:
    """The argument of a call that comes back in what it gives: ``page_of(users, total)``."""
    operation = run.operations[index]
    arguments = [*operation[6], *dict(operation[7]).values()] if operation[0] == f.CALL else []
    held = {atom for atom in value if not isinstance(atom, s.Many) or atom.items}
    same = [i for i in arguments if i >= 0 and held and held <= run.values[i]]
    return same[0] if len(same) == 1 else load_reads.NOWHERE


def _read_row(run: LoadEvaluation, row: s.Row, schema: Schema, index: int, at: int) -> None:
    """A field takes the entity of a row that is called as its class."""
    held = {field.path: field.held for field in run.loading.fields(schema)}
    for entity in (entity for part in row.items for entity in s.entities(part)):
        for nested in held.get((entity.cls.name,), ()):
            _read(run, entity, nested, index, at, ())


def _read(
    run: LoadEvaluation,
    entity: s.Entity,
    schema: Schema,
    index: int,
    at: int,
    below: tuple[str, ...],
) -> None:
    reading = load_reads.Reading(index, schema.name, at, below)
    for method in before_validators(schema.cls):
        _validate(run, method, s.one(entity), reading)
    for field in run.loading.fields(schema):
        _field(run, entity, field, reading, schema.cls)


def _validate(
    run: LoadEvaluation, method: Function, value: s.Value, reading: load_reads.Reading
) -> None:
    """A validator sees what a schema, or one of its fields, is filled from."""
    given = [s.NOTHING for _ in method.signature.parameters]
    position = 0 if method.facts.kind == "lambda" or method.owner is None else 1
    if len(given) > position:
        given[position], places = value, [reading.at] * len(given)
        load_summaries.apply(run, method, given, reading.place, places, reading.below)


def _field(
    run: LoadEvaluation, entity: s.Entity, field: Field, reading: load_reads.Reading, schema: Class
) -> None:
    is_table = run.loading.is_model(schema)  # SQLModel's: without their relationships
    name, rest = field.path[0], field.path[1:]
    link = run.loading.models.links(entity.cls).get(name)
    if link is not None and not is_table:
        if link.lazy in words.QUERYING:
            return
        load_reads.demand(run, entity, name, reading)
        below = (*reading.below, name)
        if link.target is None or len(below) > _NESTING:
            return
        child = s.Entity(entity.source, (*entity.path, name), link.target)
        if rest:
            _field(run, child, field._replace(path=rest), reading._replace(below=below), schema)
        for nested in field.held if not rest else ():
            _read(run, child, nested, reading.place, reading.at, below)
        value = s.many(s.one(child)) if link.to_many else s.one(child)
        for validator in () if rest else before_validators(schema, field.name):
            _validate(run, validator, value, reading._replace(below=below))
        for validator in () if rest else field.validators:  # of the list, or of each item
            _validate(run, validator, value | s.one(child), reading._replace(below=below))
        return
    models = run.loading.models
    methods = models.methods(entity.cls, name)
    for method in filter(run.loading.inference.is_property, methods):
        given, places = [s.one(entity)], [reading.at]
        load_summaries.apply(run, method, given, reading.place, places, reading.below)
    if not methods and name in models.columns(entity.cls):
        load_reads.column(run, entity, name, reading)
    elif not methods and not is_table:
        if models.comes_later(entity.cls, name):
            load_reads.column_of_subclass(run, entity, name, reading)
        for other, path in load_reads.standing(run, entity, field.path):
            _field(run, other, field._replace(path=path), reading, schema)
