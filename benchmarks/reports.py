"""Endpoints that block an event loop, before their migration and after it, under the same requests.

    python benchmarks/reports.py [--clients N] [--requests N] [--model MS] [--network MS] [--limits]

The program is `fixtures/apps/research_reports`: FastAPI, SQLAlchemy and MariaDB, with calls of a
language model that are gathered in parallel. Its endpoints are `async def`, and the sync database
work in them stops the event loop. The benchmark migrates a copy of it with asyncify, and starts
MariaDB (or takes the one of ASYNCIFY_MARIADB), a stub that answers like a language model after a
fixed time, and both versions of the program. Between the program and MariaDB stands a network:
every packet arrives half a round trip later. Nothing leaves this machine.

The pool has room for every client, as one has that is sized for its load: what is more than
`pool_size` is connected anew for each request, which takes several round trips.

One request alone is measured first, in each version; then as many clients as asked for send
requests one after the other, each for a report of its own. With `--limits` the exit code is 1 where
the 95th percentile of the async version is more than 1.2 times the work of one request alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import URL, create_engine, make_url, text

FILE = Path(__file__).resolve()
PROJECT = FILE.parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "transforms")]

from asyncify import engine  # noqa: E402
from asyncify.config import load_config  # noqa: E402
from tests import servers  # noqa: E402

APP = PROJECT / "fixtures" / "apps" / "research_reports" / "before"
ARTICLES = 2
ALONE = 15
LIMIT = 1.2
STARTING = 30  # seconds


@dataclass(frozen=True)
class Figures:
    """What requests took, in milliseconds."""

    name: str
    alone: list[float]
    together: list[float]
    seconds: float

    def line(self) -> str:
        rate = len(self.together) / self.seconds
        shares = " ".join(f"{percentile(self.together, s):8.0f}" for s in (0.5, 0.95, 1.0))
        return f"{self.name:<8} {self.work:8.0f} {shares} {self.ratio:9.2f} {rate:8.1f}"

    @property
    def work(self) -> float:
        """One request alone: the median."""
        return percentile(self.alone, 0.5)

    @property
    def ratio(self) -> float:
        return percentile(self.together, 0.95) / self.work


def percentile(values: Sequence[float], share: float) -> float:
    """What so many of the requests took at most."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


# -- the surroundings: a model and a network, in a process of their own


async def surroundings(model_ms: float, network_ms: float, database: int) -> None:
    """Serve the stub and the proxy; their ports are printed."""
    stub = await asyncio.start_server(lambda r, w: answer(r, w, model_ms / 1000), "127.0.0.1", 0)
    proxy = await asyncio.start_server(
        lambda r, w: forward(r, w, network_ms / 2000, database), "127.0.0.1", 0
    )
    ports = [server.sockets[0].getsockname()[1] for server in (stub, proxy)]
    print(json.dumps(ports), flush=True)
    await asyncio.gather(stub.serve_forever(), proxy.serve_forever())


async def answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float
) -> None:
    """Answer prompts over one connection, each after the same time."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            await asyncio.sleep(seconds)
            body = b'{"text": "A summary."}'
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def forward(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float, port: int
) -> None:
    """Hand on what comes, later."""
    there, back = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(_later(reader, back, seconds), _later(there, writer, seconds))


async def _later(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float
) -> None:
    loop = asyncio.get_running_loop()
    while data := await reader.read(65536):
        loop.call_later(seconds, writer.write, data)
    loop.call_later(seconds, writer.close)


# -- the program


def migrated(folder: Path, app: Path = APP) -> Path:
    """The program as asyncify migrates it."""
    shutil.copytree(app, folder)
    config = load_config(folder, {})
    outcome = engine.run(engine.Request(config=config, paths=(folder,), jobs=1, cache=False))
    for change in outcome.changes:
        target = folder / change.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(change.after)
    return folder


@contextmanager
def server(kind: servers.Server, folder: Path) -> Iterator[str]:
    """The URL of a server; one of its own, unless one is named."""
    given = os.environ.get(kind.variable)
    if not given and not servers.programs(kind):
        raise SystemExit(f"{kind.name} isn't installed: {kind.package}")
    try:
        yield given or servers.start(kind, folder)
    finally:
        servers.stop(folder)


@contextmanager
def surrounded(database: int, model_ms: float, network_ms: float) -> Iterator[tuple[int, int]]:
    """The ports of the stub, and of the network in front of a database."""
    command = [sys.executable, str(FILE), "--surroundings", str(database),
               "--model", str(model_ms), "--network", str(network_ms)]  # fmt: skip
    with started(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        model, network = json.loads(process.stdout.readline())
        yield model, network


@contextmanager
def started(command: Sequence[str], **options: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, text=True, **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def served(folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """The program in a process of its own; its address."""
    port = servers.free_port()
    command = [sys.executable, "-m", "uvicorn", "main:app", "--port", str(port),
               "--log-level", "warning"]  # fmt: skip
    with started(command, cwd=folder, env={**os.environ, **environment}) as process:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}"


def wait_for(port: int, process: subprocess.Popen[str]) -> None:
    """Wait until a process listens."""
    deadline = time.monotonic() + STARTING
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return


# -- the requests


async def asked(name: str, address: str, clients: int, requests: int) -> Figures:
    """Measure one version: a request alone, then many clients at once."""
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits) as client:
        reports = await prepared(client, clients)
        await many(client, reports[0], 3)  # connections are made, statements compiled
        alone = await many(client, reports[0], ALONE)
        await asyncio.gather(*(many(client, report, 2) for report in reports))
        apart = percentile(alone, 0.5) / 1000 / clients  # nobody starts with somebody else
        start = time.perf_counter()
        found = await asyncio.gather(
            *(many(client, report, requests, n * apart) for n, report in enumerate(reports))
        )
        seconds = time.perf_counter() - start
    return Figures(name, alone, [one for part in found for one in part], seconds)


async def prepared(client: httpx.AsyncClient, count: int) -> list[int]:
    """Somebody who has logged in, and a report for each client."""
    client.headers["key"] = "admin"
    email = {"email": "ann@example.com"}
    await client.post("/users", json=email)
    client.headers["token"] = (await client.post("/auth/login", json=email)).json()["token"]
    stream = (await client.post("/streams", json={"name": "Bees"})).json()["stream_id"]
    reports = []
    for number in range(count):
        given = {"stream_id": stream, "title": f"Report {number}"}
        report = (await client.post("/reports", json=given)).json()["report_id"]
        articles = [{"title": f"Paper {n}", "abstract": "Bees dance."} for n in range(ARTICLES)]
        (await client.post(f"/reports/{report}/articles", json=articles)).raise_for_status()
        reports.append(report)
    return reports


async def many(client: httpx.AsyncClient, report: int, count: int, later: float = 0) -> list[float]:
    """Milliseconds of so many requests, one after the other."""
    await asyncio.sleep(later)
    found = []
    for _ in range(count):
        start = time.perf_counter()
        (await client.post(f"/reports/{report}/summarize")).raise_for_status()
        found.append((time.perf_counter() - start) * 1000)
    return found


def measured(options: argparse.Namespace) -> Iterator[Figures]:
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="asyncify-reports-")))
        work.chmod(0o711)
        url = make_url(stack.enter_context(server(servers.MARIADB, work / "servers")))
        admin = url.set(drivername="mysql+pymysql")
        assert url.port is not None
        ports = surrounded(url.port, options.model, options.network)
        model, network = stack.enter_context(ports)
        for name, folder in (("before", APP), ("after", migrated(work / "program"))):
            url = admin.set(database=f"reports_{name}_{os.getpid()}")
            with database(url.database or "", admin, "CHARACTER SET utf8mb4"):
                environment = {
                    "DATABASE_URL": url.set(port=network).render_as_string(hide_password=False),
                    "LLM_URL": f"http://127.0.0.1:{model}", "PYTHONDONTWRITEBYTECODE": "1",
                    "POOL_SIZE": str(max(options.clients, 5)),
                }  # fmt: skip
                with served(folder, environment) as address:
                    yield asyncio.run(asked(name, address, options.clients, options.requests))


@contextmanager
def database(name: str, url: URL, options: str) -> Iterator[None]:
    """A database without tables, gone at the end."""
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} {options}"))
    yield
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name}"))
    admin.dispose()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clients", type=int, default=5, help="requests at the same time")
    parser.add_argument("--requests", type=int, default=20, help="requests of each client")
    parser.add_argument("--model", type=float, default=50, help="milliseconds of one answer")
    parser.add_argument("--network", type=float, default=12, help="milliseconds of a round trip")
    parser.add_argument("--limits", action="store_true", help="exit with 1 where it takes longer")
    parser.add_argument("--surroundings", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.surroundings:
        asyncio.run(surroundings(options.model, options.network, options.surroundings))
        return 0
    # What a time limit sends: the servers and the programs end with the benchmark.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    print(f"{options.clients} clients, {options.requests} requests each; milliseconds")
    print("version     alone      p50      p95      max p95/alone  per sec.", flush=True)
    figures = None
    for figures in measured(options):
        print(figures.line(), flush=True)
    return int(options.limits and figures is not None and figures.ratio > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
