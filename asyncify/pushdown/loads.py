"""Loads: expressions that give a list of all rows of one entity, and the statement behind them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from asyncify.analysis.program import Class, Function
from asyncify.pushdown.columns import Columns
from asyncify.pushdown.paths import Path
from asyncify.pushdown.scope import Scope, Sources, scope_of
from asyncify.pushdown.syntax import (
    Refused,
    all_blocks,
    called,
    method_call,
    names,
    only_argument,
    single_target,
    unparsed,
)
from asyncify.vocabulary.push_down import FILTERING, JOINING, KEEPING, ORDERING

_STARTS = {"sqlalchemy.select", "sqlalchemy.future.select", "sqlmodel.select"}


@dataclass
class Load:
    """A list of all rows: ``whole`` is the expression, ``statement`` what is executed in it.

    ``session`` is the text of what executes a select, '' for a Query. ``extra`` is the statement
    that holds the result, where that has a name of its own.
    """

    scope: Scope
    whole: ast.expr
    statement: ast.expr
    session: str = ""
    extra: ast.stmt | None = None
    entity: Class | None = None
    given: dict[Path, Class] = field(default_factory=dict)  # joined already
    orders: list[ast.Call] = field(default_factory=list)  # the calls of order_by
    built: set[str] = field(default_factory=set)  # local names of the statement
    is_fixed: bool = False  # an order stands where it can't be taken out

    @property
    def is_query(self) -> bool:
        return not self.session

    def order_texts(self) -> list[str]:
        """The keys of the statement's own order."""
        return [self.scope.source.segment(arg) for call in self.orders for arg in call.args]


class Loads:
    """Finds loads in functions."""

    def __init__(self, sources: Sources, columns: Columns) -> None:
        self.sources = sources
        self.columns = columns

    def load(self, node: ast.expr, scope: Scope) -> Load | None:
        """The load that an expression is. Raises ``Refused`` where the statement isn't plain."""
        found = _executed(node, scope)
        if found is not None:
            _Statement(self, found).read()
        return found

    def scope(self, function: Function, like: Scope) -> Scope | None:
        return scope_of(like.colors, function, self.sources)


def _executed(node: ast.expr, scope: Scope) -> Load | None:
    """``session.execute(statement).scalars().all()`` and its like, or ``query.all()``."""
    inner: ast.expr = node
    wrapper = called(inner, "list")
    if wrapper is not None:
        argument = only_argument(wrapper)
        if argument is None:
            return None
        inner = argument
    parts = method_call(inner)
    extra: ast.stmt | None = None
    if parts is not None and parts[1] == "all" and not parts[2].args:
        if scope.does_io(parts[2]):
            return Load(scope, node, parts[0])
        inner = parts[0]
    elif wrapper is None:
        return None
    has_scalars = False
    while True:
        if isinstance(inner, ast.Name) and extra is None:
            found = _result(inner, scope)
            if found is None:
                return None
            extra, inner = found
            continue
        parts = method_call(inner)
        if parts is None:
            return None
        receiver, name, call = parts
        if name in ("scalars", "execute") and scope.does_io(call):
            statement = only_argument(call)
            if statement is None or (name == "execute" and not has_scalars):
                return None
            return Load(scope, node, statement, scope.source.segment(receiver), extra)
        if name not in ("scalars", "unique") or call.args:
            return None
        has_scalars |= name == "scalars"
        inner = receiver


def _result(name: ast.Name, scope: Scope) -> tuple[ast.stmt, ast.expr] | None:
    """The one assignment of a result that is read once."""
    found = []
    for block in all_blocks(scope.definition.body):
        for statement in block:
            target = single_target(statement)
            if target is not None and target[0] == name.id:
                found.append((statement, target[1]))
    reads = [
        each for each in ast.walk(scope.definition)
        if isinstance(each, ast.Name) and each.id == name.id
    ]  # fmt: skip
    return found[0] if len(found) == 1 and len(reads) == 2 else None


class _Statement:
    """Reads what is done to the statement of a load."""

    def __init__(self, loads: Loads, load: Load) -> None:
        self.loads = loads
        self.load = load
        self.joins: list[tuple[ast.Call, Scope]] = []
        self.seen: set[tuple[Function, str]] = set()
        self.named: set[Class] = set()  # in conditions

    def read(self) -> None:
        self.expression(self.load.statement, self.load.scope, True)
        entity = self.load.entity
        if entity is None:
            raise Refused("which class is loaded isn't known")
        for call, scope in reversed(self.joins):
            self.join(call, scope)
        known = {entity, *entity.ancestors, *self.load.given.values()}
        if self.named - known:
            name = min(cls.name for cls in self.named - known)
            raise Refused(f"its conditions name `{name}`, which it doesn't join")

    def expression(self, node: ast.expr, scope: Scope, is_own: bool) -> None:
        """Go down a chain of methods to where the statement begins. ``is_own``: it stands in the
        function that loads."""
        while True:
            if isinstance(node, ast.Name) and node.id in scope.locals:
                self.variable(node.id, scope, is_own)
                return
            parts = method_call(node)
            if self.starts(node, scope):
                return
            if parts is None:
                self.helper(node, scope)
                return
            receiver, name, call = parts
            if self.is_helper(call, scope):
                self.helper(node, scope)
                return
            self.method(name, call, scope, is_own)
            node = receiver

    def method(self, name: str, call: ast.Call, scope: Scope, is_own: bool) -> None:
        if name in JOINING:
            self.joins.append((call, scope))
        elif name == ORDERING:
            if any(isinstance(arg, (ast.Starred, ast.Constant)) for arg in call.args):
                raise Refused("its order isn't plain")
            if is_own and call.args:
                self.load.orders.insert(0, call)
            else:
                self.load.is_fixed = True
        elif name not in KEEPING:
            raise Refused(f"the statement behind it has `{name}`")
        elif name in FILTERING:
            for condition in call.args:
                self.condition(condition, scope)

    def condition(self, node: ast.expr, scope: Scope) -> None:
        """Note the classes that a condition names: a join that the page needs would change what it
        means where the statement doesn't join them."""
        if isinstance(node, ast.Name) and node.id in scope.locals:
            values = list(_assignments(node.id, scope))
            if not values:
                raise Refused(f"what `{node.id}` asks isn't known here")
            for value, _ in values:
                if not isinstance(value, ast.Name):
                    self.condition(value, scope)
            return
        if isinstance(node, ast.Starred) or (
            isinstance(node, ast.Call) and scope.callee(node) is not None
        ):
            raise Refused(f"what `{unparsed(node)}` asks isn't known here")
        for each in ast.walk(node):
            symbol = scope.symbol(each) if isinstance(each, (ast.Name, ast.Attribute)) else None
            if isinstance(symbol, Class) and self.loads.columns.models.is_mapped(symbol):
                self.named.add(symbol)

    def starts(self, node: ast.expr, scope: Scope) -> bool:
        """Does a statement begin here, and of which class?"""
        if isinstance(node, ast.Attribute) and node.attr == "query":
            self.select([node.value], scope)
            return True
        if not isinstance(node, ast.Call):
            return False
        is_query = isinstance(node.func, ast.Attribute) and node.func.attr == "query"
        if scope.symbol(node.func) in _STARTS or (is_query and self.load.is_query):
            self.select(node.args, scope)
            return True
        return False

    def select(self, selected: list[ast.expr], scope: Scope) -> None:
        symbol = scope.symbol(selected[0]) if len(selected) == 1 else None
        if not isinstance(symbol, Class) or not self.loads.columns.models.is_mapped(symbol):
            raise Refused("what is loaded isn't known to be one mapped class")
        if self.load.entity not in (None, symbol):
            raise Refused("it loads one class or another")
        self.load.entity = symbol

    def variable(self, name: str, scope: Scope, is_own: bool) -> None:
        """All that a variable is assigned, of which the first begins the statement."""
        if (scope.function, name) in self.seen:
            return
        self.seen.add((scope.function, name))
        if is_own:
            self.load.built.add(name)
        values = list(_assignments(name, scope))
        if not values:
            raise Refused(f"what `{name}` selects isn't known here")
        for value, is_outer in values:
            before = len(self.load.orders)
            self.expression(value, scope, is_own)
            if len(self.load.orders) > before and not is_outer:
                self.load.is_fixed = True

    def is_helper(self, call: ast.Call, scope: Scope) -> bool:
        return scope.callee(call) is not None

    def helper(self, node: ast.expr, scope: Scope) -> None:
        """A function that gives the statement by one expression."""
        function = scope.callee(node) if isinstance(node, ast.Call) else None
        inner = self.loads.scope(function, scope) if function is not None else None
        if inner is None or function is None or (function, "") in self.seen:
            raise Refused(f"what `{unparsed(node)}` selects isn't known")
        self.seen.add((function, ""))
        returns = [each for each in ast.walk(inner.definition) if isinstance(each, ast.Return)]
        if len(returns) != 1 or returns[0].value is None:
            raise Refused(f"what `{unparsed(node)}` selects isn't known")
        self.expression(returns[0].value, inner, False)

    def join(self, call: ast.Call, scope: Scope) -> None:
        """A join along a relationship to one row, which gives each row as often as before."""
        first = call.args[0] if call.args else None
        if first is None or len(call.args) > 1 or call.keywords:
            raise Refused("its join has conditions of its own")
        entity = self.load.entity
        assert entity is not None
        reached = {(): entity, **self.load.given}
        symbol = scope.symbol(first)
        if isinstance(symbol, Class):
            found = list(self.links_to(symbol, reached))
        elif isinstance(first, ast.Attribute):
            owner = scope.symbol(first.value)
            found = [
                ((*path, first.attr), link.target) for path, cls in reached.items()
                if cls is owner and (link := self.loads.columns.link(cls, first.attr)) is not None
            ]  # fmt: skip
        else:
            found = []
        if len(found) != 1:
            raise Refused("it isn't known that its join gives each row once")
        self.load.given[found[0][0]] = found[0][1]

    def links_to(self, target: Class, reached: dict[Path, Class]) -> Iterator[tuple[Path, Class]]:
        for path, cls in reached.items():
            for name in self.loads.columns.models.links(cls):
                link = self.loads.columns.link(cls, name)
                if link is not None and link.target is target:
                    yield (*path, name), target


def _assignments(name: str, scope: Scope) -> Iterator[tuple[ast.expr, bool]]:
    """What a local name is assigned, and whether that is done in any case."""
    outer = _unconditional(scope.definition.body)
    for block in all_blocks(scope.definition.body):
        for statement in block:
            target = single_target(statement)
            if target is not None and target[0] == name:
                yield target[1], any(block is each for each in outer)
            elif target is None and name in _stored(statement):
                raise Refused(f"what `{name}` selects isn't known here")


def _stored(statement: ast.stmt) -> set[str]:
    """The names that a statement itself assigns in another way."""
    if isinstance(statement, (ast.AugAssign, ast.Assign, ast.AnnAssign)):
        targets = getattr(statement, "targets", None) or [statement.target]  # type: ignore[union-attr]
    elif isinstance(statement, (ast.For, ast.AsyncFor)):
        targets = [statement.target]
    elif isinstance(statement, (ast.With, ast.AsyncWith)):
        targets = [i.optional_vars for i in statement.items if i.optional_vars is not None]
    else:
        return set()
    return names(targets)


def _unconditional(block: list[ast.stmt]) -> list[list[ast.stmt]]:
    """The blocks that are run whenever the function is."""
    found = [block]
    for statement in block:
        if isinstance(statement, (ast.With, ast.AsyncWith, ast.Try)):
            found += _unconditional(statement.body)
    return found
