"""``docs/seeds.md``: what it says of functions is so in the programs, and the tests that it names
are there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "seeds.md").read_text(encoding="utf-8")
PROGRAM = re.compile(r"^Program: `(.+)`$", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")
# What becomes of a function: is it async before, and after?
FATES = {
    "turns": ("def", "async def"),
    "stays": ("def", "def"),
    "goes": ("def", ""),
    "was async": ("async def", "async def"),
}


class Row(NamedTuple):
    """A line of a table: the folders of its program, and its cells."""

    before: Path
    after: Path
    cells: list[str]


def rows() -> Iterator[Row]:
    """All rows below the heads of the tables."""
    for part in PAGE.split("\n## ")[1:]:
        found = PROGRAM.search(part)
        assert found is not None, part[:40]
        folder = ROOT / found[1]
        names = ("before", "after") if (folder / "before").is_dir() else (
            "sync-service", "async-service",
        )  # fmt: skip
        for line in part.splitlines():
            if line.startswith("| ") and not line.startswith(("| file |", "| step ")):
                cells = [cell.strip() for cell in line.strip("|").split("|")]
                yield Row(folder / names[0], folder / names[1], cells)


ROWS = list(rows())
FUNCTIONS = [row for row in ROWS if len(row.cells) == 4]
STEPS = [row for row in ROWS if len(row.cells) == 3]


@cache
def kinds(path: Path) -> dict[str, set[str]]:
    """How the functions of a file are defined, methods included."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            kind = "def" if isinstance(node, ast.FunctionDef) else "async def"
            found.setdefault(node.name, set()).add(kind)
    return found


@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: CODE.findall(row.cells[0])[0])
def test_functions_become_what_the_page_says(row: Row) -> None:
    [file], names = CODE.findall(row.cells[0]), CODE.findall(row.cells[1])
    before, after = next(v for k, v in FATES.items() if row.cells[2].startswith(k))
    assert names
    for name in names:
        assert kinds(row.before / file)[name] == {before}, name
        assert kinds(row.after / file).get(name, {""}) == {after}, name


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.cells[0][:40])
def test_the_tests_that_are_named_are_there(row: Row) -> None:
    named = CODE.findall(row.cells[-1])
    assert named
    for test in named:
        file, _, function = test.partition("::")
        if file.endswith(".py"):
            path = ROOT / file if file.startswith("tests/") else row.after / "tests" / file
            assert not function or function in kinds(path), test
        else:
            assert (ROOT / "fixtures" / "programs" / f"{test}.md").exists(), test


def test_everything_is_ticked() -> None:
    assert len(FUNCTIONS) > 40 and len(STEPS) > 55
    for row in STEPS:
        assert row.cells[1].startswith("✓"), row.cells[0]


def test_the_numbers_are_those_of_the_migrations() -> None:
    """Methods of services, endpoints and CRUD functions, as they were counted."""
    counted: dict[str, int] = {}
    for row in FUNCTIONS:
        file = CODE.findall(row.cells[0])[0]
        folder = f"{row.after.parent.name}/{file.split('/')[-1]}"
        counted[folder] = counted.get(folder, 0) + len(CODE.findall(row.cells[1]))
    services = ("chat", "definition", "device_link", "insight", "user")
    assert [counted[f"reading_notes/{name}_service.py"] for name in services] == [4, 3, 6, 3, 6]
    assert counted["reading_notes/routes.py"] - 1 == 27  # current_user is a dependency
    assert counted["reference/job_repository.py"] + counted["reference/db.py"] == 11
    assert counted["reference/job_controller.py"] == 10
    assert counted["reference/jobs.py"] == 6
    assert counted["reference/job_service.py"] == 21 + 1  # the one that clears the caches
