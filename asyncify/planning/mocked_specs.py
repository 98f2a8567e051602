"""What the mock of a session becomes: one of an async session, whose executions give plain
mocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from asyncify.analysis.program import Function, Module, dotted
from asyncify.decisions import EditArguments, RenameReference
from asyncify.planning.draft import Draft, node_of, reference
from asyncify.planning.mocked_sessions import Mocked
from asyncify.vocabulary.testing import (
    ASYNC_MOCK,
    AUTOSPEC,
    MOCKED_SESSIONS,
    MOCKED_SPECS,
    MOCKS,
    OF_AUTOSPEC,
    PLAIN_MOCK,
    QUERY_MEMBER,
)


@dataclass(frozen=True, slots=True)
class MockedSpecs:
    """Writes such mocks."""

    draft: Callable[[Module], Draft]

    def respec(
        self, mocked: Mocked, members: set[str], has_queries: bool, answer: str = ""
    ) -> None:
        """The mock is one of an async session, whose executions give plain mocks, or an ``answer``
        of another kind; what is left of its queries (``has_queries``) needs the member that an
        async session hasn't."""
        function, operations = mocked.function, mocked.operations
        operation = operations[mocked.call]
        draft, keywords = self.draft(function.module), dict(operation[7])
        edits: list[tuple[str, str]] = []
        if MOCKED_SPECS.isdisjoint(keywords) and not operation[6]:
            edits.append(("spec", draft.spell(_session(members))))
        written = self._maker(mocked, operation[5], members - keywords.keys())
        owner = written.rpartition(".")[0]
        for member in sorted(members - keywords.keys()):
            made = f"{owner}.AsyncMock" if owner else draft.spell(ASYNC_MOCK)
            edits.append((member, f"{made}(return_value={answer or written}())"))
        if has_queries and QUERY_MEMBER not in keywords:
            edits.append((QUERY_MEMBER, f"{written}()"))
        if edits:
            node, site = node_of(operations, mocked.call), draft.site(operation)
            edit = EditArguments(
                node=node, site=site, set_keywords=tuple(edits), remove_keywords=OF_AUTOSPEC
            )
            draft.add(edit)

    def made(self, function: Function, members: set[str]) -> str:
        """The mock of an async session, where none is made."""
        draft = self.draft(function.module)
        plain, awaited = draft.spell(PLAIN_MOCK), draft.spell(ASYNC_MOCK)
        given = [f"spec={draft.spell(_session(members))}"]
        given += [f"{member}={awaited}(return_value={plain}())" for member in sorted(members)]
        return f"{plain}({', '.join(given)})"

    def _maker(self, mocked: Mocked, index: int, members: set[str]) -> str:
        """What makes the mock: one that is made of a whole specification sets its members itself,
        so where they have to give plain mocks another makes it."""
        written = dotted(mocked.operations, index)
        owner, _, last = written.rpartition(".")
        if last != AUTOSPEC or not members:
            return written
        draft, callee = self.draft(mocked.function.module), mocked.operations[index]
        new = f"{owner}.{MOCKS[0]}" if owner else draft.spell(PLAIN_MOCK)
        renamed = new.rpartition(".")[2] if owner else new
        draft.add(RenameReference(node=reference(callee), site=draft.site(callee), new=renamed))
        draft.drop(last)
        return new


def _session(members: set[str]) -> str:
    return next(name for member, name in MOCKED_SESSIONS if not member or member in members)
