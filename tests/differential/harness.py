"""Runs a program, migrates it, runs it again, and compares."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from asyncify.outcome import Outcome
from tests.differential.compare import differences
from tests.differential.run import ROOT, run_program
from tests.engine import errors, migrate, write

FIXTURES = ROOT / "fixtures" / "differential"


def lay_out(source: Path, folder: Path) -> Path:
    """The program in a folder of its own: a case inside its frame, or a whole program."""
    shutil.copytree(FIXTURES / "frame" if source.is_file() else source, folder)
    if source.is_file():
        shutil.copy(source, folder / "case.py")
    (folder / "pyproject.toml").write_text('[project]\nname = "case"\n', encoding="utf-8")
    return folder


def problems(
    source: Path, scratch: Path, migration: Callable[[Path], Outcome] = migrate
) -> list[str]:
    """Everything that is wrong with the migration of one program."""
    folder = lay_out(source, scratch / "program")
    before = run_program(folder, scratch / "before.json")
    outcome = migration(folder)
    if not outcome.changes:
        return ["nothing was migrated", *errors(outcome)]
    write(folder, outcome)
    after = run_program(folder, scratch / "after.json")
    again = [f"a second run changes {change.path}" for change in migration(folder).changes]
    return [*errors(outcome), *differences(before, after), *again]
