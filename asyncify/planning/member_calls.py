"""Planning of what is done with sessions, engines and connections: awaits, ``run_sync``, greenlets.

The vocabulary's row of a member says what becomes of it.
"""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis import alembic_runs
from asyncify.analysis import values as v
from asyncify.analysis.by_name import is_hidden
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import dotted
from asyncify.analysis.use import UNSURE
from asyncify.analysis.uses import GREENLET_KINDS, Use
from asyncify.decisions import (
    GIVEN,
    AwaitExpression,
    MakeAsyncFor,
    ReplaceCall,
    ReplaceExpression,
    RunMetadata,
    UseSyncSession,
)
from asyncify.planning.draft import Draft, call_reference, node_reference, reference
from asyncify.planning.hoisting import Hoister, is_read_from
from asyncify.planning.query_forms import helped, spelled
from asyncify.planning.use_planning import UsePlanner
from asyncify.rules import finding
from asyncify.sites import NodeRef
from asyncify.vocabulary.names import BINDS, TABLES
from asyncify.vocabulary.rows import Form
from asyncify.vocabulary.sqlalchemy_engine import STREAMED_BY, STREAMING_OPTIONS
from asyncify.vocabulary.testing import is_test_path


class MemberPlanner(UsePlanner):
    """Plans members of objects of SQLAlchemy, and its functions that are given one."""

    def member(self, use: Use, layout: Layout, draft: Draft, hoister: Hoister) -> None:
        assert use.row is not None and isinstance(use.owner, v.Known)
        operation = layout.operations[use.operation]
        if use.is_async:
            if use in self.colors.already.lost(use.function):
                self.awaited(use, layout, draft, hoister)
            return
        if operation[0] != f.CALL:
            self._attribute(use, layout, draft)
            return
        if use.function.facts.is_async and self.colors.places.is_scheduled(use):
            return  # asyncio takes nothing but coroutines: the session is an async one
        form = use.row.form
        if self.colors.places.streams(use):
            self._stream(use, layout, draft, hoister)
        elif form in (Form.AWAIT, Form.AWAIT_OR_WITH):
            entered = self.is_entered(use.operation, layout)
            if form is Form.AWAIT_OR_WITH and (entered or self._is_given_to_enter(use, layout)):
                return
            if entered and self._opened_with_options(use, layout, draft):
                return
            if self._gives_options(use, layout) or self._is_opened_with_options(use, layout):
                return  # the call on it is rewritten, and this one with it
            if use.name == "delete" and self._marks_delete(use, layout, draft):
                return
            if not layout.is_awaited(use.operation):
                self.awaited(use, layout, draft, hoister)
        elif form is Form.TEMPLATE:
            helper = use.row.helper
            template = spelled(use.row.awaited, use.row.imports, draft)
            if helper:
                template = helped(template, helper, self.support(draft, helper))
            self.replace(use, draft, template, use.row.result, use.row.awaits)
        elif form is Form.RUN_SYNC:
            self._run_sync(use, layout, draft)
        elif form in (Form.GREENLET, Form.ON_CONNECTION) and use.owner.kind in GREENLET_KINDS:
            self.greenlet(use, layout, draft)
        elif form is Form.SYNC_OBJECT and use.name != "query":
            receiver = layout.operations[layout.operations[operation[5]][5]]
            self.sync_object(use, receiver, draft)

    def _stream(self, use: Use, layout: Layout, draft: Draft, hoister: Hoister) -> None:
        """``execute`` becomes ``stream``, and what reads its result awaits."""
        stream = self.colors.places.stream(use)
        if stream is None or use.row is None:
            return
        group = self.coloring.groups.get(use.function, 0)
        site = draft.site(layout.operations[use.operation])
        hoist = hoister.take(use.operation) if is_read_from(layout, use.operation) else ""
        options = self._options_of_connection(use, layout)
        if options:
            inner = call_reference(use.function, _receiver(layout, use.operation))
            draft.add(
                ReplaceCall(
                    node=inner, site=site, group=group, awaited="{receiver}", awaits=False
                )
            )  # fmt: skip
        draft.add(
            ReplaceCall(
                node=call_reference(use.function, use.operation), site=site, group=group,
                awaited=f"{{receiver}}.{STREAMED_BY[use.row.name]}({{args}}{options})", hoist=hoist,
            )
        )  # fmt: skip
        for call, name in stream.taken:
            awaited = f"{self.support(draft, f'{name}_awaited')}({{args}})"
            node = call_reference(use.function, call)
            draft.add(ReplaceCall(node=node, site=site, group=group, awaited=awaited, awaits=False))
            draft.drop(dotted(layout.operations, layout.operations[call][5]))
        for kind, number, place in stream.loops:
            node = NodeRef(kind, number)
            draft.add(MakeAsyncFor(node=node, site=site, group=group, generator=place))
        for call in stream.awaited:
            node = call_reference(use.function, call)
            draft.add(AwaitExpression(node=node, site=site, group=group))

    def _gives_options(self, use: Use, layout: Layout) -> bool:
        """Is it a call of ``execution_options`` that gives way to those of the statement?"""
        parent = layout.parent(use.operation)
        outer = layout.parent(parent) if parent >= 0 else -1
        return outer >= 0 and any(
            other.operation == outer and self.colors.places.streams(other)
            and self._options_of_connection(other, layout)
            for other in self.colors.uses.of(use.function)
        )  # fmt: skip

    def _options_of_connection(self, use: Use, layout: Layout) -> str:
        """What ``conn.execution_options(yield_per=9).execute(...)`` hands to the statement, or ''.
        A connection keeps its options: whoever executes anything else on it would be refused."""
        index = _receiver(layout, use.operation)
        inner = layout.operations[index]
        if inner[0] != f.CALL or not any(
            other.operation == index and other.name == "execution_options"
            and isinstance(other.owner, v.Known) and other.owner.kind == "Connection"
            for other in self.colors.uses.of(use.function)
        ):  # fmt: skip
            return ""
        given = {name: _text(layout, value) for name, value in inner[7]}
        own = {name for name, _ in layout.operations[use.operation][7]}
        if (
            not all(given.values())
            or "execution_options" in own
            or given.keys() - STREAMING_OPTIONS
        ):
            return ""
        listed = ", ".join(f'"{name}": {text}' for name, text in given.items())
        return f", execution_options={{{listed}}}"

    def awaited(self, use: Use, layout: Layout, draft: Draft, hoister: Hoister) -> None:
        if use.item == UNSURE or self._may_be_plain(use):
            self.await_perhaps(use, draft)
            return
        operation = layout.operations[use.operation]
        read = is_read_from(layout, use.operation) and use.row is not None
        hoist = hoister.take(use.operation) if read and use.row and use.row.returns else ""
        draft.add(
            AwaitExpression(
                node=call_reference(use.function, use.operation), site=draft.site(operation),
                group=self.coloring.groups.get(use.function, 0), hoist=hoist,
            )
        )  # fmt: skip

    def _may_be_plain(self, use: Use) -> bool:
        """Is it the method of some other object as well, which stays plain? ``UNSURE`` are those
        that an async session has as they were. Stand-ins of tests become async with the session."""
        callee = use.function.body.operations[use.operation][5]
        return any(
            (isinstance(atom, v.Foreign) and "()." in atom.name and not is_hidden(v.one(atom)))
            or (isinstance(atom, v.FunctionObject) and not self.is_coroutine(atom.function)
            and not is_test_path(atom.function.module.path))
            for atom in self.inference.evaluations[use.function].values[callee]
        )  # fmt: skip

    def _is_opened_with_options(self, use: Use, layout: Layout) -> bool:
        """Is it the call of ``connect`` in ``with engine.connect().execution_options(...)``?"""
        parent = layout.parent(use.operation)
        outer = layout.parent(parent) if parent >= 0 else -1
        return outer >= 0 and any(
            other.operation == outer and self._opening(other, layout) is not None
            for other in self.colors.uses.of(use.function)
        )

    def _is_given_to_enter(self, use: Use, layout: Layout) -> bool:
        """``return engine.connect()`` of a function whose callers enter what it gives: what
        ``await`` gives is open already and can't be entered."""
        statement, function = layout.statement(use.operation), layout.function
        if statement is None or statement[0] != f.RETURN or statement[7] != use.operation:
            return False
        entered = {
            self.is_entered(other.operation, self.colors.uses.layout(caller))
            for caller, other in self.colors.callers().get(function, ()) if other.kind == "call"
        }  # fmt: skip
        if len(entered) > 1:
            self.impede(use, f"What the awaited `{use.name}` gives can't be entered by `with`")
        return True in entered

    def _opening(self, use: Use, layout: Layout) -> Use | None:
        """The ``engine.connect()`` in a with item ``engine.connect().execution_options(...)``."""
        operation = layout.operations[use.operation]
        row = use.row
        if (
            row is None
            or row.form is not Form.AWAIT
            or row.async_returns != "AsyncConnection"
            or operation[0] != f.CALL
            or not self.is_entered(use.operation, layout)
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
            kind = (use.row.async_returns or use.row.returns) if use.row is not None else ""
            given = self.inference.row(kind, "__enter__")
            if given is not None and given.form is Form.SYNC_WITH:  # a result, which it closes
                return False
            self.impede(use, f"What the awaited `{use.name}` gives can't be entered by `with`")
            return True
        self.replace(opening, draft, "{receiver}", "{awaited}", False)
        template = f"{{receiver}}.{use.name}({{args}}).{opening.name}()"
        self.replace(use, draft, template, "{awaited}", False)
        return True

    def greenlet(self, use: Use, layout: Layout, draft: Draft) -> None:
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
        self.replace(use, draft, awaited, "{awaited}", True)

    def _spawned(self, index: int, layout: Layout, use: Use) -> bool:
        """Is an expression a call that a greenlet runs too, so that both run in one?"""
        return layout.operations[index][0] == f.CALL and any(
            other.kind == "greenlet" and other.operation == index
            and not self.awaits_inside(other, layout)
            for other in self.colors.uses.of(use.function)
        )  # fmt: skip

    def _is_inside_greenlet(self, use: Use, layout: Layout) -> bool:
        """Does a call of something that it gives run in a greenlet, and the use with it?"""
        parent = layout.parent(use.operation)
        if parent < 0 or layout.operations[parent][0] != f.ATTRIBUTE:
            return False
        call = layout.parent(parent)
        if self.awaits_inside(use, layout):
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
        given = [*operation[6], *(i for _, i in operation[7])]
        if alembic_runs.is_command(use.name):
            given += alembic_runs.shared_binds(layout, values)
        for index in given:
            value = values[index if index >= 0 else ~index]
            kinds = {a.kind for a in value if isinstance(a, v.Known)}
            attribute = next((BINDS[kind] for kind in sorted(kinds) if BINDS.get(kind)), "")
            argument = layout.operations[index]
            if not attribute or index < 0:
                continue
            if argument[0] not in (f.NAME, f.ATTRIBUTE, f.CALL):
                self.impede(use, f"What `{use.name}` is given here is not a plain name.")
                continue
            draft.add(
                UseSyncSession(
                    node=node_reference(use.function, index), site=draft.site(argument),
                    group=self.coloring.groups.get(use.function, 0), attribute=attribute,
                )
            )  # fmt: skip

    def store(self, use: Use, layout: Layout, draft: Draft) -> None:
        """``session.expire_on_commit = True``: the async session would keep it to itself."""
        if use.row is not None and use.row.form is Form.SYNC_OBJECT and not use.is_async:
            self.sync_object(use, layout.operations[use.operation], draft)

    def _run_sync(self, use: Use, layout: Layout, draft: Draft) -> None:
        assert isinstance(use.owner, v.Known)
        target = TABLES[use.owner.kind].run_sync_on
        if self.awaits_inside(use, layout, arguments=True):
            # What is awaited among the arguments can't stand inside a lambda.
            cls = draft.spell(TABLES["Session"].sync_class)
            self.replace(
                use, draft, f"{target}.run_sync({cls}.{use.name}, {{args}})", "{awaited}", True
            )
            return
        name = "sync_connection" if use.owner.kind == "Connection" else "sync_session"
        call = f"{name}.{use.name}({{args}})"
        self.replace(use, draft, f"{target}.run_sync(lambda {name}: {call})", "{awaited}", True)

    def _attribute(self, use: Use, layout: Layout, draft: Draft) -> None:
        assert use.row is not None
        operation = layout.operations[use.operation]
        if use.row.form is Form.SYNC_OBJECT:
            self.sync_object(use, layout.operations[operation[5]], draft)
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
            self.sync_object(use, receiver, draft)
            return True
        reason = "its class has a relationship whose delete cascade may have to be loaded"
        if not classes:
            reason = "its class isn't known"
        self.findings.append(
            finding("ASY205", draft.site(operation), f"This delete is awaited: {reason}.")
        )
        return False

    def metadata(self, use: Use, layout: Layout, draft: Draft) -> None:
        operation = layout.operations[use.operation]
        assert isinstance(use.owner, v.Known)
        bind = ""
        values = self.inference.evaluations[use.function].values
        for keyword, index in (*((0, i) for i in operation[6] if i >= 0), *operation[7]):
            given = v.elements(values[index]) if keyword is None else values[index]
            if any(isinstance(a, v.Known) and a.kind == use.owner.kind for a in given):
                bind = dotted(layout.operations, index) or GIVEN
                bind += '.pop("bind")' if keyword is None else ""
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


def _receiver(layout: Layout, call: int) -> int:
    """What a method is called on."""
    return int(layout.operations[layout.operations[call][5]][5])


def _text(layout: Layout, index: int) -> str:
    """A constant or a name as it stands there; '' for anything else."""
    operation = layout.operations[index]
    return repr(operation[5]) if operation[0] == f.CONSTANT else dotted(layout.operations, index)
