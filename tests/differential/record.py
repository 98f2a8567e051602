"""Runs programs and writes down everything that can be seen of them.

    python -m tests.differential.record FOLDER DATABASE RECORD
    python -m tests.differential.record JOBS

FOLDER holds ``main.py`` with ``main()``, which may be a coroutine function. DATABASE is the URL
that the program finds in ``DATABASE_URL``, with a sync driver. RECORD is the JSON file to write.
JOBS is a JSON file with a list of such triples: many programs in one process, one after the other.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import inspect
import json
import os
import re
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import MetaData, create_engine, event, exc
from sqlalchemy.engine import Connection, Engine, Row
from sqlalchemy.orm import InstanceState

from tests.differential.normalise import normalise

ADDRESS = re.compile(r" at 0x[0-9a-f]+")
NUMBER = re.compile(r"_\d+$")
LEAKS = ("was never awaited", "garbage collector is trying to clean up")


class Recorder:
    """Statements and faults, as they happen."""

    def __init__(self) -> None:
        self.statements: list[list[str]] = []
        self.faults: list[str] = []
        self.sync_statements = 0

    def listen(self) -> None:
        event.listen(Engine, "before_cursor_execute", self.statement)
        event.listen(Engine, "commit", lambda connection: self.mark("COMMIT"))
        event.listen(Engine, "rollback", lambda connection: self.mark("ROLLBACK"))
        self.watch_greenlets()

    def mark(self, word: str) -> None:
        self.statements.append([word, ""])

    def statement(
        self,
        connection: Connection,
        cursor: object,
        statement: str,
        parameters: Any,
        context: object,
        executemany: bool,
    ) -> None:
        if (
            not connection.dialect.is_async
            and threading.current_thread() is threading.main_thread()
        ):
            self.sync_statements += 1  # in a thread of its own, a worker blocks nobody
        self.statements.append(list(normalise(statement, parameters)))

    def watch_greenlets(self) -> None:
        """A MissingGreenlet that the program swallows is one all the same."""
        original = exc.MissingGreenlet.__init__

        def watched(error: exc.MissingGreenlet, *arguments: Any, **keywords: Any) -> None:
            self.faults.append("MissingGreenlet")
            original(error, *arguments, **keywords)

        exc.MissingGreenlet.__init__ = watched  # type: ignore[assignment,method-assign]


def call(function: Callable[[], Any]) -> Any:
    """What the function gives, awaited if it has turned."""
    value = function()
    return asyncio.run(value) if inspect.iscoroutine(value) else value


def labels(fields: Sequence[str]) -> list[str]:
    """A row's names. Query repeats one that occurs twice, select numbers it: ``name_1``."""
    return [
        stem if (stem := NUMBER.sub("", name)) in fields[:index] else name
        for index, name in enumerate(fields)
    ]


def plain(value: Any) -> Any:
    """A result as JSON: mapped instances by class and identity, rows with their names."""
    state = getattr(value, "_sa_instance_state", None)
    if isinstance(state, InstanceState):
        return ["instance", type(value).__name__, plain(state.identity)]
    if isinstance(value, Row):
        return ["row", labels(value._fields), [plain(each) for each in value]]
    if isinstance(value, Mapping):
        return ["mapping", [[plain(key), plain(each)] for key, each in value.items()]]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, [plain(each) for each in value]]
    if isinstance(value, (set, frozenset)):
        return [type(value).__name__, sorted((plain(each) for each in value), key=repr)]
    if isinstance(value, BaseException):
        return ["exception", type(value).__qualname__]
    return ADDRESS.sub("", repr(value))


def failure(error: BaseException, folder: Path) -> dict[str, Any]:
    """The exception's type, and the innermost place in the program's own code."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    return {"type": kind, "text": str(error).splitlines()[:1], **place(error.__traceback__, folder)}


def place(trace: TracebackType | None, folder: Path) -> dict[str, Any]:
    frames = [
        frame
        for frame in traceback.extract_tb(trace)
        if Path(frame.filename).resolve().is_relative_to(folder)
    ]
    if not frames:
        return {"file": "", "function": "", "line": 0}
    file = Path(frames[-1].filename).resolve().relative_to(folder).as_posix()
    return {"file": file, "function": frames[-1].name, "line": frames[-1].lineno or 0}


def tables(database: str) -> dict[str, list[str]]:
    """The rows of every table, sorted."""
    engine, metadata = create_engine(database), MetaData()
    with engine.connect() as connection:
        metadata.reflect(connection)
        found = {
            name: sorted(repr(tuple(row)) for row in connection.execute(table.select()))
            for name, table in sorted(metadata.tables.items())
        }
    engine.dispose()
    return found


RECORDER = Recorder()


def observe(folder: Path) -> dict[str, Any]:
    """Run the program's ``main()`` once."""
    try:
        result = call(importlib.import_module("main").main)
    except Exception as error:
        return {"result": None, "exception": failure(error, folder)}
    return {"result": plain(result), "exception": None}


def record(folder: Path, database: str) -> dict[str, Any]:
    """Everything that can be seen of one run of the program."""
    os.environ["DATABASE_URL"] = database
    sys.path.insert(0, str(folder))
    RECORDER.__init__()  # type: ignore[misc]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        seen = observe(folder)
        gc.collect()
    sys.path.remove(str(folder))
    texts = [str(warning.message) for warning in caught]
    faults = [text for text in texts if any(leak in text for leak in LEAKS)]
    return seen | {
        "statements": list(RECORDER.statements),
        "sync_statements": RECORDER.sync_statements,
        "faults": RECORDER.faults + faults,
        "tables": tables(database),
    }


def forget(folder: Path) -> None:
    """Take the program's modules out of this process, for the next one."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(folder):
            del sys.modules[name]


def jobs(arguments: Sequence[str]) -> list[list[str]]:
    """The programs to run: one, or those that a file lists."""
    if len(arguments) > 1:
        return [list(arguments)]
    listed: list[list[str]] = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    return listed


def main(arguments: Sequence[str]) -> None:
    """Run, and write the records."""
    RECORDER.listen()
    for place, database, target in jobs(arguments):
        folder = Path(place).resolve()
        seen = record(folder, database)
        Path(target).write_text(json.dumps(seen), encoding="utf-8")
        forget(folder)
    sys.stdout.flush()
    # A driver's thread that a program left behind must not keep this process.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
