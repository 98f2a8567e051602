"""The fixture that says which loop anyio's plugin runs: ``anyio_backend``.

A fixture that is awaited asks for it, so that it has to last as long as the longest of those:
https://anyio.readthedocs.io/en/stable/testing.html#using-async-fixtures-with-higher-scopes
"""

from __future__ import annotations

from collections.abc import Callable

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function, Module, dotted
from asyncify.decisions import EditArguments, ReplaceExpression
from asyncify.planning.draft import Draft, reference
from asyncify.planning.pytest_suite import is_fixture
from asyncify.sites import NodeRef
from asyncify.vocabulary.testing import ANYIO_BACKEND, SCOPE, SCOPES


def plan(colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]) -> None:
    """Widen the scope of each backend to that of the fixtures which turn."""
    inference = colors.inference
    fixtures = [fn for fn in coloring.turned if is_fixture(inference, fn)]
    widest = max((_scope(fn)[0] for fn in fixtures), default=0)
    for backend in inference.fixtures.named(ANYIO_BACKEND):
        scope, index = _scope(backend)
        if index < 0 or scope >= widest:
            continue
        operation = backend.signature.operations[index]
        own, scope_name = draft(backend.module), SCOPES[widest]
        if operation[0] == f.CALL:
            name = dotted(backend.signature.operations, operation[5]).rpartition(".")[2]
            node = NodeRef("Call", operation[3], name)
            keywords = ((SCOPE, f'"{scope_name}"'),)
            own.add(EditArguments(node=node, site=own.site(operation), set_keywords=keywords))
        else:
            template = f'{{node}}({SCOPE}="{scope_name}")'
            site = own.site(operation)
            own.add(ReplaceExpression(node=reference(operation), site=site, template=template))


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
