"""Requests of migrated programs don't wait for each other, which ``benchmarks/load.py`` measures.

Nothing is timed here: statements of three requests wait for one another in the threads that execute
them. Where the event loop is blocked by the first, the others never come.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.programs_of_their_own import APPS

FILE = Path(__file__).parents[1] / "benchmarks" / "load.py"

# Arguments: application, module with Base, header, path, text of the statement, seconds.
MEET = """
import asyncio, importlib, json, os, sqlite3, sys, threading
sys.path.insert(0, os.getcwd())
from sqlalchemy import create_engine, event
from sqlalchemy.pool import Pool
import httpx

app, models, header, path, wanted, seconds = sys.argv[1:]
module, _, name = app.partition(":")
app = getattr(importlib.import_module(module), name)
url = os.environ["DATABASE_URL"]
importlib.import_module(models).Base.metadata.create_all(create_engine(url))
barrier = threading.Barrier(3)
met = []

def wait(statement):
    if wanted in statement:
        try:
            barrier.wait(float(seconds))
            met.append(True)
        except threading.BrokenBarrierError:
            met.append(False)

@event.listens_for(Pool, "connect")
def connected(connection, record):
    if isinstance(connection, sqlite3.Connection):
        connection.set_trace_callback(wait)
    else:
        connection.run_async(lambda raw: raw.set_trace_callback(wait))

async def main():
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for number in range(3):
            await client.post("/api/users", json={"anonymous_id": f"user{number}.1"})
        asked = [client.get(path, headers={header: f"user{n}.1"}) for n in range(3)]
        answers = await asyncio.gather(*asked)
    print(json.dumps([met, [answer.status_code for answer in answers]]))

asyncio.run(main())
"""
SYSTEMS = {
    "reading_notes": ("app.main:app", "app.models", "X-User", "/api/insights", "FROM insights"),
    "meal_requests": ("main:app", "db.models", "token", "/auth/me", "FROM revoked_tokens"),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_requests_meet_in_the_database(name: str, tmp_path: Path) -> None:
    app = next(app for app in APPS if app.name == name)
    processes = []
    for state, seconds in (("before", "1"), ("after", "60")):
        url = f"sqlite:///{tmp_path}/{state}.db"
        command = [sys.executable, "-B", "-c", MEET, *SYSTEMS[name], seconds]
        processes.append(subprocess.Popen(
            command, cwd=app / state, env={**os.environ, "DATABASE_URL": url},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ))  # fmt: skip
    for process, together in zip(processes, (False, True), strict=True):
        printed, errors = process.communicate()
        assert process.returncode == 0, errors
        assert json.loads(printed) == [[together] * 3, [200] * 3]


def test_connections_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FILE.parent))
    spec = importlib.util.spec_from_file_location("load", FILE)
    assert spec is not None and spec.loader is not None
    load = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "load", load)
    spec.loader.exec_module(load)
    counted = load.Counted()
    engine = create_engine("sqlite://")
    counted.listen(engine.pool)
    for _ in range(2):
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    figures = counted.figures()
    assert (figures["opened"], figures["most"], counted.used) == (1, 1, 0)
    assert 0 < figures["now"] <= figures["peak"]
