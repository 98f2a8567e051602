"""What a project needs after its migration, and its manifests while they are edited."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from asyncify.findings import Finding
from asyncify.outcome import FileChange
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.source.marks import marked
from asyncify.vocabulary.packages import WORKFLOWS

_DEPTH = 3
_SKIPPED = {"node_modules", "venv", "env", "build", "dist", "site-packages", "__pycache__"}


@dataclass(frozen=True, slots=True)
class Needs:
    """``sqlite``: where its files are named, in the program, in its tests only, or nowhere (empty).
    ``tests``: are there tests or fixtures that turned; ``client``: is an httpx client among what
    they use now; ``folders``: those of the projects that they belong to, '' for the root;
    ``version``: of pytest-asyncio, where the project says; ``urls``: are database URLs edited, for
    which nothing may stay sync; ``modules``: the program's files, and ``needing`` those of them in
    which something turns or is imported that does."""

    line: str = "2.0"
    drivers: tuple[tuple[str, str], ...] = ()
    sqlite: str = ""
    tests: bool = False
    client: bool = False
    folders: tuple[str, ...] = ("",)
    version: tuple[int, int] | None = None
    urls: bool = False
    modules: frozenset[str] = frozenset()
    needing: frozenset[str] = frozenset()

    def concern(self, manifest: str) -> bool:
        """Is a manifest, or a file of settings, of a project in which something turns? It is about
        the files below its folder, or below the next one above it that has some."""
        folder = manifest.rpartition("/")[0]
        while folder and not _has(self.modules, folder):
            folder = folder.rpartition("/")[0]
        return not folder or _has(self.needing, folder)


def _has(paths: frozenset[str], folder: str) -> bool:
    return any(path.startswith(f"{folder}/") for path in paths)


@dataclass(slots=True)
class Manifests:
    """The files that matter, as text: what was read, and what becomes of it."""

    root: Path
    before: dict[str, bytes] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    required: bool = False  # has anything been added to a manifest?

    def text(self, name: str) -> str | None:
        """The text of a file below the root as it is now, with ``\\n`` for line ends."""
        if name in self.after:
            return self.after[name]
        try:
            content = (self.root / name).read_bytes()
            mark, codec = marked(content)
            text = content[len(mark) :].decode(codec)
        except (OSError, UnicodeDecodeError):
            return None
        self.before[name] = content
        return text.replace("\r\n", "\n")

    def put(self, name: str, text: str) -> None:
        self.after[name] = text

    def changes(self) -> Iterator[FileChange]:
        for name, text in sorted(self.after.items()):
            before = self.before.get(name)
            mark, codec = marked(before or b"")
            if before is not None and "\r\n".encode(codec) in before:
                text = text.replace("\n", "\r\n")
            after = mark + text.encode(codec)
            if after != before:
                yield FileChange(name, before, after)

    def tell(self, code: str, name: str, line: int, reason: str, advice: str) -> None:
        self.findings.append(finding(code, Site(name, line, 1), reason, advice))

    def files(self) -> Iterator[str]:
        """The files near the root, by their names from there."""
        for folder, folders, names in os.walk(self.root):
            relative = Path(folder).relative_to(self.root)
            deep = len(relative.parts) >= _DEPTH - 1
            folders[:] = [
                x for x in sorted(folders)
                if not deep and x not in _SKIPPED and (x[0] != "." or x == WORKFLOWS)
            ]  # fmt: skip
            yield from (f"{(relative / name).as_posix()}" for name in sorted(names))
