"""Runs a program in a process of its own and reads the record of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.differential.compare import Run

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 60


def run_program(folder: Path, record: Path) -> Run:
    """Run the folder's program in a process of its own, on an empty database."""
    database = record.with_suffix(".sqlite")
    command = [sys.executable, "-m", "tests.differential.record", folder, database, record]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the recorder failed:\n{done.stderr}")
    sources = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.py")}
    return Run(sources, json.loads(record.read_text(encoding="utf-8")))
