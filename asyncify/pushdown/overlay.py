"""Overlay: the program with its pages pushed down, as the rest of a run sees it.

The new texts lie over the files; findings about them are told at the lines that a person has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from asyncify.analysis.infer import Inference
from asyncify.facts import ModuleFacts
from asyncify.findings import Finding
from asyncify.outcome import FileChange
from asyncify.plan import Plan, make_coloring
from asyncify.pushdown.push import PushDown, Result
from asyncify.source.extract import ExtractError, extract
from asyncify.suppressions import Suppressions
from asyncify.vocabulary.push_down import DIALECTS
from asyncify.vocabulary.testing import is_test_path

_UNFLUSHED = re.compile(rb"\bautoflush\s*=\s*False|\bno_autoflush\b")
_DIALECT = re.compile(rb"sqlite|postgres(?:ql)?|mysql|mariadb")
_PAGE = "ASY801"


@dataclass
class Overlay:
    """New contents by path, and what was found out on the way."""

    before: dict[str, bytes] = field(default_factory=dict)
    after: dict[str, bytes] = field(default_factory=dict)
    result: Result = field(default_factory=Result)

    def facts(self, files: dict[str, ModuleFacts]) -> dict[str, ModuleFacts]:
        """The facts of the program as it is now."""
        return {**files, **{path: extract(text) for path, text in self.after.items()}}

    def holds(self, plan: Plan) -> bool:
        """Does all that was pushed down turn async? What stays sync stays as it was."""
        return self.result.functions <= set(plan.turned)

    def changes(self, made: tuple[FileChange, ...]) -> tuple[FileChange, ...]:
        """All changes, those of files included in which nothing else changes."""
        paths = {change.path for change in made}
        ours = [
            FileChange(path, self.before[path], text)
            for path, text in self.after.items() if path not in paths
        ]  # fmt: skip
        theirs = [replace(c, before=self.before.get(c.path, c.before)) for c in made]
        return tuple(sorted((*theirs, *ours), key=lambda change: change.path))

    def findings(self, found: Iterable[Finding]) -> list[Finding]:
        """Findings at the lines of the files as they are on disk, ours among them."""
        out = list(self.result.findings)
        settled = {(x.site.path, x.site.line) for x in out if x.code == _PAGE}
        for each in found:
            lines = self.result.lines.get(each.site.path)
            if lines is not None and each.site.line <= len(lines):
                each = replace(each, site=each.site._replace(line=lines[each.site.line - 1]))
            if each.code == _PAGE:
                if (each.site.path, each.site.line) in settled:
                    continue
                reason = self.result.reason(each.site)
                if reason:
                    each = replace(each, advice=f"It stays there: {reason}.")
            out.append(each)
        return out


def push_down(
    inference: Inference, files: dict[str, ModuleFacts], read: Callable[[str], bytes | None],
    may_change: Callable[[str], bool], suppressions: Mapping[str, Suppressions],
) -> Overlay:  # fmt: skip
    """The pages of a program that the database can cut. ``read`` gives a file's content."""
    ignored = frozenset(
        (path, ignore.site.line) for path, asked in suppressions.items()
        for ignore in asked.ignores if ignore.code == _PAGE
    )  # fmt: skip
    overlay = Overlay()

    def text(path: str) -> str | None:
        content = read(path) if may_change(path) else None
        if content is None or content.startswith(b"\xef\xbb\xbf") or b"\x0c" in content:
            return None
        try:
            decoded = content.decode()
        except UnicodeDecodeError:
            return None
        overlay.before[path] = content
        return decoded.replace("\r\n", "\n")

    colors, coloring = make_coloring(inference)
    contents = [read(path) or b"" for path in files if not is_test_path(path)]
    push = PushDown(colors, coloring, text, _dialects(contents), ignored)
    push.unflushed = any(map(_UNFLUSHED.search, contents))
    overlay.result = push.make()
    for path, new in overlay.result.texts.items():
        is_windows = b"\r\n" in overlay.before[path]
        overlay.after[path] = (new.replace("\n", "\r\n") if is_windows else new).encode()
    try:
        overlay.facts({})
    except ExtractError:
        return Overlay()
    return overlay


def _dialects(contents: Iterable[bytes]) -> frozenset[str]:
    """Which databases the program's own texts name."""
    words = {word.decode() for content in contents for word in _DIALECT.findall(content)}
    return frozenset(name for name in DIALECTS if any(name.startswith(word) for word in words))
