"""How pytest runs coroutines: the settings of pytest-asyncio, where pytest keeps its own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

import tomlkit
from tomlkit.exceptions import TOMLKitError

from asyncify.manifests.changes import Manifests
from asyncify.vocabulary.packages import (
    DROPPED_CONNECTIONS,
    FILTERS,
    ONE_LOOP,
    PYTEST_FILES,
    PYTEST_SETTINGS,
    SETTINGS_SINCE,
    STRICT,
)

_OPTIONS = "addopts"
_FILTERS = re.compile(rf"{FILTERS}\s*[=:]")
_LOOPS = (
    "The project holds pytest-asyncio at {}.{}, which runs each test in an event loop of its own: "
    "async fixtures can't be shared by tests, nor connections that an engine keeps."
)
_ADVICE = "Take pytest-asyncio 0.26 or newer, which needs pytest 8.2, and run asyncify again."
Settings = tuple[tuple[str, str], ...]


def settings(
    manifests: Manifests,
    folders: Iterable[str] = ("",),
    version: tuple[int, int] | None = None,
    sqlite: bool = False,
) -> None:
    """``asyncio_mode = "auto"``, unless the project has its own, and one loop for all tests: where
    the root has settings of pytest, and where the folder of a project whose tests turn has some, or
    one below it. Where there are none, pytest finds them there. A version that is held back gets
    what it knows. ``sqlite``: do they use aiosqlite?"""
    wanted = tuple(
        (key, value) for key, value in PYTEST_SETTINGS
        if version is None or version >= SETTINGS_SINCE.get(key, version)
    )  # fmt: skip
    at_root = _edited(manifests, "", wanted, sqlite)
    written = [at_root] if at_root else []
    for folder in folders:
        prefix = f"{folder}/" if folder else ""
        name = folder and _edited(manifests, prefix, wanted, sqlite)
        if name or not at_root:
            written.append(name or _create(manifests, prefix, wanted))
    if version is not None and version < ONE_LOOP:
        for name in written:
            manifests.tell("ASY602", name, 1, _LOOPS.format(*version), _ADVICE)


def _edited(manifests: Manifests, prefix: str, wanted: Settings, sqlite: bool) -> str:
    """The file in which a folder has settings of pytest, which are edited, or ''."""
    for name, section in PYTEST_FILES:
        text = manifests.text(prefix + name)
        if text is None:
            continue
        new = (
            _toml(text, section, False, wanted, sqlite)
            if name.endswith(".toml")
            else _ini(text, section, wanted, sqlite)
        )
        if new is not None:
            manifests.put(prefix + name, new)
            return prefix + name
    return ""


def _create(manifests: Manifests, prefix: str, wanted: Settings) -> str:
    name = f"{prefix}pyproject.toml"
    text = manifests.text(name)
    if text is not None:
        new = _toml(text, "tool.pytest.ini_options", True, wanted)
        if new is not None:
            manifests.put(name, new)
            return name
    lines = [f"{key} = {value}\n" for key, value in wanted]
    manifests.put(f"{prefix}pytest.ini", "[pytest]\n" + "".join(lines))
    return f"{prefix}pytest.ini"


def _toml(
    text: str, section: str, create: bool, wanted: Settings, sqlite: bool = False
) -> str | None:
    """The text with the settings, or None where there is no such table."""
    try:
        document = tomlkit.parse(text)
    except TOMLKitError:
        return None
    table: object = document
    for part in section.split("."):
        table = table.get(part) if isinstance(table, dict) else None
    if table is None and not create:
        return None
    if isinstance(table, dict):
        for key, value in _missing(table.keys(), str(table.get(_OPTIONS, "")), wanted):
            table[key] = value
        for key, value in _of_loops(wanted):
            if table.get(key, value) != value:
                table[key] = value
        filters = table.get(FILTERS)
        if sqlite and isinstance(filters, list) and STRICT in filters:
            filters.extend(each for each in DROPPED_CONNECTIONS if each not in filters)
        return tomlkit.dumps(document)
    lines = [f'{key} = "{value}"\n' for key, value in wanted]
    return f"{text.rstrip()}\n\n[{section}]\n" + "".join(lines)


def _ini(text: str, section: str, wanted: Settings, sqlite: bool) -> str | None:
    """The text with the settings behind the last line of the section, or None without one."""
    lines = text.splitlines(keepends=True)
    heads = [n for n, line in enumerate(lines) if line.strip() == f"[{section}]"]
    if not heads:
        return None
    start = heads[0]
    end = next((n for n in range(start + 1, len(lines)) if lines[n].startswith("[")), len(lines))
    while end > start + 1 and not lines[end - 1].strip():
        end -= 1
    if not lines[end - 1].endswith("\n"):
        lines[end - 1] += "\n"
    for n in range(start, end):
        for key, value in _of_loops(wanted):
            lines[n] = re.sub(rf"^({key}\s*[=:]\s*)\w+", rf"\g<1>{value}", lines[n])
    own = "".join(lines[start:end])
    named = {match[1] for match in re.finditer(r"^(\w+)\s*[=:]", own, re.MULTILINE)}
    lines[end:end] = [f"{key} = {value}\n" for key, value in _missing(named, own, wanted)]
    if sqlite and not any(each in own for each in DROPPED_CONNECTIONS):
        _allow_dropped(lines, start, end)
    return "".join(lines)


def _missing(named: Collection[str], options: str, wanted: Settings) -> Settings:
    """The settings that are wanted and not there, among the options of the command line neither."""
    return tuple(
        (key, value) for key, value in wanted
        if key not in named and f"--{key.replace('_', '-')}" not in options
    )  # fmt: skip


def _of_loops(wanted: Settings) -> Settings:
    """The settings of which all have to have the same value: fixtures and tests share connections,
    which belong to one loop."""
    return tuple((key, value) for key, value in wanted if key in SETTINGS_SINCE)


def _allow_dropped(lines: list[str], start: int, end: int) -> None:
    """Add a filter behind the last, if they make warnings errors."""
    first = next((n for n in range(start, end) if _FILTERS.match(lines[n])), end)
    last = first
    while last + 1 < end and lines[last + 1][:1].isspace():
        last += 1
    own = [line.partition("=")[2] if n == first else line for n, line in enumerate(lines)]
    if first < end and STRICT in (line.strip() for line in own[first : last + 1]):
        indent = re.match(r"\s*", lines[last])
        space = indent[0] if last > first and indent else "    "
        lines[last + 1 : last + 1] = [f"{space}{each}\n" for each in DROPPED_CONNECTIONS]
