"""The registry of finding codes: every code has a page, and every page its fixed form."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest

from asyncify.findings import Severity
from asyncify.rules import FAILURES, HEADINGS, PAGES, PENDING, RULES, SEVERITIES, finding
from asyncify.sites import Site

CODE_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
codes = pytest.mark.parametrize("code", SEVERITIES)


def test_codes_and_pages_are_the_same() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == set(SEVERITIES) == set(RULES)
    assert set(SEVERITIES) >= PENDING | FAILURES
    assert len({rule.name for rule in RULES.values()}) == len(RULES)


@codes
def test_page_has_the_fixed_form(code: str) -> None:
    rule = RULES[code]
    assert rule.code == code
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.name)
    assert f"\nSeverity: {SEVERITIES[code].value}.\n" in rule.page
    assert tuple(heading for heading, _ in rule.sections) == HEADINGS
    assert all(text for _, text in rule.sections)
    assert rule.section("Source").startswith("https://")


@codes
def test_examples_are_python_that_parses_and_changes(code: str) -> None:
    rule = RULES[code]
    example, instead = (CODE_BLOCK.findall(rule.section(_)) for _ in ("Example", "Use instead"))
    assert len(example) == 1
    assert len(instead) <= 1
    assert example != instead
    for language, source in [*example, *instead]:
        assert language in ("python", "console", "toml")
        is_newer = code == "ASY304" and sys.version_info < (3, 12)
        if language == "python" and not is_newer:
            ast.parse(source)


def test_pages_fit_a_terminal() -> None:
    for rule in RULES.values():
        long = [line for line in rule.page.splitlines() if len(line) > 100]
        assert all(line.startswith("https://") or "ASY" in line for line in long), rule.code


def test_finding_has_the_severity_of_its_code() -> None:
    item = finding("ASY101", Site("a.py", 3, 5), "Reason.", "Advice.", ("f", "g"))
    assert item.severity is Severity.ERROR
    assert item.message == "Reason. Advice."
    assert item.chain == ("f", "g")
    with pytest.raises(KeyError):
        finding("ASY000", Site("a.py", 1, 1), "Reason.")


def test_making_findings_reads_no_page() -> None:
    program = (
        "import pathlib\n"
        "pathlib.Path.read_text = None\n"
        "from asyncify.rules import finding, Site\n"
        "finding('ASY101', Site('a.py', 1, 1), '')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
