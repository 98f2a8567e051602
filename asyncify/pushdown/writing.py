"""Writing: the text of what is pushed down, where it was and beside the function that loads."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from asyncify.analysis.program import Module
from asyncify.pushdown.region import Region
from asyncify.pushdown.spelling import Speller
from asyncify.pushdown.steps import Step
from asyncify.pushdown.syntax import (
    Edit,
    Refused,
    dedented,
    indented,
    one_line,
    wrapped,
)

_INLINE = 88


@dataclass
class Pushed:
    """The edits of one push-down, by module."""

    edits: dict[Module, list[Edit]] = field(default_factory=dict)

    def add(self, module: Module, edit: Edit) -> None:
        self.edits.setdefault(module, []).append(edit)


class Writer:
    """Writes one region. ``far`` is the function that loads, ``near`` the one that cuts."""

    def __init__(self, region: Region, spellers: dict[Module, Speller], taken: set[str]) -> None:
        self.region = region
        self.near = region.scope
        self.far = region.load.scope
        self.load = region.load
        self.source = self.far.source
        self.query = region.steps.query
        self.spellers = spellers
        self.speller = region.joins.speller
        self.taken = taken  # names that the modules' new functions have
        self.pushed = Pushed()

    def write(self) -> Pushed:
        if self._is_inline():
            self.inline()
        else:
            self.within()
        return self.pushed

    # -- pieces

    def statement_text(self) -> str:
        """The statement without its own order where that moves behind another, and with the joins
        that the page needs."""
        edits = [] if self.region.keeps_order else self._order_edits()
        text = self.source.edited(self.load.statement, edits)
        text = one_line(text) if "\n" in text else text
        return text + "".join(self.region.joins.wanted.values())

    def _order_edits(self) -> list[Edit]:
        return [(*self.source.link_span(call), "") for call in self.load.orders]

    def begin(self) -> list[str]:
        """The statement under a name."""
        joins = "".join(self.region.joins.wanted.values())
        if isinstance(self.load.statement, ast.Name):
            if not joins or self._joins_before():
                return []
            return wrapped(f"{self.query} = {self.query}{joins}")
        return wrapped(f"{self.query} = {self.statement_text()}")

    def _joins_before(self) -> bool:
        """Do the joins take the place of the order that moves away?"""
        return len(self.load.orders) == 1 and not self.region.keeps_order

    def order_edits(self) -> list[Edit]:
        """Edits of earlier statements, where the order that moves stands in one."""
        if not isinstance(self.load.statement, ast.Name) or self.region.keeps_order:
            return []
        joins = "".join(self.region.joins.wanted.values())
        return [
            (start, end, joins if place == 0 and self._joins_before() else "")
            for place, (start, end, _) in enumerate(self._order_edits())
        ]

    def terminal(self, text: str) -> str:
        """The expression that executes, with another statement in it."""
        edit = (*self.source.span(self.load.statement), text)
        whole = self.source.edited(self.load.whole, [edit])
        return one_line(whole) if "\n" in whole else whole

    def result_lines(self) -> list[str]:
        """``result = session.execute(statement)``, where the result has a name."""
        extra = self.load.extra
        if extra is None:
            return []
        text = self.source.edited(extra, [(*self.source.span(self.load.statement), self.query)])
        return wrapped(one_line(text) if "\n" in text else text)

    def body(self, steps: list[Step], total: str) -> list[str]:
        """The statements from the beginning to the page; ``total`` is '' where nothing counts."""
        region = self.region
        lines = self.begin()
        counted = ""
        if len(lines) == 1 and steps and len(steps[0].lines) == 1:
            link = steps[0].lines[0].removeprefix(f"{self.query} = {self.query}.")
            if link != steps[0].lines[0] and len(f"{lines[0]}.{link}") <= _INLINE:
                lines = [f"{lines[0]}.{link}"]
                steps = steps[1:]
        for step in steps:
            if step.kind == "total":
                counted = total
                lines += region.count_lines(self.query, total)
            else:
                lines += step.lines
        if total and not counted:
            lines += region.count_lines(self.query, total)
        if region.part is not None:
            lines += region.page_lines(self.query, total)
        return lines

    def total_name(self) -> str:
        """The name of the number of rows, '' where nobody asks for it."""
        region = self.region
        if region.steps.total:
            return region.steps.total
        needed = region.is_counted or (region.bounds is not None and region.bounds.counted)
        return unused("total", self.near.locals | self.far.locals) if needed else ""

    # -- in one function

    def _is_inline(self) -> bool:
        """Is there nothing but the page of a load, or its count?"""
        region = self.region
        if any(step.kind == "sql" and step.lines for step in region.done) or region.steps.rows:
            return False
        if region.steps.sorts or region.joins.wanted or self.load.extra is not None:
            return False
        return region.bounds is None or not region.bounds.counted

    def inline(self) -> None:
        """``query.all()[:10]`` becomes ``query.limit(10).all()``."""
        region = self.region
        text = self.statement_text()
        if region.part is not None:
            order = region.order_texts()
            text += f".order_by({', '.join(order)})" if order else ""
            bounds = region.bounds
            assert bounds is not None
            text += f".limit({bounds.limit})"
            text += f".offset({bounds.offset})" if bounds.offset else ""
            self.pushed.add(
                self.near.function.module, (*self.source.span(region.part), self.terminal(text))
            )
            return
        line = region.count_lines(text, "total", True)[-1]
        for call in region.counts:
            edit = (*self.source.span(call), line.removeprefix("total = "))
            self.pushed.add(self.near.function.module, edit)

    def within(self) -> None:
        """The function loads and cuts: its statements are replaced where they stand."""
        region, module = self.region, self.near.function.module
        first, last = region.block[region.begin], region.block[region.end]
        if not isinstance(last, (ast.Return, ast.Assign, ast.AnnAssign, ast.Expr)):
            raise Refused("the page is cut where no statement can be put before")
        total = self.total_name()
        lines = self.body(region.done, total)
        if region.part is not None:
            lines += self.result_lines()
            page = [(*self.source.span(region.part), self.terminal(self.query))]
            lines += self.comments(last) if last is not first else []
            lines += self._replaced(last, page, total)
        elif not region.ends_in_total:
            lines += self._replaced(last, [], total)
        begin = self.source.first_line(self._first(first))
        if first is not last or begin != first.lineno - 1:
            lines = [*self.comments(self._first(first)), *lines]
        self._replace_lines(begin, last, first.col_offset, lines)
        for edit in self.order_edits():
            self.pushed.add(module, edit)
        self._later_counts(last, total)

    def comments(self, statement: ast.stmt) -> list[str]:
        return self.near.source.comments(statement)

    def _first(self, first: ast.stmt) -> ast.stmt:
        """The first statement that goes: where the result has a name, the one before."""
        extra = self.load.extra
        if extra is None:
            return first
        place = self.region.begin - 1
        if place < 0 or self.region.block[place] is not extra:
            raise Refused("its result is asked for further up")
        return extra

    def _replaced(self, statement: ast.stmt, page: list[Edit], total: str) -> list[str]:
        """The statement that cuts the page, with what it gets now."""
        source = self.near.source
        inside = [call for call in self.region.counts if holds(statement, call)]
        edits = [*page, *((*source.span(call), total) for call in inside)]
        first, *more = source.edited(statement, edits).split("\n")
        return [first, *dedented(more, statement.col_offset)] if more else wrapped(first)

    def _later_counts(self, last: ast.stmt, total: str) -> None:
        for call in self.region.counts:
            if not holds(last, call):
                edit = (*self.near.source.span(call), total)
                self.pushed.add(self.near.function.module, edit)

    def _replace_lines(self, begin: int, last: ast.stmt, columns: int, lines: list[str]) -> None:
        source = self.near.source
        start, end = source.lines_span(begin, last.end_lineno or 0)
        text = "".join(f"{line}\n" for line in indented(lines, columns))
        self.pushed.add(self.near.function.module, (start, end, text))


def holds(top: ast.AST, node: ast.AST) -> bool:
    return any(each is node for each in ast.walk(top))


def unused(name: str, taken: set[str]) -> str:
    found, number = name, 2
    while found in taken:
        found, number = f"{name}_{number}", number + 1
    return found
