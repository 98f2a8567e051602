"""Records: named tuples, what copies of them are made with, and members of enumerations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.declarations import ENUMERATIONS
from asyncify.analysis.program import Class
from asyncify.analysis.slots import Group

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation
    from asyncify.analysis.infer import Inference

_TUPLES = {"typing.NamedTuple", "typing_extensions.NamedTuple"}
_VALUES = {"value", "_value_"}
COPYING, MAKING, AS_DICT = "_replace", "_make", "_asdict"
NAMESPACE = "types.SimpleNamespace"


# -- named tuples


def named_tuple(evaluation: Evaluation, operation: f.Operation) -> v.Value:
    """``namedtuple("Point", "x y")``, ``namedtuple("Point", ["x", "y"])``"""
    operations, listed = evaluation.operations, operation[6][1:2]
    if listed and listed[0] >= 0 and operations[listed[0]][0] == f.SEQUENCE:
        listed = operations[listed[0]][6]
    if min(listed, default=-1) < 0:
        return v.UNKNOWN
    texts = [
        a.value for each in listed for a in evaluation.values[each] if isinstance(a, v.Literal)
    ]
    given = " ".join(text for text in texts if isinstance(text, str))
    names = tuple(given.replace(",", " ").split())
    return v.one(v.NamedTupleClass(names)) if names else v.UNKNOWN


def make(cls: v.NamedTupleClass, arguments: list[v.Value], named: dict[str, v.Value]) -> v.Value:
    """An object of such a class, or another one with some of its items."""
    given = {**dict(zip(cls.names, cls.given, strict=False)), **named}
    given |= dict(zip(cls.names, arguments, strict=False))
    items = tuple(given.get(name, v.UNKNOWN) for name in cls.names)
    value = v.one(v.NamedTuple(items, cls.names))
    return value if v.depth(value) < v.DEPTH else v.UNKNOWN


def namespace(named: dict[str, v.Value]) -> v.Value:
    """``SimpleNamespace(run=run)``, whose attributes are read as those of a named tuple."""
    made = make(v.NamedTupleClass(tuple(named)), [], named)
    return made if any(named.values()) else v.foreign_instance(NAMESPACE)


def item(atom: v.NamedTuple, name: str) -> v.Value:
    """What an attribute of it gives."""
    if name == COPYING:
        return v.one(v.NamedTupleClass(atom.names, atom.items))
    if name == AS_DICT:
        return v.one(v.Giving(v.record(dict(zip(atom.names, atom.items, strict=True)))))
    return atom.field(name)


def as_tuples(inference: Inference, value: v.Value) -> v.Value:
    """A value with the objects of classes below ``NamedTuple`` as the tuples that they are."""
    if not any(isinstance(a, v.Instance) and is_tuple(a.cls) for a in value):
        return value
    return frozenset(
        v.TupleValue(tuple(inference.attribute(a.cls, name) for name in inference.fields(a.cls)))
        if isinstance(a, v.Instance) and is_tuple(a.cls)
        else a
        for a in value
    )


def is_tuple(cls: Class) -> bool:
    return not _TUPLES.isdisjoint(cls.foreign_bases)


def replaced(evaluation: Evaluation, value: v.Value, named: dict[str, v.Value]) -> v.Value:
    """``dataclasses.replace(step, run=count)``"""
    inference = evaluation.inference
    for atom in value:
        if isinstance(atom, v.Instance):
            for name, given in named.items():
                inference.write(inference.slot("attribute", atom.cls, name), given)
    return value


# -- enumerations


def members(inference: Inference, value: v.Value) -> v.Value:
    """The members of the enumerations among classes."""
    return frozenset(
        v.Instance(a.cls) for a in value
        if isinstance(a, v.ClassObject) and does_anything(inference, a.cls)
    )  # fmt: skip


def member(inference: Inference, cls: Class, name: str) -> v.Value:
    """``Job.IMPORT``, or nothing where that is none of the members."""
    is_one = does_anything(inference, cls) and any(
        name == bound for bound, _ in _assigned(inference, cls)
    )
    return v.one(v.Instance(cls)) if is_one else v.UNKNOWN


def value_of(inference: Inference, cls: Class, name: str) -> Group | None:
    """``job.value``: whatever the members are made of."""
    if name not in _VALUES or not does_anything(inference, cls):
        return None
    groups = [inference.attribute_group(cls, bound) for bound, _ in _assigned(inference, cls)]
    return Group(tuple(slot for group in groups for slot in group.slots))


def begin(evaluation: Evaluation, statement: f.Statement) -> None:
    """Members of an enumeration are made of what their names are assigned."""
    cls = evaluation.program.classes.get(evaluation.function)
    constructor = cls.find("__init__") if cls is not None and is_enumeration(cls) else None
    if constructor is None or statement[7][0][0] != f.TO_NAME:
        return
    for atom in evaluation.values[statement[8]]:
        items = list(atom.items) if isinstance(atom, v.TupleValue) else [v.one(atom)]
        evaluation.inference.pass_arguments(constructor, True, items, {})
    evaluation.inference.need(constructor)


def is_enumeration(cls: Class) -> bool:
    return not ENUMERATIONS.isdisjoint(cls.foreign_bases)


def does_anything(inference: Inference, cls: Class) -> bool:
    """Is it an enumeration whose members have methods, or hold more than constants?"""
    if not is_enumeration(cls):
        return False
    operations = cls.body.body.operations
    return bool(cls.methods) or any(
        operations[index][0] != f.CONSTANT for _, index in _assigned(inference, cls)
    )


def _assigned(inference: Inference, cls: Class) -> Iterator[tuple[str, int]]:
    """The names of the members, and what they are made of. Functions are methods, classes not."""
    body = cls.body.body
    for statement in body.statements:
        if statement[0] != f.ASSIGN or statement[7][0][0] != f.TO_NAME:
            continue
        made = body.operations[statement[8]]
        is_class = made[0] == f.NAME and isinstance(
            inference.program.resolve(cls.module, made[5]), Class
        )
        if is_class or made[0] not in (f.NAME, f.LAMBDA):
            yield statement[7][0][1], statement[8]
