"""Blocks are rebuilt once, from slots: one per original statement, with what goes around it.

Nothing is ever inserted by index, so edits in one block can't shift one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import dropwhile
from typing import Any

import libcst as cst

_DEFINITIONS = (cst.FunctionDef, cst.ClassDef)
Statement = Any  # SimpleStatementLine or a compound statement: all have `leading_lines`


@dataclass(slots=True)
class Slot:
    """One statement of a block. ``statement`` is the rewritten form once it is known;
    ``replacement`` stands instead of it, ``removed`` takes it away, ``comments`` are kept from
    places that the rewrite has no room for."""

    original: Statement
    statement: Statement
    previous: Slot | None = None
    before: list[Statement] = field(default_factory=list)
    after: list[Statement] = field(default_factory=list)
    comments: list[cst.Comment] = field(default_factory=list)
    replacement: list[Statement] | None = None
    removed: bool = False
    is_nested: bool = False  # in a function or class: one blank line sets a definition off
    forgotten: bool = False  # do the comments right above a removed one go with it?

    @property
    def changed(self) -> bool:
        """Whether the block has to be rebuilt for this slot."""
        return (
            self.removed
            or self.statement is not self.original
            or self.replacement is not None
            or bool(self.before or self.after or self.comments)
        )

    def statements(self) -> list[Statement]:
        """What stands in the place of the original, its leading lines on the first one."""
        if self.replacement is not None:
            main = self.replacement
        else:
            main = [] if self.removed else [self.statement]
        if self.before and main:
            lines, own = _parted(main[0], self.before[-1])
            first = self.before[0]
            first = first.with_changes(leading_lines=(*lines, *first.leading_lines))
            main = [main[0].with_changes(leading_lines=own), *main[1:]]
            blank = 1 if self.is_nested else 2
            around = [first, *self.before[1:], *main, *self.after]
            statements = _spaced(around, len(self.before), blank, self.previous is None)
        else:
            statements = [*self.before, *main, *self.after]
            if self.before:
                lines = (*self.original.leading_lines, *statements[0].leading_lines)
                statements[0] = statements[0].with_changes(leading_lines=lines)
                if not main and not self.is_nested:
                    statements = _spaced(statements, len(self.before) - 1, 2, False)
        if statements and self.comments:
            kept = tuple(cst.EmptyLine(comment=comment) for comment in self.comments)
            lines = (*statements[0].leading_lines, *kept)
            statements[0] = statements[0].with_changes(leading_lines=lines)
        return statements


def _parted(main: Statement, above: Statement) -> tuple[Sequence[cst.EmptyLine], ...]:
    """The leading lines of a statement: those that what comes before it takes over, and those that
    stay, which are the comments right above one definition that another is put before."""
    lines = main.leading_lines
    if not isinstance(main, _DEFINITIONS) or not isinstance(above, _DEFINITIONS):
        return lines, ()
    end = len(lines)
    while end and lines[end - 1].comment is not None:
        end -= 1
    return lines[:end], lines[end:]


def _spaced(
    statements: list[Statement], inserted: int, wanted: int, at_top: bool
) -> list[Statement]:
    """Blank lines around definitions that were put before a statement, and below what was put
    before a definition of a module, but for the top of a function."""
    for index in range(1 if at_top and wanted == 1 else 0, inserted + 1):
        end = index + 1 if wanted > 1 else min(index + 1, inserted)
        around = statements[max(index - 1, 0) : end]
        if any(isinstance(part, (cst.FunctionDef, cst.ClassDef)) for part in around):
            lines = list(statements[index].leading_lines)
            blank = sum(line.comment is None for line in lines)
            lines = [cst.EmptyLine(indent=False)] * max(wanted - blank, 0) + lines
            statements[index] = statements[index].with_changes(leading_lines=lines)
    return statements


@dataclass(slots=True)
class Piece:
    """One small statement of a line, which may hold several, or follow the header of a block."""

    original: cst.BaseSmallStatement
    line: cst.SimpleStatementLine | cst.SimpleStatementSuite
    alone: bool
    removed: bool = False


def rebuild(slots: Sequence[Slot]) -> tuple[list[Statement], list[cst.EmptyLine]]:
    """The statements of a block, and the comments of removed ones that no statement follows."""
    statements: list[Statement] = []
    pending: list[cst.EmptyLine] = []
    removed = False
    for slot in slots:
        replaced = slot.statements()
        if slot.removed and not slot.before and slot.replacement is None:
            lines = list(slot.original.leading_lines)
            while slot.forgotten and lines and lines[-1].comment is not None:
                lines.pop()
            lines += [cst.EmptyLine(comment=comment) for comment in slot.comments]
            pending = _joined(pending, lines)
            removed = True
        if replaced and removed:
            lines = replaced[0].leading_lines
            lines = _joined(pending, lines if statements else _from_first_comment(lines))
            replaced[0] = replaced[0].with_changes(leading_lines=lines)
            pending, removed = [], False
        statements += replaced
    return statements, [line for line in pending if line.comment is not None]


def _from_first_comment(lines: Sequence[cst.EmptyLine]) -> list[cst.EmptyLine]:
    """Without the blank lines that would stand at the top of a block now."""
    return list(dropwhile(lambda line: line.comment is None, lines))


def _joined(first: Sequence[cst.EmptyLine], second: Sequence[cst.EmptyLine]) -> list[cst.EmptyLine]:
    """Leading lines of a removed statement and of the one below: all comments, but blank lines
    only once."""
    if any(line.comment for line in first):
        return [*first, *second]
    if any(line.comment for line in second):
        blanks = [line for line in second if line.comment is None]
        return [*first[len(blanks) :], *second]
    return list(first if len(first) > len(second) else second)


def without_removed(
    pieces: Sequence[Piece], statements: Sequence[cst.BaseSmallStatement]
) -> list[cst.BaseSmallStatement]:
    """The small statements that stay; the last one needs no semicolon if its follower went."""
    left = [
        statement for piece, statement in zip(pieces, statements, strict=True) if not piece.removed
    ]
    if left and pieces[-1].removed:
        left[-1] = left[-1].with_changes(semicolon=cst.MaybeSentinel.DEFAULT)
    return left
