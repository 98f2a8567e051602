"""Every program under ``fixtures/differential`` does the same before and after its migration, on
each line of SQLAlchemy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.differential.harness import AT_IMPORT, FIXTURES, problems
from tests.lines import LINES, python_of

# What a line of SQLAlchemy hasn't got, and why.
ABSENT = {
    ("connections_given", "1.4"): "a connection begins nothing there until it writes",
    ("creators", "1.4"): "async_creator came with 2.0",
    ("inheritance", "1.4"): "mapped columns came with 2.0",
    ("logged_repository", "1.4"): "mapped columns came with 2.0",
    ("mappings", "1.4"): "mapped columns came with 2.0",
    ("options_of_connections", "1.4"): "`sqlalchemy.Connection` came with 2.0",
    ("properties_of_models", "1.4"): "mapped columns came with 2.0",
    ("read_like_containers", "1.4"): "AsyncAttrs came with 2.0",
    ("readers", "1.4"): "mapped columns came with 2.0",
    ("stacks", "1.4"): "a connection begins nothing there until it writes",
    ("two_loops", "1.4"): "click isn't there",
    ("two_loops", "2.0"): "click isn't there",
    ("kept_by_requests", "1.4"): "FastAPI isn't there",
    ("lapses", "1.4"): "mapped columns came with 2.0",
    ("loads", "1.4"): "mapped columns came with 2.0",
    ("pages", "1.4"): "FastAPI isn't there",
    ("responses", "1.4"): "mapped columns came with 2.0",
    ("schemas", "1.4"): "mapped columns came with 2.0",
    ("sqlmodel_aliases", "1.4"): "SQLModel is for 2.0",
    ("sqlmodel_api", "1.4"): "SQLModel is for 2.0",
    ("sqlmodel_results", "1.4"): "SQLModel is for 2.0",
    ("trees", "1.4"): "mapped columns came with 2.0",
    ("ways", "1.4"): "mapped columns came with 2.0",
}
SOURCES = [*sorted(FIXTURES.glob("cases/*.py")), *sorted(FIXTURES.glob("programs/*"))]


CASES = [
    (line, source) for line in LINES for source in SOURCES if (source.stem, line) not in ABSENT
]


@pytest.mark.parametrize(
    ("line", "source"), CASES, ids=[f"{line}-{source.stem}" for line, source in CASES]
)
def test_same_before_and_after(line: str, source: Path, tmp_path: Path) -> None:
    python_of(line)
    found = problems(source, tmp_path, line=line)
    found = [each for each in found if each != AT_IMPORT.get(source.stem)]
    assert not found, "\n".join(found)
