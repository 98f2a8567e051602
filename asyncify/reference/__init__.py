"""The bundled job service: a sync program, and beside it what asyncify makes of it.

``sync-service`` is a program as many are: routes, controllers, services and repositories, with
caches in a module and pages that are cut in Python. ``async-service`` is its migration, which a
test compares with what ``asyncify run`` writes. Neither is imported here; both are copied, and run
where they were copied to.
"""

from __future__ import annotations

import shutil
from pathlib import Path

SYNC = Path(__file__).parent / "sync-service"
ASYNC = Path(__file__).parent / "async-service"
_NOT_COPIED = shutil.ignore_patterns("__pycache__", ".*", "*.db")


def copy(service: Path, target: Path) -> None:
    """One of the services in a folder that isn't there yet."""
    shutil.copytree(service, target, ignore=_NOT_COPIED)


def difference(before: Path, after: Path) -> bytes:
    """A unified diff of all files of two folders."""
    from asyncify.outcome import FileChange
    from asyncify.source.textdiff import unified_diff

    names = {
        path.relative_to(folder).as_posix()
        for folder in (before, after)
        for path in folder.rglob("*")
        if path.is_file()
    }
    changes = []
    for name in sorted(names):
        old, new = (_content(folder / name) for folder in (before, after))
        if old != new and new is not None:
            changes.append(FileChange(name, old, new))
    return b"".join(unified_diff(change, "") for change in changes)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
