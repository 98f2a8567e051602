"""Extraction over several processes.

The files are cut into chunks, and whoever is free takes the next one.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from typing import Any

from asyncify import workers
from asyncify.facts import ModuleFacts
from asyncify.source.extract import ExtractError, extract
from asyncify.workers import Task, Workers

PARALLEL_BYTES = 200_000  # below that, starting processes takes longer than reading
_CHUNK_BYTES = 40_000

# Facts as they are, or as another process made them; or why there are none.
Extracted = ModuleFacts | bytes | ExtractError
Chunk = tuple[int, int]  # of the sources: the first, and the one behind the last


def extract_all(
    sources: Sequence[bytes], jobs: int, begun: Callable[[int], None]
) -> list[Extracted]:
    """What each source gives, in order. ``begun`` is told how many have been looked at."""
    if jobs > 1 and sum(map(len, sources)) >= PARALLEL_BYTES:
        run = _in_forks if workers.FORKS else _in_pool
        return run(sources, jobs, begun)
    found = []
    for number, source in enumerate(sources):
        begun(number + 1)
        found.append(_extracted(source))
    return found


def _in_forks(sources: Sequence[bytes], jobs: int, begun: Callable[[int], None]) -> list[Extracted]:
    chunks = _chunks(sources)

    def work(number: int) -> list[Extracted]:
        first, end = chunks[number]
        return list(map(_extracted, sources[first:end]))

    task = Task(work, lambda made: list(map(_leave, made)), lambda left: list(map(_found, left)))
    parts = Workers(task, len(chunks), jobs, lambda number: begun(chunks[number][1])).results()
    return [each for part in parts for each in part]


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


def _leave(result: Extracted) -> Any:
    """A result as plain data."""
    if isinstance(result, ExtractError):
        return result.kind, result.message, result.line, result.column
    return _portable(result)


def _found(result: Any) -> Extracted:
    return ExtractError(*result) if isinstance(result, tuple) else result
