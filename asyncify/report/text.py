"""Text for people: ``path:line:column: CODE message``, then the figures."""

from __future__ import annotations

from asyncify.findings import Finding, Severity
from asyncify.report import Report
from asyncify.report.summary import summary_lines

_COLORS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFO: "36"}


def render(report: Report) -> str:
    """The findings and the summary; ``--quiet`` leaves only errors and warnings."""
    quiet = report.detail < 0
    lines = [
        line
        for finding in report.findings
        if not (quiet and finding.severity is Severity.INFO)
        for line in _finding(finding, report)
    ]
    if report.detail > 0:
        verb = "changed" if report.written else "would change"
        lines += [f"{report.shown(path)}: {verb}" for path in report.changed]
    if not quiet:
        lines += summary_lines(report)
    return "".join(f"{line}\n" for line in lines)


def _finding(finding: Finding, report: Report) -> list[str]:
    site = finding.site
    code = _painted(finding.code, _COLORS[finding.severity], report.color)
    place = f"{report.shown(site.path)}:{site.line}:{site.column}"
    lines = [f"{_painted(place, '1', report.color)}: {code} {_one_line(finding.message)}"]
    if finding.chain and (report.detail > 0 or finding.severity is not Severity.INFO):
        lines.append("    " + " -> ".join(finding.chain))
    return lines


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _painted(text: str, color: str, wanted: bool) -> str:
    return f"\033[{color}m{text}\033[0m" if wanted else text
