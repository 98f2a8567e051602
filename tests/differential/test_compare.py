"""The comparison sees what it is there to see: each way in which a migration goes wrong."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tests.differential.compare import Run, differences
from tests.differential.run import run_program

SETUP = """
    import asyncio, os
    from sqlalchemy import create_engine, select, text
    from sqlalchemy.exc import MissingGreenlet, NoResultFound, StatementError
    from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
    from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
    from sqlalchemy.orm import relationship
    from sqlalchemy import ForeignKey

    class Base(DeclarativeBase):
        pass

    class Item(Base):
        __tablename__ = "items"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
        parent_id: Mapped[int | None] = mapped_column(ForeignKey("items.id"))
        parent: Mapped["Item | None"] = relationship(remote_side=[id])
"""
SYNC = """
    engine = create_engine(os.environ["DATABASE_URL"])

    def main():
        Base.metadata.create_all(engine)
        with Session(engine, expire_on_commit=False) as session:
            session.add_all([Item(id=1, name="a"), Item(id=2, name="b", parent_id=1)])
            session.commit()
            return program(session)
"""
ASYNC = """
    engine = create_async_engine(os.environ["DATABASE_URL"].replace("sqlite:", "sqlite+aiosqlite:"))
    Session = async_sessionmaker(engine, expire_on_commit=False)

    async def main():
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with Session() as session:
            session.add_all([Item(id=1, name="a"), Item(id=2, name="b", parent_id=1)])
            await session.commit()
            return await program(session)
"""


def ran(scratch: Path, name: str, *parts: str) -> Run:
    folder = scratch / name
    folder.mkdir()
    (folder / "main.py").write_text("\n".join(dedent(part) for part in parts), encoding="utf-8")
    return run_program(folder, scratch / f"{name}.json")


def compared(scratch: Path, before: str, after: str) -> str:
    one = ran(scratch, "before", SETUP, SYNC, before)
    other = ran(scratch, "after", SETUP, ASYNC, after)
    return "\n".join(differences(one, other))


ONE = """
    def program(session):
        return session.query(Item).filter(Item.name == "b").one().name
"""


def test_an_equal_migration_has_no_differences(tmp_path: Path) -> None:
    after = """
        async def program(session):
            result = await session.execute(select(Item).where(Item.name == "b"))
            return result.scalars().one().name
    """
    assert compared(tmp_path, ONE, after) == ""


WRONG = {
    "another result": (
        ONE,
        """
        async def program(session):
            result = await session.execute(select(Item).where(Item.name == "b"))
            return result.scalars().one().id
        """,
        "result \"'b'\" became '2'",
    ),
    "another statement": (
        ONE,
        """
        async def program(session):
            result = await session.execute(select(Item).where(Item.name == "b").limit(2))
            return result.scalars().one().name
        """,
        "LIMIT",
    ),
    "another parameter": (
        ONE,
        """
        async def program(session):
            await session.execute(select(Item).where(Item.name == "c"))
            return "b"
        """,
        "+SELECT items.id , items.name , items.parent_id FROM items WHERE items.name = ? <- ['c']",
    ),
    "a delete that isn't awaited": (
        """
        def program(session):
            session.delete(session.get(Item, 2))
            session.commit()
        """,
        """
        async def program(session):
            session.delete(await session.get(Item, 2))
            await session.commit()
        """,
        "fault: coroutine 'AsyncSession.delete' was never awaited",
    ),
    "a lazy load that is swallowed": (
        """
        def program(session):
            return session.query(Item).filter(Item.name == "b").one().parent.name
        """,
        """
        async def program(session):
            result = await session.execute(select(Item).where(Item.name == "b"))
            try:
                return result.scalars().one().parent.name
            except (MissingGreenlet, StatementError):
                return "a"
        """,
        "fault: MissingGreenlet",
    ),
    "a sync engine that is still used": (
        ONE,
        """
        from sqlalchemy.orm import Session as SyncSession

        async def program(session):
            with SyncSession(create_engine(os.environ["DATABASE_URL"])) as session:
                return session.query(Item).filter(Item.name == "b").one().name
        """,
        "1 statements ran on a sync connection",
    ),
    "a rollback for a commit": (
        """
        def program(session):
            session.add(Item(id=3, name="c"))
            session.commit()
        """,
        """
        async def program(session):
            session.add(Item(id=3, name="c"))
            await session.flush()
            await session.rollback()
        """,
        "table items: ",
    ),
    "an exception of another type": (
        """
        def program(session):
            return session.query(Item).filter(Item.name == "z").one()
        """,
        """
        async def program(session):
            result = await session.execute(select(Item).where(Item.name == "z"))
            return result.scalars().all()[0]
        """,
        "NoResultFound",
    ),
    "an exception at another place": (
        """
        def program(session):
            log = []
            session.query(Item).filter(Item.name == "z").one()
            log.append(1)
            log.append(2)
        """,
        """
        async def program(session):
            log = []
            result = await session.execute(select(Item).where(Item.name == "z"))
            log.append(1)
            result.scalars().one()
            log.append(2)
        """,
        "NoResultFound moved from line",
    ),
    "an exception in another function": (
        """
        def find(session):
            return session.query(Item).filter(Item.name == "z").one()

        def program(session):
            return find(session)
        """,
        """
        async def find(session):
            return await session.execute(select(Item).where(Item.name == "z"))

        async def program(session):
            return (await find(session)).scalars().one()
        """,
        "moved from find() to program()",
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), WRONG.values(), ids=WRONG)
def test_a_wrong_migration_is_seen(tmp_path: Path, before: str, after: str, expected: str) -> None:
    assert expected in compared(tmp_path, before, after)
