"""The pipeline: discover, extract, link, infer, plan, and for ``run`` rewrite and prove.

Nothing here prints or writes; the command line does both with the ``Outcome``.
"""

from __future__ import annotations

import gc
import tokenize
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from asyncify.analysis.infer import infer
from asyncify.analysis.program import Program
from asyncify.config import Config
from asyncify.decisions import FilePlan
from asyncify.facts import ModuleFacts
from asyncify.findings import Finding
from asyncify.outcome import FileChange, Outcome
from asyncify.plan import Plan, make_plan
from asyncify.rules import FAILURES, PENDING, finding
from asyncify.source.discover import Discovered, SourceFile, discover
from asyncify.source.read import Reader
from asyncify.suppressions import apply_suppressions, parse_suppressions

Progress = Callable[[str, int, int], None]  # stage, done, total


def _silent(stage: str, done: int, total: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to do: ``paths`` as given on the command line, ``jobs`` processes, and whether facts
    are kept between runs."""

    config: Config
    paths: tuple[Path, ...]
    jobs: int = 1
    cache: bool = True
    debug: bool = False


@dataclass(slots=True)
class _Read:
    """The program as read: facts and bytes by path, and what could not be read."""

    files: dict[str, ModuleFacts]
    sources: dict[str, SourceFile]
    editable: frozenset[str]
    problems: list[Finding]


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Millions of small tuples live to the end: looking for cycles among them only costs."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def check(request: Request, progress: Progress | None = None) -> Outcome:
    """Plan, and report what is left to do. Writes nothing."""
    with _without_garbage_collection():
        read = _read(request, progress or _silent)
        plan = _plan(read, request.config)
        return _outcome(request, read, plan, ())


def run(request: Request, progress: Progress | None = None) -> Outcome:
    """Plan, rewrite in memory and prove. The changes are in the outcome, nothing is written."""
    from asyncify.migrate import migrate  # LibCST is needed from here on

    with _without_garbage_collection():
        progress = progress or _silent
        read = _read(request, progress)
        plan = _plan(read, request.config)
        sources = {path: read.sources[path].absolute for path in read.files}
        plan, changes, problems = migrate(
            plan, read.files, sources, lambda files: _plan_files(files, request.config), progress
        )
        read.problems += problems
        return _outcome(request, read, plan, changes)


def _read(request: Request, progress: Progress) -> _Read:
    found: Discovered = discover(request.config, request.paths)
    reader = Reader(request.config.root, request.jobs, request.cache)
    files: dict[str, ModuleFacts] = {}
    problems = list(found.problems)
    for source, result in reader.read(found.program, progress):
        if isinstance(result, ModuleFacts):
            files[source.path] = result
        elif source.path not in found.excluded:
            problems.append(result)
    sources = {source.path: source for source in found.program}
    return _Read(files, sources, found.editable, problems)


def _plan_files(files: dict[str, ModuleFacts], config: Config) -> Plan:
    program = Program(files.items(), config.import_roots)
    return make_plan(infer(program, config))


def _plan(read: _Read, config: Config) -> Plan:
    return restrict(_plan_files(read.files, config), read.editable)


def restrict(plan: Plan, editable: frozenset[str]) -> Plan:
    """The plan for the files that the command line's paths select."""
    outside = [p for p in plan.files if p.path not in editable]
    if not outside:
        return plan
    findings = list(plan.findings)
    for file in outside:
        findings += _outside(file)
    inside = tuple(p for p in plan.files if p.path in editable)
    kept = [x for x in findings if x.code not in PENDING or x.site.path in editable]
    return replace(plan, files=inside, findings=tuple(kept))


def _outside(file: FilePlan) -> Iterator[Finding]:
    """Files that would have to change too, but that the command line leaves out."""
    first = min(file.decisions, key=lambda d: d.site)
    yield finding(
        "ASY102", first.site,
        "This file has to change with the others, and is outside the paths that were given.",
        "Give its path as well.",
    )  # fmt: skip


def _outcome(request: Request, read: _Read, plan: Plan, changes: tuple[FileChange, ...]) -> Outcome:
    findings = (*plan.findings, *read.problems)
    directives = {path: facts for path, facts in read.files.items() if facts.directives}
    suppressions = {
        path: parse_suppressions(path, _text(read.sources[path])) for path in directives
    }
    kept, unused = apply_suppressions(findings, suppressions)
    every = tuple(sorted({*kept, *unused}, key=lambda x: (x.site, x.code, x.reason)))
    return Outcome(
        findings=every,
        changes=changes,
        summary=replace(plan.summary, files_changed=len(changes) or plan.summary.files_changed),
        pending=bool(plan.files),
        failed=any(x.code in FAILURES for x in every),
    )


def _text(source: SourceFile) -> str:
    with tokenize.open(source.location) as stream:
        return stream.read()
