"""The program with functions for its crowded mains, as the rest of a run sees it.

Where several calls below ``if __name__ == "__main__"`` do database work, they are moved into a
function before the plan is made, so that they turn as everything else does. What then doesn't turn
stays where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from asyncify.decisions import Decision, FilePlan, MakeAsync, WrapAsyncioRun
from asyncify.facts import ModuleFacts
from asyncify.findings import Finding
from asyncify.outcome import FileChange
from asyncify.source.environments import with_migrations_function
from asyncify.source.extract import ExtractError, extract
from asyncify.source.mains import Moved, with_main_function, with_script_function

if TYPE_CHECKING:
    from asyncify.analysis.crowded import Start
    from asyncify.analysis.program import Function, Program


@dataclass
class Mains:
    """New contents by path, and how they were moved."""

    before: dict[str, bytes] = field(default_factory=dict)
    after: dict[str, bytes] = field(default_factory=dict)
    moved: dict[str, Moved] = field(default_factory=dict)

    def facts(self, files: dict[str, ModuleFacts]) -> dict[str, ModuleFacts]:
        """The facts of the program as it is now."""
        return {**files, **{path: extract(text) for path, text in self.after.items()}}

    def may_turn(self, program: Program, turned: Collection[Function]) -> frozenset[str]:
        """The paths of all but those whose function doesn't turn. Where none was made, only a plan
        says it."""
        return frozenset(
            path for path, moved in self.moved.items()
            if all(
                function in turned for function in program.modules[path].functions
                if function.facts.kind == "def" and function.facts.line == moved.line
            )
        )  # fmt: skip

    def turning(self, files: Iterable[FilePlan]) -> frozenset[str]:
        """The paths of those that turn by a plan."""
        return frozenset(
            file.path for file in files
            if file.path in self.moved
            and any(_is_at(d, self.moved[file.path]) for d in file.decisions)
        )  # fmt: skip

    def only(self, paths: frozenset[str]) -> Mains:
        """Those of some files."""
        return Mains(
            {path: self.before[path] for path in paths},
            {path: self.after[path] for path in paths},
            {path: self.moved[path] for path in paths},
        )

    def findings(self, found: Iterable[Finding]) -> Iterator[Finding]:
        """Findings at the places of the files as they are on disk."""
        for each in found:
            moved = self.moved.get(each.site.path)
            if moved is not None:
                line, column = moved.place(each.site.line, each.site.column)
                each = replace(each, site=each.site._replace(line=line, column=column))
            yield each

    def changes(self, made: tuple[FileChange, ...]) -> tuple[FileChange, ...]:
        """Changes of the files as they were."""
        return tuple(replace(c, before=self.before.get(c.path, c.before)) for c in made)


def _is_at(decision: Decision, moved: Moved) -> bool:
    """Does a function turn that was made, or what is called below a condition?"""
    if isinstance(decision, WrapAsyncioRun):
        return decision.site.line > moved.line
    return isinstance(decision, MakeAsync) and decision.site.line == moved.line


def move_mains(starts: Mapping[str, Start], read: Callable[[str], bytes | None]) -> Mains:
    """The mains of some files as functions; ``read`` gives a file's content."""
    mains = Mains()
    for path, start in starts.items():
        content = read(path)
        moved = _moved(content, start) if content is not None else None
        if content is not None and moved is not None:
            mains.before[path], (mains.after[path], mains.moved[path]) = content, moved
    return mains


def _moved(content: bytes, start: Start) -> tuple[bytes, Moved] | None:
    if content.startswith(b"\xef\xbb\xbf") or b"\x0c" in content:
        return None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    text = text.replace("\r\n", "\n")
    if start.line:
        moved = with_script_function(text, start.line, start.once)
    else:
        moved = with_migrations_function(text) or with_main_function(text)
    if moved is None:
        return None
    new = (moved.text.replace("\n", "\r\n") if b"\r\n" in content else moved.text).encode()
    try:
        extract(new)
    except ExtractError:
        return None
    return new, moved
