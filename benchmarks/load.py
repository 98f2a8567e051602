"""Two more programs under load, before their migration and after it, under the same requests.

    python benchmarks/load.py [--clients N] [--requests N] [--network MS] [--statement MS]

`fixtures/apps/reading_notes` are services that are given a session, on PostgreSQL, with a network
between (`benchmarks/reports.py` has it); a client asks for its notes. `fixtures/apps/meal_requests`
is async but for two of its six CRUD modules, on SQLite, where every statement waits for a moment in
the thread that executes it; a client asks who it is, which looks a token up by one of the two.

Each version is migrated from a copy, and served by one process. One request alone is measured
first, then as many clients as asked for, each of which sends one request after the other. Beside
the times stand the connections that the version opened, how many of them were in use at the same
time, and its memory after the first requests and at its peak. Nothing leaves this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import reports
from sqlalchemy import URL, event, make_url
from sqlalchemy.pool import Pool

from tests import servers

APPS = reports.PROJECT / "fixtures" / "apps"
FIGURES = "/figures-of-the-benchmark"


@dataclass(frozen=True)
class System:
    """A program: where its application is, and what a client says and asks."""

    name: str
    app: str
    header: str
    who: str
    path: str


NOTES = System("reading_notes", "app.main:app", "X-User", "reader{}", "/api/insights")
MEALS = System("meal_requests", "main:app", "token", "cook{}.1", "/auth/me")


# -- the program, in a process of its own


class Counted:
    """Connections of all pools of a process."""

    def __init__(self) -> None:
        self.opened = self.used = self.most = 0

    def listen(self, pool: type[Pool] | Pool) -> None:
        event.listen(pool, "connect", lambda *given: self._count(opened=1))
        event.listen(pool, "checkout", lambda *given: self._count(used=1))
        event.listen(pool, "checkin", lambda *given: self._count(used=-1))

    def _count(self, opened: int = 0, used: int = 0) -> None:
        self.opened += opened
        self.used += used
        self.most = max(self.most, self.used)

    def figures(self) -> dict[str, float]:
        """The connections, and the megabytes of this process now and at its peak."""
        status = Path("/proc/self/status").read_text("utf-8").splitlines()
        sizes = {line.split(":")[0]: line.split()[1] for line in status if " kB" in line}
        memory = {
            name: int(sizes[key]) / 1024 for name, key in (("now", "VmRSS"), ("peak", "VmHWM"))
        }
        return {"opened": self.opened, "most": self.most, **memory}


def serve(app: str, port: int, statement_ms: float) -> None:
    """Serve the program of the working directory until the process is ended."""
    import uvicorn

    counted = Counted()
    counted.listen(Pool)
    if statement_ms:
        event.listen(Pool, "connect", lambda made, record: wait_at_statements(made, statement_ms))
    sys.path.insert(0, str(Path.cwd()))
    module, _, name = app.partition(":")
    application = getattr(importlib.import_module(module), name)
    application.add_api_route(FIGURES, counted.figures)
    uvicorn.run(application, host="127.0.0.1", port=port, log_level="warning")


def wait_at_statements(connection: Any, milliseconds: float) -> None:
    """SQLite tells of a statement in the thread that executes it."""

    def wait(statement: str) -> None:
        time.sleep(milliseconds / 1000)

    if isinstance(connection, sqlite3.Connection):
        connection.set_trace_callback(wait)
    else:
        connection.run_async(lambda raw: raw.set_trace_callback(wait))


@contextmanager
def served(system: System, folder: Path, url: str, statement_ms: float) -> Iterator[str]:
    """The program's address."""
    port = servers.free_port()
    command = [sys.executable, __file__, "--serve", system.app, "--port", str(port),
               "--statement", str(statement_ms)]  # fmt: skip
    environment = {**os.environ, "DATABASE_URL": url, "PYTHONDONTWRITEBYTECODE": "1"}
    with reports.started(command, cwd=folder, env=environment) as process:
        reports.wait_for(port, process)
        yield f"http://127.0.0.1:{port}"


# -- the requests


async def asked(
    system: System, name: str, address: str, options: argparse.Namespace
) -> tuple[reports.Figures, dict[str, float]]:
    """Measure one version: a request alone, then many clients at once."""
    clients, requests = options.clients, options.requests
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits) as client:
        headers = [{system.header: system.who.format(number)} for number in range(clients)]
        for given in headers:
            await prepared(system, client, given)
        await many(system, client, headers[0], 3)  # connections are made, statements compiled
        alone = await many(system, client, headers[0], reports.ALONE)
        await asyncio.gather(*(many(system, client, given, 2) for given in headers))
        warm = (await client.get(FIGURES)).json()
        apart = reports.percentile(alone, 0.5) / 1000 / clients
        start = time.perf_counter()
        found = await asyncio.gather(*(
            many(system, client, given, requests, n * apart) for n, given in enumerate(headers)
        ))  # fmt: skip
        seconds = time.perf_counter() - start
        figures = {**(await client.get(FIGURES)).json(), "warm": warm["now"]}
    return reports.Figures(name, alone, [one for part in found for one in part], seconds), figures


async def prepared(system: System, client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """Something to ask for."""
    if system is not NOTES:
        return
    await client.post("/api/users", json={"anonymous_id": headers[system.header]})
    passage = {
        "reference": f"John {headers[system.header]}",
        "translation": "WEB",
        "text": "Light.",
    }
    number = (await client.post("/api/passages", json=passage)).json()["id"]
    for text in ("First.", "Second.", "Third."):
        insight = {"passage_id": number, "text": text}
        answer = await client.post("/api/insights", json=insight, headers=headers)
        answer.raise_for_status()


async def many(
    system: System, client: httpx.AsyncClient, headers: dict[str, str], count: int, later: float = 0
) -> list[float]:
    """Milliseconds of so many requests, one after the other."""
    await asyncio.sleep(later)
    found = []
    for _ in range(count):
        start = time.perf_counter()
        (await client.get(system.path, headers=headers)).raise_for_status()
        found.append((time.perf_counter() - start) * 1000)
    return found


# -- both systems


def versions(system: System, work: Path) -> Iterator[tuple[str, Path]]:
    """The program before and after."""
    before = work / "before"
    shutil.copytree(APPS / system.name / "before", before)
    yield "before", before
    yield "after", reports.migrated(work / "after", APPS / system.name / "before")


def notes(options: argparse.Namespace, work: Path) -> Iterator[tuple[Any, dict[str, float]]]:
    with ExitStack() as stack:
        server = make_url(stack.enter_context(reports.server(servers.POSTGRESQL, work / "servers")))
        server = server.set(drivername="postgresql+psycopg2")
        assert server.port is not None
        _, network = stack.enter_context(reports.surrounded(server.port, 0, options.network))
        for name, folder in versions(NOTES, work / NOTES.name):
            url = server.set(database=f"notes_{name}_{os.getpid()}")
            with reports.database(url.database or "", server, ""):
                upgraded(folder, url)
                given = url.set(port=network).render_as_string(hide_password=False)
                with served(NOTES, folder, given, 0) as address:
                    yield asyncio.run(asked(NOTES, name, address, options))


def upgraded(folder: Path, url: URL) -> None:
    """Alembic makes the tables."""
    environment = {**os.environ, "DATABASE_URL": url.render_as_string(hide_password=False)}
    command = [sys.executable, "-m", "alembic", "upgrade", "head"]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)


def meals(options: argparse.Namespace, work: Path) -> Iterator[tuple[Any, dict[str, float]]]:
    for name, folder in versions(MEALS, work / MEALS.name):
        with served(MEALS, folder, f"sqlite:///{folder}/meals.db", options.statement) as address:
            yield asyncio.run(asked(MEALS, name, address, options))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clients", type=int, default=8, help="requests at the same time")
    parser.add_argument("--requests", type=int, default=25, help="requests of each client")
    parser.add_argument("--network", type=float, default=12, help="milliseconds of a round trip")
    parser.add_argument("--statement", type=float, default=10, help="milliseconds of a statement")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.port, options.statement)
        return 0
    print(f"{options.clients} clients, {options.requests} requests each; milliseconds")
    with tempfile.TemporaryDirectory(prefix="asyncify-load-") as folder:
        Path(folder).chmod(0o711)
        for title, measured in ((NOTES.name, notes), (MEALS.name, meals)):
            print(f"{title}\nversion     alone      p50      p95      max p95/alone  per sec."
                  "  connections  in use  MB warm  MB peak", flush=True)  # fmt: skip
            for figures, counted in measured(options, Path(folder)):
                print(f"{figures.line()} {counted['opened']:12.0f} {counted['most']:7.0f} "
                      f"{counted['warm']:8.0f} {counted['peak']:8.0f}", flush=True)  # fmt: skip
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
