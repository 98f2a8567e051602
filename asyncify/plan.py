"""Plan: the inference becomes, per file, an ordered list of decisions, and findings."""

from __future__ import annotations

from dataclasses import dataclass, field

from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.infer import Inference
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function, Module
from asyncify.decisions import FilePlan, MakeAsync, NewFile, QueryToSelect
from asyncify.findings import Finding
from asyncify.outcome import Summary
from asyncify.planning.draft import Draft
from asyncify.planning.functions import FunctionPlanner
from asyncify.planning.infrastructure import InfrastructurePlanner
from asyncify.planning.misuse import misuses
from asyncify.planning.queries import QueryPlanner
from asyncify.rules import finding
from asyncify.sites import Site


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is to happen. ``files`` holds only files with decisions."""

    files: tuple[FilePlan, ...] = ()
    new_files: tuple[NewFile, ...] = ()
    findings: tuple[Finding, ...] = ()
    summary: Summary = field(default_factory=Summary)
    turned: tuple[str, ...] = ()


class Planner:
    """Makes the plan of a whole program."""

    def __init__(self, inference: Inference, colors: Colors, coloring: Coloring) -> None:
        self.inference = inference
        self.colors = colors
        self.coloring = coloring
        self.queries = QueryPlanner(colors, coloring)
        self.functions = FunctionPlanner(colors, coloring, self.queries)
        self.infrastructure = InfrastructurePlanner(colors, coloring)
        self.drafts: dict[Module, Draft] = {}

    def draft(self, module: Module) -> Draft:
        if module not in self.drafts:
            self.drafts[module] = Draft(self.inference.program, module)
        return self.drafts[module]

    def make(self) -> Plan:
        for function in self._ordered(self.coloring.turned | self._entering()):
            self.functions.plan(function, self.draft(function.module))
        for function in self._ordered(self.coloring.islands):
            self.functions.plan_island(function, self.draft(function.module))
        for function in self._ordered(self._staying_on_purpose()):
            self.queries.plan_sync(function, self.draft(function.module))
        for function in self._ordered(set(self.inference.evaluations)):
            if function.facts.kind == "module" and function not in self.coloring.stays:
                self.functions.plan_entry_points(function, self.draft(function.module))
        if self.coloring.turned:
            self.infrastructure.plan(self.draft)
        files = tuple(
            FilePlan(draft.module.path, decisions)
            for draft in sorted(self.drafts.values(), key=lambda d: d.module.path)
            if (decisions := draft.finish())
        )
        return Plan(
            files,
            tuple(self.infrastructure.new_files),
            self._findings(files),
            self._summary(files),
            tuple(f.qualname for f in self._ordered(self.coloring.turned)),
        )

    def _staying_on_purpose(self) -> set[Function]:
        """Functions with queries that stay sync, but not because something failed: what failed is
        left as it is, so that a second run fails in the same way."""
        failed = self.coloring.stays - self.coloring.entered
        return self.queries.functions() - self.coloring.turned - failed

    def _entering(self) -> set[Function]:
        """Functions that are async already and stay so, in which something is to be edited."""
        return {
            function for function in self.inference.evaluations
            if function.facts.is_async and function not in self.coloring.stays
            and function in self.coloring.causes
        }  # fmt: skip

    def _ordered(self, functions: set[Function]) -> list[Function]:
        return sorted(functions, key=lambda fn: (fn.module.path, fn.index))

    def impediments(self) -> dict[Function, Obstacle]:
        """Functions in which something could not be planned."""
        return {**self.functions.impediments, **self.queries.impediments}

    # -- findings

    def _findings(self, files: tuple[FilePlan, ...]) -> tuple[Finding, ...]:
        found = [*self.functions.findings, *self.queries.findings, *self.infrastructure.findings]
        for function in self._ordered(self.coloring.turned):
            if not function.facts.is_async:
                found.append(self._pending(function))
        for function in self._ordered(set(self.coloring.failed)):
            found.append(self._failure(function))
        for function in self._ordered(self.coloring.islands):
            obstacle = self.colors.obstacle(function)
            if obstacle is not None and obstacle.code == "ASY107":
                found.append(
                    finding(
                        "ASY107",
                        self._site(function),
                        f"`{function.qualname}` stays sync. {obstacle.reason}",
                    )
                )
        found += misuses(self.colors)
        return tuple(sorted(set(found), key=lambda x: (x.site, x.code, x.reason)))

    def _site(self, function: Function) -> Site:
        return Site(function.module.path, function.facts.line, function.facts.column)

    def _pending(self, function: Function) -> Finding:
        chain = self.coloring.chain(function)
        reason = f"`{function.facts.qualname}` does database work and would turn async."
        return finding("ASY001", self._site(function), reason, chain=chain)

    def _failure(self, function: Function) -> Finding:
        obstacle = self.coloring.failed[function]
        cause = self.coloring.causes.get(function)
        site = self._site(function)
        if cause is not None and function.facts.kind in ("module", "class"):
            site = Site(function.module.path, cause.line, cause.column)
        chain = self.coloring.chain(function)
        members, _ = self._component(function)
        others = f" {members} more functions of its component stay sync." if members else ""
        return finding(
            obstacle.code, site,
            f"`{function.qualname}` does database work ({' -> '.join(chain[1:]) or 'here'}). "
            f"{obstacle.reason}{others}",
            "Move the database work to a place that can await it, or name it in `sync`.",
            chain,
        )  # fmt: skip

    def _component(self, function: Function) -> tuple[int, None]:
        return sum(
            1 for f in self.coloring.stays if f is not function and f in self.coloring.causes
        ), None

    def _summary(self, files: tuple[FilePlan, ...]) -> Summary:
        decisions = [d for plan in files for d in plan.decisions]
        return Summary(
            files_read=len(self.inference.program.modules),
            files_changed=len(files),
            functions=sum(isinstance(d, MakeAsync) for d in decisions),
            awaits=self.functions.awaits,
            queries=sum(isinstance(d, QueryToSelect) for d in decisions),
            islands=len(self.coloring.islands),
        )


def make_plan(inference: Inference) -> Plan:
    """The plan for everything that the inference reached.

    What can't be planned stays sync, and the plan is made again without it, until it holds.
    """
    colors = Colors(inference)
    while True:
        coloring = colors.solve()
        planner = Planner(inference, colors, coloring)
        plan = planner.make()
        fresh = {
            function: obstacle for function, obstacle in planner.impediments().items()
            if function not in colors.impediments
        }  # fmt: skip
        if not fresh:
            return plan
        colors.impediments.update(fresh)
