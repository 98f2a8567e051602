"""Pieces: a very long file is parsed and rewritten a part after the other.

LibCST's tree takes 700 times the memory of the text: a file of 5 MB would need more than 3 GB. So
such a file is cut before functions and classes at its top level, and each part is a module of its
own; the traversal goes on counting from one to the next. Imports are brought up to date in the
first part, for what all of them use.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator

import libcst as cst

from asyncify.decisions import Decision, FilePlan, UpdateImports
from asyncify.rewrite.traversal import Catalogue, Traversal

LONG = 600_000  # characters
_PIECE = 200_000
_STARTS = {"def", "class", "async", "@"}


class NotInPieces(Exception):
    """The file can't be cut; it may still be rewritten as a whole."""


def rewritten_in_pieces(text: str, plan: FilePlan, catalogue: Catalogue) -> tuple[str, Traversal]:
    """The new text of a long file, and the traversal with its problems."""
    whole = [d for d in plan.decisions if d.node.kind == "Module"]
    if any(not isinstance(decision, UpdateImports) for decision in whole):
        raise NotInPieces
    parts = list(cut(text))
    if len(parts) < 2:
        raise NotInPieces
    inner = [decision for decision in plan.decisions if decision.node.kind != "Module"]
    traversal = Traversal(inner, catalogue, plan.path)
    head, *others = (_rewritten(part, traversal, number) for number, part in enumerate(parts))
    traversal.finish()
    texts = [part.code if isinstance(part, cst.Module) else part for part in others]
    if whole and not traversal.problems and isinstance(head, cst.Module):
        head = _with_imports(head, texts, whole, Traversal(whole, catalogue, plan.path), traversal)
    first = head.code if isinstance(head, cst.Module) else head
    return first + "".join(texts), traversal


def _rewritten(part: str, traversal: Traversal, number: int) -> cst.Module | str:
    """A part after its edits; all but the first, whose imports may change, as text."""
    module = cst.parse_module(part)
    if module.code != part:
        raise NotInPieces
    updated = traversal.part(module)
    if number == 0:
        return updated
    return part if updated is module else updated.code


def _with_imports(
    head: cst.Module,
    texts: list[str],
    decisions: list[Decision],
    imports: Traversal,
    traversal: Traversal,
) -> cst.Module:
    """The first part with its imports; a line that names what the others use stands behind it
    meanwhile."""
    removed = {
        name for decision in decisions if isinstance(decision, UpdateImports)
        for name in decision.remove
    }  # fmt: skip
    used = [n for n in sorted(removed) if any(re.search(rf"\b{n}\b", text) for text in texts)]
    line = cst.SimpleStatementLine([cst.Expr(cst.List([cst.Element(cst.Name(n)) for n in used]))])
    updated = imports.run(head.with_changes(body=[*head.body, line]))
    traversal.problems += imports.problems
    return updated.with_changes(body=updated.body[:-1])


def cut(text: str) -> Iterator[str]:
    """The parts of a text, each of which but the first begins with a function or class."""
    lines = text.splitlines(keepends=True)
    begin = size = 0
    counted = 0
    for line in _starts(text):
        size += sum(map(len, lines[counted:line]))
        counted = line
        if size >= _PIECE:
            yield "".join(lines[begin:line])
            begin, size = line, 0
    yield "".join(lines[begin:])


def _starts(text: str) -> Iterator[int]:
    """The lines, counted from 0, on which a function or class at the top level begins, with its
    decorators."""
    at_start, depth, decorated = True, 0, False
    for token in tokenize.generate_tokens(io.StringIO(text, newline="").readline):
        if token.type in (tokenize.NL, tokenize.COMMENT):
            continue
        if token.type == tokenize.NEWLINE:
            at_start = True
        elif token.type == tokenize.INDENT:
            depth += 1
        elif token.type == tokenize.DEDENT:
            depth -= 1
        elif at_start:
            at_start = False
            if depth == 0:
                if token.string in _STARTS and not decorated:
                    yield token.start[0] - 1
                decorated = token.string == "@"
