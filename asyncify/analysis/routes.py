"""Routes: which functions may answer the request that a client makes.

    router = APIRouter(prefix="/teams")

    @router.get("/{name}")          # answers "/api/teams/red", as
    def read(name: str): ...

    app.include_router(router, prefix="/api")

A router that nothing is seen to include may stand behind any prefix, and a path that isn't written
out may be any: such routes are among those that may answer.
https://fastapi.tiangolo.com/tutorial/bigger-applications/
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from asyncify import facts as f
from asyncify.analysis.colors import Colors
from asyncify.analysis.computed_names import assignments, beginning
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function, Program, Variable
from asyncify.vocabulary import loading as words

_INCLUDE, _PREFIX, _PATH = "include_router", "prefix", "path"
_DEPTH = 5  # routers that include each other
_URL = "url"


class _Included(NamedTuple):
    """Where a router is included: by another, behind a prefix; None where that isn't written."""

    by: Variable | None
    prefix: str | None


class _Route(NamedTuple):
    """What answers, the verb ('' for any), and its path; None where that isn't known."""

    function: Function
    verb: str
    router: Variable | None
    path: str | None


class Routes:
    """The routes of FastAPI's applications and routers, read once."""

    def __init__(self, colors: Colors) -> None:
        self.colors = colors
        self.program: Program = colors.inference.program

    def answering(self, verb: str, layout: Layout, call: int) -> list[Function]:
        """The functions that may answer what a client's method asks for; none where none is known
        to."""
        operation = layout.operations[call]
        given = [*operation[6][:1], *(i for name, i in operation[7] if name == _URL)]
        asked, whole = (
            _address(self.program, layout, given[0]) if min(given, default=-1) >= 0 else ([], False)
        )
        return [
            route.function for route in self._routes
            if route.verb in ("", verb)
            and any(_may_answer(path, asked, whole) for path in self._paths(route))
        ]  # fmt: skip

    def _paths(self, route: _Route) -> Iterator[tuple[list[str], bool] | None]:
        """The paths of a route by their parts, and whether something may stand before them; None
        for one that isn't known."""
        for prefix, is_whole in self._prefixes(route.router, _DEPTH):
            if prefix is None or route.path is None:
                yield None
            else:
                yield _parts(prefix + route.path), not is_whole

    def _prefixes(self, router: Variable | None, depth: int) -> Iterator[tuple[str | None, bool]]:
        """What stands before the paths of a router, and whether that is all of it."""
        if router is None or depth == 0:
            yield "", False
            return
        own, is_application = self._own_prefix(router)
        included = self._included.get(router, ())
        if is_application or not included:
            yield own, is_application
        for each in included:
            for before, is_whole in self._prefixes(each.by, depth - 1):
                known = not (before is None or each.prefix is None or own is None)
                yield (f"{before}{each.prefix}{own}" if known else None), is_whole

    def _own_prefix(self, router: Variable) -> tuple[str | None, bool]:
        """The prefix that a router is made with, and whether it is an application."""
        found = self.program.variable_expression(router)
        if found is None or found[1][found[2]][0] != f.CALL:
            return None, False
        body, operations, index = found
        keywords = dict(operations[index][7])
        layout = self.colors.uses.layout(body)
        given = keywords.get(_PREFIX, -1)
        prefix = _text(self.program, layout, given) if given >= 0 else ""
        callee = operations[operations[index][5]]
        name = callee[5] if callee[0] == f.NAME else callee[6] if callee[0] == f.ATTRIBUTE else ""
        return prefix, name == "FastAPI"

    @cached_property
    def _included(self) -> dict[Variable, list[_Included]]:
        found: dict[Variable, list[_Included]] = {}
        for function in self.program.mentioning_member(_INCLUDE):
            layout, operations = self.colors.uses.layout(function), function.body.operations
            for operation in operations:
                if not operation or operation[0] != f.CALL:
                    continue
                callee, keywords = operations[operation[5]], dict(operation[7])
                given = [*operation[6][:1], *(i for k, i in operation[7] if k == "router")]
                if callee[0] != f.ATTRIBUTE or callee[6] != _INCLUDE or min(given, default=-1) < 0:
                    continue
                router = self.program.resolve_expression(function, operations, given[0])
                by = self.program.resolve_expression(function, operations, callee[5])
                prefix = (
                    _text(self.program, layout, keywords[_PREFIX]) if _PREFIX in keywords else ""
                )
                if isinstance(router, Variable):
                    by = by if isinstance(by, Variable) else None
                    found.setdefault(router, []).append(_Included(by, prefix))
        return found

    @cached_property
    def _routes(self) -> list[_Route]:
        return [
            route for module in self.program.modules.values()
            if any(f"{item.module}.".startswith(words.ROUTING) for item in module.facts.imports)
            for function in module.functions
            if function.facts.kind == "def" and function.signature_is_decorated
            for route in self._decorating(function)
        ]  # fmt: skip

    def _decorating(self, function: Function) -> Iterator[_Route]:
        """``@router.get("/{name}")``"""
        signature, scope = function.signature, function.parent or function
        named = zip(signature.decorators, self.colors.bounds.decorators(function), strict=True)
        for index, decorator in named:
            verb = decorator.name.rpartition(".")[2]
            operation = signature.operations[index]
            if not decorator.name.startswith(words.ROUTING) or operation[0] != f.CALL:
                continue
            given = [*operation[6][:1], *(i for name, i in operation[7] if name == _PATH)]
            path = signature.operations[given[0]] if min(given, default=-1) >= 0 else ()
            text = path[5] if path and path[0] == f.CONSTANT else None
            base = signature.operations[operation[5]]
            router = (
                self.program.resolve_expression(scope, signature.operations, base[5])
                if base[0] == f.ATTRIBUTE else None
            )  # fmt: skip
            yield _Route(
                function, verb if verb in words.VERBS else "",
                router if isinstance(router, Variable) else None,
                text if isinstance(text, str) else None,
            )  # fmt: skip


def _may_answer(path: tuple[list[str], bool] | None, asked: list[str], whole: bool) -> bool:
    """May a route with a path be asked for by what is written of an address?"""
    if path is None:
        return True
    parts, is_behind = path
    starts = range(len(asked) + 1) if is_behind else (0,)
    return any(_fits(parts, asked[start:], whole) for start in starts)


def _fits(parts: list[str], asked: list[str], whole: bool) -> bool:
    if any(part.endswith(":path}") for part in parts):
        return True
    if len(asked) > len(parts) or (whole and len(asked) != len(parts)):
        return False
    return all(
        part.startswith("{") or part == text for part, text in zip(parts, asked, strict=False)
    )


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _address(program: Program, layout: Layout, index: int) -> tuple[list[str], bool]:
    """The parts of an address that are written out, and whether these are all."""
    text = _text(program, layout, index)
    whole = text is not None
    text = text or beginning(program, layout, index)
    text = text.partition("://")[2].partition("/")[2] if "://" in text else text
    path, asks, _ = text.partition("?")
    return _parts(path if whole or asks else path.rpartition("/")[0]), whole or bool(asks)


def _text(program: Program, layout: Layout, index: int) -> str | None:
    """A text that is written there, or that a name is given once."""
    operation = layout.operations[index]
    if operation[0] == f.NAME and operation[5] in layout.function.facts.bound:
        places = assignments(layout, operation[5])
        operation = layout.operations[places[0]] if len(places) == 1 else ()
    elif operation[0] in (f.NAME, f.ATTRIBUTE):
        symbol = program.resolve_expression(layout.function, layout.operations, index)
        made = program.variable_expression(symbol) if isinstance(symbol, Variable) else None
        operation = made[1][made[2]] if made is not None else ()
    is_text = operation and operation[0] == f.CONSTANT and isinstance(operation[5], str)
    return operation[5] if is_text else None
