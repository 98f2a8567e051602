"""Chains of a mocked query: ``db.query.return_value.filter.return_value.first.return_value = x``.

Where everything that is reached asks in one way, the mock answers where the program asks from now
on: ``db.execute.return_value.scalars.return_value.first.return_value = x``. What can't be told is
said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from asyncify import facts as f
from asyncify.analysis.colors import Colors
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Class, Function, Module, dotted
from asyncify.analysis.use import Use
from asyncify.decisions import (
    InsertStatements,
    RemoveStatement,
    RenameReference,
    ReplaceCall,
    ReplaceExpression,
)
from asyncify.findings import Finding
from asyncify.planning.draft import Draft, node_reference, reference
from asyncify.planning.mocked_answers import ANYTHING, ITERATED, Answer, Answers
from asyncify.planning.mocked_sessions import Mocked
from asyncify.rules import finding
from asyncify.sites import NodeRef
from asyncify.vocabulary.testing import (
    ASSERTIONS,
    ENTITY_ASSERTIONS,
    MOCK_RESULT,
    PLAIN_ASSERTIONS,
    QUERY_MEMBER,
)

_ASKED = re.compile(r"\{session\}\.(\w+)\(")
_RESULT = re.compile(r"\{awaited\}((?:\.\w+(?:\([^()]*\))?)*)")
_STEP = re.compile(r"\.(\w+)(\(?)")
_EFFECT = "side_effect"
_ENTITIES = f".scalars.{MOCK_RESULT}."
ENTERING = ("__enter__", "__aenter__")
_ASKING = ("assert_", "call")  # `call_count`, `called`, `call_args`
_RAISING = ("Error", "Exception")
_ADVICE_SHARED = "Give it a `side_effect` where the test needs another answer for that."
_ADVICE = "Give what the statement is executed with the answer that the query's chain had."

# The chains of queries that are reached, and where a mock has to answer each from now on
# (``execute.return_value.scalar_one.return_value``); '' where that isn't known.
Asked = dict[tuple[str, ...], set[str]]


class _Executing(NamedTuple):
    """The one member that executes all queries, or '', and whether these select entities."""

    member: str
    selects: bool


@dataclass(slots=True)
class Chains:
    """Plans the chains of the mocks of sessions; ``is_sync``: of sessions that stay sync."""

    colors: Colors
    draft: Callable[[Module], Draft]
    is_sync: bool = False
    findings: list[Finding] = field(default_factory=list)
    left: set[tuple[Function, int]] = field(default_factory=set)  # mocks that are asked for queries

    def members(self, uses: list[Use]) -> set[str]:
        """The members of sessions that queries become, which have to give plain mocks."""
        return {
            _first(where) for places in _asked(self, uses).values() for where in places if where
        }

    def plan(self, mocked: Mocked, reached: Callable[[Mocked, Function], list[Use]]) -> list[str]:
        """Edit or report the chains of one mock; its names in the function that makes it."""
        self._given(mocked)
        outer: Answers | None = None
        roots: list[str] = []
        is_clean = True
        holders = dict.fromkeys(mocked.holders)
        for function, name in sorted(holders, key=lambda h: h[0] is not mocked.function):
            answers = Answers(self.colors.uses.layout(function), name, outer)
            roots += answers.roots() if function is mocked.function else ()
            clean = self._function(function, answers, reached(mocked, function))
            is_clean = is_clean and clean
            if function is mocked.function and len(holders) > 1:
                outer = answers
            elif clean:
                self._unlink(function, answers)
        if outer is not None and is_clean:
            self._unlink(mocked.function, outer)
        if not is_clean:
            self.left.add((mocked.function, mocked.call))
        return roots

    def _given(self, mocked: Mocked) -> None:
        """``MagicMock(**{"query.return_value.first.return_value": 1})``"""
        operations = mocked.operations
        for key, index in operations[mocked.call][7] if mocked.call >= 0 else ():
            given = operations[index] if not key and index >= 0 else ()
            for each in given[5] if given and given[0] == f.DICT else ():
                text = (
                    operations[each][5] if each >= 0 and operations[each][0] == f.CONSTANT else ""
                )
                if isinstance(text, str) and text.startswith(f"{QUERY_MEMBER}."):
                    self._report(mocked.function, operations[each], QUERY_MEMBER)

    def becomes(self, use: Use) -> str:
        """``execute.return_value.scalars.return_value.first.return_value``"""
        node = node_reference(use.function, use.operation)
        found = self._replaced(use.function.module).get(node)
        awaited = _ASKED.match(_template(found)) if found is not None else None
        result = _RESULT.fullmatch(found.result) if found is not None else None
        if awaited is None or result is None:
            return ""
        steps = [
            f"{name}.{MOCK_RESULT}" if call else name for name, call in _STEP.findall(result[1])
        ]
        return ".".join((f"{awaited[1]}.{MOCK_RESULT}", *steps))

    def _replaced(self, module: Module) -> dict[NodeRef, ReplaceCall | ReplaceExpression]:
        decisions = self.draft(module).decisions
        return {d.node: d for d in decisions if isinstance(d, (ReplaceCall, ReplaceExpression))}

    # -- one function

    def _function(self, function: Function, answers: Answers, uses: list[Use]) -> bool:
        """Is everything that is set, or looked at, of the mock's queries planned?"""
        asked = _asked(self, uses)
        placed = {answer: _place(function, answer, answers, asked) for answer in answers.found}
        settled = {id(statement) for statement in answers.links}
        for answer, where in placed.items():
            others = {(a.place, a.member) for a, w in placed.items() if w == where}
            if where and len(others) == 1 and answers.is_clear:
                root = answers.roots()[-1]
                root = root if self.is_sync else root.replace(*ENTERING)
                self._rename(function, answer, f"{root}.{where}")
                settled.add(id(answer.statement))
                self._share(function, answer, answers, asked)
        executing = _Executing(_executing(uses, asked), _selects(asked))
        return self._others(function, answers, settled, executing)

    def _others(
        self, function: Function, answers: Answers, settled: set[int], executing: _Executing
    ) -> bool:
        """Report what else is done with queries of the mock; its assertions follow."""
        layout, is_clean = answers.layout, True
        variables = set(answers.variables())
        for index, operation in enumerate(layout.operations):
            statement = layout.statement(index)
            if statement is None or id(statement) in settled:
                continue
            if _is_query(layout.operations, index, answers.roots()):
                if not self._assertion(function, answers, index, executing):
                    self._report(function, operation, answers.name)
                    is_clean = is_clean and _is_looked_at(layout, index)
            elif operation and dotted(layout.operations, index) in variables:
                is_clean = False
        if not is_clean:
            for statement in answers.links:
                for index in range(statement[4], statement[5]):
                    if _is_query(layout.operations, index, answers.roots()):
                        self._report(function, layout.operations[index], answers.name)
        return is_clean

    def _assertion(
        self, function: Function, answers: Answers, index: int, executing: _Executing
    ) -> bool:
        """``db.query.assert_called_once()``: of what is executed instead; with the model, of what
        that selects, too."""
        layout, member = answers.layout, executing.member
        parent = layout.parent(index)
        call = layout.parent(parent) if parent >= 0 else -1
        if not member or call < 0 or layout.operations[parent][0] != f.ATTRIBUTE:
            return False
        asserted, called = layout.operations[parent], layout.operations[call]
        if called[0] != f.CALL or called[7]:
            return False
        if len(called[6]) == 1 and asserted[6] in ENTITY_ASSERTIONS:
            return executing.selects and self._of_entity(function, layout, call, member)
        if called[6] or asserted[6] not in PLAIN_ASSERTIONS:
            return False
        draft = self.draft(function.module)
        renamed = [(layout.operations[index], member)]
        if not self.is_sync and asserted[6] in ASSERTIONS:
            renamed.append((asserted, ASSERTIONS[asserted[6]]))
        for operation, new in renamed:
            node, site = reference(operation), draft.site(operation)
            draft.add(RenameReference(node=node, site=site, new=new))
        return True

    def _of_entity(self, function: Function, layout: Layout, call: int, member: str) -> bool:
        """``db.query.assert_called_once_with(User)``: the statement selects that."""
        operations, called = layout.operations, layout.operations[call]
        program, entity = self.colors.program, called[6][0]
        is_model = entity >= 0 and isinstance(
            program.resolve_expression(function, operations, entity), Class
        )
        if not is_model or self.is_sync:
            return False
        draft, asserted = self.draft(function.module), operations[called[5]]
        name = dotted(operations, operations[asserted[5]][5])
        node, site = node_reference(function, call), draft.site(called)
        template = f"{name}.{member}.{ENTITY_ASSERTIONS[asserted[6]]}()"
        draft.add(ReplaceExpression(node=node, site=site, template=template))
        source = f"assert {name}.{member}.await_args.args[0].column_descriptions[0]"
        source += f'["entity"] is {dotted(operations, entity)}\n'
        draft.add(InsertStatements(node=node, site=site, source=source, where="after"))
        return True

    def _rename(self, function: Function, answer: Answer, new: str) -> None:
        draft, target = self.draft(function.module), answer.target
        node = NodeRef("Attribute", target[3], target[2])
        draft.add(RenameReference(node=node, site=draft.site(answer.statement), new=new))

    def _share(self, function: Function, answer: Answer, answers: Answers, asked: Asked) -> None:
        """Tell which queries without an answer of their own are given this one from now on."""
        met = {chain: answers.of(chain) for chain in asked}
        mine = {where for chain, found in met.items() if answer in found for where in asked[chain]}
        others = [c for c, found in met.items() if not found and not mine.isdisjoint(asked[c])]
        if others:
            shown = ".".join(part for part in others[0] if part != ANYTHING)
            reason = f"This answers `{shown}` too from now on, which had no answer: the mock can't "
            reason += "tell their statements apart."
            site = self.draft(function.module).site(answer.statement)
            self.findings.append(finding("ASY608", site, reason, _ADVICE_SHARED))

    def _unlink(self, function: Function, answers: Answers) -> None:
        """What only led to the answers goes."""
        draft = self.draft(function.module)
        for statement in (*answers.links, *answers.made.values()):
            node = NodeRef("Assign", statement[3])
            draft.add(RemoveStatement(node=node, site=draft.site(statement)))

    def _report(self, function: Function, operation: f.Operation, name: str) -> None:
        reason = f"`{name}` mocks a session whose queries become statements, and it isn't known "
        reason += "which of them this chain answers."
        site = self.draft(function.module).site(operation)
        self.findings.append(finding("ASY608", site, reason, _ADVICE))


def _asked(chains: Chains, uses: Iterable[Use]) -> Asked:
    found: Asked = {}
    for use in uses:
        if use.kind in ("query", "iterate query"):
            found.setdefault(_written(use), set()).add(chains.becomes(use))
    return found


def _written(use: Use) -> tuple[str, ...]:
    """``query``, ``filter``, ``first``; with ``*`` for what was put together before."""
    operations, index = use.function.body.operations, use.operation
    names = [ITERATED] if use.kind == "iterate query" else []
    while operations[index][0] in (f.CALL, f.ATTRIBUTE):
        if operations[index][0] == f.ATTRIBUTE:
            names.insert(0, operations[index][6])
            if names[0] == QUERY_MEMBER:
                return tuple(names)
        index = operations[index][5]
    return (QUERY_MEMBER, ANYTHING, *names)


def _place(function: Function, answer: Answer, answers: Answers, asked: Asked) -> str:
    """Where the answer stands from now on, or '' where that isn't known: every query that is
    answered there has to have had this answer."""
    last = answer.target[2]
    if answer.place == 0:
        first = {_first(where) for places in asked.values() for where in places}
        raises = last == _EFFECT and _raises(function, answer.statement[8])
        return f"{min(first)}.{_EFFECT}" if raises and len(first) == 1 and all(first) else ""
    met = {chain: answers.of(chain) for chain in asked}
    places = {where for chain, found in met.items() if answer in found for where in asked[chain]}
    if len(places) != 1 or any("" in each for each in asked.values()):
        return ""
    (where,) = places
    own = {(answer.place, answer.member)}
    for chain, found in met.items():
        if found and where in asked[chain] and {(a.place, a.member) for a in found} != own:
            return ""
    if answer.member == ITERATED:
        where = f"{where}.{ITERATED}.{MOCK_RESULT}"
    if last == MOCK_RESULT:
        return where
    head, _, called = where.rpartition(".")
    return f"{head}.{last}" if called == MOCK_RESULT else ""


def _executing(uses: Iterable[Use], asked: Asked) -> str:
    """The one member that all queries become, where nothing else calls it; or ''."""
    first = {_first(where) for places in asked.values() for where in places}
    if len(first) != 1 or any(use.kind == "member" and use.name in first for use in uses):
        return ""
    return min(first)


def _selects(asked: Asked) -> bool:
    return all(_ENTITIES in where for places in asked.values() for where in places)


def _is_looked_at(layout: Layout, index: int) -> bool:
    """Is a mock only asked how it was called?"""
    parent = layout.parent(index)
    operation = layout.operations[parent] if parent >= 0 else ()
    return bool(operation and operation[0] == f.ATTRIBUTE and operation[6].startswith(_ASKING))


def _template(decision: ReplaceCall | ReplaceExpression) -> str:
    return decision.awaited if isinstance(decision, ReplaceCall) else decision.template


def _first(where: str) -> str:
    return where.partition(".")[0]


def _raises(function: Function, index: int) -> bool:
    """Is it an exception, or the class of one?"""
    operations = function.body.operations
    index = operations[index][5] if operations[index][0] == f.CALL else index
    return dotted(operations, index).endswith(_RAISING)


def _is_query(operations: tuple[f.Operation, ...], index: int, names: list[str]) -> bool:
    operation = operations[index]
    if not operation or operation[0] != f.ATTRIBUTE or operation[6] != QUERY_MEMBER:
        return False
    return dotted(operations, operation[5]) in names
