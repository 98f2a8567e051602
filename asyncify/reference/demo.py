"""The demonstration: the sync service and its migration under the same concurrent requests.

Both run on this machine and on SQLite, and every statement waits for a moment, as it would for a
database across a network: without that there would be nothing to wait for. A blocking service waits
for one statement after the other, whatever else is asked of it in the meantime.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

NEEDED = ("aiosqlite", "alembic", "fastapi", "httpx", "sqlalchemy", "uvicorn")
REQUESTS = 40
STATEMENT_MS = 50
_STARTING = 60  # seconds
_TOKEN = {"Authorization": "Bearer secret"}


class DemoError(Exception):
    """The demonstration can't go on; a sentence says why."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """What the requests of one service took, in milliseconds, and all of them together."""

    name: str
    milliseconds: tuple[float, ...]
    total: float

    def percentile(self, share: float) -> float:
        """What so many of the requests took at most."""
        ordered = sorted(self.milliseconds)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def missing() -> tuple[str, ...]:
    """The packages that serving needs and that aren't installed."""
    return tuple(name for name in NEEDED if find_spec(name) is None)


def measure(services: Sequence[tuple[str, Path]]) -> list[Latencies]:
    """The latencies of each service, under the same requests."""
    found = []
    for name, folder in services:
        with _served(folder) as address:
            found.append(asyncio.run(_asked(name, address)))
    return found


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """A service in a process of its own; its address."""
    port = _free_port()
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{folder.resolve()}/jobs.db"}
    environment.pop("API_TOKEN", None)
    command = [sys.executable, "-m", "asyncify.reference.serve", str(port), str(STATEMENT_MS)]
    with open(folder / "server.log", "wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=_importing(environment), stdout=log, stderr=log
        )
        try:
            _wait_for(port, process, folder)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def _importing(environment: dict[str, str]) -> dict[str, str]:
    """The environment in which a process finds asyncify as this one does."""
    home = str(Path(__file__).resolve().parents[2])
    paths = [home, *filter(None, [environment.get("PYTHONPATH", "")])]
    return {**environment, "PYTHONPATH": os.pathsep.join(paths)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + _STARTING
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise DemoError(f"The service in {folder} didn't start: see {folder / 'server.log'}.")


async def _asked(name: str, address: str) -> Latencies:
    """All requests at once, after one that nobody measures."""
    import httpx

    limits = httpx.Limits(max_connections=REQUESTS)
    async with httpx.AsyncClient(
        base_url=address, headers=_TOKEN, limits=limits, timeout=60, trust_env=False
    ) as client:

        async def ask(number: int) -> float:
            start = time.perf_counter()
            answer = await client.get("/jobs", params={"page": number % 2 + 1, "limit": 3})
            answer.raise_for_status()
            return (time.perf_counter() - start) * 1000

        await ask(0)
        start = time.perf_counter()
        taken = await asyncio.gather(*map(ask, range(REQUESTS)))
        return Latencies(name, tuple(taken), (time.perf_counter() - start) * 1000)
