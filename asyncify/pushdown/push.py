"""Push: all push-downs of a program, as new texts of its files and findings about them."""

from __future__ import annotations

import ast
import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from asyncify.analysis.coloring import Coloring
from asyncify.analysis.colors import Colors
from asyncify.analysis.models import Models
from asyncify.analysis.program import Function, Module
from asyncify.findings import Finding
from asyncify.pushdown.across import AcrossWriter
from asyncify.pushdown.bounds import Lowest
from asyncify.pushdown.callers import Callers
from asyncify.pushdown.columns import Columns
from asyncify.pushdown.conditions import Conditions, Helpers
from asyncify.pushdown.loads import Load, Loads
from asyncify.pushdown.orders import Orders
from asyncify.pushdown.paths import Joins
from asyncify.pushdown.region import Region
from asyncify.pushdown.scope import Scope, scope_of
from asyncify.pushdown.spelling import (
    Speller,
    add_imports,
    mentions,
    without_function,
    without_unused_imports,
)
from asyncify.pushdown.steps import Steps
from asyncify.pushdown.syntax import (
    Block,
    Definition,
    Edit,
    Refused,
    Source,
    all_blocks,
    apply,
    expressions,
    single_target,
)
from asyncify.pushdown.values import Values
from asyncify.pushdown.writing import Writer
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.vocabulary.loading import LISTS
from asyncify.vocabulary.testing import is_test_path

_MENTIONED = (*sorted(LISTS), "scalars")
_DONE = "The database cuts it: `limit`, `offset`, and a `count` where that is shown."
_ADVICE = "See whether the difference matters; until then leave this page as it is."


@dataclass(frozen=True, slots=True)
class Place:
    """An expression that gives all rows: its statement is ``block[index]``."""

    block: Block
    index: int
    node: ast.expr


@dataclass
class Result:
    """New texts by path, for each of their lines the old one's number, findings, and the reasons
    for what was left alone: path, first and last line of a function, sentence."""

    texts: dict[str, str] = field(default_factory=dict)
    lines: dict[str, list[int]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    refused: list[tuple[str, int, int, str]] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)  # in which something was pushed down

    def reason(self, site: Site) -> str:
        """Why a page at a place was left alone."""
        for path, first, last, reason in self.refused:
            if path == site.path and first <= site.line <= last:
                return reason
        return ""


class PushDown:
    """Finds what can be pushed down in the functions that turn."""

    def __init__(
        self, colors: Colors, coloring: Coloring, text: Callable[[str], str | None],
        dialects: frozenset[str], ignored: frozenset[tuple[str, int]] = frozenset(),
    ) -> None:  # fmt: skip
        self.ignored = ignored  # lines whose pages are to stay
        self.colors = colors
        self.coloring = coloring
        self.program = colors.inference.program
        self.text = text
        self.dialects = dialects
        self.unflushed = False  # some sessions don't tell the database before it is asked
        self._sources: dict[Module, Source | None] = {}
        self.columns = Columns(Models(self.program))
        self.loads = Loads(self.source, self.columns)
        self.callers = Callers(colors, self.scope)
        self.spellers: dict[Module, Speller] = {}
        self.edits: dict[Module, list[Edit]] = {}
        self.taken: set[str] = set()
        self.helpers: dict[Function, None] = {}
        self.result = Result()

    def source(self, module: Module) -> Source | None:
        """A file that may be edited, as text."""
        if module not in self._sources:
            text = self.text(module.path)
            try:
                self._sources[module] = Source(module.path, text) if text is not None else None
            except (SyntaxError, ValueError, RecursionError):
                self._sources[module] = None
        return self._sources[module]

    def scope(self, function: Function) -> Scope | None:
        return scope_of(self.colors, function, self.source)

    def speller(self, module: Module) -> Speller:
        if module not in self.spellers:
            self.spellers[module] = Speller(self.program, module)
        return self.spellers[module]

    def make(self) -> Result:
        mentioning = {fn for name in _MENTIONED for fn in self.program.mentioning_member(name)}
        turning = [fn for fn in mentioning & self.coloring.turned if not fn.facts.is_async]
        for function in sorted(turning, key=lambda fn: (fn.module.path, fn.index)):
            scope = None if is_test_path(function.module.path) else self.scope(function)
            for place, load in self._loads(scope) if scope is not None else ():
                self._consider(scope, place, load)  # type: ignore[arg-type]
        self._write()
        return self.result

    def _loads(self, scope: Scope) -> Iterator[tuple[Place, Load | Refused]]:
        seen: set[int] = set()
        for place in _places(scope.definition):
            if id(place.node) in seen or not isinstance(place.node, ast.Call):
                continue
            try:
                load = self.loads.load(place.node, scope)
            except Refused as refused:
                seen |= {id(node) for node in ast.walk(place.node)}
                yield place, refused
            else:
                if load is not None:
                    seen |= {id(node) for node in ast.walk(place.node)}
                    yield place, load

    def _consider(self, scope: Scope, place: Place, load: Load | Refused) -> None:
        """Push down a page of the function that loads, or those of who calls it."""
        if isinstance(load, Refused):
            self._refuse(scope, str(load))
            for caller in self._calling(scope):
                self._refuse(caller[0], str(load))
            return
        if not _is_returned(place):
            self._push(scope, place, load)
            return
        for inner, call in self._calling(scope):
            self._push(inner, call, load)

    def _calling(self, scope: Scope) -> list[tuple[Scope, Place]]:
        """Where the function that loads is called, in functions that turn."""
        function = scope.function
        if len(self.colors.family(function)) > 1 or self.callers.may_be_replaced(function):
            return []
        found = []
        for caller in self.callers.of(function):
            inner = self.scope(caller) if caller in self.coloring.turned else None
            if inner is None or caller.facts.is_async or is_test_path(caller.module.path):
                continue
            found += [
                (inner, place) for place in _places(inner.definition)
                if isinstance(place.node, ast.Call) and inner.callee(place.node) is function
            ]  # fmt: skip
        return found

    def _refuse(self, scope: Scope, reason: str) -> None:
        definition = scope.definition
        self.result.refused.append(
            (scope.source.path, definition.lineno, definition.end_lineno or 0, reason)
        )

    def _push(self, scope: Scope, place: Place, load: Load) -> None:
        speller = self.speller(load.scope.function.module)
        imports = {module: dict(each.imports) for module, each in self.spellers.items()}
        try:
            region = self._region(scope, place, load, speller)
            self._see_to_flushes(scope)
            region.read(self._lowest(scope))
            self._heed(region)
            kind = AcrossWriter if region.is_across else Writer
            pushed = kind(region, self.spellers, self.taken).write()
            if any(
                self._overlaps(module, edit)
                for module, all_ in pushed.edits.items()
                for edit in all_
            ):
                raise Refused("another page is cut out of it")
        except (Refused, RecursionError) as refused:
            for module, each in self.spellers.items():
                each.imports = imports.get(module, {})
            self._refuse(scope, str(refused))
            return
        for module, edits in pushed.edits.items():
            self.edits.setdefault(module, []).extend(edits)
        self.helpers.update(region.helpers.used)
        self.result.functions |= {scope.function.qualname, load.scope.function.qualname}
        self._report(region)

    def _see_to_flushes(self, scope: Scope) -> None:
        """What Python assigned, Python saw in the rows, whether or not the database knows it."""
        facts = scope.function.facts
        if self.unflushed and (facts.stores or "setattr" in facts.names):
            raise Refused("what is assigned there may not be in the database yet (autoflush=False)")

    def _heed(self, region: Region) -> None:
        """A comment may ask for a page to stay."""
        last = region.block[region.end]
        for line in range(last.lineno, (last.end_lineno or 0) + 1):
            if (region.scope.source.path, line) in self.ignored:
                raise Refused("a comment asks for it")

    def _overlaps(self, module: Module, edit: Edit) -> bool:
        start, end, _ = edit
        return any(
            start < stop and first < end
            for first, stop, _ in self.edits.get(module, ())
            if first != stop and start != end
        )

    def _region(self, scope: Scope, place: Place, load: Load, speller: Speller) -> Region:
        assert load.entity is not None
        if scope is not load.scope:
            self.speller(scope.function.module)
        joins = Joins(load.entity, self.columns, speller, dict(load.given))
        values = Values(scope.function, joins, scope.source.segment)
        helpers = Helpers(lambda call: self._helper(scope, call), speller)
        conditions = Conditions(values, scope.definition, self.dialects, helpers)
        orders = Orders(values)
        whole = place.node
        steps = Steps(
            values, conditions, orders, whole, self._query_name(scope, load),
            "filter" if load.is_query else "where", scope.source.text_of, scope.source.comments,
        )  # fmt: skip
        return Region(scope, load, whole, place.block, place.index, joins, values, helpers, steps)

    def _helper(self, scope: Scope, call: ast.Call) -> tuple[Function, Definition] | None:
        function = scope.callee(call)
        inner = self.scope(function) if function is not None else None
        return (inner.function, inner.definition) if inner is not None else None

    def _query_name(self, scope: Scope, load: Load) -> str:
        if isinstance(load.statement, ast.Name):
            return load.statement.id
        root: ast.expr = load.statement
        while isinstance(root, ast.Call) and isinstance(root.func, ast.Attribute):
            root = root.func.value
        if scope is not load.scope and isinstance(root, ast.Name) and root.id in load.built:
            return root.id
        name = "query" if load.is_query else "stmt"
        taken = scope.locals | load.scope.locals
        while name in taken:
            name += "_"
        return name

    def _lowest(self, scope: Scope) -> Lowest:
        return lambda name: self.callers.lowest(scope, name)

    def _report(self, region: Region) -> None:
        node = region.site
        site = Site(region.scope.source.path, node.lineno, node.col_offset + 1)
        name = region.scope.function.facts.qualname
        what = "cuts a page out of them" if region.part is not None else "counts them"
        reason = f"`{name}` loads all rows and {what} in Python."
        found = finding("ASY801", site, reason, _DONE)
        self.result.findings.append(
            Finding(found.site, found.code, found.severity, reason, _DONE, fixed=True)
        )
        if region.values.corners:
            corners = "; ".join(region.values.corners)
            reason = f"`{name}` leaves a page to the database, which isn't quite Python: {corners}."
            self.result.findings.append(finding("ASY802", site, reason, _ADVICE))

    # -- the new texts

    def _write(self) -> None:
        texts: dict[Module, str] = {}
        for module, edits in self.edits.items():
            source = self.source(module)
            assert source is not None
            texts[module] = apply(source.text, edits)
        for function in self.helpers:
            if self._is_needless(function, texts):
                text = texts.get(function.module, self._text(function.module))
                texts[function.module] = without_function(text, function.name)
        for module, text in texts.items():
            before = self._text(module)
            text = add_imports(text, self.speller(module).imports)
            text = without_unused_imports(before, text)
            self.result.texts[module.path] = text
            self.result.lines[module.path] = _old_lines(before, text)

    def _text(self, module: Module) -> str:
        source = self.source(module)
        return source.text if source is not None else ""

    def _is_needless(self, function: Function, texts: dict[Module, str]) -> bool:
        """Is it a private function that only what is now SQL had called?"""
        name = function.name
        if not name.startswith("_") or function.parent is not function.module.functions[0]:
            return False
        for module in {fn.module for fn in self.program.mentioning(name)} | {function.module}:
            text = texts.get(module, self._text(module))
            if not text or mentions(text, name):
                return False
        return True


def _old_lines(before: str, after: str) -> list[int]:
    """For each line of the new text the number of the old one that it stands for."""
    import difflib

    old, new = before.split("\n"), after.split("\n")
    found = [0] * len(new)
    for first, start, size in difflib.SequenceMatcher(None, old, new, False).get_matching_blocks():
        for place in range(size):
            found[start + place] = first + place + 1
    known = [place for place, number in enumerate(found) if number]
    for place, number in enumerate(found):
        if not number:
            at = bisect.bisect(known, place)
            found[place] = found[known[at]] if at < len(known) else len(old)
    return found


def _places(definition: Definition) -> Iterator[Place]:
    """All expressions of a function with their statements, outer ones first."""
    for block in all_blocks(definition.body):
        for index, statement in enumerate(block):
            for node in expressions(statement):
                yield Place(block, index, node)


def _is_returned(place: Place) -> bool:
    """Are the rows what the function gives?"""
    statement = place.block[place.index]
    if isinstance(statement, ast.Return):
        return statement.value is place.node
    target = single_target(statement)
    if target is None or target[1] is not place.node or place.index != len(place.block) - 2:
        return False
    last = place.block[-1]
    return (
        isinstance(last, ast.Return)
        and isinstance(last.value, ast.Name)
        and last.value.id == target[0]
    )
