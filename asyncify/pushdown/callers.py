"""Callers: who calls the function that loads, and which numbers a parameter may have."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from asyncify.analysis.colors import Colors
from asyncify.analysis.program import Function
from asyncify.pushdown.bounds import Arithmetic
from asyncify.pushdown.scope import Scope
from asyncify.pushdown.syntax import assigned, call_position, unparsed
from asyncify.vocabulary.push_down import LOWEST
from asyncify.vocabulary.testing import is_test_path

_DEPTH = 6


class Callers:
    """The calls of functions, as the analysis has them."""

    def __init__(self, colors: Colors, scope: Callable[[Function], Scope | None]) -> None:
        self.colors = colors
        self.scope = scope

    def of(self, function: Function) -> list[Function]:
        """The functions that call another, in order."""
        found = {caller for caller, _ in self.colors.callers().get(function, ())}
        return sorted(found, key=lambda fn: (fn.module.path, fn.index))

    def may_be_replaced(self, function: Function) -> bool:
        """Do tests name the function other than by calling it? They may put another in its
        place, which nobody would call any more."""
        calling = set(self.of(function))
        program = self.colors.inference.program
        return any(
            is_test_path(fn.module.path) and fn not in calling
            for fn in program.mentioning_member(function.name)
        )

    # -- the least value of a parameter

    def lowest(self, scope: Scope, name: str, depth: int = 0) -> int | None:
        """The least value that a name may have, where that is known."""
        parameter = next((p for p in scope.parameters if p.arg == name), None)
        if parameter is None or depth > _DEPTH:
            return None
        if any(name in assigned(statement) for statement in scope.definition.body):
            return None
        declared = self._declared(scope, parameter)
        if declared is not None:
            return declared
        found = [
            self._given(caller, call, scope, name, depth)
            for caller, call in self._calls(scope.function)
        ]
        known = [low for low in found if low is not None]
        return min(known) if known and len(known) == len(found) else None

    def _declared(self, scope: Scope, parameter: ast.arg) -> int | None:
        """What a framework lets through: ``page: int = Query(1, ge=1)``."""
        arguments = scope.definition.args
        every = [*arguments.posonlyargs, *arguments.args]
        defaults = dict(
            zip(reversed([a.arg for a in every]), reversed(arguments.defaults), strict=False)
        )
        given = [defaults[parameter.arg]] if parameter.arg in defaults else []
        if isinstance(parameter.annotation, ast.Subscript):
            given += [parameter.annotation.slice]
        for node in given:
            for call in ast.walk(node):
                for each in call.keywords if isinstance(call, ast.Call) else ():
                    value = getattr(each.value, "value", None)
                    if each.arg in LOWEST and type(value) is int:
                        return value + LOWEST[each.arg]
        return None

    def _calls(self, function: Function) -> Iterator[tuple[Scope | None, ast.Call | None]]:
        """All places that use the function; None for one that isn't a plain call."""
        for caller, use in self.colors.callers().get(function, ()):
            scope = self.scope(caller) if use.kind == "call" else None
            call = _call_at(scope, (use.line, use.column)) if scope is not None else None
            if scope is None or call is None or not _hands_on(scope, call):
                yield scope, call

    def _given(
        self, caller: Scope | None, call: ast.Call | None, scope: Scope, name: str, depth: int
    ) -> int | None:
        """The least value that one call gives a parameter."""
        if caller is None or call is None:
            return None
        node = _argument(scope, call, name)
        if node is None:
            return None
        low = Arithmetic({}, lambda each: self.lowest(caller, each, depth + 1)).at_least(node)
        return int(low) if low > float("-inf") else None


def _call_at(scope: Scope, place: tuple[int, int]) -> ast.Call | None:
    for node in ast.walk(scope.definition):
        if isinstance(node, ast.Call) and call_position(node) == place:
            return node
    return None


def _hands_on(scope: Scope, call: ast.Call) -> bool:
    """Does a decorator's function hand on all that it is given? Then its callers count."""
    own = scope.definition.args
    if own.vararg is None or own.kwarg is None or scope.function.parent is None:
        return False
    given = {unparsed(arg) for arg in call.args} | {f"**{unparsed(k.value)}" for k in call.keywords}
    changed = {name for statement in scope.definition.body for name in assigned(statement)}
    names = {own.vararg.arg, own.kwarg.arg}
    return given == {f"*{own.vararg.arg}", f"**{own.kwarg.arg}"} and not changed & names


def _argument(scope: Scope, call: ast.Call, name: str) -> ast.expr | None:
    """What a call gives a parameter."""
    if any(isinstance(arg, ast.Starred) for arg in call.args):
        return None
    for each in call.keywords:
        if each.arg == name:
            return each.value
    parameters = [p.arg for p in (*scope.definition.args.posonlyargs, *scope.definition.args.args)]
    if scope.function.is_method:
        parameters = parameters[1:]
    place = parameters.index(name) if name in parameters else len(call.args)
    return call.args[place] if place < len(call.args) else None
