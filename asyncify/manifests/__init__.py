"""Manifests: the files that say what a project needs, and how its tests run, follow the code.

A migrated program needs an async driver and SQLAlchemy's extra ``asyncio`` wherever it names the
sync driver, and its tests something that runs coroutines. Everything here works on text: comments,
order and whatever isn't understood stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asyncify.findings import Finding
from asyncify.manifests.changes import Manifests, Needs
from asyncify.manifests.database_urls import database_urls
from asyncify.manifests.pytest_settings import settings
from asyncify.manifests.requirements import requirements
from asyncify.outcome import FileChange
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.vocabulary.packages import LOCK_FILES

__all__ = ["Needs", "follow"]


def follow(
    root: Path, paths: tuple[Path, ...], needs: Needs
) -> tuple[list[FileChange], list[Finding]]:
    """The changes of manifests and of pytest's settings, and what a person has to do."""
    manifests = Manifests(root)
    names = [name for name in manifests.files() if needs.concern(name)]
    requirements(manifests, needs, names)
    if needs.tests:
        settings(manifests, needs.folders, needs.version, bool(needs.sqlite))
    database_urls(manifests, needs, names)
    findings = list(manifests.findings)
    changes = []
    for change in manifests.changes():
        if _is_inside(root / change.path, paths):
            changes.append(change)
        else:
            reason = "What the migrated program needs belongs here, and this file isn't edited."
            findings.append(
                finding(
                    "ASY602", Site(change.path, 1, 1), reason, "Run asyncify on the whole project."
                )
            )
    if manifests.required:
        changed = {change.path.rpartition("/")[0] for change in changes}
        findings += [found for folder in sorted({"", *changed}) for found in _locks(root, folder)]
    return changes, findings


def _is_inside(file: Path, paths: tuple[Path, ...]) -> bool:
    return any(file.resolve().is_relative_to(path.resolve()) for path in paths or (Path(),))


def _locks(root: Path, folder: str) -> Iterator[Finding]:
    for last in LOCK_FILES:
        name = f"{folder}/{last}" if folder else last
        if (root / name).is_file():
            reason = "The project needs packages that this lock file doesn't have yet."
            advice = "Have the tool that wrote it write it again."
            yield finding("ASY601", Site(name, 1, 1), reason, advice)
