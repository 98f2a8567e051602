"""Every row of the vocabulary, proved by programs: each is migrated and does what it did, or is
left as it is with a finding.

The installed SQLAlchemy is one line. The Pythons of the others are found in the environment:
``ASYNCIFY_PYTHON_1_4`` and ``ASYNCIFY_PYTHON_2_0`` name interpreters with that SQLAlchemy,
aiosqlite and greenlet; without them their scenarios are skipped.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import sqlalchemy

from asyncify.outcome import Outcome
from asyncify.vocabulary.names import TABLES
from tests.differential.compare import Run, differences
from tests.differential.scenarios import (
    FIXTURES,
    LINES,
    Scenario,
    lay_out,
    migrate,
    run_all,
    scenarios,
)
from tests.differential.unproved import REASONS, reason
from tests.engine import errors, write

INSTALLED = ".".join(sqlalchemy.__version__.split(".")[:2])
ALL = [each for path in sorted(FIXTURES.glob("rows/*.py")) for each in scenarios(path)]
CASES = [(line, each) for line in LINES for each in ALL if line in each.lines]
# Those whose members a sync program can use. Streamed results are only made by async code.
KINDS = tuple(
    kind for kind in TABLES if not kind.lower().startswith("async") and not kind.startswith("Sync")
)


@dataclass(frozen=True)
class Proof:
    """One scenario on one line: what the migration said, and both runs."""

    outcome: Outcome
    folder: Path
    before: Run
    after: Run


def python_of(line: str) -> str:
    """The interpreter that has a line of SQLAlchemy, or ''."""
    if line == INSTALLED:
        return sys.executable
    return os.environ.get(f"ASYNCIFY_PYTHON_{line.replace('.', '_')}", "")


@pytest.fixture(scope="session")
def proofs(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """All scenarios of a line, migrated one by one and run in two processes."""

    @cache
    def proved(line: str) -> dict[str, Proof]:
        scratch = tmp_path_factory.mktemp(f"rows{line}")
        outcomes, before, after = {}, {}, {}
        for each in ALL:
            if line in each.lines:
                before[str(each)] = lay_out(each, scratch / "before" / str(each), line)
                after[str(each)] = lay_out(each, scratch / "after" / str(each), line)
                outcomes[str(each)] = migrate(after[str(each)])
                write(after[str(each)], outcomes[str(each)])
        first = run_all(before, scratch / "before", python_of(line))
        second = run_all(after, scratch / "after", python_of(line))
        return {
            name: Proof(outcome, after[name], first[name], second[name])
            for name, outcome in outcomes.items()
        }

    return proved


@pytest.mark.parametrize(("line", "scenario"), CASES, ids=str)
def test_migrated_and_equal_or_left_with_a_finding(  # type: ignore[no-untyped-def]
    line: str, scenario: Scenario, proofs
) -> None:
    if not python_of(line):
        pytest.skip(f"no Python with SQLAlchemy {line}")
    proof = proofs(line)[str(scenario)]
    found = errors(proof.outcome)
    assert [x for x in proof.before.record["faults"] if "never awaited" in x] == []
    different = differences(proof.before, proof.after)
    again = [change.path for change in migrate(proof.folder).changes]
    if scenario.left:
        said = [finding.code for finding in proof.outcome.findings]
        assert [each for each in different if "on a sync connection" not in each] == []
        assert scenario.left in said and (again == [] or not proof.outcome.changes)
        return
    assert proof.outcome.changes, found
    assert (found, different, again) == ([], [], [])


def test_every_row_is_proved_or_says_why_not() -> None:
    proved = {(row, line) for each in ALL for row in each.rows for line in each.lines}
    missing = [
        f"{kind}.{row.name} on {line}"
        for kind in KINDS
        for row in TABLES[kind].members
        for line in row.sync_lines
        if (f"{kind}.{row.name}", line) not in proved and not reason(kind, row, line)
    ]
    assert missing == []


def test_scenarios_name_rows() -> None:
    rows = {f"{kind}.{row.name}" for kind in KINDS for row in TABLES[kind].members}
    assert {row for each in ALL for row in each.rows} - rows == set()
    assert set(REASONS) <= rows


def test_scenarios_use_the_rows_that_they_name() -> None:
    unused = [
        f"{each}: {row}"
        for each in ALL
        for row in each.rows
        if not row.endswith("__") and row.rpartition(".")[2] not in each.source.partition('"""')[2]
    ]
    assert unused == []
