"""Steps: the statements between the loading of rows and the page that is cut out of them.

Each becomes the same step in SQL, or is Python that stays as it is. The first that is neither ends
it: then nothing is pushed down.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from asyncify.pushdown.conditions import Condition, Conditions, guards
from asyncify.pushdown.orders import Order, Orders
from asyncify.pushdown.paths import Names
from asyncify.pushdown.syntax import (
    Refused,
    called,
    indented,
    method_call,
    names,
    only_argument,
    single_target,
    unparsed,
    wrapped,
)
from asyncify.pushdown.values import Values, is_pure
from asyncify.vocabulary.caches import LOGGING

Transform = Callable[[], list[str]]


@dataclass
class Step:
    """One statement, and what it becomes. ``kind`` is ``sql``, ``total`` or ``python``."""

    statement: ast.stmt
    kind: str
    lines: list[str]
    assigns: frozenset[str] = frozenset()


@dataclass
class Steps:
    """Translates statements. ``rows`` is the name that holds the rows at the moment, ``whole`` the
    expression that loads them; ``query`` the name that the statement gets, ``where`` its method."""

    values: Values
    conditions: Conditions
    orders: Orders
    whole: ast.expr
    query: str
    where: str
    text: Callable[[ast.stmt], list[str]]
    comments: Callable[[ast.stmt], list[str]]
    rows: str = ""
    stale: set[str] = field(default_factory=set)
    sorts: list[Order] = field(default_factory=list)
    is_sorted: bool = False  # in a branch, so that no other sort may follow
    empties: dict[str, Step] = field(default_factory=dict)  # lists to be filled
    waiting: list[str] = field(default_factory=list)  # comments on sorts
    total: str = ""
    known: dict[str, ast.expr] = field(default_factory=dict)  # local names of Python

    def begin(self, name: str) -> None:
        self.rows = name

    # -- expressions of rows

    def transforms(self, node: ast.expr) -> list[Transform] | None:
        """What is done to the rows in an expression of them; None where it is another."""
        if node is self.whole or (isinstance(node, ast.Name) and node.id == self.rows != ""):
            return []
        if isinstance(node, ast.ListComp):
            return self._comprehension(node)
        for name, make in (("list", self._listed), ("sorted", self._sorted)):
            call = called(node, name)
            if call is not None and call.args:
                return make(call)
        return None

    def _listed(self, call: ast.Call) -> list[Transform] | None:
        inner = only_argument(call)
        if inner is None:
            return None
        chosen = called(inner, "filter")
        if chosen is None or len(chosen.args) != 2 or not isinstance(chosen.args[0], ast.Lambda):
            return self.transforms(inner)
        before = self.transforms(chosen.args[1])
        question = chosen.args[0]
        if before is None or len(question.args.args) != 1:
            return None
        row = Names({question.args.args[0].arg: ()})
        return [*before, lambda: self.filter([question.body], row)]

    def _sorted(self, call: ast.Call) -> list[Transform] | None:
        before = self.transforms(call.args[0]) if len(call.args) == 1 else None
        return None if before is None else [*before, lambda: self.sort(call)]

    def _comprehension(self, node: ast.ListComp) -> list[Transform] | None:
        if len(node.generators) != 1:
            return None
        generator = node.generators[0]
        target = generator.target
        same = isinstance(target, ast.Name) and isinstance(node.elt, ast.Name)
        if not same or node.elt.id != target.id or generator.is_async:  # type: ignore[attr-defined]
            return None
        before = self.transforms(generator.iter)
        if before is None:
            return None
        row = Names({target.id: ()})  # type: ignore[attr-defined]
        return [*before, lambda: self.filter(generator.ifs, row)]

    def filter(self, tests: list[ast.expr], row: Names) -> list[str]:
        self.values.guarded |= guards(tests, row)
        found = [c for test in tests for c in self.conditions.conditions(test, row)]
        plain = [c.text for c in found if not c.unless]
        out = []
        if plain:
            out += wrapped(f"{self.query} = {self.query}.{self.where}({', '.join(plain)})")
        for each in found:
            if each.unless:
                out += self._guarded(each)
        return out

    def _guarded(self, condition: Condition) -> list[str]:
        """A condition that only holds where Python says so."""
        unless = condition.unless
        test = unless.removeprefix("not ") if _is_negation(unless) else f"not ({unless})"
        if unless.endswith(" is None") and unless.removesuffix(" is None").isidentifier():
            test = f"{unless.removesuffix(' is None')} is not None"
        line = f"{self.query} = {self.query}.{self.where}({condition.text})"
        return [f"if {test}:", *indented(wrapped(line, 84), 4)]

    def sort(self, call: ast.Call) -> list[str]:
        """A sort waits for the page: the last one counts most."""
        if self.is_sorted:
            raise Refused("it is sorted again behind a sort that isn't always done")
        self.sorts.append(self.orders.order(call))
        return []

    # -- statements

    def step(self, statement: ast.stmt) -> Step:
        """What a statement becomes."""
        kind, lines = self.translated(statement)
        comments = self.comments(statement) if kind == "sql" else []
        if comments and not lines and kind == "sql":
            self.waiting += comments  # for the sort
            comments = []
        step = Step(statement, kind, [*comments, *lines])
        target = single_target(statement)
        if target is not None and isinstance(target[1], ast.List) and not target[1].elts:
            self.empties[target[0]] = step
        return step

    def translated(self, statement: ast.stmt) -> tuple[str, list[str]]:
        target = single_target(statement)
        if target is not None:
            return self._assignment(statement, *target)
        if isinstance(statement, ast.Expr):
            parts = method_call(statement.value)
            if parts is not None and parts[1] == "sort" and self._is_rows(parts[0]):
                return "sql", self.sort(parts[2])
        if isinstance(statement, ast.If) and self._concerns(statement):
            return "sql", self._branches(statement)
        if isinstance(statement, ast.For):
            transforms = self.transforms(statement.iter)
            chosen = _chosen(statement) if transforms is not None else None
            if chosen is not None and chosen[0] in self.empties:
                return "sql", self._filled(statement, transforms or [], *chosen)
        return "python", self._kept(statement)

    def _filled(
        self, loop: ast.For, transforms: list[Transform], name: str, tests: list[ast.expr]
    ) -> list[str]:
        """A loop that puts some of the rows into a list."""
        lines = [line for transform in transforms for line in transform()]
        empty = self.empties.pop(name)
        empty.kind, empty.lines = "sql", []
        row = Names({loop.target.id: ()})  # type: ignore[attr-defined]
        lines += self.filter(tests, row)
        self.stale |= {self.rows, *row.rows} - {""}
        self.rows = name
        return lines

    def _assignment(self, statement: ast.stmt, name: str, value: ast.expr) -> tuple[str, list[str]]:
        counted = called(value, "len")
        if counted is not None and len(counted.args) == 1 and self._is_rows(counted.args[0]):
            if self.total:
                raise Refused("the rows are counted twice")
            self.total = name
            return "total", []
        transforms = self.transforms(value)
        if transforms is not None:
            lines = [line for transform in transforms for line in transform()]
            if name != self.rows:
                self.stale |= {self.rows} - {""}
                self.rows = name
            return "sql", lines
        if isinstance(value, ast.Dict):
            text = self.orders.map(name, value)
            if text is not None:
                return "sql", wrapped(f"{name} = {text}")
        if self.orders.is_lookup(value):
            self.orders.chosen.add(name)
            return "sql", wrapped(f"{name} = {self.orders.lookup(value)}")
        kept = self._kept(statement)
        self.conditions.note(name, value)
        self.known[name] = value
        return "python", kept

    def _is_rows(self, node: ast.expr) -> bool:
        return self.transforms(node) == []

    def _concerns(self, statement: ast.stmt) -> bool:
        """Does a statement touch rows, or how they are sorted?"""
        return bool(names(statement) & self._touchy)

    @property
    def _touchy(self) -> set[str]:
        return ({self.rows} | self.stale | self.orders.maps | self.orders.chosen) - {""}

    def _kept(self, statement: ast.stmt) -> list[str]:
        touched = self._touched(statement)
        if touched:
            name = sorted(touched)[0]
            raise Refused(f"`{name}` is used in another way in line {statement.lineno}")
        if not _is_plain(statement):
            raise Refused(f"line {statement.lineno} may change what is loaded later")
        return self.text(statement)

    def _touched(self, node: ast.AST) -> set[str]:
        """The names of rows and keys in Python; whether a dict has a key is no matter of rows."""
        asked = {
            id(each) for compare in ast.walk(node) if isinstance(compare, ast.Compare)
            for each, operator in zip(compare.comparators, compare.ops, strict=True)
            if isinstance(operator, (ast.In, ast.NotIn))
            and isinstance(each, ast.Name) and each.id in self.orders.maps
        }  # fmt: skip
        touchy = self._touchy
        return {
            each.id for each in ast.walk(node)
            if isinstance(each, ast.Name) and each.id in touchy and id(each) not in asked
        }  # fmt: skip

    def _branches(self, statement: ast.If) -> list[str]:
        """``if`` and its branches: filters, and one sort each."""
        already = self.is_sorted
        lines = [f"if {self._test(statement.test)}:", *self._branch(statement.body)]
        is_sorted, self.is_sorted = self.is_sorted, already
        rest = statement.orelse
        if len(rest) == 1 and isinstance(rest[0], ast.If):
            inner = self._branches(rest[0])
            lines += [f"el{inner[0]}", *inner[1:]]
        elif rest:
            lines += ["else:", *self._branch(rest)]
        self.is_sorted |= is_sorted
        return lines

    def _test(self, node: ast.expr) -> str:
        """A test of Python; a key that was chosen is asked whether it is there."""
        if isinstance(node, ast.Name) and node.id in self.orders.chosen:
            return f"{node.id} is not None"
        chosen = self.orders.chosen & names(node)
        if chosen and unparsed(node) in {f"{name} is not None" for name in chosen}:
            return unparsed(node)
        if self._touched(node) or not is_pure(node):
            raise Refused(f"`{unparsed(node)}` isn't plain Python")
        return self.values.text(node)

    def _branch(self, block: list[ast.stmt]) -> list[str]:
        """The statements of a branch; what it sorts by stands there."""
        rows, before, guarded = self.rows, len(self.sorts), set(self.values.guarded)
        lines: list[str] = []
        for statement in block:
            kind, new = self.translated(statement)
            lines += self.comments(statement) if kind == "sql" else []
            if kind == "total":
                raise Refused("the rows are counted in a branch")
            lines += new
        self.values.guarded = guarded
        if self.rows != rows:
            raise Refused(f"`{self.rows}` holds the rows only in a branch")
        own, self.sorts = self.sorts[before:], self.sorts[:before]
        if own:
            self.is_sorted = True
            keys = [key for order in reversed(own) for key in order.keys]
            lines += wrapped(f"{self.query} = {self.query}.order_by({', '.join(keys)})", 84)
        return indented(lines or ["pass"], 4)

    def ordered(self) -> Iterator[Order]:
        """The sorts that are always done, the one that counts most first."""
        yield from reversed(self.sorts)


def _is_negation(text: str) -> bool:
    node = ast.parse(text, mode="eval").body
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _chosen(loop: ast.For) -> tuple[str, list[ast.expr]] | None:
    """The list that a loop puts its items into, and what it asks of them first."""
    if not isinstance(loop.target, ast.Name) or loop.orelse:
        return None
    tests: list[ast.expr] = []
    block = loop.body
    while block:
        first, *rest = block
        if isinstance(first, ast.If) and not first.orelse:
            is_left_out = len(first.body) == 1 and isinstance(first.body[0], ast.Continue)
            if not is_left_out and rest:
                return None
            tests.append(ast.UnaryOp(ast.Not(), first.test) if is_left_out else first.test)
            block = rest if is_left_out else first.body
            continue
        call = method_call(first.value) if isinstance(first, ast.Expr) and not rest else None
        if call is None or call[1] != "append" or not isinstance(call[0], ast.Name):
            return None
        item = only_argument(call[2])
        is_item = isinstance(item, ast.Name) and item.id == loop.target.id
        return (call[0].id, tests) if is_item else None
    return None


def _is_plain(statement: ast.stmt) -> bool:
    """Does a statement between the rows and the page leave everything as it is? The page is asked
    for behind it, and the rows were loaded before it."""
    if isinstance(statement, (ast.Raise, ast.Pass)):
        return True
    if isinstance(statement, ast.If):
        blocks = [*statement.body, *statement.orelse]
        return is_pure(statement.test) and all(_is_plain(each) for each in blocks)
    if isinstance(statement, ast.Expr):
        call = method_call(statement.value)
        is_told = call is not None and call[1] in LOGGING and all(map(is_pure, call[2].args))
        return is_told or isinstance(statement.value, ast.Constant)
    if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        plain = all(isinstance(each, (ast.Name, ast.Tuple)) for each in targets)
        return plain and (statement.value is None or is_pure(statement.value))
    return False
