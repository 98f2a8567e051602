"""Templates of Jinja: what their expressions read of the variables that they are given.

Only as much of the language is read as tells that: names with attributes behind them, what a loop
or a `set` gives another name, and what is included or extended. https://jinja.palletsprojects.com
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_ENDINGS = (".html", ".htm", ".jinja", ".jinja2", ".j2", ".txt", ".xml")
_SKIPPED = {"node_modules", "site-packages", "venv", "env", "__pycache__", "build", "dist"}
_LARGE = 300_000  # bytes
_TAG = re.compile(r"{%-?\s*(?P<tag>.*?)\s*-?%}|{{-?\s*(?P<shown>.*?)\s*-?}}|{#.*?#}", re.S)
_FOR = re.compile(r"for\s+(?P<names>[\w\s,]+?)\s+in\s+(?P<items>.+)", re.S)
_SET = re.compile(r"(?:set|with)\s+(?P<name>\w+)\s*=\s*(?P<value>.+)", re.S)
_MACRO = re.compile(r"macro\s+\w+\s*\((?P<names>[^)]*)\)", re.S)
_OTHER = re.compile(r"(?:include|extends|import|from)\s+['\"](?P<name>[^'\"]+)['\"]")
_STRING = re.compile(r"'[^']*'|\"[^\"]*\"")
_PATH = re.compile(r"(?<![\w.)\]|])(?P<path>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?P<call>\s*\()?")
_FILTER = re.compile(r"\|\s*[A-Za-z_]\w*")
_DEPTH = 5


class Read(NamedTuple):
    """A variable and the attributes behind it: ``order.lines``, each of them ``product``."""

    path: tuple[str, ...]
    file: str
    line: int
    called: bool = False


class Templates:
    """The templates of a program, found by the ends of their paths."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files: dict[str, list[str]] | None = None
        self._reads: dict[str, list[Read]] = {}

    def reads(self, name: str, depth: int = 0) -> list[Read]:
        """What a template reads, and those that it includes or extends."""
        if name not in self._reads:
            self._reads[name] = []
            path = self._find(name)
            if path and depth < _DEPTH:
                text = self._text(path)
                self._reads[name] = list(_reads(text, path))
                for other in _OTHER.finditer(text):
                    self._reads[name] += self.reads(other["name"], depth + 1)
        return self._reads[name]

    def all_reads(self) -> Iterator[Read]:
        """What any template reads."""
        for path in _templates(self.root):
            yield from _reads(self._text(path), path)

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """All templates: their paths and what stands in them."""
        for path in _templates(self.root):
            yield path, (self.root / path).read_bytes()

    def _text(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def _find(self, name: str) -> str:
        if self._files is None:
            self._files = {}
            for path in _templates(self.root):
                self._files.setdefault(path.rpartition("/")[2], []).append(path)
        found = self._files.get(name.rpartition("/")[2], [])
        found = [path for path in found if path == name or path.endswith(f"/{name}")]
        return min(found, key=lambda path: (len(path), path), default="")


def _templates(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if f[0] != "." and f not in _SKIPPED)
        for name in sorted(files):
            path = Path(folder, name)
            if name.endswith(_ENDINGS) and path.stat().st_size < _LARGE:
                yield path.relative_to(root).as_posix()


def _reads(text: str, file: str) -> Iterator[Read]:
    aliases: dict[str, tuple[str, ...]] = {}
    for found in _TAG.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        expression = found["shown"] or found["tag"] or ""
        macro = _MACRO.match(expression)
        for name in macro["names"].split(",") if macro is not None else ():
            aliases.pop(name.partition("=")[0].strip(), None)
        loop, binding = _FOR.match(expression), _SET.match(expression)
        if loop is not None:
            expression = loop["items"]
        elif binding is not None:
            expression = binding["value"]
        paths = list(_paths(expression, aliases))
        for path, called in paths:
            yield Read(path, file, line, called)
        whole = paths[0][0] if paths else ()
        if loop is not None:
            names = [name.strip() for name in loop["names"].split(",")]
            for name in names:
                aliases.pop(name, None)
            if whole and len(names) == 1:
                aliases[names[0]] = whole
        elif binding is not None:
            aliases[binding["name"]] = whole


def _paths(
    expression: str, aliases: dict[str, tuple[str, ...]]
) -> Iterator[tuple[tuple[str, ...], bool]]:
    """The names with attributes of an expression, and whether that is called."""
    bare = _FILTER.sub(" ", _STRING.sub(" ", expression))
    for found in _PATH.finditer(bare):
        first, *others = found["path"].split(".")
        known = aliases.get(first, (first,))
        if known:
            yield (*known, *others), found["call"] is not None
