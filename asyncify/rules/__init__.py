"""The registry of finding codes: severities here, one Markdown page per code in ``pages``.

Whatever makes findings needs only the small table below; the pages are read when somebody asks
for them (``explain``, the docs, the tests).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from asyncify.findings import Finding, Severity
from asyncify.sites import Site

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

SEVERITIES: Mapping[str, Severity] = {
    "ASY001": _INFO,
    "ASY002": _INFO,
    "ASY003": _INFO,
    "ASY004": _INFO,
    "ASY101": _ERROR,
    "ASY102": _ERROR,
    "ASY103": _ERROR,
    "ASY104": _ERROR,
    "ASY105": _WARNING,
    "ASY106": _WARNING,
    "ASY107": _INFO,
    "ASY108": _INFO,
    "ASY201": _WARNING,
    "ASY202": _INFO,
    "ASY203": _ERROR,
    "ASY204": _WARNING,
    "ASY205": _INFO,
    "ASY206": _WARNING,
    "ASY207": _WARNING,
    "ASY208": _INFO,
    "ASY209": _INFO,
    "ASY301": _ERROR,
    "ASY302": _ERROR,
    "ASY303": _ERROR,
    "ASY304": _ERROR,
    "ASY305": _ERROR,
    "ASY306": _ERROR,
    "ASY307": _WARNING,
    "ASY401": _ERROR,
    "ASY402": _ERROR,
    "ASY403": _ERROR,
    "ASY404": _ERROR,
    "ASY405": _WARNING,
    "ASY406": _ERROR,
    "ASY407": _WARNING,
    "ASY408": _ERROR,
    "ASY409": _WARNING,
    "ASY410": _ERROR,
    "ASY411": _ERROR,
    "ASY412": _ERROR,
    "ASY413": _ERROR,
    "ASY414": _WARNING,
    "ASY415": _INFO,
    "ASY416": _WARNING,
    "ASY501": _WARNING,
    "ASY502": _ERROR,
    "ASY503": _ERROR,
    "ASY504": _WARNING,
    "ASY601": _INFO,
    "ASY602": _WARNING,
    "ASY603": _WARNING,
    "ASY604": _WARNING,
    "ASY605": _WARNING,
    "ASY606": _INFO,
    "ASY607": _INFO,
    "ASY608": _WARNING,
    "ASY609": _INFO,
    "ASY610": _WARNING,
    "ASY701": _WARNING,
    "ASY702": _INFO,
    "ASY703": _WARNING,
    "ASY704": _WARNING,
    "ASY801": _INFO,
    "ASY802": _WARNING,
    "ASY901": _ERROR,
}
# Work that `run` would do. It is for information, and `check` fails on it all the same.
PENDING = frozenset({"ASY001", "ASY002", "ASY003", "ASY004"})
# Something could not be read, decoded, parsed or written: exit code 2.
FAILURES = frozenset({"ASY301", "ASY302", "ASY303", "ASY304", "ASY305", "ASY502", "ASY503"})
HEADINGS = (
    "What it does",
    "Why is this bad",
    "Example",
    "Use instead",
    "Fix safety",
    "Source",
)
PAGES = Path(__file__).parent / "pages"


def finding(
    code: str, site: Site, reason: str, advice: str = "", chain: tuple[str, ...] = ()
) -> Finding:
    """A finding with the severity that its code has."""
    return Finding(site, code, SEVERITIES[code], reason, advice, chain)


@dataclass(frozen=True, slots=True)
class Rule:
    """One code and its page; ``sections`` are pairs (heading, Markdown) in the fixed order."""

    code: str
    name: str
    severity: Severity
    page: str
    sections: tuple[tuple[str, str], ...]

    def section(self, heading: str) -> str:
        """The text under one of ``HEADINGS``."""
        return dict(self.sections)[heading]


class _Rules(Mapping[str, Rule]):
    """All rules by code; a page is read when its rule is looked up."""

    def __getitem__(self, code: str) -> Rule:
        severity = SEVERITIES[code]
        return parse_page((PAGES / f"{code}.md").read_text(encoding="utf-8"), severity)

    def __iter__(self) -> Iterator[str]:
        return iter(SEVERITIES)

    def __len__(self) -> int:
        return len(SEVERITIES)


RULES: Mapping[str, Rule] = _Rules()


def parse_page(page: str, severity: Severity) -> Rule:
    """A rule from its page: a title ``# CODE name``, then sections."""
    title, _, body = page.partition("\n")
    code, _, name = title.removeprefix("# ").partition(" ")
    return Rule(code, name.strip(), severity, page, tuple(_sections(body)))


def _sections(body: str) -> Iterator[tuple[str, str]]:
    """Pairs (heading, text); what looks like a heading inside a code block isn't one."""
    heading = ""
    lines: list[str] = []
    in_code = False
    for line in body.splitlines():
        in_code ^= line.startswith("```")
        if line.startswith("## ") and not in_code:
            if heading:
                yield heading, "\n".join(lines).strip()
            heading, lines = line.removeprefix("## ").strip(), []
        else:
            lines.append(line)
    if heading:
        yield heading, "\n".join(lines).strip()
