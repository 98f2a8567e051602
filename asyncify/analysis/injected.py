"""Injected: the functions that FastAPI calls for another one, and gives it what they give.

They stand in the signature: behind a parameter's default, in its annotation, in an alias that a
module has for that (``SessionDep = Annotated[Session, Depends(get_session)]``), or in a decorator.
Nobody calls them by name, and yet they have to be of the same color as whoever gets their session.
Litestar is told the names of the parameters that its own are for.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from asyncify import facts as f
from asyncify.analysis.declarations import dependency_function, foreign_name
from asyncify.analysis.infer import Inference
from asyncify.analysis.program import Class, Function, Variable
from asyncify.vocabulary.injection import BY_NAME, BY_NAME_MODULE, DEPENDS


class Injected:
    """Reads signatures, each once."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self.program = inference.program
        self._functions: dict[Function, tuple[Function, ...]] = {}
        self._aliases: dict[Variable, tuple[Function, ...]] = {}

    def into(self, function: Function) -> tuple[Function, ...]:
        """The functions whose results a function is given."""
        if function.facts.kind not in ("def", "lambda"):
            return ()
        if function not in self._functions:
            scope, operations = function.parent or function, function.signature.operations
            found = list(self._given(scope, operations, range(len(operations))))
            found += self._by_annotations(function)
            for variable in self.aliases(function):
                found += self.by_alias(variable)
            self._functions[function] = tuple(dict.fromkeys(found))
        return self._functions[function]

    def by_parameter(self, function: Function) -> Iterator[Function]:
        """Those that Litestar calls for the parameters of a function, by their names."""
        for parameter in function.signature.parameters if self._by_name else ():
            yield from self._by_name.get(parameter.name, ())

    @cached_property
    def _by_name(self) -> dict[str, list[Function]]:
        """What Litestar is told, wherever that stands: also in decorators."""
        found: dict[str, list[Function]] = {}
        for function in self.program.mentioning(BY_NAME):
            scope = function.parent or function
            for place in ((function, function.body), (scope, function.signature)):
                for name, given in self._named(place[0], place[1].operations):
                    found.setdefault(name, []).append(given)
        return found

    def _named(
        self, scope: Function, operations: tuple[f.Operation, ...]
    ) -> Iterator[tuple[str, Function]]:
        """The names and functions of ``{"session": Provide(get_session)}``."""
        for operation in operations:
            if operation[:1] != (f.DICT,):
                continue
            for key, value in zip(operation[5], operation[6], strict=True):
                if key >= 0 and operations[key][0] == f.CONSTANT:
                    given = self._provided(scope, operations, value)
                    if given is not None:
                        yield operations[key][5], given

    def _provided(
        self, scope: Function, operations: tuple[f.Operation, ...], index: int
    ) -> Function | None:
        operation = operations[index]
        if operation[:1] != (f.CALL,) or min(operation[6][:1], default=-1) < 0:
            return None
        name = foreign_name(scope, operations, operation[5], self.inference) or ""
        if not name.startswith(BY_NAME_MODULE) or name.rpartition(".")[2] != BY_NAME:
            return None
        symbol = self.program.resolve_expression(scope, operations, operation[6][0])
        return symbol if isinstance(symbol, Function) else None

    def names(self, function: Function, cls: Class) -> bool:
        """Does FastAPI make objects of a class for a function, or for what a module has?"""
        scope = function.parent or function
        return any(
            operation and operation[0] == f.CALL and self._asks_for(place, operations, index, cls)
            for place, operations in (
                (scope, function.signature.operations), (function, function.body.operations),
            )
            for index, operation in enumerate(operations)
        )  # fmt: skip

    def _asks_for(
        self, scope: Function, operations: tuple[f.Operation, ...], index: int, cls: Class
    ) -> bool:
        operation = operations[index]
        if foreign_name(scope, operations, operation[5], self.inference) not in DEPENDS:
            return False
        found = dependency_function(self.inference, scope, operations, index)
        return found is cls or not operation[6]  # `Depends()`: the annotation says what

    def aliases(self, function: Function) -> Iterator[Variable]:
        """The aliases that a function's parameters are annotated with."""
        scope, operations = function.parent or function, function.signature.operations
        for index, operation in enumerate(operations):
            if operation and operation[0] in (f.NAME, f.ATTRIBUTE):
                symbol = self.program.resolve_expression(scope, operations, index)
                if isinstance(symbol, Variable) and self.by_alias(symbol):
                    yield symbol

    def by_alias(self, variable: Variable) -> tuple[Function, ...]:
        """What is injected under a module's variable, which is no alias if that is nothing."""
        if variable not in self._aliases:
            self._aliases[variable] = ()  # where it is made from itself
            found = self.expression(variable)
            if found is not None:
                body, index = found
                indexes = self.inference.layout(body).subtree(index)
                made = list(self._given(body, body.body.operations, sorted(indexes)))
                for inner in sorted(indexes):
                    symbol = self._variable(body, inner)
                    made += self.by_alias(symbol) if symbol is not None else ()
                self._aliases[variable] = tuple(dict.fromkeys(made))
        return self._aliases[variable]

    def expression(self, variable: Variable) -> tuple[Function, int] | None:
        """The subscript that an alias is assigned."""
        found = self.program.variable_expression(variable)
        if found is None or found[1][found[2]][0] != f.SUBSCRIPT:
            return None
        return found[0], found[2]

    def _by_annotations(self, function: Function) -> Iterator[Function]:
        """``users: Users = Depends()``, ``users: Annotated[Users, Depends()]``: the constructor of
        what is annotated."""
        scope, signature = function.parent or function, function.signature
        for parameter in signature.parameters:
            place, given = parameter.annotation, parameter.default
            operation = signature.operations[place] if place >= 0 else ()
            if operation[:1] == (f.SUBSCRIPT,):
                parts = signature.operations[operation[6]]
                place, given = parts[6][:2] if parts[0] == f.SEQUENCE else (-1, -1)
            if place < 0 or given < 0 or not self._is_bare(scope, signature.operations, given):
                continue
            cls = self.program.resolve_expression(scope, signature.operations, place)
            constructor = cls.find("__init__") if isinstance(cls, Class) else None
            if constructor is not None:
                yield constructor

    def _is_bare(self, scope: Function, operations: tuple[f.Operation, ...], index: int) -> bool:
        """Is it ``Depends()``?"""
        operation = operations[index]
        if operation[0] != f.CALL or operation[6] or operation[7]:
            return False
        return foreign_name(scope, operations, operation[5], self.inference) in DEPENDS

    def _variable(self, body: Function, index: int) -> Variable | None:
        operation = body.body.operations[index]
        if operation[0] not in (f.NAME, f.ATTRIBUTE):
            return None
        symbol = self.program.resolve_expression(body, body.body.operations, index)
        return symbol if isinstance(symbol, Variable) else None

    def _given(
        self, scope: Function, operations: tuple[f.Operation, ...], indexes: range | list[int]
    ) -> Iterator[Function]:
        for index in indexes:
            if operations[index] and operations[index][0] == f.CALL:
                found = dependency_function(self.inference, scope, operations, index)
                if isinstance(found, Class):
                    found = found.find("__init__")
                if found is not None:
                    yield found
