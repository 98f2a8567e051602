"""Migrate: carry a plan out in memory, and prove the result before anybody writes it.

A file that can't be rewritten becomes a boundary and the plan is made again; a component that would
have to change in it stays sync as a whole. The new text has to parse, the plan of the output has to
be empty, and every call of what is async now has to be awaited there, or given to somebody who
awaits it. Nothing but the output is asked for that; only what the program itself left open before
is excused.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from asyncify.decisions import FilePlan
from asyncify.facts import ModuleFacts
from asyncify.findings import Finding
from asyncify.outcome import FileChange
from asyncify.plan import Plan
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.source.extract import ExtractError
from asyncify.source.read import extracted, unreadable
from asyncify.workers import Task, Workers

# Below that, starting processes takes longer than rewriting what the largest file leaves to them.
_PARALLEL_BYTES = 25_000
Replan = Callable[[dict[str, ModuleFacts]], Plan]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The new texts, their facts as far as there are any, by path, and what went wrong."""

    changes: tuple[FileChange, ...]
    facts: dict[str, ModuleFacts]
    problems: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Made:
    """What rewriting one file gave: its text before and after, with the facts of the latter where
    it says something else, or what went wrong."""

    before: bytes = b""
    after: bytes = b""
    facts: ModuleFacts | None = None
    problems: tuple[Finding, ...] = ()


def migrate(
    plan: Plan,
    files: dict[str, ModuleFacts],
    sources: dict[str, Path],
    replan: Replan,
    progress: Progress,
    texts: Mapping[str, bytes] = MappingProxyType({}),
    jobs: int = 1,
) -> tuple[Plan, tuple[FileChange, ...], list[Finding]]:
    """The plan that was carried out, its changes, and findings raised on the way.

    Nothing is changed where a file could not be rewritten or the proof fails. ``texts`` lie over
    the files: what was changed in them before.
    """
    done = _rewrite(plan, sources, progress, texts, jobs)
    problems = list(done.problems)
    if not problems:
        progress("Proving", 0, 0)
        problems = prove(plan, done, files, replan)
    if problems:
        return plan, (), problems
    return plan, done.changes, []


def _rewrite(
    plan: Plan,
    sources: dict[str, Path],
    progress: Progress,
    texts: Mapping[str, bytes],
    jobs: int,
) -> Rewritten:
    """All files of the plan, the largest first, over several processes."""
    import asyncify_transforms  # noqa: F401  imported here, so that no process has to

    sizes = {file.path: _size(sources[file.path], texts.get(file.path)) for file in plan.files}
    files = sorted(plan.files, key=lambda file: -sizes[file.path])
    count = len(files)

    def work(number: int) -> _Made:
        return _made(files[number], sources[files[number].path], texts)

    workers = Workers(
        Task(work, _leave, _found), count,
        jobs if sum(sorted(sizes.values())[:-1]) >= _PARALLEL_BYTES else 1,
        lambda number: progress("Rewriting", number, count),
    )  # fmt: skip
    made = dict(zip((file.path for file in files), workers.results(), strict=True))
    done = [(file.path, made[file.path]) for file in plan.files]
    changes = [FileChange(path, x.before, x.after) for path, x in done if x.after != x.before]
    changes += [
        FileChange(new.path, None, _like_others(new.text, changes)) for new in plan.new_files
    ]
    facts = {path: x.facts for path, x in done if x.facts is not None}
    return Rewritten(tuple(changes), facts, tuple(p for _, x in done for p in x.problems))


def _size(source: Path, text: bytes | None) -> int:
    try:
        return len(text) if text else source.stat().st_size
    except OSError:
        return 0


def _made(file: FilePlan, source: Path, texts: Mapping[str, bytes]) -> _Made:
    """Rewrite one file."""
    from asyncify_transforms import CATALOGUE

    from asyncify.rewrite import rewrite_file

    try:
        before = texts.get(file.path) or source.read_bytes()
    except OSError as error:
        return _Made(problems=(unreadable(file.path, error),))
    result = rewrite_file(before, file, CATALOGUE)
    if result.text is None:
        return _Made(problems=tuple(_unwritten(file, result.problems)))
    facts = None
    if result.text != before:
        with contextlib.suppress(ExtractError):  # which the proof meets again
            facts = extracted(result.text)
    return _Made(before, result.text, facts)


def _leave(made: _Made) -> tuple[bytes, bytes, bytes | None] | None:
    """As plain data. What went wrong is found again where it is told."""
    if made.problems:
        return None
    return made.before, made.after, made.facts.dump() if made.facts is not None else None


def _found(left: tuple[bytes, bytes, bytes | None]) -> _Made:
    before, after, facts = left
    return _Made(before, after, ModuleFacts.load(facts) if facts is not None else None)


def _like_others(text: str, changes: list[FileChange]) -> bytes:
    """The text of a new file with the line ends that all files beside it have."""
    windows = bool(changes) and all(b"\r\n" in change.after for change in changes)
    return (text.replace("\n", "\r\n") if windows else text).encode()


def _unwritten(file: FilePlan, problems: tuple[object, ...]) -> list[Finding]:
    found = []
    for problem in problems:
        decision = getattr(problem, "decision", None)
        site = decision.site if decision is not None else Site(file.path, 1, 1)
        sentence = getattr(problem, "sentence", str(problem))
        found.append(finding("ASY306", site, f"This file was not rewritten: {sentence}"))
    return found


def prove(
    plan: Plan, done: Rewritten, files: dict[str, ModuleFacts], replan: Replan
) -> list[Finding]:
    """Findings for output that doesn't parse, that a second run would change, or that makes a
    coroutine which nobody awaits."""
    after = dict(files)
    problems: list[Finding] = []
    for change in done.changes:
        try:
            after[change.path] = done.facts.get(change.path) or extracted(change.after)
        except ExtractError as error:
            site = Site(change.path, error.line, error.column)
            sentence = f"The rewritten file would not parse: {error.message}."
            problems.append(finding("ASY901", site, sentence, "Please report this."))
    if problems:
        return problems
    second = replan(after)
    for file in second.files:
        for decision in file.decisions[:3]:
            kind = type(decision).__name__
            sentence = f"A second run would change the result here ({kind})."
            problems.append(finding("ASY901", decision.site, sentence, "Please report this."))
    for site in sorted(second.held_back - plan.held_back):
        sentence = "The result would need a change here, where nothing can be rewritten."
        problems.append(finding("ASY901", site, sentence, "Please report this."))
    return problems + _unawaited(plan, second) + _mistaken(plan, second)


def _mistaken(first: Plan, second: Plan) -> list[Finding]:
    """What dependencies of the output give, where that is another session than is annotated there:
    plain ones give one session to everybody, to what turns and to what stays."""
    before = Counter(each.site.path for each in first.findings if each.code == "ASY406")
    found = []
    for each in second.findings:
        if each.code == "ASY406" and not each.fixed:
            before[each.site.path] -= 1
            if before[each.site.path] < 0:
                found.append(finding("ASY901", each.site, each.reason, "Please report this."))
    return found


def _unawaited(first: Plan, second: Plan) -> list[Finding]:
    """Calls of what became async of which the output doesn't show that they are awaited."""
    before = Counter((x.caller, x.callee) for x in first.unproven)
    found = []
    for item in second.unproven:
        key = item.caller, item.callee
        before[key] -= 1
        if before[key] < 0:
            sentence = f"`{item.callee}` is async in the result, and this call isn't awaited."
            found.append(finding("ASY901", item.site, sentence, "Please report this."))
    return found
