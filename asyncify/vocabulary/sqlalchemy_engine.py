"""Engine, Connection, Transaction and the raw connection of the pool.

Two things surprise here: ``execution_options`` is a coroutine on AsyncConnection but plain on
AsyncEngine, and ``connect``/``begin`` that are neither awaited nor entered do nothing.
https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html
"""

from __future__ import annotations

from asyncify.vocabulary.rows import Form, Member, Table

_PAGE = "https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio."
_CORE = "https://docs.sqlalchemy.org/en/21/core/connections.html#sqlalchemy.engine."
_CORE_14 = "https://docs.sqlalchemy.org/en/14/core/connections.html#sqlalchemy.engine."

_ONLY_14 = ("1.4",)
_FROM_20 = ("2.0", "2.1")
_NONE: tuple[str, ...] = ()
_ENTERED = "enter it or await it: awaited before, entering raises"
_FUTURE = "on 1.4 only with future=True"

# Options of execution with which rows stay on the server until they are fetched: `execute` of an
# async connection or session raises AsyncMethodRequired, `stream` is the one that takes them.
STREAMING_OPTIONS: frozenset[str] = frozenset({"stream_results", "yield_per"})
# The methods that do, beside those that take any other statement.
STREAMED_BY: dict[str, str] = {"execute": "stream", "scalars": "stream_scalars"}

# What only 1.4's plain engines and connections have: the sync one behind an async one hasn't,
# either, so that `run_sync` is no way out.
PLAIN_ONLY: frozenset[tuple[str, str]] = frozenset(
    {
        ("Engine", "execute"),
        ("Engine", "scalar"),
        ("Engine", "has_table"),
        ("Engine", "table_names"),
        ("Engine", "transaction"),
        ("Engine", "run_callable"),
        ("Connection", "connect"),
    }
)

# A dialect does I/O on the connection that it is given: `dialect.has_table(connection, name)`.
_DIALECT = "sqlalchemy.engine.Dialect"

ENGINE = Table(
    "sqlalchemy.engine.Engine",
    "sqlalchemy.ext.asyncio.AsyncEngine",
    (
        Member(
            "begin",
            Form.WITH,
            io=True,
            returns="Connection",
            async_returns="AsyncConnection",
            note="1.4 allows await too",
        ),
        Member(
            "connect",
            Form.AWAIT_OR_WITH,
            io=True,
            returns="Connection",
            async_returns="AsyncConnection",
        ),
        Member("clear_compiled_cache", returns="none"),
        Member("dialect", returns=_DIALECT, attribute=True),
        Member(
            "dispatch",
            Form.SYNC_OBJECT,
            attribute=True,
            async_lines=_ONLY_14,
            note="events are of the sync object",
        ),
        Member("dispose", Form.AWAIT, io=True, returns="none"),
        Member("driver", returns="value", attribute=True),
        Member("echo", attribute=True),
        Member(
            "engine",
            Form.TEMPLATE,
            returns="Engine",
            async_returns="AsyncEngine",
            awaited="{receiver}",
            awaits=False,
            attribute=True,
            note="the engine itself; the same attribute of the async engine is the sync engine",
        ),
        Member(
            "execution_options",
            returns="Engine",
            async_returns="AsyncEngine",
            note="plain, unlike the one of AsyncConnection",
        ),
        Member("get_execution_options"),
        Member("name", returns="value", attribute=True),
        Member(
            "raw_connection",
            Form.AWAIT,
            io=True,
            returns="RawConnection",
            note="what it gives works only inside a greenlet, except driver_connection",
        ),
        Member("update_execution_options", returns="none"),
        Member("pool", attribute=True),
        Member("url", attribute=True),
        Member("hide_parameters", Form.SYNC_OBJECT, attribute=True, async_lines=_NONE),
        Member("logger", Form.SYNC_OBJECT, attribute=True, async_lines=_NONE),
        Member("logging_name", Form.SYNC_OBJECT, attribute=True, async_lines=_NONE),
        Member(
            "execute",
            Form.ON_CONNECTION,
            io=True,
            returns="Result",
            awaited="{connection}.execute({args})",
            sync_lines=_ONLY_14,
            async_lines=_NONE,
            note="a string needs text(), keyword parameters a dict; rows have no string keys",
            source=_CORE_14 + "Engine.execute",
        ),
        Member(
            "scalar",
            Form.ON_CONNECTION,
            io=True,
            returns="value",
            awaited="{connection}.scalar({args})",
            sync_lines=_ONLY_14,
            async_lines=_NONE,
            note="a string needs text(), keyword parameters a dict",
            source=_CORE_14 + "Engine.scalar",
        ),
        Member(
            "has_table",
            Form.ON_CONNECTION,
            io=True,
            returns="bool",
            awaited="{connection}.run_sync(lambda bind: inspect(bind).has_table({args}))",
            imports=("sqlalchemy.inspect",),
            opened_by="connect",
            sync_lines=_ONLY_14,
            async_lines=_NONE,
            source=_CORE_14 + "Engine.has_table",
        ),
        Member(
            "table_names",
            Form.ON_CONNECTION,
            io=True,
            returns="values",
            awaited="{connection}.run_sync(lambda bind: inspect(bind).get_table_names({args}))",
            imports=("sqlalchemy.inspect",),
            opened_by="connect",
            sync_lines=_ONLY_14,
            async_lines=_NONE,
            source=_CORE_14 + "Engine.table_names",
        ),
        Member(
            "transaction",
            Form.ON_CONNECTION,
            io=True,
            awaited="{connection}.run_sync({args})",
            sync_lines=_ONLY_14,
            async_lines=_NONE,
            source=_CORE_14 + "Engine.transaction",
        ),
        Member(
            "run_callable",
            Form.ON_CONNECTION,
            io=True,
            awaited="{connection}.run_sync({args})",
            sync_lines=_ONLY_14,
            async_lines=_NONE,
            source=_CORE_14 + "Engine.run_callable",
        ),
        # Only on the async kind:
        Member("sync_engine", returns="Engine", attribute=True, sync_lines=_NONE),
    ),
    sync_object="{receiver}.sync_engine",
    run_sync_on="",
    documentation=_PAGE + "AsyncEngine.{name}",
    sync_documentation=_CORE + "Engine.{name}",
)

CONNECTION = Table(
    "sqlalchemy.engine.Connection",
    "sqlalchemy.ext.asyncio.AsyncConnection",
    (
        Member(
            "begin",
            Form.AWAIT_OR_WITH,
            io=True,
            returns="Transaction",
            async_returns="AsyncTransaction",
            note="un-awaited no transaction begins, without a warning",
        ),
        Member(
            "begin_nested",
            Form.AWAIT_OR_WITH,
            io=True,
            returns="Transaction",
            async_returns="AsyncTransaction",
        ),
        Member(
            "begin_twophase",
            Form.REFUSE,
            io=True,
            returns="Transaction",
            async_lines=_NONE,
            note="the whole transaction has to run inside conn.run_sync",
            source=_CORE + "Connection.begin_twophase",
        ),
        Member("close", Form.AWAIT, io=True, returns="none"),
        Member("closed", returns="bool", attribute=True),
        Member("commit", Form.AWAIT, io=True, returns="none", note=_FUTURE),
        Member("commit_prepared", Form.RUN_SYNC, io=True, returns="none", async_lines=_NONE),
        Member(
            "connect",
            Form.REFUSE,
            io=True,
            returns="Connection",
            sync_lines=_ONLY_14,
            async_lines=_NONE,
            note="branched connections are gone",
            source=_CORE_14 + "Connection.connect",
        ),
        Member(
            "connection",
            Form.TEMPLATE,
            io=True,
            returns="RawConnection",
            awaited="{receiver}.get_raw_connection()",
            attribute=True,
            note="the attribute itself raises InvalidRequestError",
            source=_PAGE + "AsyncConnection.get_raw_connection",
        ),
        Member("default_isolation_level", returns="value", attribute=True),
        Member("detach", Form.RUN_SYNC, io=True, returns="none", async_lines=_NONE),
        Member("dialect", returns=_DIALECT, attribute=True),
        Member(
            "dispatch",
            Form.SYNC_OBJECT,
            attribute=True,
            async_lines=_ONLY_14,
            note="events are of the sync object",
        ),
        Member("engine", returns="Engine", async_returns="AsyncEngine", attribute=True),
        Member("exec_driver_sql", Form.AWAIT, io=True, returns="Result"),
        Member(
            "execute",
            Form.AWAIT,
            io=True,
            returns="Result",
            note="a buffered result, its methods are plain; refuses stream_results",
        ),
        Member(
            "execution_options",
            Form.AWAIT,
            io=True,
            returns="Connection",
            async_returns="AsyncConnection",
            note="a coroutine here, plain on AsyncEngine",
        ),
        Member("get_execution_options", Form.SYNC_OBJECT, async_lines=_NONE),
        Member("get_isolation_level", Form.AWAIT, io=True, returns="value"),
        Member("get_nested_transaction", returns="Transaction", async_returns="AsyncTransaction"),
        Member("get_transaction", returns="Transaction", async_returns="AsyncTransaction"),
        Member("in_nested_transaction", returns="bool"),
        Member("in_transaction", returns="bool"),
        Member("info", attribute=True),
        Member("invalidate", Form.AWAIT, io=True, returns="none"),
        Member("invalidated", returns="bool", attribute=True),
        Member("recover_twophase", Form.RUN_SYNC, io=True, returns="values", async_lines=_NONE),
        Member("rollback", Form.AWAIT, io=True, returns="none", note=_FUTURE),
        Member("rollback_prepared", Form.RUN_SYNC, io=True, returns="none", async_lines=_NONE),
        Member(
            "run_callable",
            Form.TEMPLATE,
            io=True,
            awaited="{receiver}.run_sync({args})",
            sync_lines=_ONLY_14,
            async_lines=_NONE,
            source=_CORE_14 + "Connection.run_callable",
        ),
        Member("scalar", Form.AWAIT, io=True, returns="value"),
        Member("scalars", Form.AWAIT, io=True, returns="ScalarResult", note="since 1.4.24"),
        Member("schema_for_object", Form.SYNC_OBJECT, async_lines=_NONE, note="internal"),
        Member(
            "should_close_with_result",
            Form.SYNC_OBJECT,
            returns="bool",
            attribute=True,
            async_lines=_NONE,
            note="internal",
        ),
        Member(
            "transaction",
            Form.REFUSE,
            io=True,
            sync_lines=_ONLY_14,
            async_lines=_NONE,
            note="async with conn.begin(): await conn.run_sync(f)",
            source=_CORE_14 + "Connection.transaction",
        ),
        Member("__enter__", Form.WITH, io=True, returns="self", async_lines=_NONE, note=_ENTERED),
        Member("__exit__", Form.WITH, io=True, returns="none", async_lines=_NONE),
        # Only on the async kind:
        Member(
            "aclose", Form.AWAIT, io=True, returns="none", sync_lines=_NONE, async_lines=_FROM_20
        ),
        Member(
            "get_raw_connection", Form.AWAIT, io=True, returns="RawConnection", sync_lines=_NONE
        ),
        Member("run_sync", Form.AWAIT, io=True, returns="applied", sync_lines=_NONE),
        Member(
            "set_isolation_level",
            Form.REFUSE,
            io=True,
            returns="none",
            sync_lines=_NONE,
            async_lines=_ONLY_14,
            note="raises TypeError: execution_options(isolation_level=...)",
        ),
        Member("start", Form.AWAIT, io=True, returns="self", sync_lines=_NONE),
        Member(
            "stream",
            Form.AWAIT_OR_WITH,
            io=True,
            returns="AsyncResult",
            sync_lines=_NONE,
            by_line=(
                (
                    "1.4",
                    Member("stream", Form.AWAIT, io=True, returns="AsyncResult", sync_lines=_NONE),
                ),
            ),
        ),
        Member(
            "stream_scalars",
            Form.AWAIT_OR_WITH,
            io=True,
            returns="AsyncScalarResult",
            sync_lines=_NONE,
            by_line=(
                (
                    "1.4",
                    Member(
                        "stream_scalars",
                        Form.AWAIT,
                        io=True,
                        returns="AsyncScalarResult",
                        sync_lines=_NONE,
                    ),
                ),
            ),
        ),
        Member("sync_connection", returns="Connection", attribute=True, sync_lines=_NONE),
        Member("sync_engine", returns="Engine", attribute=True, sync_lines=_NONE),
        Member("__aenter__", Form.WITH, io=True, returns="self", sync_lines=_NONE),
        Member("__aexit__", Form.WITH, io=True, returns="none", sync_lines=_NONE),
    ),
    sync_object="{receiver}.sync_connection",
    documentation=_PAGE + "AsyncConnection.{name}",
    sync_documentation=_CORE + "Connection.{name}",
)

TRANSACTION = Table(
    "sqlalchemy.engine.Transaction",
    "sqlalchemy.ext.asyncio.AsyncTransaction",
    (
        Member("close", Form.AWAIT, io=True, returns="none"),
        Member("commit", Form.AWAIT, io=True, returns="none"),
        Member("connection", returns="Connection", async_returns="AsyncConnection", attribute=True),
        Member("is_active", returns="bool", attribute=True),
        Member("is_valid", returns="bool", attribute=True),
        Member("nested", returns="bool", attribute=True, sync_lines=_NONE),
        Member("rollback", Form.AWAIT, io=True, returns="none"),
        Member("__enter__", Form.WITH, io=True, returns="self", async_lines=_NONE, note=_ENTERED),
        Member("__exit__", Form.WITH, io=True, returns="none", async_lines=_NONE),
        # Only on the async kind:
        Member("start", Form.AWAIT, io=True, returns="self", sync_lines=_NONE),
        Member("sync_transaction", returns="Transaction", attribute=True, sync_lines=_NONE),
        Member("__aenter__", Form.WITH, io=True, returns="self", sync_lines=_NONE),
        Member("__aexit__", Form.WITH, io=True, returns="none", sync_lines=_NONE),
    ),
    sync_object="{receiver}.sync_transaction",
    run_sync_on="",
    documentation=_PAGE + "AsyncTransaction.{name}",
    sync_documentation=_CORE + "Transaction.{name}",
)

# The pool's proxy of a DBAPI connection. Its async kind is the same class over an adapted driver,
# whose I/O works only inside a greenlet.
_NOT_ADAPTED = "a method of the sync driver, which the adapted one may not have"

RAW_CONNECTION = Table(
    "sqlalchemy.engine.interfaces.PoolProxiedConnection",
    "sqlalchemy.engine.interfaces.PoolProxiedConnection",
    (
        Member("close", Form.GREENLET, io=True, returns="none", note="rolls back"),
        Member("commit", Form.GREENLET, io=True, returns="none", origin="driver"),
        Member("rollback", Form.GREENLET, io=True, returns="none", origin="driver"),
        Member("cursor", Form.GREENLET, io=True, returns="RawCursor"),
        Member("execute", Form.REFUSE, io=True, note=_NOT_ADAPTED, origin="driver"),
        Member("executemany", Form.REFUSE, io=True, note=_NOT_ADAPTED, origin="driver"),
        Member("dbapi_connection", attribute=True),
        Member("driver_connection", attribute=True, note="the async driver's own connection"),
        Member("connection", attribute=True, note="deprecated for dbapi_connection"),
        Member("detach", Form.GREENLET, io=True, returns="none"),
        Member("info", attribute=True),
        Member("invalidate", Form.GREENLET, io=True, returns="none"),
        Member(
            "is_detached",
            returns="bool",
            attribute=True,
            sync_lines=_FROM_20,
            async_lines=_FROM_20,
        ),
        Member("is_valid", returns="bool", attribute=True),
        Member("record_info", attribute=True),
    ),
    run_sync_on="",
    documentation="https://docs.sqlalchemy.org/en/21/core/pooling.html#sqlalchemy.pool."
    "PoolProxiedConnection.{name}",
)

# A cursor of a driver, as PEP 249 has it, and what adapted drivers make of it.
RAW_CURSOR = Table(
    "sqlalchemy.engine.interfaces.DBAPICursor",
    "sqlalchemy.engine.interfaces.DBAPICursor",
    (
        *(
            Member(name, Form.GREENLET, io=True, returns=gives, origin="driver", note="PEP 249")
            for name, gives in (
                ("close", "none"),
                ("execute", "none"),
                ("executemany", "none"),
                ("fetchone", ""),
                ("fetchmany", ""),
                ("fetchall", ""),
            )
        ),
        Member("callproc", Form.REFUSE, io=True, origin="driver", note=_NOT_ADAPTED),
        Member("executescript", Form.REFUSE, io=True, origin="driver", note=_NOT_ADAPTED),
        Member("__enter__", Form.REFUSE, io=True, origin="driver", note=_NOT_ADAPTED),
        Member("description", attribute=True, origin="driver"),
        Member("rowcount", returns="int", attribute=True, origin="driver"),
        Member("lastrowid", returns="int", attribute=True, origin="driver"),
    ),
    run_sync_on="",
    documentation="https://peps.python.org/pep-0249/#cursor-objects",
)
