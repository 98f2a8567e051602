"""Scope: one function as syntax, with what the analysis knows of its names and calls."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from asyncify.analysis.colors import Colors
from asyncify.analysis.program import Function, Module, Symbol
from asyncify.analysis.uses import Use
from asyncify.pushdown.syntax import Definition, Source, assigned, call_position

Sources = Callable[[Module], "Source | None"]


@dataclass(frozen=True)
class Scope:
    """A function, its text, and its definition in it."""

    colors: Colors
    function: Function
    source: Source
    definition: Definition

    def symbol(self, node: ast.expr) -> Symbol | None:
        """What a name, or a dotted name, means."""
        program = self.colors.inference.program
        if isinstance(node, ast.Name):
            return None if node.id in self.locals else program.lookup(self.function, node.id)
        if isinstance(node, ast.Attribute):
            return program.member(self.symbol(node.value), node.attr)
        return None

    @cached_property
    def parameters(self) -> list[ast.arg]:
        arguments = self.definition.args
        found = [*arguments.posonlyargs, *arguments.args]
        found += [arguments.vararg] if arguments.vararg else []
        found += arguments.kwonlyargs
        return found + ([arguments.kwarg] if arguments.kwarg else [])

    @cached_property
    def locals(self) -> set[str]:
        """Parameters, and the names that are assigned."""
        return {p.arg for p in self.parameters} | {
            name for statement in self.definition.body for name in assigned(statement)
        }

    @cached_property
    def _uses(self) -> dict[tuple[int, int], list[Use]]:
        found: dict[tuple[int, int], list[Use]] = {}
        for use in self.colors.uses.of(self.function):
            found.setdefault((use.line, use.column), []).append(use)
        return found

    def does_io(self, call: ast.Call) -> bool:
        """Is it a call that asks the database?"""
        return any(use.does_io for use in self._uses.get(call_position(call), ()))

    def callee(self, call: ast.Call) -> Function | None:
        """The one function of the program that a call means."""
        found = {
            callee for use in self._uses.get(call_position(call), ()) if use.kind == "call"
            for callee in use.callees
        }  # fmt: skip
        if len(found) == 1:
            return found.pop()
        symbol = self.symbol(call.func) if not found else None
        return symbol if isinstance(symbol, Function) else None


def scope_of(colors: Colors, function: Function, sources: Sources) -> Scope | None:
    """A function with its text, where that can be read."""
    source = sources(function.module)
    if source is None or function.facts.kind != "def":
        return None
    definition = source.definitions.get((function.facts.line, function.name))
    return Scope(colors, function, source, definition) if definition is not None else None
