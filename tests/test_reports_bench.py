"""The benchmark of blocking endpoints: its figures, and the surroundings that it makes."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[1] / "benchmarks" / "reports.py"


@pytest.fixture
def reports() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reports", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["reports"] = module
    spec.loader.exec_module(module)
    return module


def test_figures(reports: ModuleType) -> None:
    figures = reports.Figures("after", [10.0, 12.0, 11.0], [float(n) for n in range(100)], 2.0)
    assert figures.work == 11
    assert reports.percentile(figures.together, 0.95) == 95
    assert figures.ratio == 95 / 11
    assert figures.line().split() == ["after", "11", "50", "95", "99", "8.64", "50.0"]


async def _ask(reports: ModuleType) -> tuple[bytes, float]:
    """What the stub answers through the proxy, and after how long."""
    stub = await asyncio.start_server(lambda r, w: reports.answer(r, w, 0.05), "127.0.0.1", 0)
    port = stub.sockets[0].getsockname()[1]
    proxy = await asyncio.start_server(
        lambda r, w: reports.forward(r, w, 0.05, port), "127.0.0.1", 0
    )
    start = time.perf_counter()
    reader, writer = await asyncio.open_connection(*proxy.sockets[0].getsockname()[:2])
    writer.write(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
    answer = await reader.readuntil(b"}")
    writer.close()
    stub.close()
    proxy.close()
    return answer, time.perf_counter() - start


def test_the_surroundings_take_their_time(reports: ModuleType) -> None:
    answer, seconds = asyncio.run(_ask(reports))
    assert answer.startswith(b"HTTP/1.1 200") and b"A summary." in answer
    assert seconds >= 0.15
