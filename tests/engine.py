"""The engine as tests call it: in this process, on a folder, without the cache."""

from __future__ import annotations

from pathlib import Path

from asyncify import engine
from asyncify.config import load_config
from asyncify.outcome import Outcome


def migrate(folder: Path) -> Outcome:
    """What ``asyncify run`` on the folder comes to; nothing is written."""
    return engine.run(request(folder))


def check(folder: Path) -> Outcome:
    """What ``asyncify check`` on the folder comes to."""
    return engine.check(request(folder))


def request(folder: Path) -> engine.Request:
    config = load_config(folder, {})
    return engine.Request(config=config, paths=(folder,), jobs=1, cache=False)


def write(folder: Path, outcome: Outcome) -> None:
    """Put the changed files in their place."""
    for change in outcome.changes:
        path = folder / change.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(change.after)


def described(outcome: Outcome) -> list[str]:
    """The findings, one line each."""
    return [
        f"{finding.site.path}:{finding.site.line} {finding.code} {finding.message}"
        for finding in outcome.findings
    ]


def errors(outcome: Outcome) -> list[str]:
    """The findings that a person has to look at."""
    lines = described(outcome)
    return [
        line
        for line, finding in zip(lines, outcome.findings, strict=True)
        if finding.severity.value != "info" and not finding.fixed
    ]
