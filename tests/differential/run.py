"""Runs a program in a process of its own and reads the record of it."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.differential.compare import Run

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 60


def run_program(folder: Path, path: Path, database: str = "", python: str = sys.executable) -> Run:
    """Run the folder's program in a process of its own, on an empty database: the URL, or else a
    SQLite file beside the record. The interpreter has the SQLAlchemy that runs it."""
    database = database or f"sqlite:///{path.with_suffix('.sqlite')}"
    arguments, log = [str(folder), database, str(path)], path.with_suffix(".log")
    status = (ask if hasattr(os, "fork") else call)(python, arguments, log)
    if status:
        raise RuntimeError(f"the recorder failed:\n{log.read_text('utf-8', 'replace')}")
    sources = {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.py")}
    return Run(sources, json.loads(path.read_text(encoding="utf-8")))


def call(python: str, arguments: list[str], log: Path) -> int:
    """Start a process for one program."""
    command = [python, "-m", "tests.differential.record", *arguments]
    with log.open("wb") as file:
        return subprocess.run(
            command, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=file,
            stderr=file, timeout=SECONDS, check=False,
        ).returncode  # fmt: skip


def ask(python: str, arguments: list[str], log: Path) -> int:
    """Have the process that has SQLAlchemy in memory run one program: in a third of the time."""
    process = recorder(python)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([*arguments, str(log)]) + "\n")
    process.stdin.flush()
    return int(process.stdout.readline())


@cache
def recorder(python: str) -> subprocess.Popen[str]:
    command = [python, "-m", "tests.differential.serve"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    atexit.register(process.communicate)
    return process


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
