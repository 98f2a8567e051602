"""Marks of tests that turn: in pytest-asyncio's strict mode what has no mark is never awaited, and
passes. Before its version 0.26 no setting says in which loop tests run, so their marks do.

https://pytest-asyncio.readthedocs.io/en/stable/concepts.html#strict-mode
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from asyncify import facts as f
from asyncify.analysis.around_tests import runs_on_anyio
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function, Module, dotted
from asyncify.analysis.statements import statements_of
from asyncify.decisions import AddDecorator, EditArguments, RenameReference, ReplaceExpression
from asyncify.planning import anyio_backends
from asyncify.planning.draft import Draft, reference
from asyncify.planning.ended_loops import tests_turn
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
        self,
        colors: Colors,
        coloring: Coloring,
        draft: Callable[[Module], Draft],
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
        if LOOP_SCOPE in mark and tests_turn(self.colors, self.coloring):
            self._share_loop(mark)

    def _share_loop(self, mark: str) -> None:
        """All tests run in one loop, those too that are async or marked already: marks say so."""
        edited: set[tuple[Module, f.Operation]] = set()
        for function in self.colors.program.functions():
            was_async = function.facts.is_async
            if not (was_async or function in self.coloring.turned) or not self._is_run(function):
                continue
            marks = list(self._marks(function))
            if was_async and not marks and self.suite.mode == "auto":
                self._decorate(function, mark)
            for scope, operations, index in marks:
                key = scope.module, operations[index]
                if key not in edited and MARK.endswith(_marked(operations, index)):
                    edited.add(key)
                    self._name_loop(scope, operations, index)

    def _name_loop(self, scope: Function, operations: tuple[f.Operation, ...], index: int) -> None:
        operation, draft = operations[index], self.draft(scope.module)
        site = draft.site(operation)
        if operation[0] != f.CALL:
            template = f"{{node}}({LOOP_SCOPE})"
            draft.add(ReplaceExpression(node=reference(operation), site=site, template=template))
        elif not {name for name, _ in operation[7]} & {"loop_scope", "scope"}:
            keyword, _, value = LOOP_SCOPE.partition("=")
            callee = dotted(operations, operation[5])
            node = reference(operation, callee.rpartition(".")[2])
            draft.add(EditArguments(node=node, site=site, set_keywords=((keyword, value),)))

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
        return next(self._marks(function), None) is not None

    def _marks(self, function: Function) -> Iterator[tuple[Function, tuple[f.Operation, ...], int]]:
        """The marks of a test: the place where each stands, its operations, and which it is."""
        owner = function.owner.body if function.owner is not None else None
        for scope in (function, owner):
            if scope is not None:
                operations = scope.signature.operations
                for index in scope.signature.decorators:
                    if _marked(operations, index):
                        yield scope, operations, index
        for scope in (owner, function.module.functions[0]):
            if scope is not None:
                yield from ((scope, scope.body.operations, index) for index in _assigned(scope))

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


def _marked(operations: tuple[f.Operation, ...], index: int) -> str:
    """By which plugin a mark has a coroutine awaited: the end of its name, or ''."""
    operation = operations[index]
    name = dotted(operations, operation[5] if operation[0] == f.CALL else index)
    return next((end for end in ("mark.asyncio", "mark.anyio") if name.endswith(end)), "")


def _assigned(scope: Function) -> Iterator[int]:
    """``pytestmark = [pytest.mark.asyncio]``: the calls of a mark, and where it isn't called."""
    if "pytestmark" not in scope.facts.bound:
        return
    operations = scope.body.operations
    for statement in statements_of(scope.body.statements):
        if statement[0] == f.ASSIGN and any(
            target[:2] == (f.TO_NAME, "pytestmark") for target in statement[7]
        ):
            inside = range(statement[4], statement[5])
            found = [
                index for index in inside
                if operations[index] and operations[index][0] in (f.ATTRIBUTE, f.CALL)
                and _marked(operations, index)
            ]  # fmt: skip
            called = {operations[index][5] for index in found if operations[index][0] == f.CALL}
            yield from (index for index in found if index not in called)
