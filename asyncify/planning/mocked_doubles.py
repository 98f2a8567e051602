"""What tests write to stand for sessions: ``class FakeSession`` with a ``commit`` of its own.

Its objects are given to what turns, which awaits the methods that a session has. They become async
where nobody else calls them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Class, Function, Module
from asyncify.analysis.sides import ENTERED_AS
from asyncify.decisions import MakeAsync
from asyncify.findings import Finding
from asyncify.planning.draft import Draft
from asyncify.planning.mocked_sessions import MockedSessions, is_session
from asyncify.rules import finding
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.names import TABLES
from asyncify.vocabulary.rows import Form
from asyncify.vocabulary.testing import QUERY_MEMBER, is_test_path

_AWAITED = {row.name for row in TABLES["Session"].members if row.form is Form.AWAIT}
_NAMES = _AWAITED | {QUERY_MEMBER}
_CALLED = "and others call that, too."
_QUERIED = "and its queries become statements, which `execute` is given."
_ADVICE = "Make an async function of what is awaited, and await it where it is called."


@dataclass(slots=True)
class Doubles:
    """Plans the methods of such classes."""

    colors: Colors
    coloring: Coloring
    sessions: MockedSessions
    draft: Callable[[Module], Draft]
    factories: set[Class]  # those that stand for factories of sessions

    def plan(self) -> Iterator[Finding]:
        """Each class of the tests that has methods under names of a session's."""
        self.sessions.wanted = is_session
        seen: set[Function] = set()
        for cls in self.colors.program.classes.values():
            if not is_test_path(cls.module.path):
                continue
            methods = [m for each in cls.ancestors for m in each.methods.values()]
            named = any(m.name in _NAMES for m in methods)
            if cls in self.factories or (named and any(self._is_given(cls))):
                yield from self._methods(cls, [m for m in methods if m not in seen])
                seen.update(methods)

    def _is_given(self, cls: Class) -> Iterator[bool]:
        """Are objects of a class given to what turns, for sessions?"""
        program = self.colors.program
        for function in program.mentioning(cls.name):
            operations = function.body.operations
            for index, operation in enumerate(operations):
                if operation and operation[0] == f.CALL:
                    made = program.resolve_expression(function, operations, operation[5])
                    yield made is cls and self.sessions.is_given(function, index)

    def _methods(self, cls: Class, methods: list[Function]) -> Iterator[Finding]:
        for method in methods:
            name = method.name
            if method.facts.is_async or method in self.coloring.turned:
                continue
            draft, facts = self.draft(method.module), method.facts
            site = Site(draft.module.path, facts.line, facts.column)
            awaited = name in _AWAITED or name in ENTERED_AS
            called = awaited and self.colors.callers().get(method)
            if called or name == QUERY_MEMBER:
                reason = f"`{cls.name}` stands for a session that is async now, "
                reason += _CALLED if called else _QUERIED
                yield finding("ASY608", site, reason, _ADVICE)
            elif awaited:
                node, rename = NodeRef("FunctionDef", facts.number, name), ENTERED_AS.get(name, "")
                draft.add(MakeAsync(node=node, site=site, rename=rename))
