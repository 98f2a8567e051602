"""Classes of queries of the program's own: what their methods do.

``query_cls=Pages``, ``query_property(Pages)`` and ``Pages(User, session=session)`` give queries
with methods that SQLAlchemy doesn't know. Which of these execute the query and which only build
it is seen in their bodies: a terminal called on what begins with ``self``, or a loop over that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from asyncify import facts as f
from asyncify.analysis.program import Function, Program
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary.names import KINDS
from asyncify.vocabulary.rows import Role
from asyncify.vocabulary.sqlalchemy_query import QUERY

_ITERATED = "__iter__"


@dataclass(frozen=True, slots=True)
class OwnMethod:
    """``terminals`` are the methods by which it executes the query that it is called on;
    ``builds``: what it gives is a query again."""

    terminals: frozenset[str] = frozenset()
    builds: bool = True


class OwnQueries:
    """The methods of all classes of queries that a program has, by name."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._known: dict[str, OwnMethod | None] = {}

    def method(self, name: str) -> OwnMethod | None:
        """What a method does that SQLAlchemy's Query hasn't; None if no class has it."""
        if name not in self._known:
            self._known[name] = None  # while it is looked at: one that calls itself
            methods = self._methods.get(name, ())
            if methods:
                self._known[name] = self._joined([self._read(each) for each in methods])
        return self._known[name]

    @cached_property
    def _methods(self) -> dict[str, list[Function]]:
        found: dict[str, list[Function]] = {}
        for cls in self._program.classes.values():
            if any(KINDS.get(base) == "Query" for base in cls.foreign_bases):
                for each in cls.ancestors:
                    for name, method in each.methods.items():
                        found.setdefault(name, []).append(method)
        return found

    def _joined(self, found: list[OwnMethod]) -> OwnMethod:
        terminals = frozenset(name for each in found for name in each.terminals)
        return OwnMethod(terminals, any(each.builds for each in found))

    def _read(self, method: Function) -> OwnMethod:
        queries = _Queries(self, method)
        terminals = frozenset(queries.terminals())
        returned = [s[7] for s in statements_of(method.body.statements) if s[0] == f.RETURN]
        return OwnMethod(terminals, any(i >= 0 and queries.is_query(i) for i in returned))


class _Queries:
    """The queries in one method: ``self``, what is built from it, and the names of that."""

    def __init__(self, own: OwnQueries, method: Function) -> None:
        self._own = own
        self._operations = method.body.operations
        self._statements = tuple(statements_of(method.body.statements))
        parameters = method.signature.parameters
        self._names = {parameters[0].name} if parameters else set()
        for statement in self._statements:
            if statement[0] == f.ASSIGN and self.is_query(statement[8]):
                self._names |= {t[1] for t in statement[7] if t[0] == f.TO_NAME}

    def is_query(self, index: int) -> bool:
        """Is the value of an operation a query that begins with ``self``?"""
        operation = self._operations[index]
        if operation[0] == f.NAME:
            return operation[5] in self._names
        if operation[0] == f.CONDITIONAL:
            return any(self.is_query(i) for i in operation[6:8])
        if operation[0] != f.CALL:
            return False
        callee = self._operations[operation[5]]
        if callee[0] == f.NAME:
            return bool(callee[5] == "super")
        if callee[0] != f.ATTRIBUTE or not self.is_query(callee[5]):
            return False
        row, own = QUERY.member(callee[6]), self._own.method(callee[6])
        if row is not None:
            return row.role is Role.BUILDER
        return own is None or own.builds

    def terminals(self) -> Iterator[str]:
        """The terminals that are called on a query, those of other methods included."""
        for operation in self._operations:
            if operation and operation[0] == f.CALL:
                callee = self._operations[operation[5]]
                if callee[0] == f.ATTRIBUTE and self.is_query(callee[5]):
                    yield from self._called(callee[6])
                elif callee[0] == f.NAME and any(i >= 0 and self.is_query(i) for i in operation[6]):
                    yield _ITERATED  # list(self), len(self.all()), or a function that may
            elif operation and operation[0] == f.SUBSCRIPT and self.is_query(operation[5]):
                yield _ITERATED
            elif operation and operation[0] == f.COMPREHENSION:
                yield from (_ITERATED for g in operation[8] if self.is_query(g[1]))
        loops = (s[8] for s in self._statements if s[0] == f.FOR)
        yield from (_ITERATED for index in loops if self.is_query(index))

    def _called(self, name: str) -> Iterator[str]:
        row, own = QUERY.member(name), self._own.method(name)
        if row is not None and row.role is Role.TERMINAL:
            yield name
        elif row is None and own is not None:
            yield from own.terminals
