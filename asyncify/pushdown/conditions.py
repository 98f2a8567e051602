"""Conditions: what Python asks of a row, as SQL that is true for the same rows.

SQL knows a third truth value, Python doesn't. ``not`` is therefore carried down to the comparisons,
and each of these is spelled so that NULL makes it as false, or as true, as None did.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from asyncify.analysis.program import Function
from asyncify.pushdown.paths import Names
from asyncify.pushdown.spelling import Speller
from asyncify.pushdown.syntax import Definition, Refused, method_call, names, unparsed
from asyncify.pushdown.values import Value, Values, is_pure
from asyncify.vocabulary.push_down import COMPARISONS, FOLDED, MATCHING, MIRRORED, ORDERED, SEVERAL

_LIKE = "SQLite's and MySQL's LIKE takes capitals for small letters"
_TEXT = "the database compares text by its collation, Python by code points"
_COLLATED = "MySQL's collations may take capitals for small letters, and leave out accents"
Finder = Callable[[ast.Call], "tuple[Function, Definition] | None"]  # what a call means
_BY_NAME = {"str": "text", "int": "number", "float": "number", "bool": "flag"}


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL for ``where``; ``unless`` is Python that makes it needless where it is true."""

    text: str
    unless: str = ""


class Conditions:
    """Translates conditions of one function; ``like_minds_case`` is what the program's database
    does: None where that isn't known. ``definition`` is the function's, for its annotations."""

    def __init__(
        self, values: Values, definition: Definition, dialects: frozenset[str],
        helpers: Helpers,
    ) -> None:  # fmt: skip
        self.values = values
        self.definition = definition
        self.dialects = dialects
        self.helpers = helpers
        self.speller = values.joins.speller
        self.lower: set[str] = set()  # local names that hold text in small letters

    def conditions(self, node: ast.expr, row: Names) -> Iterator[Condition]:
        """One condition for each part that has to hold."""
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
            self.values.guarded |= guards(node.values, row)
            for part in node.values:
                yield from self.conditions(part, row)
            return
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
            first, *rest = node.values
            if not row.mentions(first):
                text = self.values.python(first, row)
                inner = rest[0] if len(rest) == 1 else ast.BoolOp(ast.Or(), rest)
                yield Condition(self.sql(inner, row), text)
                return
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            turned = _turned(node.operand)
            if turned is not None:
                yield from self.conditions(turned, row)
                return
        yield Condition(self.sql(node, row))

    def sql(self, node: ast.expr, row: Names, negated: bool = False) -> str:
        """The condition, or its negation."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self.sql(node.operand, row, not negated)
        if isinstance(node, ast.BoolOp):
            return self._several(node, row, negated)
        if isinstance(node, ast.Compare):
            return self._comparisons(node, row, negated)
        inlined = self.helpers.inlined(node, row)
        if inlined is not None:
            return self._inlined(inlined, row, negated)
        parts = method_call(node)
        if parts is not None and parts[1] in MATCHING and row.mentions(parts[0]):
            return self._matching(*parts, row, negated)
        wrapped = node.args if isinstance(node, ast.Call) and _is_bool(node) else []
        return self._truth(wrapped[0] if wrapped else node, row, negated)

    def _inlined(self, node: ast.expr, row: Names, negated: bool) -> str:
        """The body of a helper: it stands in no text of this function."""
        kept, self.values.text = self.values.text, unparsed
        try:
            return self.sql(node, row, negated)
        finally:
            self.values.text = kept

    def _several(self, node: ast.BoolOp, row: Names, negated: bool) -> str:
        kept = set(self.values.guarded)
        if isinstance(node.op, ast.And):
            self.values.guarded |= guards(node.values, row)
        try:
            return self._all_or_any(node, row, negated)
        finally:
            self.values.guarded = kept

    def _all_or_any(self, node: ast.BoolOp, row: Names, negated: bool) -> str:
        is_and = isinstance(node.op, ast.And) != negated
        parts = _without_guards(node, row) if not negated else node.values
        texts: list[str] = []
        for place, part in enumerate(parts):
            if row.mentions(part):
                texts.append(self.sql(part, row, negated))
                continue
            if place and not _is_safe(part):
                raise Refused(f"`{unparsed(part)}` is asked only for some rows")
            rest = [other for other in parts if other is not part]
            return self._chosen(part, rest, node, row, negated, is_and)
        if len(texts) == 1:
            return texts[0]
        name = self.speller.sqlalchemy("and_" if is_and else "or_")
        return f"{name}({', '.join(texts)})"

    def _chosen(
        self, part: ast.expr, rest: list[ast.expr], node: ast.BoolOp, row: Names, negated: bool,
        is_and: bool,
    ) -> str:  # fmt: skip
        """Python decides whether the database has to be asked."""
        test = self.values.python(part, row)
        test = f"not ({test})" if negated else test
        others = rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
        asked = self.sql(others, row, negated)
        if is_and:
            return f"({asked} if {test} else {self.speller.sqlalchemy('false')}())"
        return f"({self.speller.sqlalchemy('true')}() if {test} else {asked})"

    def _comparisons(self, node: ast.Compare, row: Names, negated: bool) -> str:
        """``a < b < c`` is two comparisons."""
        operands = [node.left, *node.comparators]
        texts = [
            self._comparison(left, operator, right, row, negated)
            for left, operator, right in zip(operands, node.ops, operands[1:], strict=False)
        ]
        if len(texts) == 1:
            return texts[0]
        return f"{self.speller.sqlalchemy('or_' if negated else 'and_')}({', '.join(texts)})"

    def _comparison(
        self, left: ast.expr, operator: ast.cmpop, right: ast.expr, row: Names, negated: bool
    ) -> str:
        kind = type(operator).__name__
        if kind in ("Is", "IsNot"):
            return self._is(left, right, row, (kind == "Is") != negated)
        if kind in ("In", "NotIn"):
            negated = negated != (kind == "NotIn")
            if row.mentions(left):
                return self._in(left, right, row, negated)
            return self._contains(left, right, row, negated)
        symbol = COMPARISONS[kind][negated]
        if not row.mentions(left):
            left, right, symbol = right, left, MIRRORED[symbol]
        value = self._comparable(self.values.value(left, row), symbol)
        if row.mentions(right):
            return self._of_two(value, symbol, self.values.value(right, row))
        self._fits(value, right)
        other = self.values.python(right, row)
        if symbol in ("==", "!=") and _is_none(right):
            return f"{value.text}.{'is_' if symbol == '==' else 'is_not'}(None)"
        self._collated(value)
        if symbol == "!=" and value.nullable:
            return f"{value.text}.is_distinct_from({other})"
        if symbol not in ("==", "!="):
            if value.nullable:
                self.values.missing(value)
            if value.kind == "text":
                self.values.corner(_TEXT)
        return f"{value.text} {symbol} {_operand(right, other)}"

    def _collated(self, value: Value) -> None:
        """MySQL's collations take capitals for small letters, letters with accents for those
        without, and leave spaces at the end out, where text is compared for equality too."""
        if value.kind == "text" and (FOLDED & self.dialects or not self.dialects):
            self.values.corner(_COLLATED)

    def _comparable(self, value: Value, symbol: str) -> Value:
        known = value.kind in ORDERED or (value.kind == "key" and symbol in ("==", "!="))
        if not known:
            raise Refused(f"what `{value.label}` holds isn't known to compare as in Python")
        return value

    def _of_two(self, value: Value, symbol: str, other: Value) -> str:
        other = self._comparable(other, symbol)
        self._collated(value)
        if value.kind != other.kind:
            raise Refused(f"`{value.label}` and `{other.label}` are of different kinds")
        if symbol == "==" and value.nullable and other.nullable:
            return f"{value.text}.is_not_distinct_from({other.text})"
        if symbol == "!=" and (value.nullable or other.nullable):
            return f"{value.text}.is_distinct_from({other.text})"
        for each in (value, other):
            if symbol not in ("==", "!=") and each.nullable:
                self.values.missing(each)
        return f"{value.text} {symbol} {other.text}"

    def _fits(self, value: Value, other: ast.expr) -> None:
        """Refuse where what a column is compared with is of another type: Python says that they
        differ, and a database converts."""
        if isinstance(other, ast.Constant) and other.value is not None:
            kind = _BY_NAME.get(type(other.value).__name__, "")
        elif isinstance(other, ast.Name):
            kind = _BY_NAME.get(" ".join(self._annotation(other.id)), "")
        else:
            return
        same = {"number": {"number", "flag"}, "flag": {"flag", "number"}}
        if kind and value.kind != "key" and kind not in same.get(value.kind, {value.kind}):
            raise Refused(f"`{value.label}` is compared with something of another type")

    def _annotation(self, name: str) -> list[str]:
        """The words of a parameter's annotation."""
        arguments = self.definition.args
        for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            if each.arg == name and each.annotation is not None:
                text = unparsed(each.annotation)
                words = "".join(c if c.isalnum() or c == "_" else " " for c in text).split()
                return [w for w in words if w not in ("Optional", "None", "Union")]
        return []

    def _is(self, left: ast.expr, right: ast.expr, row: Names, positive: bool) -> str:
        value = self.values.value(left, row)
        if not isinstance(right, ast.Constant) or right.value not in (None, True, False):
            raise Refused(f"`{unparsed(right)}` can't be compared by identity in SQL")
        if right.value is not None and value.kind != "flag":
            raise Refused(f"`{value.label}` isn't known to be true or false")
        text = self._row_key(value)
        return f"{text}.{'is_' if positive else 'is_not'}({right.value})"

    def _row_key(self, value: Value) -> str:
        """What is NULL where a row is missing."""
        if value.reached is None or value.reached.column is not None:
            return value.text
        keys = self.values.joins.columns.key(value.reached.cls)
        if not keys:
            raise Refused(f"the key of `{value.label}` isn't known")
        return f"{value.text}.{keys[0]}"

    def _in(self, left: ast.expr, right: ast.expr, row: Names, negated: bool) -> str:
        value = self._comparable(self.values.value(left, row), "==")
        if row.mentions(right):
            raise Refused(f"`{unparsed(right)}` has no equal form in SQL")
        is_literal = isinstance(right, (ast.List, ast.Tuple, ast.Set))
        words = self._annotation(right.id) if isinstance(right, ast.Name) else []
        if not is_literal and not (words and words[0] in SEVERAL):
            raise Refused(f"`{unparsed(right)}` isn't known to be a list")
        for each in right.elts if isinstance(right, (ast.List, ast.Tuple, ast.Set)) else ():
            if not isinstance(each, ast.Constant) or each.value is None:
                raise Refused(f"`{unparsed(right)}` may hold None")
        self._collated(value)
        text = self.values.python(right, row)
        if not negated:
            return f"{value.text}.in_({text})"
        if not value.nullable:
            return f"{value.text}.not_in({text})"
        name = self.speller.sqlalchemy("or_")
        return f"{name}({value.text}.is_(None), {value.text}.not_in({text}))"

    def _contains(self, left: ast.expr, right: ast.expr, row: Names, negated: bool) -> str:
        """``term in row.text``."""
        value = self._text(self.values.value(right, row))
        term = self.values.python(left, row)
        text = f"{value.text}.contains({term}, autoescape=True)"
        if not self._minds_case(value, left):
            if self.dialects == {"sqlite"}:
                func = self.speller.sqlalchemy("func")
                symbol = "== 0" if negated else "> 0"
                return f"{func}.instr({value.text}, {term}) {symbol}"
            self.values.corner(_LIKE)
        return f"~{text}" if negated else text

    def _matching(
        self, node: ast.expr, method: str, call: ast.Call, row: Names, negated: bool
    ) -> str:
        value = self._text(self.values.value(node, row))
        if len(call.args) != 1 or call.keywords or isinstance(call.args[0], ast.Tuple):
            raise Refused(f"`{unparsed(call)}` has no equal form in SQL")
        term = self.values.python(call.args[0], row)
        if not self._minds_case(value, call.args[0]):
            if method == "startswith":
                func = self.speller.sqlalchemy("func")
                symbol = "!=" if negated else "=="
                return f"{func}.substr({value.text}, 1, len({term})) {symbol} {term}"
            self.values.corner(_LIKE)
        text = f"{value.text}.{method}({term}, autoescape=True)"
        return f"~{text}" if negated else text

    def _text(self, value: Value) -> Value:
        if value.kind != "text":
            raise Refused(f"`{value.label}` isn't known to be text")
        if value.nullable:
            self.values.missing(value)
        self._collated(value)
        return value

    def _minds_case(self, value: Value, term: ast.expr) -> bool:
        """Does LIKE find the same as Python here?"""
        return self.dialects == {"postgresql"} or (value.folded and self._is_lower(term))

    def _is_lower(self, node: ast.expr) -> bool:
        parts = method_call(node)
        if parts is not None and parts[1] == "strip":
            return self._is_lower(parts[0])
        if isinstance(node, ast.Constant):
            return isinstance(node.value, str) and node.value == node.value.lower()
        is_call = parts is not None and parts[1] == "lower"
        return is_call or (isinstance(node, ast.Name) and node.id in self.lower)

    def note(self, name: str, value: ast.expr) -> None:
        """A local name was assigned."""
        self.lower.discard(name)
        if self._is_lower(value):
            self.lower.add(name)

    def _truth(self, node: ast.expr, row: Names, negated: bool) -> str:
        """What Python takes for true."""
        if not row.mentions(node):
            test = self.values.python(node, row)
            wanted, other = ("false", "true") if negated else ("true", "false")
            one, two = self.speller.sqlalchemy(wanted), self.speller.sqlalchemy(other)
            return f"({one}() if {test} else {two}())"
        value = self.values.value(node, row)
        if value.kind == "flag":
            return f"{value.text}.{'is_not' if negated else 'is_'}(True)"
        if value.kind in ("row", "date", "datetime"):
            return f"{self._row_key(value)}.{'is_' if negated else 'is_not'}(None)"
        empty = {"text": '""', "number": "0"}.get(value.kind)
        if empty is None:
            raise Refused(f"what `{value.label}` holds isn't known to be true or false")
        self._collated(value)
        if not negated:
            return f"{value.text} != {empty}"
        if not value.nullable:
            return f"{value.text} == {empty}"
        name = self.speller.sqlalchemy("or_")
        return f"{name}({value.text}.is_(None), {value.text} == {empty})"


class Helpers:
    """Functions of the program that ask one thing of a row: their body stands for their call."""

    def __init__(self, find: Finder, speller: Speller) -> None:
        self.find = find
        self.speller = speller
        self.used: dict[Function, None] = {}

    def inlined(self, node: ast.expr, row: Names) -> ast.expr | None:
        """What a helper gives, with the arguments in the place of its parameters."""
        if not isinstance(node, ast.Call) or not row.mentions(node):
            return None
        found = self.find(node)
        if found is None:
            return None
        function, definition = found
        body = [s for s in definition.body if not _is_docstring(s)]
        if len(body) != 1 or not isinstance(body[0], ast.Return) or body[0].value is None:
            raise Refused(f"`{definition.name}` is more than one expression")
        given = _arguments(definition, node)
        if any(not row.mentions(a) and not is_pure(a) for a in given.values()):
            raise Refused(f"an argument of `{definition.name}` may have effects")
        self.used[function] = None
        for name in names(body[0].value) - given.keys():
            self.speller.same(name, function.module)
            self.speller.spelled.add(name)
        return _Substitution(given).visit(copy.deepcopy(body[0].value))  # type: ignore[no-any-return]


class _Substitution(ast.NodeTransformer):
    def __init__(self, given: dict[str, ast.expr]) -> None:
        self.given = given

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return copy.deepcopy(self.given.get(node.id, node))


def _arguments(definition: Definition, call: ast.Call) -> dict[str, ast.expr]:
    """The arguments of a call by parameter."""
    arguments = definition.args
    if arguments.vararg or arguments.kwarg or arguments.posonlyargs or arguments.kwonlyargs:
        raise Refused(f"the parameters of `{definition.name}` aren't plain")
    parameters = [each.arg for each in arguments.args]
    if parameters[:1] in (["self"], ["cls"]):
        parameters = parameters[1:]
    given = dict(zip(parameters, call.args, strict=False))
    given |= {k.arg: k.value for k in call.keywords if k.arg is not None}
    if given.keys() != set(parameters) or len(call.args) > len(parameters):
        raise Refused(f"the arguments of `{definition.name}` aren't plain")
    return given


def _without_guards(node: ast.BoolOp, row: Names) -> list[ast.expr]:
    """Without what only keeps Python from an exception: ``row.owner and row.owner.name == x``.
    SQL isn't true there, either."""
    if not isinstance(node.op, ast.And):
        return node.values
    kept = []
    for place, part in enumerate(node.values):
        path = row.path(part)
        later = node.values[place + 1 :]
        if path is None or not any(_is_strict(each, path, row) for each in later):
            kept.append(part)
    return kept


def _is_strict(node: ast.expr, path: tuple[str, ...], row: Names) -> bool:
    """Is a condition never true in SQL where a path leads to nothing? A comparison of the path's
    own text says more than that it isn't empty."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        if not isinstance(node.ops[0], (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In)):
            return False
        read = [node.left, node.comparators[0]]
    elif (parts := method_call(node)) is not None:
        read = [parts[0]]
    else:
        return False
    for each in read:
        inner = method_call(each)
        found = row.path(inner[0] if inner is not None else each)
        if found is not None and found[: len(path)] == path and len(found) > len(path):
            return True
    return False


def guards(parts: list[ast.expr], row: Names) -> set[tuple[str, ...]]:
    """What is there where all of these hold: ``row.owner``, ``row.price is not None``."""
    asked = [
        part.left
        if isinstance(part, ast.Compare) and len(part.ops) == 1
        and isinstance(part.ops[0], (ast.IsNot, ast.NotEq)) and _is_none(part.comparators[0])
        else part
        for part in parts
    ]  # fmt: skip
    return {path for part in asked if (path := row.path(part))}


def _turned(node: ast.expr) -> ast.expr | None:
    """What ``not`` makes of several conditions."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return node.operand
    if not isinstance(node, ast.BoolOp):
        return None
    operator = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    return ast.BoolOp(operator, [ast.UnaryOp(ast.Not(), each) for each in node.values])


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_bool(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id == "bool" and len(node.args) == 1


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_safe(node: ast.expr) -> bool:
    """Does an expression of names only ask for their truth or their identity?"""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _is_safe(node.operand)
    if isinstance(node, ast.Compare):
        plain = all(isinstance(each, (ast.Name, ast.Constant)) for each in (
            node.left, *node.comparators,
        ))  # fmt: skip
        return plain and all(isinstance(o, (ast.Is, ast.IsNot)) for o in node.ops)
    return isinstance(node, (ast.Name, ast.Constant))


def _operand(node: ast.expr, text: str) -> str:
    """Python's text as the right side of a comparison."""
    simple = (ast.Name, ast.Constant, ast.Attribute, ast.Call, ast.Subscript, ast.BinOp)
    return text if isinstance(node, simple) else f"({text})"
