"""What can't be rewritten is left as it is, and doesn't stop the rest."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncify_transforms
import pytest

from asyncify import engine
from asyncify import migrate as migrating
from asyncify.decisions import AwaitExpression
from asyncify.planning import elsewhere
from asyncify.rules import PENDING
from asyncify.workers import Meanwhile
from tests import programs
from tests.engine import check, described, errors, migrate, request

PART = """from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, sessionmaker

engine = create_engine("sqlite:///{name}.db")
Factory = sessionmaker(engine)


def count(session: Session) -> int:
    return session.scalar(text("select 1"))
{separator}

def report() -> int:
    with Factory() as session:
        return count(session)
"""
# Python takes a starred base behind a keyword, and LibCST doesn't.
UNPARSED = "\n\nclass Odd(object, metaclass=type, *()):\n    pass\n"


def program(folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[project]\nname = "p"\n')
    (folder / "good.py").write_text(PART.format(name="good", separator=""))
    (folder / "bad.py").write_text(PART.format(name="bad", separator=UNPARSED))


def test_a_file_that_cannot_be_rewritten_does_not_stop_the_rest(tmp_path: Path) -> None:
    program(tmp_path)
    outcome = migrate(tmp_path)
    changed = {change.path: change.after.decode() for change in outcome.changes}
    assert list(changed) == ["good.py"]
    assert "async def count" in changed["good.py"]
    assert "create_async_engine" in changed["good.py"]
    assert {x.site.path for x in outcome.findings if x.code == "ASY306"} == {"bad.py"}


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked")
@pytest.mark.parametrize("is_ended", [False, True])
def test_processes_rewrite_what_one_rewrites(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_ended: bool
) -> None:
    program(tmp_path)
    alone, here = migrate(tmp_path), os.getpid()
    made = migrating._made

    def ended(*arguments: Any) -> Any:
        if is_ended and os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return made(*arguments)

    monkeypatch.setattr(migrating, "_PARALLEL_BYTES", 1)
    monkeypatch.setattr(migrating, "_made", ended)
    assert engine.run(replace(request(tmp_path), jobs=3)) == alone


def test_one_file_alone_is_rewritten_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process would only hold everything a second time."""
    (tmp_path / "one.py").write_text(HALF)
    alone = migrate(tmp_path)
    assert [change.path for change in alone.changes] == ["one.py"]
    monkeypatch.setattr(migrating, "_PARALLEL_BYTES", 1)
    monkeypatch.setattr(os, "fork", pytest.fail, raising=False)
    assert engine.run(replace(request(tmp_path), jobs=3)) == alone


LOADING = sorted((Path(__file__).parents[1] / "fixtures" / "programs").glob("load*.md"))


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked")
@pytest.mark.parametrize("path", LOADING, ids=lambda path: path.stem)
def test_another_process_finds_what_this_one_finds(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.write(programs.load(path), tmp_path, "\n")
    alone = migrate(tmp_path)
    monkeypatch.setattr(elsewhere, "_ENOUGH", 1)
    assert engine.run(replace(request(tmp_path), jobs=2)) == alone


@pytest.mark.parametrize("ends", [True, False])
def test_what_another_process_did_not_find_is_found_here(ends: bool) -> None:
    here = os.getpid()

    def make() -> bytes:
        if os.getpid() != here:
            assert not ends
            os.kill(os.getpid(), signal.SIGKILL)
        return b"here"

    assert Meanwhile(make, bytes, bytes, True).result() == b"here"


def test_where_no_process_can_be_forked_one_does_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> int:
        raise BlockingIOError("no room for one more")

    program(tmp_path)
    alone = migrate(tmp_path)
    monkeypatch.setattr(migrating, "_PARALLEL_BYTES", 1)
    monkeypatch.setattr(os, "fork", full, raising=False)
    assert engine.run(replace(request(tmp_path), jobs=3)) == alone
    assert Meanwhile(lambda: b"here", bytes, bytes, True).result() == b"here"


def test_what_shares_sessions_with_it_stays_sync(tmp_path: Path) -> None:
    program(tmp_path)
    (tmp_path / "user.py").write_text(
        "from bad import Factory, count\n\n\ndef use() -> int:\n"
        "    with Factory() as session:\n        session.commit()\n        return count(session)\n"
    )
    outcome = migrate(tmp_path)
    assert [change.path for change in outcome.changes] == ["good.py"]


HALF = """from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, sessionmaker

engine = create_engine("sqlite:///half.db")
Factory = sessionmaker(engine)


def count(session: Session) -> int:
    return session.scalar(text("select 1"))


def is_allowed(session: Session) -> bool:
    return count(session) > 0


def add_task_counts(values: list[int]) -> int:
    return len(values)


def several(session: Session) -> int:
    first = count(session)
    return add_task_counts([first, count(session)])


def report() -> bool:
    with Factory() as session:
        return is_allowed(session) and several(session) > 1
"""


# Where a transform loses an await: used as the result, tested, kept, and handed on to what may
# well know what a coroutine is.
@pytest.mark.parametrize("line", [9, 13, 21, 22])
def test_an_await_that_a_transform_loses_is_caught(
    line: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "p"\n')
    (tmp_path / "half.py").write_text(HALF)
    (tmp_path / "good.py").write_text(PART.format(name="good", separator=""))
    honest = asyncify_transforms.CATALOGUE[AwaitExpression]

    def forgetful(decision: Any, node: Any, place: Any) -> Any:
        forgets = (decision.site.path, decision.site.line) == ("half.py", line)
        return node.deep_clone() if forgets else honest.apply(decision, node, place)

    lossy = {**asyncify_transforms.CATALOGUE, AwaitExpression: replace(honest, apply=forgetful)}
    monkeypatch.setattr(asyncify_transforms, "CATALOGUE", lossy)
    outcome = migrate(tmp_path)
    caught = [x for x in outcome.findings if x.code == "ASY901"]
    assert {x.site.path for x in caught} == {"half.py"}, described(outcome)
    assert [change.path for change in outcome.changes] == ["good.py"], described(outcome)


def test_the_proof_asks_whoever_has_a_coroutine_in_the_end(tmp_path: Path) -> None:
    """What awaits is written by the program itself here: the proof lets it pass."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "p"\n')
    (tmp_path / "half.py").write_text(HALF)
    outcome = migrate(tmp_path)
    assert [change.path for change in outcome.changes] == ["half.py"]
    assert not errors(outcome)


def test_an_engine_belongs_to_the_component_that_needs_it(tmp_path: Path) -> None:
    """Two programs in one folder: migrating one says nothing of the other, and its own engine in
    a file of its own is asked for."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "p"\n')
    (tmp_path / "bad.py").write_text(PART.format(name="bad", separator=""))
    head, _, rest = PART.format(name="good", separator="").partition("\n\n\n")
    (tmp_path / "database.py").write_text(head + "\n")
    (tmp_path / "good.py").write_text(
        f"from database import Factory\nfrom sqlalchemy import text\n"
        f"from sqlalchemy.orm import Session\n\n\n{rest}"
    )
    outcome = engine.run(replace(request(tmp_path), paths=(tmp_path / "good.py",)))
    assert [change.path for change in outcome.changes] == ["good.py"]
    told = {(x.site.path, x.code) for x in outcome.findings if x.severity.value == "error"}
    assert told == {("database.py", "ASY102")}, described(outcome)


def test_a_file_of_two_components_is_told_of_the_one_that_is_edited(tmp_path: Path) -> None:
    program(tmp_path)
    (tmp_path / "bad.py").write_text(PART.format(name="bad", separator=""))
    (tmp_path / "both.py").write_text(
        "import bad\nimport good\n\n\ndef one() -> int:\n    return good.report()\n\n\n"
        "def other() -> int:\n    return bad.report()\n"
    )
    outcome = engine.run(replace(request(tmp_path), paths=(tmp_path / "good.py",)))
    assert [change.path for change in outcome.changes] == ["good.py"]
    told = {(x.site.path, x.code) for x in outcome.findings if x.severity.value == "error"}
    assert ("both.py", "ASY102") in told, described(outcome)


def test_pending_work_has_codes(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "p"\n')
    text = PART.format(name="good", separator="")
    query = "session.query(text('1')).all()"
    (tmp_path / "good.py").write_text(text.replace('session.scalar(text("select 1"))', query))
    pending = [f"{x.site.line} {x.code}" for x in check(tmp_path).findings if x.code in PENDING]
    assert pending == ["4 ASY003", "5 ASY003", "8 ASY001", "9 ASY002", "12 ASY001"]
