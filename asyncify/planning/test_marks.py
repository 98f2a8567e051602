"""Marks of tests that turn: in pytest-asyncio's strict mode what has no mark is never awaited, and
passes. Before its version 0.26 no setting says in which loop tests run, so their marks do.

https://pytest-asyncio.readthedocs.io/en/stable/concepts.html#strict-mode
"""

from __future__ import annotations

from collections.abc import Callable

from asyncify import facts as f
from asyncify.analysis.around_tests import runs_on_anyio
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function, Module, dotted
from asyncify.analysis.statements import statements_of
from asyncify.decisions import AddDecorator, RenameReference
from asyncify.planning import anyio_backends
from asyncify.planning.draft import Draft, reference
from asyncify.planning.pytest_suite import is_fixture, is_test
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.testing import (
    ASYNC_FIXTURE,
    LOOP_SCOPE,
    LOOP_SCOPES_OF_MARKS,
    MARK,
    MARK_OF_ANYIO,
    PLAIN_FIXTURE,
    USING_ANYIO,
)


class MarkPlanner:
    """Plans the marks of tests, and the decorators of fixtures."""

    def __init__(
        self, colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]
    ) -> None:
        self.colors = colors
        self.inference = colors.inference
        self.suite = colors.inference.config.suite
        self.coloring = coloring
        self.draft = draft
        self.by_anyio = runs_on_anyio(self.inference)

    def plan(self) -> None:
        if self.by_anyio:
            found = anyio_backends.plain_tests(self.colors, self.coloring)
            plain = [test for test in found if self._is_run(test)]
            anyio_backends.plan(self.colors, self.coloring, self.draft, plain)
            for test in plain:
                self._decorate(test, USING_ANYIO)
        mark, strict = self._mark(), self.suite.mode == "strict" and not self.by_anyio
        if not mark and not strict:
            return
        for function in sorted(self.coloring.turned, key=lambda fn: (fn.module.path, fn.index)):
            if function.facts.is_async or function in self.coloring.stays:
                continue
            if strict and is_fixture(self.inference, function):
                self._fixture(function)
            elif mark and self._is_run(function) and not self._is_marked(function):
                self._decorate(function, mark)

    def _decorate(self, function: Function, mark: str) -> None:
        facts, draft = function.facts, self.draft(function.module)
        decorator = mark.replace(MARK.partition(".")[0], draft.spell("pytest"), 1)
        draft.add(
            AddDecorator(
                node=NodeRef("FunctionDef", facts.number, facts.name),
                site=Site(draft.module.path, facts.line, facts.column),
                group=self.coloring.groups.get(function, 0), decorator=decorator,
            )
        )  # fmt: skip

    def _mark(self) -> str:
        """The mark of a test that turns, or '' where it needs none."""
        if self.by_anyio:
            return MARK_OF_ANYIO
        version = self.suite.version
        if version is not None and LOOP_SCOPES_OF_MARKS[0] <= version < LOOP_SCOPES_OF_MARKS[1]:
            return f"{MARK}({LOOP_SCOPE})"
        return MARK if self.suite.mode == "strict" else ""

    def _is_run(self, function: Function) -> bool:
        """Does pytest run a function itself: a test, but none of unittest's, nor one inside?"""
        inside = function.parent is not None and function.parent.facts.kind == "def"
        return is_test(function) and not inside and not self.colors.cases.runs(function)

    def _is_marked(self, function: Function) -> bool:
        """Has a test the mark already: on itself, its class, or its module?"""
        owner = function.owner.body if function.owner is not None else None
        scopes = [x for x in (function, owner) if x is not None]
        for scope in scopes:
            signature = scope.signature
            if any(_is_mark(signature.operations, index) for index in signature.decorators):
                return True
        return any(_assigns_mark(x) for x in (owner, function.module.functions[0]) if x is not None)

    def _fixture(self, function: Function) -> None:
        """``@pytest.fixture`` becomes ``@pytest_asyncio.fixture``."""
        signature, draft = function.signature, self.draft(function.module)
        names = self.inference.decorators(function)
        for index, name in zip(signature.decorators, names, strict=True):
            if name != PLAIN_FIXTURE:
                continue
            operation = signature.operations[index]
            callee = operation[5] if operation[0] == f.CALL else index
            written = signature.operations[callee]
            draft.spell(ASYNC_FIXTURE.partition(".")[0])
            draft.add(
                RenameReference(
                    node=reference(written), site=draft.site(written),
                    group=self.coloring.groups.get(function, 0), new=ASYNC_FIXTURE,
                )
            )  # fmt: skip
            draft.drop(dotted(signature.operations, callee))


def _is_mark(operations: tuple[f.Operation, ...], index: int) -> bool:
    operation = operations[index]
    callee = operation[5] if operation[0] == f.CALL else index
    name = dotted(operations, callee)
    return name.endswith(("mark.asyncio", "mark.anyio"))


def _assigns_mark(function: Function) -> bool:
    """``pytestmark = pytest.mark.asyncio``"""
    if "pytestmark" not in function.facts.bound:
        return False
    operations = function.body.operations
    return any(
        statement[0] == f.ASSIGN
        and any(target[:2] == (f.TO_NAME, "pytestmark") for target in statement[7])
        and any(
            operation and operation[0] == f.ATTRIBUTE and _is_mark(operations, index)
            for index, operation in enumerate(operations)
            if statement[4] <= index < statement[5]
        )
        for statement in statements_of(function.body.statements)
    )  # fmt: skip
