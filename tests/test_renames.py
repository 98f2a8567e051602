"""New names by option: what can't be renamed is left as it is, and said."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncify.analysis.sides import beside_name, source_beside_name
from tests.engine import described, migrate

CONFIG = """
[tool.asyncify]
factory-names = "deprecate"
rename-classes = { %s = "AsyncExecutor" }
"""
JOBS = """
from sqlalchemy import create_engine, text
from sqlalchemy.orm import sessionmaker

engine = create_engine("sqlite:///jobs.db")
SessionLocal = sessionmaker(engine)


class Executor:
    def run(self) -> int:
        with SessionLocal() as db:
            return db.scalar(text("SELECT 1"))
"""


def jobs(folder: Path, name: str, more: str = "") -> tuple[str, list[str]]:
    """The text of the module after its migration, and what is said about names."""
    (folder / "pyproject.toml").write_text(CONFIG % name)
    (folder / "jobs.py").write_text(JOBS + more)
    outcome = migrate(folder)
    said = [line.partition("ASY504 ")[2] for line in described(outcome) if "ASY504" in line]
    return outcome.changes[0].after.decode(), said


@pytest.mark.parametrize("name", ["Executor", '"jobs:Executor"', '"jobs.Executor"'])
def test_a_class_is_named_alone_or_with_its_module(name: str, tmp_path: Path) -> None:
    text, said = jobs(tmp_path, name)
    assert "class AsyncExecutor:" in text and "AsyncSessionLocal()" in text
    assert not said


def test_a_class_that_is_not_there(tmp_path: Path) -> None:
    text, said = jobs(tmp_path, '"other.Executor"')
    assert "class Executor:" in text
    assert said == ['`rename-classes` names "other.Executor", which is no class of the program.']


def test_a_name_that_is_taken(tmp_path: Path) -> None:
    text, [said] = jobs(tmp_path, "Executor", "\n\nAsyncExecutor = AsyncSessionLocal = None\n")
    assert "class Executor:" in text and "SessionLocal = async_sessionmaker" in text
    assert said.endswith("can't be renamed: `jobs.py` has a `AsyncExecutor` already.")


def test_entry_points_are_said(tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").write_text("[options.entry_points]\nrun =\n    one = jobs:Executor\n")
    text, [said] = jobs(tmp_path, "Executor")
    assert "class AsyncExecutor:" in text
    assert said.endswith(
        "leaves `jobs:Executor` among the entry points: name `AsyncExecutor` there."
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SessionLocal", "AsyncSessionLocal"), ("SyncSession", "AsyncSession"),
        ("sync_sessions", "async_sessions"), ("session_factory", "async_session_factory"),
        ("_SYNC_ENGINE", "_ASYNC_ENGINE"), ("Syncer", "AsyncSyncer"), ("sync_", "async_sync_"),
    ],
)  # fmt: skip
def test_names_of_variables(old: str, new: str) -> None:
    assert source_beside_name(old) == new


def test_names_of_functions() -> None:
    names = ("get_db", "get_sync_db", "_sync_session", "find")
    found = ["get_async_db", "get_async_db", "_async_session", "async_find"]
    assert [beside_name(name) for name in names] == found
