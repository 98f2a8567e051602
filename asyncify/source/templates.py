"""Templates of Jinja: what their expressions read of the variables that they are given.

Only as much of the language is read as tells that: names with attributes behind them, what a loop
or a `set` gives another name, and what is included or extended. https://jinja.palletsprojects.com
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

_ENDINGS = (".html", ".htm", ".jinja", ".jinja2", ".j2", ".txt", ".xml")
_SKIPPED = {"node_modules", "site-packages", "venv", "env", "__pycache__", "build", "dist"}
_LARGE = 300_000  # bytes
_TAG = re.compile(r"{%-?\s*(?P<tag>.*?)\s*-?%}|{{-?\s*(?P<shown>.*?)\s*-?}}|{#.*?#}", re.S)
_FOR = re.compile(r"for\s+(?P<names>[\w\s,]+?)\s+in\s+(?P<value>.+)", re.S)
_SET = re.compile(r"(?:set|with)\s+(?P<name>\w+)\s*=\s*(?P<value>.+)", re.S)
_MACRO = re.compile(
    r"{%-?\s*macro\s+(?P<name>\w+)\s*\((?P<names>[^)]*)\)\s*-?%}(?P<body>.*?){%-?\s*endmacro\b.*?%}",
    re.S,
)
_OTHER = re.compile(r"(?P<verb>include|extends|import|from)\s+['\"](?P<name>[^'\"]+)['\"]")
_CALL = re.compile(r"(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?)\s*\((?P<arguments>[^()]*)\)")
# Filters that read an attribute by its name.
_BY_NAME = re.compile(
    r"\|\s*(?P<filter>map|sort|groupby|selectattr|rejectattr|sum|unique|min|max|join)\s*\("
    r"(?:[^()'\"]*attribute\s*=\s*|(?<=selectattr\()|(?<=rejectattr\()|(?<=groupby\()|"
    r"['\"][^'\"]*['\"]\s*,\s*attribute\s*=\s*)\s*['\"](?P<attribute>[A-Za-z_][\w.]*)['\"]"
)
_GROUPED = re.compile(r"\|\s*groupby\b")
_STRING = re.compile(r"'[^']*'|\"[^\"]*\"")
_PATH = re.compile(r"(?<![\w.)\]|])(?P<path>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?P<call>\s*\()?")
_FILTER = re.compile(r"\|\s*[A-Za-z_]\w*")
# What may be a function of the program: a filter, what `map` and `select` take, a test.
_HANDED = re.compile(
    r"\|\s*(?:(?:map|select|reject)\s*\(\s*['\"](?P<mapped>\w+)['\"]|(?P<filter>[A-Za-z_]\w*))"
    r"|\bis\s+(?:not\s+)?(?P<test>[A-Za-z_]\w*)"
)
_OWN_WORDS = {
    "defined", "undefined", "none", "map", "sort", "length", "join", "first", "last", "list",
    "default", "lower", "upper", "title", "tojson", "e", "escape", "selectattr", "rejectattr",
    "safe",
}  # fmt: skip
_DEPTH = 5
_INLINE = "a template"

Aliases = dict[str, tuple[str, ...]]


class Read(NamedTuple):
    """A variable and the attributes behind it: ``order.lines``, each of them ``product``. ``to``:
    it is what a function that the template knows by this name is given, as its ``position``."""

    path: tuple[str, ...]
    file: str
    line: int
    called: bool = False
    to: str = ""
    position: int = 0


class Templates:
    """The templates of a program, found by the ends of their paths. Each is read once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._reads: dict[str, list[Read]] = {}
        self._texts: dict[str, str] = {}

    def reads(self, name: str) -> list[Read]:
        """What a template reads, and those that it includes or extends."""
        if name not in self._reads:
            self._reads[name] = []
            self._reads[name] = list(self.inside(name, {}, {}, 0))
        return self._reads[name]

    def reads_of(self, text: str) -> list[Read]:
        """What a template reads that stands in the program."""
        return list(_Reader(self, _INLINE, {}, {}, 0).read(text))

    def inside(
        self, name: str, aliases: Aliases, macros: dict[str, _Macro], depth: int
    ) -> Iterator[Read]:
        """The same, where names stand for something and macros are known."""
        path = self.find(name)
        if path:
            yield from _Reader(self, path, aliases, macros, depth).read(self.text(path))

    @cached_property
    def all_reads(self) -> list[Read]:
        """What any template reads, in its macros too."""
        return list(self._all_reads())

    def _all_reads(self) -> Iterator[Read]:
        for path in self._paths:
            text = self.text(path)
            yield from _Reader(self, path, {}, {}, _DEPTH).read(text)
            for macro in _macros(text, path).values():
                yield from _Reader(self, path, {}, {}, _DEPTH).read(macro.body, macro.line)

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """All templates: their paths and what stands in them."""
        for path in self._paths:
            yield path, (self.root / path).read_bytes()

    def text(self, path: str) -> str:
        if path not in self._texts:
            text = (self.root / path).read_text(encoding="utf-8", errors="replace")
            self._texts[path] = text
        return self._texts[path]

    @cached_property
    def _paths(self) -> list[str]:
        return list(_templates(self.root))

    @cached_property
    def _files(self) -> dict[str, list[str]]:
        """The paths, by their last parts."""
        found: dict[str, list[str]] = {}
        for path in self._paths:
            found.setdefault(path.rpartition("/")[2], []).append(path)
        return found

    def find(self, name: str) -> str:
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


@dataclass(frozen=True, slots=True)
class _Macro:
    """A macro: where it stands, its parameters, and its body."""

    file: str
    line: int
    parameters: tuple[str, ...]
    body: str


class _Reader:
    """Reads one text: what is known by which name changes on the way through it."""

    def __init__(
        self,
        templates: Templates,
        file: str,
        aliases: Aliases,
        macros: dict[str, _Macro],
        depth: int,
    ) -> None:
        self.templates = templates
        self.file = file
        self.aliases = aliases
        self.macros = macros
        self.depth = depth

    def read(self, text: str, first: int = 1) -> Iterator[Read]:
        own = _macros(text, self.file)
        self.macros |= own
        for found in _TAG.finditer(_without(text, own)):
            line = first + text.count("\n", 0, found.start())
            tag = found["tag"] or ""
            other = _OTHER.match(tag)
            if other is not None:
                yield from self.other(other["verb"], other["name"], tag[other.end() :])
                continue
            yield from self.expression(found["shown"] or tag, line)

    def expression(self, text: str, line: int) -> Iterator[Read]:
        loop, binding = _FOR.match(text), _SET.match(text)
        bound = loop or binding
        value = bound["value"] if bound is not None else text
        value, _, chosen = value.partition(" if ") if loop is not None else (value, "", "")
        paths = list(_paths(value, self.aliases))
        for path, called in paths:
            yield Read(path, self.file, line, called)
        yield from self.calls(value)
        yield from self.handed(value, line)
        whole = paths[0][0] if paths else ()
        for path in _filtered(value, self.aliases):
            yield Read(path, self.file, line)
        if loop is not None:
            names = [name.strip() for name in loop["names"].split(",")]
            for name in names:
                self.aliases.pop(name, None)
            if whole and (len(names) == 1 or _GROUPED.search(value)):
                self.aliases[names[-1]] = _mapped(value, whole)
            if chosen:  # for order in orders if order.customer.is_known
                yield from self.expression(chosen, line)
        elif binding is not None:
            self.aliases[binding["name"]] = _mapped(value, whole)

    def other(self, verb: str, name: str, rest: str) -> Iterator[Read]:
        """Another template: a part of this one, what this one is a part of, or its macros."""
        if self.depth >= _DEPTH:
            return
        if verb in ("include", "extends"):
            yield from self.templates.inside(name, dict(self.aliases), self.macros, self.depth + 1)
            return
        path = self.templates.find(name)
        macros = _macros(self.templates.text(path), path) if path else {}
        if verb == "import":
            words = rest.split()
            self.macros |= (
                {f"{words[1]}.{key}": each for key, each in macros.items()} if words[1:] else {}
            )
            return
        for part in rest.partition("import")[2].split(","):
            words = part.split()
            if words and words[0] in macros:
                self.macros[words[-1] if words[1:2] == ["as"] else words[0]] = macros[words[0]]

    def handed(self, text: str, line: int) -> Iterator[Read]:
        """``user | team_of``, ``users | map("team_of")``, ``if user is busy``, ``total(user)``"""
        bare = _STRING.sub(_blank, text)
        for found in _HANDED.finditer(text):
            paths = [path for path, _ in _paths(bare[: found.start()], self.aliases)]
            name = found["mapped"] or found["filter"] or found["test"]
            if paths and name not in _OWN_WORDS:
                yield Read(paths[-1], self.file, line, to=name)
        for found in _CALL.finditer(bare):
            if found["name"] in self.macros:
                continue
            for position, argument in enumerate(found["arguments"].split(",")):
                for path, _ in list(_paths(argument, self.aliases))[:1]:
                    yield Read(path, self.file, line, to=found["name"], position=position)

    def calls(self, text: str) -> Iterator[Read]:
        """``card(user)``: what a macro reads of what it is given."""
        for found in _CALL.finditer(_STRING.sub(_blank, text)):
            macro = self.macros.get(found["name"])
            if macro is None or self.depth >= _DEPTH:
                continue
            aliases: Aliases = {}
            for number, argument in enumerate(found["arguments"].split(",")):
                name, given, value = argument.rpartition("=")
                paths = list(_paths(value, self.aliases))
                at = name.strip() if given else ""
                if not at and number < len(macro.parameters):
                    at = macro.parameters[number]
                aliases[at] = paths[0][0] if paths else ()
            aliases = {**dict.fromkeys(macro.parameters, ()), **aliases}
            macros = {**self.macros, **_macros(self.templates.text(macro.file), macro.file)}
            inner = _Reader(self.templates, macro.file, aliases, macros, self.depth + 1)
            yield from inner.read(macro.body, macro.line)


def _macros(text: str, file: str) -> dict[str, _Macro]:
    """The macros that a text defines."""
    found: dict[str, _Macro] = {}
    for macro in _MACRO.finditer(text):
        names = [name.partition("=")[0].strip() for name in macro["names"].split(",")]
        line = text.count("\n", 0, macro.start("body")) + 1
        found[macro["name"]] = _Macro(file, line, tuple(filter(None, names)), macro["body"])
    return found


def _without(text: str, macros: dict[str, _Macro]) -> str:
    """A text without the bodies of its macros, which read only what they are given."""
    return _MACRO.sub(_blank, text) if macros else text


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])


def _paths(expression: str, aliases: Aliases) -> Iterator[tuple[tuple[str, ...], bool]]:
    """The names with attributes of an expression, and whether that is called."""
    bare = _FILTER.sub(_blank, _STRING.sub(_blank, expression))
    for found in _PATH.finditer(bare):
        first, *others = found["path"].split(".")
        known = aliases.get(first, (first,))
        if known:
            yield (*known, *others), found["call"] is not None


def _filtered(expression: str, aliases: Aliases) -> Iterator[tuple[str, ...]]:
    """What filters read by name: ``users | sort(attribute="team.name")``."""
    bare = _STRING.sub(_blank, expression)
    for found in _BY_NAME.finditer(expression):
        before = list(_paths(bare[: found.start()], aliases))
        if before:
            base = _mapped(expression[: found.start()], before[-1][0])
            yield (*base, *found["attribute"].split("."))


def _mapped(expression: str, path: tuple[str, ...]) -> tuple[str, ...]:
    """``users | map(attribute="team")``"""
    for found in _BY_NAME.finditer(expression):
        if found["filter"] == "map" and path:
            path = (*path, *found["attribute"].split("."))
    return path
