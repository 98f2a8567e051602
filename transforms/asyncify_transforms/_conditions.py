"""Conditions, and what holds where they don't."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import libcst as cst

from asyncify_transforms._expressions import (
    comments_in,
    parenthesised,
    precedence,
    without_parentheses,
)

# The language defines each of these as the other one's negation.
_OPPOSITES: Mapping[type[cst.CSTNode], Any] = {
    cst.Is: cst.IsNot,
    cst.IsNot: cst.Is,
    cst.In: cst.NotIn,
    cst.NotIn: cst.In,
}
# These are for whatever a string or a number is compared with: a class defines one of them.
_OF_LITERALS: Mapping[type[cst.CSTNode], Any] = {
    cst.Equal: cst.NotEqual,
    cst.NotEqual: cst.Equal,
}
_LITERALS = (cst.SimpleString, cst.ConcatenatedString, cst.Integer)


def negated(test: Any) -> Any:
    """The condition that is true where this one is false. Its operands are evaluated as before:
    ``a < b`` is negated as ``not (a < b)``, because both may be false."""
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        if not comments_in(*test.lpar, *test.rpar, test.operator):
            return _outside(test, test.expression)
    elif isinstance(test, cst.Comparison) and len(test.comparisons) == 1:
        opposite = _opposite(test)
        if opposite is not None:
            return opposite
    if not test.lpar and not _binds_like_a_call(test):
        test = parenthesised(test)
    return cst.UnaryOperation(cst.Not(), test)


def _outside(test: Any, inner: Any) -> Any:
    """What stood behind ``not``, in parentheses only where it needs them."""
    if not inner.lpar:
        return inner.with_changes(lpar=test.lpar, rpar=test.rpar) if test.lpar else inner
    bare = without_parentheses(inner)
    simple = isinstance(bare, (cst.BooleanOperation, cst.Comparison))
    return bare if simple and "\n" not in cst.Module([]).code_for_node(inner) else inner


def _opposite(test: cst.Comparison) -> cst.Comparison | None:
    target = test.comparisons[0]
    operands = (test.left, target.comparator)
    table = dict(_OPPOSITES)
    if any(isinstance(operand, _LITERALS) for operand in operands):
        table |= _OF_LITERALS
    old: Any = target.operator
    opposite = table.get(type(old))
    if opposite is None or comments_in(old):
        return None
    operator = opposite(
        whitespace_before=old.whitespace_before, whitespace_after=old.whitespace_after
    )
    return test.with_changes(comparisons=[target.with_changes(operator=operator)])


def _binds_like_a_call(test: Any) -> bool:
    """Does ``not`` before it read as about the whole?"""
    return isinstance(test, cst.Await) or precedence(test) == precedence(cst.Name("x"))
