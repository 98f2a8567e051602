"""Where a program stands: what is async, what would turn, what stays, and whether it is worth it.

Async pays where many requests wait for the database in one event loop. A program that has no such
loop, or whose requests hardly ever get to the database, gains nothing and gets harder to read: it
is told so before it starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from asyncify.analysis.boundaries import rule_of
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.environments import is_alembic
from asyncify.analysis.program import Function, Module
from asyncify.findings import Finding, Severity
from asyncify.planning.query_places import Flow
from asyncify.status import LAYERS, Standing, Status, summed
from asyncify.vocabulary import flask, wsgi
from asyncify.vocabulary.frameworks import Rule
from asyncify.vocabulary.testing import is_test_path

_FEW_ROUTES = 5  # fewer say nothing
_LITTLE = 0.2  # of the routes
_NOTHING = "no framework that serves requests in one is imported, and no function outside the tests"
_ONE_THING = (
    "Scripts, tasks and WSGI applications do one thing at a time, and awaiting that gains nothing."
)
_COUNTED = {Severity.ERROR: "errors", Severity.WARNING: "warnings"}
_COMMANDS = {Rule.ENTRY, Rule.SYNC, Rule.OWN_LOOP}


class StatusMaker:
    """Counts for one plan that holds."""

    def __init__(self, colors: Colors, coloring: Coloring, flows: Iterable[Flow]) -> None:
        self.colors = colors
        self.coloring = coloring
        self.flows = [flow for flow in flows if flow.start >= 0]
        self.program = colors.program
        self.done = colors.already.reached(colors.inference.evaluations)
        self.functions = {fn: kind for fn in self._reached() if (kind := self._color(fn))}

    def make(self, findings: tuple[Finding, ...]) -> Status:
        """The status, with the findings that are to be looked at."""
        by_package: dict[str, list[str]] = {}
        by_layer: dict[str, list[str]] = {}
        for function, kind in self.functions.items():
            by_package.setdefault(_package(function.module), []).append(kind)
            by_layer.setdefault(self._layer(function), []).append(kind)
        for flow in self.flows:
            by_package.setdefault(_package(flow.origin.function.module), []).append("queries")
            by_layer.setdefault(self._layer(flow.origin.function), []).append("queries")
        for found in findings:
            if found.severity in _COUNTED:
                module = self.program.modules.get(found.site.path)
                package = _package(module) if module is not None else "(other files)"
                by_package.setdefault(package, []).append(_COUNTED[found.severity])
        every = [kind for kinds in by_package.values() for kind in kinds]
        total = summed("all", every)
        return Status(
            tuple(summed(name, by_package[name]) for name in sorted(by_package)),
            tuple(summed(name, by_layer[name]) for name in LAYERS if name in by_layer),
            total,
            tuple(self._against(total)),
        )

    # -- functions

    def _reached(self) -> set[Function]:
        """All that do database work, whatever becomes of them."""
        coloring = self.coloring
        reached = coloring.turned | coloring.islands | set(coloring.failed) | self.done
        reached |= {fn for fn in coloring.stays if self.colors.does_io(fn)}
        return {fn for fn in reached if fn.facts.kind == "def" and not is_alembic(fn)}

    def _color(self, function: Function) -> str:
        coloring = self.coloring
        if function in coloring.islands or function in coloring.entered:
            return "islands"
        if function in coloring.stays or function in coloring.failed:
            return "blocked"
        return "to_do" if function in coloring.turned else "done"

    def _layer(self, function: Function) -> str:
        if is_test_path(function.module.path):
            return "tests"
        rules = {each.rule for each in self.colors.bounds.decorators(function)}
        if Rule.AWAITED in rules:
            return "routes"
        given = self.colors.callers().get(function, ())
        rules |= {rule_of(use.name) for _, use in given if use.kind == "pass"}
        if rules & _COMMANDS or function in self.coloring.entries:
            return "commands and tasks"
        if Rule.AWAITED in rules:
            return "dependencies"
        own = any(use.does_io or use.is_async for use in self.colors.uses.of(function))
        return "data access" if own else "services"

    # -- whether it is worth it

    def _against(self, total: Standing) -> Iterator[str]:
        if not total.functions:
            yield "No function of the program reaches the database through SQLAlchemy."
            return
        if total.done and not (total.to_do or total.blocked):
            return  # it has
        whole = [obstacle.reason for obstacle in self.coloring.failed.values() if obstacle.whole]
        if whole or self.colors.inference.staying:
            framework = wsgi.told(whole[0] if whole else flask.REASON)
            yield f"{framework.reason}. {framework.advice}"
        elif not self._has_loop():
            yield f"Nothing in it runs in an event loop: {_NOTHING} is async. {_ONE_THING}"
        elif not (self._serves() or total.done or self._is_reached_by_async()):
            yield (
                "What runs in an event loop there doesn't reach the database: "
                f"{_NOTHING} that gets to it is async. {_ONE_THING}"
            )
        else:
            yield from self._little()

    def _own_modules(self) -> list[Module]:
        return [x for x in self.program.modules.values() if not is_test_path(x.path)]

    def _serves(self) -> bool:
        """Is a framework imported that serves requests in an event loop?"""
        return any(
            item.module.partition(".")[0] in wsgi.ASYNC_FRAMEWORKS
            for module in self._own_modules() for item in module.facts.imports
        )  # fmt: skip

    def _has_loop(self) -> bool:
        functions = (fn for module in self._own_modules() for fn in module.functions)
        return self._serves() or any(function.facts.is_async for function in functions)

    def _is_reached_by_async(self) -> bool:
        """Does a function that is async call, by way of others, what does database work?"""
        pending = [fn for fn in self.functions if not is_test_path(fn.module.path)]
        seen = set(pending)
        while pending:
            function = pending.pop()
            if function.facts.is_async:
                return True
            callers = {caller for caller, _ in self.colors.callers().get(function, ())}
            fresh = {fn for fn in callers - seen if not is_test_path(fn.module.path)}
            seen |= fresh
            pending += fresh
        return False

    def _little(self) -> Iterator[str]:
        """Do few requests reach the database?"""
        routes = list(self._routes())
        reaching = sum(function in self.functions for function in routes)
        working = sum(not is_test_path(function.module.path) for function in self.functions)
        if working > len(routes):
            return  # its routes may be made in a way that isn't seen
        if len(routes) >= _FEW_ROUTES and reaching < _LITTLE * len(routes):
            yield (
                f"Little I/O: {reaching} of {len(routes)} routes reach the database. FastAPI and "
                "Starlette run the sync ones in threads, which is enough for so few."
            )

    def _routes(self) -> Iterator[Function]:
        for module in self.program.modules.values():
            if is_test_path(module.path):
                continue
            for function in module.functions:
                if function.facts.kind == "def" and function.signature.decorators:
                    decorators = self.colors.bounds.decorators(function)
                    if any(each.rule is Rule.AWAITED for each in decorators):
                        yield function


def _package(module: Module) -> str:
    name = module.name if module.is_package else module.name.rpartition(".")[0]
    return name or "(top level)"
