"""Programs with suites of their own, under ``fixtures/suites``: what passes before the migration
passes after it, test by test, with nothing edited by hand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from asyncify.vocabulary.testing import is_test_path
from tests import programs
from tests.engine import described, errors, migrate, write

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "suites"
CASES = sorted(FOLDER.glob("*.md"))
OUTCOME = re.compile(r"^(PASSED|FAILED|ERROR|SKIPPED) (\S+)", re.MULTILINE)


def outcomes(folder: Path) -> tuple[dict[str, str], str]:
    """What pytest says of each test, and all that it printed; its settings are the project's."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-rA", "-q", "-W", "error::RuntimeWarning"]
    done = subprocess.run(
        [*command, "--rootdir", str(folder), str(folder)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    found = {test: outcome for outcome, test in OUTCOME.findall(done.stdout)}
    return found, done.stdout + done.stderr


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_what_passed_passes(case: Path, tmp_path: Path) -> None:
    program = programs.load(case)
    programs.write(program, tmp_path, "\n")
    before, text = outcomes(tmp_path)
    assert before, text
    assert set(before.values()) == {"PASSED"}, text
    outcome = migrate(tmp_path)
    if program.findings is None:
        assert not [x for x in errors(outcome) if "ASY602" not in x]
    else:
        shown = {" ".join(line.split(" ")[:2]) for line in described(outcome)}
        assert set(program.findings) <= shown, "\n".join(described(outcome))
    assert any(is_test_path(change.path) for change in outcome.changes)
    write(tmp_path, outcome)
    after, text = outcomes(tmp_path)
    assert after == before, text
    assert "never awaited" not in text
    assert not migrate(tmp_path).changes, "a second run changes something"
