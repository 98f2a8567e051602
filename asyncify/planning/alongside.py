"""Alongside: engines, factories and dependencies stay as they are, with async ones beside them.

The plan is made as if they turned, and as if what stays sync got copies under other names. Here the
two change places: the edits of a source are carried out in the copy, which gets an async name, and
the original keeps its text and its name. Whoever turns names the copy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.coloring import Coloring
from asyncify.analysis.colors import Colors
from asyncify.analysis.injected import Injected
from asyncify.analysis.program import Function, Module, Variable
from asyncify.analysis.sides import beside_name, home, ordered, source_beside_name
from asyncify.decisions import (
    CopyDecorator,
    CopyFunction,
    Decision,
    EnterRunSync,
    KeepSyncTwin,
    ReplaceCall,
    ReplaceExpression,
    RunMetadata,
    UseSyncSession,
)
from asyncify.findings import Finding
from asyncify.planning.draft import Draft, reference

_Copy = KeepSyncTwin | CopyFunction | CopyDecorator


@dataclass(frozen=True, slots=True)
class _Swap:
    """A source: where its text stands, and the decision that copies it, if there is no copy."""

    draft: Draft
    first: float
    end: float
    copy: _Copy | None


class Alongside:
    """Names what is async, and lets originals and copies change places."""

    def __init__(self, colors: Colors, coloring: Coloring) -> None:
        self.colors = colors
        self.coloring = coloring
        self.program = colors.program
        self.inference = colors.inference
        self.injected = Injected(colors.inference)
        self._swaps: list[_Swap] = []
        self._spelled: dict[int, tuple[Draft, dict[str, str]]] = {}

    def users(self) -> list[Function]:
        """The functions that name what is async from now on, and the plain dependencies of those,
        which make something of the session that they are given: ``Users(db)``."""
        coloring, sides = self.coloring, self.coloring.sides
        staying = coloring.stays | coloring.islands | coloring.entered | sides.quiet
        found = {
            function for function in self.inference.evaluations
            if function.facts.kind in ("def", "lambda") and function not in staying
            and home(function) not in sides.twinned and self._turns(home(function))
        }  # fmt: skip
        pending = list(found)
        while pending:
            given = set(self.injected.into(pending.pop())) - staying - sides.twinned - found
            found |= given
            pending += given
        return ordered(found)

    def _turns(self, function: Function) -> bool:
        turned = self.coloring.turned
        if function.facts.is_async or function in turned:
            return True
        owner = function.owner
        return owner is not None and not turned.isdisjoint(owner.methods.values())

    # -- names

    def function_name(self, function: Function) -> tuple[str, bool]:
        """What is async beside a function, and whether it is there already."""
        bare = function.name
        candidates = (beside_name(bare), f"async_{bare}", f"{bare}_async", f"a{bare}")
        for candidate in candidates:
            found = self.program.resolve(function.module, candidate)
            if isinstance(found, Function) and found.facts.is_async:
                return candidate, True
        return self._free(candidates, bare, function.module), False

    def variable_name(self, variable: Variable) -> tuple[str, bool]:
        """What is async beside a variable, and whether it is there already."""
        bare = variable.name
        candidates = (source_beside_name(bare), f"a{bare}", f"{bare}_async")
        for candidate in candidates:
            if candidate in variable.module.bindings and self._is_async(variable.module, candidate):
                return candidate, True
        return self._free(candidates, bare, variable.module), False

    def _is_async(self, module: Module, name: str) -> bool:
        """Is a variable an async engine or factory, or an alias for what is injected so?"""
        given = self.colors.divider.spread.injected.by_alias(Variable(module, name))
        value = self.inference.global_value(module, name)
        return any(fn.facts.is_async for fn in given) or any(
            isinstance(atom, v.Known) and atom.kind.lower().startswith("async") for atom in value
        )

    def _free(self, candidates: tuple[str, ...], bare: str, module: Module) -> str:
        """The first name that nothing else has: in the module, and where what stays is named."""
        modules = {module, *(function.module for function in self.program.mentioning(bare))}
        taken = {name for each in modules for name in each.bindings}
        name = next((each for each in candidates if each not in taken), candidates[0])
        while name in module.bindings:
            name += "_"
        return name

    def keeps(self, draft: Draft, target: f.Operation) -> None:
        """A listener goes on listening to an engine that stays sync."""
        node = reference(target)
        for decision in list(draft.decisions):
            if isinstance(decision, UseSyncSession) and decision.node == node:
                del draft.decisions[decision]

    def spells(self, draft: Draft, old: str, new: str) -> None:
        """A variable is written otherwise in what turns."""
        self._spelled.setdefault(id(draft), (draft, {}))[1][old] = new

    # -- the exchange

    def stands(self, draft: Draft, function: Function, copy: _Copy | None) -> None:
        """A function is a source."""
        parent = function.parent
        assert parent is not None
        statements = parent.body.statements
        place = next(
            n for n, s in enumerate(statements)
            if s[0] == f.FUNCTION and s[7] == function.index
        )  # fmt: skip
        self._add(draft, parent, statements, place, copy)

    def assigned(self, draft: Draft, body: Function, index: int, copy: _Copy | None) -> None:
        """What a statement of a module's body assigns is a source."""
        statement = self.colors.uses.layout(body).statement(index)
        statements = body.body.statements
        place = next((n for n, s in enumerate(statements) if s is statement), -1)
        if place >= 0:
            self._add(draft, body, statements, place, copy)

    def _add(
        self,
        draft: Draft,
        parent: Function,
        statements: tuple[f.Statement, ...],
        place: int,
        copy: _Copy | None,
    ) -> None:
        following = statements[place + 1 :]
        end = self._start(parent, following[0]) if following else inf
        self._swaps.append(_Swap(draft, self._start(parent, statements[place]), end, copy))

    def _start(self, parent: Function, statement: f.Statement) -> int:
        """The first line of a statement, its decorators included."""
        lines = [statement[1]]
        if statement[0] in (f.FUNCTION, f.CLASS):
            signature = parent.module.functions[statement[7]].signature
            lines += [signature.operations[index][1] for index in signature.decorators]
        return int(min(lines))

    def exchange(self) -> None:
        """What was planned for the originals is done in the copies."""
        for draft, names in self._spelled.values():
            for decision in list(draft.decisions):
                respelled = _respelled(decision, names)
                if respelled is not decision:
                    del draft.decisions[decision]
                    draft.add(respelled)
        copies = {id(swap.copy) for swap in self._swaps if swap.copy is not None}
        for swap in self._swaps:
            decisions = swap.draft.decisions
            inside = [
                d for d in decisions
                if swap.first <= d.site.line < swap.end and id(d) not in copies
                and not isinstance(d, (KeepSyncTwin, CopyFunction, CopyDecorator))
            ]  # fmt: skip
            for decision in inside:
                del decisions[decision]
            if swap.copy is not None:
                decisions.pop(swap.copy, None)
                swap.draft.add(
                    replace(swap.copy, decisions=_sorted([*swap.copy.decisions, *inside]))
                )
        for draft in {id(swap.draft): swap.draft for swap in self._swaps}.values():
            if not draft.decisions:
                draft.forget()

    def without_settled(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings without those that announce what is there already."""
        settled = [swap for swap in self._swaps if swap.copy is None]
        return [
            each for each in findings
            if not any(
                each.code in ("ASY001", "ASY002", "ASY003")
                and each.site.path == swap.draft.module.path
                and swap.first <= each.site.line < swap.end
                for swap in settled
            )
        ]  # fmt: skip


def _respelled(decision: Decision, names: dict[str, str]) -> Decision:
    """A decision that names a session or an engine as text, with the name that is async."""
    if isinstance(decision, RunMetadata):
        return replace(decision, bind=_spelled(decision.bind, names))
    if isinstance(decision, EnterRunSync):
        return replace(decision, session=_spelled(decision.session, names))
    if isinstance(decision, (ReplaceCall, ReplaceExpression)) and decision.session.text:
        text = _spelled(decision.session.text, names)
        return replace(decision, session=replace(decision.session, text=text))
    return decision


def _spelled(text: str, names: dict[str, str]) -> str:
    for old, new in names.items():
        if text == old or text.startswith((f"{old}.", f"{old}(")):
            return new + text[len(old) :]
    return text


def _sorted(decisions: list[Decision]) -> tuple[Decision, ...]:
    return tuple(
        sorted(decisions, key=lambda d: (d.site.line, d.site.column, d.node.kind, d.node.number))
    )
