"""Regions: from the statement that loads all rows to the one that cuts a page out of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from asyncify.pushdown.bounds import Arithmetic, Bounds, Lowest
from asyncify.pushdown.conditions import Helpers
from asyncify.pushdown.loads import Load
from asyncify.pushdown.paths import Joins, Names
from asyncify.pushdown.scope import Scope
from asyncify.pushdown.steps import Step, Steps
from asyncify.pushdown.syntax import (
    Block,
    Refused,
    called,
    expressions,
    names,
    single_target,
    wrapped,
)
from asyncify.pushdown.values import Values

_COMPOUND = (
    ast.If, ast.For, ast.While, ast.With, ast.Try, ast.AsyncFor, ast.AsyncWith, ast.FunctionDef,
    ast.AsyncFunctionDef, ast.ClassDef,
)  # fmt: skip


@dataclass
class Region:
    """What is pushed down. ``call`` is the expression in ``scope`` that gives the rows: the load
    itself, or the call of the function that it stands in.

    ``begin`` and ``end`` are its first and its last statement in ``block``; ``part`` the slice, or
    None where rows are only counted; ``counts`` the calls of ``len`` in and behind the end.
    """

    scope: Scope
    load: Load
    call: ast.expr
    block: Block
    begin: int
    joins: Joins
    values: Values
    helpers: Helpers
    steps: Steps
    done: list[Step] = field(default_factory=list)
    end: int = -1
    part: ast.Subscript | None = None
    counts: list[ast.Call] = field(default_factory=list)
    bounds: Bounds | None = None

    @property
    def is_across(self) -> bool:
        """Does another function load?"""
        return self.load.scope is not self.scope

    @property
    def site(self) -> ast.expr:
        """What a person is shown."""
        if self.part is not None:
            return self.part
        return self.counts[0] if self.counts else self.call

    @property
    def ends_in_total(self) -> bool:
        """Is the last statement the one that gives the number of rows a name?"""
        last = self.done[-1] if self.done else None
        return last is not None and last.kind == "total" and last.statement is self.block[self.end]

    @property
    def is_counted(self) -> bool:
        """Is the number of rows asked for by the program itself?"""
        return bool(self.counts or self.steps.total)

    def read(self, lowest: Lowest) -> None:
        """Translate the statements up to the page."""
        for statement in self.block[: self.begin]:
            for name, value in _pairs(statement):
                self.steps.conditions.note(name, value)
        first = self.block[self.begin]
        if self._find_end(first):
            self._finish(self.begin, lowest)
            return
        if isinstance(first, ast.For):
            self._begin_with_loop(first)
            self._go_on(self.begin + 2, lowest)
            return
        target = single_target(first)
        if target is None or self.steps.transforms(target[1]) is None:
            raise Refused("what is loaded isn't assigned to a name")
        self.steps.begin(target[0])
        self.done.append(Step(first, *self.steps.translated(first)))
        self._go_on(self.begin + 1, lowest)

    def _begin_with_loop(self, loop: ast.For) -> None:
        """The rows are looped over where they are loaded, and put into the list right before."""
        before = self.block[self.begin - 1] if self.begin else loop
        step = self.steps.step(before) if single_target(before) is not None else None
        if step is None or not self.steps.empties:
            raise Refused("what is loaded isn't assigned to a name")
        self.begin -= 1
        self.done += [step, self.steps.step(loop)]

    def _go_on(self, start: int, lowest: Lowest) -> None:
        """Translate statements until the page is cut."""
        for place in range(start, len(self.block)):
            if self._find_end(self.block[place]):
                self._finish(place, lowest)
                return
            self.done.append(self.steps.step(self.block[place]))
        if self.steps.total and not self.steps.sorts:
            self._finish_count()
            return
        raise Refused("no page is cut out of what is loaded")

    def _find_end(self, statement: ast.stmt) -> bool:
        """Is a page cut in a statement, or are the rows counted in a larger expression?"""
        if isinstance(statement, _COMPOUND):
            return self._find_in_header(statement)
        for node in ast.walk(statement):
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
                found = self.steps.transforms(node.value)
                if found is not None:
                    if self.part is not None:
                        raise Refused("two pages are cut out of the same rows")
                    self.part = node
        self.counts = list(self._counts([statement]))
        if self.part is None and self.counts:
            return self.steps.rows == "" or isinstance(statement, ast.Return)
        return self.part is not None

    def _find_in_header(self, statement: ast.stmt) -> bool:
        """Rows without a name may be counted, or cut, where a block begins."""
        if self.steps.rows:
            return False
        for node in expressions(statement):
            is_cut = isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice)
            if is_cut and self.steps.transforms(node.value) == []:  # type: ignore[attr-defined]
                self.part = node  # type: ignore[assignment]
            call = called(node, "len")
            if call is not None and call.args and self.steps.transforms(call.args[0]) == []:
                self.counts.append(call)
        return self.part is not None or bool(self.counts)

    def _counts(self, statements: list[ast.stmt]) -> Iterator[ast.Call]:
        for statement in statements:
            for node in ast.walk(statement):
                call = called(node, "len")
                if call is None or len(call.args) != 1:
                    continue
                if self.steps.transforms(call.args[0]) == []:
                    yield call

    def _check(self) -> None:
        """Refuse what can't be put in the place of something as text."""
        for statement in self.block[self.begin : self.end + 1]:
            if not self.scope.source.stands_alone(statement):
                raise Refused(f"line {statement.lineno} holds several statements")
        edited = [self.call, *self.counts, *([self.part] if self.part is not None else [])]
        for node in ast.walk(self.scope.definition):
            if isinstance(node, ast.JoinedStr):
                inner = {id(each) for each in ast.walk(node)}
                if any(id(each) in inner for each in edited):
                    raise Refused("the page is cut inside an f-string")

    def _check_keys(self) -> None:
        """A sort waits for the page, and is to mean then what it meant."""
        own = self.load.order_texts() if not self.is_across else []
        keys = [key for order in self.steps.sorts for key in order.keys]
        parameters = {p.arg for p in self.scope.parameters}
        for key in [*keys, *own]:
            for name in names(ast.parse(key)) & self.scope.locals:
                if self._times(name) > (name not in parameters):
                    raise Refused(f"`{name}` is assigned again before the page")

    def _finish(self, place: int, lowest: Lowest) -> None:
        self.end = place
        self._behind(place)
        if self.part is None:
            return
        for transform in self.steps.transforms(self.part.value) or []:
            lines = transform()
            self.done.append(Step(self.block[place], "sql", lines))
        part = self.part.slice
        assert isinstance(part, ast.Slice)
        if part.upper is None or part.step is not None:
            raise Refused("the page has no end" if part.upper is None else "the slice has a step")
        text = self.values.text
        for each in (part.lower, part.upper):
            if each is not None:
                self.values.python(each, Names({}))
        known = {n: v for n, v in self.steps.known.items() if self._is_stable(n, v)}
        self.bounds = Arithmetic(known, lowest, self._assigned_before()).bounds(part, text)

    def _is_stable(self, name: str, value: ast.expr) -> bool:
        """Does a name stand for the same expression wherever it is read?"""
        once = [n for n in (name, *names(value)) if self._times(n) > (n == name)]
        return not once and name not in {p.arg for p in self.scope.parameters}

    def _times(self, name: str) -> int:
        """How often a name is assigned, other than before the region."""
        first = self.block[self.begin].lineno
        return sum(
            isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)
            and node.lineno >= first
            for node in ast.walk(self.scope.definition)
        )  # fmt: skip

    def _assigned_before(self) -> dict[str, ast.expr]:
        """What names were assigned in any case before the region, and never again."""
        found: dict[str, ast.expr] = {}
        for statement in self.block[: self.begin]:
            found.update(_pairs(statement))
        every = [
            node.id for node in ast.walk(self.scope.definition)
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
        ]  # fmt: skip
        return {name: value for name, value in found.items() if every.count(name) == 1}

    def _behind(self, place: int) -> None:
        """What comes after the page may only ask how many rows there were."""
        statement, rest = self.block[place], self.block[place + 1 :]
        counts = list(self._counts([statement, *rest]))
        target = single_target(statement)
        again = target is not None and target[0] == self.steps.rows
        if again:
            counts = list(self._counts([statement]))
        self.counts = counts
        self._check()
        self._check_keys()
        allowed = {id(node) for call in counts for node in ast.walk(call)}
        if self.part is not None:
            allowed |= {id(node) for node in ast.walk(self.part.value)}
        touchy = ({self.steps.rows} | self.steps.stale) - {""}
        for each in [statement] if again else [statement, *rest]:
            for node in ast.walk(each):
                if not isinstance(node, ast.Name) or node.id not in touchy or id(node) in allowed:
                    continue
                if isinstance(node.ctx, ast.Load):
                    raise Refused(f"`{node.id}` is used in another way in line {node.lineno}")
        if self._is_used_elsewhere(touchy):
            raise Refused("the rows are used outside the block that cuts the page")

    def _is_used_elsewhere(self, touchy: set[str]) -> bool:
        """Are the rows read in a statement of another block?"""
        inside = sum(
            isinstance(node, ast.Name) and node.id in touchy
            for statement in self.block[self.begin :] for node in ast.walk(statement)
        )  # fmt: skip
        every = sum(
            isinstance(node, ast.Name) and node.id in touchy
            for node in ast.walk(self.scope.definition)
        )
        return every != inside

    def _finish_count(self) -> None:
        """Rows that are only counted: the end is where that is done."""
        place = next(n for n, step in enumerate(self.done) if step.kind == "total")
        self.end = self.begin + place
        if any(step.kind == "sql" for step in self.done[place + 1 :]):
            raise Refused("no page is cut out of what is loaded")
        del self.done[place + 1 :]
        self._behind(self.end)

    # -- the statement of a page

    def order_texts(self) -> list[str]:
        """The keys of the page's order that aren't in the statement yet, and at the end the
        primary key where nothing else tells all rows apart."""
        texts: list[str] = []
        for order in self.steps.ordered():
            texts += order.keys
            if order.unique:
                return texts
        if self.load.is_fixed:
            return texts
        if self.keeps_order:
            return []
        return _once([*texts, *self.load.order_texts(), *self._missing_keys()])

    @property
    def keeps_order(self) -> bool:
        """Does the statement's own order stay where it is?"""
        is_sorted = bool(self.steps.sorts) or self.steps.is_sorted
        if self.load.is_fixed and is_sorted:
            raise Refused("the statement's own order can't be put behind another")
        return self.load.is_fixed or (not is_sorted and not self._missing_keys())

    def _missing_keys(self) -> list[str]:
        """The columns of the primary key that the statement's own order hasn't."""
        entity = self.joins.entity
        keys = self.joins.columns.key(entity)
        if not keys:
            raise Refused(f"the primary key of `{entity.name}` isn't known")
        name = self.joins.speller.cls(entity)
        own = self.load.order_texts()
        has = {text.removesuffix(".desc()").removesuffix(".asc()") for text in own}
        return [f"{name}.{key}" for key in keys if f"{name}.{key}" not in has]

    def page_lines(self, query: str, total: str) -> list[str]:
        """The statements before the one that executes: the slice's ends, and the page."""
        bounds = self.bounds
        assert bounds is not None
        order = self.order_texts()
        lines: list[str] = []
        waiting = self.steps.waiting
        if bounds.counted:
            start, stop = self._ends()
            ends = f"slice({bounds.offset}, {bounds.limit}).indices({total})[:2]"
            lines = wrapped(f"{start}, {stop} = {ends}")
            cut = f".limit(max({stop} - {start}, 0)).offset({start})"
        else:
            cut = f".limit({bounds.limit})" + (f".offset({bounds.offset})" if bounds.offset else "")
        ordered = f".order_by({', '.join(order)})" if order else ""
        if len(f"{query} = {query}{ordered}{cut}") <= 80:
            return [*lines, *waiting, f"{query} = {query}{ordered}{cut}"]
        if ordered:
            lines += waiting
            lines += wrapped(f"{query} = {query}{ordered}")
        return [*lines, *wrapped(f"{query} = {query}{cut}")]

    def _ends(self) -> tuple[str, str]:
        """Names for the ends of the slice that no other has."""
        taken = self.scope.locals | self.load.scope.locals
        pairs = (("start", "stop"), ("first", "last"), ("page_start", "page_stop"))
        return next((pair for pair in pairs if not taken & set(pair)), ("_start", "_stop"))

    def count_lines(self, query: str, total: str, is_one: bool = False) -> list[str]:
        """``total = ...``, by one statement that counts; ``is_one``: on one line."""
        session = self.load.session
        if self.load.is_query:
            return [f"{total} = {query}.count()"]
        speller = self.joins.speller
        select, func = speller.sqlalchemy("select"), speller.sqlalchemy("func")
        is_ordered = self.load.is_fixed or (self.load.orders and self.keeps_order)
        inner = f"{query}.order_by(None)" if is_ordered else query
        counting = f"{select}({func}.count()).select_from({inner}.subquery())"
        line = f"{total} = {session}.execute({counting}).scalar_one()"
        if is_one or len(line) <= 80:
            return [line]
        return [
            *wrapped(f"counting = {counting}"),
            f"{total} = {session}.execute(counting).scalar_one()",
        ]


def _pairs(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """The names that a statement assigns, with their values."""
    single = single_target(statement)
    if single is not None:
        yield single
    elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, value = statement.targets[0], statement.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for name, each in zip(target.elts, value.elts, strict=False):
                if isinstance(name, ast.Name):
                    yield name.id, each


def _once(texts: list[str]) -> list[str]:
    """The keys of an order without those that come again: what they would part is parted."""
    found: dict[str, str] = {}
    for text in texts:
        found.setdefault(text.removesuffix(".desc()").removesuffix(".asc()"), text)
    return list(found.values())
