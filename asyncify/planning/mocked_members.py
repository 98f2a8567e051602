"""What tests put in the place of members of SQLAlchemy's objects: ``setattr(db, "commit", fake)``.

What turns awaits that member from now on. On an object, what stands there isn't given the object,
so that a mock may call it; on a class it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.declarations import foreign_name
from asyncify.analysis.program import Function, dotted
from asyncify.findings import Finding
from asyncify.planning.mocked_functions import MockedFunctions, is_last
from asyncify.rules import finding
from asyncify.vocabulary.names import KINDS, async_name
from asyncify.vocabulary.rows import Form
from asyncify.vocabulary.testing import PATCHES, REPLACEMENT

_QUERY = "Query"


@dataclass(slots=True)
class MockedMembers:
    """Plans what stands in for them; edits are those of what stands in for functions."""

    colors: Colors
    coloring: Coloring
    functions: MockedFunctions

    def plan(self) -> None:
        """Every call that gives an object, or a class, something else under a name."""
        calls = [call for call, both in PATCHES.values() if both]
        for function in self.functions.patching():
            operations = function.body.operations
            for operation in operations:
                if operation and operation[0] == f.CALL and len(operation[6]) > 1:
                    name = dotted(operations, operation[5])
                    if min(operation[6]) >= 0 and any(is_last(name, call) for call in calls):
                        self._call(function, operations, operation)

    def _call(
        self, function: Function, operations: tuple[f.Operation, ...], operation: f.Operation
    ) -> None:
        base, named, *others = operation[6]
        member, keywords = operations[named], dict(operation[7])
        if member[0] != f.CONSTANT or not isinstance(member[5], str):
            return
        owner = foreign_name(function, operations, base, self.colors.inference)
        if KINDS.get(owner) == _QUERY:
            self.functions.findings.append(self._lost(function, operation, member[5]))
        given = next((keywords[k] for k in REPLACEMENT if k in keywords), -1)
        given = others[0] if others else given
        if given < 0 or not self.is_awaited(function, base, member[5]):
            return
        value = operations[given]
        if value[0] == f.ATTRIBUTE and self.is_awaited(function, value[5], value[6]):
            return  # another that can be awaited
        target = f"{dotted(operations, base)}.{member[5]}"
        self.functions.stand_in(
            function, operations, operation, given, target, wrapped=not KINDS.get(owner)
        )

    def _lost(self, function: Function, operation: f.Operation, member: str) -> Finding:
        """``monkeypatch.setattr(Query, "first", ...)``: statements have none to replace."""
        reason = f"`{member}` of `{_QUERY}` is replaced, and what turns makes a statement "
        reason += "instead of a query: nothing calls it."
        advice = "Replace what executes the statement, or what calls it."
        site = self.functions.draft(function.module).site(operation)
        return finding("ASY608", site, reason, advice)

    def is_awaited(self, function: Function, base: int, member: str) -> bool:
        """Is it a member of a class, or of an object that turns, which is awaited from now on?"""
        inference, operations = self.colors.inference, function.body.operations
        name = foreign_name(function, operations, base, inference)
        if name in KINDS and async_name(name, inference.config.sqlalchemy_version):
            kinds = {KINDS[name]}
        else:
            evaluation = inference.evaluations.get(function)
            kinds = {
                atom.kind for atom in (evaluation.values[base] if evaluation else ()) or ()
                if isinstance(atom, v.Known) and atom.origin in self.coloring.alive
                and atom.origin not in self.coloring.stays_origins
            }  # fmt: skip
        rows = [inference.row(kind, member) for kind in kinds]
        return bool(rows) and all(row is not None and row.form is Form.AWAIT for row in rows)
