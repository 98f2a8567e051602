"""What a run of the pipeline gives to the command line and to the reports."""

from __future__ import annotations

from dataclasses import dataclass

from asyncify.findings import Finding


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file, before and after, as bytes. ``before`` is None for a new file. ``path`` is
    relative to the project root, with forward slashes."""

    path: str
    before: bytes | None
    after: bytes


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a run. ``staying`` are functions that do database work and stay sync with a
    component that can't turn."""

    files_read: int = 0
    files_changed: int = 0
    functions: int = 0
    awaits: int = 0
    queries: int = 0
    islands: int = 0
    staying: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that a command has to say: findings in order of their sites, the changes that
    ``run`` would write (empty for ``check``), the figures, and ``pending``: whether something is
    left to migrate. ``failed`` is true where something could not be read, decoded or parsed.
    ``left_out`` are files that have to change with the others and that the command line could
    have named."""

    findings: tuple[Finding, ...] = ()
    changes: tuple[FileChange, ...] = ()
    summary: Summary = Summary()
    pending: bool = False
    failed: bool = False
    left_out: tuple[str, ...] = ()
