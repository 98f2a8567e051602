"""The tables of SQLAlchemy's API hold on the other lines too: their tests, run by each Python; and
what they have migrated code import is there."""

from __future__ import annotations

import json
import subprocess

import pytest

from asyncify.vocabulary import names
from asyncify.vocabulary.sqlalchemy_query import QUERY
from tests.differential.run import ROOT, environment
from tests.lines import INSTALLED, LINES, python_of

TABLES = ("vocabulary", "vocabulary_execution", "vocabulary_query", "vocabulary_urls")


@pytest.mark.parametrize("line", [line for line in LINES if line != INSTALLED])
def test_tables_hold(line: str) -> None:
    command = [python_of(line), "-m", "pytest", "--quiet", "-p", "no:cacheprovider"]
    command += [f"tests/test_{name}.py" for name in TABLES]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


RESOLVING = """
import functools, importlib, json, sys

def resolve(name):
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        try:
            functools.reduce(getattr, parts[length:], found)
        except AttributeError:
            return False
        return True
    return False

print(json.dumps([name for name in json.load(sys.stdin) if not resolve(name)]))
"""


def written_names(line: str) -> set[str]:
    """Everything that a table has migrated code import on a line."""
    found = {names.async_name(name, line) or "" for name in (*names.KINDS, *names.FUNCTIONS)}
    for table in names.TABLES.values():
        for member in table.members:
            row = table.member(member.name, line)
            if row is not None and line in member.sync_lines:
                found |= {*row.imports}
    for query in QUERY.members:
        if line in query.lines:
            found |= {*query.imports, *(name for each in query.arguments for name in each.imports)}
    return {name for name in found if name.startswith("sqlalchemy")}


@pytest.mark.parametrize("line", LINES)
def test_what_is_imported_exists(line: str) -> None:
    wanted = sorted(written_names(line))
    done = subprocess.run(
        [python_of(line), "-c", RESOLVING],
        input=json.dumps(wanted), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert len(wanted) > 10
    assert json.loads(done.stdout) == []
