"""What may run while a mock takes the place of a dependency: what answers the requests of a test.

    app.dependency_overrides[get_db] = lambda: db
    client.get("/teams/red")        # `read_team`, and what that is given and calls

FastAPI gives the mock to whoever depends on it, so who gets it isn't written. What else takes part
in the test is left out: dependencies that are overridden too, and functions that are patched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis.colors import Colors
from asyncify.analysis.injected import Injected
from asyncify.analysis.overrides import overriding
from asyncify.analysis.program import Class, Function
from asyncify.analysis.routes import Routes
from asyncify.vocabulary.testing import is_test_path

if TYPE_CHECKING:
    from asyncify.planning.mocked_functions import MockedFunctions


class MockedRequests:
    """Finds what answers the requests of tests."""

    def __init__(self, colors: Colors, patches: MockedFunctions) -> None:
        self.colors = colors
        self.inference = colors.inference
        self.patches = patches
        self.routes = Routes(colors)
        self.injected = Injected(colors.inference)

    def answering(self, test: Function) -> list[Function] | None:
        """The routes that answer a test, and what is injected into them; None where that isn't
        known."""
        running = self._running(test)
        handlers: list[Function] = []
        for function in running:
            layout = self.colors.uses.layout(function)
            for use in self.colors.uses.of(function):
                if use.kind != "client":
                    continue
                call = self.colors.clients.call(use)
                found = self.routes.answering(use.name, layout, call) if call >= 0 else []
                if not found and call >= 0:
                    return None
                handlers += found
        if not handlers:
            return None
        overridden = set(self._overridden(running))
        return list(self._with_injected(handlers, overridden))

    def replaced(self, test: Function) -> set[Function]:
        """The functions that don't run, since a test patches them."""
        found: set[Function] = set()
        for function in self._running(test):
            for operations, indexes in (
                (function.body.operations, range(len(function.body.operations))),
                (function.signature.operations, function.signature.decorators),
            ):
                for index in indexes:
                    if operations[index] and operations[index][0] == f.CALL:
                        each = self.patches.replaced(function, operations, operations[index])
                        found |= {symbol for symbol, _ in each if isinstance(symbol, Function)}
        return found

    def _running(self, test: Function) -> list[Function]:
        """A test, the fixtures that it is given, and what of the tests they call."""
        pending, fixtures = [test], self.inference.fixtures
        found = {test: None}
        while pending:
            function = pending.pop()
            given = (fixtures.given(function, p.name) for p in function.signature.parameters)
            called = (callee for use in self.colors.uses.of(function) for callee in use.callees)
            for each in (*given, *called):
                if each is not None and each not in found and is_test_path(each.module.path):
                    found[each] = None
                    pending.append(each)
        return list(found)

    def _overridden(self, functions: Iterable[Function]) -> Iterator[Function | Class]:
        for function in functions:
            for key, _ in overriding(function):
                symbol = self.inference.program.resolve_expression(
                    function, function.body.operations, key
                )
                if isinstance(symbol, (Function, Class)):
                    yield symbol

    def _with_injected(
        self, functions: list[Function], overridden: set[Function | Class]
    ) -> Iterator[Function]:
        pending, seen = list(functions), set[Function]()
        while pending:
            function = pending.pop()
            if function not in seen and function not in overridden:
                seen.add(function)
                yield function
                pending += self.injected.into(function)
