"""Schemas: what they read of an object that they are filled from, and which schemas they hold.

Of pydantic, with generic ones (`Page[OrderOut]`), unions and aliases, and of marshmallow.
https://docs.pydantic.dev/latest/concepts/models/#arbitrary-class-instances
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from asyncify import facts as f
from asyncify.analysis import declarations
from asyncify.analysis import values as v
from asyncify.analysis.generics import Expression, parameters
from asyncify.analysis.program import Class, Function, Variable, dotted
from asyncify.vocabulary import loading as words

if TYPE_CHECKING:
    from asyncify.analysis.infer import Inference

_DEPTH = 8


class Schema(NamedTuple):
    """A schema, with what its type variables stand for; ``""``: its only one, whatever its name."""

    cls: Class
    given: tuple[tuple[str, tuple[Schema, ...]], ...] = ()

    @property
    def name(self) -> str:
        return self.cls.name


class Field(NamedTuple):
    """What a field is filled from, the schemas that it may hold, and the functions of its
    annotation that see what it is filled from."""

    path: tuple[str, ...]
    held: tuple[Schema, ...]
    name: str
    validators: tuple[Function, ...] = ()


Given = Mapping[str, tuple[Schema, ...]]
_NOTHING: Given = {}


def is_schema(cls: Class) -> bool:
    return bool(cls.foreign_bases & words.SCHEMAS)


def is_of_pydantic_1(cls: Class) -> bool:
    """Does it say ``orm_mode`` where pydantic 2 says ``from_attributes``?"""
    configs = (each.body.local_bindings.get("Config") for each in cls.ancestors)
    return any(
        isinstance(config.value, Function) and words.ORM_MODE in config.value.facts.bound
        for config in configs if config is not None
    )  # fmt: skip


def schemas_in(
    inference: Inference, place: Expression, given: Given = _NOTHING, depth: int = 0
) -> tuple[Schema, ...]:
    """All schemas in an annotation."""
    return tuple(dict.fromkeys(_schemas(inference, place, given, depth)))


def _schemas(inference: Inference, place: Expression, given: Given, depth: int) -> Iterator[Schema]:
    operation = place.operation
    if depth > _DEPTH:
        return
    if operation[0] == f.CONSTANT and isinstance(operation[5], str):
        inside = declarations.lowered(operation[5])
        if inside is not None:
            text = Expression(place.function, *inside)
            yield from _schemas(inference, text, given, depth + 1)
    elif operation[0] in (f.NAME, f.ATTRIBUTE):
        yield from _named(inference, place, given, depth)
    elif operation[0] == f.SUBSCRIPT:
        symbol = inference.program.resolve_expression(*place.at(operation[5]))
        inner = place.operations[operation[6]]
        parts = inner[6] if inner[0] == f.SEQUENCE else (operation[6],)
        held = [schemas_in(inference, place.at(part), given, depth + 1) for part in parts]
        if isinstance(symbol, Class) and is_schema(symbol):
            if symbol.foreign_bases & words.ROOTS:
                for each in held:
                    yield from each
                return
            names = parameters(inference, symbol) or ("",) * (len(held) == 1)
            yield Schema(symbol, tuple(zip(names, held, strict=False)))
        else:
            for each in held:
                yield from each
    elif operation[0] in (f.SEQUENCE, f.OPERATOR):
        for part in operation[6]:
            yield from _schemas(inference, place.at(part), given, depth + 1)
    elif operation[0] == f.CALL and operation[6] and operation[6][0] >= 0:
        name = dotted(place.operations, operation[5]).rpartition(".")[2]
        first = place.at(operation[6][0])
        yield from (
            _schemas(inference, first, given, depth + 1) if name in words.TAKING_TYPES else ()
        )


def _in_root(inference: Inference, schema: Class, given: Given, depth: int) -> Iterator[Schema]:
    """``class Books(RootModel[list[BookOut]])`` reads what it is the root of."""
    for cls in schema.ancestors:
        signature = cls.body.signature
        for base in signature.bases:
            operation = signature.operations[base] if base >= 0 else ()
            if operation and operation[0] == f.SUBSCRIPT:
                place = Expression(cls.body.parent or cls.body, signature.operations, operation[6])
                yield from _schemas(inference, place, given, depth + 1)


def _named(inference: Inference, place: Expression, given: Given, depth: int) -> Iterator[Schema]:
    name = place.operation[5] if place.operation[0] == f.NAME else ""
    if name in given:
        yield from given[name]
        return
    program = inference.program
    symbol = program.resolve_expression(*place)
    if isinstance(symbol, Class) and is_schema(symbol):
        if symbol.foreign_bases & words.ROOTS:
            yield from _in_root(inference, symbol, given, depth)
        else:
            yield Schema(symbol)
    elif isinstance(symbol, Variable):
        made = program.variable_expression(symbol)
        if made is not None:
            known = Expression(*made)
            forward = _forward(known, place)
            found = schemas_in(inference, forward, given, depth + 1) if forward is not None else ()
            yield from found or _schemas(inference, known, given, depth + 1)
    elif symbol is None and "" in given and name[:1].isupper():
        yield from given[""]
    elif symbol is None and name:
        yield from map(Schema, _handed(inference, place.function, name))


def _forward(made: Expression, place: Expression) -> Expression | None:
    """``ForwardRef("UserOut")``: the name means what it does where the schema stands that reads it,
    wherever the reference is made."""
    operation = made.operation
    if operation[0] != f.CALL or not operation[6] or operation[6][0] < 0:
        return None
    name = dotted(made.operations, operation[5]).rpartition(".")[2]
    text = made.at(operation[6][0]).operation
    if name not in words.FORWARDS or text[0] != f.CONSTANT or not isinstance(text[5], str):
        return None
    inside = declarations.lowered(text[5])
    return Expression(place.function, *inside) if inside is not None else None


def _handed(inference: Inference, function: Function | None, name: str) -> list[Class]:
    """The schemas that callers give the parameter of a function around a route."""
    while function is not None:
        for position, parameter in enumerate(function.signature.parameters):
            if parameter.name == name:
                value = inference.parameter(function, position)
                found = {a.cls for a in value if isinstance(a, v.ClassObject) and is_schema(a.cls)}
                return sorted(found, key=lambda cls: (cls.module.path, cls.body.index))
        function = function.parent
    return []


# -- fields


def fields(inference: Inference, schema: Schema) -> list[Field]:
    """What a schema reads."""
    if schema.cls.foreign_bases & words.DUMPING_SCHEMAS:
        return list(_dumped(inference, schema.cls))
    found: dict[str, list[Field]] = {}
    given = dict(schema.given)
    for cls in reversed(schema.cls.ancestors):
        body = cls.body
        for statement in body.body.statements:
            if statement[0] == f.ANNOTATED and statement[7][0] == f.TO_NAME:
                name = statement[7][1]
                place = Expression(body, body.body.operations, statement[8])
                held = schemas_in(inference, place, given)
                seen_by = tuple(dict.fromkeys(_validators(inference, place, 0)))
                paths = list(_aliases(place.operations, statement[9])) or [(name,)]
                found[name] = [Field(path, held, name, seen_by) for path in paths]
    return [field for each in found.values() for field in each]


def _aliases(operations: tuple[f.Operation, ...], value: int) -> Iterator[tuple[str, ...]]:
    """What ``Field(validation_alias=...)`` reads instead of the field's own name."""
    operation = operations[value] if value >= 0 else ()
    if not operation or operation[0] != f.CALL:
        return
    keywords = {name: index for name, index in operation[7] if name is not None}
    for keyword in words.ALIASES:
        if keyword in keywords:
            yield from _alias(operations, keywords[keyword])
            return


def _alias(operations: tuple[f.Operation, ...], index: int) -> Iterator[tuple[str, ...]]:
    operation = operations[index] if index >= 0 else ()
    if operation and operation[0] == f.CONSTANT and isinstance(operation[5], str):
        yield (operation[5],)
    elif operation and operation[0] == f.CALL:
        if dotted(operations, operation[5]).endswith(words.ALIAS_PATH):
            parts = [operations[i][5] for i in operation[6] if operations[i][0] == f.CONSTANT]
            yield tuple(part for part in parts if isinstance(part, str))
            return
        for each in operation[6]:
            yield from _alias(operations, each)


def _validators(inference: Inference, place: Expression, depth: int) -> Iterator[Function]:
    """Of ``Annotated[list[str], BeforeValidator(names)]``, also by another name, and of a root
    model, which a field is filled as."""
    operation = place.operation
    if depth > _DEPTH:
        return
    if operation[0] == f.CONSTANT and isinstance(operation[5], str):
        inside = declarations.lowered(operation[5])
        if inside is not None:
            yield from _validators(inference, Expression(place.function, *inside), depth + 1)
    elif operation[0] in (f.NAME, f.ATTRIBUTE):
        symbol = inference.program.resolve_expression(*place)
        if isinstance(symbol, Class) and symbol.foreign_bases & words.ROOTS:
            yield from before_validators(symbol)
        elif isinstance(symbol, Variable):
            made = inference.program.variable_expression(symbol)
            if made is not None:
                yield from _validators(inference, Expression(*made), depth + 1)
    elif operation[0] in (f.SUBSCRIPT, f.SEQUENCE, f.OPERATOR):
        parts = (operation[6],) if operation[0] == f.SUBSCRIPT else operation[6]
        for part in parts:
            yield from _validators(inference, place.at(part), depth + 1)
    elif operation[0] == f.CALL:
        yield from _validator(inference, place)


def _validator(inference: Inference, place: Expression) -> Iterator[Function]:
    """The function of ``BeforeValidator(names)``."""
    name = dotted(place.operations, place.operation[5]).rpartition(".")[2]
    given = (*place.operation[6], *dict(place.operation[7]).values())
    if name not in words.BEFORE_IN_ANNOTATION or not given or given[0] < 0:
        return
    operation = place.operations[given[0]]
    if operation[0] == f.LAMBDA:
        yield place.function.module.functions[operation[5]]
    else:
        symbol = inference.program.resolve_expression(*place.at(given[0]))
        if isinstance(symbol, Function):
            yield symbol


def before_validators(schema: Class, field: str = "") -> Iterator[Function]:
    """The methods that see the object itself, before its attributes are read; or what one of them
    gives, before its field is filled."""
    for cls in schema.ancestors:
        for method in cls.methods.values():
            if any(_is_before(method, index, field) for index in method.signature.decorators):
                yield method
        if not field and schema.foreign_bases & words.DUMPING_SCHEMAS:
            yield from _called_for_fields(cls)


def _is_before(method: Function, index: int, field: str) -> bool:
    """Is it ``@model_validator(mode="before")``, or ``@field_validator(..., mode="before")``?"""
    operations = method.signature.operations
    operation = operations[index]
    if operation[0] != f.CALL:
        return not field and dotted(operations, index).rpartition(".")[2] == words.BEFORE_DUMP
    if not field and dotted(operations, operation[5]).rpartition(".")[2] == words.BEFORE_DUMP:
        return True
    table = words.BEFORE_FIELD if field else words.BEFORE
    keyword = table.get(dotted(operations, operation[5]).rpartition(".")[2])
    if field and not {field, "*"} & {operations[i][5] for i in operation[6] if i >= 0}:
        return False
    mode = dict(operation[7]).get(keyword, -1) if keyword is not None else -1
    return mode >= 0 and operations[mode][5] in (True, "before", "wrap", "plain")


def _called_for_fields(cls: Class) -> Iterator[Function]:
    """``fields.Method("get_name")`` and ``fields.Function(lambda user: ...)``"""
    operations = cls.body.body.operations
    for operation in operations:
        if not operation or operation[0] != f.CALL or not operation[6] or operation[6][0] < 0:
            continue
        kind = dotted(operations, operation[5]).rpartition(".")[2]
        given = operations[operation[6][0]]
        if kind == words.BY_METHOD and given[0] == f.CONSTANT:
            method = cls.find(str(given[5]))
            if method is not None:
                yield method
        elif kind == words.BY_FUNCTION and given[0] == f.LAMBDA:
            yield cls.module.functions[given[5]]


def _dumped(inference: Inference, schema: Class) -> Iterator[Field]:
    """Of marshmallow: ``books = fields.List(fields.Nested(BookSchema))``."""
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
            name = statement[7][0][1]
            nested = _nested(inference, cls, statement[8])
            held = (Schema(nested),) if nested is not None else ()
            path = tuple(given[5].split(".")) if is_named else (name,)
            yield Field(path, held, name)


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
    body = schema.body
    if operations[first][0] == f.LAMBDA:  # Nested(lambda: BookSchema)
        body = schema.module.functions[operations[first][5]]
        operations, first = body.body.operations, body.body.statements[0][7]
    if operations[first][0] == f.CALL:  # Nested(BookSchema(only=...))
        first = operations[first][5]
    symbol = inference.program.resolve_expression(body, operations, first)
    return symbol if isinstance(symbol, Class) else None
