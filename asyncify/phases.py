"""Phases: a migration in steps, each of which leaves a program that works.

``queries`` turns ``query()`` into ``select()`` while everything is still sync, ``expire`` has
sessions keep what they loaded behind a commit, still sync, and ``flip`` is all that is left:
sessions, colors, infrastructure and tests, together. Each can be reviewed, tested and released
before the next. What the last one does is the plan of the whole, so only the first two are here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.coloring import Coloring
from asyncify.analysis.colors import Colors
from asyncify.analysis.infer import Inference
from asyncify.analysis.program import Function, Module
from asyncify.decisions import Decision, EditArguments, FilePlan
from asyncify.findings import Finding
from asyncify.outcome import Summary
from asyncify.plan import Plan, make_plan, pending_queries, with_figures
from asyncify.planning.annotations import AnnotationPlanner
from asyncify.planning.draft import Draft
from asyncify.planning.mocked_chains import Chains
from asyncify.planning.mocked_factories import MockedFactories
from asyncify.planning.mocked_functions import MockedFunctions
from asyncify.planning.mocked_requests import MockedRequests
from asyncify.planning.mocked_sessions import Mocked, MockedSessions, is_session
from asyncify.planning.queries import QueryPlanner
from asyncify.planning.support import Support
from asyncify.planning.sync_names import SyncNames
from asyncify.rules import finding
from asyncify.sites import Site

_KEPT = ("expire_on_commit", "False")
_REASON = "These sessions would get `expire_on_commit=False`."


def plan_phase(inference: Inference, phase: str, blocked: frozenset[str]) -> Plan:
    """The plan of a phase that leaves the program sync."""
    if phase == "expire":
        return _expire(inference, make_plan(inference, blocked))
    return _Queries(inference, blocked).make()


def _expire(inference: Inference, whole: Plan) -> Plan:
    """Of the whole plan: that the sessions which turn keep what they loaded behind a commit."""
    files, findings = [], []
    for group, file in enumerate(whole.files, 1):
        module = inference.program.modules[file.path]
        made = [d for d in file.decisions if _keeps(d) and not _is_kept(module, d.node.number)]
        if made:
            files.append(FilePlan(file.path, tuple(_only_kept(d, group) for d in made)))
            findings += [finding("ASY003", d.site, _REASON) for d in made]
    return _still_sync(tuple(files), tuple(findings), whole.summary)


def _keeps(decision: Decision) -> bool:
    return isinstance(decision, EditArguments) and _KEPT in decision.set_keywords


def _is_kept(module: Module, number: int) -> bool:
    """Does a call say so already?"""
    for function in module.functions:
        operations = function.body.operations
        for operation in operations:
            if operation and operation[0] == f.CALL and operation[3] == number:
                value = dict(operation[7]).get(_KEPT[0])
                return value is not None and operations[value][5:6] == (False,)
    return False


def _only_kept(decision: Decision, group: int) -> Decision:
    return EditArguments(node=decision.node, site=decision.site, group=group, set_keywords=(_KEPT,))


def _still_sync(
    files: tuple[FilePlan, ...], findings: tuple[Finding, ...], summary: Summary
) -> Plan:
    return Plan(files, findings=findings, summary=with_figures(summary, files, ()))


class _Queries:
    """Plans the queries of a program in which nothing turns."""

    def __init__(self, inference: Inference, blocked: frozenset[str]) -> None:
        self.inference = inference
        self.blocked = blocked
        self.colors = Colors(inference, blocked)
        # Finds whatever has to do with the database, and where the helpers will stand.
        whole = self.colors.solve()
        self.coloring = Coloring(alive=whole.alive, sync=True, stays=self._out_of_reach())
        # What is given to what turns later on is a session, where it is a mock.
        self.turning = replace(self.coloring, turned=whole.turned | whole.islands)
        self.support = Support(inference, self.coloring)
        self.queries = QueryPlanner(self.colors, self.coloring, self.support.name)
        self.coloring.groups = self._groups()
        self.drafts: dict[Module, Draft] = {}

    def _out_of_reach(self) -> set[Function]:
        """The functions in files that can't be rewritten: what they build and execute stays."""
        evaluated = self.inference.evaluations
        return {function for function in evaluated if function.module.path in self.blocked}

    def draft(self, module: Module) -> Draft:
        if module not in self.drafts:
            self.drafts[module] = Draft(self.inference.program, module)
        return self.drafts[module]

    def make(self) -> Plan:
        functions = (*self.queries.functions(), *self.queries.sessions.calls)
        callers = {fn for calls in self.queries.sessions.calls.values() for fn, *_ in calls}
        for function in sorted({*functions, *callers}, key=lambda fn: (fn.module.path, fn.index)):
            self.queries.plan_sync(function, self.draft(function.module))
        self._annotations()
        mocked = self._mocks()
        self.support.complete(self.draft)
        files = tuple(
            FilePlan(draft.module.path, decisions)
            for draft in sorted(self.drafts.values(), key=lambda d: d.module.path)
            if (decisions := draft.finish())
        )
        if any(file.path in self.blocked for file in files):
            files = ()  # a builder in such a file is a part of what others execute
        summary = Summary(files_read=len(self.inference.program.modules))
        new = self.support.files() if files else ()
        findings = (*pending_queries(files), *self._staying(), *(mocked if files else ()))
        plan = _still_sync(files, findings, summary)
        return replace(plan, new_files=new, summary=with_figures(summary, files, new))

    def _mocks(self) -> list[Finding]:
        """The chains of mocked queries answer statements; what is said of those that can't."""
        chains = Chains(self.colors, self.draft, is_sync=True)
        functions = MockedFunctions(self.colors, self.turning, self.draft)
        requests = MockedRequests(self.colors, functions)
        sessions = MockedSessions(self.colors, self.turning, requests)
        factories = MockedFactories(self.colors, self.turning, self.draft, functions)
        factories.find()
        sessions.given, sessions.names = factories.given, factories.names
        sessions.held = factories.held
        for function, path in factories.unmade:
            chains.plan(Mocked(function, -1, ((function, path),)), sessions.reached)
        for mocked in list(sessions.find(is_session)):
            if sessions.is_ours(mocked):
                chains.plan(mocked, sessions.reached)
        return chains.findings

    def _annotations(self) -> None:
        """``Query`` in annotations; the names of sessions stay."""
        names = SyncNames(self.colors)
        planner = AnnotationPlanner(self.colors, self.coloring, self.queries, names, self.draft)
        modules = names.modules({"Query"})
        for function in (fn for module in modules for fn in module.functions):
            if function.facts.kind != "module":
                planner.signature(function)
            planner.assignments(function, self.colors.uses.layout(function))

    def _groups(self) -> dict[Function, int]:
        """Functions that handle the same queries change together."""
        owners: dict[v.Origin, Function] = {}
        parents: dict[Function, Function] = {}

        def root(function: Function) -> Function:
            while (above := parents.get(function, function)) is not function:
                function = above
            return function

        for function, places in self.queries.places.items():
            for atoms in places.values():
                for atom in atoms:
                    other = root(owners.setdefault(atom.origin, function))
                    parents[root(function)] = other
        numbers: dict[Function, int] = {}
        return {
            function: numbers.setdefault(root(function), len(numbers) + 1)
            for function in self.queries.places
        }

    # -- findings

    def _staying(self) -> Iterator[Finding]:
        """The queries that no statement is equal to."""
        for flow in self.queries.flows.values():
            if flow.reason and flow.start >= 0:
                function = flow.origin.function
                operation = function.body.operations[flow.start]
                site = Site(function.module.path, operation[1], operation[2])
                yield finding("ASY202", site, f"This query stays a Query: {flow.reason}.")
