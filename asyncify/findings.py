"""Findings: messages for a person, and the registry of their codes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from asyncify.sites import Site


class Severity(str, Enum):
    """How much a finding matters: errors and warnings count for the exit code."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One message at one place. ``reason`` is a sentence that says what was found and why,
    ``advice`` what to do; ``chain`` names the calls that lead to it, outermost first. ``fixed``:
    the plan holds the edit that settles it."""

    site: Site
    code: str
    severity: Severity
    reason: str
    advice: str = ""
    chain: tuple[str, ...] = ()
    fixed: bool = False

    @property
    def message(self) -> str:
        """The reason and the advice as one line."""
        return f"{self.reason} {self.advice}".strip()
