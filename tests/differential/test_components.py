"""A component is migrated as a whole or not at all, whatever goes wrong in any place of it: each
edit of a program of several files is made to fail, loudly and in silence, and what is written has
to run as the program did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncify_transforms
import pytest

from asyncify.decisions import Decision
from asyncify.outcome import Outcome
from tests.differential.compare import Run, differences
from tests.differential.run import run_program
from tests.engine import described, migrate, write

DATABASE = """\
import os

from sqlalchemy import create_engine{imported}
from sqlalchemy.orm import declarative_base, sessionmaker

engine = create_engine({url})
SessionLocal = sessionmaker(bind=engine)
Base = declarative_base()
{more}"""
MODELS = """\
from database import Base
from sqlalchemy import Column, Integer, String


class User(Base):
    __tablename__ = "users"

    id = Column(Integer, primary_key=True)
    name = Column(String)
"""
CRUD = """\
from models import User
from sqlalchemy.orm import Session


def add(session: Session, name: str) -> None:
    session.add(User(name=name))
    session.commit()


def names(session: Session) -> list[str]:
    return [user.name for user in session.query(User).order_by(User.id).all()]
"""
SERVICE = """\
import crud
from sqlalchemy.orm import Session


class Users:
    def __init__(self, session: Session) -> None:
        self.session = session

    def welcome(self, name: str) -> list[str]:
        crud.add(self.session, name)
        return crud.names(self.session)
"""
MAIN = """\
from database import Base, SessionLocal, engine
{imported}

def main():
    Base.metadata.create_all(engine)
    with SessionLocal() as session:
        found = {call}
    return found{seen}
"""
AT_IMPORT = """\
from database import Base, SessionLocal, engine
from service import Users
import models

Base.metadata.create_all(engine)


def main():
    with SessionLocal() as session:
        return Users(session).welcome("ann")
"""
TWO_FILES = {
    "models.py": MODELS,
    "crud.py": CRUD,
    "main.py": MAIN.format(
        imported="import crud\n", call='[crud.add(session, "ann"), crud.names(session)]', seen=""
    ),
}
THREE_FILES = {
    "models.py": MODELS,
    "crud.py": CRUD,
    "service.py": SERVICE,
    "main.py": MAIN.format(
        imported="from service import Users\n", call='Users(session).welcome("ann")', seen=""
    ),
}
LITERAL = DATABASE.format(imported="", url='"sqlite:///FOLDER/users.db"', more="")
COMPUTED = DATABASE.format(imported="", url='os.environ["DATABASE_URL"]', more="")
LISTENED = DATABASE.format(imported="", url='os.environ["DATABASE_URL"]', more="seen = []\n")
LISTENERS = """\
from database import SessionLocal, engine, seen
from sqlalchemy import event


@event.listens_for(engine, "begin")
def begins(connection):
    seen.append("begin")


@event.listens_for(SessionLocal, "after_commit")
def commits(session):
    seen.append("commit")
"""
WATCHED = (
    THREE_FILES["main.py"]
    .replace("import Base,", "import seen, Base,")
    .replace("return found", "return found, seen")
    .replace("from service", "import listeners\nfrom service")
)
JOBS = """\
from concurrent.futures import ThreadPoolExecutor

import crud
from database import SessionLocal


def job() -> list[str]:
    with SessionLocal() as session:
        return crud.names(session)


def in_a_thread() -> list[str]:
    with ThreadPoolExecutor() as pool:
        return pool.submit(job).result()
"""
SIDES = (
    THREE_FILES["main.py"]
    .replace("    return found", "    return found, in_a_thread()")
    .replace("from service", "from jobs import in_a_thread\nfrom service")
)
PROGRAMS = {
    "two files": {"database.py": LITERAL, **TWO_FILES},
    "three files": {"database.py": LITERAL, **THREE_FILES},
    "a support module": {"database.py": COMPUTED, **THREE_FILES},
    "tables at import": {"database.py": COMPUTED, **THREE_FILES, "main.py": AT_IMPORT},
    "listeners": {
        "database.py": LISTENED, **THREE_FILES, "listeners.py": LISTENERS, "main.py": WATCHED
    },
    "a sync side": {"database.py": COMPUTED, **THREE_FILES, "jobs.py": JOBS, "main.py": SIDES},
}  # fmt: skip


@dataclass(frozen=True)
class Edit:
    """One edit of a program: its file, and which of that file's it is."""

    path: str
    kind: str
    number: int
    place: int

    def __str__(self) -> str:
        return f"{self.kind} {self.number} of {self.path}"


class Saboteur:
    """The transforms, all but one of whose edits are carried out: that one is refused, or forgotten
    without a word."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.edits: list[Edit] = []
        self.chosen: Edit | None = None
        self.refuses = False
        catalogue = {
            kind: replace(transform, apply=self.applying(transform.apply))
            for kind, transform in asyncify_transforms.CATALOGUE.items()
        }
        patch.setattr(asyncify_transforms, "CATALOGUE", catalogue)

    def applying(self, honest: Any) -> Any:
        def apply(decision: Decision, node: Any, place: Any) -> Any:
            edit = Edit(
                decision.site.path, type(decision).__name__, decision.node.number,
                decision.site.line * 1000 + decision.site.column,
            )  # fmt: skip
            self.edits.append(edit)
            if edit != self.chosen:
                return honest(decision, node, place)
            if self.refuses:
                return place.refuse("It is made to fail.")
            return node

        return apply


def lay_out(files: dict[str, str], folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, text in files.items():
        text = text.replace("FOLDER", folder.as_posix())
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "pyproject.toml").write_text('[project]\nname = "case"\n', encoding="utf-8")
    return folder


def attempts(saboteur: Saboteur, edits: list[Edit]) -> Iterator[str]:
    """Make each edit fail in turn."""
    for number, edit in enumerate(edits):
        saboteur.chosen, saboteur.refuses = edit, number % 2 == 0
        yield f"{edit} {'refused' if saboteur.refuses else 'forgotten'}"


def wrong(before: Run, folder: Path, outcome: Outcome, scratch: Path) -> list[str]:
    """What is wrong with what is written: nothing may be, or everything that is needed."""
    write(folder, outcome)
    after = run_program(folder, scratch)
    kept = [text for text in differences(before, after) if "on a sync connection" not in text]
    failed = {x.site.path for x in outcome.findings if x.code in ("ASY306", "ASY901")}
    if failed & {change.path for change in outcome.changes}:
        kept.append("a file that failed is changed")
    return kept


@pytest.mark.parametrize("name", PROGRAMS)
def test_all_or_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = PROGRAMS[name]
    monkeypatch.chdir(tmp_path)
    before = run_program(lay_out(files, tmp_path / "before" / "p"), tmp_path / "before.json")
    saboteur = Saboteur(monkeypatch)
    whole = lay_out(files, tmp_path / "whole" / "p")
    outcome = migrate(whole)
    assert not wrong(before, whole, outcome, tmp_path / "whole.json"), described(outcome)
    edits = list(dict.fromkeys(saboteur.edits))
    found = {}
    for number, attempt in enumerate(attempts(saboteur, edits)):
        folder = lay_out(files, tmp_path / f"{number}" / "p")
        outcome = migrate(folder)
        problems = wrong(before, folder, outcome, tmp_path / f"{number}.json")
        if problems:
            found[attempt] = problems, [c.path for c in outcome.changes]
    assert found == {}
