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
from tests.lines import INSTALLED, found, frame

Migration = Callable[[Path], Outcome]
FIXTURES = ROOT / "fixtures" / "differential"
# What does database work at import stays sync there.
AT_IMPORT = dict.fromkeys(
    ("import_time", "seeded_at_import"), "2 statements ran on a sync connection"
)
PROJECT = """\
[project]
name = "case"

[tool.asyncify]
sqlalchemy-version = "{line}"
"""


def lay_out(source: Path, folder: Path, line: str = INSTALLED) -> Path:
    """The program in a folder of its own: a case inside its frame, or a whole program."""
    if source.is_file():
        frame(FIXTURES / "frame", folder, line)
        shutil.copy(source, folder / "case.py")
    else:
        shutil.copytree(source, folder)
    (folder / "pyproject.toml").write_text(PROJECT.format(line=line), encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Programs:
    """One program before and after its migration, each in its folder."""

    before: Path
    after: Path
    outcome: Outcome


def migrated(
    source: Path, scratch: Path, migration: Migration = migrate, line: str = INSTALLED
) -> Programs:
    """Both programs. Folders of one name, since findings and records tell paths."""
    before = lay_out(source, scratch / "before" / "program", line)
    after = lay_out(source, scratch / "after" / "program", line)
    outcome = migration(after)
    write(after, outcome)
    return Programs(before, after, outcome)


def problems(
    source: Path, scratch: Path, migration: Migration = migrate, line: str = INSTALLED
) -> list[str]:
    """Everything that is wrong with the migration of one program."""
    programs = migrated(source, scratch, migration, line)
    if not programs.outcome.changes:
        return ["nothing was migrated", *errors(programs.outcome)]
    before = run_program(programs.before, scratch / "before.json", python=found(line))
    after = run_program(programs.after, scratch / "after.json", python=found(line))
    again = [f"a second run changes {change.path}" for change in migration(programs.after).changes]
    return [*errors(programs.outcome), *differences(before, after), *again]
