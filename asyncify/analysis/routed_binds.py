"""Routed binds: sessions of a class of the program's own that says which engine they use.

    class RoutingSession(Session):
        def get_bind(self, mapper=None, clause=None, **kw):
            return engines["leader"] if self._flushing else engines["follower"]

Such a class stays the sync session behind the async one, and its method has to give sync engines:
those behind the async ones. The factory of the sessions is made of all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.declarations import normalised
from asyncify.analysis.infer import Inference
from asyncify.analysis.program import Class, Function
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary.names import KINDS
from asyncify.vocabulary.special import ROUTING


def routing(inference: Inference) -> Iterator[tuple[Class, Function]]:
    """The session classes of the program that choose their engines, and the methods that do."""
    for cls in inference.program.classes.values():
        method = cls.methods.get(ROUTING)
        if method is not None and any(
            KINDS.get(normalised(name)) == "Session" for name in cls.foreign_bases
        ):
            yield cls, method


def engines_routed(inference: Inference) -> set[tuple[v.Origin, v.Origin]]:
    """The factories of such sessions, with the engines that these use."""
    return {
        (factory, engine)
        for cls, method in routing(inference)
        for engine in _engines(inference, method)
        for factory in _factories(inference, cls)
    }


def _engines(inference: Inference, method: Function) -> set[v.Origin]:
    return {
        atom.origin for index in (returned(method) if method in inference.evaluations else ())
        for atom in inference.evaluations[method].values[index]
        if isinstance(atom, v.Known) and atom.kind == "Engine" and atom.origin is not None
    }  # fmt: skip


def _factories(inference: Inference, cls: Class) -> Iterator[v.Origin]:
    """The calls that are given the class, or one below it, and make sessions of it."""
    family = {cls, *cls.descendants()}
    for function, evaluation in inference.evaluations.items():
        for index, value in evaluation.objects:
            operation = function.body.operations[index]
            if not operation or operation[0] != f.CALL:
                continue
            given = (atom for _, i in operation[7] for atom in evaluation.values[i])
            if any(isinstance(a, v.ClassObject) and a.cls in family for a in given):
                yield from (
                    a.origin for a in value if isinstance(a, v.Known) and a.origin is not None
                )


def returned(method: Function) -> Iterator[int]:
    """What a method returns, the branches of conditions apart."""
    operations = method.body.operations
    for statement in statements_of(method.body.statements):
        pending = [statement[7]] if statement[0] == f.RETURN and statement[7] >= 0 else []
        while pending:
            index = pending.pop()
            if operations[index][0] == f.CONDITIONAL:
                pending += operations[index][6:8]
            elif operations[index][0] == f.BOOLEAN:
                pending += operations[index][5]
            else:
                yield index
