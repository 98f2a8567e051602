"""Kept: the outcome of the last ``check`` of a program, for as long as nothing of it changes.

Facts are kept per file, but types and colors are those of the whole program: one changed file may
change any of them. Where no file, setting or path on the command line has changed, the outcome
can't either, and is given again: what a hook that runs on every commit sees most often. The key
holds all that the outcome depends on, the code of asyncify included, so that no version of it ever
gives another's answer.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
from collections.abc import Iterable
from dataclasses import astuple
from pathlib import Path

from asyncify import __version__
from asyncify.findings import Finding, Severity
from asyncify.outcome import Outcome, Summary
from asyncify.sites import Site
from asyncify.source.read import cache_file, replace_file

_PACKAGE = Path(__file__).resolve().parent.parent


class OutcomeCache:
    """The outcome of one program. A cache that can't be read or written is none."""

    def __init__(self, root: Path, parts: Iterable[object]) -> None:
        self.path = cache_file(root, "outcome")
        digest = hashlib.blake2b(digest_size=16)
        for part in (__version__, sys.version, code_fingerprint(), *parts):
            digest.update(repr(part).encode("utf-8", "surrogatepass"))
            digest.update(b"\0")
        self.key = digest.digest()

    def load(self) -> Outcome | None:
        """The outcome, if it was made of the same."""
        try:
            key, findings, summary, *rest = marshal.loads(self.path.read_bytes())
            return _outcome(findings, summary, *rest) if key == self.key else None
        except (OSError, ValueError, EOFError, TypeError):
            return None

    def save(self, outcome: Outcome) -> None:
        """Keep an outcome without changes in place of the one before."""
        findings = [
            (*x.site, x.code, x.severity.value, x.reason, x.advice, x.chain)
            for x in outcome.findings
        ]
        rest = outcome.pending, outcome.failed, outcome.left_out
        replace_file(
            self.path, marshal.dumps((self.key, findings, astuple(outcome.summary), *rest))
        )


def _outcome(
    findings: list[tuple[str, int, int, str, str, str, str, tuple[str, ...]]],
    summary: tuple[int, ...],
    pending: bool,
    failed: bool,
    left_out: tuple[str, ...],
) -> Outcome:
    found = tuple(
        Finding(Site(path, line, column), code, Severity(severity), reason, advice, chain)
        for path, line, column, code, severity, reason, advice, chain in findings
    )
    return Outcome(found, (), Summary(*summary), pending, failed, left_out)


def code_fingerprint() -> list[tuple[str, int, int]]:
    """The files of asyncify, their sizes and times: its version says nothing of a checkout that
    somebody works on."""
    found = []
    for folder, folders, names in os.walk(_PACKAGE):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                status = os.stat(path)
                found.append((path, status.st_size, status.st_mtime_ns))
    return found
