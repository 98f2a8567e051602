"""Functions that are given instances by what FastAPI or Litestar calls for them, and read more of
these.

    @app.get("/orders/{id}", response_model=OrderOut)
    def read(order: Annotated[Order, Depends(get_order)]):
        return order

Nothing in such a function does I/O by itself, but what it reads has to be loaded, and the
dependency that gives it the instance turns: it turns too. The framework awaits it; nobody else may
call it. So does a test that a fixture gives an instance.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.injected import Injected
from asyncify.analysis.loading import Loading
from asyncify.analysis.program import Function
from asyncify.vocabulary.loading import EXPIRING, INJECTING


def turn_readers(colors: Colors, coloring: Coloring) -> None:
    """Add the functions to those that turn."""
    injected = Injected(colors.inference)
    found = {
        function: group for function in _candidates(colors, coloring)
        if (group := _group(injected, coloring, function, set())) is not None
    } | _tests(colors, coloring)  # fmt: skip
    if not found:
        return
    for function in found:
        colors.inference.need(function)
    colors.inference.settle()
    loading = Loading(colors, coloring)
    for function, group in found.items():
        if loading.reads(function):
            coloring.turned.add(function)
            coloring.groups[function] = group


def _tests(colors: Colors, coloring: Coloring) -> dict[Function, int]:
    """Tests that are given what a fixture that turns makes, and may read relationships of it, or
    anything that is expired. Who calls one of them can await it."""
    inference, found = colors.inference, dict[Function, int]()
    fixtures, models = inference.fixtures, inference.models
    links = {
        name for cls in inference.program.classes.values()
        for name in models.declared(cls).relationships
    }  # fmt: skip
    wanted = links | EXPIRING
    called = colors.callers()
    kept = coloring.turned | coloring.islands | coloring.stays | set(coloring.boundaries)
    for fixture in coloring.turned:
        expires = not EXPIRING.isdisjoint(fixture.facts.members)
        for test, _ in fixtures.requesting(fixture):
            awaited = all(
                use.kind == "call" and caller in coloring.turned
                for caller, use in called.get(test, ())
            )
            plain = test not in kept and awaited and not fixtures.is_fixture(test)
            reads = expires or not wanted.isdisjoint(test.facts.members)
            if plain and reads:
                found[test] = coloring.groups.get(fixture, 0)
    return dict(sorted(found.items(), key=lambda item: (item[0].module.path, item[0].index)))


def _candidates(colors: Colors, coloring: Coloring) -> Iterator[Function]:
    """What the framework calls, and stays as it is."""
    inference, callers = colors.inference, colors.callers()
    routes = {
        function for module in inference.program.modules.values()
        if any(f"{item.module}.".startswith(INJECTING) for item in module.facts.imports)
        for function in module.functions
        if function.facts.kind == "def" and (
            function.signature_is_decorated or function in inference.dependencies
        )
    }  # fmt: skip
    kept = coloring.turned | coloring.islands | coloring.stays | set(coloring.boundaries)
    for function in sorted(routes - kept, key=lambda fn: (fn.module.path, fn.index)):
        called = [use for _, use in callers.get(function, []) if use.kind == "call"]
        if not called and not colors.is_outside(function):
            yield function


def _group(
    injected: Injected, coloring: Coloring, function: Function, seen: set[Function]
) -> int | None:
    """The component of a dependency that turns, or of one that it is given something by."""
    for dependency in (*injected.into(function), *injected.by_parameter(function)):
        if dependency in coloring.turned:
            return coloring.groups.get(dependency, 0)
        if dependency not in seen:
            seen.add(dependency)
            found = _group(injected, coloring, dependency, seen)
            if found is not None:
                return found
    return None
