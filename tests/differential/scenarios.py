"""Scenarios: small sync programs, many to a file, each of which is migrated by itself.

A file under ``fixtures/differential/rows`` holds functions. The docstring of each says which rows
of the vocabulary it runs, and after a ``|`` the lines of SQLAlchemy that have them where that
isn't all, ``plain`` where it needs 1.4's engines and sessions without ``future=True``, or ``left
CODE`` where it is left as it is with that finding. The parameter of a function says what it is
given: a ``session``, a ``connection``, the ``engine``, the ``factory`` of the frame, or nothing.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from asyncify import engine
from asyncify.config import load_config
from asyncify.outcome import Outcome
from tests.differential.compare import Run
from tests.differential.harness import FIXTURES, PROJECT
from tests.differential.run import ROOT
from tests.lines import LINES, frame

FRAME = FIXTURES / "rows_frame"
# A line, or 1.4 with engines and sessions of its own style.
PLAIN = "1.4 plain"
STYLES = (*LINES, PLAIN)
SECONDS = 300

_GIVEN = {
    "": "    return case.{name}()",
    "session": "    with SessionLocal() as session:\n        return case.{name}(session)",
    "connection": (
        "    with engine.connect() as connection:\n        return case.{name}(connection)"
    ),
    "engine": "    return case.{name}(engine)",
    "factory": "    return case.{name}(SessionLocal)",
}
_MAIN = '''"""Runs one scenario on fresh tables."""

import case
from data import prepare
from database import {names}


def main():
    prepare()
{call}
'''


@dataclass(frozen=True)
class Scenario:
    """One function of a file. ``left`` is the code of the finding that it is left with, or ''."""

    family: str
    name: str
    source: str
    main: str
    rows: tuple[str, ...]
    lines: tuple[str, ...]
    plain: bool
    left: str

    @property
    def styles(self) -> tuple[str, ...]:
        """Those that it runs in."""
        also = (PLAIN,) if "1.4" in self.lines else ()
        return also if self.plain else (*self.lines, *also)

    def __str__(self) -> str:
        return f"{self.family}.{self.name}"


def scenarios(path: Path) -> list[Scenario]:
    """The scenarios of one file, each with what the file has beside them."""
    text = path.read_text(encoding="utf-8")
    body = ast.parse(text).body
    found = [node for node in body if isinstance(node, ast.FunctionDef) and _rows(node)]
    return [_scenario(path.stem, node, _only(text, node, body)) for node in found]


def _rows(node: ast.FunctionDef) -> str:
    words = (ast.get_docstring(node) or "").split()
    return " ".join(words) if words and "." in words[0] and words[0][-1] != "." else ""


def _scenario(family: str, node: ast.FunctionDef, source: str) -> Scenario:
    rows, *conditions = _rows(node).split(" | ")
    words = [word for condition in conditions for word in condition.split()]
    given = [argument.arg for argument in node.args.args]
    names = {"session": "SessionLocal", "factory": "SessionLocal"}.get("".join(given), "engine")
    call = _GIVEN["".join(given)].format(name=node.name)
    return Scenario(
        family,
        node.name,
        source,
        _MAIN.format(names=names, call=call),
        tuple(rows.split()),
        tuple(word for word in words if word in LINES) or LINES,
        "plain" in words,
        next((word for word in words if word.startswith("ASY")), ""),
    )


def _only(text: str, wanted: ast.FunctionDef, body: list[ast.stmt]) -> str:
    """The file with one scenario, and of its other definitions what that needs."""
    definitions = {
        node.name: node for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }
    kept, pending = {wanted.name}, [wanted.name]
    while pending:
        for part in ast.walk(definitions[pending.pop()]):
            if isinstance(part, ast.Name) and part.id in definitions and part.id not in kept:
                kept.add(part.id)
                pending.append(part.id)
    lines = text.splitlines(keepends=True)
    for node in definitions.values():
        if node.name not in kept:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            for number in range(first - 1, node.end_lineno or node.lineno):
                lines[number] = ""
    return re.sub(r"\n{4,}", "\n\n\n", "".join(lines)).rstrip() + "\n"


def lay_out(scenario: Scenario, folder: Path, style: str) -> Path:
    """The scenario as a program in a folder of its own."""
    frame(FRAME, folder, style)
    (folder / "case.py").write_text(scenario.source, encoding="utf-8")
    (folder / "main.py").write_text(scenario.main, encoding="utf-8")
    settings = PROJECT.format(line=style.split()[0])
    (folder / "pyproject.toml").write_text(settings, encoding="utf-8")
    return folder


def migrate(folder: Path) -> Outcome:
    """What ``asyncify run`` on the folder comes to; nothing is written."""
    config = load_config(folder, {})
    return engine.run(engine.Request(config=config, paths=(folder,), jobs=1, cache=False))


def run_all(folders: Mapping[str, Path], scratch: Path, python: str = "") -> dict[str, Run]:
    """Run the programs of the folders, each on an empty database, in one process."""
    jobs = [
        [str(folder), f"sqlite:///{scratch / name}.sqlite", str(scratch / f"{name}.json")]
        for name, folder in folders.items()
    ]
    listed = scratch / "jobs.json"
    listed.write_text(json.dumps(jobs), encoding="utf-8")
    done = subprocess.run(
        [python or sys.executable, "-m", "tests.differential.record", str(listed)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the recorder failed:\n{done.stderr}")
    return {
        name: Run(
            {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.py")},
            json.loads((scratch / f"{name}.json").read_text(encoding="utf-8")),
        )
        for name, folder in folders.items()
    }
