"""Databases, drivers, and the arguments of engines and session factories.

What an async driver takes is not what the sync one takes, and most of the differences show only
when the program connects: so each name was tried, on each line of SQLAlchemy and against real
servers. Everything that has no async form is refused with a reason, never dropped in silence.
https://docs.sqlalchemy.org/en/21/core/engines.html
https://docs.sqlalchemy.org/en/21/dialects/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from asyncify.vocabulary.rows import LINES

_FROM_20 = ("2.0", "2.1")
_ONLY_14 = ("1.4",)
_UP_TO_20 = ("1.4", "2.0")
_ONLY_21 = ("2.1",)

_DIALECTS = "https://docs.sqlalchemy.org/en/21/dialects/"
_ENGINES = "https://docs.sqlalchemy.org/en/21/core/engines.html#sqlalchemy.create_engine.params."


# Rows are named tuples here: their classes are made in a tenth of the time of a dataclass, and
# every run of the command line pays for it.


# Drivers


class Database(NamedTuple):
    """One database: its sync drivers (empty: none named in the URL), and its async drivers with
    the lines that have them, the usual one first."""

    name: str
    sync_drivers: tuple[str, ...]
    async_drivers: tuple[tuple[str, tuple[str, ...]], ...]
    source: str


_MYSQL_SYNC = (
    "",
    "pymysql",
    "mysqldb",
    "mysqlconnector",
    "pyodbc",
    "mariadbconnector",
    "cymysql",
)
_MYSQL_ASYNC = (("aiomysql", LINES), ("asyncmy", LINES))

DATABASES: dict[str, Database] = {
    "sqlite": Database(
        "sqlite",
        ("", "pysqlite"),
        (("aiosqlite", LINES),),
        _DIALECTS + "sqlite.html#module-sqlalchemy.dialects.sqlite.aiosqlite",
    ),
    "postgresql": Database(
        "postgresql",
        ("", "psycopg2", "pg8000", "psycopg2cffi", "pygresql"),
        (("asyncpg", LINES), ("psycopg", _FROM_20)),
        _DIALECTS + "postgresql.html#module-sqlalchemy.dialects.postgresql.asyncpg",
    ),
    "mysql": Database(
        "mysql",
        _MYSQL_SYNC,
        _MYSQL_ASYNC,
        _DIALECTS + "mysql.html#module-sqlalchemy.dialects.mysql.aiomysql",
    ),
    "mariadb": Database(
        "mariadb",
        _MYSQL_SYNC,
        _MYSQL_ASYNC,
        _DIALECTS + "mysql.html#module-sqlalchemy.dialects.mysql.aiomysql",
    ),
    "oracle": Database(
        "oracle",
        ("", "cx_oracle"),
        (("oracledb", _FROM_20),),
        _DIALECTS + "oracle.html#module-sqlalchemy.dialects.oracle.oracledb",
    ),
    "mssql": Database(
        "mssql",
        ("", "pyodbc", "pymssql", "mssqlpython"),
        (("aioodbc", _FROM_20),),
        _DIALECTS + "mssql.html#module-sqlalchemy.dialects.mssql.aioodbc",
    ),
}

# Names that create_async_engine takes as they are, by line. One name of psycopg and of oracledb
# stands for both their dialects; 2.1's default for PostgreSQL is psycopg, for Oracle oracledb.
_ASYNC_14 = frozenset(
    {
        "sqlite+aiosqlite",
        "postgresql+asyncpg",
        "mysql+aiomysql",
        "mysql+asyncmy",
        "mariadb+aiomysql",
        "mariadb+asyncmy",
    }
)
_ASYNC_20 = _ASYNC_14 | {
    "postgresql+psycopg",
    "postgresql+psycopg_async",
    "oracle+oracledb",
    "oracle+oracledb_async",
    "mssql+aioodbc",
}
ASYNC_NAMES: dict[str, frozenset[str]] = {
    "1.4": _ASYNC_14,
    "2.0": _ASYNC_20,
    "2.1": _ASYNC_20 | {"postgresql", "oracle"},
}


def async_drivername(
    name: str, line: str = "2.0", drivers: Mapping[str, str] | None = None
) -> str | None:
    """The part of an async URL before ``://`` for that of a sync one, or None.

    ``drivers`` chooses the async driver by database; MariaDB follows MySQL.
    """
    if name in ASYNC_NAMES[line]:
        return name
    backend, _, driver = name.partition("+")
    database = DATABASES.get(backend)
    if database is None or driver not in database.sync_drivers:
        return None
    chosen = drivers or {}
    usual, _ = database.async_drivers[0]
    wanted = chosen.get(backend) or (chosen.get("mysql") if backend == "mariadb" else "") or usual
    if line not in dict(database.async_drivers).get(wanted, ()):
        return None
    return f"{backend}+{wanted}"


def async_url(url: str, line: str = "2.0", drivers: Mapping[str, str] | None = None) -> str | None:
    """The URL for create_async_engine, or None where there is none; its query stays as it is."""
    name, separator, rest = url.partition("://")
    replaced = async_drivername(name, line, drivers) if separator else None
    return None if replaced is None else f"{replaced}://{rest}"


# Arguments


class Keyword(NamedTuple):
    """What becomes of one keyword of a factory.

    ``action`` is ``keep``, ``drop`` (it changes nothing, or ``loses`` says what it does change),
    ``rename`` (to ``new``), ``value`` (see ``values`` and ``pool_class``) or ``refuse``.
    ``values`` holds actions for one value each, written as in the source. ``lines``: those on
    which the async factory takes it; elsewhere it is refused, as the sync factory does.
    """

    name: str
    action: str = "keep"
    new: str = ""
    values: tuple[tuple[str, str], ...] = ()
    loses: str = ""
    lines: tuple[str, ...] = LINES
    note: str = ""
    source: str = ""


_PSYCOPG2 = _DIALECTS + "postgresql.html#module-sqlalchemy.dialects.postgresql.psycopg2"
_SPEED = "a setting of psycopg2 for speed"

_ENGINE_ROWS = (
    Keyword("url"),
    Keyword("connect_args", note="see connect_argument()"),
    Keyword("echo"),
    Keyword("echo_pool"),
    Keyword("enable_from_linting"),
    Keyword("execution_options"),
    Keyword("hide_parameters"),
    Keyword("implicit_returning", note="ignored from 2.0 on, as by the sync factory"),
    Keyword("insertmanyvalues_page_size", lines=_FROM_20),
    Keyword("isolation_level"),
    Keyword("json_deserializer"),
    Keyword("json_serializer"),
    Keyword("label_length"),
    Keyword("logging_name"),
    Keyword("max_identifier_length"),
    Keyword("max_overflow", note="on 1.4 a SQLite file has a NullPool, which refuses it"),
    Keyword("paramstyle"),
    Keyword("pool_events"),
    Keyword("pool_logging_name"),
    Keyword("pool_pre_ping"),
    Keyword("pool_recycle"),
    Keyword("pool_reset_on_return"),
    Keyword("pool_size", note="on 1.4 a SQLite file has a NullPool, which refuses it"),
    Keyword("pool_timeout", note="on 1.4 a SQLite file has a NullPool, which refuses it"),
    Keyword("pool_use_lifo", note="on 1.4 a SQLite file has a NullPool, which refuses it"),
    Keyword("poolclass", "value", note="see pool_class()"),
    Keyword("plugins"),
    Keyword("query_cache_size"),
    Keyword("skip_autocommit_rollback", lines=_FROM_20),
    Keyword("use_insertmanyvalues", lines=_FROM_20),
    Keyword("empty_in_strategy"),
    Keyword("native_datetime", note="SQLite"),
    Keyword("supports_native_boolean"),
    Keyword("async_creator", lines=_FROM_20),
    Keyword("fast_executemany", note="SQL Server"),
    Keyword("use_setinputsizes", note="SQL Server"),
    Keyword("native_inet_types", lines=_FROM_20, note="PostgreSQL; psycopg and asyncpg have it"),
    Keyword("compiler_linting", note="enable_from_linting sets it"),
    Keyword("is_mariadb", note="the name of the URL sets it"),
    Keyword("dbapi", "refuse", note="it is the sync driver's module"),
    *(
        Keyword(name, note="SQL Server")
        for name in (
            "deprecate_large_types",
            "ignore_no_transaction_on_rollback",
            "legacy_schema_aliasing",
            "query_timeout",
            "schema_name",
            "supports_comments",
            "use_scope_identity",
        )
    ),
    *(
        Keyword(name, note="Oracle")
        for name in (
            "arraysize",
            "auto_convert_lobs",
            "coerce_to_decimal",
            "enable_offset_fetch",
            "encoding_errors",
            "exclude_tablespaces",
            "optimize_limits",
            "use_ansi",
            "use_binds_for_limits",
            "use_nchar_for_unicode",
        )
    ),
    Keyword("threaded", "drop", note="Oracle"),
    Keyword("coerce_to_unicode", lines=_ONLY_14, note="Oracle"),
    Keyword("description_encoding", lines=_ONLY_14, note="SQL Server"),
    Keyword("supports_unicode_binds", lines=_ONLY_14, note="SQL Server"),
    Keyword(
        "thick_mode",
        "refuse",
        values=(("False", "drop"), ("None", "drop")),
        note="the async driver of Oracle is thin only",
    ),
    Keyword("future", "drop", note="an async engine always is"),
    Keyword("encoding", "keep", lines=_ONLY_14),
    Keyword("convert_unicode", "keep", lines=_ONLY_14),
    Keyword("case_sensitive", "keep", lines=_ONLY_14),
    Keyword(
        "creator",
        "refuse",
        note="it makes a sync DBAPI connection; async_creator wants a coroutine function",
        source=_ENGINES + "async_creator",
    ),
    Keyword("module", "refuse", note="it is the sync driver's module"),
    Keyword("pool", "refuse", note="it is made of sync connections: give poolclass and its sizes"),
    Keyword(
        "server_side_cursors",
        "refuse",
        values=(("False", "drop"),),
        note="raises AsyncMethodRequired: stream() for one statement",
    ),
    Keyword("strategy", "refuse", note="gone in 1.4: create_mock_engine()"),
    Keyword("pool_threadlocal", "refuse", note="gone in 1.4"),
    Keyword("executemany_mode", "drop", loses=_SPEED, source=_PSYCOPG2),
    Keyword("executemany_batch_page_size", "drop", loses=_SPEED, source=_PSYCOPG2),
    Keyword("executemany_values_page_size", "drop", loses=_SPEED, source=_PSYCOPG2),
    Keyword("use_batch_mode", "drop", loses=_SPEED, source=_PSYCOPG2),
    Keyword(
        "client_encoding",
        "refuse",
        values=(("'utf8'", "drop"), ("'utf-8'", "drop"), ("'UTF8'", "drop")),
        note="asyncpg always speaks UTF-8",
        source=_PSYCOPG2,
    ),
    Keyword("use_native_unicode", "refuse", note="psycopg2 only", source=_PSYCOPG2),
    Keyword("use_native_hstore", "refuse", note="psycopg2 only", source=_PSYCOPG2),
    Keyword("use_native_uuid", "refuse", note="psycopg2 only", source=_PSYCOPG2),
)

ENGINE_KEYWORDS: dict[str, Keyword] = {row.name: row for row in _ENGINE_ROWS}

_SESSION_ROWS = (
    Keyword("bind", note="an AsyncEngine or AsyncConnection"),
    Keyword("binds", note="values are AsyncEngines"),
    Keyword("autoflush"),
    Keyword("autobegin", lines=_FROM_20),
    Keyword("close_resets_only", lines=_FROM_20),
    Keyword("enable_baked_queries"),
    Keyword("execution_options", lines=_ONLY_21),
    Keyword("expire_on_commit", "value", values=(("False", "keep"),), note="becomes False"),
    Keyword("info"),
    Keyword("join_transaction_mode", lines=_FROM_20),
    Keyword("query_cls", note="of the queries inside run_sync"),
    Keyword("sync_session_class"),
    Keyword("twophase", note="not every async driver has two-phase transactions"),
    Keyword("autocommit", values=(("True", "refuse"),), note="autocommit=True raises"),
    Keyword("future", "drop", note="an async session always is"),
    Keyword(
        "class_",
        "rename",
        new="sync_session_class",
        note="a subclass of Session stays the sync class behind AsyncSession; Session itself goes",
        source="https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html"
        "#sqlalchemy.ext.asyncio.AsyncSession.params.sync_session_class",
    ),
    Keyword("extension", "refuse", note="gone in 1.4: events"),
    Keyword("weak_identity_map", "refuse", note="gone in 1.4"),
)

# The keywords of sessionmaker, scoped_session's factory and Session.
SESSION_KEYWORDS: dict[str, Keyword] = {row.name: row for row in _SESSION_ROWS}

# The positional arguments of Session and sessionmaker. Only the first is positional in 2.0.
SESSION_POSITIONS = ("bind",)

# Keywords of scoped_session; async_scoped_session demands scopefunc.
SCOPED_SESSION_POSITIONS = ("session_factory", "scopefunc")


def _action(rows: Mapping[str, Keyword], name: str, line: str, value: str) -> str:
    row = rows.get(name)
    if row is None or line not in row.lines:
        return "refuse"
    return dict(row.values).get(value, row.action)


def engine_keyword(name: str, line: str = "2.0", value: str = "") -> str:
    """The action for a keyword of create_engine; ``value`` is its value as written."""
    return _action(ENGINE_KEYWORDS, name, line, value)


def session_keyword(name: str, line: str = "2.0", value: str = "") -> str:
    """The action for a keyword of sessionmaker or Session; ``value`` is its value as written."""
    return _action(SESSION_KEYWORDS, name, line, value)


def engine_loss(name: str, line: str = "2.0", value: str = "") -> str:
    """What goes with a keyword of create_engine that is dropped, or an empty string."""
    row = ENGINE_KEYWORDS.get(name)
    dropped = row is not None and engine_keyword(name, line, value) == "drop"
    return row.loses if row is not None and dropped else ""


# Pools


class PoolClass(NamedTuple):
    """What becomes of a pool class: ``keep``, ``rename`` (to ``new``), ``drop`` or ``refuse``."""

    name: str
    action: str = "keep"
    new: str = ""
    lines: tuple[str, ...] = LINES
    note: str = ""
    source: str = "https://docs.sqlalchemy.org/en/21/core/pooling.html#api-documentation-available-pool-implementations"


_POOL_ROWS = (
    PoolClass("NullPool"),
    PoolClass("StaticPool"),
    PoolClass("AssertionPool"),
    PoolClass("AsyncAdaptedQueuePool"),
    PoolClass("FallbackAsyncAdaptedQueuePool", lines=_UP_TO_20),
    PoolClass(
        "QueuePool",
        "rename",
        "sqlalchemy.pool.AsyncAdaptedQueuePool",
        note="refused from 2.0 on; 1.4 takes it, and it blocks the loop",
    ),
    PoolClass(
        "SingletonThreadPool",
        "drop",
        note="a connection per thread, of which there is one; in memory StaticPool is the default",
    ),
)
_POOL_MODULES = ("sqlalchemy.pool", "sqlalchemy.pool.impl", "sqlalchemy")

POOL_CLASSES: dict[str, PoolClass] = {
    f"{module}.{row.name}": row for row in _POOL_ROWS for module in _POOL_MODULES
}


def pool_class(name: str, line: str = "2.0") -> PoolClass | None:
    """The row of a pool class by its dotted name, or None: a class of the program's own."""
    row = POOL_CLASSES.get(name)
    return row if row is not None and line in row.lines else None


# URLs

# What an engine calls its URL, and what of that is the same for the async engine.
URL_MEMBER = "url"
SAME_PARTS = frozenset(
    {
        "database", "get_backend_name", "host", "password", "port", "query", "startswith",
        "username",
    }
)  # fmt: skip
# What gives a URL as text, and what only shows it to people.
RENDERING = frozenset({"render_as_string", "str", "repr", "__to_string__"})
SHOWING = frozenset(
    {"critical", "debug", "echo", "error", "exception", "info", "log", "print", "warning"}
)
