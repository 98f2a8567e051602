"""Every shape of a query, through the tool: the same result by the same statements, and a Query
that is kept only where no statement is equal."""

from __future__ import annotations

import inspect
import re

import pytest

from asyncify.vocabulary.sqlalchemy_query import QUERY
from tests.query_shapes import (
    FIXTURES,
    Migrated,
    Shape,
    agree,
    migrated,
    run_after,
    run_before,
    script,
    shapes,
    shapes_of,
)
from tests.vocabulary_objects import LINE

TRAPS = {f"Q{number:02d}" for number in range(1, 29)}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Migrated, str]]:
    """Every text's program, by one run each."""
    found = {}
    for text in sorted({shape.text for shape in shapes()}):
        program = migrated(text, tmp_path_factory.mktemp(text))
        found[text] = program, script(program.models)
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shape", shapes(), ids=str)
def test_same_result_by_the_same_statements(
    shape: Shape, programs: dict[str, tuple[Migrated, str]]
) -> None:
    program, sql = programs[shape.text]
    before, after = run_before(program, shape, sql), run_after(program, shape, sql)
    written = inspect.getsource(getattr(program.after, shape.function))
    assert agree(before.value, after.value) and before.error == after.error, written
    assert before.statements == after.statements, written
    assert not after.leaks, written
    assert (shape.function in program.kept) == (LINE in shape.kept), written


def test_nothing_goes_wrong(programs: dict[str, tuple[Migrated, str]]) -> None:
    assert [problem for program, _ in programs.values() for problem in program.problems] == []


def test_every_trap_has_a_shape() -> None:
    every = [shape for path in sorted(FIXTURES.glob("*.md")) for shape in shapes_of(path)]
    named = {found for shape in every for found in re.findall(r"\bQ\d\d\b", shape.name)}
    assert named == TRAPS
    assert {row.trap for row in QUERY.members if row.trap} <= named


def test_every_method_of_query_has_a_shape() -> None:
    """Save what SQLAlchemy keeps for itself."""
    text = " ".join(shape.body for shape in shapes())
    missing = {
        row.name for row in QUERY.members
        if LINE in row.lines and not row.name.startswith("__")
        and not re.search(rf"\.{row.name}\b|\"{row.name}\"", text)
    }  # fmt: skip
    assert all(QUERY.member(name).note for name in missing)  # type: ignore[union-attr]
