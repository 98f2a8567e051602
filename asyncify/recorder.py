"""Recorder of implicit loads: a plugin of pytest that says where a program loads by itself.

    pytest -p asyncify.recorder

A sync session runs SQL when an attribute is read that isn't there: a relationship that no query
has loaded, a deferred column, what a rollback has expired. An async session raises
``MissingGreenlet`` instead. While the tests run, this plugin notes each such load with the line of
the program that caused it; at the end it prints the lines, and writes them to a file that
``asyncify run --loads FILE`` reads. It changes nothing that the program does, and is never active
by itself. It needs SQLAlchemy alone, 1.4 or newer, and so runs in the program's own environment.
https://docs.sqlalchemy.org/en/20/orm/session_events.html#execute-events
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from pytest import hookimpl

VERSION = 1
DEFAULT_FILE = "asyncify-loads.json"
_OUTSIDE = ("site-packages", "dist-packages")
_SESSION = "sqlalchemy.orm.session"
_QUERY = "sqlalchemy.orm.query"
# Methods of a session that load as part of what they do: an async session awaits them.
_AWAITED = {
    "execute", "scalar", "scalars", "get", "get_one", "commit", "rollback", "flush", "_flush",
    "_autoflush", "refresh", "merge", "delete", "close",
}  # fmt: skip
_COLUMN_LOADERS = {"load_scalar_attributes", "_load_scalar_attributes"}
_LOADERS = {"_emit_lazyload", "_load_for_state", *_COLUMN_LOADERS}
# What expires attributes, by the function of SQLAlchemy that does it; whatever else does is a
# flush, after which only the database knows a value.
_EXPIRING = {"_remove_snapshot": "commit", "_restore_snapshot": "rollback"}
_EXPIRING |= dict.fromkeys(("expire", "expire_all", "_expire_state"), "expire")
_NOTHING: tuple[str, frozenset[str]] = ("deferred", frozenset())
_NEAR = 8  # frames between an event and the function that caused it


class Load(NamedTuple):
    """Where the program loaded something by itself.

    ``attribute`` is what was read, ``kind`` says whether it is a relationship or a column.
    ``reason`` is why a column wasn't there: ``commit``, ``rollback``, ``expire``, ``flush`` or
    ``deferred``; of a relationship it is ``commit``, where it had been loaded before one, or empty.
    ``reader`` is the library that read it, or empty: then the program did.
    """

    path: str
    line: int
    function: str
    cls: str
    attribute: str
    kind: str
    reason: str = ""
    reader: str = ""

    def __str__(self) -> str:
        why = f", after {self.reason}" if self.reason and self.reason != "deferred" else ""
        reader = f", read by {self.reader}" if self.reader else ""
        return f"{self.path}:{self.line} {self.cls}.{self.attribute} ({self.kind}{why}{reader})"


class Recorder:
    """Counts implicit loads, each with the line that caused it."""

    def __init__(self, root: Path) -> None:
        self.root = os.path.realpath(root) + os.sep
        self.counts: dict[Load, int] = {}
        self._inside: dict[str, str] = {}
        # Why an instance expired last, and which of its attributes flushes have expired.
        self._expired: WeakKeyDictionary[Any, tuple[str, frozenset[str]]] = WeakKeyDictionary()
        # The relationships of an instance that nothing but commits has expired.
        self._committed: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()
        # What instances had at a session's last commits, by their identity: they may go with the
        # collections that expire, and come back as others.
        self._gone: WeakKeyDictionary[Any, dict[Any, set[str]]] = WeakKeyDictionary()

    def listen(self) -> None:
        """Hear of every statement that a session executes, and of all that expires."""
        from sqlalchemy import event
        from sqlalchemy.orm import Mapper, Session

        event.listen(Session, "do_orm_execute", self.executed)
        event.listen(Session, "after_commit", self.committed)
        event.listen(Mapper, "expire", self.expired, raw=True)
        event.listen(Mapper, "refresh", self.refreshed, raw=True)
        event.listen(Mapper, "load", self.loaded, raw=True)

    def committed(self, session: Any) -> None:
        """A session has committed, and has expired nothing yet."""
        held = self._gone.setdefault(session, {})
        for state in session.identity_map.all_states():
            loaded = {each.key for each in state.mapper.relationships} & set(state.dict)
            self._committed.setdefault(state, set()).update(loaded)
            held[state.key] = set(self._committed[state])

    def expired(self, state: Any, names: Any) -> None:
        """Attributes of an instance expire: why?"""
        reason = "flush"
        for frame, _ in zip(_outwards(sys._getframe(1)), range(_NEAR), strict=False):
            if frame.f_code.co_name in _EXPIRING:
                reason = _EXPIRING[frame.f_code.co_name]
                break
        if reason != "commit":
            self._forget(state, names)
        _, flushed = self._expired.get(state, _NOTHING)
        if reason == "flush":
            flushed |= frozenset(names or ())
        elif reason != "commit":  # what a flush expired would be so without the commit as well
            flushed = frozenset()
        self._expired[state] = reason, flushed

    def refreshed(self, state: Any, context: Any, names: Any) -> None:
        """Attributes of an instance have been loaded again."""
        if not names:  # all of them, and what isn't part of the query has been dropped
            self._forget(state, names)
        reason, flushed = self._expired.get(state, _NOTHING)
        if flushed:
            self._expired[state] = reason, flushed - frozenset(names or flushed)

    def loaded(self, state: Any, context: Any) -> None:
        """An instance is made. Where what leads to it had been loaded before a commit, it would
        have been there still, with all that it had."""
        parent = getattr(context.load_options, "_lazy_loaded_from", None)
        if parent is None:
            return
        found = self._caused(list(_outwards(sys._getframe(1))))
        if found is not None and self.reason(*found[1][:3]) == "commit":
            self._committed[state] = set(self._gone.get(context.session, {}).get(state.key, ()))

    def _forget(self, state: Any, names: Any) -> None:
        """Relationships, all unless named, are gone though nothing had been committed."""
        committed = self._committed.get(state, set())
        committed.difference_update(names or tuple(committed))

    def reason(self, state: Any, attribute: str, kind: str) -> str:
        """Why an attribute of an instance isn't there."""
        if kind == "relationship":
            return "commit" if attribute in self._committed.get(state, ()) else ""
        reason, flushed = self._expired.get(state, _NOTHING)
        return "flush" if attribute in flushed else reason

    def executed(self, state: Any) -> None:
        """A session executes a statement: is it one that nobody wrote?"""
        frames = list(_outwards(sys._getframe(1)))
        found = self._caused(frames)
        if found is None or _is_awaited(frames[found[0] :]) or _runs_in_greenlet():
            return
        start, (instance, attribute, kind, reason) = found
        place, attribute = self._place(frames[start:], attribute)
        if place is not None:
            path, line, function, reader = place
            reason = reason or self.reason(instance, attribute, kind)
            cls = instance.class_.__name__
            what = Load(path, line, function, cls, attribute, kind, reason, reader)
            self.counts[what] = self.counts.get(what, 0) + 1

    def _caused(self, frames: list[FrameType]) -> tuple[int, tuple[Any, str, str, str]] | None:
        """The load that the program's read caused, and its place among the frames. It may cause
        others in turn: what is refreshed loads what queries had loaded with it."""
        found = None
        for index, frame in enumerate(frames):
            if found is not None and self._path(frame.f_code.co_filename):
                break
            load = self._loader(frame)
            found = (index, load) if load is not None else found
        return found

    def _loader(self, frame: FrameType) -> tuple[Any, str, str, str] | None:
        """The instance's state, the attribute, its kind and the reason, where a function of
        SQLAlchemy is one that loads an attribute. Only there a look at the variables is harmless:
        a frame of the program would keep what it has at this moment until it ends."""
        name = frame.f_code.co_name
        if name not in _LOADERS:
            return None
        names = frame.f_locals
        if name == "_emit_lazyload":
            return names["state"], names["self"].key, "relationship", ""
        if name in _COLUMN_LOADERS:
            return names["state"], min(names["attribute_names"], default=""), "column", ""
        if name == "_load_for_state" and "DeferredColumn" in type(names["self"]).__name__:
            return names["state"], names["self"].key, "column", "deferred"
        return None

    def _place(
        self, frames: list[FrameType], attribute: str
    ) -> tuple[tuple[str, int, str, str] | None, str]:
        """The program's line that is nearest to the load, and what it reads there."""
        reader = ""
        for frame in frames:
            module = frame.f_globals.get("__name__", "")
            if frame.f_code.co_name == "__get__" and module == "sqlalchemy.orm.attributes":
                attribute = frame.f_locals["self"].key
            path = self._path(frame.f_code.co_filename)
            if path:
                function = getattr(frame.f_code, "co_qualname", frame.f_code.co_name)
                return (path, frame.f_lineno, function, reader), attribute
            package = module.partition(".")[0]
            if package not in ("sqlalchemy", "sqlmodel"):
                reader = reader or package
        return self._route(frames, reader), attribute

    def _route(self, frames: list[FrameType], reader: str) -> tuple[str, int, str, str] | None:
        """The route whose response is being made: nothing of the program runs then."""
        for frame in frames:
            names = frame.f_code.co_varnames + frame.f_code.co_freevars
            dependant = frame.f_locals.get("dependant") if "dependant" in names else None
            code = getattr(getattr(dependant, "call", None), "__code__", None)
            if code is not None and self._path(code.co_filename):
                name = getattr(code, "co_qualname", code.co_name)
                return self._path(code.co_filename), code.co_firstlineno, name, "fastapi"
        return None

    def _path(self, name: str) -> str:
        """The path below the root, or '' of what is no file of the program."""
        known = self._inside.get(name)
        if known is None:
            path = os.path.realpath(name)
            is_own = path.startswith(self.root) and not any(part in path for part in _OUTSIDE)
            known = path[len(self.root) :].replace(os.sep, "/") if is_own else ""
            self._inside[name] = known
        return known

    def document(self) -> dict[str, Any]:
        """What is written to the file."""
        loads = [{**load._asdict(), "count": n} for load, n in sorted(self.counts.items())]
        return {"version": VERSION, "loads": loads}

    def add(self, document: dict[str, Any]) -> None:
        """Take over what another process has recorded."""
        for each in document["loads"]:
            load = Load(**{name: each[name] for name in Load._fields})
            self.counts[load] = self.counts.get(load, 0) + each["count"]


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_awaited(frames: list[FrameType]) -> bool:
    """Is the load part of something that an async session awaits anyway: a flush, a delete?"""
    return any(
        (module := frame.f_globals.get("__name__", "")) == _QUERY
        or (module == _SESSION and frame.f_code.co_name in _AWAITED)
        for frame in frames
    )


def _runs_in_greenlet() -> bool:
    """Is this inside ``run_sync`` of an async session, where all may load?"""
    greenlet = sys.modules.get("greenlet")
    current = greenlet.getcurrent() if greenlet is not None else None
    return hasattr(current, "__sqlalchemy_greenlet_provider__") or hasattr(current, "driver")


# -- the plugin

_ACTIVE: list[Recorder] = []  # one a process


def pytest_addoption(parser: Any) -> None:
    parser.addoption(
        "--asyncify-loads", default=DEFAULT_FILE, metavar="FILE",
        help=f"where asyncify.recorder writes the implicit loads (default: {DEFAULT_FILE})",
    )  # fmt: skip


def pytest_configure(config: Any) -> None:
    root = getattr(config, "rootpath", None) or Path(str(config.rootdir))
    recorder = Recorder(root)
    recorder.listen()
    _ACTIVE.append(recorder)


@hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker of pytest-xdist has ended."""
    document = getattr(node, "workeroutput", {}).get("asyncify_loads")
    if document and _ACTIVE:
        _ACTIVE[-1].add(document)


def pytest_sessionfinish(session: Any) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["asyncify_loads"] = _ACTIVE[-1].document()


def pytest_terminal_summary(terminalreporter: Any, config: Any) -> None:
    """Print the lines, and write the file."""
    recorder = _ACTIVE[-1]
    target = Path(config.getoption("--asyncify-loads"))
    target.write_text(json.dumps(recorder.document(), indent=1) + "\n", encoding="utf-8")
    lost = {load: n for load, n in recorder.counts.items() if load.reason != "commit"}
    terminalreporter.section("implicit loads")
    for load, count in sorted(lost.items()):
        terminalreporter.write_line(f"{load}: {count}")
    expired = len(recorder.counts) - len(lost)
    terminalreporter.write_line(
        f"{len(lost)} places load by themselves; {expired} more do after a commit only, which "
        f"expire_on_commit=False ends. Written to {target}."
    )
