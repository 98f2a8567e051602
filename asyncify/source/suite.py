"""How the tests of a program are run, as its own files tell: which plugin runs coroutines, in which
mode, and in which version.

Files are searched as text, as for the version of SQLAlchemy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from asyncify.vocabulary.packages import FIRST_PYTEST, PYTEST_FILES

_SETTINGS = tuple(dict.fromkeys(name for name, _ in PYTEST_FILES))
_OWN_MANIFESTS = (
    "requirements*.txt", "requirements*.in", "requirements/*.txt", "requirements/*.in",
    "pyproject.toml", "Pipfile", "setup.cfg", "setup.py", "tox.ini",
)  # fmt: skip
_MANIFESTS = ("*/requirements*.txt", *_OWN_MANIFESTS)
_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml")
_MODE = re.compile(r"^\s*asyncio_mode\s*[=:]\s*[\"']?(\w+)|--asyncio-mode[= ](\w+)", re.MULTILINE)
_NAMED = re.compile(r"pytest[-_]asyncio")
_LOCKED = re.compile(r'name = "pytest-asyncio"\s*^version = "(\d+)\.(\d+)', re.MULTILINE)
_HELD = re.compile(
    r"pytest[-_]asyncio[\"']?\s*(?:=\s*(?:\{[^}\n]*?version\s*=\s*)?[\"'](?:\^|~|=)*|===?|~=)\s*"
    r"(\d+)\.(\d+)"
)
# A pytest that is held back holds the plugin back: the last before 0.24 takes one below 8.2. Poetry
# writes a version as it is: `pytest = "7.4.4"`.
_HELD_PYTEST = re.compile(
    r"(?<![\w-])pytest[\"']?\s*(?:=\s*(?:\{[^}\n]*?version\s*=\s*)?)?[\"']?[^\n#;\"'a-z]*?"
    r"(==|<=?|~=?|\^|(?<=[\"'])(?=\d))\s*(\d+)(?:\.(\d+))?(?:\.(\d+))?"
)
_LAST_BEFORE = (0, 23)
_DISTRIBUTIONS = (
    "lib/python*/site-packages/pytest_asyncio-*.dist-info",
    "Lib/site-packages/pytest_asyncio-*.dist-info",
)


@dataclass(frozen=True, slots=True)
class Suite:
    """``mode`` of pytest-asyncio where the project sets it; ``named``: do its files name that
    plugin; ``version``: of the plugin, where it is locked, held or installed."""

    mode: str = ""
    named: bool = False
    version: tuple[int, int] | None = None


def suite_of(root: Path, python: Path | None = None) -> Suite:
    """What the files below the root say."""
    settings = [_text(root / name) for name in _SETTINGS]
    modes = [match[1] or match[2] for text in settings for match in _MODE.finditer(text)]
    manifests = [_text(path) for pattern in _MANIFESTS for path in sorted(root.glob(pattern))]
    named = any(_NAMED.search(text) for text in manifests)
    version = next(_versions(root, manifests, python), None)
    return Suite(modes[-1] if modes else "", named, version)


def has_settings(folder: Path) -> bool:
    """Does a folder have settings of pytest?"""
    return any(f"[{section}]" in _text(folder / name) for name, section in PYTEST_FILES)


def has_requirements(folder: Path) -> bool:
    """Does a folder say what a project needs, if only in a requirements file?"""
    return any(path.is_file() for pattern in _OWN_MANIFESTS for path in folder.glob(pattern))


def holds_pytest_back(sign: str, *parts: str | None) -> bool:
    """Does a bound keep pytest below the version that the plugin's settings need? ``^8.0`` and
    ``~=8.0`` let every 8 in, ``~=8.0.1`` and ``~8.0`` don't."""
    numbers = [int(part) for part in parts if part]
    said = {"^": 1, "~=": len(numbers) - 1, "~": len(numbers)}.get(sign, 2)
    if said == 1 and sign in ("^", "~=", "~"):
        return numbers[0] < FIRST_PYTEST[0]
    bound = (*numbers, 0)[:2]
    return bound <= FIRST_PYTEST if sign == "<" else bound < FIRST_PYTEST


def _versions(root: Path, manifests: list[str], python: Path | None) -> Iterator[tuple[int, int]]:
    for name in _LOCKS:
        match = _LOCKED.search(_text(root / name))
        if match:
            yield int(match[1]), int(match[2])
    for text in manifests:
        match = _HELD.search(text)
        if match:
            yield int(match[1]), int(match[2])
    for text in manifests:
        match = _HELD_PYTEST.search(text)
        if match and holds_pytest_back(*match.groups()):
            yield _LAST_BEFORE
    if python is not None:
        environment = python if python.is_dir() else python.absolute().parent.parent
        for pattern in _DISTRIBUTIONS:
            for found in environment.glob(pattern):
                match = re.search(r"-(\d+)\.(\d+)", found.name)
                if match:
                    yield int(match[1]), int(match[2])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").lower()
    except OSError:
        return ""
