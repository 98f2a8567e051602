"""The runnable programs under ``fixtures/apps``: their own tests, and the tool's output."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from asyncify import engine
from tests.differential.test_servers import DRIVERS, database, started
from tests.engine import check, described, errors, migrate, request, write

__all__ = ["started"]  # the fixture

APPS = sorted((Path(__file__).resolve().parent.parent / "fixtures" / "apps").iterdir())
each_app = pytest.mark.parametrize("app", APPS, ids=lambda app: app.name)


# What the programs say about their own tests: one route of job_executor deletes nothing until its
# ``delete`` is awaited.
KNOWN = {("job_executor", "before"): "1 xfailed", ("job_executor", "after"): "1 xpassed"}


def own_tests(app: Path, state: str, **variables: str) -> str:
    """Run a program's own tests, which pass; what pytest printed. They stand beside both states
    where they needn't be migrated, else in each."""
    beside = (app / "tests").is_dir()
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **variables}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", "tests"],
        cwd=app if beside else app / state,
        env={**environment, app.name.upper(): state} if beside else environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert state == "before" or "never awaited" not in done.stdout, done.stdout
    return done.stdout


@pytest.mark.parametrize("state", ["before", "after"])
@each_app
def test_the_app_passes_its_own_tests(app: Path, state: str) -> None:
    printed = own_tests(app, state)
    assert KNOWN.get((app.name, state), "") in printed


def test_the_reports_are_the_same_on_mariadb(started: dict[str, str]) -> None:
    if "mariadb" not in started:
        pytest.skip("MariaDB isn't installed")
    with database(started["mariadb"], DRIVERS["aiomysql"]) as url:
        given = url.update_query_dict({"charset": "utf8mb4"})
        variable = given.render_as_string(hide_password=False)
        app = next(app for app in APPS if app.name == "research_reports")
        own_tests(app, "after", TEST_DATABASE_URL=variable)


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
