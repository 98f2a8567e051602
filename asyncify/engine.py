"""The pipeline: discover, extract, link, infer, plan, and for ``run`` rewrite and prove.

Nothing here prints or writes; the command line does both with the ``Outcome``.
"""

from __future__ import annotations

import gc
import re
import tokenize
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from asyncify.config import STILL_SYNC, Config, unread_tables
from asyncify.facts import ModuleFacts
from asyncify.findings import Finding
from asyncify.limits import Limits, restrict, unread_callers
from asyncify.loads import RecordedLoad
from asyncify.outcome import FileChange, Outcome
from asyncify.rules import FAILURES, finding
from asyncify.sites import Site
from asyncify.source.discover import Discovered, SourceFile, discover
from asyncify.source.kept import OutcomeCache
from asyncify.source.read import Reader, content_digest
from asyncify.source.suite import has_requirements, has_settings
from asyncify.source.templates import Templates
from asyncify.suppressions import (
    Suppressions,
    apply_suppressions,
    parse_suppressions,
    select_findings,
)
from asyncify.vocabulary.loading import RENDERS_TEMPLATES
from asyncify.vocabulary.names import STARRED
from asyncify.vocabulary.tasks import THREADING
from asyncify.vocabulary.testing import is_test_path

# Where nothing has changed since the last `check`, nothing of the analysis and the planning is
# needed, and importing them takes longer than all the rest: whoever decides imports them.
if TYPE_CHECKING:
    from asyncify.analysis.program import Program
    from asyncify.mains import Mains
    from asyncify.plan import Colored, Plan, Planner
    from asyncify.pushdown.overlay import Overlay
    from asyncify.status import Status
    from asyncify.turning import Turning

_SQLITE = re.compile(rb"\bsqlite(?:\+\w+)?:")
_ASYNC = "sqlalchemy.ext.asyncio"
_LARGE = 20_000  # functions
_STAYS_SYNC = "ASY107"  # on sync sessions of its own, or of Alembic
_REFUSED = "ASY104"  # Flask: no async form
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
    loads: tuple[RecordedLoad, ...] = ()  # what the program was seen to load by itself
    phase: str = ""  # one of asyncify.phases; empty: all of them at once


@dataclass(slots=True)
class _Read:
    """The program as read: facts and places by path, which files may be edited, what could not be
    read, and what the comments of the files ask for."""

    files: dict[str, ModuleFacts]
    sources: dict[str, SourceFile]
    limits: Limits
    problems: list[Finding]
    unread: tuple[SourceFile, ...]
    suppressions: dict[str, Suppressions]
    blocked: frozenset[str] = frozenset()
    digests: dict[str, bytes] = field(default_factory=dict)  # of the contents, by path
    projects: tuple[str, ...] = ()
    overlay: Overlay | None = None  # pages that the database cuts from now on
    mains: Mains | None = None  # functions that were made of what stood below a condition

    @property
    def failures(self) -> tuple[Finding, ...]:
        """What could not be read, as findings."""
        return tuple(sorted({x for x in self.problems if x.code in FAILURES}, key=lambda x: x.site))

    @property
    def texts(self) -> dict[str, bytes]:
        """What lies over the files."""
        pushed = self.overlay.after if self.overlay is not None else {}
        return {**pushed, **(self.mains.after if self.mains is not None else {})}


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


def _collect(read: _Read) -> None:
    """What a plan was made from goes round in circles. Of a large program it takes as much memory
    as the proof will."""
    if _is_large(read):
        gc.collect()


def _is_large(read: _Read) -> bool:
    """Is it a program of which everything takes much memory?"""
    return sum(len(facts.functions) for facts in read.files.values()) > _LARGE


def check(request: Request, progress: Progress | None = None) -> Outcome:
    """Plan, and report what is left to do. Writes nothing."""
    with _without_garbage_collection():
        progress = progress or _silent
        read = _read(request, progress)
        kept = OutcomeCache(request.config.root, _all(request, read)) if request.cache else None
        outcome = kept.load() if kept is not None else None
        if outcome is None:
            progress("Deciding", 0, 0)
            plan = _decided(read, request)
            outcome = _outcome(request, read, plan, ())
            if kept is not None:
                kept.save(outcome)
        return outcome


def turning(request: Request, progress: Progress | None = None) -> Turning:
    """Which functions turn, and which calls make them."""
    from asyncify.planning.callgraph import turning_of

    with _without_garbage_collection():
        read = _read(request, progress or _silent)
        planner, _ = _with_mains(read, request)
        return replace(turning_of(planner.colors, planner.coloring), unread=read.failures)


def status(request: Request, progress: Progress | None = None) -> Status:
    """How far the program is."""
    from asyncify.planning.standing import StatusMaker

    with _without_garbage_collection():
        read = _read(request, progress or _silent)
        planner, plan = _with_mains(read, request)
        outcome = _outcome(request, read, restrict(plan, read.limits, read.sources), ())
        flows = planner.queries.flows.values()
        made = StatusMaker(planner.colors, planner.coloring, flows).make(
            select_findings(outcome.findings, request.config)
        )
        return replace(made, unread=read.failures)


def _all(request: Request, read: _Read) -> Iterator[object]:
    """All that the outcome of a ``check`` depends on."""
    limits = read.limits
    yield request.config
    yield request.loads, request.phase
    yield read.digests, read.problems, read.suppressions, read.projects
    for paths in (limits.editable, limits.excluded, limits.explicit, limits.skipped):
        yield sorted(paths)
    if any(
        not RENDERS_TEMPLATES.isdisjoint(fn.names)
        for x in read.files.values()
        for fn in x.functions
    ):
        templates = Templates(request.config.root)
        yield [(path, content_digest(content)) for path, content in templates.contents()]
    for source in read.unread:  # it is looked through for what turns
        yield source.path
        try:
            with open(source.location, "rb") as stream:
                yield content_digest(stream.read())
        except OSError as error:
            yield error


def run(request: Request, progress: Progress | None = None) -> Outcome:
    """Plan, rewrite in memory and prove. The changes are in the outcome, nothing is written."""
    from asyncify.migrate import migrate  # LibCST is needed from here on
    from asyncify.shown import shown_usage

    with _without_garbage_collection():
        progress = progress or _silent
        read = _read(request, progress)
        sources = {path: source.absolute for path, source in read.sources.items()}
        while True:
            progress("Deciding", 0, 0)
            first = _decided(read, request)
            _collect(read)
            plan, changes, problems = migrate(
                first, read.files, sources,
                lambda files: _plan(replace(read, files=files), replace(request, loads=())),
                progress, read.texts, request.jobs,
            )  # fmt: skip
            read.problems += problems
            if not _forget_vanished(read, problems) and not _block(read, problems):
                read.problems += shown_usage(plan, changes)
                return _outcome(
                    request, read, plan, (*changes, *_manifests(request, read, plan, changes))
                )


def _manifests(
    request: Request, read: _Read, plan: Plan, changes: tuple[FileChange, ...]
) -> list[FileChange]:
    """What manifests and pytest's settings need for the changes."""
    from asyncify.manifests import Needs, follow  # tomlkit is needed only here

    if not changes or not plan.turned or request.phase in STILL_SYNC:
        return []
    config = request.config
    needs = Needs(
        config.sqlalchemy_version, tuple(config.async_driver), _sqlite(read), plan.tests,
        any(b"ASGITransport(" in change.after for change in changes),
        _folders(config.root, read, changes), config.suite.version,
        config.database_urls == "edit" and not _keeps_sync(plan),
        frozenset(read.files), _needing(read, config, plan),
    )  # fmt: skip
    followed, findings = follow(config.root, request.paths, needs)
    read.problems += findings
    return followed


def _needing(read: _Read, config: Config, plan: Plan) -> frozenset[str]:
    """The files in which something turns, and those that import them."""
    from asyncify.analysis.importers import with_importers
    from asyncify.decisions import MakeAsync, UpdateImports

    turning = {
        file.path
        for file in plan.files
        for decision in file.decisions
        if isinstance(decision, MakeAsync)
        or (isinstance(decision, UpdateImports) and any(x.module == _ASYNC for x in decision.add))
    }
    return with_importers(_program(read, config), turning)


def _keeps_sync(plan: Plan) -> bool:
    """Does anything stay sync that may read the same URL: migrations, tasks, scripts?"""
    return plan.summary.staying > 0 or any(x.code == _STAYS_SYNC for x in plan.findings)


def _folders(root: Path, read: _Read, changes: tuple[FileChange, ...]) -> tuple[str, ...]:
    """Where tests that change have their settings of pytest; '' for the root."""
    tests = {change.path.rpartition("/")[0] for change in changes if is_test_path(change.path)}
    return tuple(sorted({_tested_in(root, folder, read.projects) for folder in tests})) or ("",)


def _tested_in(root: Path, folder: str, projects: Collection[str]) -> str:
    """The folder above tests that has settings of pytest, or is a project of its own: with no more
    than requirements, where the root hasn't even those."""
    while folder and folder not in projects and not has_settings(root / folder):
        if has_requirements(root / folder) and not has_requirements(root):
            break
        folder = folder.rpartition("/")[0]
    return folder


def _sqlite(read: _Read) -> str:
    """Where URLs of SQLite stand: in the program, in its tests only, or nowhere."""
    found = ""
    for path in read.files:
        try:
            with open(read.sources[path].location, "rb") as stream:
                if _SQLITE.search(stream.read()) is None:
                    continue
        except OSError:
            continue
        if not is_test_path(path):
            return "program"
        found = "tests"
    return found


def _forget_vanished(read: _Read, problems: list[Finding]) -> bool:
    """Files that have gone since they were read are no part of the program any more; the plan is
    made again without them."""
    gone = {problem.site.path for problem in problems if problem.code == "ASY301"}
    read.files = {path: facts for path, facts in read.files.items() if path not in gone}
    return bool(gone)


def _block(read: _Read, problems: list[Finding]) -> bool:
    """Files that can't be rewritten, or whose result fails the proof, are boundaries from now on:
    the plan is made again without what is in them."""
    failing = {p.site.path for p in problems if p.code in ("ASY306", "ASY901")}
    fresh = (failing & set(read.files)) - read.blocked
    read.blocked |= fresh
    return bool(fresh)


def _read(request: Request, progress: Progress) -> _Read:
    found: Discovered = discover(request.config, request.paths)
    reader = Reader(request.config.root, request.jobs, request.cache)
    files: dict[str, ModuleFacts] = {}
    suppressions: dict[str, Suppressions] = {}
    unread = list(found.others)
    problems = [*found.problems, *_unread_settings(request.config, found)]
    for source, result in reader.read(found.program, progress):
        if isinstance(result, ModuleFacts):
            files[source.path] = result
            if result.directives:
                suppressions[source.path] = parse_suppressions(source.path, _text(source))
            continue
        unread.append(source)
        if source.path not in found.excluded:
            problems.append(result)
    sources = {source.path: source for source in found.program}
    skipped = frozenset(path for path, asked in suppressions.items() if asked.skip_file)
    limits = Limits(found.editable, found.excluded, found.explicit, skipped)
    unread_files = tuple(unread)
    return _Read(
        files,
        sources,
        limits,
        problems,
        unread_files,
        suppressions,
        digests=reader.digests,
        projects=found.projects,
    )


def _unread_settings(config: Config, found: Discovered) -> Iterator[Finding]:
    """Projects inside the program have no settings of their own, and a glob may have a slip."""
    if found.idle:
        from asyncify.planning.settings import idle_globs

        yield from idle_globs(config, found.idle)
    edited = [
        project for project in found.projects
        if any(path.startswith(f"{project}/") for path in found.editable)
    ]  # fmt: skip
    reason = "These settings aren't read: the program begins in a folder above."
    advice = "Move them to the `pyproject.toml` there, or run asyncify on this folder alone."
    for path, line in unread_tables(config, edited):
        yield finding("ASY504", Site(path, line, 1), reason, advice)


def _program(read: _Read, config: Config) -> Program:
    from asyncify.analysis.program import Program

    return Program(read.files.items(), config.import_roots, read.projects, STARRED, THREADING)


def _plan(read: _Read, request: Request) -> Plan:
    from asyncify.analysis.infer import infer
    from asyncify.phases import plan_phase

    if request.phase in STILL_SYNC:
        inference = infer(_program(read, request.config), request.config)
        plan = plan_phase(inference, request.phase, read.blocked)
    else:
        plan = _settled(_colored(read, request), read, request)[1]
    return restrict(plan, read.limits, read.sources)


def _colored(read: _Read, request: Request) -> Colored:
    from asyncify.analysis.infer import infer
    from asyncify.plan import color

    return color(infer(_program(read, request.config), request.config), read.blocked)


def _settled(colored: Colored, read: _Read, request: Request) -> tuple[Planner, Plan]:
    return colored.settled(request.loads, request.jobs > 1 and not _is_large(read))


def _push_down(read: _Read, request: Request) -> None:
    """The facts are those of the program with its pages pushed down, if that is asked for, and all
    of what is pushed down turns."""
    if request.config.pagination != "push-down" or read.blocked or read.overlay is not None:
        return
    if request.phase in STILL_SYNC:
        return
    from asyncify.analysis.infer import infer
    from asyncify.pushdown.overlay import push_down  # seldom needed

    limits = read.limits
    overlay = push_down(
        infer(_program(read, request.config), request.config), read.files,
        lambda path: _content(read.sources[path]),
        lambda path: path in limits.editable and path not in limits.skipped, read.suppressions,
    )  # fmt: skip
    files = read.files
    read.files = overlay.facts(files)
    if overlay.holds(_plan(read, request)):
        read.overlay = overlay
    else:
        read.files = files


def _decided(read: _Read, request: Request) -> Plan:
    """The plan of the program, with functions for those crowded mains that turn then. The facts are
    those of the new texts then."""
    if request.phase in STILL_SYNC:
        return _plan(read, request)
    plan = _with_mains(read, request)[1]
    return restrict(plan, read.limits, read.sources)


def _with_mains(read: _Read, request: Request) -> tuple[Planner, Plan]:
    """The same plan before it is restricted, with the planner that made it."""
    _push_down(read, request)
    first = _colored(read, request)
    starts = first.crowded() if read.mains is None else {}
    if not starts:
        return _settled(first, read, request)
    from asyncify.mains import move_mains

    below, files = read.texts, read.files
    paths = read.limits.editable - read.limits.skipped - read.blocked
    mains = move_mains(
        {path: start for path, start in sorted(starts.items()) if path in paths},
        lambda path: below.get(path) or _content(read.sources[path]),
    )
    while mains.after:
        read.files = mains.facts(files)
        moved = _colored(read, request)
        turning = mains.may_turn(moved.inference.program, moved.coloring.turned)
        if turning == mains.after.keys():
            made = _settled(moved, read, request)
            turning = mains.turning(made[1].files)
            if any(found.code == _REFUSED for found in made[1].findings):
                turning = frozenset()  # scripts beside an application that gains nothing
            if turning == mains.after.keys():
                read.mains = mains
                return made
        mains = mains.only(turning)
    read.files, read.mains = files, mains
    return _settled(first, read, request)


def _content(source: SourceFile) -> bytes | None:
    try:
        with open(source.location, "rb") as stream:
            return stream.read()
    except OSError:
        return None


def _outcome(request: Request, read: _Read, plan: Plan, changes: tuple[FileChange, ...]) -> Outcome:
    findings = (*plan.findings, *read.problems, *unread_callers(plan, read.unread))
    if read.mains is not None:
        findings = tuple(read.mains.findings(findings))
        changes = read.mains.changes(changes)
    if read.overlay is not None:
        findings = tuple(read.overlay.findings(findings))
        changes = read.overlay.changes(changes) if changes else changes
    kept, unused = apply_suppressions(findings, read.suppressions, plan.left_alone)
    every = tuple(sorted({*kept, *unused}, key=lambda x: (x.site, x.code, x.reason)))
    return Outcome(
        findings=every,
        changes=changes,
        summary=replace(plan.summary, files_changed=len(changes) or plan.summary.files_changed),
        pending=bool(plan.files),
        failed=any(x.code in FAILURES for x in every),
        left_out=plan.left_out,
    )


def _text(source: SourceFile) -> str:
    """The text of a file that could be read a moment ago."""
    try:
        with tokenize.open(source.location) as stream:
            return stream.read()
    except (OSError, SyntaxError, UnicodeDecodeError):
        return ""
