"""Work that is cut into numbered parts, over several processes.

This process works, too: whoever is free takes the next part. The others are forked, so that they
find all that they need in their memory, and each leaves what it made in a file of its own: nobody
ever waits for anybody before the end. What a process leaves undone because it was ended (by a
signal, for want of memory) is done here, and so is everything where processes can't be forked.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, Generic, TypeVar

Made = TypeVar("Made")
FORKS = sys.platform == "linux"
_TOKEN_BYTES = 4


@dataclass(frozen=True, slots=True)
class Task(Generic[Made]):
    """``work`` makes the part with a number; ``leave`` says it as plain data, or as None where it
    has to be made again, and ``found`` is the inverse."""

    work: Callable[[int], Made]
    leave: Callable[[Made], Any]
    found: Callable[[Any], Made]


@dataclass(frozen=True, slots=True)
class _Worker:
    """A forked process, and the file in which it leaves what it made."""

    process: int
    made: IO[bytes]


def _forked() -> tuple[int, IO[bytes]] | None:
    """A new process, 0 in that process itself, with its file; None where the system has no room for
    one more."""
    try:
        made = tempfile.TemporaryFile()  # noqa: SIM115
    except OSError:
        return None
    try:
        return os.fork(), made
    except OSError:
        made.close()
        return None


class Workers(Generic[Made]):
    """This process and its children, at ``parts`` parts of one task."""

    def __init__(
        self, task: Task[Made], parts: int, jobs: int, begun: Callable[[int], None]
    ) -> None:
        self.task = task
        self.parts = parts
        self.begun = begun
        self.done: dict[int, Made] = {}
        self.workers: list[_Worker] = []
        self.others = min(jobs, parts) - 1 if FORKS else 0
        self.tokens = self._tokens()

    def _tokens(self) -> int:
        """A pipe that holds the numbers of the parts: whoever reads one has to do that part."""
        reading, writing = os.pipe()
        numbers = b"".join(n.to_bytes(_TOKEN_BYTES, "big") for n in range(self.parts))
        # More than a pipe holds would never be read: what is left over is done at the end.
        os.set_blocking(writing, False)
        with contextlib.suppress(BlockingIOError):
            os.write(writing, numbers)
        os.close(writing)
        return reading

    def results(self) -> list[Made]:
        """What each part gives, in order. ``begun`` is told the numbers that are begun here."""
        try:
            for _ in range(self.others):
                self._fork()
            for number in self._taken():
                self.begun(number)
                self.done[number] = self.task.work(number)
            for worker in self.workers:
                self._collect(worker)
        finally:
            self._end()
        return [
            self.done[n] if n in self.done else self.task.work(n) for n in range(self.parts)
        ]  # fmt: skip

    def _fork(self) -> None:
        forked = _forked()
        if forked is None:
            return
        process, made = forked
        if process:
            self.workers.append(_Worker(process, made))
            return
        try:
            for number in self._taken():
                left = self.task.leave(self.task.work(number))
                if left is not None:
                    marshal.dump((number, left), made)
                    made.flush()
        finally:
            os._exit(0)  # nothing of the parent's is closed, flushed or reported twice

    def _taken(self) -> Iterator[int]:
        while token := os.read(self.tokens, _TOKEN_BYTES):
            yield int.from_bytes(token, "big")

    def _collect(self, worker: _Worker) -> None:
        os.waitpid(worker.process, 0)
        self.workers = [each for each in self.workers if each is not worker]
        with worker.made as made:
            made.seek(0)
            # One that was ended may have left half of something.
            with contextlib.suppress(EOFError, ValueError, TypeError):
                while True:
                    number, left = marshal.load(made)
                    self.done[number] = self.task.found(left)

    def _end(self) -> None:
        os.close(self.tokens)
        for worker in self.workers:
            with contextlib.suppress(OSError):
                os.kill(worker.process, signal.SIGKILL)
                os.waitpid(worker.process, 0)
            worker.made.close()


class Meanwhile(Generic[Made]):
    """One thing that another process makes while this one goes on: ``make`` gives it, ``dump`` says
    it as bytes, and ``load`` is the inverse. Without ``forks``, or where that process was ended, it
    is made here as soon as it is asked for."""

    def __init__(
        self,
        make: Callable[[], Made],
        dump: Callable[[Made], bytes],
        load: Callable[[bytes], Made],
        forks: bool,
    ) -> None:
        self.make = make
        self.load = load
        self._worker: _Worker | None = None
        if forks and FORKS:
            self._fork(dump)

    def _fork(self, dump: Callable[[Made], bytes]) -> None:
        forked = _forked()
        if forked is None:
            return
        process, made = forked
        if process:
            self._worker = _Worker(process, made)
            return
        try:
            made.write(dump(self.make()))
            made.flush()
            os._exit(0)
        finally:
            os._exit(1)  # without what the parent would do at its end

    def result(self) -> Made:
        """What was made. To be asked for once."""
        worker, self._worker = self._worker, None
        if worker is None:
            return self.make()
        with worker.made as made:
            _, status = os.waitpid(worker.process, 0)
            made.seek(0)
            return self.make() if status else self.load(made.read())

    def __del__(self) -> None:
        """Nobody needs it any more."""
        if self._worker is not None:
            with contextlib.suppress(OSError):
                os.kill(self._worker.process, signal.SIGKILL)
                os.waitpid(self._worker.process, 0)
            self._worker.made.close()
