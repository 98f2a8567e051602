"""Construction: what flows into a class of the program where an object of it is made."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

from asyncify.analysis import declarations, protocols
from asyncify.analysis import values as v
from asyncify.analysis.model_fields import is_dataclass
from asyncify.analysis.program import Class
from asyncify.vocabulary.loading import CALLED_BY_PYTHON

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation

_CONTAINERS = {
    "list", "dict", "set", "tuple", "frozenset", "collections.OrderedDict", "collections.deque",
    "collections.UserDict", "collections.UserList",
}  # fmt: skip

_EXCEPTIONS = {
    name for name, each in vars(builtins).items()
    if isinstance(each, type) and issubclass(each, BaseException)
}  # fmt: skip


def construct(
    evaluation: Evaluation, cls: Class, arguments: list[v.Value], named: dict[str, v.Value]
) -> v.Value:
    inference = evaluation.inference
    constructor = cls.find("__init__")
    given = (*arguments, *named.values())
    if any(isinstance(a, v.Instance) and inference.models.is_mapped(a.cls) for a in v.join(given)):
        for method in (constructor, *map(cls.find, CALLED_BY_PYTHON)):
            if method is not None and not inference.models.is_mapped(cls):
                inference.need(method)  # it may read what belongs to the instance
    if constructor is not None:
        inference.pass_arguments(constructor, True, arguments, named)
        if any(isinstance(a, v.FunctionObject) for value in given for a in value):
            inference.need(constructor)  # it may keep a function, under another name
    else:
        for name, value in named.items():
            inference.write(inference.slot("attribute", cls, name), value)
        by_name = inference.models.is_mapped(cls) and not is_dataclass(cls)
        for name, value in zip([] if by_name else inference.fields(cls), arguments, strict=False):
            inference.write(inference.slot("attribute", cls, name), value)
    if arguments and not _EXCEPTIONS.isdisjoint(cls.foreign_bases):
        inference.write(inference.slot("attribute", cls, "args"), _packed(arguments))
    made = declarations.instance_of(cls) | _contents(evaluation, cls, arguments)
    origin = frozenset(a for a in made if isinstance(a, v.Known))
    return origin or made


def _packed(arguments: list[v.Value]) -> v.Value:
    """What an exception keeps of what it was made with."""
    return v.one(v.TupleValue(tuple(arguments)))


def _contents(evaluation: Evaluation, cls: Class, arguments: list[v.Value]) -> v.Value:
    """``Handlers(handlers)``, a class below `list` or `dict`: what it is made of is in it."""
    if not arguments or _CONTAINERS.isdisjoint(cls.foreign_bases):
        return v.UNKNOWN
    dicts = frozenset(a for a in arguments[0] if isinstance(a, (v.Record, v.Keyed)))
    return dicts or v.collection(protocols.iterate(evaluation, arguments[0]))
