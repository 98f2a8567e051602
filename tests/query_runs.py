"""Runs the shapes of queries, before and after, with the SQLAlchemy of this Python.

    python -m tests.query_runs FOLDER SHAPES RUNS

FOLDER has the programs in ``before`` and ``after``. SHAPES is a JSON file with the functions of
each, RUNS the one to write: the value, the exception's class and the statements of both.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import inspect
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy
from sqlalchemy import event, orm
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import StaticPool

from tests.differential.normalise import normalise
from tests.differential.record import plain
from tests.vocabulary_objects import FUTURE

Statements = list[tuple[str, str]]


def load(path: Path, name: str, **beside: ModuleType) -> ModuleType:
    """A module of a program, whose imports are those given."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.update(beside)
    try:
        spec.loader.exec_module(module)
    finally:
        for key in beside:
            sys.modules.pop(key)
    return module


def script(models: ModuleType) -> str:
    """The tables and rows as SQL."""
    engine = sqlalchemy.create_engine("sqlite://", poolclass=StaticPool)
    models.Base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        session.add_all(models.rows())
        session.commit()
    raw: Any = engine.raw_connection()
    return "\n".join(raw.driver_connection.iterdump())


@contextmanager
def listening(engine: Any) -> Iterator[Statements]:
    """The statements that an engine is sent, in one spelling."""
    seen: Statements = []

    def note(_c: Any, _k: Any, statement: str, parameters: Any, _x: Any, _many: bool) -> None:
        seen.append(normalise(statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def is_island(function: Callable[..., object]) -> bool:
    """Does a function still take a sync session?"""
    return inspect.signature(function).parameters["db"].annotation is orm.Session


def result(value: Any, error: str, statements: Statements) -> dict[str, Any]:
    return {"value": value, "error": error, "statements": statements}


def run_before(function: Any, sql: str) -> dict[str, Any]:
    """A shape as it was written, on a sync session."""
    engine = sqlalchemy.create_engine("sqlite://", poolclass=StaticPool, **FUTURE)
    raw: Any = engine.raw_connection()
    raw.driver_connection.executescript(sql)
    with listening(engine) as seen, orm.Session(engine, **FUTURE) as session:
        try:
            value, error = plain(function(session)), ""
        except Exception as raised:
            value, error = None, type(raised).__name__
    engine.dispose()
    return result(value, error, seen)


async def run_after(function: Any, sql: str) -> dict[str, Any]:
    """A shape as the tool has written it, on an async session."""
    engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
    async with engine.connect() as connection:
        raw: Any = await connection.get_raw_connection()
        await raw.driver_connection.executescript(sql)
    with listening(engine.sync_engine) as seen:
        async with AsyncSession(engine, expire_on_commit=False) as session:
            try:
                given = session.run_sync(function) if is_island(function) else function(session)
                value = plain(await given if inspect.iscoroutine(given) else given)
                error = ""
            except Exception as raised:
                value, error = None, type(raised).__name__
    await engine.dispose()
    return result(value, error, seen)


def both(before: Any, after: Any, sql: str) -> dict[str, Any]:
    """One shape's runs, and what was never awaited in the second."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        first = run_before(before, sql)
        second = asyncio.run(run_after(after, sql))
        gc.collect()
    texts = [str(warning.message) for warning in caught]
    leaks = [text for text in texts if "never awaited" in text]
    return {"before": first, "after": second, "leaks": leaks, "island": is_island(after)}


def runs(folder: Path, text: str, functions: list[str]) -> dict[str, Any]:
    """All shapes of one text."""
    models = load(folder / "before" / text / "models.py", "models")
    before = load(folder / "before" / text / "case.py", "before", models=models)
    support = folder / "after" / text / "asyncify_support.py"
    helpers = {support.stem: load(support, support.stem)} if support.exists() else {}
    after = load(folder / "after" / text / "case.py", "after", models=models, **helpers)
    sql = script(models)
    return {name: both(getattr(before, name), getattr(after, name), sql) for name in functions}


def main(folder: str, shapes: str, target: str) -> None:
    listed = json.loads(Path(shapes).read_text(encoding="utf-8"))
    found = {text: runs(Path(folder), text, names) for text, names in listed.items()}
    Path(target).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
