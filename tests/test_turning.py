"""`why` and `graph`: what turns, the shortest way to the I/O, and who is forced by a function."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from asyncify import cli, engine
from asyncify.report.turning import as_dot, explained
from asyncify.turning import Turning
from tests.engine import request

PROGRAM = """
from sqlalchemy.orm import Session


class Users:
    def __init__(self, db: Session) -> None:
        self.db = db

    def get(self, number: int) -> object:
        return self.db.execute(number)

    def long_way(self, number: int) -> object:
        return self.middle(number)

    def middle(self, number: int) -> object:
        return self.get(number)

    def both(self, number: int) -> object:
        self.long_way(number)
        return self.get(number)


async def route(db: Session) -> object:
    return Users(db).both(1)


def around(number: int) -> object:
    return around(number - 1) if number else None
"""


STAYING = """
from sqlalchemy.orm import Session


class Users:
    def __init__(self, db: Session) -> None:
        self.db = db

    def __hash__(self) -> int:
        return self.db.execute("x").rowcount

    def shown(self) -> str:
        return str(hash(self))

    def get(self) -> object:
        return self.db.execute("x")
"""


ISLANDS = """
from types import SimpleNamespace

from celery import shared_task
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import Session

engine = create_engine("sqlite:///app.db")


class Report(SimpleNamespace):
    def __init__(self, db: Session) -> None:
        self.db = db
        self.first = db.scalar(text("SELECT 3"))

    def total(self) -> int:
        return self.db.scalar(text("SELECT 1"))


def show(db: Session) -> str:
    return str(Report(db).total())


def counted(db: Session) -> int:
    return db.scalar(text("SELECT 2"))


async def route() -> int:
    with Session(engine) as db:
        show(db)
        return counted(db)


@shared_task
def task() -> int:
    with Session(create_engine("sqlite:///app.db")) as db:
        return counted(db)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "app.py").write_text(PROGRAM)
    return tmp_path


@pytest.fixture
def turning(folder: Path) -> Turning:
    return engine.turning(request(folder))


def invoke(*words: object) -> Result:
    return CliRunner().invoke(cli.app, [*map(str, words), "--no-cache"])


def test_the_chain_is_the_shortest(turning: Turning) -> None:
    get = ("app:Users.get", "execute (line 10)")
    assert turning.chain("app:Users.get") == get
    assert turning.chain("app:Users.both") == ("app:Users.both", *get)
    assert turning.chain("app:Users.long_way") == (
        "app:Users.long_way", "app:Users.middle", *get,
    )  # fmt: skip
    assert turning.chain("app:around") == ()


def test_callers_are_forced_the_nearest_first(turning: Turning) -> None:
    forced = turning.forced("app:Users.get")
    assert forced == (
        "app:Users.middle", "app:Users.both", "app:Users.long_way", "app:route",
    )  # fmt: skip
    assert turning.forced("app:route") == ()


def test_colors(turning: Turning) -> None:
    nodes = {node.name: node for node in turning.nodes}
    assert nodes["app:Users.get"].color == "turns"
    assert nodes["app:route"].color == "async"
    assert "app:around" not in nodes


@pytest.mark.parametrize(
    "name", ["app:Users.get", "app.Users.get", "Users.get"], ids=["whole", "dotted", "short"]
)
def test_names_are_found(turning: Turning, name: str) -> None:
    assert turning.find(name) == "app:Users.get"


def test_dot_has_every_function_and_call_once(turning: Turning) -> None:
    lines = as_dot(turning).splitlines()
    assert lines[0] == "digraph asyncify {" and lines[-1] == "}"
    assert '  "app:Users.get" [shape=box];' in lines
    assert lines.count('  "app:Users.both" -> "app:Users.get";') == 1
    assert len(lines) == len(set(lines))


def test_why_prints_the_chain_and_who_is_forced(folder: Path) -> None:
    result = invoke("why", "app:Users.middle", folder)
    assert result.exit_code == 0, result.output
    assert "app:Users.middle (app.py:15) would turn async." in result.output
    assert "  app:Users.middle\n    app:Users.get\n      execute (line 10)\n" in result.output
    assert "(3):\n  app:Users.long_way\n  app:Users.both\n  app:route\n" in result.output


def test_what_starts_a_loop_is_no_function_that_stays(folder: Path) -> None:
    script = (
        "from sqlalchemy import create_engine, text\n"
        'engine = create_engine("sqlite:///app.db")\n\n\n'
        "def count() -> int:\n"
        "    with engine.connect() as connection:\n"
        '        return connection.scalar(text("SELECT 1"))\n\n\n'
        'if __name__ == "__main__":\n'
        "    print(count())\n"
    )
    (folder / "script.py").write_text(script)
    colors = {node.name: node.color for node in engine.turning(request(folder)).nodes}
    assert (colors["script"], colors["script:count"]) == ("starts", "turns")


def test_why_of_what_stays(folder: Path, turning: Turning) -> None:
    assert "stays as it is" in explained(turning, "app:around")
    (folder / "app.py").write_text(STAYING)
    output = invoke("why", "Users.__hash__", folder).output
    assert "stays sync." in output and "Python calls __hash__ itself" in output
    assert "execute (line 10)" in output
    output = invoke("why", "Users.get", folder).output
    assert "It shares sessions or calls with what can't turn." in output
    assert "execute (line 16)" in output


def test_why_of_the_body_of_a_module_and_of_what_turns_with_another(folder: Path) -> None:
    more = (
        "\n\nclass Quiet(Users):\n    def get(self, number: int) -> object:\n        return None\n"
    )
    (folder / "app.py").write_text(PROGRAM + more)
    (folder / "script.py").write_text(
        "from sqlalchemy import create_engine\n"
        'TOTAL = create_engine("sqlite:///app.db").connect().execute(1)\n'
    )
    assert "script (script.py:1) starts an event loop" in invoke("why", "script", folder).output
    output = invoke("why", "Quiet.get", folder).output
    assert "It turns with `app:Users.get`, which is called where it is called." in output


def test_why_of_islands_and_of_their_calls(folder: Path) -> None:
    (folder / "app.py").write_text(ISLANDS)
    stays = "Python calls __init__ itself and can't await it."
    output = invoke("why", "Report.__init__", folder).output
    assert f"entered through `run_sync`.\n{stays}\n" in output
    output = invoke("why", "Report.total", folder).output
    assert f"\nIt goes with `app:Report.__init__`. {stays}\n" in output
    output = invoke("why", "counted", folder).output
    assert "\n`app:task` -> `app:counted` needs it sync (" in output
    output = " ".join(invoke("run", "--diff", folder).output.split())
    told = "stays sync and is entered through run_sync. It goes with `app:Report.__init__`."
    assert f"`app:Report.total` {told} {stays}" in output


def test_why_of_no_function(folder: Path) -> None:
    result = invoke("why", "app:Users.gat", folder)
    assert result.exit_code == 2
    assert '"app:Users.get"' in result.output


def test_graph_as_json(folder: Path) -> None:
    document = json.loads(invoke("graph", folder, "--output-format", "json").stdout)
    names = {function["name"] for function in document["functions"]}
    assert {"caller": "app:route", "callee": "app:Users.both", "line": 24} in document["calls"]
    assert all(call[end] in names for call in document["calls"] for end in ("caller", "callee"))
    assert invoke("graph", folder).stdout.startswith("digraph asyncify {")


@pytest.mark.parametrize("arguments", [("graph",), ("why", "app:Users.get")])
def test_formats_that_there_are_not_are_refused(folder: Path, arguments: tuple[str, ...]) -> None:
    result = invoke(*arguments, folder, "--output-format", "github")
    assert result.exit_code == 2
    assert '--output-format: is "github" but takes one of' in result.output


def test_files_that_cannot_be_read_are_named(folder: Path) -> None:
    (folder / "broken.py").write_text("def f(:\n")
    for arguments in (("why", "app:Users.get"), ("graph",), ("status",)):
        result = invoke(*arguments, folder)
        assert result.exit_code == 2
        assert result.stdout
        assert re.search(r"broken\.py:1:\d+: ASY303 This file isn't valid Python", result.stderr)


def test_paths_that_are_not_there(tmp_path: Path) -> None:
    for arguments in (("why", "app:main"), ("graph",), ("status",)):
        result = invoke(*arguments, tmp_path / "none")
        assert result.exit_code == 2
        assert "There is no such file or folder." in result.stderr
