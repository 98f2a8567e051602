"""The progress bar: on a terminal, and only where a run takes long enough to be watched.

Rich is imported when the bar appears for the first time, so that short runs don't pay for it. The
bar refreshes itself from the calls alone: a thread would be copied into worker processes. Only a
stage that can't count what it does (its total is 0), and starts no processes, gets a timer.
"""

from __future__ import annotations

import time
from threading import Timer
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

_PATIENCE = 1.0
_INTERVAL = 0.1


class ProgressBar:
    """A callable for the engine, and a context manager that clears the bar at the end."""

    def __init__(self, stream: TextIO, enabled: bool) -> None:
        self._stream = stream
        self._enabled = enabled
        self._started = self._refreshed = time.monotonic()
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None
        self._timer: Timer | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        if not self._enabled:
            return
        self._cancel()
        now = time.monotonic()
        if total == 0:
            self._show_later(stage, _PATIENCE - (now - self._started))
            return
        if now - self._started < _PATIENCE or now - self._refreshed < _INTERVAL:
            return
        self._refreshed = now
        self._show(stage, done, total)

    def _show_later(self, stage: str, seconds: float) -> None:
        if seconds <= 0:
            self._show(stage, 0, 0)
            return
        self._timer = Timer(seconds, self._show, (stage, 0, 0))
        self._timer.daemon = True
        self._timer.start()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
            self._timer = None

    def _show(self, stage: str, done: int, total: int) -> None:
        if self._bar is None:
            self._bar = _started_bar(self._stream)
        if self._task is None:
            self._task = self._bar.add_task(stage)
        self._bar.update(self._task, description=stage, completed=done, total=total or None)
        self._bar.refresh()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._cancel()
        if self._bar is not None:
            self._bar.stop()


def _started_bar(stream: TextIO) -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, console=Console(file=stream), transient=True, auto_refresh=False)
    bar.start()
    return bar
