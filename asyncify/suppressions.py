"""Suppressions: comments in the code that silence a finding, and the codes that a run reports.

``# asyncify: ignore[CODE] reason`` silences the codes on its own line; ``# asyncify: skip-file``
leaves the whole file alone. A suppression that silences nothing is itself a finding: it would hide
the next problem on its line.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from asyncify.config import Config, nearest
from asyncify.findings import Finding
from asyncify.rules import FAILURES, SEVERITIES, finding
from asyncify.sites import Site

MARKER = "# asyncify:"
# A file that is left alone may still break what turns around it, or be unreadable.
NEVER_SKIPPED = FAILURES | {"ASY102"}
_COMMENT = re.compile(r"#\s*asyncify:\s*(?P<action>[\w-]+)\s*(?:\[(?P<codes>[^\]]*)\])?")


@dataclass(frozen=True, slots=True)
class Ignore:
    """One ``ignore`` comment: the lines that it holds for (a statement may span several)."""

    site: Site
    code: str


@dataclass(frozen=True, slots=True)
class Suppressions:
    """What the comments of one file say; ``problems`` are comments that can't be understood."""

    path: str
    ignores: tuple[Ignore, ...] = ()
    skip_file: Site | None = None
    problems: tuple[Finding, ...] = ()


def parse_suppressions(path: str, text: str) -> Suppressions:
    """Read the comments of a file that has ``MARKER`` in it."""
    ignores: list[Ignore] = []
    problems: list[Finding] = []
    skip_file: Site | None = None
    for site, match in _comments(path, text):
        action, codes = match["action"], match["codes"]
        if action == "skip-file" and codes is None:
            skip_file = skip_file or site
        elif action == "ignore" and codes:
            for code in codes.split(","):
                problem = _unknown(site, code.strip())
                problems += [problem] if problem else []
                ignores += [] if problem else [Ignore(site, code.strip())]
        else:
            problems.append(finding("ASY501", site, *_not_understood(action)))
    return Suppressions(path, tuple(ignores), skip_file, tuple(problems))


def _unknown(site: Site, code: str) -> Finding | None:
    if code in SEVERITIES:
        return None
    reason = f'This suppression names the unknown code "{code}"{nearest(code, SEVERITIES)}'
    return finding("ASY501", site, reason)


def _not_understood(action: str) -> tuple[str, str]:
    if action == "ignore":
        return "This suppression names no code.", "Write `# asyncify: ignore[CODE] reason`."
    guess = nearest(action, ("ignore", "skip-file"))
    return f'This comment asks for "{action}", which is unknown{guess}', ""


def _comments(path: str, text: str) -> Iterator[tuple[Site, re.Match[str]]]:
    """The comments for asyncify with their places. Text in strings isn't a comment, which only
    the tokens tell; a file that has none because of an error is none of this module's business."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                match = _COMMENT.search(token.string)
                if match:
                    line, column = token.start
                    yield Site(path, line, column + match.start() + 1), match
    except (tokenize.TokenError, SyntaxError):
        return


def apply_suppressions(
    findings: Iterable[Finding],
    per_file: Mapping[str, Suppressions],
    left_alone: frozenset[str] = frozenset(),
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The findings that stay, and one finding for every suppression that silenced nothing.
    ``left_alone`` are the files that would have changed but for ``skip-file``.

    Apply it before codes are selected: a suppression of a code that isn't reported is in use.
    """
    used: set[Ignore] = set()
    kept: list[Finding] = []
    for item in findings:
        suppressions = per_file.get(item.site.path)
        matching = _matching(item, suppressions) if suppressions else []
        used.update(matching)
        skips = suppressions is not None and suppressions.skip_file is not None
        left_alone |= {item.site.path} if skips else frozenset()
        if not matching and not (skips and item.code not in NEVER_SKIPPED):
            kept.append(item)
    return tuple(kept), tuple(_unused(per_file, used, left_alone))


def _matching(item: Finding, suppressions: Suppressions) -> list[Ignore]:
    return [
        ignore
        for ignore in suppressions.ignores
        if ignore.code == item.code and ignore.site.line == item.site.line
    ]


def _unused(
    per_file: Mapping[str, Suppressions], used: set[Ignore], left_alone: frozenset[str]
) -> Iterator[Finding]:
    for path in sorted(per_file):
        suppressions = per_file[path]
        yield from suppressions.problems
        if suppressions.skip_file is not None:
            if path not in left_alone:
                reason = "There is nothing to do in this file: the comment skips nothing."
                yield finding("ASY501", suppressions.skip_file, reason, "Remove it.")
            continue
        for ignore in suppressions.ignores:
            if ignore not in used:
                reason = f"This suppression of {ignore.code} silences nothing."
                yield finding("ASY501", ignore.site, reason, "Remove it.")


def select_findings(findings: Iterable[Finding], config: Config) -> tuple[Finding, ...]:
    """The findings that ``select``, ``ignore`` and ``per-file-ignores`` leave."""
    if not (config.select or config.ignore or config.per_file_ignores):
        return tuple(findings)
    return tuple(item for item in findings if _is_selected(item, config))


def _is_selected(item: Finding, config: Config) -> bool:
    """The longer of two prefixes wins, as in ruff: ``ignore ASY1`` and ``select ASY101``."""
    wanted = _length(item.code, config.select) if config.select else 0
    refused = _length(item.code, config.ignore)
    if wanted < 0 or 0 <= refused >= wanted:
        return False
    return not any(
        fnmatchcase(item.site.path, glob) and _length(item.code, codes) >= 0
        for glob, codes in config.per_file_ignores
    )


def _length(code: str, prefixes: tuple[str, ...]) -> int:
    """The length of the longest prefix that names a code, or -1."""
    lengths = [0 if _ == "ALL" else len(_) for _ in prefixes if _ == "ALL" or code.startswith(_)]
    return max(lengths, default=-1)
