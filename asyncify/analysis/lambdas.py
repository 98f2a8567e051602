"""Lambdas that do database work: they can't await, but somebody else can.

A lambda that a builtin applies gives way to its body. One that is a single call hands on the
coroutine which that call gives from now on, and whoever calls the lambda awaits it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify.analysis.consumers import is_lambda
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function
from asyncify.analysis.uses import Use
from asyncify.vocabulary.rows import Form
from asyncify.vocabulary.testing import CLIENT_MEMBERS

if TYPE_CHECKING:
    from asyncify.analysis.colors import Colors


class Lambdas:
    """Answers for the lambdas of a program."""

    def __init__(self, colors: Colors) -> None:
        self.colors = colors

    def obstacle(self, function: Function) -> Obstacle | None:
        """Why a lambda can't turn, or None."""
        if self.is_inlined(function) or self.hands_on(function):
            return None
        return Obstacle("ASY101", "A lambda can't await.")

    def hands_on(self, function: Function) -> bool:
        """Is a lambda a call that gives a coroutine from now on, and nothing else that awaits?"""
        if function.facts.kind != "lambda" or self.is_inlined(function):
            return False
        doing = {
            use.operation: _gives(use) for use in self.colors.uses.of(function)
            if use.does_io or any(map(self.colors.does_io, use.callees))
        }  # fmt: skip
        doing |= dict.fromkeys(self._requests(function), True)
        called = bool(self.colors.callers().get(function))
        return called and doing == {function.body.statements[0][7]: True}

    def _requests(self, function: Function) -> list[int]:
        """The calls that make a request to the application."""
        clients = self.colors.clients
        return [
            clients.call(use) for use in self.colors.uses.of(function)
            if use.kind == "client" and use.name in CLIENT_MEMBERS
            and CLIENT_MEMBERS[use.name].awaited and clients.call(use) >= 0
        ]  # fmt: skip

    def is_inlined(self, function: Function) -> bool:
        """Does a lambda give way to its body, where it is called for each item, or where an error
        is expected of it?"""
        found = self.colors.callers().get(function, ())
        return bool(found) and all(self._inlines(use, function) for _, use in found)

    def _inlines(self, use: Use, function: Function) -> bool:
        if use.kind == "apply":
            layout = self.colors.uses.layout(use.function)
            return is_lambda(layout, use.operation, function.index)
        return (
            use.kind == "expect"
            and not function.signature.parameters
            and self.colors.places.obstacle(use) is None
        )


def _gives(use: Use) -> bool:
    """Does a call give a coroutine, once what it calls is async?"""
    if use.kind == "call":
        return not any(callee.facts.is_generator for callee in use.callees)
    return use.kind == "member" and use.row is not None and use.row.form is Form.AWAIT
