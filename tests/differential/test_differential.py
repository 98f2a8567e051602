"""Every program under ``fixtures/differential`` does the same before and after its migration."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.differential.harness import FIXTURES, problems

SOURCES = [*sorted(FIXTURES.glob("cases/*.py")), *sorted(FIXTURES.glob("programs/*"))]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_same_before_and_after(source: Path, tmp_path: Path) -> None:
    found = problems(source, tmp_path)
    assert not found, "\n".join(found)
