"""Sessions that a function makes, told apart by the variables that hold them.

with Session(engine) as first, Session(engine) as second:
    mine, theirs = first.get(Order, 1), second.get(Order, 1)
    cancel(first, 1)                     # commits: what ``first`` has expires, not ``theirs``
    cancel(second, 1)                    # loads nothing again of ``mine``
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asyncify import facts as f
from asyncify.analysis import load_values as s
from asyncify.analysis import values as v
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function
from asyncify.analysis.statements import targets_of
from asyncify.vocabulary.loading import SESSION_EFFECTS, TRANSACTIONS, Effect
from asyncify.vocabulary.names import KINDS

_READ = ("query", "get")
_EXPIRING = {Effect.COMMIT, Effect.EXPIRE_ALL, Effect.EXPIRE}


class Apart:
    """The sessions of one function. ``types`` are those of its operations; ``made`` the variables
    of those that it makes, where it has several."""

    def __init__(self, function: Function, layout: Layout, types: list[v.Value] | None) -> None:
        self.function = function
        self.types = types or []
        self.operations = function.body.operations
        self.layout = layout
        self.made = self._made() if types else set()

    def is_left(self, source: s.Source, index: int) -> bool:
        """Does a call load nothing again of an instance: it works with another session than the one
        that gave it, or with that one, of which nothing can have expired?"""
        if self.is_another(source, index):
            return True
        own = self._given_by(source.operation) if self._is_given(source) else ""
        is_own = own in self.made and self._used(index) == {own}
        return is_own and not self._may_expire(own, index)

    def is_another(self, source: s.Source, index: int) -> bool:
        """Does a call work with another session than the one that gave an instance?"""
        if not self._is_given(source):
            return False
        own, used = self._given_by(source.operation), self._used(index)
        return bool(own) and len(used) == 1 and own not in used and bool({own, *used} & self.made)

    def _is_given(self, source: s.Source) -> bool:
        is_read = source.kind in _READ and source.function is self.function
        return bool(self.made) and is_read

    def _made(self) -> set[str]:
        """The variables that are bound once, to a session that is made there."""
        made = [
            name for statement in self.layout.statements for name, value in self._values(statement)
            if self._makes(value)
        ]  # fmt: skip
        if not made or len({self._session(place) for place in range(len(self.types))} - {""}) < 2:
            return set()
        bound = [
            t[1] for each in self.layout.statements for t in targets_of(each) if t[0] == f.TO_NAME
        ]
        return {name for name in made if bound.count(name) == 1}

    def _values(self, statement: f.Statement) -> Iterator[tuple[str, int]]:
        """What a statement binds names to."""
        pairs: list[tuple[Any, int]] = []
        if statement[0] == f.ASSIGN:
            pairs = [(target, statement[8]) for target in statement[7]]
        elif statement[0] == f.WITH:
            pairs = [(target, value) for value, target in statement[7] if target is not None]
        for target, value in pairs:
            given, several = self.operations[value], [(target, value)]
            if target[0] == f.TO_SEQUENCE and given[0] == f.SEQUENCE:
                several = list(zip(target[1], given[6], strict=False))
            yield from ((each[1], item) for each, item in several if each[0] == f.TO_NAME)

    def _makes(self, index: int) -> bool:
        operation = self.operations[index] if index >= 0 else ()
        return operation[:1] == (f.CALL,) and any(
            (isinstance(a, v.Known) and a.kind == "sessionmaker")
            or (isinstance(a, v.Foreign) and KINDS.get(a.name) == "Session")
            for a in self.types[operation[5]]
        )

    def _given_by(self, index: int) -> str:
        """The variable of the session whose call, this one or one around it, gives instances."""
        while index >= 0:
            operation = self.operations[index]
            if operation[0] == f.CALL and (name := self._receiver(operation)):
                return name
            index = self.layout.parent(index)
        return ""

    def _receiver(self, operation: f.Operation) -> str:
        callee = self.operations[operation[5]]
        return self._session(callee[5]) if callee[0] == f.ATTRIBUTE else ""

    def _session(self, index: int) -> str:
        operation = self.operations[index] if index >= 0 else ()
        is_session = operation[:1] == (f.NAME,) and any(
            isinstance(a, v.Known) and a.kind == "Session" for a in self.types[index]
        )
        return operation[5] if is_session else ""

    def _used(self, index: int) -> set[str]:
        operation = self.operations[index]
        if operation[0] != f.CALL:
            return set()
        given = (*operation[6], *(i for _, i in operation[7]))
        return {self._receiver(operation), *map(self._session, given)} - {""}

    def _may_expire(self, name: str, index: int) -> bool:
        """Is it committed before, or handed to what may do that?"""
        loops = any(statement[0] in (f.FOR, f.WHILE) for statement in self.layout.statements)
        inner = (fn for fn in self.function.module.functions if fn.parent is self.function)
        if loops or any(name in fn.facts.names for fn in inner):
            return True
        harmless = {
            operation[5] for operation in self.operations[:index]
            if operation and operation[0] == f.ATTRIBUTE and operation[6] not in TRANSACTIONS
            and SESSION_EFFECTS.get(operation[6]) not in _EXPIRING
        }  # fmt: skip
        begin = self.operations[index][5]  # of the call: its arguments come behind what is called
        return any(
            operation and operation[0] == f.NAME and operation[5] == name and place not in harmless
            for place, operation in enumerate(self.operations[:begin])
        )
