"""The figures at the end of a run, in words."""

from __future__ import annotations

from collections import Counter

from asyncify.findings import Severity
from asyncify.report import Report


def counted(number: int, singular: str, plural: str = "") -> str:
    """``1 file``, ``2 files``."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


def summary_lines(report: Report) -> list[str]:
    """What was done or would be done, then the findings by code."""
    lines = [_work(report), *_findings(report)]
    if report.take_in:
        lines.append(f"To migrate what was left out: {report.take_in}")
    return lines


def _work(report: Report) -> str:
    summary = report.summary
    read = f"Read {counted(summary.files_read, 'file')}"
    parts = [
        counted(summary.files_changed, "file"),
        counted(summary.functions, "function"),
        counted(summary.awaits, "await"),
        counted(summary.queries, "query", "queries"),
    ]
    if summary.islands:
        parts.append(counted(summary.islands, "island"))
    if not (report.pending or any((summary.files_changed, summary.functions, summary.queries))):
        if summary.staying:
            return f"{read}; nothing can be migrated: {_staying(summary.staying)}."
        return f"{read}; nothing to migrate."
    end = f"; {_staying(summary.staying)}" if summary.staying else ""
    end += "; nothing was written" if _is_refused(report) else ""
    return f"{read}; {_verb(report)}: {', '.join(parts)}{end}."


def _staying(number: int) -> str:
    """The functions of components that can't turn."""
    verb = "does database work and stays" if number == 1 else "do database work and stay"
    return f"{counted(number, 'function')} {verb} sync"


def _is_refused(report: Report) -> bool:
    return report.command == "run" and report.diff is None and not report.written


def _verb(report: Report) -> str:
    if report.written:
        return "migrated"
    return "to migrate" if report.command == "check" else "would migrate"


def _findings(report: Report) -> list[str]:
    if not report.findings:
        return []
    by_severity = Counter(finding.severity for finding in report.findings)
    by_code = Counter(finding.code for finding in report.findings)
    total = ", ".join(
        f"{by_severity[severity]} {severity.value if severity is Severity.INFO else word}"
        for severity, word in (
            (Severity.ERROR, "error" if by_severity[Severity.ERROR] == 1 else "errors"),
            (Severity.WARNING, "warning" if by_severity[Severity.WARNING] == 1 else "warnings"),
            (Severity.INFO, ""),
        )
        if by_severity[severity]
    )
    codes = ", ".join(f"{code} {number}" for code, number in sorted(by_code.items()))
    return [f"{counted(len(report.findings), 'finding')} ({total}): {codes}."]
