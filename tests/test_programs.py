"""The whole programs under ``fixtures/programs``, and the loader that reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncify.outcome import Outcome
from asyncify.rules import PENDING
from tests import programs
from tests.engine import check, described, errors, migrate, write
from tests.programs import FormatError, Program

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "programs"
CASES = sorted(FOLDER.glob("*.md"))
NEWLINES = {"lf": "\n", "crlf": "\r\n"}


def found(outcome: Outcome) -> tuple[str, ...]:
    """All findings but the pending work, in the spelling of the section Findings."""
    return tuple(
        f"{finding.site.path}:{finding.site.line} {finding.code}"
        for finding in outcome.findings
        if finding.code not in PENDING and not finding.fixed
    )


def same_files(outcome: Outcome, program: Program, newline: str) -> None:
    """What changes, changes to the text that is written down; nothing else changes.

    Line ends are the program's own, so that every byte outside an edit is seen to be kept.
    """
    changes = {change.path: change.after for change in outcome.changes}
    for path, text in program.changed.items():
        after = changes.get(path, programs.with_newlines(program.before.get(path, ""), newline))
        assert after.decode().split(newline) == text.split("\n"), path
    assert changes.keys() == program.changed.keys()


@pytest.mark.parametrize("newline", NEWLINES.values(), ids=NEWLINES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_program(case: Path, newline: str, tmp_path: Path) -> None:
    program = programs.load(case)
    programs.write(program, tmp_path, newline)
    outcome = migrate(tmp_path)
    same_files(outcome, program, newline)
    assert not outcome.failed
    for change in outcome.changes:
        compile(change.after, change.path, "exec", dont_inherit=True)
    if program.findings is None:
        assert not errors(outcome)
    else:
        assert found(outcome) == program.findings, "\n".join(described(outcome))
    assert check(tmp_path).pending == bool(outcome.changes)
    write(tmp_path, outcome)
    assert not migrate(tmp_path).changes, "a second run changes something"


TEXT = """
# Title

Prose.

## Config

```toml
[tool.asyncify]
```

## Before

### `a/b.py`

```python
## Before
x = 1

```

### `empty.py`

```python
```

## Findings

- `a/b.py:1 ASY000`
"""


def test_the_loader_reads_every_section() -> None:
    program = programs.parse(TEXT)
    assert program.before == {"a/b.py": "## Before\nx = 1\n\n", "empty.py": ""}
    assert program.changed == {}
    assert program.findings == ("a/b.py:1 ASY000",)
    assert program.config == "[tool.asyncify]\n"


def test_without_a_list_of_findings_there_is_none() -> None:
    assert programs.parse(TEXT.partition("## Findings")[0]).findings is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("## Before\n\n###", "## Earlier\n\n###"),
        ("## Findings\n", "## Before\n"),
        ("### `a/b.py`\n", ""),
        ("`empty.py`", "`a/b.py`"),
        ("- `a/b.py:1 ASY000`", "a/b.py:1 ASY000"),
        ("```python\n```", "```python\n"),
    ],
)
def test_the_loader_refuses_what_it_does_not_know(old: str, new: str) -> None:
    with pytest.raises(FormatError):
        programs.parse(TEXT.replace(old, new))
