"""Runs a program, migrates it, runs it again, and compares."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from asyncify.outcome import Outcome
from tests.differential.compare import differences
from tests.differential.run import ROOT, run_program
from tests.engine import errors, migrate, write

Migration = Callable[[Path], Outcome]
FIXTURES = ROOT / "fixtures" / "differential"


def lay_out(source: Path, folder: Path) -> Path:
    """The program in a folder of its own: a case inside its frame, or a whole program."""
    shutil.copytree(FIXTURES / "frame" if source.is_file() else source, folder)
    if source.is_file():
        shutil.copy(source, folder / "case.py")
    (folder / "pyproject.toml").write_text('[project]\nname = "case"\n', encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Programs:
    """One program before and after its migration, each in its folder."""

    before: Path
    after: Path
    outcome: Outcome


def migrated(source: Path, scratch: Path, migration: Migration = migrate) -> Programs:
    """Both programs. Folders of one name, since findings and records tell paths."""
    before = lay_out(source, scratch / "before" / "program")
    after = lay_out(source, scratch / "after" / "program")
    outcome = migration(after)
    write(after, outcome)
    return Programs(before, after, outcome)


def problems(source: Path, scratch: Path, migration: Migration = migrate) -> list[str]:
    """Everything that is wrong with the migration of one program."""
    programs = migrated(source, scratch, migration)
    if not programs.outcome.changes:
        return ["nothing was migrated", *errors(programs.outcome)]
    before = run_program(programs.before, scratch / "before.json")
    after = run_program(programs.after, scratch / "after.json")
    again = [f"a second run changes {change.path}" for change in migration(programs.after).changes]
    return [*errors(programs.outcome), *differences(before, after), *again]
