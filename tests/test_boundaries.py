"""What libraries do with functions that do database work: a small program for every boundary.

Each program of ``fixtures/boundaries`` names the functions that turn (``# turns``) and those that
stay sync (``# stays``) behind their ``def``; what isn't named has nothing to do with it. Where the
library is installed the program runs, before and after, if it prints something.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine import check, described, migrate, write

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "boundaries"
DATABASE = FOLDER / "database.py"
CASES = sorted(path for path in FOLDER.glob("*.py") if path != DATABASE)
EXPECTED = re.compile(r"^\s*(?:async )?def (\w+)\(.*# (turns|stays)$", re.MULTILINE)


def project(case: Path, folder: Path) -> Path:
    shutil.copy(DATABASE, folder / "database.py")
    shutil.copy(case, folder / "app.py")
    (folder / "pyproject.toml").write_text('[project]\nname = "program"\n')
    return folder


def colors(text: str) -> dict[str, str]:
    """Each function of a text: does it turn, or stay?"""
    found: dict[str, str] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found[node.name] = "turns" if isinstance(node, ast.AsyncFunctionDef) else "stays"
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_boundary(case: Path, tmp_path: Path) -> None:
    project(case, tmp_path)
    expected = dict(EXPECTED.findall(case.read_text(encoding="utf-8")))
    outcome = migrate(tmp_path)
    assert not outcome.failed, described(outcome)
    texts = {change.path: change.after.decode() for change in outcome.changes}
    found = colors(texts.get("app.py", case.read_text(encoding="utf-8")))
    assert {name: found[name] for name in expected} == expected, described(outcome)
    write(tmp_path, outcome)
    assert not migrate(tmp_path).changes, "a second run changes something"


def printed(folder: Path) -> str:
    command = [sys.executable, "-W", "error::RuntimeWarning", "app.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "never awaited" not in done.stderr, done.stderr
    (folder / "app.db").unlink(missing_ok=True)
    return done.stdout


RUN = [case for case in CASES if "# runs" in case.read_text(encoding="utf-8")]


@pytest.mark.parametrize("case", RUN, ids=lambda case: case.stem)
def test_the_program_prints_the_same(case: Path, tmp_path: Path) -> None:
    project(case, tmp_path)
    before = printed(tmp_path)
    write(tmp_path, migrate(tmp_path))
    assert before and printed(tmp_path) == before


ALTERNATIVES = """import schedule
from sqlalchemy import create_engine, text
from sqlalchemy.orm import sessionmaker

Factory = sessionmaker(create_engine("sqlite:///jobs.db"))


def job() -> None:
    with Factory() as session:
        session.execute(text("select 1"))


def start(daily: bool) -> None:
    every = schedule.every().week.do if daily else schedule.every().day.do
    every(job)
"""


def test_of_several_callers_the_same_one_is_named_in_every_run(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "p"\n')
    (tmp_path / "jobs.py").write_text(ALTERNATIVES)
    named = [x.reason for x in check(tmp_path).findings if "schedule.every" in x.reason]
    assert named
    assert all("`schedule.every().day.do`" in reason for reason in named), named
