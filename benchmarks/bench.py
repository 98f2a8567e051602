"""How fast asyncify is on a tree, next to the parsers that it is built on.

    python benchmarks/bench.py PATH [--rounds N] [--jobs N] [--limits]

Everything is measured in one run on one machine and given as medians: `ast.parse` of all files on
one core is the measure for `check`, LibCST's parsing and printing of the files that the migration
changes is the measure for `run`. Nothing is written. With `--limits` the exit code is 1 where a
ratio or the memory is over its limit.
"""

from __future__ import annotations

import argparse
import ast
import gc
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import libcst

from asyncify import engine
from asyncify.config import load_config
from asyncify.outcome import FileChange
from asyncify.source.discover import discover, find_root

LIMITS = {"cold check": 3.0, "warm check": 0.5, "run": 3.0}
MEMORY_LIMIT = 2 * 1024**3
MEMORY_INTERVAL = 0.05


@dataclass
class Tree:
    """What is measured: the request, its files' bytes, and what a run would change of them. Lists
    of requirements and settings change as well: no parser of Python is a measure for those."""

    path: Path
    jobs: int
    sources: list[bytes] = field(default_factory=list)
    changes: tuple[FileChange, ...] = ()

    @property
    def lines(self) -> int:
        return count_lines(self.sources)

    @property
    def changed_lines(self) -> int:
        return count_lines([change.before or b"" for change in self.changes])

    def request(self, *, cache: bool) -> engine.Request:
        config = load_config(find_root((self.path,)), {})
        return engine.Request(config=config, paths=(self.path,), jobs=self.jobs, cache=cache)


@dataclass(frozen=True)
class Row:
    """One figure: seconds for so many lines, and the ratio to a measure."""

    name: str
    seconds: float
    lines: int
    measure: str = ""
    ratio: float = 0.0


def count_lines(sources: list[bytes]) -> int:
    return sum(source.count(b"\n") for source in sources)


def read(path: Path, jobs: int) -> Tree:
    """The tree, with the files that a run reads and those that it would change."""
    tree = Tree(path, jobs)
    config = load_config(find_root((path,)), {})
    found = discover(config, (path,))
    tree.sources = [each.absolute.read_bytes() for each in found.program]
    paths = {each.path for each in found.program}
    changes = engine.run(tree.request(cache=False)).changes
    tree.changes = tuple(change for change in changes if change.path in paths)
    return tree


# What is timed


def parse_all(tree: Tree) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for source in tree.sources:
            try:
                ast.parse(source)
            except (SyntaxError, ValueError, RecursionError):
                continue


def print_changed(tree: Tree) -> None:
    for change in tree.changes:
        libcst.parse_module(change.before or b"").bytes  # noqa: B018


def cold_check(tree: Tree) -> None:
    shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)
    engine.check(tree.request(cache=True))


def warm_check(tree: Tree) -> None:
    engine.check(tree.request(cache=True))


def changed_check(tree: Tree) -> None:
    """What a check takes where a file has changed: facts are kept, the outcome isn't."""
    for path in Path(os.environ["XDG_CACHE_HOME"]).rglob("*.outcome"):
        path.unlink()
    engine.check(tree.request(cache=True))


def run(tree: Tree) -> None:
    engine.run(tree.request(cache=False))


def command_line(tree: Tree, *words: str) -> list[str]:
    return [sys.executable, "-m", "asyncify", *words, "--jobs", str(tree.jobs), str(tree.path)]


PARSE, PRINT = "ast.parse", "LibCST parse and print"
STEPS: dict[str, Callable[[Tree], None]] = {
    PARSE: parse_all,
    PRINT: print_changed,
    "cold check": cold_check,
    "warm check": warm_check,
    "check of changed facts": changed_check,
    "run": run,
}
COMMANDS = {
    "asyncify check --no-cache": ("check", "--no-cache"),
    "asyncify check": ("check",),
    "asyncify run --diff --no-cache": ("run", "--diff", "--no-cache"),
}


def seconds(step: Callable[[Tree], None], tree: Tree) -> float:
    """Timed without garbage collection, as the engine runs: the parsers get the same favor."""
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        step(tree)
        return time.perf_counter() - start
    finally:
        gc.enable()


def process_seconds(words: tuple[str, ...], tree: Tree) -> float:
    start = time.perf_counter()
    subprocess.run(
        command_line(tree, *words),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return time.perf_counter() - start


def measure(tree: Tree, rounds: int) -> list[Row]:
    """Medians over rounds; a round measures everything once, so that slow moments fall on all."""
    taken: dict[str, list[float]] = {name: [] for name in (*STEPS, *COMMANDS)}
    for _ in range(rounds):
        for name, step in STEPS.items():
            taken[name].append(seconds(step, tree))
        for name, words in COMMANDS.items():
            taken[name].append(process_seconds(words, tree))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    return [row(name, medians, tree) for name in medians]


def row(name: str, medians: dict[str, float], tree: Tree) -> Row:
    base = PRINT if "run" in name else PARSE
    lines = tree.changed_lines if name == PRINT else tree.lines
    if name in (PARSE, PRINT):
        return Row(name, medians[name], lines)
    if base == PRINT and not tree.changes:
        return Row(name, medians[name], lines)
    return Row(name, medians[name], lines, base, medians[name] / medians[base])


# Memory


def peak_memory(tree: Tree) -> int:
    """The most bytes that a run and its workers held together, in a process of their own."""
    with subprocess.Popen(
        command_line(tree, "run", "--diff", "--no-cache"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum(held(pid) for pid in members(process.pid)))
            time.sleep(MEMORY_INTERVAL)
    return peak


def members(session: int) -> Iterator[int]:
    """The processes of a session."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if int((entry / "stat").read_text().rpartition(")")[2].split()[3]) == session:
                yield int(entry.name)
        except (OSError, ValueError):
            continue


def held(pid: int) -> int:
    """The process's own share of memory, in bytes: pages that workers share count once."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


# Output


def printed(tree: Tree, rows: list[Row], memory: int) -> Iterator[str]:
    yield f"{tree.path}: {len(tree.sources)} files, {tree.lines:,} lines;"
    yield f"a run changes {len(tree.changes)} files, {tree.changed_lines:,} lines"
    for each in rows:
        speed = each.lines / each.seconds if each.seconds else 0.0
        ratio = f"{each.ratio:6.2f} x {each.measure}" if each.measure else ""
        yield f"{each.name:<32}{each.seconds:9.3f} s {speed:12,.0f} lines/s  {ratio}".rstrip()
    yield f"{'peak memory of a run':<32}{memory / 1024**2:9.0f} MiB"


def exceeded(rows: list[Row], memory: int) -> Iterator[str]:
    for each in rows:
        limit = LIMITS.get(each.name, float("inf"))
        if each.name in LIMITS and not each.measure:
            yield f"{each.name} has no measure here: a run changes nothing"
        if each.ratio > limit:
            yield f"{each.name} takes {each.ratio:.2f} x {each.measure}; the limit is {limit}"
    if memory > MEMORY_LIMIT:
        yield f"a run holds {memory:,} bytes; the limit is {MEMORY_LIMIT:,}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--limits", action="store_true", help="exit 1 where one is exceeded")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        tree = read(given.path.resolve(), given.jobs)
        rows = measure(tree, given.rounds)
        memory = peak_memory(tree)
    print("\n".join(printed(tree, rows, memory)))
    over = list(exceeded(rows, memory)) if given.limits else []
    print("\n".join(over), end="\n" if over else "")
    return int(bool(over))


if __name__ == "__main__":
    sys.exit(main())
