"""What the demonstration says: where things are, and the latencies of both services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Latencies(Protocol):
    """What the requests of one service took."""

    @property
    def name(self) -> str: ...

    @property
    def milliseconds(self) -> tuple[float, ...]: ...

    @property
    def total(self) -> float: ...

    def percentile(self, share: float) -> float:
        """What so many of the requests took at most."""


def places(before: str, after: str, diff: str) -> str:
    """Where the program is, before and after, and what has changed."""
    return f"Before: {before}\nAfter:  {after}\nDiff:   {diff}\n"


def tables(measured: Sequence[Latencies], statement_ms: int) -> str:
    """One table for each service."""
    count = len(measured[0].milliseconds) if measured else 0
    lines = [f"{count} requests at once; every statement waits {statement_ms} ms.", ""]
    for service in measured:
        lines += [service.name, *_table(service), ""]
    return "\n".join(lines)


def _table(service: Latencies) -> list[str]:
    rows = [
        ("half of them within", service.percentile(0.5)),
        ("95 % within", service.percentile(0.95)),
        ("the slowest", max(service.milliseconds)),
        ("all together", service.total),
    ]
    return [f"  {label:<20}{value:>8.0f} ms" for label, value in rows]
