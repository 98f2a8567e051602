"""Workflow commands of GitHub Actions, which become annotations at the lines of a pull request.

Source: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from asyncify.findings import Finding, Severity
from asyncify.report import Report
from asyncify.report.summary import summary_lines

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render(report: Report) -> str:
    """One command per finding, then the figures as plain lines of the log."""
    quiet = report.detail < 0
    lines = [
        _command(finding, report)
        for finding in report.findings
        if not (quiet and finding.severity is Severity.INFO)
    ]
    if not quiet:
        lines += summary_lines(report)
    return "".join(f"{line}\n" for line in lines)


def _command(finding: Finding, report: Report) -> str:
    site = finding.site
    message = finding.message
    if finding.chain:
        message += "\n" + " -> ".join(finding.chain)
    properties = (
        f"file={_property(report.shown(site.path))},line={site.line},col={site.column},"
        f"title={_property(f'asyncify {finding.code}')}"
    )
    return f"::{_COMMANDS[finding.severity]} {properties}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
