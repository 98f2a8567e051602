"""Values: what Python computes from a row, as SQL; and what it computes without one, as it is."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from asyncify.analysis.program import Function
from asyncify.pushdown.paths import Joins, Names, Reached
from asyncify.pushdown.syntax import Refused, method_call, names, unparsed
from asyncify.vocabulary.push_down import FOLDING, PURE_FUNCTIONS, PURE_METHODS

_PLAIN = (
    ast.Name, ast.Constant, ast.Attribute, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare,
    ast.IfExp, ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.JoinedStr,
    ast.FormattedValue, ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context,
    ast.keyword,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Value:
    """Something that a row has, in SQL. ``kind`` as in the vocabulary; ``folded`` where case was
    folded; ``label`` for people."""

    text: str
    kind: str
    nullable: bool
    label: str
    folded: bool = False
    reached: Reached | None = None


def is_pure(node: ast.AST) -> bool:
    """May an expression be evaluated once and early, as far as its syntax tells?"""
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            function = each.func
            if isinstance(function, ast.Attribute) and function.attr in PURE_METHODS:
                continue
            if isinstance(function, ast.Name) and function.id in PURE_FUNCTIONS:
                continue
            return False
        if not isinstance(each, _PLAIN):
            return False
    return True


class Values:
    """Translates values. ``corners`` are the sentences about where SQL isn't quite Python."""

    def __init__(self, function: Function, joins: Joins, text: Callable[[ast.AST], str]) -> None:
        self.function = function
        self.joins = joins
        self.text = text
        self.corners: dict[str, None] = {}
        self.used: set[str] = set()  # names that the new text has from the old one
        self.guarded: set[tuple[str, ...]] = set()  # what Python sees to it that it is there

    def corner(self, sentence: str) -> None:
        self.corners[sentence] = None

    def python(self, node: ast.expr, row: Names) -> str:
        """An expression that doesn't read the row, as written."""
        if row.mentions(node) or not is_pure(node):
            raise Refused(f"`{unparsed(node)}` has no equal form in SQL")
        self.used |= names(node)
        return self.text(node)

    def value(self, node: ast.expr, row: Names) -> Value:
        """An expression that reads the row."""
        path = row.path(node)
        if path is not None:
            return self._reached(path)
        parts = method_call(node)
        if parts is not None and parts[1] in FOLDING and not parts[2].args:
            return self._folded(parts[0], parts[1], row)
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or) and len(node.values) == 2:
            return self._default(self.value(node.values[0], row), node.values[1], row)
        if isinstance(node, ast.IfExp):
            return self._conditional(node, row)
        raise Refused(f"`{unparsed(node)}` has no equal form in SQL")

    def _reached(self, path: tuple[str, ...]) -> Value:
        reached = self.joins.reach(path)
        column = reached.column
        kind = column.kind if column is not None else "row"
        return Value(reached.text, kind, reached.nullable, reached.label, reached=reached)

    def _folded(self, node: ast.expr, method: str, row: Names) -> Value:
        inner = self.value(node, row)
        if inner.kind != "text":
            raise Refused(f"`{inner.label}` isn't known to be text")
        self.corner("the database folds case by its own rules, SQLite's beyond ASCII not at all")
        if inner.nullable:
            self.missing(inner)
        func = self.joins.speller.sqlalchemy("func")
        text = f"{func}.{FOLDING[method]}({inner.text})"
        return Value(text, "text", inner.nullable, inner.label, folded=True)

    def missing(self, value: Value) -> None:
        """Where Python raises, the database goes on."""
        path = _path(value)
        if any(path[: len(each)] == each for each in self.guarded):
            return
        self.corner(f"where `{value.label}` is NULL, Python raised an exception")

    def _default(self, inner: Value, default: ast.expr, row: Names) -> Value:
        """``value or default``: the default stands for NULL, and for what is empty."""
        text = self.python(default, row)
        func = self.joins.speller.sqlalchemy("func")
        if inner.kind in ("date", "datetime", "time"):
            return self._coalesced(inner, default, row)
        empty = {"text": "''", "number": "0"}.get(inner.kind)
        if empty is None:
            raise Refused(f"`{inner.label} or {text}` has no equal form in SQL")
        if isinstance(default, ast.Constant) and default.value in ("", 0):
            return Value(f"{func}.coalesce({inner.text}, {text})", inner.kind, False, inner.label)
        text = f"{func}.coalesce({func}.nullif({inner.text}, {empty}), {text})".replace("''", '""')
        return Value(text, inner.kind, False, inner.label)

    def _conditional(self, node: ast.IfExp, row: Names) -> Value:
        """``value if row.owner else default``, and the same of the value itself."""
        test, body, default = node.test, node.body, node.orelse
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and _is_none(test.comparators[0]):
            if isinstance(test.ops[0], ast.Is):
                body, default = default, body
            test = test.left
        elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            test, body, default = test.operand, default, body
        asked = row.path(test)
        if asked is not None:
            self.guarded.add(asked)
        value = self.value(body, row) if row.mentions(body) else None
        if asked is None or value is None or _path(value)[: len(asked)] != asked:
            raise Refused(f"`{unparsed(node)}` has no equal form in SQL")
        guard = self._reached(asked)
        if guard.kind != "row" and test is node.test:
            return self._default(value, default, row)
        if not guard.nullable:
            return value
        return self._coalesced(value, default, row)

    def _coalesced(self, value: Value, default: ast.expr, row: Names) -> Value:
        """A default stands for NULL; one of another type was never compared without an error."""
        text = self.python(default, row)
        if not _fits(default, value.kind):
            self.corner(f"where `{value.label}` is missing, Python compared {text} with others")
            return value
        func = self.joins.speller.sqlalchemy("func")
        return Value(f"{func}.coalesce({value.text}, {text})", value.kind, False, value.label)


def _path(value: Value) -> tuple[str, ...]:
    return tuple(value.label.split("."))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _fits(default: ast.expr, kind: str) -> bool:
    """May a default stand in a column of a kind?"""
    if not isinstance(default, ast.Constant):
        return True
    return {str: "text", int: "number", float: "number", bool: "flag"}.get(
        type(default.value)
    ) == kind
