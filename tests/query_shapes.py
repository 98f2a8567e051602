"""Shapes of queries, migrated by the tool and run before and after.

A text under ``fixtures/queries`` holds Python blocks of shapes, each under a comment that names it;
the last line of a shape is what it gives. In braces behind the name stand the SQLAlchemy lines that
have it and, behind ``run_sync``, those on which it has to stay a Query. One text is one program.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import inspect
import re
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy
from sqlalchemy import event, orm
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import StaticPool

from asyncify.vocabulary.rows import LINES
from tests.differential.normalise import normalise
from tests.differential.record import plain
from tests.differential.run import ROOT
from tests.engine import migrate, write
from tests.vocabulary_objects import FUTURE, LINE

FIXTURES = ROOT / "fixtures" / "queries"
NAME = re.compile(r"^# (?P<name>[^{]+?)(?: \{(?P<lines>[^}]*)\})?$")
KEPT = ("ASY202", "ASY108")
HEAD = """\
import sqlalchemy as sa
from models import Loan, Note, Reader, Shelf, Topic
from sqlalchemy import (
    LABEL_STYLE_TABLENAME_PLUS_COL, bindparam, exists, func, literal, orm, select, text,
)
from sqlalchemy.orm import (
    Bundle, Session, aliased, contains_eager, joinedload, selectinload, subqueryload, undefer,
)
"""
CONFIG = """\
[project]
name = "case"

[tool.asyncify]
sqlalchemy-version = "{line}"
"""
MAIN = """\
import case
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

SessionLocal = sessionmaker(bind=create_engine("sqlite:///library.db"))


def main():
    with SessionLocal() as session:
        return [
{calls}
        ]


if __name__ == "__main__":
    print(main())
"""


@dataclass(frozen=True)
class Shape:
    """One shape of a query, as the function ``function`` of the program of its text."""

    text: str
    number: int
    name: str
    body: str
    lines: tuple[str, ...]
    kept: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.text}: {self.name}"

    @property
    def function(self) -> str:
        return f"shape_{self.number}"

    def source(self) -> str:
        """The function, which is given a session."""
        *lines, last = self.body.strip().splitlines()
        body = textwrap.indent("\n".join([*lines, f"return {last}"]), "    ")
        return f"\n\ndef {self.function}(db: Session):\n{body}\n"


def shapes() -> list[Shape]:
    """All shapes that the installed line of SQLAlchemy has."""
    found = [shape for path in sorted(FIXTURES.glob("*.md")) for shape in shapes_of(path)]
    return [shape for shape in found if LINE in shape.lines]


def shapes_of(path: Path) -> Iterator[Shape]:
    """The shapes of one text."""
    code = path.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    parts = re.split(r"^(# .*)$", code, flags=re.MULTILINE)[1:]
    for number, (heading, body) in enumerate(zip(parts[::2], parts[1::2], strict=True)):
        named = NAME.match(heading)
        assert named is not None, f"{path.name}: {heading}"
        before, word, behind = (named["lines"] or "").partition("run_sync")
        kept = (tuple(behind.split()) or LINES) if word else ()
        lines = tuple(before.split()) or LINES
        yield Shape(path.stem, number, named["name"], body, lines, kept)


@dataclass(frozen=True)
class Result:
    """What a shape gave, or the class of the exception that it raised, and its statements."""

    value: Any
    error: str
    statements: list[tuple[str, str]] = field(default_factory=list)
    leaks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Migrated:
    """The program of one text, before and after, with the functions that keep a Query."""

    before: ModuleType
    after: ModuleType
    models: ModuleType
    kept: frozenset[str]
    problems: tuple[str, ...]


def migrated(text: str, folder: Path) -> Migrated:
    """The program of all shapes of a text, by one run of the tool."""
    mine = [shape for shape in shapes() if shape.text == text]
    calls = "\n".join(f"            case.{shape.function}(session)," for shape in mine)
    files = {
        "models.py": (FIXTURES / "models.py").read_text(encoding="utf-8"),
        "case.py": HEAD + "".join(shape.source() for shape in mine),
        "main.py": MAIN.replace("{calls}", calls),
        "pyproject.toml": CONFIG.format(line=LINE),
    }
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    models = load(folder / "models.py", "models")
    before = load(folder / "case.py", "before", models=models)
    outcome = migrate(folder)
    places = {
        line: shape.function for shape in mine for line in _lines(files["case.py"], shape.function)
    }
    mentioned = [x for x in outcome.findings if x.code in KEPT and str(x.site.path) == "case.py"]
    kept = {places.get(x.site.line, "") for x in mentioned}
    problems = [str(x) for x in outcome.findings if x.severity.value == "error"]
    write(folder, outcome)
    support = folder / "asyncify_support.py"
    helpers = {support.stem: load(support, support.stem)} if support.exists() else {}
    after = load(folder / "case.py", "after", models=models, **helpers)
    islands = {shape.function for shape in mine if is_island(getattr(after, shape.function))}
    return Migrated(before, after, models, frozenset(kept | islands), tuple(problems))


def is_island(function: Callable[..., object]) -> bool:
    """Does a function still take a sync session?"""
    return inspect.signature(function).parameters["db"].annotation is orm.Session


def _lines(source: str, function: str) -> range:
    """The line numbers of a function."""
    lines = source.splitlines()
    start = lines.index(f"def {function}(db: Session):")
    end = next((n for n in range(start + 1, len(lines)) if lines[n].startswith("def ")), len(lines))
    return range(start + 1, end + 1)


def load(path: Path, name: str, **beside: ModuleType) -> ModuleType:
    """A module of a program, whose imports are those given."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    known = {key: sys.modules.get(key) for key in beside}
    sys.modules.update(beside)
    try:
        spec.loader.exec_module(module)
    finally:
        for key, old in known.items():
            sys.modules.pop(key)
            if old is not None:
                sys.modules[key] = old
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
def listening(engine: Any) -> Iterator[list[tuple[str, str]]]:
    """The statements that an engine is sent, in one spelling."""
    seen: list[tuple[str, str]] = []

    def note(_c: Any, _k: Any, statement: str, parameters: Any, _x: Any, _many: bool) -> None:
        seen.append(normalise(statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def run_before(program: Migrated, shape: Shape, sql: str) -> Result:
    """A shape as it was written, on a sync session."""
    engine = sqlalchemy.create_engine("sqlite://", poolclass=StaticPool, **FUTURE)
    raw: Any = engine.raw_connection()
    raw.driver_connection.executescript(sql)
    with listening(engine) as seen, orm.Session(engine, **FUTURE) as session:
        try:
            value, error = plain(getattr(program.before, shape.function)(session)), ""
        except Exception as raised:
            value, error = None, type(raised).__name__
    engine.dispose()
    return Result(value, error, seen)


def run_after(program: Migrated, shape: Shape, sql: str) -> Result:
    """A shape as the tool has written it, on an async session."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value, error, seen = asyncio.run(_run_after(getattr(program.after, shape.function), sql))
        gc.collect()
    texts = [str(warning.message) for warning in caught]
    return Result(value, error, seen, tuple(t for t in texts if "never awaited" in t))


async def _run_after(function: Any, sql: str) -> tuple[Any, str, list[tuple[str, str]]]:
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
    return value, error, seen


def agree(before: Any, after: Any) -> bool:
    """Equal, save that select names anonymous columns which Query leaves without a name."""
    if isinstance(before, Mapping) or not isinstance(before, list) or not isinstance(after, list):
        return bool(before == after)
    if before[:1] == ["row"] == after[:1]:
        names = iter(after[1])
        return all(name in names for name in before[1]) and agree(before[2], after[2])
    return len(before) == len(after) and all(map(agree, before, after))
