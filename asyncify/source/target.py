"""The SQLAlchemy and the Python that the migrated program runs on, as its own files tell.

Files are searched as text: a lock file is long, a TOML parser takes a tenth of a second for one,
and only a single version is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from asyncify.source.git import work_tree_of
from asyncify.source.marks import marked

_LOCK_FILES = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml")
_LOCKED = re.compile(r'name = "sqlalchemy"\s*^version = "([\d.]+)', re.M)
_LOCKED_JSON = re.compile(r'"sqlalchemy": \{[^{}]*"version": "==([\d.]+)')
_DEPENDENCY_GLOBS = (
    "requirements*.txt",
    "requirements/*.txt",
    "*/requirements*.txt",
    "*/requirements/*.txt",
    "pyproject.toml",
    "*/pyproject.toml",
    "setup.cfg",
    "setup.py",
)
_PYTHON_FILES = ("pyproject.toml", "setup.cfg", "setup.py")
# `SQLAlchemy[asyncio]>=1.4,<2` and Poetry's `sqlalchemy = "^2.0"`, `sqlalchemy = {version = "^2"}`.
_REQUIREMENT = re.compile(
    r"""(?<![\w.-]) sqlalchemy
        (?: \s* (?:\[[^\]\n]*\])? \s* \(? (?P<standard> [<>=!~]{1,3} \s* \d [^"'#;)\n]*)
          | ["']? \s* = \s* (?: \{ [^}\n]*? version \s* = \s* )? ["']
            (?P<poetry> [<>=!~^]{0,2} \s* \d [^"'\n]*) )""",
    re.X,
)
# `requires-python = ">=3.9"`, `python_requires=">=3.9"`, and Poetry's `python = "^3.9"`.
_PYTHON = re.compile(
    r"""(?<![\w.-])(?:requires-python|python_requires|python)\s*=\s*["']?([^"'\n]*)"""
)
_SPECIFIER = re.compile(r"([<>=!~^]{0,3})\s*(\d[\d.]*)")
_DISTRIBUTIONS = (
    "lib/python*/site-packages/[sS][qQ][lL][aA]lchemy-*.dist-info",
    "Lib/site-packages/[sS][qQ][lL][aA]lchemy-*.dist-info",
)
_LAST_WITHOUT, _FIRST_ASYNC = (1, 3), (1, 4)  # async sessions
_FIRST_2 = (2, 0)
_FIRST_WITH_ASYNC_ATTRS = (2, 0, 13)
_FIRST_WITH_UNIONS = (3, 10)
# Of a range, the line alone: what is installed is the newest of that.
Version = tuple[int, ...]


class Target(NamedTuple):
    """The line (``1.4``, ``2.0`` or ``2.1``), whether its release has ``AsyncAttrs``, and the older
    version that holds the project back, if one does."""

    line: str
    has_async_attrs: bool
    too_old: str = ""


def sqlalchemy_target(root: Path, python: Path | None = None) -> Target | None:
    """From a lock file, else from what the dependency files demand, else from the environment of
    ``python``; None where nothing says."""
    for version in (_locked(root), _demanded(root), _installed(python)):
        if version is not None:
            is_range = version == _FIRST_WITH_ASYNC_ATTRS[: len(version)]
            too_old = "" if version >= _FIRST_ASYNC else ".".join(map(str, version))
            has_attrs = is_range or version >= _FIRST_WITH_ASYNC_ATTRS
            return Target(_line(version), has_attrs, too_old)
    return None


def has_unions(root: Path) -> bool:
    """Is ``int | str`` an expression of every Python that the dependency files allow?"""
    lowest = [
        version for pattern in _PYTHON_FILES for path in sorted(root.glob(pattern))
        for match in _PYTHON.finditer(_text(path)) for operator, version in _specifiers(match[1])
        if operator in _LOWER or operator == "=="
    ]  # fmt: skip
    return bool(lowest) and min(lowest) >= _FIRST_WITH_UNIONS


def _line(version: Version) -> str:
    if version < (2, 0):
        return "1.4"
    return "2.0" if version < (2, 1) else "2.1"


def _version(text: str) -> Version:
    parts = tuple(int(part) for part in text.split(".")[:3] if part)
    return parts if len(parts) > 1 else (*parts, 0)


def _locked(root: Path) -> Version | None:
    """A workspace has its lock file above the program's root, and a repository may have projects
    in its folders."""
    work_tree = work_tree_of(root)
    folders = [root]
    if work_tree is not None:
        folders += [folder for folder in root.parents if folder.is_relative_to(work_tree)]
    below = sorted({path.parent for name in _LOCK_FILES for path in root.glob(f"*/{name}")})
    for folder in (*folders, *below):
        for name in _LOCK_FILES:
            match = _LOCKED.search(_text(folder / name))
            if match:
                return _version(match[1])
        match = _LOCKED_JSON.search(_text(folder / "Pipfile.lock"))
        if match:
            return _version(match[1])
    return None


def _demanded(root: Path) -> Version | None:
    """The lowest version that the dependency files allow and that has async sessions: what is
    written then runs on all of them. A pin says more than a range, wherever it stands."""
    lowest: list[Version] = []
    for pattern in _DEPENDENCY_GLOBS:
        for path in sorted(root.glob(pattern)):
            for match in _REQUIREMENT.finditer(_text(path)):
                specifiers = list(_specifiers(match["standard"] or match["poetry"]))
                for operator, version in specifiers:
                    if operator in ("==", "==="):
                        return version
                    if operator == "<" and version <= _FIRST_ASYNC:
                        return _LAST_WITHOUT
                    if operator == "<" and version <= _FIRST_2:
                        lowest.append(_FIRST_ASYNC)
                lowest += [version[:2] for operator, version in specifiers if operator in _LOWER]
    return max(min(lowest), _FIRST_ASYNC) if lowest else None


_LOWER = (">=", ">", "~=", "^", "~", "")


def _specifiers(text: str) -> Iterator[tuple[str, Version]]:
    for part in text.split(","):
        match = _SPECIFIER.match(part.strip())
        if match:
            yield match[1], _version(match[2])


def _installed(python: Path | None) -> Version | None:
    """The version in the environment of an interpreter, or of an environment's folder."""
    if python is None:
        return None
    environment = python if python.is_dir() else python.absolute().parent.parent
    for pattern in _DISTRIBUTIONS:
        for found in environment.glob(pattern):
            match = re.search(r"-(\d+\.[\d.]+)", found.name)
            if match:
                return _version(match[1])
    return None if python.is_dir() else _asked(python)


def _asked(python: Path) -> Version | None:
    """What the interpreter itself says, for environments that are laid out in another way."""
    import subprocess

    program = "from importlib.metadata import version; print(version('sqlalchemy'))"
    try:
        result = subprocess.run(
            [str(python), "-c", program], capture_output=True, text=True, check=False, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"\d+\.[\d.]+", result.stdout)
    return _version(match[0]) if match else None


def _text(path: Path) -> str:
    """The text in lower case: names of distributions are spelled in any."""
    try:
        content = path.read_bytes()
    except OSError:
        return ""
    mark, codec = marked(content)
    return content[len(mark) :].decode(codec, errors="replace").lower()
