"""What is put into columns: by their types values are known to be what the database gives, known
to be something else, or neither.

Schemas and models tell it by the types of their fields. What ``setattr`` puts into a column whose
name is computed comes from what its names are gone through with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import declarations, load_schemas
from asyncify.analysis import values as v
from asyncify.analysis.program import Class
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary import loading as words

if TYPE_CHECKING:
    from asyncify.analysis.load_bodies import LoadBody

_DEPTH = 6
_Operations = tuple[f.Operation, ...]


def may_turn(kind: str, turned: bool | None) -> bool:
    """Of some kinds it is enough that nothing is known of what is put there."""
    return kind in words.TURNED_UNLESS_KNOWN if turned is None else turned


def is_turned(body: LoadBody, kind: str, index: int, depth: int = 0) -> bool | None:
    """Is a value another one once the database has had it? None: that isn't known."""
    operation, turned = body.operations[index], words.TURNED[kind]
    if kind == words.DATETIME:
        zone = body.loading.kinds.zones.zone(body.function, index)
        if zone is not None:
            return zone
    if operation[0] == f.CONSTANT:
        is_own = kind == words.DECORATED and operation[5] is not None
        return None if is_own else type(operation[5]).__name__ in turned
    if operation[0] == f.ATTRIBUTE:
        if operation[6] in words.ENUM_VALUES and kind == words.ENUM:
            return True
        found = givers(body, operation[5])
        return _any(field_turns(body, each, operation[6], kind) for each in found or (None,))
    if kind == words.JSON and operation[0] in (f.SEQUENCE, f.DICT):
        return _is_json(body, operation, depth)
    if operation[0] == f.CALL:
        name = body.operations[operation[5]]
        return _by_name(kind, [name[5]] if name[0] == f.NAME else [])
    if operation[0] == f.OPERATOR and depth < _DEPTH:
        return _computed(body, kind, operation, depth)
    if operation[0] != f.NAME:
        return None
    made = body.assigned(index)
    if made >= 0 and depth < _DEPTH:
        return is_turned(body, kind, made, depth + 1)
    return _parameter(body, kind, operation[5])


def _is_json(body: LoadBody, operation: f.Operation, depth: int) -> bool:
    """Is there a tuple in a literal, or a key that is no text?"""
    if operation[0] == f.SEQUENCE:
        parts = operation[6]
        turned = operation[5] == "tuple"
    else:
        keys, parts = operation[5:7]
        made = [body.operations[key] for key in keys if key >= 0]
        turned = any(key[0] == f.CONSTANT and isinstance(key[5], int) for key in made)
    below = [part for part in parts if part >= 0] if depth < _DEPTH else []
    return turned or any(is_turned(body, words.JSON, part, depth + 1) for part in below)


def _computed(body: LoadBody, kind: str, operation: f.Operation, depth: int) -> bool | None:
    """What operators make of values. A decimal may get more digits than its column has."""
    if operation[5] == words.DIVIDING and kind == "float":
        return False
    parts = {is_turned(body, kind, i, depth + 1) for i in operation[6] if i >= 0}
    if None in parts and (kind in words.TURNED_UNLESS_KNOWN or True not in parts):
        return None
    return parts == {True}


def _parameter(body: LoadBody, kind: str, name: str) -> bool | None:
    signature = body.function.signature
    for parameter in signature.parameters:
        if parameter.name == name and parameter.annotation >= 0:
            return _by_name(kind, list(_words(signature.operations, parameter.annotation)))
    return None


def _by_name(kind: str, types: list[str]) -> bool | None:
    """By the names in an annotation, or of what makes a value. One that isn't a type of Python's
    may be a schema's own for what the column gives."""
    if not types or kind == words.DECORATED:
        return None
    if kind in types:
        return None if kind in words.TURNED_UNLESS_KNOWN else False
    return not words.TURNED[kind].isdisjoint(types)


def _any(found: Iterable[bool | None]) -> bool | None:
    known = set(found)
    return True if True in known else None if None in known else False


def field_turns(body: LoadBody, cls: Class | None, name: str, kind: str) -> bool | None:
    """Does a field of a schema, or of a model, hold what a column turns?"""
    if cls is None:
        return None
    if body.loading.is_model(cls):
        return body.loading.kinds.of(cls, name) in words.TURNED[kind]
    for each in cls.ancestors:
        for statement in each.body.body.statements:
            if statement[0] == f.ANNOTATED and statement[7][:2] == (f.TO_NAME, name):
                return _by_name(kind, list(_words(each.body.body.operations, statement[8])))
    return False


def _words(operations: _Operations, index: int) -> Iterator[str]:
    """The names in an annotation: ``Optional[float]``, ``"int | None"``."""
    operation = operations[index] if index >= 0 else ()
    if not operation:
        return
    if operation[0] in (f.NAME, f.ATTRIBUTE):
        yield operation[5] if operation[0] == f.NAME else operation[6]
    elif operation[0] == f.CONSTANT and isinstance(operation[5], str):
        inside = declarations.lowered(operation[5])
        if inside is not None:
            yield from _words(*inside)
    elif operation[0] == f.SUBSCRIPT:
        yield from _words(operations, operation[5])
        yield from _words(operations, operation[6])
    elif operation[0] in (f.SEQUENCE, f.OPERATOR):
        for part in operation[6]:
            yield from _words(operations, part)


def set_by_name(body: LoadBody, operation: f.Operation, cls: Class) -> frozenset[str]:
    """Of ``setattr(user, key, value)``, or ``user.sqlmodel_update(data)``: the columns that may
    hold something else until they are loaded."""
    if body.operations[operation[5]][0] == f.ATTRIBUTE:
        return frozenset(_set_at_once(body, operation, cls))
    if len(operation[6]) < 3 or min(operation[6]) < 0:
        return frozenset()
    _, key, value = operation[6]
    names = body.texts(key) or body.loading.models.columns(cls)
    return frozenset(_unlike(body, cls, names, givers(body, value)))


def keys_set(body: LoadBody, operation: f.Operation, cls: Class) -> list[str]:
    """Of the same: the foreign keys that may be set."""
    keys = body.loading.models.foreign_keys(cls)
    is_method = body.operations[operation[5]][0] == f.ATTRIBUTE
    places = operation[6][:1] if is_method else operation[6][1:3]
    if not keys or not places or min(places) < 0:
        return []
    texts = () if is_method else body.texts(places[0])
    if texts:
        return [key for key in keys if key in texts]
    given = givers(body, places[-1])
    return (
        list(keys)
        if given is None
        else [key for key in keys if any(_has(body, c, key) for c in given)]
    )


def _has(body: LoadBody, cls: Class, name: str) -> bool:
    """Has a schema, or a model, a field?"""
    if body.loading.is_model(cls):
        return name in body.loading.models.columns(cls)
    return any(field.name == name for field in body.loading.fields(load_schemas.Schema(cls)))


def _set_at_once(body: LoadBody, operation: f.Operation, cls: Class) -> Iterator[str]:
    """Of what sets whatever it is given: a schema, or a dict."""
    more = [value for name, value in operation[7] if name == words.SETTING_MORE]
    for index in (*operation[6][:1], *more):
        names = body.loading.models.columns(cls)
        given = body.operations[index] if index >= 0 else ()
        if given[:1] == (f.DICT,) and min(given[5], default=-1) >= 0:
            keys = {body.operations[k][5]: i for k, i in zip(given[5], given[6], strict=True)
                    if body.operations[k][0] == f.CONSTANT}  # fmt: skip
            for name in names & keys.keys():
                kind = body.loading.kinds.of(cls, name)
                turned = is_turned(body, kind, keys[name]) if kind in words.TURNED else False
                if may_turn(kind, turned):
                    yield name
        else:
            yield from _unlike(body, cls, names, givers(body, index))


def spread(body: LoadBody, operation: f.Operation, cls: Class) -> set[str]:
    """Of ``User(**data)``: likewise. Where nobody knows what it holds, it is most often of the
    types of the columns, and leaves those alone that have a default."""
    models, out = body.loading.models, set[str]()
    for name, value in operation[7]:
        if name is None:
            found = givers(body, value)
            names = _unlike(body, cls, models.columns(cls), found)
            if found is None:
                kept = {name for each in cls.ancestors for name in models.declared(each).given}
                own = words.TURNED_UNLESS_KNOWN
                names = (n for n in names if body.loading.kinds.of(cls, n) in own and n not in kept)
            out |= set(names)
    return out - {name for name, _ in operation[7]}


def _unlike(
    body: LoadBody, cls: Class, names: Iterable[str], found: list[Class] | None
) -> Iterator[str]:
    """The columns that may hold something else, of what these classes, or unknown ones, give."""
    kinds = body.loading.kinds
    for name in names:
        kind = kinds.of(cls, name)
        if kind not in words.TURNED or body.loading.models.has_primary_key(cls, name):
            continue
        if found is None or any(
            may_turn(kind, field_turns(body, each, name, kind)) for each in found
        ):
            yield name


def givers(body: LoadBody, index: int, depth: int = 0) -> list[Class] | None:
    """The schemas and models whose values these are; None: of something else as well."""
    operation = body.operations[index] if index >= 0 else ()
    types = body.types[index] if index >= 0 and body.types is not None else v.UNKNOWN
    found = [a.cls for a in types if isinstance(a, v.Instance) and _is_known(body, a.cls)]
    others = [a for a in types if not isinstance(a, v.Literal) or a.value is not None]
    if not operation or depth > _DEPTH or (found and len(found) == len(others)):
        return found or None
    out: list[Class] = []
    for source in _sources(body, operation):
        given = givers(body, source, depth + 1)
        if given is None:
            return None
        out += given
    return out or None


def _is_known(body: LoadBody, cls: Class) -> bool:
    return load_schemas.is_schema(cls) or bool(body.loading.models.columns(cls))


def _sources(body: LoadBody, operation: f.Operation) -> Iterator[int]:
    """What an expression takes its values from."""
    if operation[0] == f.NAME:
        yield from _bound(body, operation[5])
    elif operation[0] == f.SUBSCRIPT:
        yield operation[5]
    elif operation[0] == f.COMPREHENSION:
        yield from (iterable for _, iterable, *_ in operation[8])
    elif operation[0] == f.CALL:
        callee = body.operations[operation[5]]
        as_text = words.DUMP_MODE in dict(operation[7])
        if callee[0] == f.ATTRIBUTE and callee[6] in words.GIVING_FIELDS and not as_text:
            yield callee[5]
        elif callee[0] == f.NAME and callee[5] in words.READING_FIELDS:
            yield from operation[6][:1]


def _bound(body: LoadBody, name: str) -> Iterator[int]:
    """What a variable is assigned, or a loop that binds it goes through."""
    for statement in statements_of(body.function.body.statements):
        if statement[0] in (f.ASSIGN, f.FOR):
            targets = statement[7] if statement[0] == f.ASSIGN else (statement[7],)
            if any(name in _names(target) for target in targets):
                yield statement[8]
    for operation in body.operations:
        if operation and operation[0] == f.COMPREHENSION:
            yield from (at for target, at, *_ in operation[8] if name in _names(target))


def _names(target: tuple[object, ...]) -> list[object]:
    if target[0] == f.TO_NAME:
        return [target[1]]
    parts = target[1] if target[0] == f.TO_SEQUENCE and isinstance(target[1], tuple) else ()
    return [name for part in parts for name in _names(part)]
