"""Lent sessions: those that a library gives a function, by a dependency or by a call.

``Depends(platform.get_db)``, ``find_user(platform.open_session(), 1)``: the annotation of the one
who gets it says that it is a session, and nothing says what the library gives from now on. It gives
what it did, a sync one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.declarations import (
    dependency_function,
    dependency_target,
    foreign_name,
)
from asyncify.analysis.evidence import sources_of
from asyncify.analysis.infer import Inference
from asyncify.analysis.injected import Injected
from asyncify.analysis.program import Function, Variable
from asyncify.analysis.statements import statements_of
from asyncify.analysis.uses import Uses
from asyncify.vocabulary.frameworks import ROOTS

# What these give is known, or a stand-in.
_KNOWN = sys.stdlib_module_names | ROOTS | {"sqlalchemy", "sqlmodel", "alembic", "mock", "pytest"}


class Lent:
    """Tells who gets a session from a library."""

    def __init__(self, inference: Inference, uses: Uses) -> None:
        self.inference = inference
        self.uses = uses
        self.injected = Injected(inference)
        self._lenders: dict[Function, str] = {}

    def lender(self, function: Function) -> str:
        """What of a library gives a plain function a session, by its dotted name; else ''."""
        if function not in self._lenders:
            self._lenders[function] = self._lender(function)
        return self._lenders[function]

    def _lender(self, function: Function) -> str:
        if function.facts.kind != "def" or function.facts.is_async:
            return ""
        return next(self._injecting(function), "") or next(self._calling(function), "")

    def by_fixture(self, fixture: Function) -> str:
        """What of a library gives what a fixture of pytest says is a session; else ''."""
        declared = self.inference.declared(fixture, fixture.signature.returns)
        if not self._is_session(declared | v.elements(declared)):
            return ""
        return next(self._handing_on(fixture), "")

    def _injecting(self, function: Function) -> Iterator[str]:
        """What FastAPI calls for a session: of a library, or of the program and only handing on
        what a library gives. What other parameters are given is no session."""
        scope, operations = function.parent or function, function.signature.operations
        for parameter in function.signature.parameters:
            if self._is_session(self.inference.declared(function, parameter.annotation)):
                roots = (i for i in (parameter.annotation, parameter.default) if i >= 0)
                for index in roots:
                    yield from self._depended(scope, operations, index)

    def _depended(
        self, scope: Function, operations: tuple[f.Operation, ...], index: int
    ) -> Iterator[str]:
        """What of a library stands in ``Depends(...)``, or gives what that hands on; in an alias
        too."""
        operation = operations[index]
        if operation[0] == f.CALL:
            target = dependency_target(self.inference, scope, operations, index)
            if target >= 0:
                name = foreign_name(scope, operations, target, self.inference)
                yield from filter(_is_lender, [name] if "." in name else [])
            found = dependency_function(self.inference, scope, operations, index)
            yield from self._handing_on(found) if isinstance(found, Function) else ()
        elif operation[0] == f.SUBSCRIPT:
            yield from self._depended(scope, operations, operation[6])
        elif operation[0] == f.SEQUENCE:
            for inner in operation[6]:
                yield from self._depended(scope, operations, inner) if inner >= 0 else ()
        elif operation[0] in (f.NAME, f.ATTRIBUTE):
            symbol = self.inference.program.resolve_expression(scope, operations, index)
            yield from self.under(symbol) if isinstance(symbol, Variable) else ()

    def under(self, alias: Variable) -> Iterator[str]:
        """What of a library is injected under an alias of a module."""
        found = self.injected.expression(alias)
        if found is not None:
            yield from self._depended(found[0], found[0].body.operations, found[1])

    def _handing_on(self, dependency: Function) -> Iterator[str]:
        """What gives that which a dependency yields or returns."""
        operations = dependency.body.operations
        given = [
            operation[5] for operation in operations
            if operation and operation[0] in (f.YIELD, f.YIELD_FROM) and operation[5] >= 0
        ] or [
            statement[7] for statement in statements_of(dependency.body.statements)
            if statement[0] == f.RETURN and statement[7] >= 0
        ]  # fmt: skip
        evaluation = self.inference.evaluations.get(dependency)
        for index in given if evaluation is not None else ():
            assert evaluation is not None
            yield from _lenders(evaluation.values[index])
            if operations[index][0] == f.NAME and not evaluation.values[index]:
                for source, _ in sources_of(dependency, operations[index][5]):
                    yield from _lenders(evaluation.values[source])

    def _calling(self, function: Function) -> Iterator[str]:
        """Which call gives what a function hands to one that takes a session."""
        evaluation = self.inference.evaluations.get(function)
        for use in self.uses.of(function) if evaluation is not None else ():
            operation = function.body.operations[use.operation]
            if use.kind != "call" or operation[0] != f.CALL or evaluation is None:
                continue
            given: list[tuple[int | str | None, int]] = [*enumerate(operation[6]), *operation[7]]
            for key, index in given:
                lenders = [*_lenders(evaluation.values[index])] if index >= 0 else []
                if lenders and any(
                    self._takes(callee, key, self.inference.skipped(function, operation, callee))
                    for callee in use.callees
                ):
                    yield from lenders

    def _takes(self, callee: Function, key: int | str | None, skipped: int) -> bool:
        """Is the parameter at a position, or of a name, annotated as a session?"""
        parameters = callee.signature.parameters
        if isinstance(key, int):
            found = parameters[key + skipped : key + skipped + 1]
        else:
            found = tuple(each for each in parameters if each.name == key)
        return any(self._is_session(self.inference.declared(callee, p.annotation)) for p in found)

    def _is_session(self, value: v.Value) -> bool:
        return any(isinstance(a, v.Known) and a.kind == "Session" for a in value)


def _lenders(value: v.Value) -> Iterator[str]:
    if value and all(isinstance(atom, v.ForeignInstance) for atom in value):
        names = sorted(atom.name for atom in value if isinstance(atom, v.ForeignInstance))
        yield from filter(_is_lender, names)


def _is_lender(name: str) -> bool:
    return name.partition(".")[0] not in _KNOWN
