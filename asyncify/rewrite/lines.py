"""Lines that hold several statements, or follow the header of their block: ``a(); b()`` and
``if found: a()``. Where one of them becomes several statements, each gets a line of its own.

The structural nodes and their order stay the same, so decisions find their nodes as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import libcst as cst

_Line = cst.SimpleStatementLine | cst.SimpleStatementSuite


def split_lines(module: cst.Module, crowded: Iterable[cst.CSTNode]) -> cst.Module:
    """A module in which each statement of the lines ``crowded`` has a line of its own."""
    return module.visit(_Splitter(crowded))


class _Splitter(cst.CSTTransformer):
    def __init__(self, crowded: Iterable[cst.CSTNode]) -> None:
        super().__init__()
        self._crowded = {id(line) for line in crowded}

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.FlattenSentinel[cst.BaseStatement]:
        if id(original_node) not in self._crowded:
            return updated_node
        first, *others = _lines_of(updated_node)
        first = first.with_changes(leading_lines=updated_node.leading_lines)
        return cst.FlattenSentinel([first, *others])

    def leave_SimpleStatementSuite(
        self, original_node: cst.SimpleStatementSuite, updated_node: cst.SimpleStatementSuite
    ) -> cst.BaseSuite:
        if id(original_node) not in self._crowded:
            return updated_node
        return cst.IndentedBlock(_lines_of(updated_node))


def _lines_of(line: _Line) -> Sequence[cst.SimpleStatementLine]:
    """A line for each statement; a comment stays behind the last one."""
    *others, last = (
        cst.SimpleStatementLine([part.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)])
        for part in line.body
    )
    return [*others, last.with_changes(trailing_whitespace=line.trailing_whitespace)]
