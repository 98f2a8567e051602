"""Shapes of queries, migrated by the tool for a line of SQLAlchemy.

A text under ``fixtures/queries`` holds Python blocks of shapes, each under a comment that names it;
the last line of a shape is what it gives. In braces behind the name stand the SQLAlchemy lines that
have it and, behind ``run_sync``, those on which it has to stay a Query. One text is one program.
``query_runs`` runs the shapes, before and after.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.differential.run import ROOT, environment
from tests.engine import migrate, write
from tests.lines import LINES

FIXTURES = ROOT / "fixtures" / "queries"
SECONDS = 300
NAME = re.compile(r"^# (?P<name>[^{]+?)(?: \{(?P<lines>[^}]*)\})?$")
KEPT = ("ASY202", "ASY108")
HEAD = """\
import sqlalchemy as sa
from models import Loan, Note, Reader, Shelf, Topic
from sqlalchemy import (
    LABEL_STYLE_TABLENAME_PLUS_COL, bindparam, exists, func, literal, orm, select, text,
)
from sqlalchemy.orm import (
    Bundle, Session, aliased, contains_eager, joinedload, selectinload, subqueryload, undefer,
)
"""
CONFIG = """\
[project]
name = "case"

[tool.asyncify]
sqlalchemy-version = "{line}"
"""
MAIN = """\
import case
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

SessionLocal = sessionmaker(bind=create_engine("sqlite:///library.db"))


def main():
    with SessionLocal() as session:
        return [
{calls}
        ]


if __name__ == "__main__":
    print(main())
"""


@dataclass(frozen=True)
class Shape:
    """One shape of a query, as the function ``function`` of the program of its text."""

    text: str
    number: int
    name: str
    body: str
    lines: tuple[str, ...]
    kept: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.text}: {self.name}"

    @property
    def function(self) -> str:
        return f"shape_{self.number}"

    def source(self) -> str:
        """The function, which is given a session."""
        *lines, last = self.body.strip().splitlines()
        body = textwrap.indent("\n".join([*lines, f"return {last}"]), "    ")
        return f"\n\ndef {self.function}(db: Session):\n{body}\n"


def shapes() -> list[Shape]:
    """All shapes."""
    return [shape for path in sorted(FIXTURES.glob("*.md")) for shape in shapes_of(path)]


def shapes_of(path: Path) -> Iterator[Shape]:
    """The shapes of one text."""
    code = path.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    parts = re.split(r"^(# .*)$", code, flags=re.MULTILINE)[1:]
    for number, (heading, body) in enumerate(zip(parts[::2], parts[1::2], strict=True)):
        named = NAME.match(heading)
        assert named is not None, f"{path.name}: {heading}"
        before, word, behind = (named["lines"] or "").partition("run_sync")
        kept = (tuple(behind.split()) or LINES) if word else ()
        lines = tuple(before.split()) or LINES
        yield Shape(path.stem, number, named["name"], body, lines, kept)


@dataclass(frozen=True)
class Migrated:
    """The programs of a line, before and after: the source of every function, the functions that
    keep a Query, and what each shape gave in both."""

    written: dict[Shape, str]
    kept: frozenset[Shape]
    problems: tuple[str, ...]
    runs: dict[Shape, Any]


def migrated(line: str, scratch: Path, python: str) -> Migrated:
    """All programs: one run of the tool for each, one process for all."""
    texts: dict[str, list[Shape]] = {}
    for shape in shapes():
        if line in shape.lines:
            texts.setdefault(shape.text, []).append(shape)
    written: dict[Shape, str] = {}
    kept: set[Shape] = set()
    problems: list[str] = []
    for text, mine in texts.items():
        before = lay_out(mine, scratch / "before" / text, line)
        after = lay_out(mine, scratch / "after" / text, line)
        outcome = migrate(after)
        places = {number: shape for shape in mine for number in _lines(before, shape.function)}
        said = [x for x in outcome.findings if x.code in KEPT and str(x.site.path) == "case.py"]
        kept |= {places[x.site.line] for x in said if x.site.line in places}
        problems += [str(x) for x in outcome.findings if x.severity.value == "error"]
        write(after, outcome)
        written |= {shape: _source(after, shape.function) for shape in mine}
    runs = _run(texts, scratch, python)
    kept |= {shape for shape, run in runs.items() if run["island"]}
    return Migrated(written, frozenset(kept), tuple(problems), runs)


def lay_out(mine: list[Shape], folder: Path, line: str) -> Path:
    """The program of the shapes of one text."""
    calls = "\n".join(f"            case.{shape.function}(session)," for shape in mine)
    folder.mkdir(parents=True)
    files = {
        "models.py": (FIXTURES / "models.py").read_text(encoding="utf-8"),
        "case.py": HEAD + "".join(shape.source() for shape in mine),
        "main.py": MAIN.replace("{calls}", calls),
        "pyproject.toml": CONFIG.format(line=line),
    }
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    return folder


def _run(texts: dict[str, list[Shape]], scratch: Path, python: str) -> dict[Shape, Any]:
    """What every shape gives in both programs, in a process of the line's Python."""
    listed, target = scratch / "shapes.json", scratch / "runs.json"
    names = {text: [shape.function for shape in mine] for text, mine in texts.items()}
    listed.write_text(json.dumps(names), encoding="utf-8")
    command = [python, "-m", "tests.query_runs", str(scratch), str(listed), str(target)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=SECONDS,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(target.read_text(encoding="utf-8"))
    return {shape: found[text][shape.function] for text, mine in texts.items() for shape in mine}


def _lines(folder: Path, function: str) -> range:
    """The line numbers of a function."""
    lines = (folder / "case.py").read_text(encoding="utf-8").splitlines()
    start = lines.index(f"def {function}(db: Session):")
    end = next((n for n in range(start + 1, len(lines)) if lines[n].startswith("def ")), len(lines))
    return range(start + 1, end + 1)


def _source(folder: Path, function: str) -> str:
    text = (folder / "case.py").read_text(encoding="utf-8")
    found = [
        ast.get_source_segment(text, node) or "" for node in ast.parse(text).body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == function
    ]  # fmt: skip
    return found[-1]


def agree(before: Any, after: Any) -> bool:
    """Equal, save that select names anonymous columns which Query leaves without a name."""
    if not isinstance(before, list) or not isinstance(after, list):
        return bool(before == after)
    if before[:1] == ["row"] == after[:1]:
        names = iter(after[1])
        return all(name in names for name in before[1]) and agree(before[2], after[2])
    return len(before) == len(after) and all(map(agree, before, after))
