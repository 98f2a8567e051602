"""The outcome that is kept: given again for the same program, and only for the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from asyncify import engine, plan
from asyncify.config import Config
from asyncify.outcome import Outcome
from asyncify.plan import color
from asyncify.source import kept

_SESSION = "from sqlalchemy.orm import Session\n"
_PROGRAM = f"{_SESSION}def f(db: Session):\n    return db.execute('select 1').scalar()\n"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with every plan that is made."""
    made: list[int] = []

    def record(*arguments: object) -> object:
        made.append(1)
        return color(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(plan, "color", record)
    return made


@pytest.fixture
def request_(tmp_path: Path) -> engine.Request:
    root = tmp_path / "program"
    root.mkdir()
    (root / "a.py").write_text(_PROGRAM)
    (root / "b.py").write_text("from a import f\n")
    return engine.Request(Config(root), (root,))


def test_the_same_program_has_the_same_outcome(
    request_: engine.Request, planned: list[int]
) -> None:
    first = engine.check(request_)
    assert first.pending and first.findings
    assert engine.check(request_) == first
    assert len(planned) == 1


def test_without_a_cache_nothing_is_kept(request_: engine.Request, planned: list[int]) -> None:
    for _ in range(2):
        engine.check(replace(request_, cache=False))
    assert len(planned) == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "b.py").write_text("from a import f as g\n"),
        lambda root: (root / "b.py").unlink(),
        lambda root: (root / "b.py").rename(root / "c.py"),
        lambda root: (root / "c.py").write_text(""),
        lambda root: (root / "c.pyi").write_text("def f(): ...\n"),
        lambda root: (root / "c.py").write_text("def f(:\n"),
    ],
)
def test_whatever_changes_is_looked_at(
    request_: engine.Request, planned: list[int], change: object
) -> None:
    engine.check(request_)
    change(request_.config.root)  # type: ignore[operator]
    fresh = engine.check(replace(request_, cache=False))
    assert engine.check(request_) == fresh
    assert len(planned) == 3


def test_a_notebook_that_changes_is_looked_at(request_: engine.Request, planned: list[int]) -> None:
    notebook = request_.config.root / "n.ipynb"
    for text in ("", "from a import f\nf()"):
        cells = [{"cell_type": "code", "source": [text]}]
        notebook.write_text(json.dumps({"cells": cells}))
        outcome = engine.check(request_)
    assert len(planned) == 2
    assert any(finding.site.path == "n.ipynb" for finding in outcome.findings)


_RENDERED = f"""{_SESSION}from jinja2 import Environment
class Users:
    def __init__(self, db: Session):
        self.db = db
    def names_of(self):
        return self.db.execute("select name from users").scalars().all()
def show(db: Session, env: Environment):
    return env.get_template("users.html").render(users=Users(db))
"""


def test_a_template_that_changes_is_looked_at(request_: engine.Request, planned: list[int]) -> None:
    root = request_.config.root
    (root / "a.py").write_text(_RENDERED)
    found = []
    for text in ("{{ users }}", "\n{{ page.users.names_of() }}", "\n{{ page.users.names_of() }}"):
        (root / "users.html").write_text(text)
        sites = [x.site for x in engine.check(request_).findings if x.code == "ASY102"]
        found.append([(site.path, site.line) for site in sites])
    assert found == [[], [("a.py", 6)], [("a.py", 6)]]
    assert len(planned) == 2


def test_other_settings_and_paths_are_looked_at(
    request_: engine.Request, planned: list[int]
) -> None:
    engine.check(request_)
    config = replace(request_.config, sync=("a.f",))
    engine.check(replace(request_, config=config))
    engine.check(replace(request_, paths=(request_.config.root / "b.py",)))
    assert len(planned) == 3


def test_other_code_of_asyncify_is_asked(
    request_: engine.Request, planned: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.check(request_)
    monkeypatch.setattr(kept, "code_fingerprint", lambda: [("another", 1, 1)])
    engine.check(request_)
    assert len(planned) == 2


@pytest.mark.parametrize("damage", [b"", b"\0\1\2", b"N", b"[\1\0\0\0N"])
def test_a_broken_cache_is_no_cache(
    request_: engine.Request, planned: list[int], damage: bytes
) -> None:
    first: Outcome = engine.check(request_)
    kept.OutcomeCache(request_.config.root, ()).path.write_bytes(damage)
    assert engine.check(request_) == first
    assert len(planned) == 2
