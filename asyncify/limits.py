"""Limits: what of a plan this run may carry out, and what stays behind it.

The plan is made for the whole program. Files outside the paths of the command line, excluded,
generated and skipped files are not edited: what they have to change for is an error finding at
its place. Files that can't be read may call anything, so what they mention is named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from asyncify.decisions import (
    Decision,
    FilePlan,
    MakeAsync,
    NewFile,
    UpdateImports,
    UseGuardClauses,
)
from asyncify.findings import Finding
from asyncify.rules import PENDING, finding
from asyncify.sites import Site
from asyncify.source.discover import SourceFile, is_generated

if TYPE_CHECKING:
    from asyncify.plan import Plan

_HEAD = 2000
_NAMED = 5
_IDENTIFIER = re.compile(r"(def\s+|class\s+|\.)?\b([^\W\d]\w*)")
_RELATIVE_IMPORT = re.compile(r"^\s*from\s+\.", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Limits:
    """Which files may be edited. ``skipped`` ask for it themselves to be left alone, ``excluded``
    are kept by the configuration, ``explicit`` were named one by one on the command line."""

    editable: frozenset[str]
    excluded: frozenset[str] = frozenset()
    explicit: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()


def restrict(plan: Plan, limits: Limits, sources: dict[str, SourceFile]) -> Plan:
    """The plan for the files that may be edited, with a finding for every place outside them that
    would have to change with it."""
    from asyncify.plan import with_figures  # not needed for a plan that was kept

    generated = _generated(plan, limits, sources)
    inside = tuple(
        file for file in plan.files
        if file.path in limits.editable
        and file.path not in generated
        and file.path not in limits.skipped
    )  # fmt: skip
    kept = limits.editable - generated - limits.skipped
    left_alone = frozenset(file.path for file in plan.files) & limits.skipped
    unproven = tuple(x for x in plan.unproven if x.site.path in kept)
    plan = replace(plan, unproven=unproven, left_alone=left_alone)
    if len(inside) == len(plan.files):
        return plan
    paths = {file.path for file in inside}
    outside = [file for file in plan.files if file.path not in paths and not _is_optional(file)]
    findings = [
        x if x.site.path in paths else replace(x, fixed=False)
        for x in plan.findings if x.code not in PENDING or x.site.path in paths
    ]  # fmt: skip
    concerned = _concerned(inside, outside)
    turned = _turned(plan, outside)
    for file in concerned:
        findings += _left_out(file, turned, _advice(file.path, limits, generated))
    new_files = tuple(new for new in plan.new_files if _is_needed(new, inside))
    return replace(
        plan,
        files=inside,
        new_files=new_files,
        findings=tuple(findings),
        summary=with_figures(plan.summary, inside, new_files),
        left_out=tuple(file.path for file in concerned if file.path not in limits.skipped),
    )


def _is_optional(file: FilePlan) -> bool:
    """Does nothing but the look of a file change?"""
    return all(isinstance(decision, UseGuardClauses) for decision in file.decisions)


def _concerned(inside: tuple[FilePlan, ...], outside: list[FilePlan]) -> list[FilePlan]:
    """The files outside that share a component with what is edited, or that belong to none."""
    groups = _groups(inside)
    return [
        file for file in outside
        if inside and (not (own := _groups([file])) or own & groups)
    ]  # fmt: skip


def _generated(plan: Plan, limits: Limits, sources: dict[str, SourceFile]) -> frozenset[str]:
    """Files with decisions that a program writes: it would write them as they were."""
    found = set()
    for file in plan.files:
        if file.path in limits.editable and file.path not in limits.explicit:
            try:
                with open(sources[file.path].location, "rb") as stream:
                    head = stream.read(_HEAD)
            except OSError:
                continue  # the rewrite says so
            if is_generated(head):
                found.add(file.path)
    return frozenset(found)


def _groups(files: Iterable[FilePlan]) -> set[int]:
    """The components that files belong to; 0 is what all of them share."""
    return {decision.group for file in files for decision in file.decisions} - {0}


def _turned(plan: Plan, outside: Iterable[FilePlan]) -> set[str]:
    """The names of functions that turn, or have turned, where files are edited."""
    names = {re.split(r"[.:]", name)[-1] for name in plan.turned}
    staying = {d.node.name for file in outside for d in file.decisions if isinstance(d, MakeAsync)}
    return names - staying | {
        d.node.name for file in plan.files if file not in outside
        for d in file.decisions if isinstance(d, MakeAsync)
    }  # fmt: skip


def _left_out(file: FilePlan, turned: set[str], advice: str) -> Iterator[Finding]:
    """One finding for each call of what turns; where there is none, one for the file."""
    sites: dict[Site, Decision] = {}
    for decision in file.decisions:
        if decision.node.kind == "Call" and decision.node.name in turned:
            sites.setdefault(decision.site, decision)
    for site, decision in sites.items():
        reason = f"`{decision.node.name}` turns async, and this call of it isn't edited."
        yield finding("ASY102", site, reason, advice)
    if not sites:
        first = min(file.decisions, key=lambda decision: decision.site)
        reason = "This has to change with what turns async, and isn't edited."
        yield finding("ASY102", first.site, reason, advice)


def _advice(path: str, limits: Limits, generated: Collection[str]) -> str:
    if path in limits.skipped:
        return "Remove `# asyncify: skip-file`, or change the file by hand."
    if path in generated:
        return "The file is generated: change its generator, or name the file on the command line."
    if path in limits.excluded:
        return "The file is excluded or ignored: name it on the command line, or change it."
    return "Give the path of this file as well."


def _is_needed(new: NewFile, inside: tuple[FilePlan, ...]) -> bool:
    """Whether an edited file imports a new one."""
    stem = new.path.rpartition("/")[2].removesuffix(".py")
    return any(
        stem in (name.name, name.module.rpartition(".")[2])
        for file in inside
        for decision in file.decisions
        if isinstance(decision, UpdateImports)
        for name in decision.add
    )


def unread_callers(plan: Plan, unread: Iterable[SourceFile]) -> Iterator[Finding]:
    """Findings for files that no facts are known of, and that mention what turns async."""
    fresh = {d.node.name for f in plan.files for d in f.decisions if isinstance(d, MakeAsync)}
    pairs = [(module, name) for module, _, name in (name.partition(":") for name in plan.turned)]
    turned = [
        (module, name) for module, name in pairs
        if name.rpartition(".")[2] in fresh and not name.endswith("__")
    ]  # fmt: skip
    if not turned:
        return
    for source in unread:
        suffix = source.path[source.path.rfind(".") :]
        names, line = _SEARCHES.get(suffix, _called)(source, turned)
        if names:
            reason = _REASONS.get(suffix, "can't be read and may call")
            verb = "turns" if len(names) == 1 else "turn"
            sentence = f"This file {reason} {_listed(names)}, which {verb} async."
            yield finding("ASY307", Site(source.path, line, 1), sentence, "Look at it by hand.")


Turned = list[tuple[str, str]]  # pairs of module and qualified name
Mentions = tuple[list[str], int]  # names, and the line of the first


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown


def _contents(source: SourceFile) -> bytes | None:
    try:
        with open(source.location, "rb") as stream:
            return stream.read()
    except OSError:
        return None


def _called(source: SourceFile, turned: Turned) -> Mentions:
    """What a file may call, whatever its encoding; anything where nobody can look into it."""
    data = _contents(source)
    if data is None:
        return [name for _, name in turned], 1
    return _mentioned(data.decode("latin-1"), turned)


def _called_in_notebook(source: SourceFile, turned: Turned) -> Mentions:
    try:
        cells: list[Any] = json.loads(_contents(source) or b"")["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError):
        return [], 1
    return _mentioned("\n".join(code), turned)[0], 1


def _declared_in_stub(source: SourceFile, turned: Turned) -> Mentions:
    """What the stub of a module declares: its file stands beside that of the module."""
    stub = source.path.removesuffix(".pyi").removesuffix("/__init__").replace("/", ".")
    text = (_contents(source) or b"").decode("latin-1")
    places: dict[str, int] = {}
    for module, name in turned:
        match = re.search(rf"^\s*def\s+{re.escape(name.rpartition('.')[2])}\b", text, re.MULTILINE)
        if match and (stub == module or stub.endswith(f".{module}")):
            places[name] = text.count("\n", 0, match.end()) + 1
    return list(places), min(places.values(), default=1)


_SEARCHES = {".ipynb": _called_in_notebook, ".pyi": _declared_in_stub}
_REASONS = {".ipynb": "is a notebook and may call", ".pyi": "is a stub and declares"}


def _mentioned(text: str, turned: Turned) -> Mentions:
    """Functions that a text names. A method stands after a dot, and a file that names no part of
    the module that holds the function doesn't import it."""
    first: dict[tuple[bool, str], int] = {}  # whether it stands after a dot, and the name
    identifiers: set[str] = set()
    for match in _IDENTIFIER.finditer(text):
        before, name = match.groups()
        identifiers.add(name)
        if before in (None, "."):
            first.setdefault((before == ".", name), match.start(2))
    is_relative = _RELATIVE_IMPORT.search(text) is not None
    places: dict[str, int] = {}
    for module, qualified in turned:
        owner, _, name = qualified.rpartition(".")
        found = [first[key] for key in ((True, name), (False, name)) if key in first]
        if owner:
            found = [first[True, name]] if (True, name) in first else []
        if found and (is_relative or not identifiers.isdisjoint(module.split("."))):
            places[qualified] = min(found)
    return list(places), text.count("\n", 0, min(places.values(), default=0)) + 1
