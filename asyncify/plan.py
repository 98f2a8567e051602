"""Plan: the inference becomes, per file, an ordered list of decisions, and findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from asyncify.analysis import values as v
from asyncify.analysis.around_tests import runs_on_anyio
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.crowded import Start, crowded_mains
from asyncify.analysis.environments import is_alembic
from asyncify.analysis.infer import Inference
from asyncify.analysis.load_typed import evaluate_readers
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function, Module
from asyncify.analysis.sides import is_copy
from asyncify.decisions import (
    Decision,
    FilePlan,
    MakeAsync,
    NewFile,
    QueryToSelect,
    RemoveAwait,
    awaits,
)
from asyncify.findings import Finding
from asyncify.loads import RecordedLoad
from asyncify.outcome import Summary
from asyncify.planning.alembic_loops import commands_in_loops
from asyncify.planning.around_tests import plan_around_tests
from asyncify.planning.blocking import BlockingPlanner
from asyncify.planning.case_methods import CasePlanner
from asyncify.planning.cleanups import Cleanups
from asyncify.planning.client_calls import ClientPlanner
from asyncify.planning.command_runs import RunnerPlanner
from asyncify.planning.draft import Draft, reference
from asyncify.planning.elsewhere import Elsewhere
from asyncify.planning.ended_loops import ended_loops
from asyncify.planning.factories import FactoryPlanner
from asyncify.planning.finalizers import plan_finalizers
from asyncify.planning.functions import FunctionPlanner
from asyncify.planning.infrastructure import InfrastructurePlanner
from asyncify.planning.inner_loops import InnerLoops
from asyncify.planning.load_injected import turn_readers
from asyncify.planning.load_recorded import RecordedLoads
from asyncify.planning.loading import LoadPlanner
from asyncify.planning.misuse import misuses, needless_awaits
from asyncify.planning.misuse_types import ParameterTypes
from asyncify.planning.mocks import MockPlanner
from asyncify.planning.own_cascades import left_outside
from asyncify.planning.own_rows import OwnRows
from asyncify.planning.own_strings import OwnStrings
from asyncify.planning.own_style import kept_for_style, plan_commits
from asyncify.planning.packaged_models import packaged
from asyncify.planning.patched_twins import follow_twins
from asyncify.planning.plugin_loops import share_loops
from asyncify.planning.pytest_suite import turning
from asyncify.planning.queries import QueryPlanner
from asyncify.planning.refusals import Refusals
from asyncify.planning.renames import Renames
from asyncify.planning.requested_fixtures import plan_requested
from asyncify.planning.resolvers import shared_contexts, sync_schemas
from asyncify.planning.session_scopes import kept_by_threads
from asyncify.planning.settings import misnamed
from asyncify.planning.shared_registries import share_registries
from asyncify.planning.side_twins import SidePlanner
from asyncify.planning.storing_factories import StoringPlanner
from asyncify.planning.support import Support
from asyncify.planning.template_calls import template_calls
from asyncify.planning.template_greenlets import TemplateGreenlets
from asyncify.planning.test_marks import MarkPlanner
from asyncify.planning.thread_keywords import ThreadKeywords
from asyncify.planning.turning_findings import turning_findings
from asyncify.planning.unproven_calls import (
    lent_to_tests,
    unbound_sessions,
    unproven_calls,
    unseen_binds,
    unseen_sessions,
)
from asyncify.planning.unseen_calls import uncalled_methods, unseen_calls
from asyncify.rules import finding
from asyncify.sites import Site


@dataclass(frozen=True, slots=True)
class Unproven:
    """A call of what is async, as it stands, of which it isn't known that somebody awaits it: the
    function that it stands in, and the one that it calls."""

    site: Site
    caller: str
    callee: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is to happen. ``files`` holds only files with decisions; ``left_out`` are
    those that would have some and may not be edited unless the command line names them.
    ``unproven`` is what the proof looks at, in the program as it was read. ``held_back`` are the
    places in files that can't be rewritten for which components stay sync."""

    files: tuple[FilePlan, ...] = ()
    new_files: tuple[NewFile, ...] = ()
    findings: tuple[Finding, ...] = ()
    summary: Summary = field(default_factory=Summary)
    turned: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    unproven: tuple[Unproven, ...] = ()
    tests: bool = False  # are there tests or fixtures that turn?
    held_back: frozenset[Site] = frozenset()
    left_alone: frozenset[str] = frozenset()  # files that ask for it, and would have changed


class Planner:
    """Makes the plan of a whole program."""

    def __init__(
        self,
        inference: Inference,
        colors: Colors,
        coloring: Coloring,
        loads: tuple[RecordedLoad, ...] = (),
        forks: bool = False,
    ) -> None:
        self.inference = inference
        self.colors = colors
        self.coloring = coloring
        self.support = Support(inference, coloring)
        self.queries = QueryPlanner(colors, coloring, self.support.name)
        self.drafts: dict[Module, Draft] = {}
        self.sides = SidePlanner(colors, coloring, self.draft, self.support.name)
        self.queries.sessions.twins = self.sides
        self.infrastructure = InfrastructurePlanner(
            colors, coloring, self.queries, self.draft, self.sides, self.support
        )
        self.loading = LoadPlanner(
            colors, coloring, self.draft, self.support.name,
            RecordedLoads(colors, coloring, loads),
        )  # fmt: skip
        self.clients = ClientPlanner(colors, coloring, self.draft)
        self.functions = FunctionPlanner(
            colors, coloring, self.queries, self.support.name, self.clients
        )
        self.types = ParameterTypes(colors, coloring)
        self.cleanups = Cleanups(colors, coloring, self.draft)
        self.blocking = BlockingPlanner(colors, coloring, self.draft)
        self.renames = Renames(colors, coloring, self.draft)
        self.mocks: list[Finding] = []
        self.misused: list[Finding] = []
        self.rendered: dict[Function, Obstacle] = {}  # what templates call
        self.template_findings: list[Finding] = []
        self.elsewhere = Elsewhere(colors, coloring, forks)

    def draft(self, module: Module) -> Draft:
        if module not in self.drafts:
            self.drafts[module] = Draft(self.inference.program, module)
        return self.drafts[module]

    def make(self) -> Plan:
        if self.coloring.turned:
            evaluate_readers(self.colors, self.coloring)
            turn_readers(self.colors, self.coloring)
            self.elsewhere.begin()
        self._plan_functions()
        if self.coloring.turned:
            self._plan_surroundings()
        else:
            self.misused = list(misuses(self.colors, self.coloring))
        self._plan_last()
        self.greenlets = TemplateGreenlets(
            self.colors, self.coloring, self.draft, self.support.name, self.loading.entries
        )
        self.rendered, self.template_findings = template_calls(
            self.colors, self.coloring, self.loading.called_by_templates,
            self.greenlets,
        )  # fmt: skip
        tests = turning(self.colors, self.coloring) and not runs_on_anyio(self.inference)
        if tests:
            share_loops(self.inference.program, self.draft)
        files = tuple(
            FilePlan(draft.module.path, decisions)
            for draft in sorted(self.drafts.values(), key=lambda d: d.module.path)
            if draft.module.path not in self.colors.blocked and (decisions := draft.finish())
        )
        return Plan(
            files,
            self.support.files(),
            self._findings(files),
            self._summary(files),
            tuple(f.qualname for f in self._ordered(self.coloring.turned)),
            unproven=tuple(self._unproven()),
            tests=tests,
        )

    def _plan_functions(self) -> None:
        """What turns, the islands, what stays sync on purpose, and where programs are entered."""
        for function in self._ordered(self.coloring.turned | self._entering()):
            self._hold_back(function)
            self._in_style(function)
            self.functions.plan(function, self.draft(function.module))
            self.types.convert(function, self.draft(function.module))
        for function in self._ordered(self.coloring.islands):
            if function not in self.coloring.sides.synced:
                self._hold_back(function)
                self.functions.plan_island(function, self.draft(function.module))
            self.types.convert(function, self.draft(function.module))
        for function in self._ordered(self._staying_on_purpose()):
            if self.colors.is_outside(function):
                continue
            self.queries.plan_sync(function, self.draft(function.module))
        for function in self._ordered(set(self.inference.evaluations)):
            if function.facts.kind == "module" and (
                function not in self.coloring.stays or self._runs_what_turned(function)
            ):
                self.functions.plan_entry_points(function, self.draft(function.module))
        for function in self._ordered(set(self.inference.evaluations)):
            self._without_needless_awaits(function)

    def _runs_what_turned(self, body: Function) -> bool:
        """Does the body of a module that stays sync call what turns all the same: tests, for the
        requests that they make?"""
        return any(
            use.kind == "call" and not self.coloring.turned.isdisjoint(use.callees)
            for use in self.colors.uses.of(body)
        )

    def _plan_surroundings(self) -> None:
        """What stands around the functions that turn: engines, clients, tests, sides, loading."""
        FactoryPlanner(self.colors, self.coloring, self.draft).plan()
        self.queries.drop_kept_methods(self.draft)
        self.infrastructure.plan()
        self.clients.plan()
        self.mocks += StoringPlanner(self.colors, self.coloring, self.draft).plan()
        RunnerPlanner(self.colors, self.coloring, self.draft, self.support.name).plan()
        CasePlanner(self.colors, self.coloring, self.draft).plan()
        plan_around_tests(self.colors, self.coloring, self.draft)
        plan_finalizers(self.colors, self.coloring, self.draft)
        MarkPlanner(self.colors, self.coloring, self.draft).plan()
        self.mocks += plan_requested(self.colors, self.coloring, self.draft)
        self.mocks += packaged(self.colors, self.coloring)
        ThreadKeywords(self.colors, self.coloring, self.draft).plan()
        self.queries.plan_properties(self.draft)
        self.sides.plan()
        self.mocks += InnerLoops(self.colors, self.coloring, self.draft).plan()
        self.misused = list(misuses(self.colors, self.coloring))
        self._plan_loading()
        mocks = MockPlanner(
            self.colors, self.coloring, self.draft, self.loading.access.awaited
        )  # fmt: skip
        self.mocks += mocks.plan()  # they answer what is asked in the end
        follow_twins(self.colors, self.draft, self.sides, mocks.functions)
        self.infrastructure.engines.finish()
        self.infrastructure.engines.bound()
        share_registries(self.colors, self.coloring, self.draft)

    def _plan_loading(self) -> None:
        """Once more if a query that others share loads something after all: what they had loaded
        behind it, the query loads for all of them."""
        found = self.elsewhere.found()
        before = {module: draft.gathered() for module, draft in self.drafts.items()}
        helpers = self.support.gathered()
        self.loading.plan(found)
        if not self.loading.shared:
            return
        for module in tuple(self.drafts):
            if module in before:
                self.drafts[module].restore(before[module])
            else:
                del self.drafts[module]
        self.support.restore(helpers)
        again = LoadPlanner(
            self.colors, self.coloring, self.draft, self.support.name, self.loading.recorded
        )
        again.shared = self.loading.shared
        self.loading = again
        self.loading.plan(found)

    def _plan_last(self) -> None:
        """What goes by the drafts of all that."""
        self.blocking.plan()
        self.cleanups.plan()
        if self.sides.alongside is not None:
            self.sides.alongside.exchange()
            self.support.settle(list(self.drafts.values()))
        self.renames.plan()
        self.support.complete(self.draft)

    def _hold_back(self, function: Function) -> None:
        """What needs 1.4's own style stays with its component: inside ``run_sync`` the connection
        is the same."""
        kept = kept_for_style(self.colors, function)
        if kept is not None:
            self.functions.impediments[function] = kept
            self.colors.held_back.setdefault(function, kept)

    def _in_style(self, function: Function) -> None:
        """Say in the 2.0 style what 1.4's own says in another."""
        if self.inference.config.sqlalchemy_version != "1.4":
            return
        draft, group = self.draft(function.module), self.coloring.groups.get(function, 0)
        reason = OwnStrings(self.colors, function).plan(draft, group)
        reason = reason or left_outside(self.colors, function)
        if reason:
            obstacle = Obstacle("ASY203", reason)
            self.functions.impediments[function] = obstacle
            self.colors.held_back.setdefault(function, obstacle)
        OwnRows(self.colors, function).plan(draft, group)
        plan_commits(self.colors, function, draft, group)

    def _without_needless_awaits(self, function: Function) -> None:
        operations = function.body.operations
        for index in needless_awaits(self.colors, function):
            draft, group = self.draft(function.module), self.coloring.groups.get(function, 0)
            node, site = reference(operations[index]), draft.site(operations[index])
            draft.add(RemoveAwait(node=node, site=site, group=group))

    def undone(self) -> list[Decision]:
        """What would have to be done in files that can't be rewritten. Their imports change only
        where something else does."""
        drafts = [d for d in self.drafts.values() if d.module.path in self.colors.blocked]
        return [decision for draft in drafts for decision in draft.decisions]

    def held_back(self, decisions: list[Decision]) -> dict[Function, Obstacle | None]:
        """The functions of the components that need something undone, with a reason for the first
        of each. What belongs to no component in particular may belong to any."""
        paths = {decision.group: decision.site.path for decision in reversed(decisions)}
        numbers = paths.keys() - {0}
        out: dict[Function, Obstacle | None] = {}
        for function in self._ordered(self.coloring.turned):
            number = self.coloring.groups.get(function, 0)
            if numbers and number not in numbers:
                continue
            path = paths.pop(number, "")
            reason = f"`{path}`, which has to change with it, can't be rewritten."
            out[function] = Obstacle("ASY306", reason) if path else None
        return out

    def _unproven(self) -> Iterator[Unproven]:
        for function in self._ordered(set(self.inference.evaluations)):
            if is_alembic(function):
                continue  # it never stops the application: what breaks there is reported
            if function in self.coloring.entered and is_copy(function):
                continue  # a sync copy: `run_sync` gives the session
            for use in self.colors.already.unproven(function):
                site = Site(function.module.path, use.line, use.column)
                yield Unproven(site, function.qualname, use.callee_name)

    def _staying_on_purpose(self) -> set[Function]:
        """Functions with queries that stay sync, but not because something failed: what failed is
        left as it is, so that a second run fails in the same way. A Query in a lambda that is given
        to ``run_sync`` was meant to be one. Beside async engines nothing changes that stays."""
        if self.inference.config.alongside:
            return set()
        failed = self.coloring.stays - self.coloring.entered
        found = self.queries.functions() - self.coloring.turned - failed
        return {function for function in found if not self._is_entered_lambda(function)}

    def _is_entered_lambda(self, function: Function) -> bool:
        return function.facts.kind == "lambda" and function.parent is not None and any(
            use.kind == "run sync" and function in use.callees
            for use in self.colors.uses.of(function.parent)
        )  # fmt: skip

    def _entering(self) -> set[Function]:
        """Functions that are async already and stay so, in which something is to be edited."""
        return {
            function for function in self.inference.evaluations
            if function.facts.is_async and function not in self.coloring.stays
            and function not in self.coloring.sides.quiet
            and function in self.coloring.causes
        }  # fmt: skip

    def _ordered(self, functions: set[Function]) -> list[Function]:
        return sorted(functions, key=lambda fn: (fn.module.path, fn.index))

    def impediments(self) -> dict[Function, Obstacle]:
        """Functions in which something could not be planned."""
        return {
            **self.functions.impediments,
            **self.queries.impediments,
            **self.infrastructure.impediments,
            **self.infrastructure.engines.impediments,
            **self.rendered,
        }

    # -- findings

    def _findings(self, files: tuple[FilePlan, ...]) -> tuple[Finding, ...]:
        found = [*self.functions.findings, *self.queries.findings, *self.infrastructure.findings]
        found += self.loading.findings + self.sides.findings
        found += self.template_findings
        found += self.cleanups.findings()
        found += self.renames.findings + self.mocks
        found += pending_queries(files)
        for function in self._ordered(self.coloring.turned):
            found += turning_findings(self.colors, self.coloring, function)
        found += Refusals(self.colors, self.coloring).findings()
        found += self.clients.findings()
        found += self.misused
        found += kept_by_threads(self.colors, self.coloring)
        found += self.blocking.findings()
        found += misnamed(self.colors, self.coloring)
        found += unproven_calls(self.colors, self.coloring)
        found += unseen_sessions(self.colors, self.coloring)
        found += unseen_binds(self.colors, self.coloring)
        found += unbound_sessions(self.colors, self.coloring)
        found += commands_in_loops(self.colors, self.coloring)
        found += ended_loops(self.colors, self.coloring)
        found += lent_to_tests(self.colors, self.coloring)
        found += sync_schemas(self.colors, self.coloring)
        found += shared_contexts(self.colors, self.coloring)
        found += unseen_calls(self.colors, self.coloring)
        found += uncalled_methods(self.colors, self.coloring)
        if self.sides.alongside is not None:
            found = self.sides.alongside.without_settled(found)
        return tuple(sorted(set(found), key=lambda x: (x.site, x.code, x.reason)))

    def _summary(self, files: tuple[FilePlan, ...]) -> Summary:
        read = Summary(
            files_read=len(self.inference.program.modules), islands=len(self.coloring.islands),
            staying=Refusals(self.colors, self.coloring).staying(),
        )  # fmt: skip
        return with_figures(read, files, self.support.files())


def pending_queries(files: tuple[FilePlan, ...]) -> Iterator[Finding]:
    """The queries that become statements."""
    for file in files:
        for decision in file.decisions:
            if isinstance(decision, QueryToSelect):
                reason = f"This query would become `{decision.function}(...)`."
                yield finding("ASY002", decision.site, reason)


def with_figures(
    summary: Summary, files: tuple[FilePlan, ...], new_files: tuple[NewFile, ...]
) -> Summary:
    """The summary with what the decisions of ``files`` come to."""
    decisions = [decision for file in files for decision in file.decisions]
    return replace(
        summary,
        files_changed=len(files) + len(new_files),
        functions=sum(isinstance(d, MakeAsync) for d in decisions),
        awaits=sum(map(awaits, decisions)),
        queries=sum(isinstance(d, QueryToSelect) for d in decisions),
    )


def _nothing(plan: Plan) -> Plan:
    """The plan, of which nothing is carried out."""
    summary = with_figures(plan.summary, (), ())
    return replace(plan, files=(), new_files=(), turned=(), summary=summary)


@dataclass(frozen=True, slots=True)
class Colored:
    """A program of which it is known what would turn, before anything of it is planned."""

    inference: Inference
    colors: Colors
    coloring: Coloring

    def crowded(self) -> dict[str, Start]:
        """Files whose main needs a function of its own, and where that starts."""
        return crowded_mains(self.colors, self.coloring.turned)

    def settled(self, loads: tuple[RecordedLoad, ...], forks: bool) -> tuple[Planner, Plan]:
        """The plan that holds, and the planner that made it."""
        return _settled(self.inference, self.colors, self.coloring, loads, forks)


def color(inference: Inference, blocked: frozenset[str] = frozenset()) -> Colored:
    """What turns of everything that the inference reached. ``blocked`` are the paths of files that
    can't be rewritten."""
    colors = Colors(inference, blocked)
    return Colored(inference, colors, colors.solve())


def make_plan(
    inference: Inference,
    blocked: frozenset[str] = frozenset(),
    loads: tuple[RecordedLoad, ...] = (),
    forks: bool = False,
) -> Plan:
    """The plan for everything that the inference reached. With ``forks`` another process may do a
    part of it.

    What can't be planned stays sync, and the plan is made again without it, until it holds. So do
    components of which a part can't be rewritten: a plan never leaves something undone.
    """
    return settled(inference, blocked, loads, forks)[1]


def make_coloring(inference: Inference) -> tuple[Colors, Coloring]:
    """What turns, and all that the plan that holds knows of the program."""
    planner, _ = settled(inference)
    return planner.colors, planner.coloring


def settled(
    inference: Inference,
    blocked: frozenset[str] = frozenset(),
    loads: tuple[RecordedLoad, ...] = (),
    forks: bool = False,
) -> tuple[Planner, Plan]:
    """The plan that holds, and the planner that made it."""
    return color(inference, blocked).settled(loads, forks)


def _settled(
    inference: Inference,
    colors: Colors,
    coloring: Coloring | None,
    loads: tuple[RecordedLoad, ...],
    forks: bool,
) -> tuple[Planner, Plan]:
    found: dict[v.Origin, Finding] = {}
    places: set[Site] = set()
    while True:
        coloring = coloring or colors.solve()
        planner = Planner(inference, colors, coloring, loads, forks)
        planner.infrastructure.findings += found.values()
        plan = planner.make()
        coloring = None
        fresh = {
            function: obstacle for function, obstacle in planner.impediments().items()
            if function not in colors.impediments
        }  # fmt: skip
        uncopied = planner.sides.failed - colors.uncopied
        unfit = planner.infrastructure.engines.unfit
        reading = planner.loading.readers.found | planner.queries.reading
        reading = (reading | planner.greenlets.reading) - colors.reading
        if not fresh and not uncopied and not unfit and not reading:
            undone = planner.undone()
            places |= {decision.site for decision in undone}
            if not undone:
                return planner, replace(plan, held_back=frozenset(places))
            more = planner.held_back(undone)
            if not more.keys() - colors.held_back.keys():
                return planner, replace(_nothing(plan), held_back=frozenset(places))
            colors.held_back = {**more, **colors.held_back}
            continue
        found.update(unfit)
        colors.unfit |= unfit.keys()
        colors.uncopied |= uncopied
        colors.reading |= reading
        colors.impediments.update(fresh)
        colors.rendered |= planner.rendered.keys()
