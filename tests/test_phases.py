"""The phases of a migration: each leaves a program that works, and together they end where one run
does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from asyncify import engine
from asyncify.config import PHASES
from asyncify.outcome import Outcome
from tests.differential.harness import FIXTURES, problems
from tests.engine import errors, request, write
from tests.test_apps import contents

APP = Path(__file__).resolve().parent.parent / "fixtures" / "apps" / "bookshelf"
# Queries that are stored, annotated, given to functions and executed with another's session.
CASES = ("queries_annotated", "queries_given_to_functions", "queries_asked_for_sessions")


def in_phase(phase: str) -> Callable[[Path], Outcome]:
    return lambda folder: engine.run(replace(request(folder), phase=phase))


def in_phases(folder: Path) -> Outcome:
    """All phases; what the last one changes."""
    for phase in PHASES[:-1]:
        write(folder, in_phase(phase)(folder))
    return in_phase(PHASES[-1])(folder)


def passes(program: Path) -> None:
    environment = {**os.environ, "BOOKSHELF": str(program), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/test_books.py",
    ]
    done = subprocess.run(
        command, cwd=APP, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_both_first_phases_leave_a_program_that_passes_its_tests(tmp_path: Path) -> None:
    program = tmp_path / "program"
    shutil.copytree(APP / "before", program)
    for phase, changed in (("queries", 3), ("expire", 1)):
        outcome = in_phase(phase)(program)
        assert len(outcome.changes) == changed
        assert not any(b"async_" in change.after for change in outcome.changes)
        assert not errors(outcome)
        write(program, outcome)
        assert not in_phase(phase)(program).changes
    passes(program)
    write(program, in_phase("flip")(program))
    assert contents(program) == contents(APP / "after")


@pytest.mark.parametrize("case", CASES)
def test_queries_give_the_same_while_all_is_sync(case: str, tmp_path: Path) -> None:
    found = problems(FIXTURES / "cases" / f"{case}.py", tmp_path, migration=in_phase("queries"))
    assert [x for x in found if "ran on a sync connection" not in x] == []


def test_the_phases_together_give_the_same(tmp_path: Path) -> None:
    assert (
        problems(FIXTURES / "cases" / "queries_in_fields.py", tmp_path, migration=in_phases) == []
    )


def written(folder: Path, **texts: str) -> Path:
    (folder / "pyproject.toml").write_text('[project]\nname = "program"\n')
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    return folder


MODELS = """\
from sqlalchemy import create_engine
from sqlalchemy.orm import Mapped, DeclarativeBase, mapped_column, sessionmaker

engine = create_engine("sqlite:///program.db")
SessionLocal = sessionmaker(engine)
Quiet = sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
READING = """\
from models import Quiet, SessionLocal, User


def first():
    with SessionLocal() as db:
        return db.query(User).first()


def last():
    with Quiet() as db:
        return db.query(User).order_by(User.id.desc()).first()
"""


def test_a_query_that_no_statement_is_equal_to_stays_one(tmp_path: Path) -> None:
    odd = READING.replace("query(User).first()", "query(User).whatever().first()")
    outcome = in_phase("queries")(written(tmp_path, models=MODELS, reading=odd))
    (change,) = outcome.changes
    assert b"query(User).whatever().first()" in change.after
    assert b"select(User).order_by" in change.after
    stays = [finding for finding in outcome.findings if finding.code == "ASY202"]
    assert "`whatever` has no equal form" in stays[0].reason


BUILT = """\
from models import User
from sqlalchemy.orm import Query, Session


def build(db: Session) -> "Query":
    return db.query(User)
"""


def test_annotations_follow_the_queries_also_in_strings(tmp_path: Path) -> None:
    (change,) = in_phase("queries")(written(tmp_path, models=MODELS, building=BUILT)).changes
    assert b'-> "Select":\n    return select(User)' in change.after
    assert b"Query" not in change.after


def test_sessions_that_keep_what_they_loaded_stay_as_they_are(tmp_path: Path) -> None:
    outcome = in_phase("expire")(written(tmp_path, models=MODELS, reading=READING))
    (change,) = outcome.changes
    assert b"SessionLocal = sessionmaker(engine, expire_on_commit=False)" in change.after
    assert change.after.count(b"expire_on_commit") == 2


def test_queries_of_the_named_files_only(tmp_path: Path) -> None:
    folder = written(tmp_path, models=MODELS, reading=READING, other=READING)
    asked = replace(request(folder), phase="queries", paths=(folder / "other.py",))
    outcome = engine.run(asked)
    assert [change.path for change in outcome.changes] == ["other.py"]
    assert not errors(outcome)
    assert not outcome.left_out


MOCKED = """\
from unittest.mock import MagicMock, patch

import pytest
from reading import find, first


def test_found():
    db = MagicMock()
    db.query.return_value.filter.return_value.first.return_value = 7
    assert find(db, 1) == 7


def test_asserted():
    db = MagicMock()
    find(db, 1)
    db.query.assert_called_once()


def test_made():
    with patch("reading.SessionLocal") as factory:
        db = factory.return_value.__enter__.return_value
        db.query.return_value.first.return_value = 7
        assert first() == 7
"""
FINDING = """\
from models import User
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

SessionLocal = sessionmaker(create_engine("sqlite://"))


def first():
    with SessionLocal() as db:
        return db.query(User).first()


def find(db: Session, key: int):
    return db.query(User).filter(User.id == key).first()
"""


def test_mocks_answer_the_statements_that_queries_become(tmp_path: Path) -> None:
    written(tmp_path, models=MODELS, reading=FINDING, test_reading=MOCKED)
    outcome = in_phase("queries")(tmp_path)
    texts = {change.path: change.after.decode() for change in outcome.changes}
    answer = "db.execute.return_value.scalars.return_value.first.return_value = 7"
    assert texts["test_reading.py"].count(answer) == 2
    assert "factory.return_value.__enter__.return_value\n" in texts["test_reading.py"]
    assert "    db.execute.assert_called_once()\n" in texts["test_reading.py"]
    assert not [x for x in outcome.findings if x.code == "ASY608"]
