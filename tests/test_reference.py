"""The bundled job service: the reference is what the tool makes of the sync version, and both do
what their own tests ask for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from asyncify import reference
from asyncify.reference import demo
from tests.differential.test_servers import started
from tests.engine import described, migrate, write

__all__ = ["started"]  # the fixture

PROJECT = Path(__file__).resolve().parent.parent
# Where the reference isn't what the tool writes: files, each with the reason.
DIFFERENCES: dict[str, str] = {}


def texts(folder: Path) -> dict[str, str]:
    """All files of a service by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and ".pytest_cache" not in path.parts
    }


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``asyncify run`` makes of the sync version."""
    folder = tmp_path_factory.mktemp("service") / "service"
    reference.copy(reference.SYNC, folder)
    outcome = migrate(folder)
    assert {x.code for x in outcome.findings if not x.fixed} <= {
        "ASY001", "ASY003", "ASY004", "ASY107", "ASY208",
    }, described(outcome)  # fmt: skip
    write(folder, outcome)
    return folder


def test_the_reference_is_what_the_tool_writes(migrated: Path) -> None:
    wanted, found = texts(reference.ASYNC), texts(migrated)
    assert wanted.keys() == found.keys()
    for path, content in wanted.items():
        assert (content != found[path]) == (path in DIFFERENCES), path


def test_a_second_run_changes_nothing(migrated: Path) -> None:
    assert not migrate(migrated).changes


@pytest.mark.parametrize("version", ["sync", "async", "migrated"])
def test_its_own_tests_pass(version: str, migrated: Path, tmp_path: Path) -> None:
    folder = migrated
    if version != "migrated":
        folder = tmp_path / "service"
        reference.copy(reference.SYNC if version == "sync" else reference.ASYNC, folder)
    done = own_tests(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "17 passed" in done.stdout


def own_tests(folder: Path, url: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TEST_DATABASE_URL": url} if url else dict(os.environ)
    return subprocess.run(
        [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider",
         "-W", "error::RuntimeWarning"],
        cwd=folder, env=environment, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("version", ["sync", "async"])
def test_its_own_tests_pass_on_postgresql(
    version: str, started: dict[str, str], tmp_path: Path
) -> None:
    if "postgresql" not in started:
        pytest.skip("PostgreSQL isn't installed")
    folder = tmp_path / "service"
    reference.copy(reference.SYNC if version == "sync" else reference.ASYNC, folder)
    with database(started["postgresql"]) as url:
        done = own_tests(folder, url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "17 passed" in done.stdout


@contextmanager
def database(server: str) -> Iterator[str]:
    """A database of the server, without tables, and gone at the end."""
    name = f"reference_{os.getpid()}"
    admin = create_engine(
        make_url(server).set(drivername="postgresql+psycopg2"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


# Statements of one page, and what the page holds, from the service in the working directory.
PAGE = """
import asyncio, json, os, sys
sys.path.insert(0, os.getcwd())
from alembic import command
from alembic.config import Config
from sqlalchemy import event
command.upgrade(Config("alembic.ini"), "head")
from lib.db import engine
from services import job_service

seen = []

async def main():
    for number in range(7):
        data = {"company": f"Company {number % 3}", "job_title": f"T{number}"}
        await job_service.create_job(data)
    event.listen(
        engine.sync_engine, "before_cursor_execute", lambda *given: seen.append(given[2])
    )
    jobs, total = await job_service.get_jobs_paginated(2, 2, "job_title", "ASC", "company 0")
    loaded = [(job.job_title, job.lead.deal.tenant.name) for job in jobs]
    pool = [type(engine.pool).__name__, engine.pool.checkedin(), engine.pool.checkedout()]
    await engine.dispose()
    print(json.dumps([loaded, total, seen, pool]))

asyncio.run(main())
"""


def test_a_page_is_one_page_and_one_count(tmp_path: Path) -> None:
    folder = tmp_path / "service"
    reference.copy(reference.ASYNC, folder)
    done = subprocess.run(
        [sys.executable, "-B", "-c", PAGE], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    loaded, total, statements, pool = json.loads(done.stdout)
    assert (loaded, total) == ([["T6", "default"]], 3)
    counted, page = statements
    assert "count(" in counted
    assert "LIMIT" in page and "OFFSET" in page
    assert pool == ["AsyncAdaptedQueuePool", 1, 0], "one connection for all, and given back"


def asyncify(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "asyncify", *arguments]
    paths = f"{PROJECT}:{PROJECT / 'transforms'}"
    return subprocess.run(
        command, cwd=cwd, env={"PYTHONPATH": paths, "PATH": "", "COLUMNS": "80"},
        capture_output=True, text=True,
    )  # fmt: skip


def test_the_demonstration_migrates(tmp_path: Path) -> None:
    done = asyncify("demo", "--no-serve", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "asyncify-demo"
    assert "59 functions" in done.stdout
    assert texts(folder / "before") == texts(reference.SYNC)
    assert "async def" in (folder / "after" / "services" / "job_service.py").read_text()
    assert b"+async def get_job(" in (folder / "changes.diff").read_bytes()
    again = asyncify("demo", "--no-serve", cwd=tmp_path)
    assert again.returncode == 2
    assert "name another folder" in again.stderr


def test_the_demonstration_compares(tmp_path: Path) -> None:
    done = asyncify("demo", "here", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    before, _, after = done.stdout.partition("\nafter: async\n")
    assert "\nbefore: sync\n" in before
    for table in (before, after):
        assert table.count(" ms\n") == 4
    assert f"{demo.REQUESTS} requests at once" in before


def test_what_serving_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "NEEDED", ("ast", "no_such_package"))
    assert demo.missing() == ("no_such_package",)


def test_latencies_are_ordered() -> None:
    latencies = demo.Latencies("x", (3.0, 1.0, 2.0, 4.0), 5.0)
    assert latencies.percentile(0.5) == 3.0
    assert latencies.percentile(0.95) == 4.0
