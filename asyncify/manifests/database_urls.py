"""Database URLs in files that set an environment up: they may stay, and what they could become.

The migrated program converts a URL where it makes the engine, and what stays sync (migrations,
tasks) reads the same setting. So nothing is edited unless that is asked for and nothing stays sync;
what the async driver would be called is said, without the rest of the URL: it has a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from asyncify.manifests.changes import Manifests, Needs
from asyncify.vocabulary.packages import COMMAND_FILES, SETTINGS_FILES
from asyncify.vocabulary.urls import DATABASES, async_drivername

_NAMES = "|".join(sorted(DATABASES, key=len, reverse=True))
_URL = re.compile(rf"(?<![\w+])((?:{_NAMES})(?:\+\w+)?)://")
_FILE = re.compile("|".join(SETTINGS_FILES))
_OF_COMMANDS = re.compile("|".join(COMMAND_FILES))
_ADVICE = "Change it only if nothing that stays sync (migrations, tasks, scripts) reads it."


def database_urls(manifests: Manifests, needs: Needs, names: Iterable[str]) -> None:
    """Tell of every URL with a sync driver, or edit it."""
    chosen = dict(needs.drivers)
    for name in names:
        is_set = _FILE.fullmatch(name.rpartition("/")[2]) is not None
        if not is_set and not _OF_COMMANDS.fullmatch(name):
            continue
        if needs.urls and is_set:
            _edit(manifests, needs, name)
        for line, driver in _drivers(manifests.text(name) or ""):
            new = async_drivername(driver, needs.line, chosen)
            if new is not None and new != driver:
                reason = f"The program converts this URL where it makes the engine: `{driver}://` "
                reason += f"may stay. For the async driver it begins with `{new}://`."
                manifests.tell("ASY607", name, line, reason, _ADVICE)


def _edit(manifests: Manifests, needs: Needs, name: str) -> None:
    """Let all URLs of a file name async drivers; comments stay."""
    chosen = dict(needs.drivers)

    def converted(match: re.Match[str]) -> str:
        return f"{async_drivername(match[1], needs.line, chosen) or match[1]}://"

    text = manifests.text(name)
    if text is not None:
        manifests.put(name, "".join(
            line if line.lstrip().startswith("#") else _URL.sub(converted, line)
            for line in text.splitlines(keepends=True)
        ))  # fmt: skip


def _drivers(text: str) -> Iterator[tuple[int, str]]:
    """The lines that have a URL, and what it begins with."""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.lstrip().startswith("#"):
            for match in _URL.finditer(line):
                yield number, match[1]
