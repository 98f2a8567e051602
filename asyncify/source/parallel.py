"""Extraction over several processes.

This process works, too: the files are cut into chunks, and whoever is free takes the next one.
Where processes can be forked, the others find all that they need in their memory and leave what
they made in a file of their own, so that nobody ever waits for anybody before the end. What a
process leaves undone because it was ended (by a signal, for want of memory) is done here.
"""

from __future__ import annotations

import contextlib
import marshal
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from asyncify.facts import ModuleFacts
from asyncify.source.extract import ExtractError, extract

PARALLEL_BYTES = 200_000  # below that, starting processes takes longer than reading
_CHUNK_BYTES = 40_000
_TOKEN_BYTES = 4

# Facts as they are, or as another process made them; or why there are none.
Extracted = ModuleFacts | bytes | ExtractError
Chunk = tuple[int, int]  # of the sources: the first, and the one behind the last


def extract_all(
    sources: Sequence[bytes], jobs: int, begun: Callable[[int], None]
) -> list[Extracted]:
    """What each source gives, in order. ``begun`` is told how many have been looked at."""
    if jobs > 1 and sum(map(len, sources)) >= PARALLEL_BYTES:
        if sys.platform == "linux":
            return _Workers(sources, jobs, begun).results()
        return _in_pool(sources, jobs, begun)
    found = []
    for number, source in enumerate(sources):
        begun(number + 1)
        found.append(_extracted(source))
    return found


def _in_pool(sources: Sequence[bytes], jobs: int, begun: Callable[[int], None]) -> list[Extracted]:
    found: list[Extracted] = []
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        parts = [sources[first:end] for first, end in _chunks(sources)]
        for results in pool.imap(_of_chunk, parts):
            found += results
            begun(len(found))
    return found


def _extracted(source: bytes) -> Extracted:
    try:
        return extract(source)
    except ExtractError as error:
        return error


def _of_chunk(sources: Sequence[bytes]) -> list[Extracted]:
    import gc

    gc.disable()  # nothing here makes cycles
    return [_portable(_extracted(source)) for source in sources]


def _portable(result: Extracted) -> Extracted:
    return result.dump() if isinstance(result, ModuleFacts) else result


def _chunks(sources: Sequence[bytes]) -> list[Chunk]:
    chunks: list[Chunk] = []
    first = size = 0
    for index, source in enumerate(sources):
        size += len(source)
        if size >= _CHUNK_BYTES:
            chunks.append((first, index + 1))
            first, size = index + 1, 0
    if first < len(sources):
        chunks.append((first, len(sources)))
    return chunks


@dataclass(frozen=True, slots=True)
class _Worker:
    """A forked process, and the file in which it leaves what it made."""

    process: int
    made: IO[bytes]


class _Workers:
    """This process and its children, at one program's sources."""

    def __init__(self, sources: Sequence[bytes], jobs: int, begun: Callable[[int], None]) -> None:
        self.sources = sources
        self.begun = begun
        self.chunks = _chunks(sources)
        self.tokens = self._tokens()
        self.done: dict[int, list[Extracted]] = {}
        self.workers: list[_Worker] = []
        self.others = min(jobs, len(self.chunks)) - 1

    def _tokens(self) -> int:
        """A pipe that holds the numbers of the chunks: whoever reads one has to do that chunk."""
        reading, writing = os.pipe()
        numbers = b"".join(n.to_bytes(_TOKEN_BYTES, "big") for n in range(len(self.chunks)))
        # More than a pipe holds would never be read: what is left over is done at the end.
        os.set_blocking(writing, False)
        with contextlib.suppress(BlockingIOError):
            os.write(writing, numbers)
        os.close(writing)
        return reading

    def results(self) -> list[Extracted]:
        try:
            for _ in range(self.others):
                self._fork()
            for number in self._taken():
                self.begun(self.chunks[number][1])
                self.done[number] = self._work(number)
            for worker in self.workers:
                self._collect(worker)
        finally:
            self._end()
        numbers = range(len(self.chunks))
        return [each for n in numbers for each in self.done.get(n) or self._work(n)]

    def _fork(self) -> None:
        made = tempfile.TemporaryFile()  # noqa: SIM115
        process = os.fork()
        if process:
            self.workers.append(_Worker(process, made))
            return
        try:
            for number in self._taken():
                portable = [_leave(_extracted(s)) for s in self._sources(number)]
                marshal.dump((number, portable), made)
                made.flush()
        finally:
            os._exit(0)  # nothing of the parent's is closed, flushed or reported twice

    def _taken(self) -> Iterator[int]:
        while token := os.read(self.tokens, _TOKEN_BYTES):
            yield int.from_bytes(token, "big")

    def _sources(self, number: int) -> Sequence[bytes]:
        first, end = self.chunks[number]
        return self.sources[first:end]

    def _work(self, number: int) -> list[Extracted]:
        return list(map(_extracted, self._sources(number)))

    def _collect(self, worker: _Worker) -> None:
        os.waitpid(worker.process, 0)
        self.workers = [each for each in self.workers if each is not worker]
        with worker.made as made:
            made.seek(0)
            # One that was ended may have left half of something.
            with contextlib.suppress(EOFError, ValueError, TypeError):
                while True:
                    number, results = marshal.load(made)
                    self.done[number] = [_found(result) for result in results]

    def _end(self) -> None:
        os.close(self.tokens)
        for worker in self.workers:
            with contextlib.suppress(OSError):
                os.kill(worker.process, signal.SIGKILL)
                os.waitpid(worker.process, 0)
            worker.made.close()


def _leave(result: Extracted) -> Any:
    """A result as plain data."""
    if isinstance(result, ExtractError):
        return result.kind, result.message, result.line, result.column
    return _portable(result)


def _found(result: Any) -> Extracted:
    return ExtractError(*result) if isinstance(result, tuple) else result
