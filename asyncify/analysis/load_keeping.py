"""Which sessions expire nothing at a commit, even before the migration: those of factories with
``expire_on_commit=False``. What they hold stays as it is, before and after.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.program import Function, dotted
from asyncify.vocabulary.loading import KEEPS_ON_COMMIT, MAKES_SESSIONS, SCOPED
from asyncify.vocabulary.testing import is_test_path

if TYPE_CHECKING:
    from asyncify.analysis.infer import Inference


class Keeping:
    """The factories of a program, and what they say of commits."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self._functions: dict[Function, bool] = {}

    @cached_property
    def some(self) -> bool:
        """Does any factory keep what its sessions hold?"""
        return any(keeps for _, keeps in self._found)

    @cached_property
    def all(self) -> bool:
        """Do all of them? Those of tests alone don't count."""
        found = [
            keeps for origin, keeps in self._found if not is_test_path(origin.function.module.path)
        ]
        return self.some and all(found)

    def keeps(self, function: Function) -> bool:
        """Do the sessions that a function works with? Where nobody knows whose they are they are
        taken to be like any that does."""
        found = self._functions.get(function)
        if found is None:
            found = self._functions[function] = self.some and (self.all or self._keeps(function))
        return found

    def _keeps(self, function: Function) -> bool:
        origins = self._origins(function)
        kept = {origin for origin, keeps in self._found if keeps}
        own = {each for each in origins if not is_test_path(each.function.module.path)}
        return (own or origins) <= kept

    def _origins(self, function: Function) -> set[v.Origin]:
        evaluation = self.inference.evaluations.get(function)
        known = {origin for origin, _ in self._found}
        return {
            atom.origin for value in (evaluation.values if evaluation is not None else ())
            for atom in value
            if isinstance(atom, v.Known) and atom.kind == "Session" and atom.origin in known
            and atom.origin is not None
        }  # fmt: skip

    @cached_property
    def _found(self) -> list[tuple[v.Origin, bool]]:
        program = self.inference.program
        functions = {fn: None for name in MAKES_SESSIONS for fn in program.mentioning(name)}
        return [each for function in functions for each in _made_in(function)]


def _made_in(function: Function) -> Iterator[tuple[v.Origin, bool]]:
    """Where a function makes sessions or factories; options of both may stand in a dict."""
    operations = function.body.operations
    for operation in operations:
        if not operation or operation[0] != f.CALL:
            continue
        keeps = any(
            name == KEEPS_ON_COMMIT and operations[index][0] == f.CONSTANT
            and operations[index][5] is False
            for name, index in operation[7]
        )  # fmt: skip
        makes = dotted(operations, operation[5]).rpartition(".")[2] in MAKES_SESSIONS - {SCOPED}
        if keeps or makes:
            yield v.Origin(function, operation[3]), keeps
