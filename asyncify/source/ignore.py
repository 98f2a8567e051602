"""Ignore rules: which paths a ``.gitignore`` file, or a list of the same globs, leaves out.

Most lines of a typical ``.gitignore`` are a plain name, a suffix (``*.log``) or one plain path.
Those are looked up in sets, because discovery asks for thousands of paths and a regular expression
per line and path would cost more than reading the folders. Only what is left becomes regular
expressions, joined into one that rejects nearly every path at once.

Rules are asked for every entry on the way down from the root, so that a pattern never has to
match the descendants of what it names.

Source: https://git-scm.com/docs/gitignore
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from warnings import catch_warnings, simplefilter

_GLOB_CHARACTERS = frozenset("*?[\\")


@dataclass(frozen=True, slots=True)
class _Line:
    """One pattern: ``anchored`` ones match the whole path, the others the last name in it."""

    pattern: str
    ignores: bool
    directories_only: bool
    anchored: bool

    @property
    def is_literal(self) -> bool:
        return not _GLOB_CHARACTERS.intersection(self.pattern)

    @property
    def suffix(self) -> str:
        """``.log`` of ``*.log``, or nothing where the pattern is anything else."""
        rest = self.pattern[1:]
        is_suffix = self.pattern.startswith("*") and not _GLOB_CHARACTERS.intersection(rest)
        return rest if is_suffix and not self.anchored else ""

    def matches(self, path: str, name: str, is_directory: bool) -> bool:
        if self.directories_only and not is_directory:
            return False
        text = path if self.anchored else name
        if self.is_literal:
            return text == self.pattern
        if self.suffix:
            return text.endswith(self.suffix)
        return _compiled(_regular_expression(self.pattern)).fullmatch(text) is not None


class IgnoreRules:
    """The patterns of one file; ``base`` is the folder that it stands in (see ``relative_to``)."""

    def __init__(self, lines: Iterable[str], inserted: str = "", cut: int = 0) -> None:
        """``inserted`` and ``cut`` turn a path relative to the root into one relative to the
        folder of the rules: ``cut`` characters go (rules below the root), or ``inserted`` is put
        in front (rules of a folder above it)."""
        self._lines = tuple(line for text in lines if (line := _parse(text)) is not None)
        self._inserted = inserted
        self._cut = cut
        self._names = {_.pattern for _ in self._lines if _.is_literal and not _.anchored}
        self._paths = {_.pattern for _ in self._lines if _.is_literal and _.anchored}
        self._suffixes = tuple({_.suffix for _ in self._lines if _.suffix})

    def __bool__(self) -> bool:
        return bool(self._lines)

    def verdict(self, path: str, name: str, is_directory: bool) -> bool | None:
        """Whether ``path`` (relative to the root) is ignored; None where no pattern says."""
        path = self._inserted + path[self._cut :]
        if not self._may_match(path, name):
            return None
        for line in reversed(self._lines):
            if line.matches(path, name, is_directory):
                return line.ignores
        return None

    def _may_match(self, path: str, name: str) -> bool:
        if name in self._names or path in self._paths or name.endswith(self._suffixes):
            return True
        if self._name_globs is not None and self._name_globs.fullmatch(name):
            return True
        return self._path_globs is not None and self._path_globs.fullmatch(path) is not None

    @cached_property
    def _name_globs(self) -> re.Pattern[str] | None:
        return _joined(_ for _ in self._lines if not _.anchored)

    @cached_property
    def _path_globs(self) -> re.Pattern[str] | None:
        return _joined(_ for _ in self._lines if _.anchored)


def _joined(lines: Iterable[_Line]) -> re.Pattern[str] | None:
    globs = [_regular_expression(_.pattern) for _ in lines if not _.is_literal and not _.suffix]
    return _compiled("|".join(globs)) if globs else None


def _compiled(expression: str) -> re.Pattern[str]:
    """Python warns of classes such as `[a--b]`, whose meaning may change; nobody here can help."""
    with catch_warnings():
        simplefilter("ignore", FutureWarning)
        return re.compile(expression, re.DOTALL)


def _parse(text: str) -> _Line | None:
    text = _strip_trailing_spaces(text.rstrip("\r\n"))
    if not text or text.startswith("#"):
        return None
    ignores = not text.startswith("!")
    if not ignores:
        text = text[1:]
    if text.startswith(("\\#", "\\!")):
        text = text[1:]
    directories_only = text.endswith("/")
    pattern = text[:-1] if directories_only else text
    anchored = "/" in pattern
    pattern = pattern.removeprefix("/")
    return _Line(pattern, ignores, directories_only, anchored) if pattern else None


def _strip_trailing_spaces(text: str) -> str:
    """Without trailing spaces, except one that a backslash keeps."""
    stripped = text.rstrip(" ")
    kept = stripped.endswith("\\") and len(stripped) < len(text)
    return stripped + " " if kept else stripped


def _regular_expression(pattern: str) -> str:
    """A pattern as a regular expression for the whole text."""
    parts = []
    segments = pattern.split("/")
    last = len(segments) - 1
    for number, segment in enumerate(segments):
        if segment == "**" and last > 0:
            # A leading or inner `**/` stands for any number of folders, a trailing `/**` for
            # everything inside.
            parts.append(".+" if number == last else "(?:.+/)?")
        else:
            parts.append(_segment(segment) + ("" if number == last else "/"))
    return "".join(parts)


def _segment(segment: str) -> str:
    """One part of a pattern between slashes."""
    parts = []
    position = 0
    while position < len(segment):
        character = segment[position]
        position += 1
        if character == "*":
            parts.append("[^/]*")
        elif character == "?":
            parts.append("[^/]")
        elif character == "[":
            part, position = _character_class(segment, position)
            parts.append(part)
        elif character == "\\" and position < len(segment):
            parts.append(re.escape(segment[position]))
            position += 1
        else:
            parts.append(re.escape(character))
    return "".join(parts)


def _character_class(segment: str, start: int) -> tuple[str, int]:
    """The class whose ``[`` stands before ``start``, and the position behind it."""
    match = _CLASS.match(segment, start)
    if match is None:
        return _NEVER, len(segment)
    content = _CLASS_PART.sub(_class_part, match["content"])
    expression = f"(?!/)[{'^' if match['negated'] else ''}{content}]"
    try:
        _compiled(expression)
    except re.error:
        expression = _NEVER
    return expression, match.end()


# A bracket right at the start stands for itself.
_CLASS = re.compile(r"(?P<negated>[!^]?)(?P<content>\]?(?:\[:\w+:\]|\\.|[^\]\\])*)\]", re.DOTALL)
_CLASS_PART = re.compile(r"\[:(?P<name>\w+):\]|\\(?P<escaped>.)|(?P<special>[\[\]^&~|])", re.DOTALL)
_NAMED_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": " \\t",
    "digit": "0-9",
    "lower": "a-z",
    "punct": re.escape("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    "space": "\\s",
    "upper": "A-Z",
    "xdigit": "a-fA-F0-9",
}
# Git drops a pattern with a broken class; this matches nothing.
_NEVER = "(?!)"


def _class_part(match: re.Match[str]) -> str:
    """One part of a class, such that Python reads it as git does."""
    if match["name"]:
        return _NAMED_CLASSES.get(match["name"], "")
    return re.escape(match["escaped"] or match["special"])
