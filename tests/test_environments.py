"""Alembic's env.py with an async engine, as ``alembic = "async"`` asks for it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from asyncify.source.environments import with_migrations_function
from tests.engine import migrate, write

DATABASE = """\
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

engine = create_engine("sqlite:///notes.db")
SessionLocal = sessionmaker(engine)


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)


def add(db: Session) -> None:
    db.add(Note())
    db.commit()
"""
OWN_ENGINE = """\
    connectable = engine_from_config(
        config.get_section(config.config_ini_section, {}),
        prefix="sqlalchemy.",
        poolclass=pool.NullPool,
    )
"""
ENV = """\
from alembic import context
from sqlalchemy import engine_from_config, pool

from notes.database import Base, engine

config = context.config
target_metadata = Base.metadata


def run_migrations_offline() -> None:
    url = config.get_main_option("sqlalchemy.url")
    context.configure(url=url, target_metadata=target_metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
{engine}
    with connectable.connect() as connection:
        context.configure(connection=connection, target_metadata=target_metadata)

        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
"""
MIGRATION = """\
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True))
"""
INI = """\
[alembic]
script_location = migrations
prepend_sys_path = .
sqlalchemy.url = sqlite:///notes.db
"""


@pytest.mark.parametrize(
    "engine", [OWN_ENGINE, "    connectable = engine\n"], ids=["own engine", "the program's"]
)
def test_environment_connects_through_an_async_engine(engine: str, tmp_path: Path) -> None:
    pytest.importorskip("alembic")
    pytest.importorskip("aiosqlite")
    _write(tmp_path, ENV.replace("{engine}", engine))
    outcome = migrate(tmp_path)
    assert not outcome.failed
    write(tmp_path, outcome)
    text = (tmp_path / "migrations" / "env.py").read_text()
    assert "asyncio.run(run_migrations_online())" in text
    assert "await connection.run_sync(do_run_migrations)" in text
    assert "import create_engine" not in text
    assert not migrate(tmp_path).changes
    _alembic(tmp_path, "upgrade", "head")
    with closing(sqlite3.connect(tmp_path / "notes.db")) as database:
        assert database.execute("select count(*) from notes").fetchone() == (0,)
    assert "CREATE TABLE notes" in _alembic(tmp_path, "upgrade", "head", "--sql")


def _write(folder: Path, env: str) -> None:
    files = {
        "pyproject.toml": '[project]\nname = "notes"\n[tool.asyncify]\nalembic = "async"\n',
        "alembic.ini": INI,
        "notes/__init__.py": "",
        "notes/database.py": DATABASE,
        "migrations/env.py": env,
        "migrations/versions/0001.py": MIGRATION,
    }
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def _alembic(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-m", "alembic", *words],
        cwd=folder, text=True, capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    assert not done.returncode, done.stderr
    return done.stdout


ONLINE = ENV.replace("{engine}", "    connectable = engine\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "def broken(:\n",
        ONLINE.replace("connectable = engine", 'connectable = config.attributes["connection"]'),
        ONLINE.replace(
            "            context.run_migrations()\n\n\nif", "            return\n\n\nif"
        ),
        ONLINE.replace("connectable.connect() as", "connectable as"),
        ONLINE + "\n\ndef do_run_migrations():\n    pass\n",
    ],
    ids=["empty", "broken", "given", "elsewhere", "no connection opened", "name taken"],
)
def test_left_alone(text: str) -> None:
    assert with_migrations_function(text) is None
