"""The tables of SQLAlchemy's API hold on the other lines too: their tests, run by each Python."""

from __future__ import annotations

import subprocess

import pytest

from tests.differential.run import ROOT, environment
from tests.lines import INSTALLED, LINES, python_of

TABLES = ("vocabulary", "vocabulary_execution", "vocabulary_query", "vocabulary_urls")


@pytest.mark.parametrize("line", [line for line in LINES if line != INSTALLED])
def test_tables_hold(line: str) -> None:
    command = [python_of(line), "-m", "pytest", "--quiet", "-p", "no:cacheprovider"]
    command += [f"tests/test_{name}.py" for name in TABLES]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
