"""Operators: what the operations that call nothing of the program's give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import definitions, generics, members, modules, protocols, queries, records
from asyncify.analysis import values as v
from asyncify.vocabulary.special import OPERATORS

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation

_OF_CONTAINERS = {"Add", "Mult", "BitOr", "BitAnd", "BitXor", "Sub"}
_TYPED_DICTS = {"typing.TypedDict", "typing_extensions.TypedDict"}


def awaited(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    return protocols.awaited(evaluation, evaluation.values[operation[5]])


def subscript(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    base = records.as_tuples(evaluation.inference, evaluation.values[operation[5]])
    key = key_of(evaluation.operations[operation[6]])
    out = [v.under(base, key) if key is not None else _under_any(evaluation, base, operation[6])]
    if key is not None:
        out += [members.of(evaluation, a, key) for a in described(evaluation, operation[5])]
    for atom in base:
        if isinstance(atom, v.QueryValue):
            sliced = evaluation.operations[operation[6]][0] == f.SLICE
            item = queries.item(atom)
            out.append(v.collection(item) if sliced else item)
        elif isinstance(atom, v.ClassObject):
            member = records.members(evaluation.inference, v.one(atom))
            out.append(member or v.one(atom))  # `Job["IMPORT"]`, or a generic: Repository[User]
        elif isinstance(atom, v.Instance) and key is not None and is_typed_dict(atom):
            out.append(evaluation.inference.attribute(atom.cls, key))
        elif isinstance(atom, v.Instance):
            methods = [
                method for name in ("__getitem__", "__missing__")
                for method in evaluation.inference.methods(atom.cls, name)
            ]  # fmt: skip
            out += [members.read_property(evaluation.inference, method) for method in methods]
            out += [generics.of_item(evaluation, operation, method) for method in methods]
        elif isinstance(atom, v.Foreign) and atom.name == "typing.Annotated":
            out.append(_annotated(evaluation, operation))
        elif isinstance(atom, v.Foreign) and atom.name == modules.LOADED:
            out.append(modules.loaded(evaluation, operation[6]) or v.one(atom))
        elif isinstance(atom, (v.Foreign, v.Known)):
            out.append(v.one(atom))
    sliced = evaluation.operations[operation[6]][0] == f.SLICE
    if sliced and any(isinstance(a, v.Collection) for a in base):
        return base
    return v.join(out)


def _annotated(evaluation: Evaluation, operation: f.Operation) -> v.Value:
    """``Annotated[Session, Depends(get_db)]``: calling it makes a session."""
    inside = evaluation.operations[operation[6]]
    return evaluation.values[inside[6][0]] if inside[0] == f.SEQUENCE else v.UNKNOWN


def defined(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    function = evaluation.function.module.functions[operation[5]]
    inference = evaluation.inference
    for name, value in evaluation.environment.items():
        if value:
            inference.write(inference.slot("local", evaluation.function, name), value)
    definitions.read_defaults(evaluation, function)
    return v.one(v.FunctionObject(function))


def sequence(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    kind, parts = operation[5], operation[6]
    items = [evaluation.values[i] if i >= 0 else v.elements(evaluation.values[~i]) for i in parts]
    if not any(items):
        return v.UNKNOWN
    if kind == "tuple" and all(i >= 0 for i in parts):
        value = v.one(v.TupleValue(tuple(items)))
        return value if v.depth(value) < v.DEPTH else v.UNKNOWN
    return v.collection(v.join(items))


def described(evaluation: Evaluation, index: int) -> v.Value:
    """The objects whose attributes an expression gives as a dict: ``vars(a)``, ``a.__dict__``."""
    operation, operations = evaluation.operations[index], evaluation.operations
    place = -1
    if operation[0] == f.ATTRIBUTE and operation[6] == "__dict__":
        place = operation[5]
    elif operation[0] == f.CALL:
        callee = operations[operation[5]]
        if callee[0] == f.NAME and callee[5] == "vars":
            place = min(operation[6], default=-1)
    return evaluation.values[place] if place >= 0 else v.UNKNOWN


def key_of(operation: f.Operation) -> str | None:
    """A key that is written down."""
    constant = operation[0] == f.CONSTANT and isinstance(operation[5], str)
    return operation[5] if constant else None


def is_typed_dict(atom: v.Atom) -> bool:
    """Is it a dict of which a class says what is under each key?"""
    return isinstance(atom, v.Instance) and not _TYPED_DICTS.isdisjoint(atom.cls.foreign_bases)


def under(evaluation: Evaluation, base: v.Value, key: str) -> v.Value:
    """What a container, or a dict that a class describes, has under a key."""
    said = [evaluation.inference.attribute(a.cls, key) for a in base
            if isinstance(a, v.Instance) and is_typed_dict(a)]  # fmt: skip
    return v.join((v.under(base, key), *said))


def _under_any(evaluation: Evaluation, base: v.Value, key: int) -> v.Value:
    """What may be under a key that is one of several, or of which only the beginning is written
    down, if that much."""
    named, keys = evaluation.operations[key], evaluation.values[key]
    if keys and all(isinstance(a, v.Record) for a in base):
        texts = [a.value for a in keys if isinstance(a, v.Literal) and isinstance(a.value, str)]
        if len(texts) == len(keys):
            return v.join(v.under(base, text) for text in sorted(texts))
    if named[0] == f.CONSTANT and isinstance(named[5], int):
        return v.at(base, named[5])
    start = str(named[6]) if named[0] == f.FORMAT else ""
    if not start or not all(isinstance(atom, v.Record) for atom in base):
        return v.elements(base)
    fields = v.keyed(base)
    return v.join(value for name, value in fields.items() if name.startswith(start))


def mapping(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    fields: dict[str, v.Value] = {}
    for place, item in zip(operation[5], operation[6], strict=True):
        value = evaluation.values[item]
        key = key_of(evaluation.operations[place]) if place >= 0 else None
        if key is not None:
            fields[key] = value
        elif place < 0 and value and all(isinstance(a, v.Record) for a in value):
            fields |= v.keyed(value)
        else:
            keys = v.join(evaluation.values[place] for place in operation[5] if place >= 0)
            return v.mapping(keys, v.join(_items(evaluation, operation)))
    return v.record(fields)


def _items(evaluation: Evaluation, operation: f.Operation) -> Iterator[v.Value]:
    """What the values of a dict are, those of what it unpacks too."""
    for place, item in zip(operation[5], operation[6], strict=True):
        value = evaluation.values[item]
        yield value if place >= 0 else v.elements(value)


def boolean(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    return v.join(evaluation.values[i] for i in operation[5])


def conditional(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    return v.join((evaluation.values[operation[6]], evaluation.values[operation[7]]))


def binary(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    method = OPERATORS.get(operation[5])
    if method is None or len(operation[6]) != 2:
        return v.UNKNOWN
    left, right = (evaluation.values[i] for i in operation[6])
    found = [_operated(evaluation, left, f"__{method}__", right)]
    found.append(_operated(evaluation, right, f"__r{method}__", left))
    if operation[5] in _OF_CONTAINERS:  # the rest of one is what it had
        found += [frozenset(a for a in x if isinstance(a, v.Collection)) for x in (left, right)]
    return v.join(found)


def _operated(evaluation: Evaluation, value: v.Value, name: str, other: v.Value) -> v.Value:
    """What a class of the program makes of an operator: ``parse | save``."""
    inference = evaluation.inference
    return v.join(
        inference.called(method, True, [other], {})
        for atom in value if isinstance(atom, v.Instance)
        for method in inference.methods(atom.cls, name)
    )  # fmt: skip


def yielded(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    if operation[5] >= 0:
        _yield(evaluation, evaluation.values[operation[5]])
    return v.UNKNOWN


def yielded_from(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    inference, generators = evaluation.inference, evaluation.values[operation[5]]
    _yield(evaluation, protocols.iterate(evaluation, generators))
    return v.join(
        inference.read(inference.slot("return", a.function))
        for a in generators if isinstance(a, v.Generated)
    )  # fmt: skip


def walrus(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    evaluation.assign(operation[5], evaluation.values[operation[6]])
    return evaluation.values[operation[6]]


def _yield(evaluation: Evaluation, value: v.Value) -> None:
    inference = evaluation.inference
    inference.write(inference.slot("yield", evaluation.function), value)
