"""Files that can't be read, and files that are merely unkind: one sentence each, with its place,
and the rest of the program is migrated all the same."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from asyncify import cli, engine
from asyncify.rules import SEVERITIES
from tests.engine import migrate

DATABASE = """\
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

engine = create_engine("sqlite:///shop.db")
SessionLocal = sessionmaker(bind=engine)


def count_users(db: Session) -> int:
    return db.execute("SELECT count(*) FROM users").scalar()
"""
CALL = "from app.database import count_users\n\ncount_users(None)\n"
LINE = re.compile(r"(?P<place>\S+:\d+:\d+): (?P<code>ASY\d{3}) (?P<message>[^\n]+)")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small program that migrates, in the working directory."""
    root = Path(os.path.realpath(tmp_path))
    (root / "pyproject.toml").touch()
    (root / "app").mkdir()
    (root / "app" / "__init__.py").touch()
    (root / "app" / "database.py").write_text(DATABASE)
    monkeypatch.chdir(root)
    return root


def call(*arguments: str) -> Result:
    result = CliRunner().invoke(cli.app, arguments)
    assert "Traceback" not in result.stdout + result.stderr
    assert "internal error" not in result.stderr, result.stderr
    return result


def findings(result: Result) -> list[tuple[str, str, str]]:
    """Place, code and sentence of every finding."""
    return [
        (match["place"], match["code"], match["message"])
        for match in map(LINE.fullmatch, result.stdout.splitlines())
        if match is not None
    ]


def is_migrated(program: Path) -> bool:
    return "async def count_users" in (program / "app" / "database.py").read_text()


@dataclass(frozen=True)
class Bad:
    """A file that can't be read: its bytes, and the place, code and sentence that are told."""

    name: str
    data: bytes
    place: str
    code: str
    sentence: str


def chain(length: int) -> bytes:
    """A long chain of operators."""
    return b"TOTAL = " + b" + ".join([b"1"] * length) + b"\n"


def blocks(depth: int) -> bytes:
    """Nested blocks."""
    return b"".join(b" " * n + b"if x:\n" for n in range(depth)) + b" " * depth + b"pass\n"


def branches(length: int) -> bytes:
    """An ``if`` with many ``elif``: to the parser, each is nested in the one before."""
    return b"if x == 0:\n    pass\n" + b"".join(
        b"elif x == %d:\n    pass\n" % n for n in range(length)
    )


BAD = (
    Bad("syntax", b"x = 1\ndef f(:\n", "2:7", "ASY303", "isn't valid Python"),
    Bad("indentation", b"if x:\ny = 1\n", "2:1", "ASY303", "isn't valid Python"),
    Bad("print statement", b"print 'x'\n", "1:1", "ASY303", "isn't valid Python"),
    Bad("unclosed string", b"x = '''\n\n", "1:5", "ASY303", "isn't valid Python"),
    Bad("template", b"from {{ cookiecutter.name }} import x\n", r"1:\d+", "ASY303", "valid Python"),
    Bad("null bytes", b"x = 1\n\0\n", r"\d+:\d+", "ASY303", "null bytes"),
    Bad("not UTF-8", b"x = '\xe9'\n", r"1:\d+", "ASY302", "can't be decoded"),
    Bad("UTF-16", "x = 1\n".encode("utf-16"), r"\d+:\d+", "ASY30[23]", "This file"),
    Bad("unknown cookie", b"# coding: klingon\n", "1:1", "ASY302", "klingon"),
    Bad("not UTF-8 in a comment", b"x = 1\ny = 2  # \xe9\n", "2:10", "ASY302", "can't be decoded"),
    Bad("not UTF-8 above all", b"# \xe9\nx = 1\n", "1:3", "ASY302", "can't be decoded"),
    Bad("5,000 digits", b"x = " + b"1" * 5_000 + b"\n", r"1:\d", "ASY303", "too many digits"),
    Bad("20,000 operators", chain(20_000), "1:1", "ASY305", "nested too deeply"),
    Bad(
        "20,000 operators and an error", chain(20_000) + b"(\n", r"\d:\d+", "ASY30[35]", "This file"
    ),
    Bad("300 brackets", b"x = " + b"(" * 300 + b"1" + b")" * 300, r"1:\d+", "ASY305", "too deeply"),
    Bad("1,900 branches", branches(1_900), r"\d+:\d+", "ASY305", "nested too deeply"),
    Bad("200 blocks", blocks(200), r"\d+:\d+", "ASY305", "nested too deeply"),
)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_what_cannot_be_read_is_one_sentence_and_the_rest_is_migrated(
    program: Path, bad: Bad
) -> None:
    (program / "app" / "bad.py").write_bytes(bad.data)
    assert call("check").exit_code == 2
    result = call("run")
    assert result.exit_code == 2
    [(place, code, sentence)] = findings(result)
    assert re.fullmatch(rf"app/bad\.py:{bad.place}", place)
    assert re.fullmatch(bad.code, code)
    assert bad.sentence in sentence
    assert sentence.count(". ") == 0
    assert is_migrated(program)
    assert (program / "app" / "bad.py").read_bytes() == bad.data
    assert call("check").exit_code == 2


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n\n",
        b"# nothing but a comment",
        b"\xef\xbb\xbfx = 1\r\n",
        b"x = 1\r\ny = 2\n",
        b"# -*- coding: latin-1 -*-\nx = '\xe9'\n",
        b"if True:\n\tx = 1\n",
        b"x = 1\n\x0c\ny = 2\n",
        b"x = '" + b"x" * 100_000 + b"'\n",
        b"x = " + b"[" * 90 + b"]" * 90 + b"\n",
        blocks(90),
        branches(300),
        chain(900),
        chain(2_900),
    ],
    ids=lambda data: repr(data[:20]),
)
def test_what_is_merely_unkind_is_read(program: Path, data: bytes) -> None:
    (program / "app" / "odd.py").write_bytes(data)
    result = call("run")
    assert (result.exit_code, findings(result)) == (0, [])
    assert is_migrated(program)
    assert (program / "app" / "odd.py").read_bytes() == data
    assert call("check").exit_code == 0


EDITED = (
    ("CRLF", DATABASE.replace("\n", "\r\n").encode()),
    ("BOM", b"\xef\xbb\xbf" + DATABASE.encode()),
    ("BOM and CRLF", b"\xef\xbb\xbf" + DATABASE.replace("\n", "\r\n").encode()),
    (
        "cookie",
        b"# -*- coding: latin-1 -*-\n" + (DATABASE + 'NAME = "\xe9\xdf"\n').encode("latin-1"),
    ),
    ("no last newline", DATABASE.rstrip("\n").encode()),
    ("tabs", DATABASE.replace("    ", "\t").encode()),
    ("blank lines at the end", (DATABASE + "\n\n  \n").encode()),
    ("trailing spaces", DATABASE.replace('shop.db")', 'shop.db")   ').encode()),
    ("form feed in a comment", DATABASE.replace("\n\n\n", "\n\n\n# page\x0c\n").encode()),
)


@pytest.mark.parametrize(("name", "data"), EDITED, ids=[name for name, _ in EDITED])
def test_bytes_outside_the_edits_are_kept(program: Path, name: str, data: bytes) -> None:
    """Every line of the old text that the plain migration keeps is there with all its bytes."""
    path = program / "app" / "database.py"
    assert call("run").exit_code == 0
    plain = path.read_bytes().split(b"\n")
    path.write_bytes(data)
    assert call("run").exit_code == 0
    new = path.read_bytes()
    for line in data.split(b"\n"):
        if line.strip().replace(b"\t", b"    ") in plain:
            assert line in new.split(b"\n")
    assert new.startswith(b"\xef\xbb\xbf") is data.startswith(b"\xef\xbb\xbf")
    assert new.endswith(b"\n") is data.endswith(b"\n")
    assert (b"\r\n" in new) is (b"\r\n" in data)
    assert new.count(b"\r\n") in (0, new.count(b"\n"))
    assert b"async def count_users" in new
    assert call("check").exit_code == 0


@pytest.mark.parametrize("form_feed", ["\x0c\n", "\n\x0cx = 1\n"])
def test_a_form_feed_that_would_be_lost_is_told_and_nothing_written(
    program: Path, form_feed: str
) -> None:
    path = program / "app" / "database.py"
    path.write_text(DATABASE.replace("\n\n\n", f"\n\n{form_feed}\n"))
    before = path.read_bytes()
    result = call("run")
    if result.exit_code:
        assert {code for _, code, _ in findings(result)} <= {"ASY001", "ASY107", "ASY306"}
        assert path.read_bytes() == before
    else:
        assert path.read_bytes().count(b"\x0c") == before.count(b"\x0c")


def test_five_megabytes_are_read(program: Path) -> None:
    lines = [b"VALUE_%d = %d  # a line of some length\n" % (n, n) for n in range(60_000)]
    # One literal of many different values: joining them must not take quadratic time.
    items = [b"    'key %d': [%d, 'some text %d', None],\n" % (n, n, n) for n in range(70_000)]
    data = b"".join([*lines, b"DATA = {\n", *items, b"}\n"])
    assert len(data) > 5_000_000
    (program / "app" / "large.py").write_bytes(data)
    assert call("run").exit_code == 0
    assert is_migrated(program)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python reads the newest syntax here")
def test_newer_syntax_names_the_version_that_runs(program: Path) -> None:
    (program / "app" / "new.py").write_text("type Id = int\n\n\ndef f[T](x: T) -> T: ...\n")
    (program / "app" / "newer.py").write_text("x = f'{a, b['c']}'\n")
    result = call("run")
    assert result.exit_code == 2
    [(place, code, sentence)] = findings(result)
    assert (place.startswith("app/newer.py:1:"), code) == (True, "ASY304")
    assert f"Python {sys.version_info.major}.{sys.version_info.minor} can't read this" in sentence
    assert is_migrated(program)


@pytest.mark.parametrize(
    ("arguments", "place", "sentence"),
    [
        (["missing.py"], "missing.py:1:1", "There is no such file or folder."),
        (["app/missing"], "app/missing:1:1", "There is no such file or folder."),
        (["empty"], "empty:1:1", "There is no Python file in this folder."),
        (["app/notes.ipynb"], "app/notes.ipynb:1:1", "This is a notebook, which is not edited."),
        (["app/database.pyi"], "app/database.pyi:1:1", "This is a stub file, which is not edited."),
    ],
)
def test_paths_that_cannot_be_edited(
    program: Path, arguments: list[str], place: str, sentence: str
) -> None:
    (program / "empty").mkdir()
    (program / "app" / "notes.ipynb").write_text("{}")
    (program / "app" / "database.pyi").write_text("x: int\n")
    for command in ("check", "run"):
        result = call(command, *arguments)
        assert result.exit_code == 2
        assert findings(result) == [(place, "ASY301", sentence)]
    assert not is_migrated(program)
    assert call("run", "app", *arguments).exit_code == 2
    assert is_migrated(program)


def test_a_folder_without_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("check", "run"):
        result = call(command)
        assert result.exit_code == 2
        assert findings(result) == [(".:1:1", "ASY301", "There is no Python file in this folder.")]


@pytest.fixture
def locked(program: Path) -> Iterator[Path]:
    """A file that may not be read, by somebody whom the system asks."""
    path = program / "app" / "secret.py"
    path.write_text(CALL)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("the system lets this user read everything")
    yield path
    path.chmod(0o600)


def test_permission_denied(program: Path, locked: Path) -> None:
    result = call("run")
    assert result.exit_code == 2
    assert ("app/secret.py:1:1", "ASY301", "This file can't be read: permission denied.") in (
        findings(result)
    )
    assert is_migrated(program)


def test_a_read_only_file_is_not_written(program: Path) -> None:
    path = program / "app" / "database.py"
    path.chmod(0o400)
    if os.access(path, os.W_OK):
        pytest.skip("the system lets this user write everything")
    result = call("run")
    assert result.exit_code == 2
    assert "ASY503" in result.stdout
    assert not is_migrated(program)


@pytest.mark.parametrize("moment", ["before it is read", "before it is rewritten"])
def test_a_file_that_vanishes(program: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    gone = program / "app" / "gone.py"
    gone.write_text(DATABASE)
    function = "Reader" if moment == "before it is read" else "_decided"
    original: Callable[..., object] = getattr(engine, function)

    def vanish(*arguments: object) -> object:
        result = original(*arguments)
        gone.unlink(missing_ok=True)
        return result

    monkeypatch.setattr(engine, function, vanish)
    result = call("run", "--no-cache")
    assert result.exit_code == 2
    assert ("app/gone.py:1:1", "ASY301", "This file can't be read: no such file or directory.") in (
        findings(result)
    )
    assert is_migrated(program)


CALLERS = (
    ("bad.py", CALL + "def f(:\n", "app/bad.py:1:1", "can't be read and may call"),
    ("bad.py", "# \xe9\n" + CALL, "app/bad.py:2:1", "can't be read and may call"),
    ("notes.ipynb", '{"cells": [{"cell_type": "code", "source": ["from app import database\\n", '
     '"database.count_users(db)"]}]}', "app/notes.ipynb:1:1", "is a notebook and may call"),
    ("database.pyi", "def count_users(db: object) -> int: ...\n", "app/database.pyi:1:1",
     "is a stub and declares"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "text", "place", "words"), CALLERS)
def test_unread_files_that_mention_what_turns_are_named(
    program: Path, name: str, text: str, place: str, words: str
) -> None:
    (program / "app" / name).write_bytes(text.encode("latin-1"))
    result = call("run")
    expected = f"This file {words} `count_users`, which turns async. Look at it by hand."
    assert (place, "ASY307", expected) in findings(result)
    assert result.exit_code == (2 if name == "bad.py" else 1)
    assert is_migrated(program)
    # What turned is told once: afterwards the file is only unreadable.
    assert "ASY307" not in {code for _, code, _ in findings(call("check"))}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bad.py", "def count_users(:\n"),
        ("bad.py", "from elsewhere import count_users\ncount_users(\n"),
        ("notes.ipynb", '{"cells": [{"cell_type": "markdown", "source": "app count_users"}]}'),
        ("notes.ipynb", "[]"),
        ("other.pyi", "def count_users() -> int: ...\n"),
    ],
)
def test_unread_files_that_do_not_call_are_not_named(program: Path, name: str, text: str) -> None:
    (program / "app" / name).write_text(text)
    assert "ASY307" not in {code for _, code, _ in findings(call("run"))}


def test_at_most_five_names_are_listed(program: Path) -> None:
    functions = "".join(
        f"\n\ndef read_{n}(db: Session) -> int:\n    return db.execute('SELECT {n}').scalar()\n"
        for n in range(8)
    )
    (program / "app" / "database.py").write_text(DATABASE + functions)
    calls = "".join(f"read_{n}(db)\n" for n in range(8))
    (program / "app" / "bad.py").write_text(f"from app.database import *\n{calls}(\n")
    [message] = [message for _, code, message in findings(call("run")) if code == "ASY307"]
    assert "`read_0`, `read_1`, `read_2`, `read_3`, `read_4` and 3 more, which turn" in message


def test_links_are_safe(program: Path) -> None:
    (program / "app" / "loop").symlink_to(program / "app", target_is_directory=True)
    (program / "app" / "dangling.py").symlink_to(program / "nowhere.py")
    (program / "app" / "self.py").symlink_to("self.py")
    (program / "shared.py").write_text(DATABASE)
    (program / "app" / "linked.py").symlink_to("../shared.py")
    assert call("run").exit_code == 0
    assert is_migrated(program)
    assert (program / "app" / "linked.py").is_symlink()
    assert "async def" in (program / "shared.py").read_text()


def test_every_code_that_this_module_expects_exists() -> None:
    codes = {code for bad in BAD for code in re.findall(r"ASY\d{3}(?!\[)", bad.code)}
    assert codes <= set(SEVERITIES)


UNPACKED = """\
from sqlalchemy import Select, create_engine, select
from sqlalchemy.orm import Session
from typing_extensions import TypeVarTuple

T = TypeVarTuple("T")
engine = create_engine("sqlite://")


def first(stmt: Select[tuple[*T]]) -> Select[tuple[*T]]:
    return stmt.limit(1)


def ask():
    with Session(engine) as session:
        return session.execute(first(select(1))).all()
"""


@pytest.mark.skipif(sys.version_info < (3, 11), reason="older than the syntax")
def test_unpacked_type_variables_are_read(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(UNPACKED, encoding="utf-8")
    assert b"await session.execute(first(select(1)))" in migrate(tmp_path).changes[0].after
