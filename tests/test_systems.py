"""Four programs in the shape of real migrations: the tests that came with each pass before, and
those that asyncify has migrated along with the program pass after. ``docs/seeds.md`` says what of
the real migrations each test shows."""

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
from tests.engine import request, write
from tests.programs_of_their_own import APPS, migrate_in_steps, own_tests

__all__ = ["started"]  # the fixture

SYSTEMS = [app for app in APPS if app.name != "bookshelf"]
# What the programs say about their own tests: one route of job_executor deletes nothing until its
# ``delete`` is awaited.
KNOWN = {("job_executor", "before"): "1 xfailed", ("job_executor", "after"): "1 xpassed"}


@pytest.mark.parametrize("state", ["before", "after"])
@pytest.mark.parametrize("app", SYSTEMS, ids=lambda app: app.name)
def test_the_app_passes_its_own_tests(app: Path, state: str) -> None:
    printed = own_tests(app, state)
    assert KNOWN.get((app.name, state), "") in printed


def test_a_program_works_after_each_module(tmp_path: Path) -> None:
    app = next(app for app in SYSTEMS if app.name == "meal_requests")
    first = next(migrate_in_steps(app, tmp_path / "after"))
    changed = {change.path for change in first.changes}
    assert "db/cruds/tokens_crud.py" in changed
    assert changed.isdisjoint({"db/cruds/allowed_origins_crud.py", "api/origins.py"})
    own_tests(tmp_path, "after")


STEPS = {
    "reading_notes": ("app/database.py app/main.py alembic/env.py", "app/services", ""),
    "research_reports": (
        "database.py main.py",
        "services/auth_service.py services/user_service.py models.py tests", "services", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_infrastructure_services_and_routes(name: str, tmp_path: Path) -> None:
    """One commit for each: it ends where a single run ends."""
    app, folder = next(app for app in SYSTEMS if app.name == name), tmp_path / "program"
    shutil.copytree(app / "before", folder)
    for names in STEPS[name]:
        paths = tuple(folder / name for name in names.split() or ("",))
        write(folder, engine.run(replace(request(folder), paths=paths)))
    for path in (app / "after").rglob("*.py"):
        written = folder / path.relative_to(app / "after")
        assert written.read_text() == path.read_text(), written


def test_the_old_name_of_the_factory_warns(tmp_path: Path) -> None:
    app = next(app for app in SYSTEMS if app.name == "job_executor")
    done = subprocess.run(
        [sys.executable, "-B", "-W", "always", "-c",
         "from app.core.database import SessionLocal; print(type(SessionLocal()).__name__)"],
        cwd=app / "after", env={**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path}/jobs.db"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "AsyncSession\n"
    assert "DeprecationWarning: SessionLocal gives sessions that are awaited" in done.stderr


# The servers that two of the migrations were for.
SERVERS = {"reading_notes": "asyncpg", "research_reports": "aiomysql"}


@pytest.mark.parametrize("state", ["before", "after"])
@pytest.mark.parametrize("name", SERVERS)
def test_the_app_passes_them_on_its_server(name: str, state: str, started: dict[str, str]) -> None:
    driver = DRIVERS[SERVERS[name]]
    if driver.server.name not in started:
        pytest.skip(f"{driver.server.package} isn't installed")
    with database(started[driver.server.name], driver) as url:
        if driver.server.name == "mariadb":
            url = url.update_query_dict({"charset": "utf8mb4"})
        given = url.render_as_string(hide_password=False)
        app = next(app for app in SYSTEMS if app.name == name)
        own_tests(app, state, TEST_DATABASE_URL=given)
