"""URLs, and the arguments of engines and factories: what the tables say is what happens."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import re
import sqlite3
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
import sqlalchemy
from sqlalchemy import orm, pool
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from asyncify.vocabulary import connect_arguments, urls
from asyncify.vocabulary.rows import LINES
from tests.vocabulary_objects import LINE, async_factory

ASYNC = urls.ASYNC_NAMES[LINE]


@pytest.mark.parametrize(
    ("url", "line", "expected"),
    [
        ("sqlite://", "2.0", "sqlite+aiosqlite://"),
        ("sqlite:///./app.db", "1.4", "sqlite+aiosqlite:///./app.db"),
        ("sqlite+pysqlite:///a.db", "2.1", "sqlite+aiosqlite:///a.db"),
        ("sqlite+aiosqlite:///a.db", "2.0", "sqlite+aiosqlite:///a.db"),
        ("sqlite+pysqlcipher:///a.db", "2.0", None),
        ("postgresql://u:p@h/d?x=1", "2.0", "postgresql+asyncpg://u:p@h/d?x=1"),
        ("postgresql+psycopg2://h/d", "2.1", "postgresql+asyncpg://h/d"),
        ("postgresql+pg8000://h/d", "2.0", "postgresql+asyncpg://h/d"),
        ("postgresql+psycopg://h/d", "2.0", "postgresql+psycopg://h/d"),
        ("postgresql+psycopg://h/d", "1.4", None),
        ("postgresql://h/d", "2.1", "postgresql://h/d"),
        ("postgres://h/d", "2.0", None),
        ("mysql://h/d", "2.0", "mysql+aiomysql://h/d"),
        ("mysql+pymysql://h/d", "1.4", "mysql+aiomysql://h/d"),
        ("mariadb+mysqldb://h/d", "2.0", "mariadb+aiomysql://h/d"),
        ("oracle://h/d", "2.0", "oracle+oracledb://h/d"),
        ("oracle://h/d", "1.4", None),
        ("oracle://h/d", "2.1", "oracle://h/d"),
        ("mssql+pyodbc://h/d", "2.0", "mssql+aioodbc://h/d"),
        ("mssql+pymssql://h/d", "1.4", None),
        ("no url", "2.0", None),
        ("redis://h", "2.0", None),
    ],
)
def test_async_url(url: str, line: str, expected: str | None) -> None:
    assert urls.async_url(url, line) == expected


def test_chosen_drivers() -> None:
    chosen = {"postgresql": "psycopg", "mysql": "asyncmy"}
    assert urls.async_url("postgresql://h", "2.0", chosen) == "postgresql+psycopg://h"
    assert urls.async_url("postgresql://h", "1.4", chosen) is None
    assert urls.async_url("mariadb://h", "2.0", chosen) == "mariadb+asyncmy://h"
    both = {"mysql": "asyncmy", "mariadb": "aiomysql"}
    assert urls.async_url("mariadb://h", "2.0", both) == "mariadb+aiomysql://h"


@pytest.mark.parametrize("line", LINES)
def test_async_urls_stay_as_they_are(line: str) -> None:
    for database in urls.DATABASES.values():
        for driver in database.sync_drivers:
            name = f"{database.name}+{driver}" if driver else database.name
            found = urls.async_drivername(name, line)
            assert found is None or urls.async_drivername(found, line) == found


@pytest.mark.parametrize("name", sorted(ASYNC))
def test_async_names_have_an_async_dialect(name: str) -> None:
    url = make_url(f"{name}://host/database")
    dialect: Any = url.get_dialect()
    if hasattr(dialect, "get_async_dialect_cls"):
        dialect = dialect.get_async_dialect_cls(url)
    assert dialect.is_async


def test_names_of_other_lines_have_none() -> None:
    for name in {*urls.ASYNC_NAMES["2.1"]} - ASYNC:
        try:
            dialect: Any = make_url(f"{name}://host/database").get_dialect()
        except sqlalchemy.exc.NoSuchModuleError:
            continue
        assert not dialect.is_async, name


def test_sync_names_have_a_sync_dialect() -> None:
    """Every sync driver that the installed SQLAlchemy knows by the name in the table is sync."""
    for database in urls.DATABASES.values():
        for driver in filter(None, database.sync_drivers):
            try:
                dialect = make_url(f"{database.name}+{driver}://h/d").get_dialect()
            except (sqlalchemy.exc.NoSuchModuleError, ImportError):
                continue
            assert not dialect.is_async


# Keywords of engines


async def connected() -> aiosqlite.Connection:
    return await aiosqlite.connect(":memory:")


SAMPLES: dict[str, Any] = {
    "connect_args": {"timeout": 5},
    "echo": False,
    "echo_pool": False,
    "enable_from_linting": True,
    "execution_options": {"x": 1},
    "hide_parameters": True,
    "implicit_returning": True,
    "insertmanyvalues_page_size": 10,
    "isolation_level": "SERIALIZABLE",
    "json_deserializer": None,
    "json_serializer": None,
    "label_length": 20,
    "logging_name": "x",
    "max_identifier_length": 50,
    "max_overflow": 5,
    "paramstyle": "named",
    "pool_events": [],
    "pool_logging_name": "x",
    "pool_pre_ping": True,
    "pool_recycle": 10,
    "pool_reset_on_return": "rollback",
    "pool_size": 5,
    "pool_timeout": 3,
    "pool_use_lifo": True,
    "poolclass": pool.NullPool,
    "plugins": [],
    "query_cache_size": 10,
    "skip_autocommit_rollback": True,
    "use_insertmanyvalues": True,
    "empty_in_strategy": "static",
    "native_datetime": True,
    "supports_native_boolean": True,
    "async_creator": connected,
    "future": True,
    "encoding": "utf-8",
    "convert_unicode": True,
    "case_sensitive": True,
    "creator": lambda: sqlite3.connect(":memory:"),
    "module": sqlite3,
    "pool": pool.QueuePool(lambda: sqlite3.connect(":memory:")),
    "server_side_cursors": True,
    "strategy": "threadlocal",
    "pool_threadlocal": True,
    "executemany_mode": "values_only",
    "executemany_batch_page_size": 10,
    "executemany_values_page_size": 10,
    "use_batch_mode": True,
    "client_encoding": "utf8",
    "use_native_unicode": True,
    "use_native_hstore": True,
    "use_native_uuid": True,
}
# Of other databases' dialects, or no keyword of an engine on SQLite.
NOT_ON_SQLITE = {"url", "fast_executemany", "use_setinputsizes"}
DIALECTS = (
    "sqlite", "postgresql+psycopg2", "postgresql+psycopg", "postgresql+pg8000", "mysql+pymysql",
    "mysql+mysqldb", "mssql+pyodbc", "mssql+pymssql", "oracle+cx_oracle", "oracle+oracledb",
)  # fmt: skip
OF_DIALECTS = {
    row.name for row in urls.ENGINE_KEYWORDS.values() if row.note in ("SQL Server", "Oracle")
} | {"thick_mode", "compiler_linting", "is_mariadb", "dbapi", "native_inet_types"}
NULL_POOL_REFUSES = {"max_overflow", "pool_size", "pool_timeout", "pool_use_lifo"}


def refused(folder: Path, name: str, value: Any) -> str:
    """The class of the exception that an async engine with the keyword raises, or nothing."""

    async def run() -> None:
        engine = create_async_engine(f"sqlite+aiosqlite:///{folder}/a.db", **{name: value})
        async with engine.connect() as connection:
            await connection.execute(sqlalchemy.text("select 1"))
        await engine.dispose()

    try:
        asyncio.run(run())
    except Exception as error:
        return type(error).__name__
    return ""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(set(urls.ENGINE_KEYWORDS) - NOT_ON_SQLITE - OF_DIALECTS))
def test_engine_keywords(name: str, tmp_path: Path) -> None:
    action = urls.engine_keyword(name, LINE)
    error = refused(tmp_path, name, SAMPLES[name])
    if LINE == "1.4" and name in NULL_POOL_REFUSES:
        assert error == "TypeError"
    elif action in ("keep", "value") or name == "future":
        assert not error
    else:
        assert error


def documented(function: Any) -> set[str]:
    names = re.findall(r":param (\w+)", function.__doc__)
    return set(names)


def test_every_documented_keyword_of_engines_has_a_row() -> None:
    assert documented(sqlalchemy.create_engine) - {"dialect", "kwargs", "tag"} <= set(
        urls.ENGINE_KEYWORDS
    )


@pytest.mark.parametrize("name", DIALECTS)
def test_every_keyword_that_a_dialect_takes_has_a_row(name: str) -> None:
    try:
        dialect = make_url(f"{name}://host/database").get_dialect()
    except sqlalchemy.exc.NoSuchModuleError:
        pytest.skip(f"SQLAlchemy {sqlalchemy.__version__} has no {name}")
    found = {n for n in sqlalchemy.util.get_cls_kwargs(dialect) if not n.startswith("_")}
    assert found <= set(urls.ENGINE_KEYWORDS), sorted(found - set(urls.ENGINE_KEYWORDS))


@pytest.mark.parametrize("cls", [pool.QueuePool, pool.NullPool, pool.StaticPool])
def test_every_keyword_that_a_pool_takes_has_a_row(cls: type[pool.Pool]) -> None:
    """create_engine hands them on under other names: ``timeout`` is its ``pool_timeout``."""
    inner = {"dialect", "dispatch", "_dispatch", "creator"}
    names = set(sqlalchemy.util.get_cls_kwargs(cls)) - inner
    rows = set(urls.ENGINE_KEYWORDS)
    assert {name for name in names if name not in rows and f"pool_{name}" not in rows} == set()


def test_unknown_keywords_and_those_of_another_line_are_refused() -> None:
    assert urls.engine_keyword("no_such_keyword", "2.0") == "refuse"
    assert urls.engine_keyword("insertmanyvalues_page_size", "1.4") == "refuse"
    assert urls.engine_keyword("encoding", "1.4") == "keep"
    assert urls.engine_keyword("encoding", "2.0") == "refuse"
    assert urls.engine_keyword("server_side_cursors", "2.0", "False") == "drop"
    assert urls.session_keyword("autocommit", "2.0", "False") == "keep"
    assert urls.session_keyword("autocommit", "2.0", "True") == "refuse"


def test_every_refusal_has_a_reason() -> None:
    for table in (urls.ENGINE_KEYWORDS, urls.SESSION_KEYWORDS):
        for row in table.values():
            assert row.note or row.loses or row.action in ("keep", "drop"), row.name
    for arguments in connect_arguments.CONNECT_ARGUMENTS.values():
        for argument in arguments.values():
            assert argument.note or argument.action != "refuse", argument.name


# Keywords of sessions

SESSION_SAMPLES: dict[str, Any] = {
    "autoflush": False,
    "autobegin": True,
    "binds": None,
    "close_resets_only": True,
    "enable_baked_queries": True,
    "execution_options": {"x": 1},
    "expire_on_commit": False,
    "info": {},
    "join_transaction_mode": "conditional_savepoint",
    "query_cls": orm.Query,
    "sync_session_class": orm.Session,
    "twophase": False,
    "autocommit": False,
    "future": True,
    "extension": None,
    "weak_identity_map": True,
}


def session_refused(name: str, value: Any) -> str:
    async def run() -> None:
        engine = create_async_engine("sqlite+aiosqlite://")
        factory = async_factory(engine)
        async with factory(**{name: value}) as session:
            await session.scalar(sqlalchemy.text("select 1"))
        await engine.dispose()

    try:
        asyncio.run(run())
    except Exception as error:
        return type(error).__name__
    return ""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(set(urls.SESSION_KEYWORDS) - {"bind", "class_"}))
def test_session_keywords(name: str) -> None:
    action = urls.session_keyword(name, LINE)
    error = session_refused(name, SESSION_SAMPLES[name])
    assert bool(error) is (action == "refuse")


def test_autocommit_is_refused() -> None:
    assert session_refused("autocommit", True)


def test_a_sync_session_class_stays_behind_the_async_session() -> None:
    class Own(orm.Session):
        pass

    session = AsyncSession(sync_session_class=Own)
    assert type(session.sync_session) is Own


def test_every_parameter_of_sessions_has_a_row() -> None:
    found = set(inspect.signature(orm.Session.__init__).parameters) - {"self"}
    assert found <= set(urls.SESSION_KEYWORDS)
    found = set(inspect.signature(orm.sessionmaker.__init__).parameters) - {"self", "kw"}
    assert found <= set(urls.SESSION_KEYWORDS)


# Pools


def pools() -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(pool).items()
        if inspect.isclass(value) and issubclass(value, pool.Pool) and value is not pool.Pool
    }


@pytest.mark.parametrize("name", sorted(pools()))
def test_pool_classes(name: str, tmp_path: Path) -> None:
    row = urls.pool_class(f"sqlalchemy.pool.{name}", LINE)
    assert row is not None
    error = refused(tmp_path, "poolclass", pools()[name])
    assert bool(error) is (row.action != "keep" and LINE != "1.4")
    if row.new:
        assert not refused(tmp_path, "poolclass", pools()[row.new.rsplit(".")[-1]])


def test_dropping_a_thread_pool_keeps_one_connection() -> None:
    assert isinstance(create_async_engine("sqlite+aiosqlite://").pool, pool.StaticPool)


# Arguments of drivers

SQLITE_ARGUMENTS: dict[str, Any] = {
    "check_same_thread": False,
    "timeout": 5,
    "detect_types": 0,
    "isolation_level": None,
    "uri": True,
    "cached_statements": 10,
    "factory": sqlite3.Connection,
}
# Only in the query of a URL with uri=true, and only in newer versions of Python.
ELSEWHERE = {"mode", "cache", "autocommit"}


@pytest.mark.parametrize(
    "name", sorted(set(connect_arguments.CONNECT_ARGUMENTS["aiosqlite"]) - ELSEWHERE)
)
def test_arguments_of_aiosqlite(name: str, tmp_path: Path) -> None:
    assert not refused(tmp_path, "connect_args", {name: SQLITE_ARGUMENTS[name]})


@pytest.mark.filterwarnings("ignore")
def test_arguments_of_sqlite_in_the_url() -> None:
    async def run() -> Any:
        engine = create_async_engine("sqlite+aiosqlite:///file:x?mode=memory&cache=shared&uri=true")
        async with engine.connect() as connection:
            return await connection.scalar(sqlalchemy.text("select 1"))

    assert asyncio.run(run()) == 1


# Arguments of SQLAlchemy's dialect, not of the driver.
OF_CLASSES = {"ssl", "cursorclass"}  # taken, but not with the values of the sync driver
OF_DIALECT = {"prepared_statement_cache_size", "ssl_ca", "ssl_cert", "ssl_key", "server_settings"}


def parameters(driver: str) -> set[str]:
    module = pytest.importorskip(driver)
    if driver == "aiomysql":
        return set(
            inspect.signature(importlib.import_module("aiomysql.connection").Connection).parameters
        )
    return set(inspect.signature(module.connect).parameters)


@pytest.mark.parametrize("driver", ["asyncpg", "aiomysql", "asyncmy"])
def test_drivers_take_the_arguments_that_they_are_given(driver: str) -> None:
    known = parameters(driver) | OF_DIALECT
    for row in connect_arguments.CONNECT_ARGUMENTS[driver].values():
        given = {"keep": row.name, "rename": row.new, "setting": "server_settings"}.get(row.action)
        assert given is None or given in known, row.name
        assert row.action != "refuse" or row.name not in known - OF_CLASSES - OF_DIALECT, row.name


def test_unknown_arguments_and_drivers() -> None:
    assert connect_arguments.connect_argument("asyncpg", "no_such_argument") is None
    assert connect_arguments.connect_argument("no_such_driver", "host") is None
    row = connect_arguments.connect_argument("asyncpg", "sslmode")
    assert row is not None
    assert (row.action, row.new) == ("rename", "ssl")
    assert set(connect_arguments.CONNECT_SOURCES) == set(connect_arguments.CONNECT_ARGUMENTS)
