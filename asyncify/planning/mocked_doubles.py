"""What tests write to stand for sessions: ``class FakeSession`` with a ``commit`` of its own.

Its objects are given to what turns, which awaits the methods that a session has. They become async
where nobody else calls them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Class, Function, Module, dotted
from asyncify.analysis.sides import ENTERED_AS
from asyncify.decisions import InsertStatements, MakeAsync
from asyncify.findings import Finding
from asyncify.planning.draft import Draft
from asyncify.planning.mocked_factories import AWAITED, double
from asyncify.planning.mocked_functions import MockedFunctions
from asyncify.planning.mocked_queries import DoubledQueries
from asyncify.planning.mocked_sessions import MockedSessions, is_session
from asyncify.rules import finding
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.rows import Form
from asyncify.vocabulary.testing import QUERY_MEMBER, is_test_path

_NAMES = AWAITED | {QUERY_MEMBER}
_CALLED = "and others call that, too."
_QUERIED = "and its queries become statements, which `execute` is given."
_NAMESPACE = "SimpleNamespace"
_BOTH = "and of one that stays sync, too."
_CLOSE = "close"
_ENTERING = """
async def __aenter__(self):
    return self

async def __aexit__(self, *_):
    await self.close()
"""
_ADVICE = "Make an async function of what is awaited, and await it where it is called."


@dataclass(slots=True)
class Doubles:
    """Plans the methods of such classes."""

    colors: Colors
    coloring: Coloring
    sessions: MockedSessions
    draft: Callable[[Module], Draft]
    factories: set[Class]  # those whose objects factories give
    kept: set[Class]  # likewise, where what calls these stays sync
    closing: bool  # are sessions entered that were closed by hand?
    functions: MockedFunctions
    queries: DoubledQueries = field(init=False)

    def __post_init__(self) -> None:
        self.queries = DoubledQueries(self.colors.program, self.draft)

    def plan(self) -> Iterator[Finding]:
        """Each class of the tests that has methods under names of a session's."""
        self.sessions.wanted = is_session
        given = {
            (function, index) for target, function, index in self.functions.streams.items
            if is_session(self.colors.inference.provided(target))
        }  # fmt: skip
        self.factories.update(
            cls
            for function, index in given
            if (cls := double(self.colors.program, function, index)) is not None
        )
        yield from self._namespaces(given)
        seen: set[Function] = set()
        for cls in self.colors.program.classes.values():
            if not is_test_path(cls.module.path):
                continue
            methods = [m for each in cls.ancestors for m in each.methods.values()]
            fresh = [method for method in methods if method not in seen]
            if cls in self.factories or self._turns(cls, methods):
                yield from self._both(cls) if cls in self.kept else self._methods(cls, fresh)
                seen.update(methods)
            elif cls in self.kept:
                yield from self._kept(cls, fresh)
                seen.update(methods)

    def _namespaces(self, given: set[tuple[Function, int]]) -> Iterator[Finding]:
        """``SimpleNamespace(execute=fake)``"""
        for function in self.colors.program.mentioning(_NAMESPACE):
            operations = function.body.operations
            for index, operation in enumerate(operations):
                if (
                    not operation
                    or operation[0] != f.CALL
                    or not is_test_path(function.module.path)
                ):
                    continue
                members = [(name, i) for name, i in operation[7] if name in _NAMES]
                called = dotted(operations, operation[5]).rpartition(".")[2] == _NAMESPACE
                if (
                    called
                    and members
                    and ((function, index) in given or self.sessions.is_given(function, index))
                ):
                    yield from self._members(function, operation, members)

    def _members(
        self, function: Function, operation: f.Operation, members: list[tuple[str, int]]
    ) -> Iterator[Finding]:
        operations = function.body.operations
        for name, index in members:
            if name == QUERY_MEMBER:
                site = self.draft(function.module).site(operation)
                reason = f"It stands for a session that is async now, {_QUERIED}"
                yield finding("ASY608", site, reason, _ADVICE)
            else:
                self.functions.stand_in(function, operations, operation, index, name, True)

    def _turns(self, cls: Class, methods: list[Function]) -> bool:
        """Does it stand for sessions of what turns?"""
        if not any(method.name in _NAMES for method in methods):
            return False
        callers = self.colors.callers()
        called = (each for m in methods if m.name in AWAITED for each in callers.get(m, ()))
        return any(self._is_given(cls)) or any(
            self._is_awaited(function, use.operation) for function, use in called
        )

    def _kept(self, cls: Class, methods: list[Function]) -> Iterator[Finding]:
        """What stays sync is given statements, too."""
        for method in methods:
            if method.name == QUERY_MEMBER and not self.queries.plan(cls, method, False):
                yield self._told(cls, method, _QUERIED)

    def _both(self, cls: Class) -> Iterator[Finding]:
        yield self._told(cls, cls.body, _BOTH)

    def _told(self, cls: Class, place: Function, reason: str) -> Finding:
        site = Site(self.draft(cls.module).module.path, place.facts.line, place.facts.column)
        text = f"`{cls.name}` stands for a session that is async now, {reason}"
        return finding("ASY608", site, text, _ADVICE)

    def _is_given(self, cls: Class) -> Iterator[bool]:
        """Are objects of a class given to what turns, for sessions?"""
        program = self.colors.program
        for function in program.mentioning(cls.name):
            operations = function.body.operations
            for index, operation in enumerate(operations):
                if operation and operation[0] == f.CALL:
                    made = program.resolve_expression(function, operations, operation[5])
                    yield made is cls and self.sessions.is_given(function, index)

    def _called(self, method: Function) -> bool:
        """Does something call it that isn't awaited as a session's member there?"""
        callers = self.colors.callers().get(method, ())
        return not all(self._is_awaited(function, use.operation) for function, use in callers)

    def _is_awaited(self, function: Function, operation: int) -> bool:
        if function not in self.coloring.turned:
            return False
        return any(
            use.kind == "member" and use.row is not None and use.row.form is Form.AWAIT
            for use in self.colors.uses.of(function)
            if use.operation == operation
        )

    def _methods(self, cls: Class, methods: list[Function]) -> Iterator[Finding]:
        for method in methods:
            name = method.name
            if method.facts.is_async or method in self.coloring.turned:
                continue
            draft, facts = self.draft(method.module), method.facts
            site = Site(draft.module.path, facts.line, facts.column)
            awaited = name in AWAITED or name in ENTERED_AS
            if awaited and self._called(method):
                yield self._told(cls, method, _CALLED)
            elif awaited:
                node, rename = NodeRef("FunctionDef", facts.number, name), ENTERED_AS.get(name, "")
                draft.add(MakeAsync(node=node, site=site, rename=rename))
                if name == _CLOSE and self.closing and not _is_entered(cls):
                    draft.add(
                        InsertStatements(node=node, site=site, source=_ENTERING, where="after")
                    )
            elif name == QUERY_MEMBER and not self.queries.plan(cls, method, True):
                yield self._told(cls, method, _QUERIED)


def _is_entered(cls: Class) -> bool:
    return any(cls.find(name) is not None for pair in ENTERED_AS.items() for name in pair)
