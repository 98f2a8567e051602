"""Console scripts: the functions that a project's own files have installed as commands.

The wrapper that an installer writes calls the function and exits with what it returns. It awaits
nothing, so the function has to run its own event loop.

https://packaging.python.org/en/latest/specifications/entry-points/
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

_REFERENCE = re.compile(r"^\s*([A-Za-z_][\w.]*:[A-Za-z_][\w.]*)\s*(?:\[.*\])?\s*$")
_ASSIGNED = re.compile(r"[\w.-]+\s*=\s*([A-Za-z_][\w.]*:[A-Za-z_][\w.]*)")
_WORDS = ("scripts", "entry-points", "plugins")


def scripts_of(root: Path) -> tuple[str, ...]:
    """The functions by module and name (``shop.cli:main``), in the files below the root."""
    found = [*_of_pyproject(_text(root / "pyproject.toml"))]
    for name in ("setup.cfg", "setup.py"):
        text = _text(root / name)
        if "entry_points" in text:
            found += _ASSIGNED.findall(text)
    return tuple(dict.fromkeys(found))


def _of_pyproject(text: str) -> Iterator[str]:
    if not any(word in text for word in _WORDS):
        return
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        document = toml.loads(text)
    except toml.TOMLDecodeError:
        return  # whoever reads the configuration says so
    project = _table(document, "project")
    poetry = _table(_table(document, "tool"), "poetry")
    for table in (project, poetry):
        for word in (*_WORDS, "gui-scripts"):
            yield from _references(table.get(word))


def _references(value: object) -> Iterator[str]:
    """All references below a table, however deep."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, str):
        match = _REFERENCE.match(value)
        if match:
            yield match[1]


def _table(table: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = table.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
