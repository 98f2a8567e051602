"""The dotted names that the analysis knows, and the kind of value that each stands for.

A class can be imported from several places; all of them map to one kind, which is also the key of
its table. ``FUNCTIONS`` are calls whose result is of a kind. A name that isn't here is unknown,
however much its last part looks like one of these.
"""

from __future__ import annotations

from dataclasses import replace

from asyncify.vocabulary.rows import Form, Member, Table
from asyncify.vocabulary.sqlalchemy_engine import (
    CONNECTION,
    ENGINE,
    RAW_CONNECTION,
    RAW_CURSOR,
    TRANSACTION,
)
from asyncify.vocabulary.sqlalchemy_result import (
    ASYNC_MAPPING_RESULT,
    ASYNC_RESULT,
    ASYNC_SCALAR_RESULT,
    MAPPING_RESULT,
    RESULT,
    SCALAR_RESULT,
)
from asyncify.vocabulary.sqlalchemy_schema import INSPECTOR, METADATA, TABLE
from asyncify.vocabulary.sqlalchemy_session import (
    SCOPED_SESSION,
    SESSION,
    SESSION_TRANSACTION,
    SESSIONMAKER,
)

# kind -> every dotted name of its class.
SPELLINGS: dict[str, tuple[str, ...]] = {
    "Session": (
        "sqlalchemy.orm.Session",
        "sqlalchemy.orm.session.Session",
        "sqlmodel.Session",
        "sqlmodel.orm.session.Session",
    ),
    "AsyncSession": (
        "sqlalchemy.ext.asyncio.AsyncSession",
        "sqlalchemy.ext.asyncio.session.AsyncSession",
        "sqlmodel.ext.asyncio.session.AsyncSession",
    ),
    "scoped_session": (
        "sqlalchemy.orm.scoped_session",
        "sqlalchemy.orm.scoping.scoped_session",
        "sqlalchemy.orm.scoping.ScopedSession",
    ),
    "QueryProperty": ("sqlalchemy.orm.scoping.QueryPropertyDescriptor",),
    "async_scoped_session": (
        "sqlalchemy.ext.asyncio.async_scoped_session",
        "sqlalchemy.ext.asyncio.scoping.async_scoped_session",
    ),
    "sessionmaker": ("sqlalchemy.orm.sessionmaker", "sqlalchemy.orm.session.sessionmaker"),
    "async_sessionmaker": (
        "sqlalchemy.ext.asyncio.async_sessionmaker",
        "sqlalchemy.ext.asyncio.session.async_sessionmaker",
    ),
    "Engine": (
        "sqlalchemy.engine.Engine",
        "sqlalchemy.engine.base.Engine",
        "sqlalchemy.Engine",
        "sqlalchemy.future.Engine",
        "sqlalchemy.future.engine.Engine",
    ),
    "AsyncEngine": (
        "sqlalchemy.ext.asyncio.AsyncEngine",
        "sqlalchemy.ext.asyncio.engine.AsyncEngine",
    ),
    "Connection": (
        "sqlalchemy.engine.Connection",
        "sqlalchemy.engine.base.Connection",
        "sqlalchemy.Connection",
        "sqlalchemy.future.Connection",
        "sqlalchemy.future.engine.Connection",
    ),
    "AsyncConnection": (
        "sqlalchemy.ext.asyncio.AsyncConnection",
        "sqlalchemy.ext.asyncio.engine.AsyncConnection",
    ),
    "Transaction": (
        "sqlalchemy.engine.Transaction",
        "sqlalchemy.engine.base.Transaction",
        "sqlalchemy.engine.RootTransaction",
        "sqlalchemy.engine.base.RootTransaction",
        "sqlalchemy.engine.NestedTransaction",
        "sqlalchemy.engine.base.NestedTransaction",
        "sqlalchemy.engine.TwoPhaseTransaction",
        "sqlalchemy.engine.base.TwoPhaseTransaction",
        "sqlalchemy.Transaction",
        "sqlalchemy.RootTransaction",
        "sqlalchemy.NestedTransaction",
        "sqlalchemy.TwoPhaseTransaction",
    ),
    "AsyncTransaction": (
        "sqlalchemy.ext.asyncio.AsyncTransaction",
        "sqlalchemy.ext.asyncio.engine.AsyncTransaction",
    ),
    "SessionTransaction": (
        "sqlalchemy.orm.SessionTransaction",
        "sqlalchemy.orm.session.SessionTransaction",
    ),
    "AsyncSessionTransaction": (
        "sqlalchemy.ext.asyncio.AsyncSessionTransaction",
        "sqlalchemy.ext.asyncio.session.AsyncSessionTransaction",
    ),
    "Query": (
        "sqlalchemy.orm.Query",
        "sqlalchemy.orm.query.Query",
        "sqlalchemy.orm.query.RowReturningQuery",
    ),
    "Select": (
        "sqlalchemy.Select",
        "sqlalchemy.sql.Select",
        "sqlalchemy.sql.expression.Select",
        "sqlalchemy.sql.selectable.Select",
        "sqlalchemy.future.Select",
        "sqlmodel.sql.expression.Select",
        "sqlmodel.sql.expression.SelectOfScalar",
    ),
    "Update": (
        "sqlalchemy.Update",
        "sqlalchemy.sql.Update",
        "sqlalchemy.sql.expression.Update",
        "sqlalchemy.sql.dml.Update",
    ),
    "Delete": (
        "sqlalchemy.Delete",
        "sqlalchemy.sql.Delete",
        "sqlalchemy.sql.expression.Delete",
        "sqlalchemy.sql.dml.Delete",
    ),
    "Insert": (
        "sqlalchemy.Insert",
        "sqlalchemy.sql.Insert",
        "sqlalchemy.sql.expression.Insert",
        "sqlalchemy.sql.dml.Insert",
        "sqlalchemy.dialects.postgresql.Insert",
        "sqlalchemy.dialects.mysql.Insert",
        "sqlalchemy.dialects.sqlite.Insert",
    ),
    "Result": (
        "sqlalchemy.Result",
        "sqlalchemy.CursorResult",
        "sqlalchemy.engine.Result",
        "sqlalchemy.engine.CursorResult",
        "sqlalchemy.engine.ChunkedIteratorResult",
        "sqlalchemy.engine.IteratorResult",
        "sqlalchemy.engine.TupleResult",
        "sqlalchemy.engine.LegacyCursorResult",
        "sqlalchemy.engine.ResultProxy",
        "sqlalchemy.engine.result.Result",
        "sqlalchemy.engine.result.ChunkedIteratorResult",
        "sqlalchemy.engine.result.IteratorResult",
        "sqlalchemy.engine.result.TupleResult",
        "sqlalchemy.engine.cursor.CursorResult",
        "sqlalchemy.engine.cursor.LegacyCursorResult",
        "sqlalchemy.engine.cursor.ResultProxy",
    ),
    "AsyncResult": (
        "sqlalchemy.ext.asyncio.AsyncResult",
        "sqlalchemy.ext.asyncio.result.AsyncResult",
        "sqlalchemy.ext.asyncio.AsyncTupleResult",
        "sqlalchemy.ext.asyncio.result.AsyncTupleResult",
    ),
    "ScalarResult": (
        "sqlalchemy.ScalarResult",
        "sqlalchemy.engine.ScalarResult",
        "sqlalchemy.engine.result.ScalarResult",
    ),
    "AsyncScalarResult": (
        "sqlalchemy.ext.asyncio.AsyncScalarResult",
        "sqlalchemy.ext.asyncio.result.AsyncScalarResult",
    ),
    "MappingResult": (
        "sqlalchemy.MappingResult",
        "sqlalchemy.engine.MappingResult",
        "sqlalchemy.engine.result.MappingResult",
    ),
    "AsyncMappingResult": (
        "sqlalchemy.ext.asyncio.AsyncMappingResult",
        "sqlalchemy.ext.asyncio.result.AsyncMappingResult",
    ),
    "Row": (
        "sqlalchemy.Row",
        "sqlalchemy.engine.Row",
        "sqlalchemy.engine.row.Row",
        "sqlalchemy.engine.LegacyRow",
        "sqlalchemy.engine.row.LegacyRow",
    ),
    "MetaData": (
        "sqlalchemy.MetaData",
        "sqlalchemy.schema.MetaData",
        "sqlalchemy.sql.schema.MetaData",
    ),
    "Inspector": (
        "sqlalchemy.Inspector",
        "sqlalchemy.engine.Inspector",
        "sqlalchemy.engine.reflection.Inspector",
    ),
    "Table": ("sqlalchemy.Table", "sqlalchemy.schema.Table", "sqlalchemy.sql.schema.Table"),
    "RawConnection": (
        "sqlalchemy.pool.PoolProxiedConnection",
        "sqlalchemy.pool.base.PoolProxiedConnection",
        "sqlalchemy.engine.interfaces.PoolProxiedConnection",
        "sqlalchemy.PoolProxiedConnection",
    ),
    "RawCursor": ("sqlalchemy.engine.interfaces.DBAPICursor",),
}

KINDS: dict[str, str] = {name: kind for kind, names in SPELLINGS.items() for name in names}

# kind -> every dotted name of a function whose result is of that kind. ``class base`` is a base
# for mapped classes, ``entity class`` a mapped class or an alias of one.
RESULTS: dict[str, tuple[str, ...]] = {
    "Engine": (
        "sqlalchemy.create_engine",
        "sqlalchemy.engine.create_engine",
        "sqlalchemy.engine.create.create_engine",
        "sqlalchemy.engine_from_config",
        "sqlalchemy.engine.engine_from_config",
        "sqlalchemy.future.create_engine",
        "sqlmodel.create_engine",
    ),
    "AsyncEngine": (
        "sqlalchemy.ext.asyncio.create_async_engine",
        "sqlalchemy.ext.asyncio.engine.create_async_engine",
        "sqlalchemy.ext.asyncio.async_engine_from_config",
        "sqlalchemy.ext.asyncio.engine.async_engine_from_config",
    ),
    "sessionmaker": SPELLINGS["sessionmaker"],
    "async_sessionmaker": SPELLINGS["async_sessionmaker"],
    "scoped_session": SPELLINGS["scoped_session"],
    "async_scoped_session": SPELLINGS["async_scoped_session"],
    "Session": (
        "sqlalchemy.orm.object_session",
        "sqlalchemy.orm.session.object_session",
    ),
    "AsyncSession": (
        "sqlalchemy.ext.asyncio.async_object_session",
        "sqlalchemy.ext.asyncio.async_session",
        "sqlalchemy.ext.asyncio.session.async_object_session",
        "sqlalchemy.ext.asyncio.session.async_session",
    ),
    "Select": (
        "sqlalchemy.select",
        "sqlalchemy.sql.select",
        "sqlalchemy.sql.expression.select",
        "sqlalchemy.future.select",
        "sqlmodel.select",
        "sqlmodel.sql.expression.select",
    ),
    "Update": (
        "sqlalchemy.update",
        "sqlalchemy.sql.update",
        "sqlalchemy.sql.expression.update",
        "sqlmodel.update",
    ),
    "Delete": (
        "sqlalchemy.delete",
        "sqlalchemy.sql.delete",
        "sqlalchemy.sql.expression.delete",
        "sqlmodel.delete",
    ),
    "Insert": (
        "sqlalchemy.insert",
        "sqlalchemy.sql.insert",
        "sqlalchemy.sql.expression.insert",
        "sqlalchemy.dialects.postgresql.insert",
        "sqlalchemy.dialects.mysql.insert",
        "sqlalchemy.dialects.sqlite.insert",
        "sqlmodel.insert",
    ),
    "Text": (
        "sqlalchemy.text",
        "sqlalchemy.sql.text",
        "sqlalchemy.sql.expression.text",
        "sqlmodel.text",
    ),
    "CompoundSelect": (
        "sqlalchemy.union",
        "sqlalchemy.union_all",
        "sqlalchemy.except_",
        "sqlalchemy.except_all",
        "sqlalchemy.intersect",
        "sqlalchemy.intersect_all",
        "sqlalchemy.sql.union",
        "sqlalchemy.sql.union_all",
        "sqlalchemy.sql.expression.union",
        "sqlalchemy.sql.expression.union_all",
        "sqlmodel.union",
        "sqlmodel.union_all",
    ),
    "Inspection": (
        "sqlalchemy.inspect",
        "sqlalchemy.inspection.inspect",
        "sqlmodel.inspect",
        "sqlalchemy.engine.reflection.Inspector.from_engine",
        "sqlalchemy.engine.Inspector.from_engine",
        "sqlalchemy.Inspector.from_engine",
    ),
    "URL": (
        "sqlalchemy.engine.make_url",
        "sqlalchemy.engine.url.make_url",
        "sqlalchemy.make_url",
        "sqlalchemy.engine.URL.create",
        "sqlalchemy.engine.url.URL.create",
        "sqlalchemy.URL.create",
        "sqlalchemy.engine.url.URL",
        "sqlalchemy.engine.URL",
        "sqlalchemy.URL",
    ),
    "class base": (
        "sqlalchemy.orm.declarative_base",
        "sqlalchemy.orm.decl_api.declarative_base",
        "sqlalchemy.ext.declarative.declarative_base",
        "sqlalchemy.orm.registry.generate_base",
        "sqlalchemy.ext.automap.automap_base",
    ),
    "entity class": (
        "sqlalchemy.orm.aliased",
        "sqlalchemy.orm.util.aliased",
        "sqlalchemy.orm.with_polymorphic",
    ),
}

FUNCTIONS: dict[str, str] = {name: kind for kind, names in RESULTS.items() for name in names}

# Classes that mapped classes inherit from.
CLASS_BASES: frozenset[str] = frozenset(
    {
        "sqlalchemy.orm.DeclarativeBase",
        "sqlalchemy.orm.decl_api.DeclarativeBase",
        "sqlalchemy.orm.DeclarativeBaseNoMeta",
        "sqlalchemy.orm.MappedAsDataclass",
        "sqlmodel.SQLModel",
        "sqlmodel.main.SQLModel",
    }
)

# Names that star imports bring, and from which of several modules.
STARRED = frozenset((*KINDS, *FUNCTIONS, *CLASS_BASES))

# Classes whose subclasses make instances by class methods of these names, too.
SQLMODEL = frozenset({"sqlmodel.SQLModel", "sqlmodel.main.SQLModel"})
MAKING = frozenset({"model_validate", "from_orm", "parse_obj", "model_construct", "construct"})

# The classes and functions that are replaced, by the canonical name of each.
SYNC_TO_ASYNC: dict[str, str] = {
    "sqlalchemy.orm.Session": "sqlalchemy.ext.asyncio.AsyncSession",
    "sqlmodel.Session": "sqlmodel.ext.asyncio.session.AsyncSession",
    "sqlalchemy.orm.scoped_session": "sqlalchemy.ext.asyncio.async_scoped_session",
    "sqlalchemy.orm.sessionmaker": "sqlalchemy.ext.asyncio.async_sessionmaker",
    "sqlalchemy.orm.SessionTransaction": "sqlalchemy.ext.asyncio.AsyncSessionTransaction",
    "sqlalchemy.orm.object_session": "sqlalchemy.ext.asyncio.async_object_session",
    "sqlalchemy.orm.close_all_sessions": "sqlalchemy.ext.asyncio.close_all_sessions",
    "sqlalchemy.engine.Engine": "sqlalchemy.ext.asyncio.AsyncEngine",
    "sqlalchemy.engine.Connection": "sqlalchemy.ext.asyncio.AsyncConnection",
    "sqlalchemy.engine.Transaction": "sqlalchemy.ext.asyncio.AsyncTransaction",
    "sqlalchemy.create_engine": "sqlalchemy.ext.asyncio.create_async_engine",
    "sqlalchemy.engine_from_config": "sqlalchemy.ext.asyncio.async_engine_from_config",
}

# What a line of SQLAlchemy doesn't have; None: no replacement there.
MISSING: dict[str, dict[str, str | None]] = {
    "1.4": {
        # used with class_=AsyncSession
        "sqlalchemy.ext.asyncio.async_sessionmaker": "sqlalchemy.orm.sessionmaker",
        "sqlalchemy.ext.asyncio.close_all_sessions": None,
    },
    "2.0": {},
    "2.1": {},
}

# Other spellings of the keys of SYNC_TO_ASYNC.
CANONICAL: dict[str, str] = {
    **dict.fromkeys(SPELLINGS["Session"][:2], "sqlalchemy.orm.Session"),
    **dict.fromkeys(SPELLINGS["Session"][2:], "sqlmodel.Session"),
    **dict.fromkeys(SPELLINGS["scoped_session"], "sqlalchemy.orm.scoped_session"),
    **dict.fromkeys(SPELLINGS["sessionmaker"], "sqlalchemy.orm.sessionmaker"),
    **dict.fromkeys(SPELLINGS["SessionTransaction"], "sqlalchemy.orm.SessionTransaction"),
    **dict.fromkeys(SPELLINGS["Engine"], "sqlalchemy.engine.Engine"),
    **dict.fromkeys(SPELLINGS["Connection"], "sqlalchemy.engine.Connection"),
    **dict.fromkeys(SPELLINGS["Transaction"], "sqlalchemy.engine.Transaction"),
    **dict.fromkeys(RESULTS["Session"], "sqlalchemy.orm.object_session"),
    **dict.fromkeys(RESULTS["Engine"], "sqlalchemy.create_engine"),
    "sqlalchemy.engine_from_config": "sqlalchemy.engine_from_config",
    "sqlalchemy.engine.engine_from_config": "sqlalchemy.engine_from_config",
    "sqlalchemy.orm.close_all_sessions": "sqlalchemy.orm.close_all_sessions",
    "sqlalchemy.orm.session.close_all_sessions": "sqlalchemy.orm.close_all_sessions",
}


def async_name(name: str, line: str = "2.0") -> str | None:
    """The dotted name that replaces the sync class or function ``name`` on one line, or None."""
    replacement = SYNC_TO_ASYNC.get(CANONICAL.get(name, name))
    if replacement is None:
        return None
    return MISSING[line].get(replacement, replacement)


# Calls of SQLAlchemy's own that do I/O on an engine or a connection that they are given: they run
# in a greenlet, on the sync object behind it.
GREENLET_FUNCTIONS: frozenset[str] = frozenset(
    {
        *RESULTS["Inspection"],
        *SPELLINGS["Table"],
        *(
            f"sqlalchemy{package}.{name}().{method}"
            for package in ("", ".schema", ".sql.schema")
            for name in ("Index", "Sequence", "Table")
            for method in ("create", "drop")
        ),
    }
)

# Class methods of automap's bases, and of deferred ones, that read the tables of their models from
# what they are given.
# https://docs.sqlalchemy.org/en/21/orm/extensions/automap.html#basic-use
REFLECTING: frozenset[str] = frozenset({"prepare"})

# Commands of Alembic, which do I/O on what the configuration is given.
ALEMBIC_COMMANDS: frozenset[str] = frozenset(
    f"alembic.command.{name}"
    for name in ("upgrade", "downgrade", "stamp", "check", "current", "ensure_version", "revision")
)

# Functions that do I/O on all sessions there are, async ones too.
GREENLET_ALWAYS: frozenset[str] = frozenset(
    {"sqlalchemy.orm.close_all_sessions", "sqlalchemy.orm.session.close_all_sessions"}
)

# The keyword of the function that makes the object do I/O; '': any engine or connection given.
GREENLET_KEYWORDS: dict[str, str] = dict.fromkeys(SPELLINGS["Table"], "autoload_with")

# Libraries' functions that only listen to what engines do, with the keywords by which they take
# them: what is listened to is behind an async engine.
# https://opentelemetry-python-contrib.readthedocs.io/en/latest/instrumentation/sqlalchemy/sqlalchemy.html
WATCHING: dict[str, tuple[str, ...]] = {
    "opentelemetry.instrumentation.sqlalchemy.SQLAlchemyInstrumentor().instrument": (
        "engine",
        "engines",
    ),
}

# What stands for an engine or a connection, and the attribute of the async one that is the sync
# one; '': it is the sync one already.
BINDS: dict[str, str] = {
    "Engine": "sync_engine",
    "Connection": "sync_connection",
    "SyncEngine": "",
    "SyncConnection": "",
}

_SYNC_SIDE = {
    "Engine": "SyncEngine",
    "Connection": "SyncConnection",
    "SessionTransaction": "SyncSessionTransaction",
}


def _sync_side(table: Table) -> Table:
    """The table of the sync object behind an async one: what does I/O there can't be awaited."""

    def turned(row: Member) -> Member:
        form = Form.REFUSE if row.io else Form.PLAIN
        returns = _SYNC_SIDE.get(row.returns, "")
        return replace(row, form=form, returns=returns, async_returns="", by_line=())

    return replace(table, members=tuple(turned(row) for row in table.members))


# kind -> the table of its members (Query has a table of its own, ``sqlalchemy_query.QUERY``). An
# async kind has the table of its sync kind, since the rows say what is awaited on the async object;
# not so for results, where a buffered one and a streamed one both come from async code.
TABLES: dict[str, Table] = {
    "Session": SESSION,
    "AsyncSession": SESSION,
    "scoped_session": SCOPED_SESSION,
    "async_scoped_session": SCOPED_SESSION,
    "sessionmaker": SESSIONMAKER,
    "async_sessionmaker": SESSIONMAKER,
    "Engine": ENGINE,
    "AsyncEngine": ENGINE,
    "Connection": CONNECTION,
    "AsyncConnection": CONNECTION,
    "Transaction": TRANSACTION,
    "AsyncTransaction": TRANSACTION,
    "SessionTransaction": SESSION_TRANSACTION,
    "AsyncSessionTransaction": SESSION_TRANSACTION,
    "RawConnection": RAW_CONNECTION,
    "RawCursor": RAW_CURSOR,
    "SyncEngine": _sync_side(ENGINE),
    "SyncConnection": _sync_side(CONNECTION),
    "SyncSessionTransaction": _sync_side(SESSION_TRANSACTION),
    "Result": RESULT,
    "AsyncResult": ASYNC_RESULT,
    "ScalarResult": SCALAR_RESULT,
    "AsyncScalarResult": ASYNC_SCALAR_RESULT,
    "MappingResult": MAPPING_RESULT,
    "AsyncMappingResult": ASYNC_MAPPING_RESULT,
    "MetaData": METADATA,
    "Table": TABLE,
    "Inspector": INSPECTOR,
}

# What makes factories of sessions, sync and async, and what the async ones give.
FACTORY, ASYNC_FACTORY = "sessionmaker", "async_sessionmaker"
ASYNC_SESSION = "sqlalchemy.ext.asyncio.AsyncSession"
