"""Rewrite: one file's bytes and its decisions become new bytes, in memory.

LibCST parses the file once and one traversal carries out all decisions. A decision whose node isn't
there, has another name, or can't be edited makes the file a failure: there is no partly rewritten
file. The transforms are handed in.
"""

from __future__ import annotations

import io
import sys
import tokenize
import warnings
from dataclasses import dataclass

import libcst as cst

from asyncify.decisions import Decision, FilePlan
from asyncify.rewrite.lines import split_lines
from asyncify.rewrite.pieces import LONG, NotInPieces, rewritten_in_pieces
from asyncify.rewrite.traversal import Catalogue, Transform, Traversal

__all__ = ["Catalogue", "RewriteProblem", "RewriteResult", "Transform", "rewrite_file"]

# LibCST's code generation takes about five frames per level of nesting.
_RECURSION_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class RewriteProblem:
    """Why a file was not rewritten: the decision that failed, where it was one, and a sentence."""

    decision: Decision | None
    sentence: str


@dataclass(frozen=True, slots=True)
class RewriteResult:
    """The new text, or None and the problems."""

    text: bytes | None
    problems: tuple[RewriteProblem, ...] = ()


def rewrite_file(source: bytes, plan: FilePlan, catalogue: Catalogue) -> RewriteResult:
    """Carry out all decisions of one file."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _RECURSION_LIMIT))
    try:
        return _rewrite(source, plan, catalogue)
    except RecursionError:
        return _failure("The code is nested too deeply to be rewritten.")
    except cst.CSTValidationError as error:
        return _failure(f"An edit gave code that LibCST refuses: {_first_line(error)}.")
    finally:
        sys.setrecursionlimit(limit)


def _rewrite(source: bytes, plan: FilePlan, catalogue: Catalogue) -> RewriteResult:
    if len(source) > LONG:
        try:
            return _in_pieces(source, plan, catalogue)
        except (NotInPieces, cst.ParserSyntaxError, SyntaxError, ValueError, LookupError):
            pass  # as a whole it may work, or the reason is found
    try:
        module, tail = _parsed(source)
    except (cst.ParserSyntaxError, SyntaxError, UnicodeDecodeError, LookupError) as error:
        return _failure(f"LibCST can't read the file: {_first_line(error)}.")
    if module is None:
        return _failure("LibCST doesn't keep every byte of the file (a form feed does that).")
    traversal = Traversal(plan.decisions, catalogue, plan.path)
    rewritten = traversal.run(module)
    crowded = traversal.crowded
    if crowded:
        traversal = Traversal(plan.decisions, catalogue, plan.path)
        rewritten = traversal.run(split_lines(module, crowded))
    if traversal.problems:
        problems = tuple(RewriteProblem(*problem) for problem in traversal.problems)
        return RewriteResult(None, problems)
    if rewritten is module:
        return RewriteResult(source)
    try:
        text = rewritten.bytes + tail
    except UnicodeEncodeError as error:
        return _failure(f"The new text can't be encoded as {module.encoding}: {error.reason}.")
    return _compiled(text, plan.path)


def _in_pieces(source: bytes, plan: FilePlan, catalogue: Catalogue) -> RewriteResult:
    """A long file, of which only a part is held as a tree at any time."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    text, traversal = rewritten_in_pieces(source.decode(encoding), plan, catalogue)
    if traversal.problems:
        return RewriteResult(None, tuple(RewriteProblem(*each) for each in traversal.problems))
    return _compiled(text.encode(encoding), plan.path)


def _parsed(source: bytes) -> tuple[cst.Module | None, bytes]:
    """The module, and the end of the file that it leaves out; no module where LibCST would lose
    bytes. It loses some of several indented comments that end a file, so those are set aside."""
    module = cst.parse_module(source)
    if module.bytes == source:
        return module, b""
    lines = source.splitlines(keepends=True)
    while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith(b"#")):
        lines.pop()
    head = b"".join(lines)
    module = cst.parse_module(head)
    return (module if module.bytes == head else None), source[len(head) :]


def _compiled(text: bytes, path: str) -> RewriteResult:
    """Python itself says whether an ``await`` stands where none may."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _compile(text, path)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        shown = text.splitlines()[line - 1 : line] or [b""]
        code = shown[0].decode("utf-8", "replace").strip()
        return _failure(f"The rewritten file doesn't compile: {_first_line(error)}: `{code}`.")
    return RewriteResult(text)


def _compile(text: bytes, path: str) -> None:
    """Where the syntax is newer than this Python, what it compiles is the same in older words."""
    try:
        compile(text, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        from asyncify.source.extract import ExtractError
        from asyncify.source.newer import older_text

        try:
            older = older_text(text)
        except ExtractError:
            raise error from None
        compile(older, path, "exec", dont_inherit=True)


def _failure(sentence: str) -> RewriteResult:
    return RewriteResult(None, (RewriteProblem(None, sentence),))


def _first_line(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return error.msg
    return str(error).partition("\n")[0].rstrip(".")
