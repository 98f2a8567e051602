"""Mocked reads by primary key: ``db.get.return_value = user``.

Where a read has to load more it becomes a statement, and a mock has to answer that:
``db.scalar.return_value = user``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function, Module, dotted
from asyncify.analysis.use import Use
from asyncify.decisions import InsertStatements, RenameReference, ReplaceCall
from asyncify.findings import Finding
from asyncify.planning.draft import Draft, node_reference, reference
from asyncify.rules import finding
from asyncify.sites import NodeRef
from asyncify.vocabulary.loading import GETS_AS
from asyncify.vocabulary.testing import ASSERTIONS, MOCK_ANSWERS, MOCK_RESULT, PLAIN_ASSERTIONS

_ASKED = re.compile(r"\{receiver\}\.(\w+)\(")
_CALLED = ("called", "call_count", "await_count")
_AWAITING = dict.fromkeys(MOCK_ANSWERS | {*PLAIN_ASSERTIONS, *_CALLED})
_ADVICE = "Give what the statement is executed with the answer, and look at that."


@dataclass(slots=True)
class MockedGets:
    """Plans what mocks of sessions answer to such reads."""

    draft: Callable[[Module], Draft]
    findings: list[Finding] = field(default_factory=list)
    _replaced: dict[Module, dict[NodeRef, ReplaceCall]] = field(default_factory=dict)

    def members(self, uses: Iterable[Use]) -> set[str]:
        """The members of sessions that execute reads, which have to give plain mocks."""
        return {self._becomes(use)[0] or use.name for use in filter(is_read, uses)}

    def plan(self, function: Function, name: str, layout: Layout, uses: Iterable[Use]) -> None:
        """Edit or report what is said, and asked, of such reads of one mock."""
        found = {(use.name, self._becomes(use)) for use in filter(is_read, uses)}
        for read in GETS_AS:
            places = {place for name_, place in found if name_ == read}
            if any(method for method, _ in places):
                for index, operation in enumerate(layout.operations):
                    if (
                        operation and operation[0] == f.ATTRIBUTE and operation[6] == read
                        and dotted(layout.operations, operation[5]) == name
                    ):  # fmt: skip
                        self._one(function, layout, index, places)

    def _one(
        self, function: Function, layout: Layout, index: int, places: set[tuple[str, str]]
    ) -> None:
        operation, parent = layout.operations[index], layout.parent(index)
        above = layout.operations[parent] if parent >= 0 else ()
        asked = above[6] if above and above[0] == f.ATTRIBUTE else _said(layout, index)
        call = layout.parent(parent) if asked in ASSERTIONS else -1
        told = call >= 0 and (layout.operations[call][6] or layout.operations[call][7])
        draft = self.draft(function.module)
        (method, result), is_one = max(places), len(places) == 1
        if is_one and not result and not told and asked in _AWAITING:
            node, site = reference(operation), draft.site(operation)
            draft.add(RenameReference(node=node, site=site, new=method))
        elif places == {("", ""), (method, "")} and asked == MOCK_RESULT and not above:
            name = dotted(layout.operations, operation[5])
            source = f"{name}.{method}.{asked} = {name}.{operation[6]}.{asked}\n"
            node, site = reference(operation), draft.site(operation)
            draft.add(InsertStatements(node=node, site=site, source=source, where="after"))
        elif asked:
            reason = f"`{operation[6]}` becomes a statement, because more than it reads has to be "
            reason += "loaded, and this mock answers, or looks at, the read."
            self.findings.append(finding("ASY608", draft.site(operation), reason, _ADVICE))

    def _becomes(self, use: Use) -> tuple[str, str]:
        """What executes a read from now on, and what is read of its result; '' where it stays."""
        module = use.function.module
        if module not in self._replaced:
            made = (d for d in self.draft(module).decisions if isinstance(d, ReplaceCall))
            self._replaced[module] = {decision.node: decision for decision in made}
        decision = self._replaced[module].get(node_reference(use.function, use.operation))
        asked = _ASKED.match(decision.awaited) if decision is not None else None
        if decision is None or asked is None or asked[1] in GETS_AS:
            return "", ""
        return asked[1], decision.result.removeprefix("{awaited}")


def is_read(use: Use) -> bool:
    """Is it a read by primary key of a session?"""
    owner = use.owner.kind if isinstance(use.owner, v.Known) else ""
    return use.kind == "member" and use.name in GETS_AS and owner in ("Session", "scoped_session")


def _said(layout: Layout, index: int) -> str:
    """What is assigned of it: ``return_value``; or ''."""
    statement = layout.statement(index)
    targets = statement[7] if statement is not None and statement[0] == f.ASSIGN else ()
    return next((t[2] for t in targets if t[0] == f.TO_ATTRIBUTE and t[1] == index), "")
