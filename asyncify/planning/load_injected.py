"""Functions that are given instances by what FastAPI or Litestar calls for them, and read more of
these.

    @app.get("/orders/{id}", response_model=OrderOut)
    def read(order: Annotated[Order, Depends(get_order)]):
        return order

Nothing in such a function does I/O by itself, but what it reads has to be loaded, and the
dependency that gives it the instance turns: it turns too. The framework awaits it; nobody else may
call it. So does a handler of exceptions that hold instances, which functions raise that turn; and a
test or a fixture that a fixture gives an instance.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.boundaries import rule_of
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.fixtures import Fixtures
from asyncify.analysis.injected import Injected
from asyncify.analysis.loading import Loading
from asyncify.analysis.program import Class, Function, Program
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary.boundary_rules import Rule
from asyncify.vocabulary.loading import EXPIRING, INJECTING
from asyncify.vocabulary.testing import TEST_FUNCTIONS, is_test_path


def turn_readers(colors: Colors, coloring: Coloring) -> None:
    """Add the functions to those that turn."""
    injected, raised = Injected(colors.inference), _raised(colors, coloring)
    found, program = _tests(colors, coloring), colors.inference.program
    for function in _candidates(colors, coloring):
        group = _group(injected, coloring, function, set())
        if group is None:
            group = _keeping(colors, coloring, function)
        handled = _handled(program, function, raised) if group is None and raised else group
        if handled is not None:
            found[function] = handled
    if not found:
        return
    for function in found:
        colors.inference.need(function)
    colors.inference.settle()
    loading = Loading(colors, coloring)
    for keeper in {keeper: None for fn in found for keeper in _keepers(colors, coloring, fn)}:
        loading.run(keeper)
    for function, group in found.items():
        if loading.reads(function):
            coloring.turned.add(function)
            coloring.groups[function] = group


def _tests(colors: Colors, coloring: Coloring) -> dict[Function, int]:
    """Tests and fixtures that are given what a fixture that turns makes, and may read relationships
    of it, or anything that is expired. Who calls one of them can await it."""
    inference, found = colors.inference, dict[Function, int]()
    models = inference.models
    links = {
        name for cls in inference.program.classes.values()
        for name in models.declared(cls).relationships
    }  # fmt: skip
    wanted = links | EXPIRING
    called = colors.callers()
    kept = coloring.turned | coloring.islands | coloring.stays | set(coloring.boundaries)
    for fixture in coloring.turned:
        expires = not EXPIRING.isdisjoint(fixture.facts.members)
        for test in _given(inference.fixtures, fixture):
            awaited = all(
                use.kind == "call" and caller in coloring.turned
                for caller, use in called.get(test, ())
            )
            plain = test not in kept and awaited
            reads = expires or not wanted.isdisjoint(test.facts.members)
            if plain and reads:
                found[test] = coloring.groups.get(fixture, 0)
    return dict(sorted(found.items(), key=lambda item: (item[0].module.path, item[0].index)))


def _given(fixtures: Fixtures, fixture: Function) -> list[Function]:
    """The tests and fixtures that are given what a fixture makes, also by way of others, and those
    beside them that read what they keep: ``self.team = team``."""
    found: dict[Function, None] = {}
    pending = [fixture]
    while pending:
        function = pending.pop()
        asking = [fn for fn, _ in fixtures.requesting(function)]
        fresh = [fn for fn in (*asking, *_beside(fixtures, function)) if fn not in found]
        found.update(dict.fromkeys(fresh))
        pending += fresh
    return list(found)


def _beside(fixtures: Fixtures, function: Function) -> Iterator[Function]:
    """The tests and fixtures of a class of tests that read what one of its methods keeps."""
    kept = function.facts.stores
    if function.owner is None or not kept or not is_test_path(function.module.path):
        return
    for cls in (function.owner, *function.owner.descendants()):
        for method in cls.methods.values():
            called = method.name.startswith(TEST_FUNCTIONS) or fixtures.is_fixture(method)
            if called and not kept.isdisjoint(method.facts.members):
                yield method


def _candidates(colors: Colors, coloring: Coloring) -> Iterator[Function]:
    """What the framework calls, and stays as it is."""
    inference, callers = colors.inference, colors.callers()
    handed = {
        function for function, uses in callers.items()
        if uses and all(use.kind == "pass" and rule_of(use.name) is Rule.AWAITED for _, use in uses)
    }  # fmt: skip
    routes = {
        function for module in inference.program.modules.values()
        if any(f"{item.module}.".startswith(INJECTING) for item in module.facts.imports)
        for function in module.functions
        if function.facts.kind == "def" and (
            function.signature_is_decorated or function in inference.dependencies
        )
    }  # fmt: skip
    kept = coloring.turned | coloring.islands | coloring.stays | set(coloring.boundaries)
    for function in sorted((routes | handed) - kept, key=lambda fn: (fn.module.path, fn.index)):
        called = [use for _, use in callers.get(function, []) if use.kind == "call"]
        if not called and not colors.is_outside(function):
            yield function


def _raised(colors: Colors, coloring: Coloring) -> dict[Class, int]:
    """The exceptions that functions raise which turn, and the components of these."""
    found: dict[Class, int] = {}
    for function in sorted(coloring.turned, key=lambda fn: (fn.module.path, fn.index)):
        evaluation = colors.inference.evaluations.get(function)
        if evaluation is None:
            continue
        for statement in statements_of(function.body.statements):
            is_raised = statement[0] == f.RAISE and statement[7] >= 0
            for atom in evaluation.values[statement[7]] if is_raised else ():
                if isinstance(atom, v.Instance):
                    for cls in atom.cls.ancestors:
                        found.setdefault(cls, coloring.groups.get(function, 0))
    return found


def _handled(program: Program, function: Function, raised: dict[Class, int]) -> int | None:
    """The component that raises what a function handles: its signature names it, or a decorator."""
    scope, operations = function.parent or function, function.signature.operations
    for index, operation in enumerate(operations):
        if operation and operation[0] in (f.NAME, f.ATTRIBUTE):
            symbol = program.resolve_expression(scope, operations, index)
            if isinstance(symbol, Class) and symbol in raised:
                return raised[symbol]
    return None


def _keeping(colors: Colors, coloring: Coloring, function: Function) -> int | None:
    """The component that keeps what a function reads on an object of a library:
    ``request.state.user = user``."""
    keeper = next(iter(_keepers(colors, coloring, function)), None)
    return coloring.groups.get(keeper, 0) if keeper is not None else None


def _keepers(colors: Colors, coloring: Coloring, function: Function) -> list[Function]:
    """The functions that turn and keep it there. No request is there for a fixture."""
    if colors.inference.fixtures.is_fixture(function):
        return []
    keepers, words = colors.inference.kept.keepers, function.facts.members | function.facts.names
    read = [names for names in sorted(keepers) if words.issuperset(names)]
    return [keeper for names in read for keeper in keepers[names] if keeper in coloring.turned]


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
