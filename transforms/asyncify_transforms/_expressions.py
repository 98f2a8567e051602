"""Expressions: when Python needs parentheses, and how an expression is awaited.

Precedence is that of https://docs.python.org/3/reference/expressions.html#operator-precedence.
"""

from __future__ import annotations

import io
import tokenize
from collections.abc import Mapping, Sequence
from typing import Any

import libcst as cst

_TUPLE, _WALRUS, _LAMBDA, _CONDITIONAL, _OR, _AND, _NOT, _COMPARISON = range(8)
_BIT_OR, _BIT_XOR, _BIT_AND, _SHIFT, _SUM, _PRODUCT, _UNARY, _POWER, _AWAIT, _PRIMARY = range(8, 18)

_OF_CLASS: Mapping[type[cst.CSTNode], int] = {
    cst.Tuple: _TUPLE,
    cst.Yield: _TUPLE,
    cst.NamedExpr: _WALRUS,
    cst.Lambda: _LAMBDA,
    cst.IfExp: _CONDITIONAL,
    cst.Comparison: _COMPARISON,
    cst.Await: _AWAIT,
}
_OF_OPERATOR: Mapping[type[cst.CSTNode], int] = {
    cst.Or: _OR,
    cst.And: _AND,
    cst.Not: _NOT,
    cst.BitOr: _BIT_OR,
    cst.BitXor: _BIT_XOR,
    cst.BitAnd: _BIT_AND,
    cst.LeftShift: _SHIFT,
    cst.RightShift: _SHIFT,
    cst.Add: _SUM,
    cst.Subtract: _SUM,
    cst.Power: _POWER,
}
# What a child must at least be, by the field that it stands in. Comparisons take an `await` as it
# is: `if await f() is None`, as people write it.
_NEEDED: Mapping[tuple[type[cst.CSTNode], str], int] = {
    (cst.Attribute, "value"): _PRIMARY,
    (cst.Subscript, "value"): _PRIMARY,
    (cst.Call, "func"): _PRIMARY,
    (cst.Await, "expression"): _PRIMARY,
    (cst.Comparison, "left"): _BIT_OR,
    (cst.ComparisonTarget, "comparator"): _BIT_OR,
    (cst.IfExp, "body"): _OR,
    (cst.IfExp, "test"): _OR,
    (cst.CompFor, "iter"): _OR,
    (cst.CompIf, "test"): _OR,
    (cst.Arg, "value"): _WALRUS,
    (cst.StarredElement, "value"): _BIT_OR,
    (cst.WithItem, "item"): _LAMBDA,
    (cst.ExceptHandler, "type"): _LAMBDA,
    (cst.Return, "value"): _TUPLE,
    (cst.Element, "value"): _WALRUS,
    (cst.ListComp, "elt"): _WALRUS,
    (cst.SetComp, "elt"): _WALRUS,
    (cst.GeneratorExp, "elt"): _WALRUS,
    (cst.DictComp, "key"): _LAMBDA,
    (cst.DictComp, "value"): _LAMBDA,
    (cst.DictElement, "key"): _LAMBDA,
    (cst.DictElement, "value"): _LAMBDA,
}
_OPERANDS = (cst.BinaryOperation, cst.BooleanOperation, cst.UnaryOperation)


def precedence(node: cst.CSTNode) -> int:
    """How strongly an expression binds, its own parentheses left aside."""
    if isinstance(node, _OPERANDS):
        operator = node.operator.__class__
        default = _UNARY if isinstance(node, cst.UnaryOperation) else _PRODUCT
        return _OF_OPERATOR.get(operator, default)
    return _OF_CLASS.get(node.__class__, _PRIMARY)


def needed(parent: cst.CSTNode, field: str) -> int:
    """How strongly a child must bind in one field of its parent."""
    if isinstance(parent, _OPERANDS):
        own = precedence(parent)
        if own == _POWER:
            # The right operand may be unary; the left must be a primary or an await.
            return _AWAIT if field == "left" else _UNARY
        return own + 1 if field == "right" and isinstance(parent, cst.BinaryOperation) else own
    return _NEEDED.get((parent.__class__, field), _TUPLE)


def fit(node: Any, parent: cst.CSTNode, field: str) -> Any:
    """The expression with parentheses, if this place needs them and it has none."""
    if node.lpar or precedence(node) >= needed(parent, field):
        return node
    return parenthesised(node)


def parenthesised(node: Any) -> Any:
    """The expression in one more pair of parentheses."""
    return node.with_changes(
        lpar=[cst.LeftParen(), *node.lpar], rpar=[*node.rpar, cst.RightParen()]
    )


def without_parentheses(node: Any) -> Any:
    """The expression without its own parentheses."""
    return node.with_changes(lpar=[], rpar=[]) if node.lpar else node


def with_parentheses_of(node: Any, other: Any) -> Any:
    """The expression in the parentheses of another one."""
    return node.with_changes(lpar=other.lpar, rpar=other.rpar)


def code(node: cst.CSTNode) -> str:
    """The text of a node."""
    return cst.Module([]).code_for_node(node)


def has_bare_newline(node: cst.CSTNode) -> bool:
    """Whether the text only holds together inside somebody else's brackets."""
    text = code(node)
    if "\n" not in text:
        return False
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NEWLINE:
                return bool(text[_offset(text, token.end) :].strip())
    except (tokenize.TokenError, IndentationError):
        return True
    return False


def _offset(text: str, position: tuple[int, int]) -> int:
    line, column = position
    return sum(len(part) for part in text.splitlines(keepends=True)[: line - 1]) + column


def awaited(node: Any, parent: cst.CSTNode, field: str) -> Any:
    """``await node``, parenthesised where its place needs that.

    Parentheses that the expression had are moved around the ``await``, kept inside where they hold
    several lines together, and dropped where they have become redundant.
    """
    moves = bool(node.lpar) and needed(parent, field) > _AWAIT
    inner = node
    if node.lpar and (moves or not has_newline(node)):
        bare = without_parentheses(node)
        inner = bare if precedence(bare) >= _PRIMARY else node
    if precedence(inner) < _PRIMARY and not inner.lpar:
        inner = parenthesised(inner)
    result = cst.Await(inner)
    if moves:
        outer = node if inner is not node else parenthesised(without_parentheses(node))
        return with_parentheses_of(result, outer)
    return fit(result, parent, field)


def has_newline(node: cst.CSTNode) -> bool:
    """Whether the text of a node goes over several lines."""
    if isinstance(node, cst.Name) and not node.lpar:  # most are
        return False
    return "\n" in code(node)


def standalone(node: Any) -> Any:
    """The expression as the value of a statement: in parentheses, if several lines need them."""
    return parenthesised(node) if not node.lpar and has_bare_newline(node) else node


def assignment(name: str, value: Any) -> cst.SimpleStatementLine:
    """``name = value`` as a line."""
    target = cst.AssignTarget(cst.Name(name))
    return cst.SimpleStatementLine([cst.Assign([target], _dedented(value))])


class _Indentation(cst.CSTTransformer):
    """Moves the lines inside brackets to the left."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[int] = []
        self.columns = 0

    def leave_ParenthesizedWhitespace(
        self, original_node: cst.ParenthesizedWhitespace, updated_node: Any
    ) -> Any:
        if not original_node.indent:
            return updated_node
        self.found.append(len(original_node.last_line.value))
        lines = [
            line.with_changes(whitespace=self._moved(line.whitespace))
            for line in updated_node.empty_lines
        ]
        return updated_node.with_changes(
            last_line=self._moved(updated_node.last_line), empty_lines=lines
        )

    def _moved(self, whitespace: cst.SimpleWhitespace) -> cst.SimpleWhitespace:
        return whitespace.with_changes(value=whitespace.value[self.columns :])


def _dedented(value: Any) -> Any:
    """What stood deeper, its closing bracket on a line of its own, starts where the block does."""
    lines = code(value).splitlines()
    if len(lines) < 2 or lines[-1].strip()[:1] not in (")", "]", "}"):
        return value
    indentation = _Indentation()
    value.visit(indentation)
    indentation.columns = min(indentation.found, default=0)
    return value.visit(indentation) if indentation.columns else value


def await_statement(name: str, value: Any) -> cst.SimpleStatementLine:
    """``name = await value`` as a line."""
    return assignment(name, awaited(standalone(value), cst.Expr(value), "value"))


def dotted(node: cst.CSTNode) -> str:
    """``a.b.c`` as it is written, or an empty string for anything else."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr.value}" if base else ""
    return ""


def dotted_node(name: str) -> Any:
    """The expression of a dotted name."""
    first, *rest = name.split(".")
    result: Any = cst.Name(first)
    for part in rest:
        result = cst.Attribute(result, cst.Name(part))
    return result


def comments_in(*nodes: cst.CSTNode) -> list[cst.Comment]:
    """All comments in the nodes, in order."""
    collector = _Comments()
    for node in nodes:
        node.visit(collector)
    return collector.comments


def lost_comments(before: cst.CSTNode, after: cst.CSTNode) -> list[cst.Comment]:
    """The comments in ``before`` that ``after`` hasn't."""
    kept = [comment.value for comment in comments_in(after)]
    lost = []
    for comment in comments_in(before):
        if comment.value in kept:
            kept.remove(comment.value)
        else:
            lost.append(comment)
    return lost


class _Comments(cst.CSTVisitor):
    def __init__(self) -> None:
        super().__init__()
        self.comments: list[cst.Comment] = []

    def visit_Comment(self, node: cst.Comment) -> None:
        self.comments.append(node)


def find_argument(arguments: Sequence[cst.Arg], key: int | str) -> int:
    """The index of a positional argument or of a keyword; -1 where there is none."""
    for index, argument in enumerate(arguments):
        if isinstance(key, int):
            if index == key and argument.keyword is None and not argument.star:
                return index
            if argument.star and index <= key:
                return -1
        elif argument.keyword is not None and argument.keyword.value == key:
            return index
    return -1


def begun(value: Any, old: str, new: str) -> Any:
    """A text that is put together (``f"sqlite:///{path}"``) with another beginning, or None where
    it doesn't begin so."""
    if isinstance(value, cst.SimpleString):
        start = f"{value.prefix}{value.quote}"
        fits = value.value.startswith(start + old)
        return (
            value.with_changes(value=start + new + value.value[len(start + old) :])
            if fits
            else None
        )
    if isinstance(value, cst.FormattedStringText):
        fits = value.value.startswith(old)
        return value.with_changes(value=new + value.value[len(old) :]) if fits else None
    if isinstance(value, cst.FormattedString):
        first = begun(value.parts[0], old, new)
        return first and value.with_changes(parts=[first, *value.parts[1:]])
    for name in ("left", "func", "value"):  # of sums, calls and attributes
        if hasattr(value, name):
            part = begun(getattr(value, name), old, new)
            return part and value.with_changes(**{name: part})
    return None


def without_comments(whitespace: Any) -> Any:
    """Whitespace with its line break and indentation only."""
    if not isinstance(whitespace, cst.ParenthesizedWhitespace):
        return whitespace
    first_line = cst.TrailingWhitespace(newline=whitespace.first_line.newline)
    return whitespace.with_changes(first_line=first_line, empty_lines=[])


def with_comments_of(source: Any, target: Any) -> Any:
    """Whitespace laid out as ``target``, with the comments of ``source`` instead of its own."""
    if not isinstance(source, cst.ParenthesizedWhitespace) or not comments_in(source):
        return without_comments(target)
    if isinstance(target, cst.ParenthesizedWhitespace):
        return source.with_changes(indent=target.indent, last_line=target.last_line)
    return source


def without_argument(arguments: Sequence[cst.Arg], index: int) -> list[cst.Arg]:
    """The arguments without one of them. The new last one takes the layout of the old one, but
    keeps its own comment."""
    left = [argument for i, argument in enumerate(arguments) if i != index]
    if not left or index < len(arguments) - 1:
        return left
    own, last = left[-1].comma, arguments[-1]
    comments = own.whitespace_after if isinstance(own, cst.Comma) else None
    if isinstance(last.comma, cst.Comma):
        whitespace = with_comments_of(comments, last.comma.whitespace_after)
        comma: Any = last.comma.with_changes(whitespace_after=whitespace)
        left[-1] = left[-1].with_changes(comma=comma)
    else:
        whitespace = with_comments_of(comments, last.whitespace_after_arg)
        left[-1] = left[-1].with_changes(
            comma=cst.MaybeSentinel.DEFAULT, whitespace_after_arg=whitespace
        )
    return left


def one_per_line(call: cst.Call, longest: int) -> cst.Call:
    """A call that is longer, with each argument on a line of its own."""
    if not call.args or has_newline(call) or len(cst.Module([]).code_for_node(call)) <= longest:
        return call
    inner = cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace("    "))
    comma = cst.Comma(whitespace_after=inner)
    end = cst.Comma(whitespace_after=cst.ParenthesizedWhitespace(indent=True))
    *first, last = call.args
    arguments = [*(arg.with_changes(comma=comma) for arg in first), last.with_changes(comma=end)]
    return call.with_changes(whitespace_before_args=inner, args=arguments)
