"""Every shape of a query, through the tool, on each line of SQLAlchemy: the same result by the same
statements, and a Query that is kept only where no statement is equal."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import pytest

from asyncify.vocabulary.sqlalchemy_query import QUERY
from tests.lines import LINES, python_of
from tests.query_shapes import Migrated, Shape, agree, migrated, shapes

TRAPS = {f"Q{number:02d}" for number in range(1, 29)}
# Of 1.4 only: `from_self` and what is like it.
ABSENT = {"2.0": {"Q20"}, "2.1": {"Q20"}}
CASES = [(line, shape) for line in LINES for shape in shapes() if line in shape.lines]
Programs = Callable[[str], Migrated]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """The programs of a line, migrated and run once."""

    @cache
    def get(line: str) -> Migrated:
        return migrated(line, tmp_path_factory.mktemp(f"shapes{line}"), python_of(line))

    return get


@pytest.mark.parametrize(("line", "shape"), CASES, ids=str)
def test_same_result_by_the_same_statements(line: str, shape: Shape, programs: Programs) -> None:
    all_of_them = programs(line)
    run, written = all_of_them.runs[shape], all_of_them.written[shape]
    before, after = run["before"], run["after"]
    assert agree(before["value"], after["value"]) and before["error"] == after["error"], written
    assert before["statements"] == after["statements"], written
    assert not run["leaks"], written
    assert (shape in all_of_them.kept) == (line in shape.kept), written


@pytest.mark.parametrize("line", LINES)
def test_nothing_goes_wrong(line: str, programs: Programs) -> None:
    assert programs(line).problems == ()


@pytest.mark.parametrize("line", LINES)
def test_every_trap_has_a_shape(line: str) -> None:
    """On each line that has it."""
    named = {
        found for shape in shapes() if line in shape.lines
        for found in re.findall(r"\bQ\d\d\b", shape.name)
    }  # fmt: skip
    assert named == TRAPS - ABSENT.get(line, set())
    assert {row.trap for row in QUERY.members if row.trap and line in row.lines} <= named


@pytest.mark.parametrize("line", LINES)
def test_every_method_of_query_has_a_shape(line: str) -> None:
    """Save what SQLAlchemy keeps for itself."""
    text = " ".join(shape.body for shape in shapes() if line in shape.lines)
    missing = {
        row.name for row in QUERY.members
        if line in row.lines and not row.name.startswith("__")
        and not re.search(rf"\.{row.name}\b|\"{row.name}\"", text)
    }  # fmt: skip
    assert all(QUERY.member(name).note for name in missing)  # type: ignore[union-attr]
