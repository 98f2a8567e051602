"""Dotted names of what a call calls, where nothing was evaluated: by imports and by the one place
where an object is made.

Programs do most of their other I/O in functions that never see a session, and inference doesn't
look at those. What is called there is mostly a function of an imported module, or a method of an
object that a variable of the module, of the function or of the instance holds.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.infer import Inference
from asyncify.analysis.program import Function, Variable
from asyncify.analysis.statements import statements_of

_NESTING = 6


class ForeignNames:
    """Names what is foreign to the program; methods are ``class().method``."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self.program = inference.program
        self._held: dict[Function, dict[str, int]] = {}

    def of(self, function: Function, index: int, depth: int = 0) -> str:
        """The dotted name of what an operation in a function's body refers to, or ''."""
        operations = function.body.operations
        operation = operations[index]
        evaluation = self.inference.evaluations.get(function)
        if evaluation is not None:
            for atom in evaluation.values[index]:
                if isinstance(atom, v.Foreign):
                    return atom.name
                if isinstance(atom, v.ForeignInstance):
                    return f"{atom.name}()"
        if depth > _NESTING:
            return ""
        if operation[0] == f.NAME:
            return self._named(function, operation[5], depth)
        if operation[0] == f.ATTRIBUTE:
            owner = self.of(function, operation[5], depth + 1)
            held = "" if owner else self._attribute(function, operation, depth)
            return held or (f"{owner}.{operation[6]}" if owner else "")
        if operation[0] == f.CALL:
            made = self.of(function, operation[5], depth + 1)
            return f"{made}()" if made else ""
        return ""

    def _named(self, function: Function, name: str, depth: int) -> str:
        place: Function | None = function
        while place is not None and place.facts.kind in ("def", "lambda"):
            if name in place.facts.bound:
                value = self._variables(place).get(name, -1)
                if value >= 0:
                    return self.of(place, value, depth + 1)
                return self._annotated(place, name)
            place = place.parent
        symbol = self.program.lookup(function, name)
        if isinstance(symbol, str):
            return symbol
        if isinstance(symbol, Variable):
            found = self.program.variable_expression(symbol)
            return self.of(found[0], found[2], depth + 1) if found is not None else ""
        return name if symbol is None and name not in function.module.bindings else ""

    def _annotated(self, function: Function, name: str) -> str:
        """``session: requests.Session``"""
        for parameter in function.signature.parameters:
            if parameter.name == name and parameter.annotation >= 0:
                operations = function.signature.operations
                scope = function.parent or function
                found = self.program.resolve_expression(scope, operations, parameter.annotation)
                return f"{found}()" if isinstance(found, str) else ""
        return ""

    def _variables(self, function: Function) -> dict[str, int]:
        """The local names that are bound once, and to what; -1 for all others."""
        known = self._held.get(function)
        if known is None:
            known = self._held[function] = {}
            for name, value in _bindings(function):
                known[name] = -1 if name in known else value
        return known

    def _attribute(self, function: Function, operation: f.Operation, depth: int) -> str:
        """``self.client``: what a method of the class assigns to it."""
        base = function.body.operations[operation[5]]
        cls = function.owner
        first = function.signature.parameters[:1] if cls is not None else ()
        if cls is None or base[0] != f.NAME or not first or base[5] != first[0].name:
            return ""
        for ancestor in cls.ancestors:
            for method in ancestor.methods.values():
                if operation[6] in method.facts.stores:
                    for name, value in _stored(method):
                        if name == operation[6]:
                            return self.of(method, value, depth + 1)
        return ""


def _bindings(function: Function) -> Iterator[tuple[str, int]]:
    for parameter in function.signature.parameters:
        yield parameter.name, -1
    for statement in statements_of(function.body.statements):
        if statement[0] == f.ASSIGN:
            for target in statement[7]:
                if target[0] == f.TO_NAME:
                    yield target[1], statement[8]
        elif statement[0] == f.ANNOTATED and statement[7][0] == f.TO_NAME:
            yield statement[7][1], statement[9]
        elif statement[0] == f.WITH:
            for value, target in statement[7]:
                if target is not None and target[0] == f.TO_NAME:
                    yield target[1], value
        elif statement[0] == f.FOR and statement[7][0] == f.TO_NAME:
            yield statement[7][1], -1


def _stored(function: Function) -> Iterator[tuple[str, int]]:
    """The attributes that a function assigns, and what."""
    for statement in statements_of(function.body.statements):
        if statement[0] == f.ASSIGN:
            for target in statement[7]:
                if target[0] == f.TO_ATTRIBUTE:
                    yield target[2], statement[8]
        elif statement[0] == f.ANNOTATED and statement[7][0] == f.TO_ATTRIBUTE:
            yield statement[7][2], statement[9]
