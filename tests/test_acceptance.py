"""The tool as people use it: a process of its own, in a git work tree, from one command to the
next."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

PROJECT = Path(__file__).resolve().parents[1]
BOOKSHELF = PROJECT / "fixtures" / "apps" / "bookshelf" / "before"
SCHEMA = json.loads((PROJECT / "docs" / "output-schema.json").read_text())
DATABASE = """\
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, sessionmaker

engine = create_engine("sqlite:///shop.db")
SessionLocal = sessionmaker(bind=engine)


def count_users(db: Session) -> int:
    return db.scalar(text("SELECT count(*) FROM users"))
"""
CALLER = """\
from app.database import SessionLocal, count_users


def report() -> int:
    with SessionLocal() as db:
        return count_users(db)
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A newcomer's: no cache, no git settings, a narrow terminal."""
    home = tmp_path / "home"
    home.mkdir()
    paths = os.pathsep.join((str(PROJECT), str(PROJECT / "transforms")))
    identity = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "a"), ("EMAIL", "a@example.org"))
    }
    return {
        **os.environ, **identity, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"),
        "PYTHONPATH": paths, "COLUMNS": "20", "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip


class WorkTree:
    """A program in a git work tree, and the tool."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self.root = root
        self.environment = environment

    def commit(self) -> None:
        for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x", "--allow-empty"]):
            self.git(*arguments)

    def git(self, *arguments: str, data: bytes | None = None) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, env=self.environment, input=data,
            capture_output=True, check=True,
        )  # fmt: skip
        return done.stdout.decode()

    def asyncify(self, *arguments: str, folder: str = ".") -> tuple[int, str, bytes]:
        """The exit code, what was told, and the diff where one was asked for."""
        done = subprocess.run(
            [sys.executable, "-m", "asyncify", *arguments], cwd=self.root / folder,
            env=self.environment, capture_output=True, check=False, timeout=100,
        )  # fmt: skip
        is_diff = "--diff" in arguments and "json" not in arguments
        told = (done.stderr if is_diff else done.stdout + done.stderr).decode()
        assert "Traceback" not in told, told
        assert "internal error" not in told, told
        return done.returncode, told, done.stdout if is_diff else b""

    def text(self, path: str) -> str:
        return (self.root / path).read_text()

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)


@pytest.fixture
def bookshelf(tmp_path: Path, environment: dict[str, str]) -> WorkTree:
    shutil.copytree(BOOKSHELF, tmp_path / "work")
    tree = WorkTree(tmp_path / "work", environment)
    tree.commit()
    return tree


@pytest.fixture
def shop(tmp_path: Path, environment: dict[str, str]) -> WorkTree:
    """A database module, and a script outside the package that calls into it."""
    tree = WorkTree(tmp_path / "shop", environment)
    tree.write("pyproject.toml", "")
    tree.write("app/__init__.py", "")
    tree.write("app/database.py", DATABASE)
    tree.write("scripts/report.py", CALLER)
    return tree


def test_from_check_to_a_finished_migration(bookshelf: WorkTree) -> None:
    code, told, _ = bookshelf.asyncify("check")
    assert code == 1
    assert "bookshelf/crud.py:10:1: ASY001 `get_book`" in told
    code, told, diff = bookshelf.asyncify("run", "--diff", "..", folder="bookshelf/routers")
    assert code == 0
    assert "ASY0" not in told and "would migrate: " in told
    assert bookshelf.git("status", "--short") == ""
    bookshelf.git("apply", "--check", "-", data=diff)
    code, told, _ = bookshelf.asyncify("run")
    assert (code, told.count("\n")) == (0, 1)
    assert ": 11 files, 40 functions, " in told
    migrated = bookshelf.git("diff") + bookshelf.text("bookshelf/asyncify_support.py")
    for arguments in (["add", "-A"], ["commit", "-qm", "migrated"]):
        bookshelf.git(*arguments)
    assert bookshelf.asyncify("check") == (0, "Read 16 files; nothing to migrate.\n", b"")
    assert bookshelf.asyncify("run")[0] == 0
    assert bookshelf.git("status", "--short") == ""
    bookshelf.git("reset", "--hard", "HEAD~1")
    bookshelf.git("apply", data=diff)
    assert bookshelf.git("diff") + bookshelf.text("bookshelf/asyncify_support.py") == migrated


def test_json_from_process_to_process(bookshelf: WorkTree) -> None:
    for arguments in (["check"], ["run", "--diff"], ["run"]):
        code, told, _ = bookshelf.asyncify(*arguments, "--output-format", "json")
        document = json.loads(told)
        jsonschema.validate(document, SCHEMA)
        assert document["exit_code"] == code
        assert document["pending"] is (arguments != ["run"])
        assert document["written"] is (arguments == ["run"])
        if "--diff" in arguments:
            data = document["diff"].encode(document["diff_encoding"])
            bookshelf.git("apply", "--check", "-", data=data)
            assert len(document["changed_files"]) == 11


def test_paths_limit_what_is_edited_and_the_rest_is_named(shop: WorkTree) -> None:
    code, told, _ = shop.asyncify("run", "app")
    assert code == 1
    assert "scripts/report.py:6:16: ASY102 `count_users` turns async" in told
    assert told.endswith("To migrate what was left out: asyncify run app scripts/report.py\n")
    assert shop.text("scripts/report.py") == CALLER
    assert "async def count_users" in shop.text("app/database.py")


def test_the_command_that_is_named_takes_it_in(shop: WorkTree) -> None:
    _, told, _ = shop.asyncify("check", "app")
    command = told.splitlines()[-1].partition(": asyncify check ")[2]
    assert shop.asyncify("run", *command.split())[0] == 0
    assert "return await count_users(db)" in shop.text("scripts/report.py")
    assert shop.asyncify("check")[0] == 0


@pytest.mark.parametrize(
    ("path", "head", "settings", "advice"),
    [
        ("scripts/report.py", "# asyncify: skip-file by hand\n", "", "Remove `# asyncify: skip-"),
        ("scripts/report.py", "", 'extend-exclude = ["scripts"]', "The file is excluded"),
        ("vendor/report.py", "", "", "The file is excluded"),
        ("scripts/report.py", "# Generated. DO NOT EDIT.\n", "", "The file is generated"),
    ],
)
def test_what_is_left_alone_is_an_error_where_it_calls_what_turns(
    shop: WorkTree, path: str, head: str, settings: str, advice: str
) -> None:
    (shop.root / "scripts" / "report.py").unlink()
    shop.write(path, head + CALLER)
    shop.write("pyproject.toml", f"[tool.asyncify]\n{settings}\n")
    code, told, _ = shop.asyncify("run")
    assert code == 1
    assert f"{path}:{6 + bool(head)}:16: ASY102 `count_users` turns async" in told
    assert advice in told
    assert shop.text(path) == head + CALLER
    assert "async def" in shop.text("app/database.py")


@pytest.mark.parametrize("head", ["# Generated. DO NOT EDIT.\n", ""])
def test_a_file_that_is_named_is_always_taken(shop: WorkTree, head: str) -> None:
    shop.write("vendor/report.py", head + CALLER)
    assert shop.asyncify("run", ".", "vendor/report.py")[0] == 0
    assert "await count_users" in shop.text("vendor/report.py")


def test_suppressions(shop: WorkTree) -> None:
    shop.write("pyproject.toml", '[tool.asyncify]\nextend-exclude = ["scripts"]\n')
    line = "        return count_users(db)\n"
    reason = "  # asyncify: ignore[ASY102] nobody runs it\n"
    shop.write("scripts/report.py", CALLER.replace(line, line.rstrip() + reason))
    assert shop.asyncify("run", "--diff")[0] == 0
    shop.write("scripts/report.py", "x = 1  # asyncify: ignore[ASY102] nobody runs it\n")
    code, told, _ = shop.asyncify("run", "--diff")
    assert code == 1
    assert "scripts/report.py:1:8: ASY501 This suppression of ASY102 silences nothing." in told
    assert shop.asyncify("run", "--diff", "--per-file-ignores", "scripts/*:ASY5")[0] == 0
    assert shop.asyncify("run", "--diff", "--ignore", "ASY501")[0] == 0
    assert shop.asyncify("run", "--diff", "--select", "ASY1")[0] == 0


def test_changes_that_git_does_not_hold_stop_the_run(shop: WorkTree) -> None:
    shop.commit()
    shop.write("app/database.py", DATABASE + "\n# mine\n")
    code, told, _ = shop.asyncify("run")
    assert code == 2
    assert "app/database.py:1:1: ASY502 " in told
    assert "nothing was written" in told
    assert shop.text("scripts/report.py") == CALLER
    assert shop.asyncify("run", "--diff")[0] == 0
    assert shop.asyncify("run", "--allow-dirty")[0] == 0
    assert shop.text("app/database.py").endswith("\n# mine\n")


def test_configuration_is_found_given_or_ignored(shop: WorkTree) -> None:
    shop.write("pyproject.toml", '[tool.asyncify]\nstyle = "expresion"\n')
    code, told, _ = shop.asyncify("check", "..", folder="app")
    assert code == 2
    assert told.startswith('../pyproject.toml:2:1: style is "expresion" but takes one of ')
    assert 'did you mean "expression"?' in told
    assert shop.asyncify("check", "--isolated")[0] == 1
    shop.write("other.toml", 'sync = ["app.database", "scripts.report"]\n')
    assert shop.asyncify("check", "--config", "other.toml")[0] in (0, 1)
    assert shop.asyncify("check", "--config", "missing.toml")[0] == 2
    assert shop.asyncify("check", "--isolated", "--python", "missing")[0] == 2
    assert shop.asyncify("check", "--isolated", "--python", sys.executable, "--jobs", "2")[0] == 1


def test_quiet_and_github(shop: WorkTree) -> None:
    assert shop.asyncify("check", "--quiet") == (1, "", b"")
    code, told, _ = shop.asyncify("check", "app", "--output-format", "github", "-q")
    assert code == 1
    assert told.startswith("::error file=scripts/report.py,line=6,col=16,title=asyncify ASY102::")
