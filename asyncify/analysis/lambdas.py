"""Lambdas that do database work: they can't await, but somebody else can.

A lambda that a builtin applies gives way to its body. One that is a single call hands on the
coroutine which that call gives from now on, and whoever calls the lambda awaits it. A framework
that asks first whether a function is async would lose it: there it becomes a function that is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from asyncify import facts as f
from asyncify.analysis.boundaries import asks_first
from asyncify.analysis.consumers import is_lambda
from asyncify.analysis.layout import Layout
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function
from asyncify.analysis.statements import statements_of
from asyncify.analysis.uses import Use
from asyncify.vocabulary.rows import Form
from asyncify.vocabulary.testing import CLIENT_MEMBERS

if TYPE_CHECKING:
    from asyncify.analysis.colors import Colors


# Statements before which one can stand that defines a function.
_HOSTS = {
    f.EXPRESSION, f.ASSIGN, f.ANNOTATED, f.AUGMENTED, f.RETURN, f.IF, f.FOR, f.WITH, f.ASSERT,
}  # fmt: skip
_NAME = "call"


class Definition(NamedTuple):
    """What a lambda is called once it is defined; and whether that takes the place of its line."""

    name: str
    replaces: bool = False


class Lambdas:
    """Answers for the lambdas of a program."""

    def __init__(self, colors: Colors) -> None:
        self.colors = colors

    def obstacle(self, function: Function) -> Obstacle | None:
        """Why a lambda can't turn, or None."""
        if self.is_inlined(function) or self.hands_on(function):
            return None
        if self.definition(function) is not None:
            return None
        return Obstacle("ASY101", f"The lambda in line {function.facts.line} can't await.")

    def hands_on(self, function: Function) -> bool:
        """Is a lambda a call that gives a coroutine from now on, and nothing else that awaits?"""
        if function.facts.kind != "lambda" or self.is_inlined(function):
            return False
        doing = {
            use.operation: _gives(use) for use in self.colors.uses.of(function)
            if use.does_io or any(map(self.colors.does_io, use.callees))
        }  # fmt: skip
        doing |= dict.fromkeys(self._requests(function), True)
        callers = self.colors.callers().get(function, ())
        if any(use.kind == "pass" and asks_first(use.name) for _, use in callers):
            return False
        return bool(callers) and doing == {function.body.statements[0][7]: True}

    def definition(self, function: Function) -> Definition | None:
        """How a lambda is defined that has to await more than one call, where a statement can
        stand before its own, in the same scope."""
        place = self._definition(function)
        if place is None or not place.name:
            return None
        return place if self.colors.callers().get(function) or _put(function) else None

    def _definition(self, function: Function) -> Definition | None:
        parent = function.parent
        if function.facts.kind != "lambda" or parent is None:
            return None
        if parent.facts.kind not in ("def", "module"):
            return None
        layout = self.colors.uses.layout(parent)
        index = next((
            i for i, o in enumerate(layout.operations)
            if o and o[0] == f.LAMBDA and o[5] == function.index
        ), -1)  # fmt: skip
        statement = layout.statement(index) if index >= 0 else None
        if statement is None or statement[0] not in _HOSTS or statement[6]:
            return None
        if layout.operations[index][4] & (f.REPEATED | f.GENERATOR):
            return None
        if any(
            p.default >= 0 and not _is_plain(function, p) for p in function.signature.parameters
        ):
            return None
        targets: tuple[Any, ...] = (
            statement[7] if statement[0] == f.ASSIGN and statement[8] == index else ()
        )
        if len(targets) == 1 and targets[0][0] == f.TO_NAME:
            return Definition(targets[0][1], True)
        before = [fn for fn in parent.module.functions if fn.parent is parent and (
            fn.facts.kind == "lambda" and fn.index < function.index
        )]  # fmt: skip
        name = f"{_NAME}_{len(before) + 1}" if before else _NAME
        if parent.facts.kind == "module":
            name = f"_{_key(layout, index) or name}"
        taken = parent.facts.names | parent.facts.bound
        put = _put(function)
        if put and put not in taken:
            name = put
        return Definition("" if name in taken else name)

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


def _put(function: Function) -> str:
    """What to call a lambda that is all that a key or an attribute is assigned, as in
    `app.dependency_overrides[user] = lambda: ...`, or '': it is as good as a function there."""
    operations = function.parent.body.operations if function.parent is not None else ()
    for statement in statements_of(function.parent.body.statements) if function.parent else ():
        if statement[0] != f.ASSIGN or len(statement[7]) != 1:
            continue
        value, target = operations[statement[8]], statement[7][0]
        if value[:1] != (f.LAMBDA,) or value[5] != function.index:
            continue
        if target[0] == f.TO_ATTRIBUTE:
            return f"fake_{target[2].strip('_')}"
        if target[0] == f.TO_SUBSCRIPT:
            key = operations[target[2]]
            last = key[6] if key[0] == f.ATTRIBUTE else key[5] if key[0] == f.NAME else ""
            return f"fake_{last.strip('_')}" if last else _NAME
    return ""


def _is_plain(function: Function, parameter: f.Parameter) -> bool:
    """Does evaluating a default do nothing else?"""
    return function.signature.operations[parameter.default][0] in (f.NAME, f.CONSTANT)


def _gives(use: Use) -> bool:
    """Does a call give a coroutine, once what it calls is async?"""
    if use.kind == "call":
        return not any(callee.facts.is_generator for callee in use.callees)
    return use.kind == "member" and use.row is not None and use.row.form is Form.AWAIT


def _key(layout: Layout, index: int) -> str:
    """The key under which a dict has a value, if it may be a name."""
    parent = layout.parent(index)
    operation = layout.operations[parent] if parent >= 0 else ()
    if operation[:1] != (f.DICT,) or index not in operation[6]:
        return ""
    key = operation[5][operation[6].index(index)]
    text = layout.operations[key][5] if key >= 0 and layout.operations[key][0] == f.CONSTANT else ""
    return text if isinstance(text, str) and text.isidentifier() and text.islower() else ""
