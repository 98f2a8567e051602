"""Every member, executed: its use on the sync object, and what its row makes of it on the async
object, give the same result by the same statements."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import orm
from sqlalchemy.ext import asyncio as async_sqlalchemy
from sqlalchemy.util import greenlet_spawn

from asyncify.vocabulary import names
from asyncify.vocabulary.rows import Form, Member
from tests import vocabulary_objects as objects
from tests.test_vocabulary_query import Raised, plain, spelled
from tests.vocabulary_member_cases import MemberCase, cases
from tests.vocabulary_objects import LINE, Address, Base, Post, User, on_async_engine, on_engine
from tests.vocabulary_render import Use, define, to_sync


def all_users(bind: Any) -> list[Any]:
    return list(bind.execute(sqlalchemy.select(User.id).order_by(User.id)).all())


COMMON: dict[str, Any] = {
    **{name: getattr(sqlalchemy, name) for name in sqlalchemy.__dict__ if name[0] != "_"},
    "User": User,
    "Address": Address,
    "Post": Post,
    "all_users": all_users,
    "metadata_of": lambda: Base.metadata,
}
SYNC = {
    **COMMON,
    "make_session": lambda engine: orm.Session(engine, expire_on_commit=False, **objects.FUTURE),
    "make_factory": objects.sync_factory,
    "make_registry": lambda engine: orm.scoped_session(objects.sync_factory(engine)),
    "make_inspector": sqlalchemy.inspect,
    "close_every_session": orm.close_all_sessions,
}
ASYNC = {
    **COMMON,
    **{
        name: getattr(async_sqlalchemy, name, None)
        for name in ("AsyncSession", "async_object_session", "close_all_sessions")
    },
    **({} if LINE != "1.4" else {"close_all_sessions": orm.close_all_sessions}),
    "run_sync": greenlet_spawn,
    "make_session": objects.session_of,
    "make_factory": objects.async_factory,
    "make_registry": lambda engine: async_sqlalchemy.async_scoped_session(
        objects.async_factory(engine), asyncio.current_task
    ),
    "make_inspector": lambda engine: None,
}

WITH_CONNECTION = "async with engine.connect() as connection:"
WITH_SESSION = "async with make_session(engine) as session:"
RESULT = "result = await connection.{fetch}(select(User.id, User.name).order_by(User.id))"

# kind -> the name of the receiver, and the lines around the use; the last may open a block.
AROUND: dict[str, tuple[str, tuple[str, ...]]] = {
    "Session": ("session", (WITH_SESSION,)),
    "scoped_session": ("session", ("session = make_registry(engine)", "try:")),
    "sessionmaker": ("factory", ("factory = make_factory(engine)", "if True:")),
    "SessionTransaction": (
        "transaction",
        (WITH_SESSION, "    transaction = await session.begin()", "    if True:"),
    ),
    "Engine": ("engine", ("if True:",)),
    "Connection": ("connection", (WITH_CONNECTION,)),
    "Transaction": (
        "transaction",
        (WITH_CONNECTION, "    transaction = await connection.begin()", "    if True:"),
    ),
    "RawConnection": (
        "raw",
        (WITH_CONNECTION, "    raw = await engine.raw_connection()", "    try:"),
    ),
    "Result": ("result", (WITH_CONNECTION, "    " + RESULT, "    if True:")),
    "ScalarResult": (
        "result",
        (WITH_CONNECTION, "    " + RESULT, "    result = result.scalars()", "    if True:"),
    ),
    "MappingResult": (
        "result",
        (WITH_CONNECTION, "    " + RESULT, "    result = result.mappings()", "    if True:"),
    ),
    "MetaData": ("metadata", ("metadata = metadata_of()", "if True:")),
    "Table": ("table", ("table = metadata_of().tables['posts']", "if True:")),
    "Inspector": ("inspector", ("inspector = make_inspector(engine)", "if True:")),
}
AFTER = {
    "scoped_session": ("finally:", "    await session.remove()"),
    "RawConnection": ("    finally:", "        raw.close()"),
}

WAYS = {
    Form.AWAIT_OR_WITH: ("await", "async with"),
    Form.WITH: ("async with",),
    Form.SYNC_WITH: ("with",),
    Form.FOR: ("async for",),
    Form.ON_CONNECTION: ("on a connection",),
}


def row_of(case: MemberCase) -> Member:
    row = names.TABLES[case.kind].member(case.name, LINE)
    assert row is not None
    return row


def indented(depth: int, lines: list[str]) -> list[str]:
    return ["    " * depth + line for line in lines]


def body(way: str, expression: str, shows: str, opened_by: str) -> list[str]:
    """The use, in one of the ways in which its form can be written, and what it shows."""
    if way.endswith("with"):
        return [f"{way} {expression} as value:", f"    return value, {shows}"]
    if way == "async for":
        return [f"value = [each async for each in {expression}]", f"return value, {shows}"]
    if way == "on a connection":
        return [
            f"async with engine.{opened_by}() as connection:",
            f"    value = {expression}",
            f"return value, {shows}",
        ]
    awaited = "await " * (way == "await")
    return [f"value = {awaited}{expression}", f"return value, {shows}"]


def program(case: MemberCase, way: str, expression: str) -> str:
    """A program around one use, in async spelling."""
    streamed = case.kind.startswith("Async")
    _, before = AROUND[case.kind.removeprefix("Async")]
    opened = 1 + len(before[-1]) - len(before[-1].lstrip())
    depth = 1 + (opened + 3) // 4
    shows = case.shows.replace("{wait}", "await " * streamed)
    lines = [
        "async def program(engine):",
        *indented(
            1, [line.replace("{fetch}", "stream" if streamed else "execute") for line in before]
        ),
        *indented(depth, [case.setup, *body(way, expression, shows, row_of(case).opened_by)]),
        *indented(1, list(AFTER.get(case.kind, ()))),
    ]
    return "\n".join(lines)


def sync_program(case: MemberCase, way: str) -> str:
    receiver, _ = AROUND[case.kind.removeprefix("Async")]
    use = Use(names.TABLES[case.kind], row_of(case), receiver, case.arguments)
    way = "plain" if way == "on a connection" else way
    source = program(case, way, case.sync or special(case, way) or use.sync())
    return to_sync(source).replace(".stream(", ".execute(")


def async_program(case: MemberCase, way: str) -> str:
    receiver, _ = AROUND[case.kind.removeprefix("Async")]
    row = row_of(case)
    use = Use(names.TABLES[case.kind], row, receiver, case.arguments)
    if row.form is Form.AWAIT and case.streamed_use:
        return program(case, way, case.streamed_use)
    return program(case, way, special(case, way) or use.expression())


def special(case: MemberCase, way: str) -> str:
    """The use of a method that isn't called by its name."""
    listed = case.name == "__iter__" and way == "plain"
    return f"list({case.use})" if listed else case.use


KINDS_OF_VALUES: dict[str, Callable[[Any], bool]] = {
    "": lambda value: True,
    "none": lambda value: value is None,
    "configured": lambda value: value is None,
    "bool": lambda value: isinstance(value, bool),
    "int": lambda value: isinstance(value, int),
    "value": lambda value: True,
    "applied": lambda value: True,
    "values": lambda value: not isinstance(value, (str, dict)) and hasattr(value, "__iter__"),
    "self": lambda value: True,
    "entity": lambda value: value is None or isinstance(value, Base),
    "entities": lambda value: all(isinstance(each, Base) for each in value),
    "Row": lambda value: value is None or isinstance(value, sqlalchemy.engine.Row),
    "rows": lambda value: all(isinstance(each, sqlalchemy.engine.Row) for each in value),
}


def is_of(value: Any, word: str) -> bool:
    """Whether a value is what the word of a row says."""
    if word in KINDS_OF_VALUES:
        return KINDS_OF_VALUES[word](value)
    if word == "RawCursor":
        return hasattr(value, "fetchall")
    kind = word.removeprefix("Sync")  # one of the tables, or a class by its name
    found = [objects_named(name) for name in names.SPELLINGS.get(kind, (kind,))]
    classes = tuple(each for each in found if isinstance(each, type))
    return value is None or not classes or isinstance(value, classes)


def objects_named(name: str) -> Any:
    from tests.test_vocabulary import resolve

    return resolve(name)


def outcome(result: tuple[Any, Any], word: str) -> Any:
    value, shown = result
    assert is_of(value, word), f"{type(value)} isn't {word}"
    return plain(shown)


def run_sync_side(case: MemberCase, way: str, word: str) -> Any:
    function = define(sync_program(case, way), SYNC)

    def run(engine: Any) -> Any:
        try:
            return outcome(function(engine), word)
        except AssertionError:
            raise
        except Exception as error:
            return Raised(type(error).__name__)

    return on_engine(run, **({"future": False} if case.legacy else {}))


def run_async_side(case: MemberCase, way: str, word: str) -> Any:
    function = define(async_program(case, way), ASYNC)

    async def run(engine: Any) -> Any:
        try:
            return outcome(await function(engine), word)
        except AssertionError:
            raise
        except Exception as error:
            return Raised(type(error).__name__)

    return on_async_engine(run)


def combinations() -> list[tuple[MemberCase, str]]:
    return [
        (case, way)
        for case in cases(LINE)
        if row_of(case).form is not Form.REFUSE
        for way in WAYS.get(row_of(case).form, ("plain",))
    ]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("case", "way"), combinations(), ids=str)
def test_same_result_by_the_same_statements(case: MemberCase, way: str) -> None:
    row = row_of(case)
    word = "" if case.sync or case.use else row.returns
    expected, before = run_sync_side(case, way, word)
    word = "" if case.use else row.async_returns or row.returns
    actual, after = run_async_side(case, way, word)
    assert (expected if isinstance(expected, Raised) else "") == case.raises, sync_program(
        case, way
    )
    if case.legacy or case.kind == "Inspector":  # these don't begin, or for each statement anew
        before, after = without_control(before), without_control(after)
    assert (actual, spelled(after)) == (expected, spelled(before)), async_program(case, way)


def without_control(statements: objects.Statements) -> objects.Statements:
    return [each for each in statements if each[0] not in objects.CONTROL]


# Why a row of a form that can be run isn't.
UNEXECUTED = {
    ("Session", "connection_callable"): "internal",
    ("Session", "exec"): "of another library",
    ("scoped_session", "exec"): "of another library",
    ("Inspector", "get_sorted_table_and_fkc_names"): "on 1.4 in the order of a set",
    ("Inspector", "get_view_definition"): "no view",
    ("Inspector", "get_domains"): "on PostgreSQL",
    ("Inspector", "get_enums"): "on PostgreSQL",
    ("Inspector", "get_foreign_table_names"): "on PostgreSQL",
    ("Inspector", "get_table_oid"): "on PostgreSQL",
    ("Inspector", "has_type"): "on PostgreSQL",
}


def test_every_row_is_executed_or_says_why_not() -> None:
    run = {(case.kind, case.name) for case, _ in combinations()}
    missing = set()
    for kind, table in names.TABLES.items():
        if kind not in {case.kind for case in cases(LINE)}:
            continue
        for each in table.members:
            row = table.member(each.name, LINE)
            assert row is not None
            if row.form is Form.REFUSE:
                assert row.note, f"{kind}.{row.name}"
            elif LINE in (*each.sync_lines, *each.async_lines) and row.note != "internal":
                missing.add((kind, row.name))
    assert sorted(missing - run - set(UNEXECUTED)) == []


async def entered(awaited: Any) -> str:
    try:
        async with awaited:
            return ""
    except sqlalchemy.exc.InvalidRequestError as error:
        return type(error).__name__


async def enter_awaited(engine: Any) -> list[str]:
    """Enter what was awaited before."""
    connection = await engine.connect()
    session = objects.session_of(engine)
    raised = [
        await entered(connection),
        await entered(await connection.begin()),
        await entered(await session.begin()),
    ]
    await session.close()
    await connection.close()
    return raised


@pytest.mark.filterwarnings("ignore")
def test_what_was_awaited_cannot_be_entered() -> None:
    """The sync objects can: ``transaction = connection.begin()`` and ``with transaction:``."""
    for kind in ("Connection", "Transaction", "SessionTransaction"):
        row = names.TABLES[kind].member("__enter__")
        assert row is not None and "awaited before" in row.note
    assert on_async_engine(enter_awaited)[0] == ["InvalidRequestError"] * 3
