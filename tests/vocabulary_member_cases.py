"""Uses of the members of every table but Query's, to run them.

All sources are in async spelling. ``{wait}`` is ``await`` for a streamed result and nothing for a
buffered one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from asyncify.vocabulary.rows import LINES

FROM_20 = ("2.0", "2.1")
UP_TO_20 = ("1.4", "2.0")
ONLY_14 = ("1.4",)
ONLY_21 = ("2.1",)


@dataclass(frozen=True)
class MemberCase:
    """One use: ``receiver.name(arguments)``, or ``receiver.name`` where arguments are None.

    ``shows`` is the expression that is compared, ``value`` the value of the use in it. ``use``
    spells the use where it isn't a dotted name, ``streamed_use`` the one of an awaiting row, and
    ``sync`` its sync form where that is another member. ``raises`` names the exception that both
    forms raise.
    """

    name: str
    arguments: str | None = None
    shows: str = "value"
    setup: str = "pass"
    use: str = ""
    streamed_use: str = ""
    sync: str = ""
    raises: str = ""
    lines: tuple[str, ...] = LINES
    legacy: bool = False
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.kind}.{self.name}"


def attribute(name: str, shows: str = "value", **other: object) -> MemberCase:
    return MemberCase(name, None, shows, **other)  # type: ignore[arg-type]


def call(name: str, arguments: str = "", shows: str = "value", **other: object) -> MemberCase:
    return MemberCase(name, arguments, shows, **other)  # type: ignore[arg-type]


COUNT = "await session.scalar(select(func.count(User.id)))"
FLUSHED = f"(await session.flush(), {COUNT})[1]"
ADDED = "session.add(User(id=9))"
USER = "user = await session.get(User, 2)"
RENAMED = USER + "; user.name = 'x'"
KIND = "type(value).__name__.removeprefix('Async')"
IDS = "(await value.execute(select(User.id).order_by(User.id))).all()"
NESTED = "await session.begin_nested()"

SESSIONS = (
    call("add", "User(id=9)", FLUSHED),
    call("add_all", "[User(id=9), User(id=10)]", FLUSHED),
    call("begin", "", COUNT),
    call("begin_nested", "", COUNT),
    attribute("bind", KIND),
    attribute("binds", "len(value)", lines=ONLY_21),
    call("bulk_insert_mappings", "User, [{'id': 9, 'name': 'n'}, {'id': 10}]", COUNT),
    call("bulk_save_objects", "[User(id=9, name='n')]", COUNT),
    call(
        "bulk_update_mappings",
        "User, [{'id': 1, 'name': 'n'}]",
        "await session.scalar(select(User.name).where(User.id == 1))",
    ),
    call("close", setup=COUNT),
    call("close_all", setup=COUNT, sync="close_every_session()"),
    call("commit", "", COUNT, setup=ADDED),
    call("connection", "", IDS),
    call(
        "delete",
        "user",
        "(await session.flush(), await session.scalar(select(func.count(Address.id))))",
        setup=USER,
    ),
    call("delete_all", "[user]", FLUSHED, setup=USER, lines=ONLY_21),
    attribute("deleted", "len(value)", setup=USER + "; await session.delete(user)"),
    attribute("dirty", "len(value)", setup=RENAMED),
    call("execute", "select(User).order_by(User.id)", "value.scalars().all()"),
    attribute("execution_options", "dict(value)", lines=ONLY_21),
    call("expire", "user", "user in session", setup=USER),
    call("expire_all", "", "user in session", setup=USER),
    call("expunge", "user", "user in session", setup=USER),
    call("expunge_all", "", "user in session", setup=USER),
    call("flush", "", COUNT, setup=ADDED),
    call("get", "User, 2"),
    call("get_one", "User, 2", lines=FROM_20),
    call("get_one", "User, 99", raises="NoResultFound", lines=FROM_20),
    call("get_bind", "", "type(value).__name__"),
    call("identity_key", "User, 1", "value[1]"),
    attribute("identity_map", "len(value)", setup=USER),
    attribute("info"),
    attribute("is_active"),
    call("is_modified", "user", setup=RENAMED),
    call("merge", "User(id=2, name='merged')", "(value, value.name)"),
    call("merge_all", "[User(id=2, name='merged')]", "value[0].name", lines=ONLY_21),
    attribute("new", "len(value)", setup=ADDED),
    attribute("no_autoflush", COUNT, setup=ADDED),
    call("object_session", "user", KIND, setup=USER),
    call("query", "User", "type(value).__name__"),
    call("refresh", "user", "user.name", setup=RENAMED),
    call("refresh", "user, ['name']", "user.name", setup=RENAMED),
    call("reset", setup=COUNT, lines=FROM_20),
    call("rollback", "", COUNT, setup=ADDED + "; await session.flush()"),
    call("scalar", "select(User.name).where(User.id == 2)"),
    call("scalars", "select(User).order_by(User.id)", "value.all()"),
    attribute("autoflush"),
    attribute("autocommit", lines=ONLY_14),
    MemberCase("__contains__", use="user in session", setup=USER),
    MemberCase("__iter__", use="session", setup=USER),
    call("aclose", sync="session.close()", setup=COUNT, lines=FROM_20),
    call("get_async_bind", "", KIND, sync="session.bind", lines=ONLY_21),
    call(
        "stream",
        "select(User.id)",
        "[each async for each in value]",
        sync="session.execute(select(User.id))",
    ),
    call(
        "stream_scalars",
        "select(User.id)",
        "[each async for each in value]",
        sync="session.scalars(select(User.id))",
    ),
)

SESSION = (
    call("bind_mapper", "User, engine", COUNT),
    call("bind_table", "User.__table__, engine", COUNT),
    attribute("autobegin", lines=FROM_20),
    attribute("dispatch", "type(value).__name__"),
    call("enable_relationship_loading", "user", setup="user = User(id=2)"),
    attribute("enable_baked_queries"),
    attribute("expire_on_commit"),
    attribute("future", lines=ONLY_14),
    call("get_nested_transaction", "", "value.is_active", setup=NESTED),
    call("get_transaction", "", "value.is_active", setup=NESTED),
    attribute("hash_key", "type(value).__name__"),
    call("in_nested_transaction", setup=NESTED),
    call("in_transaction", setup=COUNT),
    call("invalidate", setup=COUNT),
    attribute("join_transaction_mode", lines=FROM_20),
    call("prepare", setup=COUNT, raises="InvalidRequestError"),
    attribute("transaction", "value.is_active", setup=COUNT, lines=ONLY_14),
    attribute("twophase"),
    MemberCase("__enter__", use="make_session(engine)", shows=IDS),
    MemberCase("__exit__", use="make_session(engine)", shows=IDS),
    MemberCase("__aenter__", use="make_session(engine)", shows=IDS),
    MemberCase("__aexit__", use="make_session(engine)", shows=IDS),
    call(
        "run_sync",
        "lambda bind: bind.scalar(select(func.count(User.id)))",
        sync="(lambda bind: bind.scalar(select(func.count(User.id))))(session)",
    ),
    attribute("sync_session", "type(value).__name__", sync="session"),
    attribute("sync_session_class", "value.__name__", sync="type(session)"),
)

SCOPED = (
    MemberCase("__call__", use="session()", shows=KIND),
    call("configure", "expire_on_commit=False"),
    call("invalidate", sync="session().invalidate()", setup=COUNT),
    attribute("registry", "(value() is session())"),
    call("remove", setup=COUNT),
    attribute("session_factory", "callable(value)"),
)

FACTORY = (
    MemberCase("__call__", use="factory()", shows=f"({KIND}, await value.close())[0]"),
    call("begin", "", IDS),
    call("configure", "expire_on_commit=False", "factory.kw['expire_on_commit']"),
    call("close_all", sync="close_every_session()"),
    call("identity_key", "User, 1", "value[1]"),
    call("object_session", "User(id=9)"),
    attribute("kw", "type(value)"),
    attribute("class_", "isinstance(value, type)"),
)

ACTIVE = "transaction.is_active"

TRANSACTIONS = (
    call("commit", "", ACTIVE),
    call("rollback", "", ACTIVE),
    attribute("is_active"),
    attribute("sync_transaction", "value.is_active", sync="transaction"),
)

TRANSACTION = (
    MemberCase(
        "start",
        use="connection.begin_nested()",
        streamed_use="await connection.begin_nested().start()",
        shows="value.is_active",
    ),
    call("close", "", ACTIVE),
    attribute("connection", IDS),
    attribute("is_valid"),
    attribute("nested", sync="False"),
    MemberCase("__enter__", use="connection.begin_nested()", shows="value.is_active"),
    MemberCase("__exit__", use="connection.begin_nested()", shows="value.is_active"),
    MemberCase("__aenter__", use="connection.begin_nested()", shows="value.is_active"),
    MemberCase("__aexit__", use="connection.begin_nested()", shows="value.is_active"),
)

SESSION_TRANSACTION = (
    MemberCase(
        "start",
        use="session.begin_nested()",
        streamed_use="await session.begin_nested().start()",
        shows="value.is_active",
    ),
    call("bound_connection", "User", IDS, setup=COUNT, lines=ONLY_21),
    attribute("connections", "len(value)", setup=COUNT, lines=ONLY_21),
    attribute("nested"),
    attribute("origin", "value.name", lines=FROM_20),
    attribute("parent"),
    attribute("session", "value is session"),
    MemberCase("__enter__", use="session.begin_nested()", shows="value.is_active"),
    MemberCase("__exit__", use="session.begin_nested()", shows="value.is_active"),
    MemberCase("__aenter__", use="session.begin_nested()", shows="value.is_active"),
    MemberCase("__aexit__", use="session.begin_nested()", shows="value.is_active"),
)

ENGINE = (
    call("begin", "", IDS),
    call("connect", "", IDS),
    call("clear_compiled_cache"),
    attribute("dialect", "value.name"),
    attribute("dispatch", "type(value).__name__"),
    call("dispose"),
    attribute("driver", "bool(value)"),
    attribute("echo"),
    attribute("engine", KIND),
    call("execution_options", "foo=1", "value.get_execution_options()['foo']"),
    call("get_execution_options", "", "dict(value)"),
    attribute("name"),
    call("raw_connection", "", "(value.is_valid, value.close())[0]"),
    call("update_execution_options", "foo=1", "engine.get_execution_options()['foo']"),
    attribute("pool", "type(value).__name__"),
    attribute("url", "value.get_backend_name()"),
    attribute("hide_parameters"),
    attribute("logger", "bool(value)"),
    attribute("logging_name"),
    call("execute", "text('select 1')", "value.scalar()", lines=ONLY_14, legacy=True),
    call("scalar", "text('select 1')", lines=ONLY_14, legacy=True),
    call("has_table", "'users'", lines=ONLY_14, legacy=True),
    call("table_names", lines=ONLY_14, legacy=True),
    call("transaction", "all_users", lines=ONLY_14, legacy=True),
    call("run_callable", "all_users", lines=ONLY_14, legacy=True),
    attribute("sync_engine", "type(value).__name__", sync="engine"),
)

INSERTED = "await connection.execute(insert(User).values(id=9))"
USERS = "await connection.scalar(select(func.count(User.id)))"
SELECT = "select(User.id).order_by(User.id)"

CONNECTION = (
    call("begin", "", USERS),
    call("begin_nested", "", USERS),
    call("close", "", "connection.closed"),
    attribute("closed"),
    call("commit", "", USERS, setup=INSERTED),
    call("commit_prepared", "'x'", raises="NotImplementedError"),
    attribute("connection", "value.is_valid"),
    attribute("default_isolation_level"),
    call("detach", "", USERS),
    attribute("dialect", "value.name"),
    attribute("dispatch", "type(value).__name__"),
    attribute("engine", KIND),
    call("exec_driver_sql", "'select 1'", "value.all()"),
    call("execute", SELECT, "value.all()"),
    call("execution_options", "foo=1", KIND),
    call("get_execution_options", "", "dict(value)"),
    call("get_isolation_level"),
    call("get_nested_transaction", "", "value.is_active", setup="await connection.begin_nested()"),
    call("get_transaction", "", "value.is_active", setup="await connection.begin()"),
    call("in_nested_transaction"),
    call("in_transaction", setup="await connection.begin()"),
    attribute("info"),
    call("invalidate", "", "connection.invalidated"),
    attribute("invalidated"),
    call("recover_twophase", raises="NotImplementedError"),
    call("rollback", "", USERS, setup=INSERTED),
    call("rollback_prepared", "'x'", raises="NotImplementedError"),
    call("run_callable", "all_users", lines=ONLY_14),
    call("scalar", SELECT),
    call("scalars", SELECT, "value.all()"),
    call("schema_for_object", "User.__table__"),
    attribute("should_close_with_result", lines=FROM_20),
    MemberCase("__enter__", use="engine.connect()", shows=IDS),
    MemberCase("__exit__", use="engine.connect()", shows=IDS),
    MemberCase("__aenter__", use="engine.connect()", shows=IDS),
    MemberCase("__aexit__", use="engine.connect()", shows=IDS),
    call("aclose", "", "connection.closed", sync="connection.close()", lines=FROM_20),
    call("get_raw_connection", "", "value.is_valid", sync="connection.connection"),
    call("run_sync", "all_users", sync="all_users(connection)"),
    MemberCase(
        "start",
        use="engine.connect()",
        streamed_use="await engine.connect().start()",
        shows="(await value.close(), value.closed)[1]",
    ),
    call(
        "stream",
        SELECT,
        "[each async for each in value]",
        sync=f"connection.execute({SELECT})",
    ),
    call(
        "stream_scalars",
        SELECT,
        "[each async for each in value]",
        sync=f"connection.scalars({SELECT})",
    ),
    attribute("sync_connection", "type(value).__name__", sync="connection"),
    attribute("sync_engine", "type(value).__name__", sync="engine"),
)

RAW_CONNECTION = (
    call("close"),
    call("commit"),
    call("cursor", shows="value is not None"),
    call("detach", shows="raw.is_valid"),
    call("invalidate", shows="raw.is_valid"),
    call("rollback"),
    attribute("dbapi_connection", "value is not None"),
    attribute("driver_connection", "value is not None"),
    attribute("connection", "value is not None"),
    attribute("info"),
    attribute("is_detached", lines=FROM_20),
    attribute("is_valid"),
    attribute("record_info"),
)

EVERY_RESULT = (
    call("all"),
    call("close", "", "result.closed"),
    attribute("closed"),
    call("fetchall"),
    call("fetchmany", "2"),
    call("first"),
    call("one", setup="result = result.yield_per(1)", raises="MultipleResultsFound"),
    call("one_or_none", raises="MultipleResultsFound"),
    call("partitions", "2", "[list(each) for each in value]"),
    call("unique", "", "{wait}value.all()"),
    call("yield_per", "2", "{wait}value.all()"),
    MemberCase("__iter__", use="result", shows="value"),
    MemberCase("__next__", use="next(result)", streamed_use="await anext(result)"),
)

KEYED = (
    call("columns", "1", "{wait}value.all()"),
    call("fetchone"),
    call("keys", "", "list(value)"),
)

RESULT = (
    call("freeze", "", "value().all()"),
    call("mappings", "", "{wait}value.first()"),
    call("scalar"),
    call("scalar_one", raises="MultipleResultsFound"),
    call("scalar_one_or_none", raises="MultipleResultsFound"),
    call("scalars", "", "{wait}value.all()"),
    attribute("t", "{wait}value.all()", lines=FROM_20),
    call("tuples", "", "{wait}value.all()", lines=FROM_20),
)

INSERT = "result = await connection.execute(insert(User).values(name='n'))"

RETURNING = "(insert(User).values(name='n').returning(User.id))"
INSERT_TWICE = (
    f"result = await connection.execute{RETURNING}; other = await connection.execute{RETURNING}"
)

BUFFERED = (
    call("merge", "other", "value.all()", setup="other = result.freeze()()"),
    MemberCase("__enter__", use="result", shows="value.all()", lines=FROM_20),
    MemberCase("__exit__", use="result", shows="value.all()", lines=FROM_20),
    call("splice_horizontally", "other", "len(value.all())", setup=INSERT_TWICE, lines=FROM_20),
    call("splice_vertically", "other", "len(value.all())", setup=INSERT_TWICE, lines=FROM_20),
    attribute("rowcount", setup=INSERT),
    attribute("lastrowid", setup=INSERT),
    attribute("inserted_primary_key", setup=INSERT),
    attribute("inserted_primary_key_rows", setup=INSERT),
    attribute("is_insert", setup=INSERT),
    call("last_inserted_params", setup=INSERT),
    call("lastrow_has_defaults", setup=INSERT),
    call("postfetch_cols", setup=INSERT),
    call("prefetch_cols", setup=INSERT),
    attribute("returned_defaults", setup=INSERT),
    attribute("returned_defaults_rows", setup=INSERT, raises="TypeError"),
    attribute("returns_rows", setup=INSERT),
    call("supports_sane_rowcount"),
    call("supports_sane_multi_rowcount"),
    attribute("connection", "type(value).__name__"),
    attribute("context", "value.isinsert"),
    attribute("dialect", "value.name"),
    call(
        "last_updated_params",
        setup="result = await connection.execute(update(User).values(name='n'))",
    ),
)

METADATA = (
    call("get_schema_object_by_name", "Table, 'x'", lines=ONLY_21),
    call("get_schema_objects", "Table", "len(value)", lines=ONLY_21),
    attribute("schemas", "type(value)", lines=ONLY_21),
    call("get_children", "", "len(value)", lines=ONLY_14),
    call("clear", setup="metadata = MetaData()"),
    call("create_all", "engine"),
    call("create_all", "engine, checkfirst=True"),
    call("drop_all", "engine"),
    call(
        "reflect", "engine, only=['users']", "list(metadata.tables)", setup="metadata = MetaData()"
    ),
    attribute("sorted_tables", "[each.name for each in value]"),
    attribute("tables", "len(value)"),
    attribute("info"),
    attribute("dispatch", "type(value).__name__"),
    attribute("naming_convention", "len(value)"),
    attribute("schema"),
    call("is_bound", lines=ONLY_14),
    call("remove", "Table('x', metadata)", setup="metadata = MetaData()"),
)

TABLE = (
    call("create", "engine, checkfirst=True"),
    call("drop", "engine"),
    call("exists", "engine", lines=ONLY_14),
)

OF_TABLE = (
    "get_check_constraints",
    "get_columns",
    "get_foreign_keys",
    "get_indexes",
    "get_pk_constraint",
    "get_unique_constraints",
    "has_table",
)
OF_SCHEMA = (
    "get_schema_names",
    "get_table_names",
    "get_temp_table_names",
    "get_temp_view_names",
    "get_view_names",
)
OF_SCHEMA_FROM_20 = (
    "get_sorted_table_and_fkc_names",
    "get_multi_check_constraints",
    "get_multi_columns",
    "get_multi_foreign_keys",
    "get_multi_indexes",
    "get_multi_pk_constraint",
    "get_multi_unique_constraints",
    "sort_tables_on_foreign_key_dependency",
)

INSPECTOR = (
    *(call(name, "'users'", "repr(value)") for name in OF_TABLE),
    *(call(name, "", "repr(value)") for name in OF_SCHEMA),
    *(call(name, "", "len(value)", lines=FROM_20) for name in OF_SCHEMA_FROM_20),
    call("get_table_options", "'users'"),
    call("get_table_comment", "'users'", raises="NotImplementedError"),
    call("get_sequence_names", raises="NotImplementedError"),
    call("has_sequence", "'x'", raises="NotImplementedError"),
    call("get_materialized_view_names", raises="NotImplementedError", lines=FROM_20),
    call("get_multi_table_comment", "", raises="NotImplementedError", lines=FROM_20),
    call("get_multi_table_options", "", "len(value)", lines=FROM_20),
    call("has_index", "'users', 'x'", lines=FROM_20),
    call("has_schema", "'main'", lines=FROM_20),
    call("has_multi_table", "['users', 'x']", "repr(value)", lines=ONLY_21),
    call(
        "reflect_table",
        "table, None",
        "[each.name for each in table.columns]",
        setup="table = Table('users', MetaData())",
    ),
    call(
        "reflecttable",
        "table, None",
        "[each.name for each in table.columns]",
        setup="table = Table('users', MetaData())",
        lines=ONLY_14,
    ),
    attribute("default_schema_name"),
)

BY_KIND: dict[str, tuple[MemberCase, ...]] = {
    "Session": SESSIONS + SESSION,
    "scoped_session": SESSIONS + SCOPED,
    "sessionmaker": FACTORY,
    "SessionTransaction": TRANSACTIONS + SESSION_TRANSACTION,
    "Engine": ENGINE,
    "Connection": CONNECTION,
    "Transaction": TRANSACTIONS + TRANSACTION,
    "RawConnection": RAW_CONNECTION,
    "Result": EVERY_RESULT + KEYED + RESULT + BUFFERED,
    "ScalarResult": EVERY_RESULT,
    "MappingResult": EVERY_RESULT + KEYED,
    "AsyncResult": EVERY_RESULT + KEYED + RESULT,
    "AsyncScalarResult": EVERY_RESULT,
    "AsyncMappingResult": EVERY_RESULT + KEYED,
    "MetaData": METADATA,
    "Table": TABLE,
    "Inspector": INSPECTOR,
}


def cases(line: str) -> Iterator[MemberCase]:
    """The cases of one line, each with its kind."""
    for kind, found in BY_KIND.items():
        for case in found:
            if line in case.lines:
                yield replace(case, kind=kind)
