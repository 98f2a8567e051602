"""What git holds: where a work tree begins, and which files have changes that git doesn't hold."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


def work_tree_of(folder: Path) -> Path | None:
    """The root of the git work tree around an absolute folder, or None outside of one."""
    for candidate in (folder, *folder.parents):
        if os.path.lexists(candidate / ".git"):
            return candidate
    return None


_DIFF = ("diff", "-z", "--name-only", "--no-ext-diff", "--no-renames", "--ignore-submodules")


@dataclass(frozen=True, slots=True)
class DirtyFiles:
    """Files that git could not give back, or the sentence in which git refused to say."""

    paths: tuple[Path, ...] = ()
    error: str = ""


def dirty_files(paths: Iterable[Path]) -> DirtyFiles:
    """Those of ``paths`` that are modified or untracked in their work trees. Files outside of
    any work tree are not guarded."""
    by_tree: dict[Path, list[Path]] = {}
    for path in paths:
        real = Path(os.path.realpath(path))
        work_tree = work_tree_of(real.parent)
        if work_tree is not None:
            by_tree.setdefault(work_tree, []).append(path)
    dirty: list[Path] = []
    for work_tree, files in by_tree.items():
        held = _held(work_tree)
        if isinstance(held, str):
            return DirtyFiles(error=held)
        dirty += [path for path in files if _name_in(work_tree, path) not in held]
    return DirtyFiles(tuple(sorted(dirty)))


def _name_in(work_tree: Path, path: Path) -> bytes:
    relative = os.path.relpath(os.path.realpath(path), work_tree)
    return os.fsencode(relative.replace(os.sep, "/"))


def _held(work_tree: Path) -> frozenset[bytes] | str:
    """The names of tracked files without changes since they were last staged or committed."""
    # `H` is a tracked file that git watches; the others it was told not to look at.
    tracked = _git(work_tree, "ls-files", "-z", "-v", "--cached")
    if isinstance(tracked, str):
        return tracked
    # Not `diff-files`, which names files whose time alone changed.
    changed = _git(work_tree, *_DIFF)
    if isinstance(changed, str):
        return changed
    watched = {entry[2:] for entry in tracked if entry.startswith(b"H ")}
    return frozenset(watched.difference(changed))


def _git(work_tree: Path, *arguments: str) -> list[bytes] | str:
    """The NUL-separated output of git, or one sentence about why there is none."""
    import subprocess

    command = ["git", "-c", "core.fsmonitor=false", *arguments]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        result = subprocess.run(
            command, cwd=work_tree, env=environment, capture_output=True, check=False
        )
    except OSError as error:
        return f"git can't be run: {error.strerror}."
    if result.returncode != 0:
        first = result.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
        return f"git refused: {first[0]}"
    return result.stdout.split(b"\0")
