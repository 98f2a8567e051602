"""What is kept in an object of a library, as in Click's context, for functions that the library
calls: these have the session that somebody else opened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.program import Function
from asyncify.analysis.side_spread import Spread
from asyncify.analysis.sides import ordered
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary.frameworks import PASSED_ATTRIBUTE, PASSING

if TYPE_CHECKING:
    from asyncify.analysis.colors import Colors


class KeptAbroad:
    """Tells who reads what some functions keep so."""

    def __init__(self, colors: Colors, spread: Spread) -> None:
        self.colors = colors
        self.inference = colors.inference
        self.spread = spread

    def names(self, members: set[Function]) -> set[str]:
        """``context.obj = State()``, ``context.obj["db"] = session``: the attributes in which a
        session, or what holds one, is kept in an object that isn't the program's."""
        return {name for member in members for name in self._kept(member)}

    def _kept(self, member: Function) -> Iterator[str]:
        evaluation = self.inference.evaluations.get(member)
        if evaluation is None:
            return
        for statement in statements_of(member.body.statements):
            if statement[0] != f.ASSIGN or not self._holds_session(evaluation.values[statement[8]]):
                continue
            for target in statement[7]:
                base, name = self._place(member, target)
                if name and not any(
                    isinstance(a, (v.Instance, v.ClassObject)) for a in evaluation.values[base]
                ):
                    yield name

    def _place(self, member: Function, target: tuple[Any, ...]) -> tuple[int, str]:
        """The object, and its attribute, which is set or of which an item is."""
        if target[0] == f.TO_ATTRIBUTE:
            return target[1], target[2]
        if target[0] != f.TO_SUBSCRIPT:
            return -1, ""
        operation = member.body.operations[target[1]]
        return (operation[5], operation[6]) if operation[0] == f.ATTRIBUTE else (-1, "")

    def _holds_session(self, value: v.Value) -> bool:
        return any(map(self.spread.is_held, value | v.elements(value)))

    def readers(self, members: set[Function]) -> list[Function]:
        """Who else has what they keep, and works with a database."""
        found: set[Function] = set()
        for name in self.names(members):
            mentioning = self.colors.program.mentioning_member(name)
            found |= {function for function in mentioning if self._reads(function, name)}
            if name == PASSED_ATTRIBUTE:
                found |= {fn for fn in self.inference.evaluations if self._is_passed(fn)}
        return ordered(fn for fn in found - members if self.colors.does_io(fn))

    def _reads(self, function: Function, name: str) -> bool:
        evaluation = self.inference.evaluations.get(function)
        return evaluation is not None and any(
            operation and operation[0] == f.ATTRIBUTE and operation[6] == name
            and not any(
                isinstance(a, (v.Instance, v.ClassObject)) for a in evaluation.values[operation[5]]
            )
            for operation in function.body.operations
        )  # fmt: skip

    def _is_passed(self, function: Function) -> bool:
        return any(
            d.name.removesuffix("()") in PASSING for d in self.colors.bounds.decorators(function)
        )

    def refusal(self, members: set[Function]) -> str:
        """Who has what they keep, and is no command that can stay sync with them?"""
        for reader in self.readers(members):
            if reader.facts.is_async or not self.colors.is_entry(reader):
                return f"`{reader.qualname}` reads the session that it keeps"
        return ""
