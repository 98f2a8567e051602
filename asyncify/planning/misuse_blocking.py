"""Sync I/O where an event loop runs: it blocks the loop, or raises `MissingGreenlet`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.environments import is_alembic
from asyncify.analysis.program import Function, dotted
from asyncify.analysis.stubs import is_stub
from asyncify.analysis.uses import SYNC_KINDS, Use
from asyncify.findings import Finding
from asyncify.planning.misuse_view import View
from asyncify.rules import finding
from asyncify.vocabulary.rows import Role
from asyncify.vocabulary.sqlalchemy_query import QUERY
from asyncify.vocabulary.tasks import (
    ASYNC_BINDS,
    ON_BINDS,
    STARTUP,
    SYNC_SIDES,
    WITHOUT_GREENLET,
)

_DIRECT = ("member", "query", "iterate query", "metadata")
_RUNNING = ("call", "property", "iterate", "enter manager")
_TESTS = frozenset({("pytest", None), ("unittest", None), ("unittest", "IsolatedAsyncioTestCase")})


class Blocking:
    """Finds what blocks the event loop, in functions that nobody runs inside `run_sync`."""

    def __init__(self, colors: Colors, coloring: Coloring) -> None:
        self.colors = colors
        self.coloring = coloring
        self._reaching: dict[Function, Use] | None = None

    def of(self, view: View) -> Iterator[Finding]:
        function = view.function
        if is_alembic(function) or function in self.coloring.entered:
            return
        if function.facts.is_async and not (function.in_thread or self._is_alone(function)):
            yield from self._in_async(view)
        if not function.facts.names.isdisjoint(SYNC_SIDES) and self._has_loop(function):
            yield from self._sync_sides(view)
        if not function.facts.names.isdisjoint(ON_BINDS):
            yield from self._given_binds(view)

    def _is_alone(self, function: Function) -> bool:
        """Does nobody else wait for the event loop: in a test, or before the first request?"""
        if function.module.imports_any(_TESTS):
            return True
        callers = self.colors.callers().get(function, ())
        given = {use.name for _, use in callers if use.kind == "pass"}
        given |= {decorator.name for decorator in self.colors.bounds.decorators(function)}
        return not given.isdisjoint(STARTUP)

    # -- sync sessions and engines

    def _in_async(self, view: View) -> Iterator[Finding]:
        """The first place of a function that stays: where one is, there are mostly more."""
        apart = self.colors.uses.of_apart(view.function)
        known = (*self.colors.uses.of(view.function), *apart)
        uses = [u for u in known if self._blocks(view, u)]
        if not uses:
            return
        turned = view.function in self.coloring.turned
        fixed = {u for u in uses if turned and u not in self.coloring.lost and u not in apart}
        use = min(uses, key=lambda u: (u in fixed, u.line, u.column))
        chain = self._chain(view.function, use)
        name = next((c.facts.qualname for c in use.callees if c in self._reach()), use.name)
        what = "does sync database I/O" if use.callees else "is sync database I/O"
        reason = (
            f"`{name}` {what}, and `{view.function.facts.qualname}` is async: the event loop "
            "stands still until the database answers."
        )
        found = finding("ASY405", view.site(use.operation), reason, self._remedies(view), chain)
        yield replace(found, fixed=use in fixed)

    def _remedies(self, view: View) -> str:
        go = "Use an async session and await it"
        if self.colors.bounds.is_route(view.function) and not view.awaits():
            return f"{go}, or make the route a plain `def`: then it runs in a thread."
        return f"{go}, or do it in a thread, on a session of its own: `asyncio.to_thread`."

    def _blocks(self, view: View, use: Use) -> bool:
        if use.kind in _DIRECT:
            return use.does_io and self._is_surely_sync(view, use)
        if use.kind not in _RUNNING or view.layout.is_awaited(use.operation):
            return False
        return self._all_block(use, self._reach())

    def _all_block(self, use: Use, reaching: dict[Function, Use]) -> bool:
        """Does whatever a use may run block? One of several implementations says nothing."""
        found = [c for c in use.callees if c in reaching and use.runs(c)]
        return bool(found) and all(c in found or is_stub(c) for c in use.callees)

    def _is_surely_sync(self, view: View, use: Use) -> bool:
        """May the object be an async one, or is it only called like a session?"""
        owner, operation = use.owner, view.operations[use.operation]
        if view.layout.is_awaited(use.operation):
            return False
        if isinstance(owner, v.QueryValue):
            return self._is_made_by_session(owner)
        if not isinstance(owner, v.Known) or owner.kind not in SYNC_KINDS or not owner.sure:
            return False
        callee = view.operations[operation[5]] if operation[0] == f.CALL else operation
        base = callee[5] if callee[0] == f.ATTRIBUTE else -1
        kinds = (a.kind for a in view.values[base] if isinstance(a, v.Known)) if base >= 0 else ()
        return not any(kind.lower().startswith("async") for kind in kinds)

    def _is_made_by_session(self, query: v.QueryValue) -> bool:
        """Is it known by more than a name that a Query comes from a session?"""
        evaluation = self.colors.inference.evaluations.get(query.origin.function)
        if evaluation is None:
            return False
        operations = evaluation.operations
        for operation in operations:
            if operation and operation[0] == f.CALL and operation[3] == query.origin.call:
                callee = operations[operation[5]]
                made = evaluation.values[callee[5]] if callee[0] == f.ATTRIBUTE else v.UNKNOWN
                return not made or any(isinstance(a, v.Known) and a.sure for a in made)
        return False

    def _reach(self) -> dict[Function, Use]:
        """The plain functions that do sync I/O when they are called, and where."""
        if self._reaching is not None:
            return self._reaching
        self._reaching = {}
        pending: list[Function] = []
        for function in self.colors.inference.evaluations:
            if function.facts.is_async or not self.colors.uses.doing_io(function):
                continue
            view = View(self.colors, function)
            direct = (
                u for u in self.colors.uses.doing_io(function) if self._blocks_itself(view, u)
            )
            first = next(direct, None)
            if first is not None:
                self._reaching[function] = first
                pending.append(function)
        callers = self.colors.callers()
        while pending:
            function = pending.pop(0)
            for caller, use in callers.get(function, ()):
                known = caller in self._reaching or caller.facts.is_async
                if not known and use.kind in _RUNNING and self._all_block(use, self._reaching):
                    self._reaching[caller] = use
                    pending.append(caller)
        return self._reaching

    def _blocks_itself(self, view: View, use: Use) -> bool:
        return use.kind in _DIRECT and self._is_surely_sync(view, use)

    def _chain(self, function: Function, use: Use) -> tuple[str, ...]:
        names, seen = [function.qualname], {function}
        below = next((c for c in use.callees if c in self._reach()), None)
        while below is not None and below not in seen:
            seen.add(below)
            names.append(below.qualname)
            use = self._reach()[below]
            below = next((c for c in use.callees if c in self._reach()), None)
        return (*names, f"{use.name or use.kind} (line {use.line})")

    # -- the sync objects behind async ones

    def _has_loop(self, function: Function) -> bool:
        """Does the function run in the event loop, outside of a greenlet?"""
        if function.facts.is_async:
            return True
        callers = self.colors.callers().get(function, ())
        return any(caller.facts.is_async and use.kind == "call" for caller, use in callers)

    def _sync_sides(self, view: View) -> Iterator[Finding]:
        names = self._kept(view)
        for index, operation in enumerate(view.operations):
            if not operation or operation[0] not in (f.ATTRIBUTE, f.NAME):
                continue
            side = (
                names.get(operation[5], "") if operation[0] == f.NAME else self._side(view, index)
            )
            method = self._io(view, index, SYNC_SIDES[side]) if side else ""
            if method:
                reason = f"`{method}` of `{side}` does I/O outside of `run_sync`: it raises."
                advice = "Await the async object's own method, or call it inside `run_sync`."
                yield finding("ASY413", view.site(index), reason, advice)

    def _given_binds(self, view: View) -> Iterator[Finding]:
        """``Base.metadata.create_all(engine)``, where that is an async engine or its sync side."""
        names = self._kept(view)
        for index, operation in view.calls():
            callee = view.operations[operation[5]]
            if callee[0] != f.ATTRIBUTE or callee[6] not in ON_BINDS:
                continue
            for given in view.arguments(operation):
                name = dotted(view.operations, given)
                side = names.get(name, "") or self._side(view, given)
                kinds = {a.kind if isinstance(a, v.Known) else "" for a in view.values[given]}
                if side and self._has_loop(view.function):
                    reason = f"`{callee[6]}` on `{side}` does I/O outside of `run_sync`: it raises."
                elif kinds and kinds <= ASYNC_BINDS:
                    reason = (
                        f"`{callee[6]}` can't work on what is async, as `{name}` is: it raises."
                    )
                else:
                    continue
                advice = f"Give it to `run_sync` of a connection: `run_sync(metadata.{callee[6]})`."
                yield finding("ASY413", view.site(index), reason, advice)

    def _side(self, view: View, index: int) -> str:
        """The name of the sync side, where an operation reads one of an async object."""
        operation = view.operations[index]
        if operation[0] != f.ATTRIBUTE or operation[6] not in SYNC_SIDES:
            return ""
        known = [a for a in view.values[operation[5]] if isinstance(a, v.Known)]
        is_one = any(
            a.kind.lower().startswith("async")
            and self.colors.inference.row(a.kind, operation[6]) is not None
            for a in known
        )
        return str(operation[6]) if is_one else ""

    def _kept(self, view: View) -> dict[str, str]:
        """Variables that hold a sync side, and nothing else."""
        found: dict[str, str] = {}
        others: set[str] = set()
        for statement in view.layout.statements:
            if statement[0] != f.ASSIGN:
                continue
            side = self._side(view, statement[8])
            for target in statement[7]:
                if target[0] == f.TO_NAME:
                    found.update({target[1]: side} if side else {})
                    others |= set() if side else {target[1]}
        return {name: side for name, side in found.items() if name not in others}

    def _io(self, view: View, index: int, kind: str) -> str:
        """The name of the method that does I/O where a sync side stands, or ''."""
        method, call = self._method(view, index)
        row = self.colors.inference.row(kind, method) if method else None
        if row is None or method in WITHOUT_GREENLET:
            return ""
        if row.returns != "Query":
            return method if row.io else ""
        while call >= 0:
            method, call = self._method(view, call)
            member = QUERY.member(method) if method else None
            if member is None or member.role is Role.TERMINAL:
                return method if member is not None else ""
        return ""

    def _method(self, view: View, index: int) -> tuple[str, int]:
        """The method that is called on an operation's value, and the call."""
        attribute = view.layout.parent(index)
        call = view.layout.parent(attribute) if attribute >= 0 else -1
        if call < 0 or view.operations[attribute][0] != f.ATTRIBUTE:
            return "", -1
        operation = view.operations[call]
        if operation[0] != f.CALL or operation[5] != attribute:
            return "", -1
        return str(view.operations[attribute][6]), call
