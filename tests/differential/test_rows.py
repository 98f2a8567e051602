"""Every row of the vocabulary, proved by programs: each is migrated and does what it did, or is
left as it is with a finding.

On 1.4 engines and sessions are of the 2.0 style, which is what an async one is. Every scenario
runs there on the plain ones too, on which less is equal: what isn't, has to have a finding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from asyncify.outcome import Outcome
from asyncify.vocabulary.names import TABLES
from tests.differential.compare import Run, differences
from tests.differential.scenarios import (
    FIXTURES,
    PLAIN,
    STYLES,
    Scenario,
    lay_out,
    migrate,
    run_all,
    scenarios,
)
from tests.differential.unproved import REASONS, reason
from tests.engine import errors, write
from tests.lines import INSTALLED, python_of

ALL = [each for path in sorted(FIXTURES.glob("rows/*.py")) for each in scenarios(path)]
CASES = [(style, each) for style in STYLES for each in ALL if style in each.styles]
# Where a second run has to find nothing: the line that differs most, and the installed one.
REPEATED = ("1.4", INSTALLED)
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


@pytest.fixture(scope="session")
def proofs(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """All scenarios of a line, migrated one by one and run in two processes."""

    @cache
    def proved(style: str) -> dict[str, Proof]:
        python = python_of(style.split()[0])
        scratch = tmp_path_factory.mktemp(style.replace(" ", "-"))
        outcomes, before, after = {}, {}, {}
        for each in ALL:
            if style in each.styles:
                before[str(each)] = lay_out(each, scratch / "before" / str(each), style)
                after[str(each)] = lay_out(each, scratch / "after" / str(each), style)
                outcomes[str(each)] = migrate(after[str(each)])
                write(after[str(each)], outcomes[str(each)])
        first = run_all(before, scratch / "before", python)
        second = run_all(after, scratch / "after", python)
        return {
            name: Proof(outcome, after[name], first[name], second[name])
            for name, outcome in outcomes.items()
        }

    return proved


def in_style(run: Run, style: str) -> Run:
    """A plain connection that has written nothing has nothing to roll back."""
    if style != PLAIN:
        return run
    kept = [each for each in run.record["statements"] if each[0] != "ROLLBACK"]
    return replace(run, record={**run.record, "statements": kept})


@pytest.mark.parametrize(("style", "scenario"), CASES, ids=str)
def test_migrated_and_equal_or_left_with_a_finding(  # type: ignore[no-untyped-def]
    style: str, scenario: Scenario, proofs
) -> None:
    proof = proofs(style)[str(scenario)]
    found = errors(proof.outcome)
    assert [x for x in proof.before.record["faults"] if "never awaited" in x] == []
    different = differences(*(in_style(run, style) for run in (proof.before, proof.after)))
    again = [x.path for x in migrate(proof.folder).changes] if style in REPEATED else []
    if scenario.left or (found and style == PLAIN):
        said = [finding.code for finding in proof.outcome.findings]
        assert [each for each in different if "on a sync connection" not in each] == []
        assert scenario.left in ("", *said) and (again == [] or not proof.outcome.changes)
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
