"""What all planners of uses share: small questions about a use, and the edits that most write."""

from __future__ import annotations

from collections.abc import Callable

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.layout import Layout
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function
from asyncify.analysis.uses import SYNC_KINDS, Use
from asyncify.decisions import (
    ReplaceCall,
    ReplaceExpression,
    UseSyncSession,
)
from asyncify.findings import Finding
from asyncify.planning.draft import Draft, call_reference, reference
from asyncify.vocabulary.names import TABLES


class UsePlanner:
    """The base of those who plan one kind of use each. They add to the same ``findings``, and to
    the ``impediments`` of the functions in which something can't be planned."""

    def __init__(
        self,
        colors: Colors,
        coloring: Coloring,
        support: Callable[[Draft, str], str],
        findings: list[Finding],
        impediments: dict[Function, Obstacle],
    ) -> None:
        self.colors = colors
        self.coloring = coloring
        self.support = support
        self.inference = colors.inference
        self.config = self.inference.config
        self.findings = findings
        self.impediments = impediments

    def replace(self, use: Use, draft: Draft, awaited: str, result: str, awaits: bool) -> None:
        operation = use.function.body.operations[use.operation]
        draft.add(
            ReplaceCall(
                node=call_reference(use.function, use.operation), site=draft.site(operation),
                group=self.coloring.groups.get(use.function, 0), awaited=awaited, result=result,
                awaits=awaits,
            )
        )  # fmt: skip

    def await_perhaps(
        self, use: Use, draft: Draft, given: str = "{node}", awaits: bool = True
    ) -> None:
        """Functions as values, of which some are async: what they give is awaited if it can be."""
        name = self.support(draft, "maybe_await")
        draft.add(
            ReplaceExpression(
                node=call_reference(use.function, use.operation),
                site=draft.site(use.function.body.operations[use.operation]),
                group=self.coloring.groups.get(use.function, 0),
                template=f"{name}({given})", awaits=awaits,
            )
        )  # fmt: skip

    def impede(self, use: Use, reason: str, code: str = "ASY203") -> None:
        self.impediments[use.function] = Obstacle(code, f"{reason} (line {use.line})")

    def is_entered(self, index: int, layout: Layout) -> bool:
        """Is an operation's value entered where it stands: by a ``with``, or an ``ExitStack``?"""
        parent, statement = layout.parent(index), layout.statement(index)
        if parent >= 0:
            outer = layout.operations[parent]
            if outer[0] == f.CONDITIONAL and index in outer[6:8]:
                return self.is_entered(parent, layout)
            uses = self.colors.uses.of(layout.function)
            return any(
                use.kind in ("enter stacked", "enter closing") and use.operation == parent
                for use in uses
            )
        return (
            statement is not None
            and statement[0] == f.WITH
            and any(value == index for value, _ in statement[7])
        )

    def awaits_inside(self, use: Use, layout: Layout, arguments: bool = False) -> bool:
        """Would something inside the call have to be awaited; or, among its arguments?"""
        inside = layout.subtree(use.operation) - {use.operation}
        if arguments:
            inside -= layout.subtree(layout.operations[use.operation][5])
        return any(
            other.operation in inside
            and (
                other.does_io
                or (other.kind == "call" and set(other.callees) & self.coloring.turned)
            )
            for other in self.colors.uses.of(use.function)
        )

    def is_session(self, value: v.Value) -> bool:
        return any(isinstance(a, v.Known) and a.kind in SYNC_KINDS for a in value)

    def is_turned(self, use: Use) -> bool:
        """Is what is iterated or entered async from now on, or already, without being awaited?"""
        turned = any(c in self.coloring.turned for c in use.callees)
        return turned or use in self.colors.already.lost(use.function)

    def is_coroutine(self, function: Function) -> bool:
        return function.facts.is_async or function in self.coloring.turned

    def sync_object(self, use: Use, receiver: f.Operation, draft: Draft) -> None:
        assert isinstance(use.owner, v.Known)
        template = TABLES[use.owner.kind].sync_object
        group = self.coloring.groups.get(use.function, 0)
        if receiver[0] not in (f.NAME, f.ATTRIBUTE):
            return
        if template.startswith("{receiver}."):
            draft.add(
                UseSyncSession(
                    node=reference(receiver), site=draft.site(receiver), group=group,
                    attribute=template.removeprefix("{receiver}."),
                )
            )  # fmt: skip
        elif template:
            draft.add(
                ReplaceExpression(
                    node=reference(receiver), site=draft.site(receiver), group=group,
                    template=template.replace("{receiver}", "{node}"),
                )
            )  # fmt: skip
