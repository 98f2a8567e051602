"""The recorder of implicit loads, in a process of its own as people run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent.parent
PROGRAM = """
from sqlalchemy import Column, ForeignKey, Integer, String, create_engine, func
from sqlalchemy.orm import Session, declarative_base, deferred, relationship, selectinload

Base = declarative_base()
engine = create_engine("sqlite://")


class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    name = Column(String)
    bio = deferred(Column(String))
    books = relationship("Book", back_populates="user", cascade="all, delete")


class Book(Base):
    __tablename__ = "books"
    id = Column(Integer, primary_key=True)
    title = Column(String)
    user_id = Column(ForeignKey("users.id"))
    user = relationship("User", back_populates="books")
    marks = relationship("Mark", cascade="all, delete")

    def __repr__(self):
        return f"{self.title} by {self.user.name}"  # a relationship


class Mark(Base):
    __tablename__ = "marks"
    id = Column(Integer, primary_key=True)
    book_id = Column(ForeignKey("books.id"))


def count(db):
    return len(db.query(User).one().books)  # a relationship
"""
SUITE = """
import gc

import library
import pytest
from library import Base, Book, Session, User, count, engine, func, selectinload


@pytest.fixture
def db():
    Base.metadata.create_all(engine)
    with Session(engine) as db:
        db.add(User(name="ann", bio="b", books=[Book(title="t")]))
        db.commit()
        yield db
    Base.metadata.drop_all(engine)


def test_loads(db):
    assert count(db) == 1
    db.expunge_all()
    book = db.query(Book).one()
    assert repr(book) == "t by ann"
    assert (
        book.user.bio  # deferred
        == "b"
    )


def test_expires(db):
    book = db.query(Book).one()
    book.title = func.upper(book.title)
    db.commit()
    assert book.title == "T"  # after flush
    assert book.user_id == 1
    db.commit()
    assert book.title == "T"  # after commit
    db.rollback()
    assert book.title == "T"  # after rollback
    db.expire_all()
    assert book.title == "T"  # after expire


def test_kept(db):
    user = db.query(User).options(selectinload(User.books)).one()
    db.commit()
    assert user.name == "ann"  # a column, and its refresh loads the books
    db.commit()
    db.commit()
    assert len(user.books) == 1  # loaded before a commit
    db.commit()
    db.expire(user, ["books"])
    assert len(user.books) == 1  # expired after a commit


def test_goes(db):
    user = db.query(User).one()  # without options, which it keeps
    user = db.query(User).options(selectinload(User.books).selectinload(Book.marks)).one()
    db.commit()
    (book,) = user.books  # the collection expired, and its book had gone
    assert book.marks == []  # loaded with what had gone
    del book
    db.rollback()
    (book,) = user.books  # the collection is rolled back
    assert book.marks == []  # of what was rolled back
    db.expunge_all()
    user = db.query(User).options(selectinload(User.books)).one()
    db.commit()
    (book,) = user.books  # the collection expired again
    assert book.marks == []  # never loaded before


def test_forgets(db):
    user = db.query(User).one()
    assert db.query(User.id).one() == (user.id,)
    user = None
    gc.collect()
    assert not db.identity_map.all_states()  # what looks at the frames keeps nothing of them


def test_asks(db):
    user = db.query(User).one()
    db.refresh(user, ["books", "bio"])
    db.expire_all()
    db.refresh(user)
    db.delete(user)
    db.commit()
"""
ENVIRONMENTS = [
    Path(sys.executable),
    *(
        Path(os.environ[name]) / "bin" / "python"
        for name in ("ASYNCIFY_VENV_14", "ASYNCIFY_VENV_20")
        if name in os.environ
    ),
]


def record(folder: Path, python: Path, *options: str) -> tuple[dict[str, Any], str]:
    """Run the suite with the recorder where neither LibCST nor Typer nor Rich can be imported."""
    (folder / "library.py").write_text(PROGRAM, encoding="utf-8")
    (folder / "test_library.py").write_text(SUITE, encoding="utf-8")
    hidden = "".join(f"sys.modules[{name!r}] = None\n" for name in ("libcst", "typer", "rich"))
    (folder / "conftest.py").write_text(f"import sys\n{hidden}", encoding="utf-8")
    target = folder / "loads.json"
    done = subprocess.run(
        [
            str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder),
            "-p", "asyncify.recorder", "--asyncify-loads", str(target), *options, str(folder),
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{folder}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(target.read_text(encoding="utf-8")), done.stdout


def marked(comment: str) -> int:
    """The line of the suite, or else of the program, that ends with a comment."""
    for text in (SUITE, PROGRAM):
        for number, line in enumerate(text.splitlines(), start=1):
            if line.endswith(f"# {comment}"):
                return number
    raise AssertionError(comment)


@pytest.mark.parametrize("python", ENVIRONMENTS, ids=lambda path: path.parent.parent.name)
def test_lines_and_reasons(tmp_path: Path, python: Path) -> None:
    document, printed = record(tmp_path, python)
    found = {
        (each["path"], each["line"], each["cls"], each["attribute"], each["kind"], each["reason"])
        for each in document["loads"]
    }
    program = [n for n, x in enumerate(PROGRAM.splitlines(), 1) if x.endswith("# a relationship")]
    column, books = "column", ("User", "books", "relationship")
    marks = ("Book", "marks", "relationship")
    expected = {
        ("library.py", program[0], "Book", "user", "relationship", ""),
        ("library.py", program[1], *books, ""),
        ("test_library.py", marked("deferred"), "User", "bio", column, "deferred"),
        ("test_library.py", marked("loaded before a commit"), *books, "commit"),
        ("test_library.py", marked("expired after a commit"), *books, ""),
        ("test_library.py", marked("loaded with what had gone"), *marks, "commit"),
        ("test_library.py", marked("the collection is rolled back"), *books, ""),
        ("test_library.py", marked("of what was rolled back"), *marks, ""),
        ("test_library.py", marked("never loaded before"), *marks, ""),
        *(
            ("test_library.py", marked(f"after {why}"), "Book", "title", column, why)
            for why in ("flush", "commit", "rollback", "expire")
        ),
    }
    assert expected <= found
    others = {each for each in found - expected if each[5] != "commit"}
    assert not others, "nothing else loads by itself: not refresh, not a cascade"
    assert f"library.py:{program[0]} Book.user (relationship): 1" in printed
    assert "places load by themselves" in printed


def test_not_active_by_itself(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(): pass\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    done = subprocess.run(
        [*command, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "implicit loads" not in done.stdout
    assert sorted(p.name for p in tmp_path.glob("*.json")) == []


RECORDED = """
from sqlalchemy import Column, ForeignKey, Integer, String, create_engine
from sqlalchemy.orm import declarative_base, relationship, sessionmaker

Base = declarative_base()
SessionLocal = sessionmaker(create_engine("sqlite:///shop.db"))


class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    books = relationship("Book")


class Book(Base):
    __tablename__ = "books"
    id = Column(Integer, primary_key=True)
    title = Column(String)
    user_id = Column(ForeignKey("users.id"))


class Shelf:
    def titles(self):
        return [book.title for book in self.owner.books]


def shelved(number):
    with SessionLocal() as db:
        shelf = Shelf()
        exec("shelf.owner = user", {"shelf": shelf, "user": db.get(User, number)})
        return shelf.owner.books


def emptied(number):
    with SessionLocal() as db:
        user = db.get(User, number)
        user.books = []
        db.commit()
"""


def test_recorded_loads_are_awaited_or_reported(tmp_path: Path) -> None:
    """The analysis doesn't see what ``exec`` does; the record does."""
    (tmp_path / "shop.py").write_text(RECORDED, encoding="utf-8")
    lines = [n for n, x in enumerate(RECORDED.splitlines(), 1) if "r.books" in x]
    loads = tmp_path / "loads.json"
    entries = [
        {
            "path": "shop.py", "line": line, "function": "f", "cls": "User", "attribute": "books",
            "kind": "relationship", "reason": "", "reader": "", "count": 1,
        }
        for line in lines
    ]  # fmt: skip
    loads.write_text(json.dumps({"version": 1, "loads": entries}), encoding="utf-8")
    command = [sys.executable, "-m", "asyncify", "run", "--diff", "--no-cache", "--isolated"]
    environment = {**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{HERE / 'transforms'}"}

    def printed(*options: str) -> str:
        done = subprocess.run(
            [*command, *options, str(tmp_path)],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    assert "awaitable_attrs" not in printed()
    shown = printed("--loads", str(loads))
    assert "return await shelf.owner.awaitable_attrs.books" in shown
    assert f"shop.py:{lines[0]}:1: ASY701" in shown
    assert shown.count("ASY701") == 2, "what is set is known; the second is in the summary"
    loads.write_text("[]", encoding="utf-8")
    assert "is no file of this version" in printed("--loads", str(loads))
