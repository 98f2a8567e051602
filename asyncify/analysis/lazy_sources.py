"""Lazy sources: engines, factories and sessions that a function makes when they are first asked
for, and keeps in a global variable.

    _engine = None

    def get_engine():
        global _engine
        if _engine is None:
            _engine = create_engine(url)
        return _engine

What stays sync has a variable of its own beside it, and a copy of the function that fills it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.program import Function, Module, Variable
from asyncify.analysis.statements import statements_of
from asyncify.analysis.uses import SYNC_KINDS

if TYPE_CHECKING:
    from asyncify.analysis.infer import Inference


class LazySources:
    """Finds the global variables that are None until a function fills them."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self.program = inference.program
        self._filled: dict[Module, dict[str, tuple[Function, ...]]] = {}

    def fillers(self, variable: Variable) -> tuple[Function, ...]:
        """The functions that assign a variable which its module leaves at None."""
        return self._of(variable.module).get(variable.name, ())

    def are_named(self, function: Function) -> bool:
        """Does a function name a variable that holds an engine or the like once it is filled?"""
        return any(
            name in function.facts.names and self._is_held(function.module, name)
            for name in self._of(function.module)
        )

    def statement(self, variable: Variable) -> f.Statement | None:
        """The statement by which a module leaves a variable at None."""
        for statement in variable.module.functions[0].body.statements:
            if statement[0] == f.ASSIGN and len(statement[7]) == 1:
                target = statement[7][0]
            elif statement[0] == f.ANNOTATED:
                target = statement[7]
            else:
                continue
            if target[:2] == (f.TO_NAME, variable.name):
                return statement
        return None

    def assignments(self, function: Function, name: str) -> tuple[f.Statement, ...] | None:
        """The plain statements by which a function fills a variable or empties it; None where it
        does so in another way."""
        found = []
        for statement in statements_of(function.body.statements):
            if statement[0] != f.ASSIGN or not any(_binds(t, name) for t in statement[7]):
                continue
            operation = function.body.operations[statement[8]]
            if len(statement[7]) > 1 or statement[7][0][0] != f.TO_NAME:
                return None
            if operation[0] != f.CALL and not _is_none(operation):
                return None
            found.append(statement)
        return tuple(found) or None

    def _of(self, module: Module) -> dict[str, tuple[Function, ...]]:
        known = self._filled.get(module)
        if known is None:
            known = self._filled[module] = self._find(module)
        return known

    def _find(self, module: Module) -> dict[str, tuple[Function, ...]]:
        found: dict[str, tuple[Function, ...]] = {}
        for function in module.functions:
            if function.facts.kind != "def":
                continue
            for name in function.facts.declared:
                if name in function.facts.bound and self._is_left_empty(module, name):
                    found[name] = (*found.get(name, ()), function)
        return found

    def _is_left_empty(self, module: Module, name: str) -> bool:
        symbol = self.program.resolve(module, name)
        if not isinstance(symbol, Variable) or symbol.module is not module:
            return False
        place = self.program.variable_expression(symbol)
        if place is None or not _is_none(place[1][place[2]]):
            return False
        return self.statement(symbol) is not None

    def _is_held(self, module: Module, name: str) -> bool:
        value = self.inference.global_value(module, name)
        return any(isinstance(a, v.Known) and a.kind in SYNC_KINDS for a in value)


def _is_none(operation: f.Operation) -> bool:
    return bool(operation[0] == f.CONSTANT and operation[5] is None)


def _binds(target: tuple[Any, ...], name: str) -> bool:
    if target[0] == f.TO_SEQUENCE:
        return any(_binds(inner, name) for inner in target[1])
    return bool(target[0] == f.TO_NAME and target[1] == name)
