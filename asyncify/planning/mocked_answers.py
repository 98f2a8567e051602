"""What the chains of one mocked session answer, however they are put together.

    query = db.query.return_value
    query.filter.return_value = query
    query.first.return_value = user

A mock that a chain gives is a place, and a call of one of its members a way to another: ``db`` is
the first place, ``query`` leads to a second, ``filter`` from there to itself, and ``first`` has an
answer. The chains of the program are walked from the first place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from asyncify import facts as f
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import dotted
from asyncify.vocabulary.rows import Role
from asyncify.vocabulary.sqlalchemy_query import QUERY
from asyncify.vocabulary.testing import MOCK_ANSWERS, MOCK_RESULT, MOCKS, QUERY_MEMBER

ANYTHING, ITERATED = "*", "__iter__"
_TERMINALS = {row.name for row in QUERY.members if row.role is Role.TERMINAL}


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """``….first.return_value = user``: what is set of a member of a place."""

    statement: f.Statement
    place: int
    member: str

    @property
    def target(self) -> tuple[Any, ...]:
        """What is assigned."""
        found: tuple[Any, ...] = self.statement[7][0]
        return found


class Answers:
    """The places below one mock, in one function; ``outer`` has those that it was given with."""

    def __init__(self, layout: Layout, name: str, outer: Answers | None = None) -> None:
        self.layout = layout
        self.name = name
        self.found: list[Answer] = []
        self.links: list[f.Statement] = []  # statements that only lead from place to place
        self.made: dict[str, f.Statement] = {}  # variables of mocks that are made for places
        self.is_clear = True
        self._ways: dict[tuple[int, str], int] = dict(outer._ways) if outer else {}
        self._names: dict[str, int] = {name: 0}
        if outer is not None and "." in name:
            self._names |= {key: at for key, at in outer._names.items() if "." in key}
        self._places = max((0, *self._ways.values(), *self._names.values()))
        for statement in layout.statements:
            if statement[0] == f.ASSIGN:
                self._assigned(statement)
        below = self._below(
            {self._ways[0, QUERY_MEMBER]} if (0, QUERY_MEMBER) in self._ways else ()
        )
        self.found = [a for a in self.found if a.place in below or a.member == QUERY_MEMBER]
        for name in [name for name in self.made if self._names.get(name) not in below]:
            del self.made[name]  # a mock that stands for something else
            self._names.pop(name, None)

    def of(self, chain: tuple[str, ...]) -> list[Answer]:
        """The answers that a chain of the program meets."""
        places: set[int] = {0}
        for position, member in enumerate(chain):
            if member == ANYTHING:
                places = self._below(places)
                continue
            found = [a for a in self.found if a.place in places and a.member == member]
            if found and chain[position + 1 :] in ((), (ITERATED,)):
                return found
            places = {self._ways[p, member] for p in places if (p, member) in self._ways}
        return []

    def roots(self) -> list[str]:
        """The names of the mock itself."""
        return [name for name, place in self._names.items() if place == 0]

    def variables(self) -> Iterator[str]:
        """The names of mocks below the first."""
        return (name for name, place in self._names.items() if place)

    def _below(self, places: set[int] | tuple[int, ...]) -> set[int]:
        found, pending = set(places), list(places)
        while pending:
            place = pending.pop()
            for (start, _), end in self._ways.items():
                if start == place and end not in found:
                    found.add(end)
                    pending.append(end)
        return found

    # -- what is assigned

    def _assigned(self, statement: f.Statement) -> None:
        targets, value = statement[7], statement[8]
        (target, *others) = targets
        if target[0] == f.TO_NAME:
            self._bound(str(target[1]), statement, value)
        elif target[0] == f.TO_ATTRIBUTE and target[2] in MOCK_ANSWERS:
            way = self._member(target[1])
            if way is not None:
                self._set(way, target[2], statement, value)
        elif target[0] == f.TO_ATTRIBUTE:
            owner = dotted(self.layout.operations, target[1])
            if owner == self.name and target[2] == QUERY_MEMBER and self._is_mock(value):
                self.links.append(statement)
            elif owner:
                self._bound(f"{owner}.{target[2]}", statement, value)
        if others and (
            statement in self.links or any(a.statement is statement for a in self.found)
        ):
            self.is_clear = False

    def _bound(self, name: str, statement: f.Statement, value: int) -> None:
        """``query = db.query.return_value``, ``query = MagicMock()``."""
        place, is_mock = self._place(value), self._is_mock(value)
        if name in self._names:
            self.is_clear = self.is_clear and name == self.name and place is None
        elif place == 0:
            self._names[name] = place
        elif place:
            self._names[name] = place
            self.links.append(statement)
        elif is_mock:
            self._names[name] = self._new()
            self.made[name] = statement

    def _set(self, way: tuple[int, str], last: str, statement: f.Statement, value: int) -> None:
        leads = last == MOCK_RESULT and way[1] not in _TERMINALS
        place = self._place(value) if leads else None
        if place:
            self._ways[way] = place
            self.links.append(statement)
        elif way[0] or way[1] == QUERY_MEMBER:
            self.found.append(Answer(statement, *way))

    # -- expressions

    def _place(self, index: int) -> int | None:
        """The place that an expression stands for."""
        operation = self.layout.operations[index]
        name = dotted(self.layout.operations, index)
        if name in self._names:
            return self._names[name]
        if operation[0] == f.CALL or (operation[0] == f.ATTRIBUTE and operation[6] == MOCK_RESULT):
            way = self._member(operation[5])
            if way is not None and way not in self._ways:
                self._ways[way] = self._new()
            return self._ways[way] if way is not None else None
        return None

    def _member(self, index: int) -> tuple[int, str] | None:
        operation = self.layout.operations[index]
        if operation[0] != f.ATTRIBUTE:
            return None
        place = self._place(operation[5])
        return None if place is None else (place, str(operation[6]))

    def _is_mock(self, index: int) -> bool:
        """Is it ``MagicMock()``, without anything said of it?"""
        operation = self.layout.operations[index]
        if operation[0] != f.CALL or operation[6] or operation[7]:
            return False
        return dotted(self.layout.operations, operation[5]).rpartition(".")[2] in MOCKS

    def _new(self) -> int:
        self._places += 1
        return self._places
