"""What people and other programs read: one module per output format.

A format is a function that turns a ``Report`` into the text for one stream; ``FORMATS`` names the
module of each, so that a run imports only the one that it prints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from asyncify.findings import Finding
from asyncify.outcome import Summary


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is to be told about one run.

    ``shown`` turns a path relative to the program's root into the one that is printed (relative to
    the working directory). ``diff`` is None where no diff was asked for. ``color`` asks for colors
    where the format has any; ``detail`` is below 0 for ``--quiet`` and above it for ``--verbose``.
    ``changed`` are the files of the migration, ``take_in`` is the command that would also edit
    what had to be left out.
    """

    command: str
    findings: tuple[Finding, ...]
    summary: Summary
    pending: bool
    exit_code: int
    shown: Callable[[str], str] = field(default=str)
    diff: bytes | None = None
    written: bool = False
    color: bool = False
    detail: int = 0
    changed: tuple[str, ...] = ()
    take_in: str = ""


Renderer = Callable[[Report], str]

FORMATS: Mapping[str, str] = {
    "text": "asyncify.report.text",
    "json": "asyncify.report.json",
    "github": "asyncify.report.github",
}
# Formats that hold the diff themselves, so that nothing else may stand on standard output.
HOLDS_DIFF = frozenset({"json"})


def renderer(name: str) -> Renderer:
    """The function ``render`` of a format's module."""
    module: Any = import_module(FORMATS[name])
    render: Renderer = module.render
    return render
