"""Chains of a mocked query: ``db.query.return_value.filter.return_value.first.return_value = x``.

Where everything that is reached asks in one way, the mock answers where the program asks from now
on: ``db.execute.return_value.scalars.return_value.first.return_value = x``. What can't be told is
said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from asyncify import facts as f
from asyncify.analysis.colors import Colors
from asyncify.analysis.program import Function, Module, dotted
from asyncify.analysis.use import Use
from asyncify.decisions import RenameReference, ReplaceCall
from asyncify.findings import Finding
from asyncify.planning.draft import Draft, call_reference, reference
from asyncify.planning.mocked_sessions import Mocked
from asyncify.rules import finding
from asyncify.sites import NodeRef
from asyncify.vocabulary.testing import MOCK_ANSWERS, MOCK_RESULT, QUERY_MEMBER

_ASKED = re.compile(r"\{session\}\.(\w+)\(")
_RESULT = re.compile(r"\{awaited\}((?:\.\w+\([^()]*\))*)")
_ADVICE = "Give what the statement is executed with the answer that the query's chain had."


@dataclass(slots=True)
class Chains:
    """Plans the chains of the mocks of sessions."""

    colors: Colors
    draft: Callable[[Module], Draft]
    findings: list[Finding] = field(default_factory=list)

    def members(self, uses: list[Use]) -> set[str]:
        """The members of sessions that queries become, which have to give plain mocks."""
        return {new[0] for answers in self._asked(uses).values() for new in answers if new}

    def plan(self, mocked: Mocked, reached: Callable[[Mocked, Function], list[Use]]) -> None:
        """Edit or report the chains of one mock."""
        for function, name in dict.fromkeys(mocked.holders):
            asked = self._asked(reached(mocked, function))
            self._function(function, name, asked)

    def _asked(self, uses: list[Use]) -> dict[tuple[str, ...], set[tuple[str, ...]]]:
        """The chains of queries that are reached, and what each becomes; () where unknown."""
        found: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
        for use in uses:
            if use.kind in ("query", "iterate query"):
                found.setdefault(self._written(use), set()).add(self._becomes(use))
        return found

    def _written(self, use: Use) -> tuple[str, ...]:
        """``query``, ``filter``, ``first``; () for a chain that is written in pieces."""
        operations, index = use.function.body.operations, use.operation
        names: list[str] = []
        while operations[index][0] in (f.CALL, f.ATTRIBUTE):
            if operations[index][0] == f.ATTRIBUTE:
                names.insert(0, operations[index][6])
                if names[0] == QUERY_MEMBER:
                    return tuple(names)
            index = operations[index][5]
        return ()

    def _becomes(self, use: Use) -> tuple[str, ...]:
        """``execute``, ``scalars``, ``first``."""
        if use.function.body.operations[use.operation][0] != f.CALL:
            return ()
        node = call_reference(use.function, use.operation)
        found = self._replaced(use.function.module).get(node)
        awaited = _ASKED.match(found.awaited) if found is not None else None
        result = _RESULT.fullmatch(found.result) if found is not None else None
        if awaited is None or result is None:
            return ()
        return (awaited[1], *re.findall(r"\.(\w+)\(", result[1]))

    def _replaced(self, module: Module) -> dict[NodeRef, ReplaceCall]:
        return {d.node: d for d in self.draft(module).decisions if isinstance(d, ReplaceCall)}

    # -- one function

    def _function(
        self, function: Function, name: str, asked: dict[tuple[str, ...], set[tuple[str, ...]]]
    ) -> None:
        operations = function.body.operations
        planned: dict[int, tuple[int, tuple[str, ...], tuple[str, ...]]] = {}
        for base, last in self._set(function):
            if last == QUERY_MEMBER and dotted(operations, base) == name:
                self._report(function, operations[base], name)
            chain = chain_of(operations, base, name)
            if chain is not None and chain[1][:1] == (QUERY_MEMBER,) and last in MOCK_ANSWERS:
                planned[chain[0]] = (base, chain[1], answered(chain[1], asked))
        for index, operation in enumerate(operations):
            if self._is_query(operations, index, name):
                base, _, new = planned.get(index, (index, (), ()))
                others = {c for _, c, n in planned.values() if n == new}
                if new and len(others) == 1:
                    self._rename(function, base, name, new)
                else:
                    self._report(function, operation, name)

    @staticmethod
    def _is_query(operations: tuple[f.Operation, ...], index: int, name: str) -> bool:
        operation = operations[index]
        if not operation or operation[0] != f.ATTRIBUTE or operation[6] != QUERY_MEMBER:
            return False
        return dotted(operations, operation[5]) == name

    def _set(self, function: Function) -> Iterator[tuple[int, str]]:
        """The attributes that are assigned: what they are on, and their names."""
        for statement in self.colors.uses.layout(function).statements:
            if statement[0] == f.ASSIGN:
                for target in statement[7]:
                    if target[0] == f.TO_ATTRIBUTE:
                        yield target[1], target[2]

    def _rename(self, function: Function, base: int, name: str, new: tuple[str, ...]) -> None:
        draft, operation = self.draft(function.module), function.body.operations[base]
        text = f".{MOCK_RESULT}.".join(new)
        draft.add(
            RenameReference(
                node=reference(operation), site=draft.site(operation), new=f"{name}.{text}"
            )
        )

    def _report(self, function: Function, operation: f.Operation, name: str) -> None:
        reason = f"`{name}` mocks a session whose queries become statements, and it isn't known "
        reason += "which of them this chain answers."
        site = self.draft(function.module).site(operation)
        self.findings.append(finding("ASY608", site, reason, _ADVICE))


def answered(
    chain: tuple[str, ...], asked: dict[tuple[str, ...], set[tuple[str, ...]]]
) -> tuple[str, ...]:
    """What answers in the place of a chain, or () where that isn't known: every query with that
    answer has to be written so."""
    new = asked.get(chain, set())
    if len(new) != 1 or () in asked:
        return ()
    only = next(iter(new))
    others = [c for c, answers in asked.items() if only in answers and c != chain]
    return () if others else only


def chain_of(
    operations: tuple[f.Operation, ...], index: int, name: str
) -> tuple[int, tuple[str, ...]] | None:
    """The first attribute of a chain on a mock, and the names of what is called in it:
    ``db.query.return_value.first`` and ``db.query().first`` are (``query``, ``first``)."""
    names: list[str] = []
    first, called = index, True
    if operations[index][0] != f.ATTRIBUTE:
        return None
    while operations[index][0] in (f.ATTRIBUTE, f.CALL):
        operation = operations[index]
        if operation[0] == f.CALL:
            called = True
        elif dotted(operations, index) == name:
            break
        elif operation[6] == MOCK_RESULT:
            called = True
        else:
            if not called:
                return None
            names.insert(0, operation[6])
            first, called = index, False
        index = operation[5]
    return (first, tuple(names)) if dotted(operations, index) == name and not called else None
