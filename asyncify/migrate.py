"""Migrate: carry a plan out in memory, and prove the result before anybody writes it.

A file that can't be rewritten becomes a boundary and the plan is made again; a component that would
have to change in it stays sync as a whole. The new text has to parse, the plan of the output has to
be empty, and every call of what is async now has to be awaited there, or given to somebody who
awaits it. Nothing but the output is asked for that; only what the program itself left open before
is excused.
"""

from __future__ import annotations

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

Replan = Callable[[dict[str, ModuleFacts]], Plan]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The new texts by path, and what went wrong."""

    changes: tuple[FileChange, ...]
    problems: tuple[Finding, ...]


def migrate(
    plan: Plan,
    files: dict[str, ModuleFacts],
    sources: dict[str, Path],
    replan: Replan,
    progress: Progress,
    texts: Mapping[str, bytes] = MappingProxyType({}),
) -> tuple[Plan, tuple[FileChange, ...], list[Finding]]:
    """The plan that was carried out, its changes, and findings raised on the way.

    Nothing is changed where a file could not be rewritten or the proof fails. ``texts`` lie over
    the files: what was changed in them before.
    """
    done = _rewrite(plan, sources, progress, texts)
    problems = list(done.problems)
    if not problems:
        progress("Proving", 0, 0)
        problems = prove(plan, done.changes, files, replan)
    if problems:
        return plan, (), problems
    return plan, done.changes, []


def _rewrite(
    plan: Plan, sources: dict[str, Path], progress: Progress, texts: Mapping[str, bytes]
) -> Rewritten:
    from asyncify_transforms import CATALOGUE

    from asyncify.rewrite import rewrite_file

    changes: list[FileChange] = []
    problems: list[Finding] = []
    for number, file in enumerate(plan.files):
        progress("Rewriting", number, len(plan.files))
        try:
            before = texts.get(file.path) or sources[file.path].read_bytes()
        except OSError as error:
            problems.append(unreadable(file.path, error))
            continue
        result = rewrite_file(before, file, CATALOGUE)
        if result.text is None:
            problems += _unwritten(file, result.problems)
        elif result.text != before:
            changes.append(FileChange(file.path, before, result.text))
    changes += [
        FileChange(new.path, None, _like_others(new.text, changes)) for new in plan.new_files
    ]
    return Rewritten(tuple(changes), tuple(problems))


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
    plan: Plan, changes: tuple[FileChange, ...], files: dict[str, ModuleFacts], replan: Replan
) -> list[Finding]:
    """Findings for output that doesn't parse, that a second run would change, or that makes a
    coroutine which nobody awaits."""
    after = dict(files)
    problems: list[Finding] = []
    for change in changes:
        try:
            after[change.path] = extracted(change.after)
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
    return problems + _unawaited(plan, second)


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
