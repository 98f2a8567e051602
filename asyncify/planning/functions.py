"""Planning of functions that turn: ``async def``, awaits, ``async with``, ``async for``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.layout import Layout
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function, Variable, dotted
from asyncify.analysis.properties import CACHED
from asyncify.analysis.sides import home, is_handed
from asyncify.analysis.uses import GREENLET_KINDS, SYNC_KINDS, Use
from asyncify.decisions import (
    AddDecorator,
    AwaitExpression,
    CloseToAsyncWith,
    EnterRunSync,
    ExpectToWith,
    MakeAsync,
    MakeAsyncWith,
    RenameReference,
    ReplaceCall,
    ReplaceExpression,
    RunMetadata,
    StripDecorator,
    UseSyncSession,
    WrapAsyncioRun,
    awaits,
)
from asyncify.findings import Finding
from asyncify.planning.client_calls import ClientPlanner
from asyncify.planning.consumers import consume_generators, plan_applied, plan_iteration
from asyncify.planning.delegation import loops
from asyncify.planning.draft import Draft, call_reference, node_reference, reference
from asyncify.planning.hoisting import Hoister, is_read_from
from asyncify.planning.pytest_suite import is_fixture
from asyncify.planning.queries import QueryPlanner
from asyncify.planning.query_forms import helped, spelled
from asyncify.rules import finding
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.frameworks import Rule
from asyncify.vocabulary.names import BINDS, TABLES
from asyncify.vocabulary.rows import Form
from asyncify.vocabulary.testing import EXPECTING, LIFECYCLE

_DUNDERS = {"__enter__": "__aenter__", "__exit__": "__aexit__"}


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
        self.executed = 0

    def plan(self, function: Function, draft: Draft) -> None:
        """All decisions inside one function that turns, or that is async already."""
        if self.colors.lambdas.hands_on(function):
            self._hand_on(function)
            return
        layout = self.colors.uses.layout(function)
        hoister = Hoister(layout, self.config.style)
        group = self.coloring.groups.get(function, 0)
        facts = function.facts
        if not facts.is_async and facts.kind == "def":
            site = Site(draft.module.path, facts.line, facts.column)
            node = NodeRef("FunctionDef", facts.number, facts.name)
            new = _DUNDERS.get(facts.name, "")
            if self.colors.cases.runs(function):
                new = LIFECYCLE.get(facts.name, "")
            draft.add(MakeAsync(node=node, site=site, group=group, rename=new))
            self._decorators(function, draft)
            if function in self.coloring.entries:
                name = self.support(draft, "run_async")
                draft.add(AddDecorator(node=node, site=site, group=group, decorator=name))
        closed = self._closings(function, layout, draft)
        self.queries.plan_function(function, draft)
        entered: dict[int, set[int]] = {}
        started: dict[int, list[tuple[int, str]]] = {}
        for use in self.colors.uses.of(function):
            if use.operation in closed:
                continue
            made = len(draft.decisions)
            if use.kind in ("query", "iterate query"):
                self.queries.plan_terminal(use, draft, hoister)
                self.executed += 1
            elif use.kind == "member":
                self._member(use, layout, draft, hoister)
            elif use.kind == "greenlet":
                self._greenlet(use, layout, draft)
            elif use.kind == "store":
                self._store(use, layout, draft)
            elif use.kind == "metadata":
                self._metadata(use, layout, draft)
            elif use.kind == "client":
                self.clients.request(use, draft)
            elif use.kind == "enter client":
                self._enter_client(use, layout, entered, started)
            elif use.kind == "enter stacked":
                self._enter_stacked(use, layout, draft, entered)
            elif use.kind in ("enter", "enter manager", "enter closing"):
                self._enter(use, layout, draft, entered)
            elif use.kind == "call":
                self._call(use, layout, draft)
            elif use.kind == "property":
                self._property(use, layout, draft)
            elif use.kind == "iterate":
                if self._is_turned(use):
                    of_fixture = is_fixture(self.inference, function)
                    plan_iteration(use, layout, draft, group, of_fixture)
            elif use.kind == "apply":
                self._apply(use, layout, draft)
            elif use.kind == "loop":
                self._await_instead(use, layout, draft)
            elif use.kind == "maybe":
                if self.colors.turns_by_name(use, self.coloring):
                    self._await(use, layout, draft, hoister)
            elif use.kind == "expect":
                self._expect(use, layout, draft)
            elif use.kind == "thread" and (use.does_io or set(use.callees) & self.coloring.turned):
                self._replace(use, draft, "{0}({rest})", "{awaited}", False)
                draft.drop(dotted(layout.operations, layout.operations[use.operation][5]))
            elif use.kind == "foreign" and use.does_io:
                self._foreign(use, layout, draft)
            if layout.operations[use.operation][4] & f.GENERATOR and any(
                map(awaits, islice(draft.decisions, made, None))
            ):
                consume_generators(layout, use.operation, draft, group)
        self._withs(layout, entered, started, draft, group)
        for decision in loops(self.colors, self.coloring, function, draft):
            draft.add(decision)

    def _hand_on(self, function: Function) -> None:
        """A lambda that is a call of what turns gives the coroutine, as it stands."""
        for use in self.colors.uses.of(function):
            found = set(map(self._is_coroutine, use.callees))
            if use.kind == "call" and len(found) > 1:
                self._impede(use, "What the lambda calls may not be async", "ASY105")

    # -- signatures

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
            elif decorator.rule is Rule.STRIP:
                facts = function.facts
                node = NodeRef("FunctionDef", facts.number, facts.name)
                draft.add(StripDecorator(node=node, site=draft.site(operation), decorator=place))
            else:
                continue
            if new:
                node = reference(operation)
                draft.add(RenameReference(node=node, site=draft.site(operation), new=new))
            callee = operation[5] if operation[0] == f.CALL else index
            draft.drop(dotted(signature.operations, callee))
            if decorator.rule is Rule.STRIP:
                reason = (
                    f"`@{decorator.name}` would keep the coroutine of `{function.facts.qualname}`, "
                    "which can be awaited only once: it is taken away."
                )
                self.findings.append(finding("ASY208", draft.site(operation), reason))

    # -- members of sessions and the like

    def _member(self, use: Use, layout: Layout, draft: Draft, hoister: Hoister) -> None:
        assert use.row is not None and isinstance(use.owner, v.Known)
        operation = layout.operations[use.operation]
        if use.is_async:
            if use in self.colors.already.lost(use.function):
                self._await(use, layout, draft, hoister)
            return
        if operation[0] != f.CALL:
            self._attribute(use, layout, draft)
            return
        form = use.row.form
        if form in (Form.AWAIT, Form.AWAIT_OR_WITH):
            entered = self._is_entered(use.operation, layout)
            if form is Form.AWAIT_OR_WITH and entered:
                return
            if entered and self._opened_with_options(use, layout, draft):
                return
            if self._is_opened_with_options(use, layout):
                return  # the call on it is rewritten, and this one with it
            if use.name == "delete" and self._marks_delete(use, layout, draft):
                return
            if not layout.is_awaited(use.operation):
                self._await(use, layout, draft, hoister)
        elif form is Form.TEMPLATE:
            helper = use.row.helper
            template = spelled(use.row.awaited, use.row.imports, draft)
            if helper:
                template = helped(template, helper, self.support(draft, helper))
            self._replace(use, draft, template, use.row.result, use.row.awaits)
        elif form is Form.RUN_SYNC:
            self._run_sync(use, layout, draft)
        elif form in (Form.GREENLET, Form.ON_CONNECTION) and use.owner.kind in GREENLET_KINDS:
            self._greenlet(use, layout, draft)
        elif form is Form.SYNC_OBJECT and use.name != "query":
            receiver = layout.operations[layout.operations[operation[5]][5]]
            self._sync_object(use, receiver, draft)

    def _await(self, use: Use, layout: Layout, draft: Draft, hoister: Hoister) -> None:
        operation = layout.operations[use.operation]
        read = is_read_from(layout, use.operation) and use.row is not None
        hoist = hoister.take(use.operation) if read and use.row and use.row.returns else ""
        draft.add(
            AwaitExpression(
                node=call_reference(use.function, use.operation), site=draft.site(operation),
                group=self.coloring.groups.get(use.function, 0), hoist=hoist,
            )
        )  # fmt: skip

    def _is_opened_with_options(self, use: Use, layout: Layout) -> bool:
        """Is it the call of ``connect`` in ``with engine.connect().execution_options(...)``?"""
        parent = layout.parent(use.operation)
        outer = layout.parent(parent) if parent >= 0 else -1
        return outer >= 0 and any(
            other.operation == outer and self._opening(other, layout) is not None
            for other in self.colors.uses.of(use.function)
        )

    def _opening(self, use: Use, layout: Layout) -> Use | None:
        """The ``engine.connect()`` in a with item ``engine.connect().execution_options(...)``."""
        operation = layout.operations[use.operation]
        row = use.row
        if (
            row is None
            or row.form is not Form.AWAIT
            or row.async_returns != "AsyncConnection"
            or operation[0] != f.CALL
            or not self._is_entered(use.operation, layout)
        ):
            return None
        inner = layout.operations[operation[5]][5]
        return next(
            (
                other for other in self.colors.uses.of(use.function)
                if other.operation == inner and other.kind == "member" and other.row is not None
                and isinstance(other.owner, v.Known) and other.owner.kind == "Engine"
                and other.row.form is Form.AWAIT_OR_WITH
            ),
            None,
        )  # fmt: skip

    def _opened_with_options(self, use: Use, layout: Layout, draft: Draft) -> bool:
        """``with engine.connect().execution_options(...)``: the engine takes the options, since
        what ``await`` gives is open already and can't be entered."""
        opening = self._opening(use, layout)
        if opening is None:
            self._impede(use, f"What the awaited `{use.name}` gives can't be entered by `with`")
            return True
        self._replace(opening, draft, "{receiver}", "{awaited}", False)
        template = f"{{receiver}}.{use.name}({{args}}).{opening.name}()"
        self._replace(use, draft, template, "{awaited}", False)
        return True

    def _replace(self, use: Use, draft: Draft, awaited: str, result: str, awaits: bool) -> None:
        operation = use.function.body.operations[use.operation]
        draft.add(
            ReplaceCall(
                node=call_reference(use.function, use.operation), site=draft.site(operation),
                group=self.coloring.groups.get(use.function, 0), awaited=awaited, result=result,
                awaits=awaits,
            )
        )  # fmt: skip

    def _greenlet(self, use: Use, layout: Layout, draft: Draft) -> None:
        """``inspect(engine)`` and the like: called in a greenlet, on the sync engine behind."""
        if self._is_inside_greenlet(use, layout):
            self._sync_arguments(use, layout, draft)
            return
        operation = layout.operations[use.operation]
        callee = layout.operations[operation[5]]
        name = self.support(draft, "run_sync")
        method = f"{{receiver}}.{callee[6]}" if callee[0] == f.ATTRIBUTE else callee[5]
        if callee[0] == f.ATTRIBUTE and self._spawned(callee[5], layout, use):
            awaited = f"{name}(lambda: {method}({{args}}))"
        else:
            awaited = f"{name}({method}, {{args}})"
        self._sync_arguments(use, layout, draft)
        self._replace(use, draft, awaited, "{awaited}", True)

    def _spawned(self, index: int, layout: Layout, use: Use) -> bool:
        """Is an expression a call that a greenlet runs too, so that both run in one?"""
        return layout.operations[index][0] == f.CALL and any(
            other.kind == "greenlet" and other.operation == index
            and not self._awaits_inside(other, layout)
            for other in self.colors.uses.of(use.function)
        )  # fmt: skip

    def _is_inside_greenlet(self, use: Use, layout: Layout) -> bool:
        """Does a call of something that it gives run in a greenlet, and the use with it?"""
        parent = layout.parent(use.operation)
        if parent < 0 or layout.operations[parent][0] != f.ATTRIBUTE:
            return False
        call = layout.parent(parent)
        if self._awaits_inside(use, layout):
            return False
        return call >= 0 and any(
            other.operation == call and other.kind == "member" and not other.is_async
            and other.row is not None and other.row.io
            and isinstance(other.owner, v.Known) and other.owner.kind in GREENLET_KINDS
            for other in self.colors.uses.of(use.function)
        )  # fmt: skip

    def _sync_arguments(self, use: Use, layout: Layout, draft: Draft) -> None:
        """Engines and connections among the arguments are replaced by the sync ones behind."""
        operation = layout.operations[use.operation]
        values = self.inference.evaluations[use.function].values
        for index in (*operation[6], *(i for _, i in operation[7])):
            value = values[index if index >= 0 else ~index]
            kinds = {a.kind for a in value if isinstance(a, v.Known)}
            attribute = next((BINDS[kind] for kind in sorted(kinds) if BINDS.get(kind)), "")
            argument = layout.operations[index]
            if not attribute or index < 0:
                continue
            if argument[0] not in (f.NAME, f.ATTRIBUTE, f.CALL):
                self._impede(use, f"What `{use.name}` is given here is not a plain name.")
                continue
            draft.add(
                UseSyncSession(
                    node=node_reference(use.function, index), site=draft.site(argument),
                    group=self.coloring.groups.get(use.function, 0), attribute=attribute,
                )
            )  # fmt: skip

    def _impede(self, use: Use, reason: str, code: str = "ASY203") -> None:
        self.impediments[use.function] = Obstacle(code, f"{reason} (line {use.line})")

    def _store(self, use: Use, layout: Layout, draft: Draft) -> None:
        """``session.expire_on_commit = True``: the async session would keep it to itself."""
        if use.row is not None and use.row.form is Form.SYNC_OBJECT and not use.is_async:
            self._sync_object(use, layout.operations[use.operation], draft)

    def _run_sync(self, use: Use, layout: Layout, draft: Draft) -> None:
        assert isinstance(use.owner, v.Known)
        target = TABLES[use.owner.kind].run_sync_on
        if self._awaits_inside(use, layout, arguments=True):
            # What is awaited among the arguments can't stand inside a lambda.
            cls = draft.spell(TABLES["Session"].sync_class)
            self._replace(
                use, draft, f"{target}.run_sync({cls}.{use.name}, {{args}})", "{awaited}", True
            )
            return
        name = "sync_connection" if use.owner.kind == "Connection" else "sync_session"
        call = f"{name}.{use.name}({{args}})"
        self._replace(use, draft, f"{target}.run_sync(lambda {name}: {call})", "{awaited}", True)

    def _attribute(self, use: Use, layout: Layout, draft: Draft) -> None:
        assert use.row is not None
        operation = layout.operations[use.operation]
        if use.row.form is Form.SYNC_OBJECT:
            self._sync_object(use, layout.operations[operation[5]], draft)
        elif use.row.form is Form.TEMPLATE:
            template = use.row.awaited.replace("{receiver}", "{node.value}")
            self._replace_read(use, draft, template, use.row.awaits)
        elif use.row.form is Form.ON_CONNECTION and use.row.io:
            name = self.support(draft, "run_sync")
            self._replace_read(use, draft, f"{name}(lambda: {{node}})", True)

    def _replace_read(self, use: Use, draft: Draft, template: str, awaits: bool) -> None:
        operation = use.function.body.operations[use.operation]
        draft.add(
            ReplaceExpression(
                node=reference(operation), site=draft.site(operation),
                group=self.coloring.groups.get(use.function, 0), template=template, awaits=awaits,
            )
        )  # fmt: skip

    def _sync_object(self, use: Use, receiver: f.Operation, draft: Draft) -> None:
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

    def _marks_delete(self, use: Use, layout: Layout, draft: Draft) -> bool:
        """``delete-style = "mark"``: delete on the sync session, where nothing has to be loaded."""
        if self.config.delete_style != "mark":
            return False
        operation = layout.operations[use.operation]
        receiver = layout.operations[layout.operations[operation[5]][5]]
        values = self.inference.evaluations[use.function].values
        classes = [
            a.cls for i in operation[6] if i >= 0 for a in values[i] if isinstance(a, v.Instance)
        ]
        models = self.inference.models
        safe = bool(classes) and not any(
            r.cascades and not r.passive for c in classes for r in models.relationships(c).values()
        )
        if safe and receiver[0] in (f.NAME, f.ATTRIBUTE):
            self._sync_object(use, receiver, draft)
            return True
        reason = "its class has a relationship whose delete cascade may have to be loaded"
        if not classes:
            reason = "its class isn't known"
        self.findings.append(
            finding("ASY205", draft.site(operation), f"This delete is awaited: {reason}.")
        )
        return False

    # -- with

    def _is_entered(self, index: int, layout: Layout) -> bool:
        statement = layout.statement(index)
        return (
            statement is not None
            and statement[0] == f.WITH
            and any(value == index for value, _ in statement[7])
        )

    def _enter(self, use: Use, layout: Layout, draft: Draft, entered: dict[int, set[int]]) -> None:
        if (
            use.kind == "enter"
            and use.is_async
            and use not in self.colors.already.lost(use.function)
        ):
            return
        if use.kind == "enter manager" and not self._is_turned(use):
            return
        if use.kind == "enter closing":
            self._replace(use, draft, "{0}", "{awaited}", False)
            draft.drop(dotted(layout.operations, layout.operations[use.operation][5]))
        statement = layout.statement(use.operation)
        if statement is not None and not statement[9]:
            entered.setdefault(id(statement), set()).add(use.item)

    def _enter_stacked(
        self, use: Use, layout: Layout, draft: Draft, entered: dict[int, set[int]]
    ) -> None:
        """What an ``ExitStack`` enters is entered by an ``AsyncExitStack``."""
        if use.callees and not self._is_turned(use):
            return
        callee = layout.operations[layout.operations[use.operation][5]]
        stack = layout.entered_as(dotted(layout.operations, callee[5]))
        statement = layout.statement(stack)
        made = layout.operations[layout.operations[stack][5]]
        if statement is not None and not statement[9]:
            values = [value for value, _ in statement[7]]
            entered.setdefault(id(statement), set()).add(values.index(stack))
            group = self.coloring.groups.get(use.function, 0)
            name = draft.spell("contextlib.AsyncExitStack")
            site = draft.site(made)
            draft.add(RenameReference(node=reference(made), site=site, group=group, new=name))
            draft.drop(dotted(layout.operations, layout.operations[stack][5]))
        call = "{receiver}.enter_async_context({args})"
        self._replace(use, draft, call, "{awaited}", True)

    def _enter_client(
        self,
        use: Use,
        layout: Layout,
        entered: dict[int, set[int]],
        started: dict[int, list[tuple[int, str]]],
    ) -> None:
        """A client of the application is entered; before it the application starts."""
        statement = layout.statement(use.operation)
        if statement is None or statement[9] or not self.colors.clients.turns(use):
            return
        entered.setdefault(id(statement), set()).add(use.item)
        lifespan = self.clients.lifespan(use)
        if lifespan:
            started.setdefault(id(statement), []).append((use.item, lifespan))

    def _withs(
        self,
        layout: Layout,
        entered: dict[int, set[int]],
        started: dict[int, list[tuple[int, str]]],
        draft: Draft,
        group: int,
    ) -> None:
        for statement in layout.statements:
            items = entered.get(id(statement))
            if items:
                draft.add(
                    MakeAsyncWith(
                        node=NodeRef("With", statement[3]),
                        site=Site(draft.module.path, statement[1], statement[2]),
                        group=group, items=tuple(sorted(items)),
                        before=tuple(started.get(id(statement), ())),
                    )
                )  # fmt: skip

    def _closings(self, function: Function, layout: Layout, draft: Draft) -> set[int]:
        """``db = Factory()``, ``try ... finally: db.close()`` become ``async with``; the calls of
        ``close`` that go with it are returned."""
        closed: set[int] = set()
        for statement in layout.statements:
            if statement[0] != f.TRY or not statement[10]:
                continue
            found = self._closing(statement, layout)
            if found is not None:
                variable, call, made = found
                closed |= {call, made}
                draft.add(
                    CloseToAsyncWith(
                        node=NodeRef("Try", statement[3]),
                        site=Site(draft.module.path, statement[1], statement[2]),
                        group=self.coloring.groups.get(function, 0),
                        variable=variable, close_call=layout.operations[call][3],
                    )
                )  # fmt: skip
        return closed

    def _closing(self, statement: f.Statement, layout: Layout) -> tuple[str, int, int] | None:
        block = layout.blocks[id(statement)]
        place = next(n for n, s in enumerate(block) if s is statement)
        if place == 0 or statement[6]:
            return None
        before, last = block[place - 1], statement[10][-1]
        if before[0] != f.ASSIGN or len(before[7]) != 1 or before[7][0][0] != f.TO_NAME:
            return None
        variable = before[7][0][1]
        values = self.inference.evaluations[layout.function].values
        is_session = any(
            isinstance(a, v.Known) and a.kind in ("Session", "Connection")
            for a in values[before[8]]
        )
        made = layout.operations[before[8]]
        if not is_session or made[0] != f.CALL or last[0] != f.EXPRESSION:
            return None
        call = layout.operations[last[7]]
        if call[0] != f.CALL or dotted(layout.operations, call[5]) != f"{variable}.close":
            return None
        later = block[place + 1 :]
        used_later = any(
            layout.operations[i][0] == f.NAME and layout.operations[i][5] == variable
            for s in later for i in range(s[4], s[5]) if layout.operations[i]
        )  # fmt: skip
        factory = self._returns_session(made, values)
        return None if used_later or not factory else (variable, last[7], before[8])

    def _returns_session(self, operation: f.Operation, values: list[v.Value]) -> bool:
        """Is the session made by a factory, or by a function of the program that stays as it is?"""
        return all(
            isinstance(a, (v.Known, v.KnownMethod, v.Foreign))
            or (isinstance(a, v.FunctionObject) and a.function not in self.coloring.turned)
            for a in values[operation[5]]
        )

    # -- metadata

    def _metadata(self, use: Use, layout: Layout, draft: Draft) -> None:
        operation = layout.operations[use.operation]
        assert isinstance(use.owner, v.Known)
        bind = ""
        values = self.inference.evaluations[use.function].values
        for index in (*operation[6], *(i for _, i in operation[7])):
            if any(isinstance(a, v.Known) and a.kind == use.owner.kind for a in values[index]):
                bind = dotted(layout.operations, index)
        names = use.function.facts.bound | use.function.facts.names
        connection = next(n for n in ("conn", "connection", "db_connection") if n not in names)
        row = TABLES["MetaData"].member(use.name)
        if bind and layout.is_statement(use.operation):
            draft.add(
                RunMetadata(
                    node=call_reference(use.function, use.operation), site=draft.site(operation),
                    group=self.coloring.groups.get(use.function, 0), bind=bind,
                    connection=connection, wrapped=use.owner.kind == "Engine",
                    opened_by=row.opened_by if row is not None else "begin",
                )
            )  # fmt: skip

    # -- calls of the program's functions

    def _call(self, use: Use, layout: Layout, draft: Draft) -> None:
        operation = layout.operations[use.operation]
        use = self._from_this_side(use)
        if any(c in self.coloring.islands for c in use.callees):
            is_root = bool(set(use.callees) & self.coloring.sides.roots.keys())
            if not is_root or self.colors.divider.spread.hands_named(use):
                self._enter_island(use, layout, draft)
            return  # a root opens sessions of its own
        if self.colors.places.loop_call(use) >= 0:
            return  # awaited in the place of the loop
        turned = [c for c in use.callees if c in self.coloring.turned and not c.facts.is_async]
        turned = [c for c in turned if not c.facts.is_generator]
        if (
            not (turned or self._is_lost(use, layout))
            or layout.is_awaited(use.operation)
            or self._is_entered(use.operation, layout)
            or self.colors.places.is_ensured(use)
        ):
            return
        if any(not self._is_coroutine(c) for c in use.callees):
            names = ", ".join(c.qualname for c in use.callees if not self._is_coroutine(c))
            self.impediments[use.function] = Obstacle(
                "ASY105", f"Its call at line {use.line} may also run {names}, which is not async."
            )
            return
        draft.add(
            AwaitExpression(
                node=call_reference(use.function, use.operation), site=draft.site(operation),
                group=self.coloring.groups.get(use.function, 0),
            )
        )  # fmt: skip

    def _property(self, use: Use, layout: Layout, draft: Draft) -> None:
        """The read of a property that turns is awaited."""
        if not any(map(self._is_coroutine, use.callees)) or layout.is_awaited(use.operation):
            return
        if not all(map(self._is_coroutine, use.callees)):
            reason = f"`{use.name}` (line {use.line}) may be a property that isn't async."
            self.impediments[use.function] = Obstacle("ASY105", reason)
            return
        operation = layout.operations[use.operation]
        draft.add(
            AwaitExpression(
                node=reference(operation), site=draft.site(operation),
                group=self.coloring.groups.get(use.function, 0),
            )
        )  # fmt: skip

    def _expect(self, use: Use, layout: Layout, draft: Draft) -> None:
        """``raises(Error, f)``: what turned is awaited where the error is expected."""
        turned = [c for c in use.callees if c in self.coloring.turned]
        if not turned and not use.does_io:
            return
        operation = layout.operations[use.operation]
        draft.add(
            ExpectToWith(
                node=call_reference(use.function, use.operation), site=draft.site(operation),
                group=self.coloring.groups.get(use.function, 0),
                position=EXPECTING.get(use.name, EXPECTING.get(f"pytest.{use.name}", 1)),
                awaits=all(callee.facts.kind != "lambda" for callee in turned),
            )
        )  # fmt: skip

    def _from_this_side(self, use: Use) -> Use:
        """A call without what only the sync copy of its function, or of a decorator, can run."""
        sides = self.coloring.sides
        if not sides.twinned:
            return use
        callees = self.colors.divider.sharing.without_wrappers(use, self.coloring.turned, sides)
        if callees != use.callees:
            use = replace(use, callees=callees)
        if not is_handed(use) or home(use.function) not in sides.twinned:
            return use
        return replace(use, callees=tuple(c for c in use.callees if self._is_coroutine(c)))

    def _await_instead(self, use: Use, layout: Layout, draft: Draft) -> None:
        """``asyncio.run(work())`` in what turned: a loop runs already, so the work is awaited."""
        loop = use.operation
        operation = layout.operations[loop]
        if use.function.facts.is_async or not operation[6]:
            return
        draft.add(
            ReplaceCall(
                node=call_reference(use.function, loop), site=draft.site(operation),
                group=self.coloring.groups.get(use.function, 0), awaited="{0}",
            )
        )  # fmt: skip
        draft.drop(dotted(layout.operations, operation[5]))

    def _is_lost(self, use: Use, layout: Layout) -> bool:
        """Is a coroutine of what is async already used as its result? What a function returned
        without awaiting it is awaited by the callers, and they go on awaiting once."""
        if use in self.colors.already.lost(use.function):
            return True
        statement = layout.statement(use.operation)
        return (
            not use.function.facts.is_async and use in self.colors.already.unproven(use.function)
            and statement is not None and statement[0] == f.RETURN
        )  # fmt: skip

    def _is_coroutine(self, function: Function) -> bool:
        return function.facts.is_async or function in self.coloring.turned

    def _apply(self, use: Use, layout: Layout, draft: Draft) -> None:
        """A builtin runs what turned: it gets a form in which that can be awaited."""
        turned = [callee for callee in use.callees if self._is_coroutine(callee)]
        if turned and len(turned) < len(use.callees):
            reason = f"`{use.name}` (line {use.line}) may also run what is not async."
            self.impediments[use.function] = Obstacle("ASY105", reason)
        elif turned:
            plan_applied(use, layout, draft, self.coloring.groups.get(use.function, 0))

    def _foreign(self, use: Use, layout: Layout, draft: Draft) -> None:
        """A library that takes the session is called inside run_sync, on the sync session."""
        if self._run_in_sync(use, layout, draft):
            self.findings.append(
                finding(
                    "ASY108", draft.site(layout.operations[use.operation]),
                    f"`{use.name}` takes the session and is called through run_sync.",
                )
            )  # fmt: skip

    def _enter_island(self, use: Use, layout: Layout, draft: Draft) -> None:
        if self._run_in_sync(use, layout, draft):
            self.findings.append(
                finding(
                    "ASY108", draft.site(layout.operations[use.operation]),
                    f"`{use.callees[0].qualname}` stays sync and is entered through run_sync.",
                )
            )  # fmt: skip

    def _run_in_sync(self, use: Use, layout: Layout, draft: Draft) -> bool:
        session = self.colors.session_in_hand(use) or self._ambient(use, draft)
        operation = layout.operations[use.operation]
        kinds = self.colors.kinds_in_hand(use, session or "")
        awaits = self._awaits_inside(use, layout)
        outside = self._can_be_outside(use, layout) and (awaits or self._may_load(use, layout))
        if session is None or (awaits and not outside):
            self.impediments[use.function] = Obstacle(
                "ASY108", f"The call at line {use.line} can't be put inside run_sync."
            )
            return False
        values = self.inference.evaluations[use.function].values
        places: list[int | str] = []
        for position, index in enumerate(operation[6]):
            if (
                index >= 0
                and self._is_session(values[index])
                and dotted(layout.operations, index) == session
            ):
                places.append(position)
        for name, index in operation[7]:
            if (
                name
                and self._is_session(values[index])
                and dotted(layout.operations, index) == session
            ):
                places.append(name)
        draft.add(
            EnterRunSync(
                node=call_reference(use.function, use.operation), site=draft.site(operation),
                group=self.coloring.groups.get(use.function, 0), session=session,
                substitutions=tuple(places),
                parameter="sync_connection" if "Connection" in kinds else "sync_session",
                outside=outside,
            )
        )  # fmt: skip
        return True

    def _may_load(self, use: Use, layout: Layout) -> bool:
        """Is an attribute of a mapped object among the arguments, which may have to be loaded?"""
        values = self.inference.evaluations[use.function].values
        inside = layout.subtree(use.operation) - layout.subtree(layout.operations[use.operation][5])
        return any(
            layout.operations[index][0] == f.ATTRIBUTE
            and any(
                isinstance(a, v.Instance) and self.inference.models.is_mapped(a.cls)
                for a in values[layout.operations[index][5]]
            )
            for index in inside if layout.operations[index]
        )  # fmt: skip

    def _can_be_outside(self, use: Use, layout: Layout) -> bool:
        """Can the arguments of a call be evaluated before it is entered? Only they await, and none
        of them is a session."""
        operation = layout.operations[use.operation]
        places = [*(i if i >= 0 else ~i for i in operation[6]), *(i for _, i in operation[7])]
        values = self.inference.evaluations[use.function].values
        called = layout.subtree(operation[5]) | {operation[5]}
        awaiting = {
            other.operation for other in self.colors.uses.of(use.function)
            if other.does_io or set(other.callees) & self.coloring.turned
        }  # fmt: skip
        return (
            not any(self._is_session(values[place]) for place in places)
            and not called & awaiting
            and not any(name == "fn" for name, _ in operation[7])  # run_sync's own
        )

    def _ambient(self, use: Use, draft: Draft) -> str | None:
        """How the session that an island reaches by itself is reached where it is entered."""
        found = self.colors.ambient_session(use)
        if found is None:
            return None
        name = draft.spell_symbol(found.variable.name, found.variable.module)
        text = f"{name}.{found.attributes}" if found.attributes else name
        return f"{text}()" if found.called else text

    def _awaits_inside(self, use: Use, layout: Layout, arguments: bool = False) -> bool:
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

    def plan_island(self, function: Function, draft: Draft) -> None:
        """An island reaches sessions of the functions around it through their sync session."""
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None:
            return
        own = function.facts.bound
        ambient = {i for i, found in self.colors.ambient.places(function).items() if found}
        group = self.coloring.groups.get(function, 0)
        for index, operation in enumerate(evaluation.operations):
            kinds = {a.kind for a in evaluation.values[index] if isinstance(a, v.Known)}
            is_free = operation and operation[0] == f.NAME and operation[5] not in own
            if "Session" in kinds and (is_free or index in ambient):
                node = node_reference(function, index)
                draft.add(UseSyncSession(node=node, site=draft.site(operation), group=group))
            elif "scoped_session" in kinds and index in ambient:
                draft.add(
                    ReplaceExpression(
                        node=node_reference(function, index), site=draft.site(operation),
                        group=group, template="{node}().sync_session",
                    )
                )  # fmt: skip

    def _is_session(self, value: v.Value) -> bool:
        return any(isinstance(a, v.Known) and a.kind in SYNC_KINDS for a in value)

    def _is_turned(self, use: Use) -> bool:
        """Is what is iterated or entered async from now on, or already, without being awaited?"""
        turned = any(c in self.coloring.turned for c in use.callees)
        return turned or use in self.colors.already.lost(use.function)

    # -- import

    def _open_at_import(self, use: Use, layout: Layout, factory: Variable, draft: Draft) -> None:
        """``db = next(get_db())`` becomes ``db = SessionLocal()``."""
        parent = layout.parent(use.operation)
        operation = layout.operations[parent]
        name = draft.spell_symbol(factory.name, factory.module)
        draft.add(
            ReplaceCall(
                node=call_reference(use.function, parent), site=draft.site(operation),
                awaited=f"{name}()", awaits=False,
            )
        )  # fmt: skip
        draft.drop(dotted(layout.operations, layout.operations[use.operation][5]))
        self.findings.append(
            finding(
                "ASY207", draft.site(operation),
                "One session is opened at import and shared by all that runs later.",
                "Open a session where it is used.",
            )
        )  # fmt: skip

    # -- entry points

    def plan_entry_points(self, function: Function, draft: Draft) -> None:
        """Calls below ``if __name__ == "__main__"`` of what turns get ``asyncio.run``."""
        layout = self.colors.uses.layout(function)
        for use in self.colors.uses.of(function):
            factory = self.colors.places.imported_session(use)
            if factory is not None and set(use.callees) & self.coloring.turned:
                self._open_at_import(use, layout, factory, draft)
            lost = use in self.colors.already.lost(function) and use not in self.coloring.lost
            turned = any(self._runs_a_coroutine(c) for c in use.callees)
            if use.kind != "call" or not (turned or lost):
                continue
            operation = layout.operations[use.operation]
            name = draft.spell("asyncio")
            draft.add(
                WrapAsyncioRun(
                    node=call_reference(function, use.operation), site=draft.site(operation),
                    group=self.coloring.groups.get(use.callees[0], 0), function=f"{name}.run",
                )
            )  # fmt: skip
            statement = layout.statement(use.operation)
            if statement is None or id(statement) not in layout.guarded:
                self._run_at_import(use, draft)

    def _run_at_import(self, use: Use, draft: Draft) -> None:
        reason = (
            f"`{use.callee_name}` runs in an event loop of its own here, while pytest imports the "
            "file. The connections that it leaves in an engine's pool belong to that loop."
        )
        advice = "Dispose of the engine at its end, or call it in a fixture."
        site = draft.site(use.function.body.operations[use.operation])
        self.findings.append(finding("ASY103", site, reason, advice))

    def _runs_a_coroutine(self, callee: Function) -> bool:
        """Whether a call that ran the function makes a coroutine from now on; what a generator
        does waits for whoever iterates over it."""
        facts = callee.facts
        return callee in self.coloring.turned and not (facts.is_async or facts.is_generator)
