"""The tables name everything that the installed SQLAlchemy has, and nothing that it hasn't."""

from __future__ import annotations

import ast
import asyncio
import functools
import importlib
import inspect
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.dialects.postgresql.base import PGInspector
from sqlalchemy.ext.asyncio import AsyncSession

from asyncify.vocabulary import names
from asyncify.vocabulary.rows import LINES, Form, Member, QueryMember, Role, Table
from asyncify.vocabulary.sqlalchemy_query import QUERY
from asyncify.vocabulary.sqlalchemy_query_runs import FIRST_OF_STATEMENT, SLICE, STREAM
from tests.vocabulary_objects import LINE, async_objects, sync_objects

# One table per pair of classes, by the kind of the sync one, or of a streamed result.
TABLES = {
    kind: table
    for kind, table in names.TABLES.items()
    if kind not in ("AsyncSession", "AsyncEngine", "AsyncConnection", "async_sessionmaker")
    and not kind.startswith("Sync")  # made from the others
    and kind not in ("AsyncTransaction", "AsyncSessionTransaction", "async_scoped_session")
}
# Of a Table the vocabulary has only what does I/O, and a cursor is the driver's.
SYNC_KINDS = tuple(
    kind for kind in TABLES if not kind.startswith("Async") and kind not in ("Table", "RawCursor")
)
ASYNC_KINDS = (
    "Session",
    "scoped_session",
    "sessionmaker",
    "Engine",
    "Connection",
    "Transaction",
    "SessionTransaction",
    "AsyncResult",
    "AsyncScalarResult",
    "AsyncMappingResult",
)
# A row of these forms doesn't use the member of the async object, which may be there or not.
ELSEWHERE = (
    Form.SYNC_OBJECT,
    Form.RUN_SYNC,
    Form.REFUSE,
    Form.TEMPLATE,
    Form.ON_CONNECTION,
    Form.GREENLET,
)

WORDS = {
    *names.SPELLINGS,
    "SyncEngine",
    "SyncConnection",
    "SyncSessionTransaction",
    "",
    "rows",
    "entity",
    "entities",
    "applied",
    "value",
    "values",
    "self",
    "bool",
    "configured",
    "int",
    "none",
}
PLACEHOLDERS = {
    "receiver",
    "session",
    "entity",
    "connection",
    "args",
    "argument",
    "awaited",
    "unique",
    "0",
    "1",
}


def all_rows() -> Iterator[tuple[str, Member]]:
    for kind, table in TABLES.items():
        for row in table.members:
            yield kind, row
            for _, special in row.by_line:
                yield kind, special


def all_query_rows() -> tuple[QueryMember, ...]:
    return (*QUERY.members, SLICE, STREAM, FIRST_OF_STATEMENT)


def public(thing: object) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


def declared(thing: object, name: str) -> Any:
    """What the class of an object says of a member; the value where only the object has it."""
    try:
        found = inspect.getattr_static(type(thing), name)
    except AttributeError:
        return inspect.getattr_static(thing, name)
    return found.__func__ if isinstance(found, (classmethod, staticmethod)) else found


@functools.cache
def sync_members() -> dict[str, dict[str, Any]]:
    """Kind -> public name -> what the sync class declares."""
    with sync_objects() as objects:
        return {
            kind: {name: declared(each, name) for name in public(each)}
            for kind, each in objects.items()
        }


@functools.cache
def async_members() -> dict[str, dict[str, Any]]:
    """The same for the async classes."""

    async def collect() -> dict[str, dict[str, Any]]:
        async with async_objects() as objects:
            return {
                kind: {name: declared(each, name) for name in public(each)}
                for kind, each in objects.items()
            }

    return asyncio.run(collect())


def named(table: Table, side: str) -> set[str]:
    """The public names that a table gives to one side on the installed line."""
    return {
        row.name
        for row in table.members
        if LINE in getattr(row, side) and row.origin == "sqlalchemy" and row.name[0] != "_"
    }


# Names


@pytest.mark.parametrize("kind", SYNC_KINDS)
def test_sync_names(kind: str) -> None:
    found = set(sync_members()[kind])
    if kind == "Inspector":  # that of PostgreSQL has more members
        found |= public(PGInspector)
    assert named(TABLES[kind], "sync_lines") == found


@pytest.mark.parametrize("kind", ASYNC_KINDS)
def test_async_names(kind: str) -> None:
    assert named(TABLES[kind], "async_lines") == set(async_members()[kind])


def test_query_names() -> None:
    found = {row.name for row in QUERY.members if LINE in row.lines and row.name[0] != "_"}
    assert found == set(sync_members()["Query"])


@pytest.mark.parametrize("kind", SYNC_KINDS)
def test_attributes_are_told_from_methods(kind: str) -> None:
    for name, value in sync_members()[kind].items():
        row = TABLES[kind].member(name, LINE)
        assert row is not None
        assert row.attribute is not inspect.isfunction(value), name


# Await


def is_coroutine(kind: str, name: str, value: Any) -> bool:
    if kind == "scoped_session" and LINE == "1.4" and name in dir(AsyncSession):
        # 1.4's proxy methods are plain functions that give AsyncSession's coroutine.
        value = inspect.getattr_static(AsyncSession, name)
        value = getattr(value, "__func__", value)
    return inspect.iscoroutinefunction(value)


@pytest.mark.parametrize("kind", ASYNC_KINDS)
def test_awaited_exactly_where_the_class_has_a_coroutine(kind: str) -> None:
    for name, value in async_members()[kind].items():
        row = TABLES[kind].member(name, LINE)
        assert row is not None
        if row.form in ELSEWHERE:
            assert row.note, f"{kind}.{name} exists: why isn't it used?"
            continue
        assert (row.form is Form.AWAIT) is is_coroutine(kind, name, value), name
        assert (row.form is Form.FOR) is inspect.isasyncgenfunction(value), name
        assert row.attribute is not inspect.isfunction(value), name


@pytest.mark.parametrize("kind", ASYNC_KINDS)
def test_what_the_async_class_lacks_is_not_called_on_it(kind: str) -> None:
    for row in TABLES[kind].members:
        if row.name[0] == "_" or row.origin != "sqlalchemy" or LINE in row.async_lines:
            continue
        special = TABLES[kind].member(row.name, LINE)
        assert special is not None
        removed = LINE not in row.sync_lines
        assert removed or special.form in ELSEWHERE, row.name


# The tables as such


@pytest.mark.parametrize("kind", TABLES)
def test_no_name_twice(kind: str) -> None:
    found = [row.name for row in TABLES[kind].members]
    assert len(found) == len(set(found))
    query = [row.name for row in QUERY.members]
    assert len(query) == len(set(query))


def test_every_awaited_row_is_io() -> None:
    for kind, row in all_rows():
        awaits = row.form in (Form.AWAIT, Form.WITH, Form.AWAIT_OR_WITH, Form.FOR, Form.RUN_SYNC)
        assert row.io or not awaits, f"{kind}.{row.name}"


def test_every_kind_of_io_is_named() -> None:
    """No plain member does I/O: it would run on the loop, or raise."""
    for kind, row in all_rows():
        plain = row.form in (Form.PLAIN, Form.SYNC_OBJECT, Form.SYNC_WITH)
        assert not (row.io and plain), f"{kind}.{row.name}"


def test_words() -> None:
    for kind, row in all_rows():
        words = {word for word in (row.returns, row.async_returns) if "." not in word}
        assert words <= WORDS, f"{kind}.{row.name}"
    for query_row in all_query_rows():
        assert {query_row.returns, query_row.rows_returns} <= WORDS, query_row.name


def templates() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for kind, row in all_rows():
        assert bool(row.awaited) is (row.form in (Form.TEMPLATE, Form.ON_CONNECTION)), row.name
        yield f"{kind}.{row.name}", row.awaited, row.imports
    for query_row in all_query_rows():
        texts = (query_row.template, query_row.rows_template, *query_row.entity, *query_row.rows)
        for text in texts:
            yield f"Query.{query_row.name}", text, query_row.imports
        for argument in query_row.arguments:
            yield f"Query.{query_row.name}", argument.template, argument.imports


def test_templates_are_expressions() -> None:
    for where, text, _ in templates():
        assert set(re.findall(r"{(.*?)}", text)) <= PLACEHOLDERS, where
        source = text.replace("{awaited}{unique}", "awaited").replace("{args}", "args")
        ast.parse(re.sub(r"{(\w+)}", r"p\1", source))


def test_templates_import_what_they_use() -> None:
    used: dict[str, set[str]] = {}
    imported: dict[str, set[str]] = {}
    for where, text, imports in templates():
        words = set(re.findall(r"(?<![\w.{=])([A-Za-z]\w+)(?=[(.)])", text))
        used.setdefault(where, set()).update(
            words - {"lambda", "len", "bind", "awaited", "run_sync"}
        )
        imported.setdefault(where, set()).update(name.rsplit(".")[-1] for name in imports)
    assert used == imported


def test_imports_exist() -> None:
    for where, _, imports in templates():
        for name in imports:
            missing = names.MISSING[LINE].get(name, name) is None
            assert missing or resolve(name) is not None, where


def test_query_rows_have_a_form_or_a_reason() -> None:
    for row in all_query_rows():
        if row.role is Role.TERMINAL and row.equal:
            assert row.entity[0], row.name
        elif not (row.select_name or row.template):
            assert row.note, row.name
        assert row.rows[0] or row.role is not Role.TERMINAL or row.note, row.name


def test_every_row_has_a_source() -> None:
    for kind, row in all_rows():
        assert TABLES[kind].source(row.name).startswith("https://"), row.name
        assert "{" not in TABLES[kind].source(row.name)
    for query_row in QUERY.members:
        assert QUERY.source(query_row.name).startswith("https://")


def test_lookup() -> None:
    session = names.TABLES["Session"]
    assert session.member("no_such_name") is None
    assert session.member("close_all", "2.0").form is Form.TEMPLATE  # type: ignore[union-attr]
    assert session.member("close_all", "1.4").helper == "run_sync"  # type: ignore[union-attr]
    assert pickle.loads(pickle.dumps(session)) == session


# Names of classes and functions

# Spellings that the line doesn't have, by the line's name.
ABSENT = {
    "1.4": {
        "sqlalchemy.Connection",
        "sqlalchemy.CursorResult",
        "sqlalchemy.Delete",
        "sqlalchemy.Engine",
        "sqlalchemy.Insert",
        "sqlalchemy.Inspector",
        "sqlalchemy.Inspector.from_engine",
        "sqlalchemy.MappingResult",
        "sqlalchemy.NestedTransaction",
        "sqlalchemy.PoolProxiedConnection",
        "sqlalchemy.Result",
        "sqlalchemy.RootTransaction",
        "sqlalchemy.Row",
        "sqlalchemy.ScalarResult",
        "sqlalchemy.Select",
        "sqlalchemy.Transaction",
        "sqlalchemy.TwoPhaseTransaction",
        "sqlalchemy.URL",
        "sqlalchemy.URL.create",
        "sqlalchemy.Update",
        "sqlalchemy.engine.TupleResult",
        "sqlalchemy.engine.interfaces.DBAPICursor",
        "sqlalchemy.engine.interfaces.PoolProxiedConnection",
        "sqlalchemy.engine.result.TupleResult",
        "sqlalchemy.ext.asyncio.AsyncTupleResult",
        "sqlalchemy.orm.scoping.QueryPropertyDescriptor",
        "sqlalchemy.ext.asyncio.async_sessionmaker",
        "sqlalchemy.ext.asyncio.result.AsyncTupleResult",
        "sqlalchemy.ext.asyncio.session.async_sessionmaker",
        "sqlalchemy.make_url",
        "sqlalchemy.orm.DeclarativeBase",
        "sqlalchemy.orm.DeclarativeBaseNoMeta",
        "sqlalchemy.orm.MappedAsDataclass",
        "sqlalchemy.orm.decl_api.DeclarativeBase",
        "sqlalchemy.orm.query.RowReturningQuery",
        "sqlalchemy.pool.PoolProxiedConnection",
        "sqlalchemy.pool.base.PoolProxiedConnection",
    },
    "2.0": {
        "sqlalchemy.engine.LegacyCursorResult",
        "sqlalchemy.engine.LegacyRow",
        "sqlalchemy.engine.cursor.LegacyCursorResult",
        "sqlalchemy.engine.row.LegacyRow",
        "sqlalchemy.future.Select",
        "sqlalchemy.orm.util.aliased",
    },
}
ABSENT["2.1"] = ABSENT["2.0"]


def resolve(name: str) -> Any:
    """The object of a dotted name, or None."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        return functools.reduce(
            lambda value, part: getattr(value, part, None), parts[length:], found
        )
    return None


def test_spellings_exist() -> None:
    every = {*names.KINDS, *names.FUNCTIONS, *names.CLASS_BASES}
    own = {name for name in every if name.startswith("sqlalchemy")}
    assert {name for name in own if resolve(name) is None} == ABSENT[LINE]


@pytest.mark.parametrize("kind", TABLES)
def test_tables_are_of_the_classes_that_they_name(kind: str) -> None:
    table = TABLES[kind]
    assert names.KINDS[table.sync_class] == kind.removeprefix("Async")
    assert table.async_class in names.KINDS
    for known in (table.sync_class, table.async_class):
        assert resolve(known) is not None or known in ABSENT[LINE]


def test_spellings_of_one_kind_are_one_class() -> None:
    for kind, table in TABLES.items():
        expected = resolve(table.sync_class)
        if getattr(expected, "_is_protocol", False):
            continue  # it tells type checkers what drivers have
        for name in names.SPELLINGS[kind.removeprefix("Async")]:
            found = resolve(name)
            if None in (found, expected) or not name.startswith("sqlalchemy"):
                continue
            if "TupleResult" not in name:  # known to type checkers only
                assert issubclass(found, expected), name


@pytest.mark.parametrize("line", LINES)
def test_async_names_of_classes(line: str) -> None:
    assert names.async_name("sqlalchemy.orm.session.Session", line) == (
        "sqlalchemy.ext.asyncio.AsyncSession"
    )
    assert names.async_name("sqlalchemy.select", line) is None
    factory = names.async_name("sqlalchemy.orm.sessionmaker", line)
    assert (factory == "sqlalchemy.orm.sessionmaker") is (line == "1.4")


def test_async_names_exist() -> None:
    for name in names.CANONICAL:
        replacement = names.async_name(name, LINE)
        if replacement is not None and replacement.startswith("sqlalchemy"):
            assert resolve(replacement) is not None, name


def test_sqlmodel() -> None:
    pytest.importorskip("sqlmodel")
    for name in {*names.KINDS, *names.FUNCTIONS, *names.CLASS_BASES}:
        assert resolve(name) is not None or not name.startswith("sqlmodel"), name
    assert names.async_name("sqlmodel.Session") == "sqlmodel.ext.asyncio.session.AsyncSession"
    row = names.TABLES["Session"].member("exec")
    assert row is not None and row.form is Form.AWAIT
    assert inspect.iscoroutinefunction(resolve("sqlmodel.ext.asyncio.session.AsyncSession").exec)


def test_the_vocabulary_imports_none_of_the_libraries() -> None:
    """Every run of the command line pays for what it imports."""
    code = (
        "import sys; import asyncify.vocabulary.names, asyncify.vocabulary.sqlalchemy_query; "
        "import asyncify.vocabulary.urls, asyncify.vocabulary.frameworks; "
        "print(sorted({'sqlalchemy', 'libcst', 'fastapi', 'typer'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
