"""Reports: one text per format, from the same report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from asyncify.outcome import Summary
from asyncify.report import FORMATS, Report, renderer
from asyncify.rules import finding
from asyncify.sites import Site

SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "output-schema.json").read_text())
REPORT = Report(
    command="check",
    findings=(
        finding("ASY001", Site("app/a.py", 1, 1), "`f` does sync I/O."),
        finding(
            "ASY101", Site("app/b,c.py", 7, 5), "100% of\nit.", "Move it.", ("A.__init__", "f")
        ),
        finding("ASY105", Site("app/a.py", 9, 2), "Handed on.", chain=("g",)),
    ),
    summary=Summary(files_read=3, files_changed=1, functions=2, awaits=4, queries=1),
    pending=True,
    exit_code=1,
    shown=lambda path: f"../{path}",
)


def rendered(name: str, report: Report) -> str:
    return renderer(name)(report)


def test_text() -> None:
    assert rendered("text", REPORT).splitlines() == [
        "../app/a.py:1:1: ASY001 `f` does sync I/O.",
        "../app/b,c.py:7:5: ASY101 100% of it. Move it.",
        "    A.__init__ -> f",
        "../app/a.py:9:2: ASY105 Handed on.",
        "    g",
        "Read 3 files; to migrate: 1 file, 2 functions, 4 awaits, 1 query.",
        "3 findings (1 error, 1 warning, 1 info): ASY001 1, ASY101 1, ASY105 1.",
    ]


def test_text_for_quiet_is_errors_and_warnings() -> None:
    lines = rendered("text", replace(REPORT, detail=-1)).splitlines()
    assert [line.split()[1] for line in lines if not line.startswith(" ")] == ["ASY101", "ASY105"]


def test_text_for_verbose_has_the_chains_of_information() -> None:
    item = finding("ASY108", Site("a.py", 1, 1), "Entered.", chain=("f", "g"))
    report = replace(REPORT, findings=(item,))
    assert "f -> g" not in rendered("text", report)
    assert "    f -> g\n" in rendered("text", replace(report, detail=1))


def test_text_in_color() -> None:
    assert rendered("text", replace(REPORT, color=True)).startswith(
        "\033[1m../app/a.py:1:1\033[0m: \033[36mASY001\033[0m `f`"
    )


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"summary": Summary(files_read=1), "pending": False}, "Read 1 file; nothing to migrate."),
        (
            {"command": "run", "summary": Summary(2, 2, 1, 1, 0, 3)},
            "Read 2 files; would migrate: 2 files, 1 function, 1 await, 0 queries, 3 islands; "
            "nothing was written.",
        ),
        (
            {"command": "run", "diff": b"", "summary": Summary(2, 2, 1, 1, 0)},
            "Read 2 files; would migrate: 2 files, 1 function, 1 await, 0 queries.",
        ),
        (
            {"command": "run", "written": True, "summary": Summary(2, 1, 1, 1, 2)},
            "Read 2 files; migrated: 1 file, 1 function, 1 await, 2 queries.",
        ),
    ],
)
def test_summary(changes: dict[str, object], line: str) -> None:
    report = replace(REPORT, findings=(), **changes)  # type: ignore[arg-type]
    assert rendered("text", report) == f"{line}\n"


def test_github() -> None:
    assert rendered("github", REPORT).splitlines()[:3] == [
        "::notice file=../app/a.py,line=1,col=1,title=asyncify ASY001::`f` does sync I/O.",
        "::error file=../app/b%2Cc.py,line=7,col=5,title=asyncify ASY101::"
        "100%25 of%0Ait. Move it.%0AA.__init__ -> f",
        "::warning file=../app/a.py,line=9,col=2,title=asyncify ASY105::Handed on.%0Ag",
    ]
    quiet = rendered("github", replace(REPORT, detail=-1))
    assert [line.split()[0] for line in quiet.splitlines()] == ["::error", "::warning"]


@pytest.mark.parametrize(
    "report",
    [
        REPORT,
        replace(REPORT, command="run", findings=(), written=True, pending=False, exit_code=0),
        replace(REPORT, command="run", diff=b"--- a\n+++ b\n"),
        replace(REPORT, command="run", diff=b""),
    ],
)
def test_json_fits_its_schema(report: Report) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = json.loads(rendered("json", report))
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert ("diff" in document) is (report.diff is not None)


def test_json_holds_everything() -> None:
    document = json.loads(rendered("json", REPORT))
    assert document["exit_code"] == 1
    assert document["summary"]["awaits"] == 4
    assert document["summary"]["findings_by_code"] == {"ASY001": 1, "ASY101": 1, "ASY105": 1}
    assert document["findings"][1] == {
        "code": "ASY101",
        "severity": "error",
        "path": "../app/b,c.py",
        "line": 7,
        "column": 5,
        "message": "100% of\nit. Move it.",
        "reason": "100% of\nit.",
        "advice": "Move it.",
        "chain": ["A.__init__", "f"],
    }


@pytest.mark.parametrize("diff", ["é\n".encode(), b"\xe9\r\n", bytes(range(256))])
def test_json_keeps_every_byte_of_the_diff(diff: bytes) -> None:
    document = json.loads(rendered("json", replace(REPORT, diff=diff)))
    assert document["diff"].encode(document["diff_encoding"]) == diff


def test_every_format_takes_an_empty_report() -> None:
    for name in FORMATS:
        assert rendered(name, replace(REPORT, findings=(), summary=Summary(), pending=False))
