"""What stands below ``if __name__ == "__main__"`` becomes a function, where it has to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from asyncify.source.mains import with_main_function, with_script_function
from tests.engine import described, migrate, write

GUARD = 'if __name__ == "__main__":\n'


def test_lines_stay_where_they_are() -> None:
    text = f"import sys\n\n\n{GUARD}    # first\n    first(sys.argv)\n    second()\n    # behind\n"
    moved = with_main_function(text)
    assert moved is not None
    assert moved.line == 4
    after = moved.text.split("\n")
    assert after[3] == "def main():"
    assert after[4:8] == text.split("\n")[4:8]
    assert moved.text.endswith(f"    # behind\n\n\n{GUARD}    main()\n")


@pytest.mark.parametrize(
    ("text", "header"),
    [
        (f"def main(): ...\n{GUARD}  a()\n  b()\n", "def run_main():"),
        (f"def f() -> int: ...\n{GUARD}  f()\n  f()", "def main() -> None:"),
        (f"def f(db): return db\n{GUARD}  db = 1\n  f(db)\n", "def main():"),
        (f"{GUARD.rstrip()}  # pragma: no cover\n  a()\n  b()\n", "def main():"),
    ],
    ids=["name taken", "annotated", "parameter", "comment"],
)
def test_moved(text: str, header: str) -> None:
    moved = with_main_function(text)
    assert moved is not None
    assert header in moved.text.split("\n")
    compile(moved.text, "main.py", "exec")
    assert moved.text.endswith("\n") == text.endswith("\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a()\n",
        "def broken(:\n",
        f"{GUARD}    a()\nelse:\n    b()\n",
        f"{GUARD}    a()\nb()\n",
        f"{GUARD.strip()} a()\n",
        'if (\n    __name__ == "__main__"\n):\n    a()\n',
        f"{GUARD}    from os import *\n    print(sep)\n",
        f"{GUARD}    a = 1\n    print(globals())\n",
        f"def f(): return a\n{GUARD}    a: int = 1\n    f()\n",
        f"main = run_main = _main = 1\n{GUARD}    print(1)\n",
    ],
)
def test_left_alone(text: str) -> None:
    assert with_main_function(text) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"def f(): return db\n{GUARD}    db = 1\n    f()\n", "db"),
        (f"class A:\n    def f(self): return lambda: db\n{GUARD}    db = 1\n    A().f()\n", "db"),
        (f"def f():\n    global db\n    db = 2\n{GUARD}    db = 1\n    f()\n", "db"),
        (f"count = 0\n{GUARD}    count += 1\n    print(count)\n", "count"),
        (f"for n in (): pass\n{GUARD}    for n in (1,): print(n)\n", "n"),
        (f"{GUARD}    input = input\n    print(input)\n", "input"),
    ],
)
def test_names_that_others_see_stay_global(text: str, name: str) -> None:
    moved = with_main_function(text)
    assert moved is not None
    assert f"def main():\n    global {name}\n" in moved.text
    first = text[: text.index(GUARD)].count("\n") + 2
    assert moved.place(moved.line + 2, 5) == (first, 5)
    exec(compile(moved.text, "main.py", "exec"), {"__name__": "__main__"})


SCRIPT = """\
import sys

from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

engine = create_engine("sqlite:///notes.db")
SessionLocal = sessionmaker(engine)


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


def add(db: Session, text: str) -> None:
    db.add(Note(text=text))
    db.commit()


def texts(db: Session) -> list[str]:
    return [note.text for note in db.query(Note).order_by(Note.id)]


if __name__ == "__main__":
    Base.metadata.create_all(engine)
    db = SessionLocal()
    for word in sys.argv[1:]:
        add(db, word)
    print(texts(db), db.query(Note).count())
    db.close()
"""


HEAD, _, MAIN = SCRIPT.partition(GUARD)


SHARED = SCRIPT.replace("def texts(db: Session)", "def texts()").replace("texts(db),", "texts(),")


@pytest.mark.parametrize(
    "script", [SCRIPT, HEAD + dedent(MAIN), SHARED], ids=["condition", "none", "shared"]
)
def test_script_does_what_it_did(script: str, tmp_path: Path) -> None:
    pytest.importorskip("aiosqlite")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "notes"\n')
    (tmp_path / "notes.py").write_text(script)
    assert _run(tmp_path) == "['a', 'b'] 2\n"
    outcome = migrate(tmp_path)
    write(tmp_path, outcome)
    assert "async def main() -> None:" in (tmp_path / "notes.py").read_text()
    assert not outcome.failed, described(outcome)
    (tmp_path / "notes.db").unlink()
    assert _run(tmp_path) == "['a', 'b'] 2\n"


def _run(folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "notes.py", "a", "b"],
        cwd=folder, text=True, capture_output=True,
        env={**os.environ, "PYTHONPATH": ""}, check=False,
    )  # fmt: skip
    assert not done.stderr
    return done.stdout


def test_script_without_a_condition() -> None:
    text = "import db\n\n# first\ns = db.open()\n\nfor n in (1, 2):\n    print(s, n)\n"
    moved = with_script_function(text, 4)
    assert moved is not None
    assert moved.text == (
        "import db\n\n\ndef main():\n    # first\n    s = db.open()\n\n"
        f"    for n in (1, 2):\n        print(s, n)\n\n\n{GUARD}    main()\n"
    )
    lines, after = text.split("\n"), moved.text.split("\n")
    for number, line in enumerate(after[4:9], 5):
        place, column = moved.place(number, 5)
        assert (lines[place - 1], column) == (line[4:], 1)
    assert moved.place(1, 1) == (1, 1)


def test_script_that_makes_one_call() -> None:
    text = "import db\n\ndb.go()\n\n# all\nexit(db.run(1,\n    2))\n"
    moved = with_script_function(text, 6, once=True)
    assert moved is not None
    assert (
        moved.text
        == f"import db\n\ndb.go()\n\n\n{GUARD}    # all\n    exit(db.run(1,\n        2))\n"
    )
    assert [moved.place(number, 5) for number in (7, 8, 9)] == [(5, 1), (6, 1), (7, 1)]


@pytest.mark.parametrize(
    "text",
    [
        "a = 1\ndef f(): return a\n",
        "def f(): return a\na = 1\nf()\n",
        "a = open()\nclass B: pass\n",
        'a = """\n"""\nprint(a)\n',
        "def broken(:\n",
        "",
    ],
    ids=["function", "global", "class", "string", "broken", "empty"],
)
def test_script_left_alone(text: str) -> None:
    assert with_script_function(text, text.count("\n", 0, max(0, text.find("a = "))) + 1) is None
