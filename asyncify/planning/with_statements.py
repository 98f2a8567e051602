"""Planning of what is entered: ``async with`` over sessions, managers and clients, and in the place
of a ``close`` by hand."""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.declarations import foreign_name
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Variable, dotted
from asyncify.analysis.statements import statements_of
from asyncify.analysis.use_stacks import CLOSING, STACK_CALLBACK
from asyncify.analysis.uses import Use
from asyncify.decisions import (
    CloseToAsyncWith,
    MakeAsyncWith,
    RenameReference,
)
from asyncify.planning.client_calls import ClientPlanner
from asyncify.planning.draft import Draft, reference
from asyncify.planning.use_planning import UsePlanner
from asyncify.rules import finding
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.blocking import THREAD_LOCKS

_CLOSING_HELPER = "closing_awaited"
_CLOSED = ("Session", "Connection")


class WithPlanner(UsePlanner):
    """Plans the ``with`` statements of one function, which it is told of one by one."""

    def __init__(
        self, shared: UsePlanner, clients: ClientPlanner, layout: Layout, draft: Draft
    ) -> None:
        super().__init__(
            shared.colors, shared.coloring, shared.support, shared.findings, shared.impediments
        )
        self.clients = clients
        self.layout = layout
        self.draft = draft
        # By statement: the items that become async, and what starts before them.
        self.entered: dict[int, set[int]] = {}
        self.started: dict[int, list[tuple[int, str]]] = {}

    def enter(self, use: Use) -> None:
        """A session, an engine's connection or a manager of the program is entered."""
        layout, draft = self.layout, self.draft
        if (
            use.kind == "enter"
            and use.is_async
            and use not in self.colors.already.lost(use.function)
        ):
            return
        if use.kind == "enter manager" and not self.is_turned(use):
            return
        if use.kind == "enter manager" and use.name == CLOSING:
            self._close(use)
            if use.item < 0:
                return  # the stack enters it
        if use.kind == "enter closing":
            self.replace(use, draft, "{0}", "{awaited}", False)
            draft.drop(dotted(layout.operations, layout.operations[use.operation][5]))
        statement = layout.statement(use.operation)
        if statement is not None and not statement[9]:
            self.entered.setdefault(id(statement), set()).add(use.item)

    def _close(self, use: Use) -> None:
        """``closing(rows(db))``: an async generator is closed by ``aclosing``, an object by a
        method that keeps its name."""
        operations = self.layout.operations
        generates = all(callee.facts.is_generator for callee in use.callees)
        closing = (
            self.draft.spell("contextlib.aclosing") if generates
            else self.support(self.draft, _CLOSING_HELPER)
        )  # fmt: skip
        callee = operations[operations[use.operation][5]]
        self.draft.add(
            RenameReference(
                node=reference(callee), site=self.draft.site(callee),
                group=self.coloring.groups.get(use.function, 0),
                new=closing, whole=True,
            )
        )  # fmt: skip
        self.draft.drop(dotted(operations, operations[use.operation][5]))

    def enter_stacked(self, use: Use) -> None:
        """What an ``ExitStack`` enters is entered by an ``AsyncExitStack``."""
        layout, draft = self.layout, self.draft
        if use.callees and not self.is_turned(use):
            return
        callee = layout.operations[layout.operations[use.operation][5]]
        stack = layout.entered_as(dotted(layout.operations, callee[5]))
        statement = layout.statement(stack)
        made = layout.operations[layout.operations[stack][5]]
        if statement is not None and not statement[9]:
            values = [value for value, _ in statement[7]]
            self.entered.setdefault(id(statement), set()).add(values.index(stack))
            group = self.coloring.groups.get(use.function, 0)
            name = draft.spell("contextlib.AsyncExitStack")
            site = draft.site(made)
            draft.add(RenameReference(node=reference(made), site=site, group=group, new=name))
            draft.drop(dotted(layout.operations, layout.operations[stack][5]))
        if use.name == STACK_CALLBACK:
            call = "{receiver}.push_async_callback({args})"
            self.replace(use, draft, call, "{awaited}", False)
            return
        call = "{receiver}.enter_async_context({args})"
        self.replace(use, draft, call, "{awaited}", True)

    def enter_client(self, use: Use) -> None:
        """A client of the application is entered; before it the application starts."""
        statement = self.layout.statement(use.operation)
        if statement is None or statement[9] or not self.colors.clients.turns(use):
            return
        self.entered.setdefault(id(statement), set()).add(use.item)
        lifespan = self.clients.lifespan(use)
        if lifespan:
            self.started.setdefault(id(statement), []).append((use.item, lifespan))

    def finish(self) -> None:
        """All items of a statement are known: one decision for each statement."""
        draft = self.draft
        group = self.coloring.groups.get(self.layout.function, 0)
        for statement in self.layout.statements:
            items = self.entered.get(id(statement))
            if statement[0] == f.WITH and not statement[9]:
                self._tell_of_lock(statement, items or set())
            if items:
                draft.add(
                    MakeAsyncWith(
                        node=NodeRef("With", statement[3]),
                        site=Site(draft.module.path, statement[1], statement[2]),
                        group=group, items=tuple(sorted(items)),
                        before=tuple(self.started.get(id(statement), ())),
                    )
                )  # fmt: skip

    def _tell_of_lock(self, statement: f.Statement, entered: set[int]) -> None:
        """A thread's lock that is held while something is awaited: who wants it next blocks the
        event loop, and with it the one who would give it back. What is ``entered`` beside it is
        awaited, too."""
        name = next((n for n in map(self._lock, statement[7]) if n), "")
        inside = {id(inner) for inner in statements_of(statement[8])} if name else set()
        if name and entered:
            inside.add(id(statement))
        for use in self.colors.uses.of(self.layout.function) if inside else ():
            if (use.does_io or self.is_turned(use)) and id(
                self.layout.statement(use.operation)
            ) in inside:
                reason = (
                    f"`{name}` is held while `{use.name or use.kind}` (line {use.line}) is awaited:"
                    " whoever wants it meanwhile stops the event loop, and it is never given back."
                )
                advice = "Use an `asyncio.Lock`, or hold it only where nothing is awaited."
                site = Site(self.draft.module.path, statement[1], statement[2])
                self.findings.append(finding("ASY414", site, reason, advice))
                return

    def _lock(self, item: tuple[int, object]) -> str:
        """The name of a lock that a variable of a module, or an attribute, holds; or ''."""
        operations, index = self.layout.operations, item[0]
        if operations[index][0] not in (f.NAME, f.ATTRIBUTE):
            return ""
        program, function = self.inference.program, self.layout.function
        value = self.inference.evaluations[function].values[index]
        made = {atom.name for atom in value if isinstance(atom, v.ForeignInstance)}
        symbol = program.resolve_expression(function, operations, index)
        found = program.variable_expression(symbol) if isinstance(symbol, Variable) else None
        if found is not None and found[1][found[2]][0] == f.CALL:
            made.add(foreign_name(found[0], found[1], found[1][found[2]][5], self.inference))
        return dotted(operations, index) if made & THREAD_LOCKS else ""

    def closings(self) -> set[int]:
        """``db = Factory()``, ``try ... finally: db.close()`` become ``async with``; the calls of
        ``close`` that go with it are returned."""
        layout, draft = self.layout, self.draft
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
                        group=self.coloring.groups.get(layout.function, 0),
                        variable=variable, close_call=layout.operations[call][3],
                    )
                )  # fmt: skip
        return closed

    def _is_option(self, index: int) -> bool:
        """Is it ``execution_options`` of a connection that is open already?"""
        return any(
            use.operation == index and use.kind == "member"
            and isinstance(use.owner, v.Known) and use.owner.kind == "Connection"
            for use in self.colors.uses.of(self.layout.function)
        )  # fmt: skip

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
        is_session = any(isinstance(a, v.Known) and a.kind in _CLOSED for a in values[before[8]])
        made = layout.operations[before[8]]
        if not is_session or made[0] != f.CALL or last[0] != f.EXPRESSION:
            return None
        if self._is_option(before[8]):
            return None  # which has to be awaited, and isn't what `async with` takes
        closed = [self._closed(each) for each in statement[10]]
        if closed[-1] != variable or any(closed[:-1]):  # several are closed together
            return None
        later = block[place + 1 :]
        used_later = any(
            layout.operations[i][0] == f.NAME and layout.operations[i][5] == variable
            for s in later for i in range(s[4], s[5]) if layout.operations[i]
        )  # fmt: skip
        factory = self._returns_session(made, values)
        return None if used_later or not factory else (variable, last[7], before[8])

    def _closed(self, statement: f.Statement) -> str:
        """The name of the session or connection that a statement closes, or ''."""
        operations = self.layout.operations
        if statement[0] != f.EXPRESSION or operations[statement[7]][0] != f.CALL:
            return ""
        callee = operations[operations[statement[7]][5]]
        values = self.inference.evaluations[self.layout.function].values
        is_closed = callee[:1] == (f.ATTRIBUTE,) and callee[6] == "close" and any(
            isinstance(a, v.Known) and a.kind in _CLOSED for a in values[callee[5]]
        )  # fmt: skip
        return dotted(operations, callee[5]) if is_closed else ""

    def _returns_session(self, operation: f.Operation, values: list[v.Value]) -> bool:
        """Is the session made by a factory, or by a function of the program that stays as it is?"""
        return all(
            isinstance(a, (v.Known, v.KnownMethod, v.Foreign))
            or (isinstance(a, v.FunctionObject) and a.function not in self.coloring.turned)
            for a in values[operation[5]]
        )
