"""Planning of calls of the program's own functions: awaited where they turn, put inside
``run_sync`` where they stay."""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.boundaries import rule_of
from asyncify.analysis.coroutine_signs import Fate
from asyncify.analysis.item_functions import REDUCE
from asyncify.analysis.layout import Layout
from asyncify.analysis.own_loops import Frame, frame
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function, dotted
from asyncify.analysis.sides import ENTERED_AS, home, is_handed, is_wrapped
from asyncify.analysis.use import UNSURE
from asyncify.analysis.use_holders import keeps
from asyncify.analysis.uses import Use
from asyncify.decisions import (
    AwaitExpression,
    EnterRunSync,
    ExpectToWith,
    RemoveStatement,
    RenameReference,
    ReplaceCall,
    ReplaceExpression,
    UseSyncSession,
)
from asyncify.planning.consumers import plan_applied
from asyncify.planning.draft import Draft, call_reference, node_reference, reference
from asyncify.planning.use_planning import UsePlanner
from asyncify.rules import finding
from asyncify.sites import NodeRef
from asyncify.vocabulary.frameworks import PLAIN_THREADS, Rule
from asyncify.vocabulary.replacing import REPLACING
from asyncify.vocabulary.runners import RUNNERS
from asyncify.vocabulary.serving import ALONE
from asyncify.vocabulary.special import AWAITED_AS
from asyncify.vocabulary.testing import EXPECTING

# Context managers by hand: what the methods are called where they are async.


class CallPlanner(UsePlanner):
    """Plans calls, reads of properties, and what is handed to a library with a session."""

    def call(self, use: Use, layout: Layout, draft: Draft) -> None:
        use = self._from_this_side(use)
        if self._stays_beside(use, layout, draft) or self.colors.places.loop_call(use) >= 0:
            return  # in a loop of its own it is awaited in the place of that
        turned = [c for c in use.callees if c in self.coloring.turned and not c.facts.is_async]
        turned = [c for c in turned if not c.facts.is_generator]
        if (
            not (turned or self._is_lost(use, layout))
            or layout.is_awaited(use.operation)
            or (not turned and self.is_entered(use.operation, layout))
            or self.colors.places.is_ensured(use)
        ):
            return
        operation = layout.operations[use.operation]
        if not self.coloring.entries.isdisjoint(use.callees):
            self._run_command(use, layout, draft)
        elif self._reduces(use):
            self.replace(
                use, draft, self.support(draft, "reduce_awaited") + "({args})", "{awaited}", True
            )
            draft.drop(dotted(layout.operations, operation[5]))
        elif self._can_ask(use) and (self._is_mixed(use) or self._gives_any(use, operation[5])):
            self.await_perhaps(use, draft)
        elif self._is_mixed(use):
            names = ", ".join(c.qualname for c in use.callees if not self.is_coroutine(c))
            self.impediments[use.function] = Obstacle(
                "ASY105", f"Its call at line {use.line} may also run {names}, which is not async."
            )
        else:
            draft.add(
                AwaitExpression(
                    node=call_reference(use.function, use.operation), site=draft.site(operation),
                    group=self.coloring.groups.get(use.function, 0),
                )
            )  # fmt: skip
            self._renamed(use, turned, layout, draft)

    def _stays_beside(self, use: Use, layout: Layout, draft: Draft) -> bool:
        """Is what is called sync beside what turns? It is entered, or works on its own."""
        if not any(c in self.coloring.islands for c in use.callees):
            return False
        sides = self.coloring.sides
        is_root = not {*sides.roots, *sides.own}.isdisjoint(use.callees)
        is_entered = not is_root or self.colors.divider.spread.hands_named(use)
        turned = [c for c in use.callees if self.is_coroutine(c)]
        if is_entered and turned:
            reason = f"Its call at line {use.line} may run `{turned[0].qualname}`, which is "
            reason += "async, or what stays sync."
            self.impediments[use.function] = Obstacle("ASY105", reason)
        elif is_entered:
            self._enter_island(use, layout, draft)
        return is_entered or not turned  # a root opens sessions of its own

    def _is_mixed(self, use: Use) -> bool:
        return any(not self.is_coroutine(c) or c.facts.is_generator for c in use.callees)

    def _reduces(self, use: Use) -> bool:
        """Is it ``reduce(f, items)``, which a helper runs that awaits what `f` gives?"""
        values = self.inference.evaluations[use.function].values
        callee = use.function.body.operations[use.operation][5]
        return any(isinstance(a, v.Foreign) and a.name == REDUCE for a in values[callee])

    def _can_ask(self, use: Use) -> bool:
        """May what a call gives be looked at, whether it can be awaited? A decorator that does no
        work of its own gets a copy instead, where it can be told whom that has to wrap."""
        outer, sharing = home(use.function), self.colors.divider.sharing
        return (
            outer is use.function
            or sharing.works_itself(use.function, self.coloring.turned)
            or (is_handed(use) and not is_wrapped(use))
            or (is_handed(use) and sharing.is_applied(outer, self.coloring.turned))
        )

    def _renamed(self, use: Use, turned: list[Function], layout: Layout, draft: Draft) -> None:
        """``super().__enter__()``: the method has another name from now on."""
        callee = layout.operations[layout.operations[use.operation][5]]
        new = ENTERED_AS.get(callee[6]) if callee[0] == f.ATTRIBUTE else None
        if callee[0] == f.ATTRIBUTE and callee[6] in AWAITED_AS and turned:
            new = self.colors.specials.name(turned[0])
        if new is not None and turned:
            draft.add(
                RenameReference(
                    node=reference(callee), site=draft.site(callee), new=new,
                    group=self.coloring.groups.get(use.function, 0),
                )
            )  # fmt: skip

    def _gives_any(self, use: Use, callee: int) -> bool:
        """May what is called give something else than a coroutine: something of a library, which
        was given as a value, or a lambda that hands that on?"""
        return self._may_be_foreign(use, callee) or self._hands_any(use)

    def _may_be_foreign(self, use: Use, callee: int) -> bool:
        values = self.inference.evaluations[use.function].values
        return callee >= 0 and any(isinstance(a, v.Foreign) for a in values[callee])

    def _hands_any(self, use: Use) -> bool:
        lambdas = self.colors.lambdas
        return any(
            self._may_be_foreign(inner, callee.body.operations[inner.operation][5])
            or not all(map(self.is_coroutine, inner.callees))
            for callee in use.callees if callee.facts.kind == "lambda" and lambdas.hands_on(callee)
            for inner in self.colors.uses.of(callee)
            if inner.kind == "call" and inner.operation == callee.body.statements[0][7]
        )  # fmt: skip

    def leave_thread(self, use: Use, layout: Layout, draft: Draft) -> None:
        """What ran in a thread because it blocked is awaited. Of several functions the plain ones
        go on running there, where what turned only makes its coroutine."""
        if rule_of(use.name) is Rule.UNWRAP:  # ``sync_to_async(session.commit)()``
            self.replace(use, draft, "{0}", "{awaited}", False)
            draft.drop(dotted(layout.operations, layout.operations[use.operation][5]))
            return
        if use.name not in RUNNERS or not (use.does_io or set(use.callees) & self.coloring.turned):
            return
        operations, place = layout.operations, RUNNERS[use.name].argument
        given = operations[use.operation][6][place : place + 1]
        called = f"{{{place}}}({{{place + 1}:}})"
        if self._is_mixed(use) or any(self._gives_any(use, index) for index in given):
            told = layout.parent(layout.parent(use.operation)) >= 0  # what looks at it, if any
            if not told or self.colors.already.coroutines.fate(use) is not Fate.TAKEN:
                is_lambda = any(operations[index][0] == f.LAMBDA for index in given)
                self._await_from_thread(use, draft, "" if is_lambda or not place else called)
            return
        if not place and use.name not in PLAIN_THREADS:
            called = "{0}({rest})"  # all keywords are those of the function
        self.replace(use, draft, called, "{awaited}", False)
        draft.drop(dotted(operations, operations[use.operation][5]))

    def _await_from_thread(self, use: Use, draft: Draft, called: str) -> None:
        """``called``: what the executor of a loop has to be given, which takes no coroutine
        function."""
        if called:
            name = self.support(draft, "maybe_await")
            wrapped = f"{{receiver}}.run_in_executor({{0}}, lambda: {called})"
            self.replace(use, draft, f"{name}(await {wrapped})", "{awaited}", False)
        else:
            self.await_perhaps(use, draft, "await {node}", awaits=False)

    def read(self, use: Use, layout: Layout, draft: Draft) -> None:
        """The read of a property that turns is awaited."""
        if not any(map(self.is_coroutine, use.callees)) or layout.is_awaited(use.operation):
            return
        mixed = use.item == UNSURE or not all(map(self.is_coroutine, use.callees))
        if mixed and layout.operations[use.operation][0] == f.CALL:
            self.await_perhaps(use, draft)
            return
        if mixed:
            reason = f"`{use.name}` (line {use.line}) may be a property that isn't async."
            self.impediments[use.function] = Obstacle("ASY105", reason)
            return
        operation = layout.operations[use.operation]
        draft.add(
            AwaitExpression(
                node=node_reference(use.function, use.operation), site=draft.site(operation),
                group=self.coloring.groups.get(use.function, 0),
            )
        )  # fmt: skip

    def step(self, use: Use, layout: Layout, draft: Draft) -> None:
        """``anext(rows)`` of which the coroutine was taken for its result."""
        if self._is_lost(use, layout):
            draft.add(
                AwaitExpression(
                    node=call_reference(use.function, use.operation),
                    site=draft.site(layout.operations[use.operation]),
                    group=self.coloring.groups.get(use.function, 0),
                )
            )  # fmt: skip

    def expect(self, use: Use, layout: Layout, draft: Draft) -> None:
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

    def _run_command(self, use: Use, layout: Layout, draft: Draft) -> None:
        """``main(["--all"])`` of an installed command, which starts a loop of its own elsewhere: in
        a greenlet it finds the loop that runs, and is awaited in that."""
        operation = layout.operations[use.operation]
        name = dotted(layout.operations, operation[5])
        if not name or not self.coloring.entries.issuperset(use.callees):
            reason = f"Its call at line {use.line} may run a command, or what is none."
            self.impediments[use.function] = Obstacle("ASY105", reason)
            return
        given = ", {args}" if operation[6] or operation[7] else ""
        helper = self.support(draft, "run_sync")
        draft.add(
            ReplaceCall(
                node=call_reference(use.function, use.operation), site=draft.site(operation),
                group=self.coloring.groups.get(use.function, 0),
                awaited=f"{helper}({name}{given})",
            )
        )  # fmt: skip

    def _from_this_side(self, use: Use) -> Use:
        """A call without what only the sync copy of its function, or of a decorator, can run."""
        sides = self.coloring.sides
        if not sides.twinned:
            return use
        callees = self.colors.divider.sharing.without_wrappers(use, self.coloring.turned, sides)
        if callees != use.callees:
            use = use._replace(callees=callees)
        if not is_handed(use) or home(use.function) not in sides.twinned:
            return use
        return use._replace(callees=tuple(c for c in use.callees if self.is_coroutine(c)))

    def await_instead(self, use: Use, layout: Layout, draft: Draft) -> None:
        """``asyncio.run(work())`` in what turned: a loop runs already, so the work is awaited.
        Anyio's is given the function and its arguments."""
        loop = use.operation
        operation = layout.operations[loop]
        if use.function.facts.is_async or not operation[6]:
            return
        draft.add(
            ReplaceCall(
                node=call_reference(use.function, loop), site=draft.site(operation),
                group=self.coloring.groups.get(use.function, 0), awaited=ALONE.get(use.name, "{0}"),
            )
        )  # fmt: skip
        draft.drop(dotted(layout.operations, operation[5]))
        around = frame(layout, loop)
        if around is not None:
            self._without_loop(use.function, around, layout, draft)

    def _without_loop(
        self, function: Function, around: Frame, layout: Layout, draft: Draft
    ) -> None:
        """The loop of a function that turns goes."""
        operations, group = layout.operations, self.coloring.groups.get(function, 0)
        made = NodeRef("Assign", around.made[3])
        draft.add(RemoveStatement(node=made, site=draft.site(around.made), group=group))
        for call in around.calls:
            node, site = call_reference(function, call), draft.site(operations[call])
            draft.add(RemoveStatement(node=node, site=site, group=group))
        for call in (around.made[8], *around.calls):
            draft.drop(dotted(operations, operations[call][5]))

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

    def apply(self, use: Use, layout: Layout, draft: Draft) -> None:
        """A builtin runs what turned: it gets a form in which that can be awaited."""
        turned = [callee for callee in use.callees if self.is_coroutine(callee)]
        if turned and len(turned) < len(use.callees):
            reason = f"`{use.name}` (line {use.line}) may also run what is not async."
            self.impediments[use.function] = Obstacle("ASY105", reason)
        elif turned:
            plan_applied(use, layout, draft, self.coloring.groups.get(use.function, 0))

    def replacing(self, use: Use, draft: Draft) -> None:
        """`re.sub` calls what turned: a helper awaits that, and takes what doesn't turn as well."""
        if any(map(self.is_coroutine, use.callees)):
            row = REPLACING[use.name]
            helper = self.support(draft, row.helper)
            self.replace(use, draft, row.form.replace("{helper}", helper), "{awaited}", True)
            operations = use.function.body.operations
            draft.drop(dotted(operations, operations[use.operation][5]))

    def foreign(self, use: Use, layout: Layout, draft: Draft) -> None:
        """A library that takes the session is called inside run_sync, on the sync session."""
        if self._run_in_sync(use, layout, draft):
            self.findings.append(
                finding(
                    "ASY108", draft.site(layout.operations[use.operation]),
                    f"`{use.name}` takes the session and is called through run_sync.",
                )
            )  # fmt: skip
            self._tell_kept(use, layout, draft)

    def _tell_kept(self, use: Use, layout: Layout, draft: Draft) -> None:
        """An object of a library that keeps the session may be used where nobody sees it."""
        if keeps(use.name) and _leaves(layout, use.operation):
            reason = (
                f"What `{use.name}` gives keeps the session, and goes to other functions: what it "
                "does with the database there isn't run in a greenlet."
            )
            advice = "Call its methods through `run_sync`."
            site = draft.site(layout.operations[use.operation])
            self.findings.append(finding("ASY106", site, reason, advice))

    def _is_entered_with(self, use: Use, layout: Layout) -> bool:
        """``Report(db).text()``: is a method of what a call gives, an island too, called at once?
        Then one lambda holds both."""
        attribute = layout.parent(use.operation)
        outer = layout.parent(attribute) if attribute >= 0 else -1
        if outer < 0 or layout.operations[outer][0] != f.CALL:
            return False
        if layout.operations[outer][5] != attribute:
            return False
        return any(
            other.operation == outer and not self.coloring.islands.isdisjoint(other.callees)
            for other in self.colors.uses.of(use.function) if other.kind == "call"
        )  # fmt: skip

    def _hand_sync_session(self, use: Use, layout: Layout, draft: Draft) -> None:
        """The session among the arguments becomes the parameter of the lambda around."""
        operation = layout.operations[use.operation]
        values = self.inference.evaluations[use.function].values
        for index in (*operation[6], *(i for _, i in operation[7])):
            if index >= 0 and self.is_session(values[index]):
                given = layout.operations[index]
                draft.add(
                    RenameReference(
                        node=reference(given), site=draft.site(given), new="sync_session",
                        whole=True, group=self.coloring.groups.get(use.function, 0),
                    )
                )  # fmt: skip

    def _enter_island(self, use: Use, layout: Layout, draft: Draft) -> None:
        if self._is_entered_with(use, layout):
            self._hand_sync_session(use, layout, draft)
            return
        if self._run_in_sync(use, layout, draft):
            island = next((c for c in use.callees if c in self.coloring.islands), use.callees[0])
            reason = f"`{island.qualname}` stays sync and is entered through run_sync."
            why = self.colors.why_island(island, self.coloring)
            site = draft.site(layout.operations[use.operation])
            self.findings.append(finding("ASY108", site, f"{reason} {why}".rstrip()))

    def _run_in_sync(self, use: Use, layout: Layout, draft: Draft) -> bool:
        session = self.colors.session_in_hand(use) or self._ambient(use, draft)
        operation = layout.operations[use.operation]
        kinds = self.colors.kinds_in_hand(use, session or "")
        awaits = self.awaits_inside(use, layout)
        outside = awaits or self._may_load(use, layout)
        outside = outside and self._can_be_outside(use, layout, (awaits and session) or "")
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
                and self.is_session(values[index])
                and dotted(layout.operations, index) == session
            ):
                places.append(position)
        for name, index in operation[7]:
            if (
                name
                and self.is_session(values[index])
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
        self._hand_sync_methods(use, layout, draft)
        return True

    def _hand_sync_methods(self, use: Use, layout: Layout, draft: Draft) -> None:
        """``run(session.add_all, users)``: what runs inside run_sync calls the sync method."""
        operation = layout.operations[use.operation]
        values = self.inference.evaluations[use.function].values
        for index in (*operation[6], *(i for _, i in operation[7])):
            given = layout.operations[index] if index >= 0 else ()
            base = given[5] if given[:1] == (f.ATTRIBUTE,) else -1
            known = [a for a in values[base] if isinstance(a, v.Known)] if base >= 0 else []
            if known and any(isinstance(a, v.KnownMethod) for a in values[index]):
                self.sync_object(use._replace(owner=known[0]), layout.operations[base], draft)

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

    def _can_be_outside(self, use: Use, layout: Layout, session: str) -> bool:
        """Can the arguments of a call be evaluated before it is entered? Only they await, and none
        of them is a session but the one in hand, as the first or by name."""
        operation = layout.operations[use.operation]
        values = self.inference.evaluations[use.function].values
        places = [*(i if i >= 0 else ~i for i in operation[6]), *(i for _, i in operation[7])]
        own = {*operation[6][:1], *(i for name, i in operation[7] if name)}
        own = {i for i in own if i >= 0 and dotted(layout.operations, i) == session}
        called = layout.subtree(operation[5]) | {operation[5]}
        awaiting = {
            other.operation for other in self.colors.uses.of(use.function)
            if other.does_io or set(other.callees) & self.coloring.turned
        }  # fmt: skip
        return (
            not any(self.is_session(values[place]) for place in places if place not in own)
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

    def _is_sync_above(self, function: Function, name: str) -> bool:
        """Is a name that of a function around it, which is an island too? It has a sync session."""
        scope = function.parent
        while scope is not None and name not in scope.facts.bound:
            scope = scope.parent
        return scope is not None and scope.facts.kind == "def" and scope in self.coloring.islands

    def plan_island(self, function: Function, draft: Draft) -> None:
        """An island reaches sessions of the functions around it through their sync session."""
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None:
            return
        own = function.facts.bound
        ambient = {i for i, found in self.colors.ambient.places(function).items() if found}
        group = self.coloring.groups.get(function, 0)
        layout = self.colors.uses.layout(function)
        for use in self.colors.uses.of(function):
            if use.kind == "foreign" and layout.parent(use.operation) < 0:
                self._tell_kept(use, layout, draft)
        for index, operation in enumerate(evaluation.operations):
            kinds = {a.kind for a in evaluation.values[index] if isinstance(a, v.Known)}
            is_free = operation and operation[0] == f.NAME and operation[5] not in own
            is_free = is_free and not self._is_sync_above(function, operation[5])
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


def _leaves(layout: Layout, index: int) -> bool:
    """Is the result of a call given to somebody else: returned, kept in an object, handed on?"""
    parent = layout.parent(index)
    if parent >= 0:
        return bool(layout.operations[parent][0] != f.ATTRIBUTE)
    statement = layout.statement(index)
    if statement is None or statement[0] == f.EXPRESSION:
        return False
    return statement[0] != f.ASSIGN or any(target[0] != f.TO_NAME for target in statement[7])
