"""JSON for other programs; ``docs/output-schema.json`` is its schema."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict

from asyncify import __version__
from asyncify.findings import Finding
from asyncify.report import Report

SCHEMA_VERSION = 1


def render(report: Report) -> str:
    """One document, whatever else was asked for."""
    document: dict[str, object] = {
        "schema_version": SCHEMA_VERSION,
        "asyncify_version": __version__,
        "command": report.command,
        "exit_code": report.exit_code,
        "pending": report.pending,
        "written": report.written,
        "summary": {
            **asdict(report.summary),
            "take_in": report.take_in,
            "findings_by_code": dict(sorted(Counter(_.code for _ in report.findings).items())),
        },
        "changed_files": [report.shown(path) for path in report.changed],
        "findings": [_finding(finding, report) for finding in report.findings],
    }
    if report.diff is not None:
        document |= _diff(report.diff)
    return json.dumps(document, indent=2) + "\n"


def _finding(finding: Finding, report: Report) -> dict[str, object]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "path": report.shown(finding.site.path),
        "line": finding.site.line,
        "column": finding.site.column,
        "message": finding.message,
        "reason": finding.reason,
        "advice": finding.advice,
        "chain": list(finding.chain),
    }


def _diff(diff: bytes) -> dict[str, object]:
    """The diff as text. A file in another encoding than UTF-8 makes it Latin-1, in which every
    byte is one character, so that encoding the text gives the same bytes again."""
    try:
        return {"diff": diff.decode("utf-8"), "diff_encoding": "utf-8"}
    except UnicodeDecodeError:
        return {"diff": diff.decode("latin-1"), "diff_encoding": "latin-1"}
