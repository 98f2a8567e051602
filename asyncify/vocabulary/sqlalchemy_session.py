"""Session, scoped_session, sessionmaker and SessionTransaction.

What may be awaited on AsyncSession is not a matter of taste: an un-awaited coroutine silently does
nothing, and awaiting a plain method raises. So each row states what was observed by executing it on
each line of SQLAlchemy, ``delete`` (a coroutine on every release that has AsyncSession) included.
https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html
"""

from __future__ import annotations

from dataclasses import replace

from asyncify.vocabulary.rows import Form, Member, Table

_PAGE = "https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio."
_SYNC_PAGE = "https://docs.sqlalchemy.org/en/21/orm/session_api.html#sqlalchemy.orm."
_SCOPED_PAGE = "https://docs.sqlalchemy.org/en/21/orm/contextual.html#sqlalchemy.orm."
_SYNC_14 = "https://docs.sqlalchemy.org/en/14/orm/session_api.html#sqlalchemy.orm."

_ONLY_14 = ("1.4",)
_UP_TO_20 = ("1.4", "2.0")
_FROM_20 = ("2.0", "2.1")
_ONLY_21 = ("2.1",)
_NONE: tuple[str, ...] = ()

_ENTERED = "enter it or await it: awaited before, entering raises"
_INTERNAL = "internal"

_CLOSE_ALL = "sqlalchemy.ext.asyncio.close_all_sessions"
_OBJECT_SESSION = "sqlalchemy.ext.asyncio.async_object_session"
_ASYNC_SESSION = "sqlalchemy.ext.asyncio.AsyncSession"

_OBJECT_SESSION_ROW = Member(
    "object_session",
    Form.TEMPLATE,
    returns="Session",
    async_returns="AsyncSession",
    awaited="async_object_session({args})",
    awaits=False,
    imports=(_OBJECT_SESSION,),
    note="the same name on the async class returns the sync Session",
    source=_PAGE + "async_object_session",
)

_CLOSE_ALL_ROW = Member(
    "close_all",
    Form.TEMPLATE,
    io=True,
    returns="none",
    awaited="close_all_sessions()",
    imports=(_CLOSE_ALL,),
    sync_lines=_UP_TO_20,
    note="gone from the sync classes in 2.1; the async class's own is broken in 1.4",
    source=_PAGE + "close_all_sessions",
    by_line=(
        (
            "1.4",
            Member(
                "close_all",
                Form.TEMPLATE,
                io=True,
                returns="none",
                awaited="run_sync(close_all_sessions)",
                imports=("sqlalchemy.orm.close_all_sessions",),
                helper="run_sync",
                sync_lines=_UP_TO_20,
                note="AsyncSession.close_all raises AttributeError, the async function is missing",
            ),
        ),
    ),
)

# Members that Session and scoped_session share, on their async kinds too.
_SHARED = (
    Member("add", returns="none"),
    Member("add_all", returns="none"),
    Member(
        "begin",
        Form.AWAIT_OR_WITH,
        io=True,
        returns="SessionTransaction",
        async_returns="AsyncSessionTransaction",
        note="does no I/O by itself, but un-awaited it does nothing at all, without a warning",
    ),
    Member(
        "begin_nested",
        Form.AWAIT_OR_WITH,
        io=True,
        returns="SessionTransaction",
        async_returns="AsyncSessionTransaction",
        note="un-awaited there is no SAVEPOINT, without a warning",
    ),
    Member(
        "bind",
        returns="Engine",
        async_returns="AsyncEngine",
        attribute=True,
        note="an Engine or a Connection, as given to the session",
    ),
    Member(
        "binds",
        attribute=True,
        sync_lines=_ONLY_21,
        async_lines=_ONLY_21,
        note="no public form below 2.1",
    ),
    Member("bulk_insert_mappings", Form.RUN_SYNC, io=True, returns="none", async_lines=_NONE),
    Member("bulk_save_objects", Form.RUN_SYNC, io=True, returns="none", async_lines=_NONE),
    Member(
        "bulk_update_mappings",
        Form.RUN_SYNC,
        io=True,
        returns="none",
        async_lines=_NONE,
        note="never execute(update(M), mappings) on 1.4: it emits an UPDATE without WHERE",
    ),
    Member("close", Form.AWAIT, io=True, returns="none"),
    _CLOSE_ALL_ROW,
    Member("commit", Form.AWAIT, io=True, returns="none"),
    Member(
        "connection", Form.AWAIT, io=True, returns="Connection", async_returns="AsyncConnection"
    ),
    Member(
        "delete",
        Form.AWAIT,
        io=True,
        returns="none",
        note="a cascade may have to load rows; un-awaited the row stays and nothing is raised",
    ),
    Member(
        "delete_all",
        Form.AWAIT,
        io=True,
        returns="none",
        sync_lines=_ONLY_21,
        async_lines=_ONLY_21,
    ),
    Member("deleted", returns="entities", attribute=True),
    Member("dirty", returns="entities", attribute=True),
    Member(
        "execute",
        Form.AWAIT,
        io=True,
        returns="Result",
        note="a buffered result, its methods are plain; refuses yield_per and stream_results",
    ),
    Member("execution_options", attribute=True, sync_lines=_ONLY_21, async_lines=_ONLY_21),
    Member("expire", returns="none", note="a later attribute read loads, so it must be refreshed"),
    Member("expire_all", returns="none", note="later attribute reads load"),
    Member("expunge", returns="none"),
    Member("expunge_all", returns="none"),
    Member("flush", Form.AWAIT, io=True, returns="none"),
    Member("get", Form.AWAIT, io=True, returns="entity"),
    Member(
        "get_one",
        Form.AWAIT,
        io=True,
        returns="entity",
        sync_lines=_FROM_20,
        async_lines=_FROM_20,
        note="not in the first releases of 2.0",
    ),
    Member(
        "get_bind",
        returns="SyncEngine",
        note="gives the sync Engine on the async session too; bind is the async one",
    ),
    Member("identity_key"),
    Member("identity_map", attribute=True),
    Member("info", attribute=True),
    Member("is_active", returns="bool", attribute=True),
    Member("is_modified", returns="bool"),
    Member("merge", Form.AWAIT, io=True, returns="entity"),
    Member(
        "merge_all",
        Form.AWAIT,
        io=True,
        returns="entities",
        sync_lines=_ONLY_21,
        async_lines=_ONLY_21,
    ),
    Member("new", returns="entities", attribute=True),
    Member(
        "no_autoflush",
        Form.SYNC_WITH,
        returns="self",
        attribute=True,
        note="async with raises TypeError",
    ),
    _OBJECT_SESSION_ROW,
    Member(
        "query",
        Form.SYNC_OBJECT,
        returns="Query",
        async_lines=_NONE,
        note="becomes select(); where it can't, its terminal runs inside run_sync",
        source=_SYNC_PAGE + "Session.query",
    ),
    Member(
        "refresh",
        Form.AWAIT,
        io=True,
        returns="none",
        note="1.4: attribute_names with a relationship that isn't loaded raises, or loads nothing",
    ),
    Member(
        "reset",
        Form.AWAIT,
        io=True,
        returns="none",
        sync_lines=_FROM_20,
        async_lines=_FROM_20,
        note="not in the first releases of 2.0",
    ),
    Member("rollback", Form.AWAIT, io=True, returns="none"),
    Member("scalar", Form.AWAIT, io=True, returns="value"),
    Member(
        "scalars",
        Form.AWAIT,
        io=True,
        returns="ScalarResult",
        note="a buffered result, its methods are plain; since 1.4.24",
    ),
    Member("autoflush", returns="bool", attribute=True),
    Member(
        "autocommit",
        Form.SYNC_OBJECT,
        returns="bool",
        attribute=True,
        sync_lines=_ONLY_14,
        async_lines=_NONE,
        note="false: AsyncSession refuses autocommit=True",
    ),
    Member("__contains__", returns="bool"),
    Member("__iter__", returns="entities"),
    Member(
        "exec",
        Form.AWAIT,
        io=True,
        returns="ScalarResult",
        origin="sqlmodel",
        note="a Result where several things are selected",
        source="https://sqlmodel.tiangolo.com/tutorial/select/",
    ),
    # Only on the async kinds:
    Member("aclose", Form.AWAIT, io=True, returns="none", sync_lines=_NONE, async_lines=_FROM_20),
    Member(
        "get_async_bind",
        returns="AsyncEngine",
        sync_lines=_NONE,
        async_lines=_ONLY_21,
    ),
    Member("stream", Form.AWAIT, io=True, returns="AsyncResult", sync_lines=_NONE),
    Member("stream_scalars", Form.AWAIT, io=True, returns="AsyncScalarResult", sync_lines=_NONE),
)

_SESSION_ONLY = (
    Member("autobegin", Form.SYNC_OBJECT, attribute=True, sync_lines=_FROM_20, async_lines=_NONE),
    Member(
        "bind_mapper",
        Form.TEMPLATE,
        returns="none",
        awaited="{receiver}.sync_session.bind_mapper({0}, {1}.sync_engine)",
        awaits=False,
        async_lines=_ONLY_21,
        note="below 2.1 the sync session takes the sync engine",
        source=_SYNC_PAGE + "Session.bind_mapper",
        by_line=(("2.1", Member("bind_mapper", returns="none", async_lines=_ONLY_21)),),
    ),
    Member(
        "bind_table",
        Form.TEMPLATE,
        returns="none",
        awaited="{receiver}.sync_session.bind_table({0}, {1}.sync_engine)",
        awaits=False,
        async_lines=_ONLY_21,
        note="below 2.1 the sync session takes the sync engine",
        source=_SYNC_PAGE + "Session.bind_table",
        by_line=(("2.1", Member("bind_table", returns="none", async_lines=_ONLY_21)),),
    ),
    Member(
        "connection_callable",
        Form.SYNC_OBJECT,
        attribute=True,
        async_lines=_NONE,
        note=_INTERNAL,
    ),
    Member(
        "dispatch",
        Form.SYNC_OBJECT,
        attribute=True,
        async_lines=_ONLY_14,
        note="events are of the sync object",
    ),
    Member(
        "enable_relationship_loading",
        Form.SYNC_OBJECT,
        returns="none",
        async_lines=_NONE,
        note="the attribute read that follows loads, and needs run_sync",
        source=_SYNC_PAGE + "Session.enable_relationship_loading",
    ),
    Member("enable_baked_queries", Form.SYNC_OBJECT, attribute=True, async_lines=_NONE),
    Member(
        "expire_on_commit",
        Form.SYNC_OBJECT,
        returns="bool",
        attribute=True,
        async_lines=_NONE,
        note="assigned on the async session it is silently ignored",
    ),
    Member(
        "get_nested_transaction",
        returns="SessionTransaction",
        async_returns="AsyncSessionTransaction",
        by_line=(
            (
                "1.4",
                Member(
                    "get_nested_transaction",
                    Form.SYNC_OBJECT,
                    returns="SyncSessionTransaction",
                    note="1.4's own raises NotImplementedError while a transaction is open",
                ),
            ),
        ),
    ),
    Member(
        "get_transaction",
        returns="SessionTransaction",
        async_returns="AsyncSessionTransaction",
        by_line=(
            (
                "1.4",
                Member(
                    "get_transaction",
                    Form.SYNC_OBJECT,
                    returns="SyncSessionTransaction",
                    note="1.4's own raises NotImplementedError while a transaction is open",
                ),
            ),
        ),
    ),
    Member(
        "future",
        Form.SYNC_OBJECT,
        returns="bool",
        attribute=True,
        sync_lines=_ONLY_14,
        async_lines=_NONE,
    ),
    Member("hash_key", Form.SYNC_OBJECT, attribute=True, async_lines=_NONE),
    Member("in_nested_transaction", returns="bool"),
    Member("in_transaction", returns="bool"),
    Member("invalidate", Form.AWAIT, io=True, returns="none"),
    Member(
        "join_transaction_mode",
        Form.SYNC_OBJECT,
        attribute=True,
        sync_lines=_FROM_20,
        async_lines=_NONE,
    ),
    Member(
        "prepare",
        Form.RUN_SYNC,
        io=True,
        returns="none",
        async_lines=_NONE,
        source=_SYNC_PAGE + "Session.prepare",
    ),
    Member(
        "transaction",
        Form.REFUSE,
        returns="SessionTransaction",
        attribute=True,
        sync_lines=_ONLY_14,
        async_lines=_NONE,
        note="gone from the sync Session too in 2.0",
        source=_SYNC_14 + "Session.transaction",
        by_line=(
            (
                "1.4",
                Member(
                    "transaction",
                    Form.SYNC_OBJECT,
                    returns="SyncSessionTransaction",
                    attribute=True,
                    sync_lines=_ONLY_14,
                    async_lines=_NONE,
                ),
            ),
        ),
    ),
    Member("twophase", Form.SYNC_OBJECT, returns="bool", attribute=True, async_lines=_NONE),
    Member("__enter__", Form.WITH, io=True, returns="self", async_lines=_NONE),
    Member("__exit__", Form.WITH, io=True, returns="none", async_lines=_NONE),
    # Only on the async kind:
    Member("run_sync", Form.AWAIT, io=True, returns="applied", sync_lines=_NONE),
    Member("sync_session", returns="Session", attribute=True, sync_lines=_NONE),
    Member("sync_session_class", attribute=True, sync_lines=_NONE),
    Member("__aenter__", Form.WITH, io=True, returns="self", sync_lines=_NONE),
    Member("__aexit__", Form.WITH, io=True, returns="none", sync_lines=_NONE),
)

# What runs a statement that 1.4's own style takes as a string, too.
TEXTUAL: frozenset[tuple[str, str]] = frozenset(
    (kind, member)
    for kind in ("Session", "scoped_session", "Connection")
    for member in ("execute", "scalar", "scalars")
)

# What asks the scope function, which needs a task that runs: by the attribute that asks nobody.
ON_FACTORY = {("scoped_session", "configure"): "session_factory"}
_SCOPED_ONLY = (
    Member("__call__", returns="Session", async_returns="AsyncSession"),
    Member("configure", returns="configured", note="of the factory: see ON_FACTORY"),
    Member("invalidate", Form.AWAIT, io=True, returns="none", sync_lines=_NONE),
    Member(
        "query_property",
        Form.REFUSE,
        io=True,  # by every query that is made through it
        returns="QueryProperty",
        async_lines=_NONE,
        note="Model.query becomes select(Model), the property has no async form",
        source=_SCOPED_PAGE + "scoped_session.query_property",
    ),
    Member("registry", attribute=True, note="S.registry() gives the AsyncSession"),
    Member(
        "remove",
        Form.AWAIT,
        io=True,
        returns="none",
        note="in every task: the registry keeps a session per task until then",
    ),
    Member(
        "session_factory",
        returns="sessionmaker",
        async_returns="async_sessionmaker",
        attribute=True,
    ),
)

SESSION = Table(
    "sqlalchemy.orm.Session",
    _ASYNC_SESSION,
    _SHARED + _SESSION_ONLY,
    sync_object="{receiver}.sync_session",
    documentation=_PAGE + "AsyncSession.{name}",
    sync_documentation=_SYNC_PAGE + "Session.{name}",
)

SCOPED_SESSION = Table(
    "sqlalchemy.orm.scoped_session",
    "sqlalchemy.ext.asyncio.async_scoped_session",
    _SHARED + _SCOPED_ONLY,
    sync_object="{receiver}().sync_session",
    run_sync_on="{receiver}()",
    documentation=_PAGE + "async_scoped_session.{name}",
    sync_documentation=_SCOPED_PAGE + "scoped_session.{name}",
)

SESSIONMAKER = Table(
    "sqlalchemy.orm.sessionmaker",
    "sqlalchemy.ext.asyncio.async_sessionmaker",
    (
        Member("__call__", returns="Session", async_returns="AsyncSession"),
        Member(
            "begin",
            Form.WITH,
            io=True,
            returns="Session",
            async_returns="AsyncSession",
            note="an async context manager only, awaiting it raises",
        ),
        Member("configure", returns="configured"),
        replace(_CLOSE_ALL_ROW, async_lines=_ONLY_14),
        Member(
            "identity_key",
            Form.TEMPLATE,
            awaited="AsyncSession.identity_key({args})",
            awaits=False,
            imports=(_ASYNC_SESSION,),
            async_lines=_ONLY_14,
            note="the factory has none from 2.0 on",
        ),
        replace(_OBJECT_SESSION_ROW, async_lines=_ONLY_14),
        Member("kw", attribute=True),
        Member("class_", attribute=True),
    ),
    run_sync_on="",
    documentation=_PAGE + "async_sessionmaker.{name}",
    sync_documentation=_SYNC_PAGE + "sessionmaker.{name}",
)

SESSION_TRANSACTION = Table(
    "sqlalchemy.orm.SessionTransaction",
    "sqlalchemy.ext.asyncio.AsyncSessionTransaction",
    (
        Member(
            "bound_connection",
            returns="Connection",
            async_returns="AsyncConnection",
            sync_lines=_ONLY_21,
            async_lines=_ONLY_21,
            note="acquires nothing, so it is plain",
        ),
        Member(
            "close",
            Form.REFUSE,
            io=True,
            returns="none",
            async_lines=_NONE,
            note="await transaction.rollback() where the transaction is still open",
        ),
        Member("commit", Form.AWAIT, io=True, returns="none"),
        Member(
            "connection",
            Form.REFUSE,
            io=True,
            returns="Connection",
            async_lines=_NONE,
            note="await session.connection()",
        ),
        Member(
            "connections",
            attribute=True,
            sync_lines=_ONLY_21,
            async_lines=_ONLY_21,
        ),
        Member(
            "declare_states",
            Form.SYNC_OBJECT,
            sync_lines=_FROM_20,
            async_lines=_NONE,
            note=_INTERNAL,
        ),
        Member("is_active", returns="bool", attribute=True),
        Member("nested", returns="bool", attribute=True),
        Member("origin", Form.SYNC_OBJECT, attribute=True, sync_lines=_FROM_20, async_lines=_NONE),
        Member(
            "parent",
            Form.SYNC_OBJECT,
            returns="SyncSessionTransaction",
            attribute=True,
            async_lines=_NONE,
        ),
        Member(
            "prepare",
            Form.REFUSE,
            io=True,
            returns="none",
            async_lines=_NONE,
            note="await session.run_sync(lambda session: session.prepare())",
        ),
        Member("rollback", Form.AWAIT, io=True, returns="none"),
        Member("session", returns="Session", async_returns="AsyncSession", attribute=True),
        Member("sync_transaction", returns="SessionTransaction", attribute=True, sync_lines=_NONE),
        Member("start", Form.AWAIT, io=True, returns="self", sync_lines=_NONE),
        Member("__enter__", Form.WITH, io=True, returns="self", async_lines=_NONE, note=_ENTERED),
        Member("__exit__", Form.WITH, io=True, returns="none", async_lines=_NONE),
        Member("__aenter__", Form.WITH, io=True, returns="self", sync_lines=_NONE),
        Member("__aexit__", Form.WITH, io=True, returns="none", sync_lines=_NONE),
    ),
    sync_object="{receiver}.sync_transaction",
    run_sync_on="",
    documentation=_PAGE + "AsyncSessionTransaction.{name}",
    sync_documentation=_SYNC_PAGE + "SessionTransaction.{name}",
)
