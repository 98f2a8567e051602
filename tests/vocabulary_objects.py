"""A small schema, and one live object of every class that the vocabulary describes.

Everything here runs on SQLAlchemy 1.4, 2.0 and 2.1, so that the same tests prove the tables on
each line. On 1.4 the sync side is in 2.0 style (``future=True``), as the async side always is.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from typing import Any, TypeVar

import sqlalchemy
from sqlalchemy import Column, ForeignKey, Integer, String, event, inspect, orm, select
from sqlalchemy.engine import Engine
from sqlalchemy.ext import asyncio as async_sqlalchemy
from sqlalchemy.pool import StaticPool

T = TypeVar("T")

VERSION = tuple(int(part) for part in sqlalchemy.__version__.split(".")[:2])
LINE = "1.4" if VERSION < (2, 0) else "2.0" if VERSION < (2, 1) else "2.1"
FUTURE: dict[str, Any] = {"future": True} if LINE == "1.4" else {}

Base: Any = orm.declarative_base()


class User(Base):  # type: ignore[misc]
    __tablename__ = "users"

    id = Column(Integer, primary_key=True)
    name = Column(String)
    age = Column(Integer)
    addresses = orm.relationship(
        "Address", back_populates="user", cascade="all, delete-orphan", order_by="Address.id"
    )
    posts = orm.relationship("Post", back_populates="author")


class Address(Base):  # type: ignore[misc]
    __tablename__ = "addresses"

    id = Column(Integer, primary_key=True)
    user_id: Any = Column(ForeignKey("users.id"))
    name = Column(String)
    email = Column(String)
    user = orm.relationship("User", back_populates="addresses")


class Post(Base):  # type: ignore[misc]
    __tablename__ = "posts"

    id = Column(Integer, primary_key=True)
    author_id: Any = Column(ForeignKey("users.id"))
    title = Column(String)
    author = orm.relationship("User", back_populates="posts")


def rows() -> list[Any]:
    """The rows that every test starts from: the second user has three addresses, the last none."""
    return [
        User(id=1, name="jack", age=20),
        User(id=2, name="ed", age=30),
        User(id=3, name="fred", age=40),
        User(id=4, name="chuck", age=30),
        Address(id=1, user_id=1, name="ed", email="jack@x"),
        Address(id=2, user_id=2, name="home", email="ed@x"),
        Address(id=3, user_id=2, name="work", email="ed@y"),
        Address(id=4, user_id=2, name="home", email="ed@z"),
        Address(id=5, user_id=3, name="home", email="fred@x"),
        Post(id=1, author_id=1, title="first"),
        Post(id=2, author_id=2, title="second"),
    ]


Statements = list[tuple[str, Any]]
CONTROL = ("begin", "commit", "rollback")


@contextmanager
def recording(engine: Engine) -> Iterator[Statements]:
    """The statements that the engine is sent, with their parameters."""
    seen: Statements = []

    def record(_c: Any, _k: Any, statement: str, parameters: Any, _x: Any, _many: bool) -> None:
        seen.append((statement, parameters))

    listeners: list[tuple[str, Any]] = [("before_cursor_execute", record)]
    listeners += [(name, lambda _c, name=name: seen.append((name, ()))) for name in CONTROL]
    for name, listener in listeners:
        event.listen(engine, name, listener)
    yield seen
    for name, listener in listeners:
        event.remove(engine, name, listener)


@functools.cache
def script() -> str:
    """The tables and rows as SQL: a new database takes it faster than the mapped objects."""
    engine = sqlalchemy.create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        session.add_all(rows())
        session.commit()
    raw: Any = engine.raw_connection()
    return "\n".join(raw.driver_connection.iterdump())


def sync_engine(**options: Any) -> Engine:
    """An in-memory database with the rows."""
    options = {"poolclass": StaticPool, **FUTURE, **options}
    engine = sqlalchemy.create_engine("sqlite://", **options)
    raw: Any = engine.raw_connection()
    raw.driver_connection.executescript(script())
    raw.close()
    return engine


@asynccontextmanager
async def async_engine(**options: Any) -> AsyncIterator[async_sqlalchemy.AsyncEngine]:
    """The same for the async side."""
    engine = async_sqlalchemy.create_async_engine("sqlite+aiosqlite://", **options)
    async with engine.connect() as connection:
        raw: Any = await connection.get_raw_connection()
        await raw.driver_connection.executescript(script())
    try:
        yield engine
    finally:
        await engine.dispose()


def on_engine(program: Callable[[Engine], T], **options: Any) -> tuple[T, Statements]:
    """What a sync program gives, and its statements."""
    engine = sync_engine(**options)
    with recording(engine) as seen:
        return program(engine), seen


def on_async_engine(
    program: Callable[[async_sqlalchemy.AsyncEngine], Awaitable[T]],
) -> tuple[T, Statements]:
    """What an async program gives, and its statements."""

    async def run() -> tuple[T, Statements]:
        async with async_engine() as engine:
            with recording(engine.sync_engine) as seen:
                return await program(engine), seen

    return asyncio.run(run())


def in_session(program: Callable[[orm.Session], T]) -> tuple[T, Statements]:
    """The same for a program that takes a session."""

    def run(engine: Engine) -> T:
        with orm.Session(engine, **FUTURE) as session:
            return program(session)

    return on_engine(run)


def in_async_session(
    program: Callable[[async_sqlalchemy.AsyncSession], Awaitable[T]],
) -> tuple[T, Statements]:
    """The same for a program that takes an async session."""

    async def run(engine: async_sqlalchemy.AsyncEngine) -> T:
        async with session_of(engine) as session:
            return await program(session)

    return on_async_engine(run)


def session_of(engine: async_sqlalchemy.AsyncEngine) -> async_sqlalchemy.AsyncSession:
    """An async session as migrated code makes it."""
    return async_sqlalchemy.AsyncSession(engine, expire_on_commit=False)


def sync_factory(engine: Engine) -> Any:
    """A sync session factory."""
    return orm.sessionmaker(engine, **FUTURE)


def async_factory(engine: async_sqlalchemy.AsyncEngine) -> Any:
    """An async session factory, as each line spells it."""
    if LINE == "1.4":
        make: Any = orm.sessionmaker
        return make(engine, class_=async_sqlalchemy.AsyncSession, expire_on_commit=False)
    return async_sqlalchemy.async_sessionmaker(engine, expire_on_commit=False)


@contextmanager
def sync_objects() -> Iterator[dict[str, Any]]:
    """One live sync object per kind."""
    with ExitStack() as stack:
        engine = sync_engine()
        connection = stack.enter_context(engine.connect())
        session = stack.enter_context(orm.Session(engine, **FUTURE))
        factory = sync_factory(engine)
        found = connection.execute(select(User.__table__))
        yield {
            "Session": session,
            "scoped_session": orm.scoped_session(factory),
            "sessionmaker": factory,
            "Engine": engine,
            "Connection": connection,
            "Transaction": connection.get_transaction() or connection.begin(),
            "SessionTransaction": session.begin(),
            "RawConnection": stack.enter_context(closing(engine.raw_connection())),
            "Result": found,
            "ScalarResult": connection.execute(select(User.__table__)).scalars(),
            "MappingResult": connection.execute(select(User.__table__)).mappings(),
            "MetaData": sqlalchemy.MetaData(),
            "Table": User.__table__,
            "Inspector": inspect(engine),
            "Query": session.query(User),
        }


@contextmanager
def closing(connection: T) -> Iterator[T]:
    """A raw connection that goes back to its pool."""
    yield connection
    connection.close()  # type: ignore[attr-defined]


@asynccontextmanager
async def async_objects() -> AsyncIterator[dict[str, Any]]:
    """One live async object per kind, the kinds named as those of the sync objects."""
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(async_engine())
        connection = await stack.enter_async_context(engine.connect())
        session = await stack.enter_async_context(session_of(engine))
        factory = async_factory(engine)
        yield {
            "Session": session,
            "scoped_session": async_sqlalchemy.async_scoped_session(factory, asyncio.current_task),
            "sessionmaker": factory,
            "Engine": engine,
            "Connection": connection,
            "Transaction": await connection.begin(),
            "SessionTransaction": await session.begin(),
            "AsyncResult": await connection.stream(select(User.__table__)),
            "AsyncScalarResult": (await connection.stream(select(User.__table__))).scalars(),
            "AsyncMappingResult": (await connection.stream(select(User.__table__))).mappings(),
            "Result": await connection.execute(select(User.__table__)),
            "ScalarResult": (await connection.execute(select(User.__table__))).scalars(),
            "MappingResult": (await connection.execute(select(User.__table__))).mappings(),
        }
