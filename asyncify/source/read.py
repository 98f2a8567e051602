"""Read: the program's files become facts, over several processes, kept by content.

The cache is one file per program. Its key is the content's hash; the facts' schema and the versions
of asyncify and Python stand in its header, so that another version starts anew.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from asyncify import __version__
from asyncify.facts import SCHEMA, ModuleFacts
from asyncify.findings import Finding
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.source.discover import SourceFile
from asyncify.source.extract import ExtractError, extract
from asyncify.source.parallel import extract_all

# What makes code deep, and how much of it LibCST surely stands.
_NESTING = re.compile(rb"[-+*/%@&|^<>.(\[]|\b(?:not|else|elif|lambda|await)\b")
_NESTING_IN_PROCESS = 1_000
_PATIENCE = 5.0  # seconds
_CODES = {"decode": "ASY302", "syntax": "ASY303", "depth": "ASY305", "limit": "ASY303"}


class Reader:
    """Reads files of one program. ``root`` names the cache, ``jobs`` is the number of processes."""

    def __init__(self, root: Path, jobs: int, cache: bool) -> None:
        self.jobs = jobs
        self.cache = FactsCache(root) if cache else None
        self.digests: dict[str, bytes] = {}  # of the contents that were read, by path

    def read(
        self, files: Sequence[SourceFile], progress: Callable[[str, int, int], None]
    ) -> Iterator[tuple[SourceFile, ModuleFacts | Finding]]:
        """Facts, or the finding that says why there are none, for each file in order."""
        known = self.cache.load() if self.cache is not None else {}
        results: dict[str, ModuleFacts | Finding] = {}
        missing: list[tuple[str, bytes, bytes]] = []
        digests = self.digests
        for file in files:
            try:
                data = _contents(file.location)
            except OSError as error:
                results[file.path] = unreadable(file.path, error)
                continue
            digest = digests[file.path] = content_digest(data)
            if digest in known:
                results[file.path] = ModuleFacts.load(known[digest])
            else:
                missing.append((file.path, digest, data))
        fresh: dict[bytes, bytes] = {}
        done = len(files) - len(missing)
        extracted = extract_all(
            [data for _, _, data in missing], self.jobs,
            lambda begun: progress("Reading", done + begun, len(files)),
        )  # fmt: skip
        for (path, digest, data), made in zip(missing, extracted, strict=True):
            if isinstance(made, ExtractError):
                made = _newer(made, data)
            if isinstance(made, ExtractError):
                results[path] = _refused(path, made, data)
                continue
            if self.cache is not None:
                fresh[digest] = made if isinstance(made, bytes) else made.dump()
            results[path] = ModuleFacts.load(made) if isinstance(made, bytes) else made
        if self.cache is not None and fresh:
            self.cache.save({**{d: known[d] for d in digests.values() if d in known}, **fresh})
        for file in files:
            yield file, results[file.path]


class FactsCache:
    """The facts of one program, by content. A cache that can't be read or written is none."""

    def __init__(self, root: Path) -> None:
        self.path = cache_file(root, "facts")
        self.header = (SCHEMA, __version__, sys.version)

    def load(self) -> dict[bytes, bytes]:
        try:
            header, facts = marshal.loads(self.path.read_bytes())
        except (OSError, ValueError, EOFError, TypeError):
            return {}
        return facts if header == self.header else {}

    def save(self, facts: dict[bytes, bytes]) -> None:
        replace_file(self.path, marshal.dumps((self.header, facts)))


def cache_file(root: Path, suffix: str) -> Path:
    """Where what is kept of a program lies."""
    import platformdirs

    name = hashlib.blake2b(os.fsencode(root), digest_size=12).hexdigest()
    return Path(platformdirs.user_cache_dir("asyncify")) / f"{name}.{suffix}"


def replace_file(path: Path, data: bytes) -> None:
    """Put a cache file in the place of another, whole; without a word where that isn't possible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        os.replace(name, path)
    except OSError:
        return


def content_digest(data: bytes) -> bytes:
    """What stands for a file's content as a key."""
    return hashlib.blake2b(data, digest_size=16).digest()


def _contents(location: str) -> bytes:
    with open(location, "rb") as stream:
        return stream.read()


def unreadable(path: str, error: OSError) -> Finding:
    """The finding for a file that the system doesn't give."""
    reason = (error.strerror or str(error)).lower()
    return finding("ASY301", Site(path, 1, 1), f"This file can't be read: {reason}.")


def _refused(path: str, error: ExtractError, data: bytes) -> Finding:
    """Why a file gives no facts, in one sentence."""
    site = Site(path, error.line, max(error.column, 1))
    if error.kind == "syntax" and _is_newer(data):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return finding(
            "ASY304", site,
            f"Python {version} can't read this: the syntax is newer.",
            "Run asyncify with the Python that the program runs on.",
        )  # fmt: skip
    code = _CODES[error.kind]
    sentence = {
        "ASY302": f"This file can't be decoded: {error.message}.",
        "ASY303": f"This file isn't valid Python: {_first_sentence(error.message)}.",
        "ASY305": f"This file can't be read: {error.message}.",
    }[code]
    return finding(code, site, sentence)


def extracted(data: bytes) -> ModuleFacts:
    """The facts of one file, whatever syntax it has.

    Raises ExtractError where nothing reads it.
    """
    try:
        return extract(data)
    except ExtractError as error:
        made = _newer(error, data)
        if isinstance(made, ExtractError):
            raise
        return made


def _newer(error: ExtractError, data: bytes) -> ModuleFacts | ExtractError:
    """The facts of a file whose syntax is only newer than this Python; LibCST, which knows it, is
    imported for such files alone."""
    if error.kind != "syntax" or not _is_newer(data):
        return error
    from asyncify.source.newer import extract_newer

    try:
        return extract_newer(data)
    except ExtractError:
        return error


def _first_sentence(message: str) -> str:
    """Without what Python suggests after it."""
    return message.partition(". ")[0].rstrip(".?")


def _is_newer(data: bytes) -> bool:
    """Does LibCST, which knows newer syntax, read what this Python can't? Only asked for files that
    are broken or newer, so that LibCST is not imported otherwise."""
    if len(_NESTING.findall(data)) > _NESTING_IN_PROCESS:
        return _is_newer_elsewhere(data)
    try:
        parser: Any = __import__("libcst")
        parser.parse_module(data)
    except Exception:
        return False
    return True


def _is_newer_elsewhere(data: bytes) -> bool:
    """The same in a process of its own: for code that is both deep and broken LibCST may take
    minutes, or be ended by a signal."""
    import subprocess

    program = "import libcst, sys; libcst.parse_module(sys.stdin.buffer.read())"
    command = [sys.executable, "-c", program]
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, check=False, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
