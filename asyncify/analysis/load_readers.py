"""Readers that can't await: schemas that are filled from the attributes of an instance.

FastAPI does that with what a route returns, after the route has ended:
https://fastapi.tiangolo.com/tutorial/response-model/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import declarations, load_reads, load_summaries
from asyncify.analysis import load_states as s
from asyncify.analysis import values as v
from asyncify.analysis.program import Class, Function, dotted
from asyncify.vocabulary import loading as words

if TYPE_CHECKING:
    from asyncify.analysis.colors import Colors
    from asyncify.analysis.infer import Inference
    from asyncify.analysis.load_evaluation import LoadEvaluation

_NESTING = 5


def response_schemas(colors: Colors, function: Function) -> list[Class]:
    """The schemas that a library fills from what a route returns."""
    if not function.signature_is_decorated:
        return []
    signature, scope = function.signature, function.parent or function
    inference = colors.inference
    decorators = colors.bounds.decorators(function)
    for index, decorator in zip(signature.decorators, decorators, strict=True):
        name = decorator.name
        if not name.startswith(words.ROUTING) or name.rpartition(".")[2] not in words.ROUTES:
            continue
        operation = signature.operations[index]
        keywords = dict(operation[7]) if operation[0] == f.CALL else {}
        annotation = keywords.get("response_model", signature.returns)
        if annotation >= 0:
            value = declarations.annotation_value(
                inference, scope, signature.operations, annotation
            )
            return [cls for cls in _classes(value) if is_schema(cls)]
    return []


def is_schema(cls: Class) -> bool:
    return bool(cls.foreign_bases & words.SCHEMAS)


def validated(run: LoadEvaluation, operation: f.Operation, index: int) -> None:
    """``UserOut.model_validate(user)``"""
    callee = run.operations[operation[5]]
    for atom in run.types(callee[5]):
        if isinstance(atom, v.ClassObject) and is_schema(atom.cls):
            for argument in operation[6]:
                if argument >= 0:
                    read(run, run.values[argument], atom.cls, index, argument)


def dumped(run: LoadEvaluation, operation: f.Operation, index: int) -> None:
    """``UserSchema().dump(user)``"""
    callee = run.operations[operation[5]]
    for atom in run.types(callee[5]):
        if isinstance(atom, v.Instance) and atom.cls.foreign_bases & words.DUMPING_SCHEMAS:
            for argument in operation[6][:1]:
                if argument >= 0:
                    read(run, run.values[argument], atom.cls, index, argument)


def read(run: LoadEvaluation, value: s.Value, schema: Class, index: int, at: int) -> None:
    """All that a schema reads of the instances of a value."""
    for entity in s.entities(value):
        _read(run, entity, schema, index, at, ())
    for row in s.rows(value):
        _read_row(run, row, schema, index, at)


def _read_row(run: LoadEvaluation, row: s.Row, schema: Class, index: int, at: int) -> None:
    """A field takes the entity of a row that is called as its class."""
    for entity in (entity for part in row.items for entity in s.entities(part)):
        nested = run.loading.fields(schema).get(entity.cls.name)
        if nested is not None:
            _read(run, entity, nested, index, at, ())


def _read(
    run: LoadEvaluation,
    entity: s.Entity,
    schema: Class,
    index: int,
    at: int,
    below: tuple[str, ...],
) -> None:
    links = run.loading.models.links(entity.cls)
    reading = load_reads.Reading(index, schema.name, at, below)
    if run.loading.is_model(schema):
        links = {}  # SQLModel's tables are schemas without their relationships
    for name, nested in run.loading.fields(schema).items():
        link = links.get(name)
        if link is not None:
            if link.lazy in words.QUERYING:
                continue
            load_reads.demand(run, entity, name, reading)
            if link.target is not None and nested is not None and len(below) < _NESTING:
                child = s.Entity(entity.source, (*entity.path, name), link.target)
                _read(run, child, nested, index, at, (*below, name))
            continue
        method = entity.cls.find(name)
        if method is not None and run.loading.inference.is_property(method):
            places = [at] if not below else [-1]
            load_summaries.apply(run, method, [s.one(entity)], index, places)
        elif method is None and name in run.loading.models.columns(entity.cls):
            load_reads.column(run, entity, name, reading)


def fields(inference: Inference, schema: Class) -> dict[str, Class | None]:
    """The fields of a schema, each with the schema that it holds."""
    if schema.foreign_bases & words.DUMPING_SCHEMAS:
        return _dumped_fields(inference, schema)
    out: dict[str, Class | None] = {}
    for cls in reversed(schema.ancestors):
        body = cls.body
        for statement in body.body.statements:
            if statement[0] == f.ANNOTATED and statement[7][0] == f.TO_NAME:
                value = declarations.annotation_value(
                    inference, body, body.body.operations, statement[8]
                )
                held = [c for c in _classes(value) if is_schema(c)]
                out[statement[7][1]] = held[0] if held else None
    return out


def _dumped_fields(inference: Inference, schema: Class) -> dict[str, Class | None]:
    """The same of a schema of marshmallow: ``books = fields.List(fields.Nested(BookSchema))``."""
    out: dict[str, Class | None] = {}
    for cls in reversed(schema.ancestors):
        body = cls.body
        for statement in body.body.statements:
            if statement[0] != f.ASSIGN or statement[7][0][0] != f.TO_NAME:
                continue
            operation = body.body.operations[statement[8]]
            if operation[0] != f.CALL:
                continue
            place = dict(operation[7]).get(words.READS_FROM)
            given = body.body.operations[place] if place is not None else operation
            is_named = given[0] == f.CONSTANT and isinstance(given[5], str)
            name = given[5] if is_named else statement[7][0][1]
            out[name] = _nested(inference, cls, statement[8])
    return out


def _nested(inference: Inference, schema: Class, index: int) -> Class | None:
    """The schema that a field of another holds."""
    operations = schema.body.body.operations
    operation = operations[index]
    if operation[0] != f.CALL or not operation[6] or operation[6][0] < 0:
        return None
    name, first = dotted(operations, operation[5]).rpartition(".")[2], operation[6][0]
    if name not in words.NESTED_FIELDS:
        return _nested(inference, schema, first)
    if operations[first][0] == f.CONSTANT and isinstance(operations[first][5], str):
        found = inference.program.resolve(schema.module, operations[first][5].rpartition(".")[2])
        return found if isinstance(found, Class) else None
    if operations[first][0] == f.CALL:  # Nested(BookSchema(only=...))
        first = operations[first][5]
    symbol = inference.program.resolve_expression(schema.body, operations, first)
    return symbol if isinstance(symbol, Class) else None


def _classes(value: v.Value) -> list[Class]:
    out: list[Class] = []
    for atom in value:
        if isinstance(atom, v.Instance):
            out.append(atom.cls)
        elif isinstance(atom, v.Collection):
            out += _classes(atom.items)
    return out
