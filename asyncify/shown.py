"""Docstrings and comments that show how something is called which turns async.

What is shown there is not code that runs, and nobody but its author knows what it means to say. So
it isn't edited, but named, in the files that change: a person reads it once more.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator

from asyncify.decisions import AwaitExpression, FilePlan, MakeAsync
from asyncify.findings import Finding
from asyncify.outcome import FileChange
from asyncify.plan import Plan
from asyncify.rules import finding
from asyncify.sites import Site

# A line that is code: the call is all of it, or what is assigned, returned, entered, iterated.
_CODE = (
    r"^\s*(?:#+\s*)?(?:>>>\s*|\.\.\.\s*)?"
    r"(?:[\w.]+(?:\s*,\s*[\w.]+)*\s*=\s*|return\s+|with\s+|for\s+[\w\s,]+\s+in\s+|assert\s+|print\()?"
    r"(?:[\w.]+\.)?(?P<name>%s)\([^\n]*\)[\w.\[\]:]*\s*$"
)
_DOCTEST = r"^\s*(?:#+\s*)?>>>[^\n]*(?<!await )(?<![\w])(?P<name>%s)\("
_QUIET = {
    tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT,
    tokenize.ENCODING,
}  # fmt: skip
# Comments and long strings; short ones are read so that what they hold doesn't begin one.
_LITERAL = re.compile(
    r"#[^\n]*"
    r'|"""(?:[^"\\]|\\.|"(?!""))*"""'
    r"|'''(?:[^'\\]|\\.|'(?!''))*'''"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'(?:[^'\\\n]|\\.)*'",
    re.DOTALL,
)
_QUOTES = re.compile(r"^[rRuU]*(?:\"\"\"|''')|(?:\"\"\"|''')$")
_ADVICE = "Say there that it is awaited."


def shown_usage(plan: Plan, changes: tuple[FileChange, ...]) -> Iterator[Finding]:
    """Findings for what the changed files show of what turns."""
    fresh = {
        decision.node.name for file in plan.files for decision in file.decisions
        if isinstance(decision, MakeAsync) and not decision.node.name.startswith("__")
    }  # fmt: skip
    before = {change.path: change.before for change in changes}
    for file in plan.files:
        names = fresh & set(_named(file))
        text = before.get(file.path)
        if names and text is not None:
            yield from _of_file(file.path, text, names)


def _named(file: FilePlan) -> Iterator[str]:
    """What turns in a file, or is awaited there."""
    for decision in file.decisions:
        if isinstance(decision, (MakeAsync, AwaitExpression)) and decision.node.name:
            yield decision.node.name


def _of_file(path: str, text: bytes, names: set[str]) -> Iterator[Finding]:
    words = "|".join(sorted(map(re.escape, names)))
    pattern = re.compile(f"{_CODE % words}|{_DOCTEST.replace('P<name>', 'P<tested>') % words}")
    if not _may_show(text, pattern):
        return
    for line, shown in _prose(text):
        match = pattern.match(shown)
        if match:
            name = match["name"] or match["tested"]
            reason = f"`{name}` turns async, and this shows how it was called: {shown.strip()}"
            yield finding("ASY606", Site(path, line, 1), reason, _ADVICE)


def _may_show(text: bytes, pattern: re.Pattern[str]) -> bool:
    """Whether it is worth it to read the tokens, which takes long: does anything that looks like a
    comment or a long string show a call?"""
    return any(
        pattern.match(_QUOTES.sub("", line))
        for literal in _LITERAL.finditer(text.decode("utf-8", "replace"))
        for line in literal[0].splitlines()
    )


def _prose(text: bytes) -> Iterator[tuple[int, str]]:
    """The lines of comments and docstrings, with their numbers."""
    last = tokenize.ENCODING
    try:
        for token in tokenize.tokenize(io.BytesIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string
            elif token.type == tokenize.STRING and last in _QUIET:
                for number, line in enumerate(token.string.splitlines()):
                    yield token.start[0] + number, _QUOTES.sub("", line)
            last = token.type if token.type != tokenize.NL else last
    except (tokenize.TokenError, SyntaxError):
        return  # the rewrite has read it: what this Python can't tokenise shows nothing
