"""Writing: all files of a run, or none.

A journal is written first, with the old texts in it; then the new texts go into temporary files
beside the old ones; only when all of these have reached the disk are they renamed, one by one. A
run that finds a journal was preceded by one that died: it finishes the renames where every new text
is there and no file was changed since, and puts the old texts back otherwise. A signal that arrives
while files are being written is kept until they all are, or none is.

Runs take turns: whoever finds the journal of a run that is still writing would take it for dead.
The lock is the system's, on the root itself, so that no file of it can be left behind.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from asyncify.findings import Finding
from asyncify.outcome import FileChange
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.source.git import dirty_files

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

JOURNAL = ".asyncify-journal"
_SUFFIX = ".asyncify-new"


class _Refused(Exception):
    """Nothing may be written, because of one file."""

    def __init__(self, path: str, reason: str) -> None:
        self.finding = finding("ASY503", Site(path, 1, 1), reason)
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One file of the journal: ``target`` is what is replaced (the end of all links), relative
    to the root; ``before`` is None for a new file."""

    path: str
    target: str
    before: bytes | None
    after_digest: str

    def temporary(self, root: Path) -> Path:
        target = root / self.target
        return target.with_name(f".{target.name}{_SUFFIX}")


def dirty_problems(root: Path, changes: tuple[FileChange, ...]) -> tuple[Finding, ...]:
    """One finding for each file that git could not give back after it is rewritten."""
    paths = {root / change.path: change.path for change in changes if change.before is not None}
    dirty = dirty_files(paths)
    if dirty.error:
        return (_dirty(".", f"Whether git holds the files is unknown: {dirty.error}"),)
    reason = "The file has changes that git doesn't hold, so nothing was written."
    return tuple(_dirty(paths[path], reason) for path in dirty.paths)


def _dirty(path: str, reason: str) -> Finding:
    advice = "Commit or stage them, or use --allow-dirty."
    return finding("ASY502", Site(path, 1, 1), reason, advice)


def write_changes(root: Path, changes: tuple[FileChange, ...]) -> tuple[Finding, ...]:
    """Write all changes and give nothing, or write none and give the reasons."""
    if not changes:
        return ()
    with _alone(root), _deferred_signals() as signals:
        try:
            _write_all(root, changes, signals)
        except _Refused as refused:
            return (refused.finding,)
    return ()


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Wait until no other run writes below the root; go on where the system has no such locks."""
    descriptor = None
    if fcntl is not None:
        with suppress(OSError):
            descriptor = os.open(root, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


@dataclass
class _Signals:
    """The signals that arrived while files were being written."""

    received: list[int] = field(default_factory=list)

    def stop_if_received(self) -> None:
        """For places where nothing has been renamed yet."""
        if self.received:
            raise KeyboardInterrupt


@contextmanager
def _deferred_signals() -> Iterator[_Signals]:
    signals = _Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return

    def keep(number: int, frame: FrameType | None) -> None:
        signals.received.append(number)

    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    previous: dict[int, Any] = {number: signal.signal(number, keep) for number in numbers}
    try:
        yield signals
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        for number in signals.received:
            os.kill(os.getpid(), number)


def _write_all(root: Path, changes: tuple[FileChange, ...], signals: _Signals) -> None:
    distinct = _distinct(root, changes)
    entries = [_prepare(root, change) for change in distinct]
    try:
        _write_journal(root / JOURNAL, entries)
        for entry, change in zip(entries, distinct, strict=True):
            signals.stop_if_received()
            _write_temporary(root, entry, change)
        signals.stop_if_received()
    except BaseException:
        _discard(root, entries)
        raise
    _rename_all(root, entries)
    _forget(root)


def _distinct(root: Path, changes: tuple[FileChange, ...]) -> list[FileChange]:
    """The changes, with one for each file: links may give a file several names."""
    by_target: dict[str, FileChange] = {}
    for change in changes:
        other = by_target.setdefault(os.path.realpath(root / change.path), change)
        if other.after != change.after:
            raise _Refused(change.path, f"It is the same file as {other.path}, changed otherwise.")
    return list(by_target.values())


def _prepare(root: Path, change: FileChange) -> _Entry:
    """Check that a file is still what was read, and may be written."""
    target = Path(os.path.realpath(root / change.path))
    try:
        current = target.read_bytes()
    except FileNotFoundError:
        current = None
    except OSError as error:
        raise _Refused(change.path, _sentence("It can't be read", error)) from error
    if current != change.before:
        raise _Refused(change.path, "It has changed since it was read, so nothing was written.")
    if current is not None and not os.access(target, os.W_OK):
        raise _Refused(change.path, "It is read-only, so nothing was written.")
    relative = os.path.relpath(target, root)
    return _Entry(change.path, relative, change.before, _digest(change.after))


def _write_temporary(root: Path, entry: _Entry, change: FileChange) -> None:
    temporary = entry.temporary(root)
    try:
        if change.before is None:
            temporary.parent.mkdir(parents=True, exist_ok=True)
        _write_synced(temporary, change.after)
    except OSError as error:
        raise _Refused(change.path, _sentence("It can't be written", error)) from error
    try:
        if change.before is not None:
            _keep_owner_and_mode(root / entry.target, temporary)
    except OSError as error:
        raise _Refused(change.path, _sentence("Its owner can't be kept", error)) from error


def _write_synced(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _keep_owner_and_mode(source: Path, copy: Path) -> None:
    status = source.stat()
    created = copy.stat()
    if hasattr(os, "chown") and (status.st_uid, status.st_gid) != (created.st_uid, created.st_gid):
        os.chown(copy, status.st_uid, status.st_gid)
    # After the owner: changing that clears bits of the mode.
    os.chmod(copy, status.st_mode & 0o7777)


def _write_journal(journal: Path, entries: list[_Entry]) -> None:
    document = [
        {
            "path": entry.path,
            "target": entry.target,
            "before": _encoded(entry.before),
            "after_digest": entry.after_digest,
        }
        for entry in entries
    ]
    draft = _draft(journal)
    try:
        _write_synced(draft, json.dumps(document).encode())
        os.replace(draft, journal)
        _sync_folder(journal.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise _Refused(".", _sentence("The journal can't be written", error)) from error


def _draft(journal: Path) -> Path:
    return journal.with_name(journal.name + _SUFFIX)


def _rename_all(root: Path, entries: list[_Entry]) -> None:
    done: list[_Entry] = []
    try:
        for entry in entries:
            os.replace(entry.temporary(root), root / entry.target)
            done.append(entry)
    except OSError as error:
        _undo(root, done)
        _discard(root, entries)
        reason = _sentence("It can't be replaced", error)
        raise _Refused(entries[len(done)].path, reason) from error
    for folder in {(root / entry.target).parent for entry in entries}:
        _sync_folder(folder)


def _undo(root: Path, entries: list[_Entry]) -> None:
    """Put the old texts back."""
    for entry in entries:
        target = root / entry.target
        if entry.before is None:
            target.unlink(missing_ok=True)
            continue
        temporary = entry.temporary(root)
        _write_synced(temporary, entry.before)
        if target.exists():
            _keep_owner_and_mode(target, temporary)
        os.replace(temporary, target)


def _discard(root: Path, entries: list[_Entry]) -> None:
    """Remove what was prepared, the journal last."""
    for entry in entries:
        with suppress(OSError):
            entry.temporary(root).unlink()
    _forget(root)


def _forget(root: Path) -> None:
    with suppress(OSError):
        (root / JOURNAL).unlink()
        _sync_folder(root)


def _sync_folder(folder: Path) -> None:
    """Make renames in a folder last; not every system can open a folder."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def unfinished(root: Path) -> tuple[Finding, ...]:
    """A finding where an interrupted run has left a journal, for commands that don't write."""
    with _alone(root):
        is_there = (root / JOURNAL).exists()
    if not is_there:
        return ()
    reason = "An interrupted run may have left some files migrated and others not."
    return (finding("ASY503", Site(JOURNAL, 1, 1), reason, "`asyncify run` repairs that first."),)


def recover(root: Path) -> tuple[Finding, ...]:
    """Finish or undo the renames of a run that was interrupted; nothing where there was none."""
    with _alone(root):
        return _recovered(root)


def _recovered(root: Path) -> tuple[Finding, ...]:
    try:
        _draft(root / JOURNAL).unlink(missing_ok=True)
        entries = _read_journal(root / JOURNAL)
        if entries is None:
            return ()
        if all(_can_finish(root, entry) for entry in entries):
            _rename_all(root, [entry for entry in entries if entry.temporary(root).exists()])
        else:
            _undo(root, [entry for entry in entries if _is_new(root, entry)])
            _discard(root, entries)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"An interrupted run can't be finished or undone: {error}."
        advice = "Restore the files from git and delete the journal."
        return (finding("ASY503", Site(JOURNAL, 1, 1), reason, advice),)
    except _Refused as refused:
        return (refused.finding,)
    _forget(root)
    return ()


def _read_journal(journal: Path) -> list[_Entry] | None:
    try:
        document = json.loads(journal.read_bytes())
    except FileNotFoundError:
        return None
    return [
        _Entry(
            path=item["path"],
            target=item["target"],
            before=None if item["before"] is None else base64.b64decode(item["before"]),
            after_digest=item["after_digest"],
        )
        for item in document
    ]


def _can_finish(root: Path, entry: _Entry) -> bool:
    """Whether a file was renamed already, or still can be."""
    if _is_new(root, entry):
        return True
    target, temporary = root / entry.target, entry.temporary(root)
    current = target.read_bytes() if target.exists() else None
    ready = temporary.exists() and _digest(temporary.read_bytes()) == entry.after_digest
    return ready and current == entry.before


def _is_new(root: Path, entry: _Entry) -> bool:
    target = root / entry.target
    return target.exists() and _digest(target.read_bytes()) == entry.after_digest


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _encoded(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode("ascii")


def _sentence(start: str, error: OSError) -> str:
    return f"{start}, so nothing was written: {(error.strerror or str(error)).lower()}."
