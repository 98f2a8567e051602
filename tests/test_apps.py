"""The runnable programs under ``fixtures/apps``: their own tests, and the tool's output."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine import described, errors, migrate, write

APPS = sorted((Path(__file__).resolve().parent.parent / "fixtures" / "apps").iterdir())
each_app = pytest.mark.parametrize("app", APPS, ids=lambda app: app.name)


@pytest.mark.parametrize("state", ["before", "after"])
@each_app
def test_the_app_passes_its_own_tests(app: Path, state: str) -> None:
    environment = {**os.environ, app.name.upper(): state, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--quiet", "tests"],
        cwd=app,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def contents(folder: Path) -> dict[str, str]:
    """Every file of a program, as text."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in {".py", ".toml"}
    }


@each_app
def test_the_migration_gives_what_stands_in_after(app: Path, tmp_path: Path) -> None:
    folder = tmp_path / "program"
    shutil.copytree(app / "before", folder)
    outcome = migrate(folder)
    write(folder, outcome)
    expected = contents(app / "after")
    written = contents(folder)
    for path in sorted({*expected, *written}):
        assert written.get(path, "").splitlines() == expected.get(path, "").splitlines(), path
    assert written == expected
    assert not errors(outcome), "\n".join(described(outcome))


@each_app
def test_a_finished_migration_has_nothing_left(app: Path, tmp_path: Path) -> None:
    folder = tmp_path / "program"
    shutil.copytree(app / "after", folder)
    outcome = migrate(folder)
    assert not outcome.changes
    assert not outcome.pending
    assert not errors(outcome)
