"""Factories of a suite that flush, commit or ask for what they make, and the sessions they do it
with: ``class Meta: sqlalchemy_session = Session``, ``UserFactory._meta.sqlalchemy_session = db``.

https://factoryboy.readthedocs.io/en/stable/orms.html#sqlalchemy
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.program import Class, Function, Program
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary.loading import (
    AWAITED_SETTINGS,
    FACTORY_SETTINGS,
    SET_FACTORY,
    STORED_WITH,
    STORING_FACTORIES,
)

if TYPE_CHECKING:
    from asyncify.analysis.infer import Inference

# What gives a session when it is called.
_GIVING = ("scoped_session", "sessionmaker")


class Given(NamedTuple):
    """An assignment that gives factories their session: those below ``factory``, or any."""

    function: Function
    statement: f.Statement
    factory: Class | None

    @property
    def value(self) -> int:
        """The operation that is assigned."""
        return int(self.statement[8])


class StoringFactories:
    """The factories of a program whose calls do I/O."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self.program: Program = inference.program

    @cached_property
    def classes(self) -> frozenset[Class]:
        """The factories that store, by their own settings or inherited ones."""
        return frozenset(
            cls for cls in self._all if any(
                not AWAITED_SETTINGS.isdisjoint(body.facts.bound)
                for each in cls.ancestors for body in _settings(each)
            )
        )  # fmt: skip

    @cached_property
    def _all(self) -> tuple[Class, ...]:
        classes = self.program.classes
        words = sorted({name.rpartition(".")[2] for name in STORING_FACTORIES})
        named = (fn for word in words for fn in self.program.mentioning(word))
        first = [
            classes[body] for body in named
            if body.facts.kind == "class" and classes[body].foreign_bases & STORING_FACTORIES
        ]  # fmt: skip
        return tuple(dict.fromkeys(c for cls in first for c in (cls, *cls.descendants())))

    @cached_property
    def given(self) -> tuple[Given, ...]:
        """Where those that store are given their sessions."""
        return tuple(self._given()) if self.classes else ()

    def _given(self) -> Iterator[Given]:
        for cls in self._all:
            if not self.classes.isdisjoint((cls, *cls.descendants())):
                for body in _settings(cls):
                    yield from _assigned(body, cls)
        for function in self.program.mentioning(SET_FACTORY):
            if function.facts.stores & STORED_WITH:
                found = _assigned(function, None)
                yield from (given for given in found if self._may_store(given))

    def _may_store(self, given: Given) -> bool:
        """``UserFactory._meta.sqlalchemy_session = db``: is it one of those, or isn't it known?"""
        operations = given.function.body.operations
        settings = operations[given.statement[7][0][1]]
        if settings[0] != f.ATTRIBUTE:
            return True
        cls = self.program.resolve_expression(given.function, operations, settings[5])
        return not isinstance(cls, Class) or not self.classes.isdisjoint((cls, *cls.descendants()))

    def runs_inside(self, function: Function) -> bool:
        """Is it part of a factory, which calls it while it makes something?"""
        inner: Function | None = function
        while inner is not None:
            if inner.facts.kind == "class" and self.program.classes.get(inner) in self._all:
                return True
            inner = inner.parent
        return False

    def session(self, factory: Class) -> v.Known | None:
        """The session that a factory stores with, or None where it isn't known."""
        own = [given for given in self.given if given.factory in factory.ancestors]
        for given in (*own, *(given for given in self.given if given.factory is None)):
            found = self.known(given)
            if found is not None:
                return found
        return None

    def known(self, given: Given) -> v.Known | None:
        """The session that an assignment gives, by itself or when it is called."""
        evaluation = self.inference.evaluations.get(given.function)
        found: list[v.Atom] = []
        for atom in evaluation.values[given.value] if evaluation is not None else ():
            if isinstance(atom, v.FunctionObject):
                found += self.inference.result(atom.function)
            found.append(atom)
        for atom in found:
            if isinstance(atom, v.Known) and atom.kind in ("Session", *_GIVING):
                return v.Known("Session", atom.origin, atom.sure)
        return None


def _settings(cls: Class) -> Iterator[Function]:
    """The body of ``class Meta``."""
    for body in cls.module.functions:
        if body.parent is cls.body and body.name == FACTORY_SETTINGS:
            yield body


def _assigned(function: Function, factory: Class | None) -> Iterator[Given]:
    for statement in statements_of(function.body.statements):
        if statement[0] != f.ASSIGN or len(statement[7]) != 1:
            continue
        (target,) = statement[7]
        if target[0] == f.TO_NAME and factory is not None and target[1] in STORED_WITH:
            yield Given(function, statement, factory)
        elif target[0] == f.TO_ATTRIBUTE and factory is None and target[2] in STORED_WITH:
            yield Given(function, statement, None)
