"""Planning of functions that turn: ``async def``, and what each use in them becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.consumers import takes_some
from asyncify.analysis.layout import Layout
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function, dotted
from asyncify.analysis.properties import CACHED
from asyncify.analysis.sides import ENTERED_AS
from asyncify.analysis.specials import returned_iterator
from asyncify.analysis.uses import Use
from asyncify.decisions import (
    AddDecorator,
    DefineLambda,
    MakeAsync,
    RenameReference,
    ReplaceCall,
    StripDecorator,
    YieldItems,
    awaits,
    awaits_items,
)
from asyncify.findings import Finding
from asyncify.planning.client_calls import ClientPlanner
from asyncify.planning.consumers import (
    consume_generators,
    free_name,
    plan_iteration,
    take_some,
)
from asyncify.planning.delegation import loops
from asyncify.planning.draft import Draft, call_reference, reference
from asyncify.planning.entry_points import EntryPlanner
from asyncify.planning.exhausted import ENDS, plan_ends
from asyncify.planning.hoisting import Hoister
from asyncify.planning.member_calls import MemberPlanner
from asyncify.planning.mixed_iterables import HELPER, MixedIterables
from asyncify.planning.program_calls import CallPlanner
from asyncify.planning.pytest_suite import is_fixture
from asyncify.planning.queries import QueryPlanner
from asyncify.planning.special_calls import SpecialPlanner
from asyncify.planning.with_statements import WithPlanner
from asyncify.rules import finding
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.frameworks import Rule
from asyncify.vocabulary.serving import UVICORN_ASKS, UVICORN_FORM, UVICORN_HELPER
from asyncify.vocabulary.special import AWAITED_AS, ITERATE

_ITEMS = ("item", "each", "element")


@dataclass(slots=True)
class _Turning:
    """One function while it is planned."""

    function: Function
    layout: Layout
    draft: Draft
    hoister: Hoister
    group: int
    withs: WithPlanner


class FunctionPlanner:
    """Plans one function after the other; keeps what the plan as a whole has to say."""

    def __init__(
        self,
        colors: Colors,
        coloring: Coloring,
        queries: QueryPlanner,
        support: Callable[[Draft, str], str],
        clients: ClientPlanner,
    ) -> None:
        self.clients = clients
        self.colors = colors
        self.coloring = coloring
        self.queries = queries
        self.support = support
        self.inference = colors.inference
        self.config = self.inference.config
        self.findings: list[Finding] = []
        self.impediments: dict[Function, Obstacle] = {}
        shared = colors, coloring, support, self.findings, self.impediments
        self.members = MemberPlanner(*shared)
        self.calls = CallPlanner(*shared)
        self.entries = EntryPlanner(*shared)
        self.specials = SpecialPlanner(*shared)
        self.mixed = MixedIterables(colors, coloring)

    def plan(self, function: Function, draft: Draft) -> None:
        """All decisions inside one function that turns, or that is async already."""
        if self.colors.lambdas.hands_on(function):
            return  # it gives the coroutine, or whatever else it gave, as it stands
        layout = self.colors.uses.layout(function)
        group = self.coloring.groups.get(function, 0)
        if function.facts.kind == "lambda":
            self._define(function, draft, group)
        is_made = function in self.colors.factories.made  # planned with who makes the objects
        is_plain = not (function.facts.is_async or function.stands_for_generators)
        is_plain = is_plain or function.in_thread
        if is_plain and function.facts.kind == "def" and not is_made:
            self._make_async(function, draft, group)
        withs = WithPlanner(self.members, self.clients, layout, draft)
        closed = withs.closings()
        self.queries.plan_function(function, draft)
        hoister = Hoister(layout, self.config.style, self.inference.models)
        turning = _Turning(function, layout, draft, hoister, group, withs)
        for use in self.colors.uses.of(function):
            if use.operation not in closed:
                self._use(use, turning)
        withs.finish()
        if ENDS in function.facts.names:
            plan_ends(self.calls, layout, draft, group)
        for decision in loops(self.colors, self.coloring, function, draft):
            draft.add(decision)
        if not function.facts.is_async:
            self._serve(function, draft, group)

    def _serve(self, function: Function, draft: Draft, group: int) -> None:
        """``uvicorn.run(app)``: a loop runs already, so the server is awaited."""
        operations = function.body.operations
        for call in self.colors.servers.of(function):
            if not call.form:
                continue
            form = call.form
            if form == UVICORN_ASKS:
                form = form.replace("{helper}", self.support(draft, UVICORN_HELPER))
            elif form == UVICORN_FORM:
                form = form.replace("{module}", draft.spell("uvicorn"))
            draft.add(
                ReplaceCall(
                    node=call_reference(function, call.operation), group=group,
                    site=draft.site(operations[call.operation]), awaited=form,
                )
            )  # fmt: skip
            draft.drop(dotted(operations, operations[call.operation][5]))

    def _make_async(self, function: Function, draft: Draft, group: int) -> None:
        facts = function.facts
        site = Site(draft.module.path, facts.line, facts.column)
        node = NodeRef("FunctionDef", facts.number, facts.name)
        new = ENTERED_AS.get(facts.name, "")
        if function.is_method and (facts.name in AWAITED_AS or facts.name == ITERATE):
            new = self.colors.specials.name(function)
            self._yield_items(function, draft, group)
        if self.colors.cases.runs(function):
            new = self.colors.cases.name(function)
        layout = self.colors.uses.layout(function)
        ends = facts.is_generator and any(
            s[0] == f.RETURN and s[7] >= 0 for s in layout.statements
        )  # fmt: skip
        draft.add(MakeAsync(node=node, site=site, group=group, rename=new, ends=ends))
        self._decorators(function, draft)
        if function in self.coloring.entries:
            name = self.support(draft, "run_async")
            draft.add(AddDecorator(node=node, site=site, group=group, decorator=name))

    def _define(self, function: Function, draft: Draft, group: int) -> None:
        """A lambda that awaits gets a definition, where nothing gives way to its body."""
        found = self.colors.lambdas.definition(function)
        if found is not None and not self.colors.lambdas.is_inlined(function):
            facts = function.facts
            draft.add(
                DefineLambda(
                    node=NodeRef("Lambda", facts.number), group=group, name=found.name,
                    site=Site(draft.module.path, facts.line, facts.column),
                    replaces=found.replaces,
                )
            )  # fmt: skip

    def _yield_items(self, function: Function, draft: Draft, group: int) -> None:
        """``return iter(items)`` in ``__iter__``, which becomes an async generator."""
        found = returned_iterator(function) if function.name == ITERATE else None
        if found is not None:
            draft.add(
                YieldItems(
                    node=NodeRef("Return", found[3]), group=group,
                    site=Site(draft.module.path, found[1], found[2]),
                    variable=free_name(self.colors.uses.layout(function), *_ITEMS),
                    asynchronous=any(map(self._is_yielded, self.colors.uses.of(function))),
                )
            )  # fmt: skip

    def _is_yielded(self, use: Use) -> bool:
        """Are the items of ``return iter(items)`` awaited, where a loop takes its place?"""
        found = returned_iterator(use.function) if use.function.name == ITERATE else None
        operation = use.function.body.operations[found[7]] if found is not None else ()
        return (
            operation[:1] == (f.CALL,) and use.kind == "iterate"
            and use.operation == operation[6][0] and self.calls.is_turned(use)
        )  # fmt: skip

    def _use(self, use: Use, turning: _Turning) -> None:
        """One use; a generator expression around what it awaits can't stay one."""
        layout, draft = turning.layout, turning.draft
        made = len(draft.decisions)
        handler = _USES.get(use.kind)
        if handler is not None:
            handler(self, use, turning)
        if layout.operations[use.operation][4] & f.GENERATOR and any(
            awaits(decision) or awaits_items(decision)
            for decision in islice(draft.decisions, made, None)
        ):
            consume_generators(layout, use.operation, draft, turning.group)

    def _iterate(self, use: Use, turning: _Turning) -> None:
        if not self.calls.is_turned(use) or self._is_yielded(use):
            return
        layout, draft, group = turning.layout, turning.draft, turning.group
        of_fixture = is_fixture(self.inference, turning.function)
        mixed = self.mixed.holds(use)
        while taking := takes_some(layout, use.operation):
            if mixed:
                self.calls.impede(use, f"What `{taking}` is given may not be async", "ASY105")
                return
            uses = self._read_together(use, layout)
            if use.operation != uses[0].operation:
                return  # the first of them has been planned with the others
            use = take_some(uses, layout, draft, group, self.support(draft, f"{taking}_awaited"))
        helper = self.support(draft, HELPER) if mixed else ""
        kept = self.mixed.is_kept(use)
        plan_iteration(use, layout, draft, group, of_fixture, helper, kept)

    def _read_together(self, use: Use, layout: Layout) -> list[Use]:
        """The generators that a call reads which turn: ``zip(items, others)``."""
        call = layout.parent(use.operation)
        others = [
            other for other in self.colors.uses.of(use.function)
            if other.kind == "iterate" and layout.parent(other.operation) == call
            and self.calls.is_turned(other)
        ]  # fmt: skip
        return sorted(others, key=lambda other: other.operation) or [use]

    def _may_call(self, use: Use, turning: _Turning) -> None:
        if self.colors.turns_by_name(use, self.coloring):
            self.members.awaited(use, turning.layout, turning.draft, turning.hoister)

    def _foreign(self, use: Use, turning: _Turning) -> None:
        if use.does_io:
            self.calls.foreign(use, turning.layout, turning.draft)

    def plan_island(self, function: Function, draft: Draft) -> None:
        """What stays sync inside ``run_sync``."""
        self.calls.plan_island(function, draft)

    def plan_entry_points(self, function: Function, draft: Draft) -> None:
        """What a file does when it is run, or imported."""
        self.entries.plan(function, draft)

    def _decorators(self, function: Function, draft: Draft) -> None:
        """``@contextmanager`` becomes ``@asynccontextmanager``; caches would keep a coroutine."""
        signature = function.signature
        found = self.colors.bounds.decorators(function)
        for place, (index, decorator) in enumerate(zip(signature.decorators, found, strict=True)):
            operation = signature.operations[index]
            new = ""
            if decorator.name == "contextlib.contextmanager":
                new = draft.spell("contextlib.asynccontextmanager")
            elif decorator.name in CACHED:
                new = "property"
            elif decorator.rule in (Rule.STRIP, Rule.UNWRAP):
                facts = function.facts
                node = NodeRef("FunctionDef", facts.number, facts.name)
                draft.add(StripDecorator(node=node, site=draft.site(operation), decorator=place))
            else:
                continue
            if new:
                node = reference(operation)
                site = draft.site(operation)
                draft.add(RenameReference(node=node, site=site, new=new, whole=True))
            callee = operation[5] if operation[0] == f.CALL else index
            draft.drop(dotted(signature.operations, callee))
            if decorator.rule is Rule.STRIP:
                reason = (
                    f"`@{decorator.name}` would keep the coroutine of `{function.facts.qualname}`, "
                    "which can be awaited only once: it is taken away."
                )
                self.findings.append(finding("ASY208", draft.site(operation), reason))


_Handler = Callable[[FunctionPlanner, Use, _Turning], None]
_USES: dict[str, _Handler] = {
    **dict.fromkeys(
        ("query", "iterate query"),
        lambda p, use, t: p.queries.plan_terminal(use, t.draft, t.hoister),
    ),
    "member": lambda p, use, t: p.members.member(use, t.layout, t.draft, t.hoister),
    "greenlet": lambda p, use, t: p.members.greenlet(use, t.layout, t.draft),
    "store": lambda p, use, t: p.members.store(use, t.layout, t.draft),
    "metadata": lambda p, use, t: p.members.metadata(use, t.layout, t.draft),
    "client": lambda p, use, t: p.clients.request(use, t.draft, p.support),
    "enter client": lambda p, use, t: t.withs.enter_client(use),
    "enter stacked": lambda p, use, t: t.withs.enter_stacked(use),
    **dict.fromkeys(
        ("enter", "enter manager", "enter closing"), lambda p, use, t: t.withs.enter(use)
    ),
    "call": lambda p, use, t: p.calls.call(use, t.layout, t.draft),
    "special": lambda p, use, t: p.specials.special(use, t.layout, t.draft),
    "property": lambda p, use, t: p.calls.read(use, t.layout, t.draft),
    "apply": lambda p, use, t: p.calls.apply(use, t.layout, t.draft),
    "replace": lambda p, use, t: p.calls.replacing(use, t.draft),
    "loop": lambda p, use, t: p.calls.await_instead(use, t.layout, t.draft),
    "expect": lambda p, use, t: p.calls.expect(use, t.layout, t.draft),
    "iterate": FunctionPlanner._iterate,
    "step": lambda p, use, t: p.calls.step(use, t.layout, t.draft),
    "maybe": FunctionPlanner._may_call,
    "thread": lambda p, use, t: p.calls.leave_thread(use, t.layout, t.draft),
    "foreign": FunctionPlanner._foreign,
}
