"""Fixtures that a test asks for in its body: ``request.getfixturevalue("session")``.

pytest sets such a fixture up there and then. For one that is awaited, or that needs such a one, it
can't do that in a test that is a coroutine: the loop runs already. A parameter asks for it instead.
Where only the run tells which fixture it is, a person has to choose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function, Module
from asyncify.decisions import AddParameter, RemoveStatement, ReplaceExpression
from asyncify.findings import Finding
from asyncify.planning.draft import Draft, call_reference
from asyncify.rules import finding
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.testing import REQUESTED

_REASON = "pytest can't set a fixture that is awaited up in a test whose loop runs already."
_ADVICE = "Ask for it by a parameter, or in a fixture that is no coroutine."


def plan_requested(
    colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]
) -> Iterator[Finding]:
    """Plan the parameters; what a person has to do about others."""
    for function in colors.program.mentioning_member(REQUESTED):
        if function not in coloring.turned:
            continue
        for index, operation in enumerate(function.body.operations):
            if not _is_request(function, operation):
                continue
            first = function.body.operations[operation[6][0]]
            name = first[5] if first[0] == f.CONSTANT else None
            asked = colors.inference.fixtures.requested(function, name)
            if any(colors.inference.fixtures.awaits(x, coloring.turned) for x in asked):
                edited = draft(function.module)
                if not isinstance(name, str) or not _asks(colors, function, index, name, edited):
                    yield finding("ASY106", edited.site(operation), _REASON, _ADVICE)


def _is_request(function: Function, operation: f.Operation) -> bool:
    if not operation or operation[0] != f.CALL or min(operation[6], default=-1) < 0:
        return False
    callee = function.body.operations[operation[5]]
    return bool(callee[0] == f.ATTRIBUTE and callee[6] == REQUESTED)


def _asks(colors: Colors, function: Function, index: int, name: str, draft: Draft) -> bool:
    """Have a parameter in the place of the call, if the function may have it."""
    statement = colors.uses.layout(function).statement(index)
    is_bound = (
        statement is not None and statement[0] == f.ASSIGN and statement[8] == index
        and [target[:2] for target in statement[7]] == [(f.TO_NAME, name)]
    )  # fmt: skip
    given = any(parameter.name == name for parameter in function.signature.parameters)
    if function.facts.kind != "def" or (function.parent and function.parent.facts.kind == "def"):
        return False
    if name in function.facts.bound and not (is_bound or given):
        return False
    facts, site = function.facts, draft.site(function.body.operations[index])
    if not given:
        node = NodeRef("FunctionDef", facts.number, facts.name)
        place = Site(draft.module.path, facts.line, facts.column)
        draft.add(AddParameter(node=node, site=place, name=name))
    if is_bound and statement is not None:
        draft.add(RemoveStatement(node=NodeRef("Assign", statement[3]), site=site))
    else:
        node = call_reference(function, index)
        draft.add(ReplaceExpression(node=node, site=site, template=name))
    return True
