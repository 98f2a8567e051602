"""The fixture that says which loop anyio's plugin runs: ``anyio_backend``.

A fixture that is awaited asks for it, so that it has to last as long as the longest of those:
https://anyio.readthedocs.io/en/stable/testing.html#using-async-fixtures-with-higher-scopes
"""

from __future__ import annotations

from collections.abc import Callable

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.fixtures import reaches
from asyncify.analysis.program import Function, Module, dotted
from asyncify.analysis.sides import ordered
from asyncify.decisions import EditArguments, InsertStatements, ReplaceExpression
from asyncify.planning.draft import Draft, reference
from asyncify.planning.pytest_suite import is_fixture, is_test
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.testing import ANYIO_BACKEND, AUTOUSE, PLAIN_FIXTURE, SCOPE, SCOPES

_TEXT = f"""@{{fixture}}
def {ANYIO_BACKEND}():
    return "asyncio"


"""


def plan(
    colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft], tests: list[Function]
) -> None:
    """Have each backend last as long as the fixtures which turn, and be there for all tests where
    one of these is. Where no file defines a backend, the plugin's own one also runs loops that
    aren't asyncio's: those who turn, and the tests that stay plain, get one that doesn't."""
    fixtures = _fixtures_that_turn(colors, coloring)
    widest = max((_scope(fn)[0] for fn in fixtures), default=0)
    wanted = {SCOPE: f'"{SCOPES[widest]}"'} if widest else {}
    if any(map(_is_autouse, fixtures)):
        wanted[AUTOUSE] = "True"
    backends = colors.inference.fixtures.named(ANYIO_BACKEND)
    for backend in backends:
        scope, index = _scope(backend)
        if index < 0:
            continue
        operation = backend.signature.operations[index]
        keywords = {**wanted}
        if scope >= widest:
            keywords.pop(SCOPE, None)
        if keywords:
            _edit(backend, operation, keywords, draft(backend.module))
    if not backends:
        turned = [fn for fn in coloring.turned if is_test(fn) and not fn.facts.is_async]
        for module in _homes(colors, [*fixtures, *turned, *tests]):
            _define(module, wanted, draft(module))


def _edit(
    backend: Function, operation: f.Operation, keywords: dict[str, str], draft: Draft
) -> None:
    site = draft.site(operation)
    if operation[0] == f.CALL:
        name = dotted(backend.signature.operations, operation[5]).rpartition(".")[2]
        node = NodeRef("Call", operation[3], name)
        draft.add(EditArguments(node=node, site=site, set_keywords=tuple(keywords.items())))
    else:
        template = f"{{node}}({_written(keywords)})"
        draft.add(ReplaceExpression(node=reference(operation), site=site, template=template))


def _written(keywords: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in keywords.items())


def _homes(colors: Colors, functions: list[Function]) -> list[Module]:
    """Where backends are to stand for fixtures and tests: the highest conftest above them, or
    their own file."""
    conftests = sorted(
        (
            module for path, module in colors.program.modules.items()
            if path.rpartition("/")[2] == "conftest.py" and _first(module) is not None
        ), key=lambda module: (module.path.count("/"), module.path)
    )  # fmt: skip
    homes = {
        next((x for x in conftests if reaches(x, function.module)), function.module)
        for function in functions
    }
    return sorted(homes, key=lambda module: module.path)


def _first(module: Module) -> Function | None:
    """The first function or class of a file."""
    body = module.functions[0]
    defined = (x for x in module.functions if x.parent is body and x.facts.kind != "lambda")
    return min(defined, key=lambda function: function.facts.line, default=None)


def _define(module: Module, keywords: dict[str, str], draft: Draft) -> None:
    """A backend before the first function or class."""
    first = _first(module)
    if first is None:
        return
    owner, _, last = PLAIN_FIXTURE.partition(".")
    given = f"({_written(keywords)})" if keywords else ""
    kind = "ClassDef" if first.facts.kind == "class" else "FunctionDef"
    draft.add(
        InsertStatements(
            node=NodeRef(kind, first.facts.number, first.facts.name),
            site=Site(module.path, first.facts.line, first.facts.column),
            source=_TEXT.format(fixture=f"{draft.spell(owner)}.{last}{given}"),
        )
    )  # fmt: skip


def _fixtures_that_turn(colors: Colors, coloring: Coloring) -> list[Function]:
    """The fixtures that turn."""
    return [
        function for function in coloring.turned
        if not function.facts.is_async and is_fixture(colors.inference, function)
    ]  # fmt: skip


def plain_tests(colors: Colors, coloring: Coloring) -> list[Function]:
    """The tests that stay plain, and are given what a fixture that turns makes: the plugin awaits
    it only where the test asks for the backend. None, where a backend is there for all."""
    if any(map(_is_autouse, _fixtures_that_turn(colors, coloring))):
        return []
    fixtures = colors.inference.fixtures
    pending = [fn for fn in _fixtures_that_turn(colors, coloring) if not _asks(fn)]
    seen, found = set(pending), set[Function]()
    while pending:
        for function, _ in fixtures.requesting(pending.pop()):
            if function in seen or _asks(function):
                continue
            seen.add(function)
            if fixtures.is_fixture(function):
                pending.append(function)
            elif function not in coloring.turned and not function.facts.is_async:
                found.add(function)
    return ordered(found)


def _is_autouse(fixture: Function) -> bool:
    """Is a fixture there for tests that don't ask for it?"""
    operations = fixture.signature.operations
    calls = (operations[index] for index in fixture.signature.decorators)
    given = (dict(call[7]).get(AUTOUSE, -1) for call in calls if call[0] == f.CALL)
    return any(
        i >= 0 and operations[i][:1] + operations[i][5:6] == (f.CONSTANT, True) for i in given
    )


def _asks(function: Function) -> bool:
    return any(p.name == ANYIO_BACKEND for p in function.signature.parameters)


def _scope(fixture: Function) -> tuple[int, int]:
    """How wide the scope of a fixture is, and the decorator that says so; (0, -1): unknown."""
    operations = fixture.signature.operations
    for index in fixture.signature.decorators:
        operation = operations[index]
        callee = operation[5] if operation[0] == f.CALL else index
        if dotted(operations, callee).rpartition(".")[2] != "fixture":
            continue
        given = dict(operation[7]).get(SCOPE, -1) if operation[0] == f.CALL else -1
        if given < 0:
            return 0, index
        if operations[given][0] == f.CONSTANT and operations[given][5] in SCOPES:
            return SCOPES.index(operations[given][5]), index
    return 0, -1
