"""Staying names: classes of SQLAlchemy that mean only what stays sync where they are named.

Beside a component that stays sync another may turn. Annotations and aliases say of neither where
their objects come from: what is known of the values tells, or else what their file makes and
handles, or else the whole program.
"""

from __future__ import annotations

from functools import cached_property

from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Class, Function, Module, Variable
from asyncify.analysis.routed_binds import routing
from asyncify.planning.callable_annotations import flat
from asyncify.vocabulary.names import KINDS


class StayingNames:
    """Asks where objects come from, by their kind."""

    def __init__(self, colors: Colors, coloring: Coloring) -> None:
        self.inference = colors.inference
        self.program = colors.program
        self.coloring = coloring

    def annotates(self, function: Function, name: str, value: v.Value) -> bool:
        """Does everything stay sync that an annotation of a function, or of a class's field, means
        by the name of a class?"""
        if any(isinstance(atom, v.ClassObject) and atom.cls in self._routing for atom in value):
            return True  # it is the sync session behind the async one
        kind = KINDS.get(name)
        if kind is None or not self.coloring.stays_origins:
            return False
        origins = {
            atom.origin for atom in flat(value)
            if isinstance(atom, v.Known) and atom.kind == kind and atom.origin is not None
        }  # fmt: skip
        if origins or self._turns(function):
            return bool(origins) and origins <= self.coloring.stays_origins
        return self._around(kind, function.module)

    def abbreviates(self, variable: Variable, name: str) -> bool:
        """Does everything stay sync that an alias means by the name of a class?"""
        kind = KINDS.get(name)
        if kind is None or not self.coloring.stays_origins:
            return False
        users = (
            function for function in self.program.mentioning(variable.name)
            if function in self.coloring.turned
            and self.program.resolve(function.module, variable.name) == variable
        )  # fmt: skip
        return not any(users) and self._around(kind, variable.module)

    def _turns(self, function: Function) -> bool:
        """Does a function turn, or anything of the class whose body it is?"""
        cls = self.program.classes.get(function)
        methods = cls.methods.values() if cls is not None else (function,)
        return not self.coloring.turned.isdisjoint(methods)

    def _around(self, kind: str, module: Module) -> bool:
        """Does everything of a kind stay sync, in a file or else in the program?"""
        origins = self._origins.get((module, kind)) or self._origins.get((None, kind), set())
        return bool(origins) and origins <= self.coloring.stays_origins

    @cached_property
    def _routing(self) -> set[Class]:
        """The session classes that choose their engines."""
        return {cls for cls, _ in routing(self.inference)}

    @cached_property
    def _origins(self) -> dict[tuple[Module | None, str], set[v.Origin]]:
        """What makes the objects of each kind that a file handles, or the whole program."""
        out: dict[tuple[Module | None, str], set[v.Origin]] = {}
        for function, evaluation in self.inference.evaluations.items():
            for _, value in evaluation.objects:
                for atom in value:
                    if isinstance(atom, v.Known) and atom.origin is not None:
                        for place in (function.module, None):
                            out.setdefault((place, atom.kind), set()).add(atom.origin)
        return out
