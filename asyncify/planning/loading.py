"""Planning of loading: what a sync session would load by itself is loaded ahead, or awaited.

A demand (`asyncify.analysis.load_states`) is met at the query where that is in reach and nobody
else uses it, else where the attribute is read, else before the call that leads to the read; what
can't be met is a finding.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.consumers import unread
from asyncify.analysis.load_demands import Demand
from asyncify.analysis.load_values import Source
from asyncify.analysis.program import Function, Module
from asyncify.decisions import EnterRunSync, QueryToSelect, ReplaceExpression
from asyncify.findings import Finding
from asyncify.planning.consumers import consume_generators
from asyncify.planning.draft import Draft, call_reference, node_reference, reference
from asyncify.planning.elsewhere import Found
from asyncify.planning.load_access import Access
from asyncify.planning.load_depths import deepened
from asyncify.planning.load_dynamic import execute, executes_itself
from asyncify.planning.load_entries import Entries
from asyncify.planning.load_gets import Gets
from asyncify.planning.load_models import EagerModels
from asyncify.planning.load_options import OptionTexts
from asyncify.planning.load_recorded import RecordedLoads
from asyncify.planning.load_responses import Responses
from asyncify.planning.load_turning import TurningReaders
from asyncify.planning.load_walks import Walks
from asyncify.rules import finding
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.loading import CALLEE, REQUEST

Path = tuple[str, ...]
_NAMED = 3  # attributes in one message
_ENTERING = re.compile(r".*\brun_sync\(lambda\b[^{]*\{node\}")  # a Query that stays one, say


class LoadPlanner:
    """Writes the decisions about attributes that aren't loaded."""

    def __init__(
        self,
        colors: Colors,
        coloring: Coloring,
        draft: Callable[[Module], Draft],
        support: Callable[[Draft, str], str],
        recorded: RecordedLoads,
    ) -> None:
        self.recorded = recorded
        self.colors = colors
        self.coloring = coloring
        self.inference = colors.inference
        self.models = self.inference.models
        self.config = self.inference.config
        self.eager = EagerModels(colors, draft)
        self.draft = draft
        self.findings: list[Finding] = []
        self.called_by_templates: dict[tuple[Function, str, int], Function] = {}
        self.access = Access(colors, coloring, draft, support)
        self.walks = Walks(colors, coloring, draft, self.access)
        self.entries = Entries(
            colors, coloring, draft, self.access, self.walks.hoisted, self._include
        )
        self.responses = Responses(colors, draft, self.access, self.walks)
        self.gets = Gets(colors, draft)
        self.texts = OptionTexts(colors, draft, self.gets)
        self.demands: dict[Function, list[Demand]] = {}
        self._holders: dict[tuple[Source, Path], set[Function]] = {}
        self._options: dict[Source, set[Path]] = {}
        self.shared: set[tuple[Source, Path]] = set()  # asked for though not by all
        self._deep: set[tuple[Source, Path]] = set()  # options at any depth
        self._stale: set[tuple[Source, Path]] = set()  # what no query can load for its readers
        self.readers = TurningReaders(colors, coloring)
        self._unreadable: set[Source] = set()
        self._enters: set[tuple[Function, int]] = set()  # what reads at any depth
        self._told: dict[Function, dict[tuple[str, str], Site]] = {}
        self._awaited: set[tuple[Function, int]] = set()
        self._entered: dict[Module, set[NodeRef]] = {}  # the calls inside run_sync
        self._meets: dict[tuple[Function, Demand], bool] = {}

    def plan(self, found: Found) -> None:
        self._unreadable = found.unreadable
        self.demands = {holder: deepened(demands) for holder, demands in found.demands.items()}
        for holder, demands in self.demands.items():
            for demand in demands:
                self._holders.setdefault((demand.source, demand.whole), set()).add(holder)
                maybe = demand.maybe and not demand.outdated
                if demand.depth or maybe or demand.recurs:
                    self._enters.add((holder, demand.anchor))
                if demand.stale:
                    self._stale.add((demand.source, demand.whole))
        for missed in list(self.recorded.missed(self.demands)):
            self.demands.setdefault(missed.function, []).append(missed)
        self.findings += self.recorded.findings
        for holder, demands in self.demands.items():
            for demand in demands:
                self._meet(holder, demand)
        for source, paths in self._options.items():
            self._add_options(source, paths)
        self.walks.write()
        self._tell_all()
        self.called_by_templates = found.called_by_templates

    def _meet(self, holder: Function, demand: Demand) -> None:
        if demand.outdated:
            self._renew(holder, demand)
            return
        places = (*demand.calls, (demand.function, demand.operation))
        places = places[: len(places) - demand.returned]  # that is read when it has been left
        if any(self._is_in_greenlet(*p) or self.entries.holds(*p) for p in places):
            return
        if self.responses.holds(holder, demand):
            return
        if demand.executes:
            if not executes_itself(self, demand):
                self._enter(holder, demand)
            elif not demand.calls:
                execute(self, demand)
            return
        if self.config.lazy_loading == "report":
            if demand.source.kind != "given" or not self.colors.callers().get(holder):
                self._report(holder, demand)
            return
        group = self.coloring.groups.get(holder, 0)
        if self.config.lazy_loading == "model" and self.eager.take(demand, group):
            return
        if demand.source.kind == "given" and not demand.late and self._is_met_above(holder, demand):
            return
        if self._is_optional(holder, demand):
            self._ask(demand)
        elif not demand.calls:
            self._await_here(holder, demand)
        elif not self._awaits_itself(demand):
            self._load_before(holder, demand)

    def _is_in_greenlet(self, function: Function, operation: int) -> bool:
        """Is something evaluated inside ``run_sync``, where attributes are loaded as before?"""
        entered = self._entered.get(function.module)
        if entered is None:
            entered = self._entered[function.module] = {
                decision.node for decision in self.draft(function.module).decisions
                if (isinstance(decision, EnterRunSync) and not decision.outside)
                or (isinstance(decision, ReplaceExpression) and _ENTERING.match(decision.template))
            }  # fmt: skip
        layout = self.colors.uses.layout(function)
        while entered and operation >= 0:
            is_call = layout.operations[operation][0] == f.CALL
            if is_call and call_reference(function, operation) in entered:
                return True
            operation = layout.parent(operation)
        return False

    # -- at the query

    def _is_optional(self, holder: Function, demand: Demand, shared: bool = False) -> bool:
        """Can the query load it, and does everybody who uses the query ask for it? ``shared``:
        even if others use it who don't ask."""
        source = demand.source
        maker = source.function
        shared = shared or (source, demand.whole) in self.shared
        ways = (demand.whole[:length] for length in range(1, len(demand.whole) + 1))
        if demand.late or demand.outdated or demand.maybe:
            return False
        if any((source, way) in self._stale for way in ways):
            return False
        if self.config.lazy_loading != "query" and not shared:
            return False
        if source.kind == "get":
            return self._is_selectable(holder, demand, shared)
        if source.kind != "query" or source in self._unreadable:
            return False
        if demand.column and not self._is_optional_column(demand):
            return False
        if not self.texts.can_go_on(demand):
            return False
        if maker not in self.coloring.turned and self._start(source) is None:
            return False
        if not shared and maker is not holder and not self._all_ask(maker, demand, set()):
            return False
        return self._is_statement(source) and self.texts.can_say(source, demand.whole)

    def _is_selectable(self, holder: Function, demand: Demand, shared: bool) -> bool:
        """The same for a read by primary key, which has to become a statement."""
        source = demand.source
        if demand.column and not self._is_optional_column(demand):
            return False
        if not shared and source.function is not holder:
            return False
        return (
            self.texts.can_go_on(demand)
            and self.gets.entity(source) is not None
            and self.texts.can_say(source, demand.whole)
        )

    def _is_optional_column(self, demand: Demand) -> bool:
        cls, name = demand.entity.cls, demand.attribute
        return name in self.models.deferred(cls) or self.models.comes_later(cls, name)

    def _start(self, source: Source) -> QueryToSelect | None:
        """The decision that makes a statement of the query."""
        node = call_reference(source.function, source.operation)
        for decision in self.draft(source.function.module).decisions:
            if isinstance(decision, QueryToSelect) and decision.node == node:
                return decision
        return None

    def _is_statement(self, source: Source) -> bool:
        """Is it a `select`, or a Query that stays one? Nothing is loaded by an UPDATE."""
        start = self._start(source)
        return start is None or start.function.rpartition(".")[2] == "select"

    def _all_ask(self, maker: Function, demand: Demand, seen: set[Function]) -> bool:
        """Do all who call the function that makes the query read the attribute?"""
        if maker in seen or maker in self.inference.dependencies:
            return False
        seen.add(maker)
        callers = self.colors.callers().get(maker, [])
        asking = self._holders[demand.source, demand.whole]
        return bool(callers) and all(
            use.kind == "call" and (caller in asking or self._all_ask(caller, demand, seen))
            for caller, use in callers
        )

    def _ask(self, demand: Demand) -> None:
        self._options.setdefault(demand.source, set()).add(demand.whole)
        if demand.depth:
            self._deep.add((demand.source, demand.whole))

    def _add_options(self, source: Source, paths: set[Path]) -> None:
        function = source.function
        draft = self.draft(function.module)
        operation = function.body.operations[source.operation]
        options = ", ".join(self.texts.options(source, paths, self._deep))
        if source.kind == "get":
            self.gets.select(source, options)
            return
        node, asked = call_reference(function, source.operation), f"{{node}}.options({options})"
        for decision in draft.decisions:
            if isinstance(decision, ReplaceExpression) and decision.node == node:
                # `for user in db.query(User)`: what executes the statement is around the options.
                template = decision.template.replace("{node}", asked)
                draft.exchange(decision, replace(decision, template=template))
                return
        draft.add(
            ReplaceExpression(
                node=node, site=draft.site(operation), template=asked,
                group=self.coloring.groups.get(function, 0),
            )
        )  # fmt: skip

    # -- above

    def _is_met_above(self, function: Function, demand: Demand) -> bool:
        """Do all callers hand in what their queries load? Then nothing is left to do here."""
        key = function, demand
        if demand.stale:
            return False
        if key in self._meets:
            return self._meets[key]
        self._meets[key] = False
        callers = self.colors.callers().get(function, [])
        if not callers or function in self.coloring.boundaries or self._is_entered(function):
            return False
        met = all(
            use.kind == "call" and self._hands_in(caller, use.operation, demand)
            for caller, use in callers
        )
        self._meets[key] = met
        return met

    def _is_entered(self, function: Function) -> bool:
        return function in self.inference.dependencies or bool(
            self.colors.bounds.decorators(function)
        )

    def _hands_in(self, caller: Function, operation: int, demand: Demand) -> bool:
        if caller not in self.coloring.turned:
            return False
        asked = [
            other for other in self.demands.get(caller, ())
            if other.calls and other.calls[0] == (caller, operation)
            and (other.function, other.operation, other.attribute)
            == (demand.function, demand.operation, demand.attribute)
        ]  # fmt: skip
        return all(
            self._is_met_above(caller, other)
            if other.source.kind == "given"
            else self._is_optional(caller, other)
            for other in asked
        )

    def _awaits_itself(self, demand: Demand) -> bool:
        """Is the read, or a call on the way to it, in a function that turns? It sees to it, if it
        knows of it: what its caller has let expire only the caller knows."""
        places = [demand.function, *(function for function, _ in demand.calls[1:])]
        turned = [function for function in places if function in self.coloring.turned]
        if not demand.column:
            return bool(turned)
        read = demand.function, demand.operation, demand.attribute
        return any(
            (other.function, other.operation, other.attribute) == read
            for function in turned for other in self.demands.get(function, ())
        )  # fmt: skip

    # -- in place

    def _await_here(self, holder: Function, demand: Demand) -> None:
        place = holder, demand.operation
        layout = self.colors.uses.layout(holder)
        operation = layout.operations[demand.operation]
        is_read = operation[0] == f.ATTRIBUTE and operation[6] == demand.attribute
        if not is_read or demand.reader:
            self._load_before(holder, demand)
            return
        if place in self._awaited:
            return
        found = self.access.template(holder, demand.operation, demand.entity.cls, operation[6])
        if found is None or unread(layout, demand.operation, keeps_end=True):
            self._load_before(holder, demand._replace(at=operation[5]))
            return
        draft = self.draft(holder.module)
        if self.access.runs_sync(found) and not self._include(holder, operation[5], draft):
            self._load_before(holder, demand._replace(at=operation[5]))
            return
        self._awaited.add(place)
        self.walks.awaited.add(place)
        group = self.coloring.groups.get(holder, 0)
        consume_generators(layout, demand.operation, draft, group)
        draft.add(
            ReplaceExpression(
                node=reference(operation), site=draft.site(operation), group=group,
                template=found, awaits=True,
            )
        )  # fmt: skip
        self._tell(holder, demand, draft.site(operation))

    def _include(self, holder: Function, index: int, draft: Draft) -> bool:
        """What is read on the way to what is read inside ``run_sync`` is read there, too; unless
        something else on the way is awaited."""
        below = self.colors.uses.layout(holder).subtree(index)
        taken = self._awaited | self.entries.entered
        own = {i for i in below if (holder, i) in taken}
        if self.entries.awaits(holder, below - own):
            return False
        nodes = {node_reference(holder, i) for i in own}
        for decision in [d for d in draft.decisions if d.node in nodes]:
            del draft.decisions[decision]
        return True

    def _renew(self, holder: Function, demand: Demand) -> None:
        """A relationship that was loaded before a commit expires, as it did, and is loaded again;
        one of which that is unlikely, where it can be done."""
        operation, own = demand.function.body.operations[demand.operation], demand
        is_read = operation[0] == f.ATTRIBUTE and operation[6] == demand.attribute
        if demand.at == demand.operation and not demand.calls and is_read:
            own = demand._replace(at=operation[5])
        done = self.walks.take(holder, own) is not None
        if demand.reader == REQUEST or (demand.reader == CALLEE and done):
            return
        if not done and not demand.maybe:
            place = holder.body.operations[demand.anchor]
            self.findings.append(
                finding(
                    "ASY704", Site(holder.module.path, place[1], place[2]),
                    f"`{demand.attribute}` of {demand.entity.cls.name} was loaded before a commit "
                    "that may have changed it, and isn't loaded again.",
                    f'Call `expire(..., ["{demand.attribute}"])` before, and await it here.',
                )
            )  # fmt: skip
        if demand.reader == CALLEE:
            return
        late = done or demand.late or not demand.maybe  # no option loads it again
        self._meet(holder, demand._replace(outdated=False, maybe=False, late=late))

    def _load_before(self, holder: Function, demand: Demand) -> None:
        """A statement before the one that leads to the read."""
        enters = demand.inside or (holder, demand.anchor) in self._enters
        site = (self.entries if enters else self.walks).take(holder, demand)
        if site is None and demand.maybe:
            site = self.walks.take(holder, demand)
        if site is None:
            self._enter(holder, demand)
        else:
            self._tell(holder, demand, site)

    def _enter(self, holder: Function, demand: Demand) -> None:
        """Inside of ``run_sync``, or by the query after all, though not everybody who uses it needs
        it."""
        site = self.entries.take(holder, demand)
        loads = not demand.executes  # what gives a Query can't be loaded
        if site is None and loads and self._is_optional(holder, demand, shared=True):
            self.shared.add((demand.source, demand.whole))
            self._ask(demand)
            return
        site = site or self.responses.take(holder, demand)
        if site is None:
            self._report(holder, demand)
        else:
            self._tell(holder, demand, site)

    # -- telling

    def _tell(self, holder: Function, demand: Demand, site: Site) -> None:
        told = self._told.setdefault(holder, {})
        told.setdefault((demand.attribute, demand.entity.cls.name), site)

    def _tell_all(self) -> None:
        """One finding per function: what is awaited works, and nobody reads hundreds."""
        for holder, told in self._told.items():
            site = min(told.values(), key=lambda site: (site.line, site.column))
            names = [f"`{attribute}` of {cls}" for attribute, cls in told]
            text, verb = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])), "are"
            if len(names) == 1:
                verb = "is"
            elif len(names) > _NAMED:
                text = f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more attributes"
            where = f"in `{holder.facts.qualname}`"
            self.findings.append(
                finding("ASY702", site, f"{text} may not be loaded {where} and {verb} awaited.")
            )

    def _report(self, holder: Function, demand: Demand) -> None:
        if demand.calls and not demand.reader and self.config.lazy_loading != "report":
            if demand.function in self.coloring.turned:
                own = demand._replace(calls=(), at=demand.operation)
                self._await_here(demand.function, own)
                return
            self.readers.take(demand)
        path = demand.function.module.path
        operation = demand.function.body.operations[demand.operation]
        site = Site(path, operation[1], operation[2])
        reader = f" by {demand.reader}" if demand.reader else ""
        where = ""
        if demand.function is not holder:
            where = f" when `{holder.facts.qualname}` calls for it"
        self.findings.append(
            finding(
                "ASY701", site,
                f"`{demand.attribute}` of {demand.entity.cls.name} is read{reader}{where} and may "
                f"not be loaded: {self._origin(demand.source)}.",
                "Load it before: by a loader option at the query, or by `refresh`.",
            )
        )  # fmt: skip

    def _origin(self, source: Source) -> str:
        if source.kind == "held":
            return f"the instance is held by `{source.function.qualname}`"
        if source.kind == "given" or source.operation < 0:
            return f"the instance is given to `{source.function.facts.qualname}`"
        line = source.function.body.operations[source.operation][1]
        return f"the instance comes from {source.function.module.path}:{line}"
