"""Statements that are strings: SQLAlchemy 1.4's own style executes them, an async session or
connection only ``text()``."""

from __future__ import annotations

import re

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Colors
from asyncify.analysis.program import Function, Variable
from asyncify.analysis.uses import Use
from asyncify.decisions import EditArguments
from asyncify.planning.draft import Draft, call_reference
from asyncify.planning.own_style import assigned
from asyncify.vocabulary.sqlalchemy_session import TEXTUAL

# In a driver's own style: what `text()` takes for itself, or hands on in another way.
_OF_DRIVER = re.compile(r"[%?]|(?<![:\w\\]):\w")
_COMPOSING = {"Add", "Mod"}


class OwnStrings:
    """The strings that one function executes."""

    def __init__(self, colors: Colors, function: Function) -> None:
        self.colors = colors
        self.function = function
        self.operations = function.body.operations

    def plan(self, draft: Draft, group: int) -> str:
        """Put ``text()`` around them. The reason is returned if that can't be done."""
        for use in self.colors.uses.of(self.function):
            if not self._executes(use):
                continue
            call = self.operations[use.operation]
            if not call[6] or call[6][0] < 0 or not self._is_string(self.function, call[6][0]):
                continue
            if not self._may_be_text(use, call):
                return f"The string of line {use.line} has parameters in the driver's style."
            draft.add(
                EditArguments(
                    node=call_reference(self.function, use.operation), site=draft.site(call),
                    group=group, wrap=((0, f"{draft.spell('sqlalchemy.text')}({{argument}})"),),
                )
            )  # fmt: skip
        return ""

    def _executes(self, use: Use) -> bool:
        owner, row = use.owner, use.row
        return (
            use.kind == "member" and row is not None and isinstance(owner, v.Known)
            and (owner.kind, row.name) in TEXTUAL and self.operations[use.operation][0] == f.CALL
        )  # fmt: skip

    def _may_be_text(self, use: Use, call: f.Operation) -> bool:
        """A session's string is `text()` already; a connection gives it to the driver."""
        if isinstance(use.owner, v.Known) and use.owner.kind != "Connection":
            return True
        return len(call[6]) == 1 and not call[7] and self._is_neutral(call[6][0])

    def _is_string(self, function: Function, index: int) -> bool:
        operations = function.body.operations
        operation = operations[index]
        kind = operation[0]
        if kind == f.CONSTANT:
            return isinstance(operation[5], str)
        if kind == f.FORMAT:
            return True
        if kind == f.OPERATOR:
            return operation[5] in _COMPOSING and self._is_string(function, operation[6][0])
        if kind == f.CALL:  # "...".format(...), "...".join(...)
            callee = operations[operation[5]]
            return bool(callee[0] == f.ATTRIBUTE and operations[callee[5]][0] == f.CONSTANT)
        return kind == f.NAME and self._is_string_by_name(function, operation[5])

    def _is_string_by_name(self, function: Function, name: str) -> bool:
        symbol = self.colors.program.lookup(function, name)
        if isinstance(symbol, Variable):
            found = self.colors.program.variable_expression(symbol)
            return found is not None and self._is_string(found[0], found[2])
        values = assigned(function, self.colors.uses.layout(function), name)
        return bool(values) and all(i >= 0 and self._is_string(function, i) for i in values)

    def _is_neutral(self, index: int) -> bool:
        """Does it mean the same to ``text()`` and to the driver?"""
        parts = self.colors.uses.layout(self.function).subtree(index)
        texts = [self.operations[part] for part in parts]
        return not any(
            operation[0] == f.NAME
            or (operation[0] == f.CONSTANT and isinstance(operation[5], str)
                and _OF_DRIVER.search(operation[5]))
            for operation in texts
        )  # fmt: skip
