"""The runnable programs under ``fixtures/apps``: their own tests, and the tool's output."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from asyncify import engine
from tests.engine import check, described, errors, migrate, request, write
from tests.programs_of_their_own import APPS, migrate_in_steps, own_tests

each_app = pytest.mark.parametrize("app", APPS, ids=lambda app: app.name)


@pytest.mark.parametrize("state", ["before", "after"])
def test_the_bookshelf_passes_its_own_tests(state: str) -> None:
    own_tests(next(app for app in APPS if app.name == "bookshelf"), state)


def contents(folder: Path) -> dict[str, str]:
    """Every file of a program, as text."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in {".py", ".toml", ".txt"}
    }


@each_app
def test_the_migration_gives_what_stands_in_after(app: Path, tmp_path: Path) -> None:
    folder = tmp_path / "program"
    *_, outcome = migrate_in_steps(app, folder)
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


@pytest.mark.parametrize(
    "first", ["crud.py", "service.py", "database.py dependencies.py", "routers", "seed.py"]
)
def test_a_migration_in_two_steps_ends_where_one_step_does(first: str, tmp_path: Path) -> None:
    """What turned in the first step is async already in the second, which awaits it."""
    folder, app = tmp_path / "program", next(app for app in APPS if app.name == "bookshelf")
    shutil.copytree(app / "before", folder)
    paths = tuple(folder / "bookshelf" / name for name in first.split())
    write(folder, engine.run(replace(request(folder), paths=paths)))
    write(folder, migrate(folder))
    written = contents(folder)
    for path, text in contents(app / "after").items():
        assert written[path].splitlines() == text.splitlines(), path
    assert not check(folder).pending
