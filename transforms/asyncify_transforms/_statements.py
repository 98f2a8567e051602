"""Statements and blocks: what several transforms need of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import libcst as cst


def statements_of(body: cst.BaseSuite) -> list[Any]:
    """The statements of a block, each on a line of its own."""
    if isinstance(body, cst.IndentedBlock):
        return list(body.body)
    assert isinstance(body, cst.SimpleStatementSuite)
    return [
        cst.SimpleStatementLine([statement.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)])
        for statement in body.body
    ]


def is_docstring(statement: cst.CSTNode) -> bool:
    """Whether a statement is a string on its own."""
    value = only_expression(statement)
    return isinstance(value, (cst.SimpleString, cst.ConcatenatedString))


def only_statement(statement: cst.CSTNode) -> cst.BaseSmallStatement | None:
    """The small statement that has a line to itself."""
    if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1:
        return statement.body[0]
    return None


def only_expression(statement: cst.CSTNode) -> cst.BaseExpression | None:
    """The expression that is a whole line."""
    small = only_statement(statement)
    return small.value if isinstance(small, cst.Expr) else None


def comment_lines(comments: Sequence[cst.Comment]) -> list[cst.EmptyLine]:
    """Comments, each on a line of its own."""
    return [cst.EmptyLine(comment=comment) for comment in comments]


def parsed(source: str) -> list[Any]:
    """The statements of a source, with the blank lines that it begins with."""
    module = cst.parse_module(source)
    first, *others = module.body
    first = first.with_changes(leading_lines=(*module.header, *first.leading_lines))
    return [
        each.with_changes(leading_lines=[_bare(line) for line in each.leading_lines])
        for each in (first, *others)
    ]


def _bare(line: cst.EmptyLine) -> cst.EmptyLine:
    """A blank line isn't indented."""
    return line if line.comment else line.with_changes(indent=False)


def inserted(body: cst.BaseSuite, statements: Sequence[Any]) -> cst.BaseSuite:
    """A function's body with statements at its start, behind the docstring."""
    present = statements_of(body)
    index = int(bool(present) and is_docstring(present[0]))
    new = [*present[:index], *statements, *present[index:]]
    if isinstance(body, cst.IndentedBlock):
        return body.with_changes(body=new)
    return cst.IndentedBlock(new)
