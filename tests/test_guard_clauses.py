"""Guard clauses: generated functions do what they did, and their comments stay with their code."""

from __future__ import annotations

import ast
import io
import random
import tempfile
import tokenize
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asyncify import engine
from asyncify.config import load_config
from tests.engine import migrate
from tests.nested_conditionals import VALUES, behaviour, functions, load, source

_CONFIG = '[tool.asyncify]\nguard-clauses = "all"\n'
_RUNS = 60  # of each function: conditions give other values in each


def guarded(text: str) -> str:
    """The text after ``asyncify run``; a second run changes nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pyproject.toml").write_text(_CONFIG, encoding="utf-8")
        path = folder / "generated.py"
        path.write_text(text, encoding="utf-8")
        outcome = migrate(folder)
        assert {finding.code for finding in outcome.findings} <= {"ASY004"}
        for change in outcome.changes:
            path.write_bytes(change.after)
        assert not migrate(folder).changes, "a second run changes something"
        return path.read_text(encoding="utf-8")


def same_behaviour(before: str, after: str) -> None:
    old, new = load(before), load(after)
    assert old.keys() == new.keys()
    chooser = random.Random(0)
    for name, function in old.items():
        for _ in range(_RUNS):
            choices = tuple(chooser.randrange(len(VALUES)) for _ in range(12))
            assert behaviour(function, choices) == behaviour(new[name], choices), name


def comments(text: str) -> Counter[str]:
    """Each comment with the code that it is about: that on its line, or the next line's."""
    lines = text.splitlines()
    found: Counter[str] = Counter()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            comment, row = token.string, token.start[0]
            code = lines[row - 1].partition("#")[0].strip()
            if comment.startswith("# over"):
                code = lines[row].partition("#")[0].strip()
            if not comment.startswith(("# over", "# beside")):
                code = ""
            found[f"{comment} {code}"] += 1
    return found


def flow(text: str) -> Counter[str]:
    """How often a text breaks and continues."""
    return Counter(
        type(node).__name__ for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.Break, ast.Continue))
    )  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(functions, min_size=6, max_size=6))
def test_same_outcomes_effects_and_order(drawn: list[tuple[list[object], bool]]) -> None:
    before = source(drawn)  # type: ignore[arg-type]
    after = guarded(before)
    same_behaviour(before, after)
    assert comments(before) == comments(after)
    assert flow(before) == flow(after)


NESTED = """\
def f0(c, t, v, m, r):
    if c(1):
        if c(2):
            if c(3):
                t(4)
            else:
                t(5)
        else:
            t(6)
    else:
        t(7)
"""
GUARDS = """\
def f0(c, t, v, m, r):
    if not c(1):
        t(7)
        return

    if not c(2):
        t(6)
        return

    if not c(3):
        t(5)
        return

    t(4)
"""


def test_nested_conditionals_become_guards() -> None:
    after = guarded(NESTED)
    assert after == GUARDS
    same_behaviour(NESTED, after)


def program(folder: Path, setting: str) -> engine.Request:
    """A program of two files with nested conditionals, of which one can turn."""
    config = f'[tool.asyncify]\nguard-clauses = "{setting}"\n'
    (folder / "pyproject.toml").write_text(config, encoding="utf-8")
    (folder / "plain.py").write_text(NESTED, encoding="utf-8")
    (folder / "reads.py").write_text(READING, encoding="utf-8")
    return engine.Request(
        config=load_config(folder, {}), paths=(folder / "reads.py",), jobs=1, cache=False
    )


READING = """\
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

engine = create_engine("sqlite:///app.db")


def tell(number):
    with Session(engine) as session:
        user = session.get(User, number)
        if user:
            if user.active:
                print(user.name)


def plain(user):
    if user:
        if user.active:
            print(user.name)
"""


@pytest.mark.parametrize(("setting", "guards"), [("touched", 1), ("all", 2), ("off", 0)])
def test_settings(setting: str, guards: int, tmp_path: Path) -> None:
    """What isn't named on the command line stays, and nothing is said about it."""
    outcome = engine.run(program(tmp_path, setting))
    (change,) = outcome.changes
    assert change.path == "reads.py"
    assert change.after.count(b"if not user:") == guards
    assert not [x for x in outcome.findings if x.severity.value != "info"], outcome.findings
    assert not outcome.left_out
