"""Operators: what the operations that call nothing of the program's give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import members, protocols, queries
from asyncify.analysis import values as v

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation


def awaited(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    return protocols.awaited(evaluation, evaluation.values[operation[5]])


def subscript(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    base = evaluation.values[operation[5]]
    out = [v.elements(base)]
    for atom in base:
        if isinstance(atom, v.QueryValue):
            sliced = evaluation.operations[operation[6]][0] == f.SLICE
            item = queries.item(atom)
            out.append(v.collection(item) if sliced else item)
        elif isinstance(atom, v.ClassObject):
            out.append(v.one(atom))  # a generic: Repository[User]
        elif isinstance(atom, v.Instance):
            methods = evaluation.inference.methods(atom.cls, "__getitem__")
            out += [members.read_property(evaluation.inference, method) for method in methods]
        elif isinstance(atom, (v.Foreign, v.Known)):
            out.append(v.one(atom))
    sliced = evaluation.operations[operation[6]][0] == f.SLICE
    if sliced and any(isinstance(a, v.Collection) for a in base):
        return base
    return v.join(out)


def defined(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    function = evaluation.function.module.functions[operation[5]]
    inference = evaluation.inference
    for name, value in evaluation.environment.items():
        if value:
            inference.write(inference.slot("local", evaluation.function, name), value)
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


def mapping(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    return v.collection(v.join(evaluation.values[i] for i in operation[6]))


def boolean(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    return v.join(evaluation.values[i] for i in operation[5])


def conditional(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    return v.join((evaluation.values[operation[6]], evaluation.values[operation[7]]))


def binary(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    if operation[5] == "Add":
        return v.join(
            frozenset(a for a in evaluation.values[i] if isinstance(a, v.Collection))
            for i in operation[6]
        )
    return v.UNKNOWN


def yielded(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    if operation[5] >= 0:
        _yield(evaluation, evaluation.values[operation[5]])
    return v.UNKNOWN


def yielded_from(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    _yield(evaluation, protocols.iterate(evaluation, evaluation.values[operation[5]]))
    return v.UNKNOWN


def walrus(evaluation: Evaluation, operation: f.Operation, index: int) -> v.Value:
    evaluation.assign(operation[5], evaluation.values[operation[6]])
    return evaluation.values[operation[6]]


def _yield(evaluation: Evaluation, value: v.Value) -> None:
    inference = evaluation.inference
    inference.write(inference.slot("yield", evaluation.function), value)
