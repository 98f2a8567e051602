"""Programs under ``fixtures/apps``, and how their own tests are run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from asyncify import engine
from asyncify.outcome import Outcome
from tests.engine import request, write

APPS = sorted((Path(__file__).resolve().parent.parent / "fixtures" / "apps").iterdir())
# Programs that are migrated one module at a time, each with its callers and its tests.
STEPS = {
    "meal_requests": (
        ("db/cruds/tokens_crud.py", "api/auth.py", "tests/test_tokens_crud.py"),
        (
            "db/cruds/allowed_origins_crud.py",
            "api/origins.py",
            "tests/test_allowed_origins_crud.py",
        ),
    )
}


def migrate_in_steps(app: Path, folder: Path) -> Iterator[Outcome]:
    """Migrate a copy of a program in ``folder``; what came of each step, which is written."""
    shutil.copytree(app / "before", folder, dirs_exist_ok=True)
    for only in STEPS.get(app.name, ((),)):
        asked = request(folder)
        outcome = engine.run(replace(asked, config=replace(asked.config, only=only)))
        write(folder, outcome)
        yield outcome


def own_tests(app: Path, state: str, **variables: str) -> str:
    """Run a program's own tests, which pass; what pytest printed. They stand beside both states
    where they needn't be migrated, else in each."""
    beside = (app / "tests").is_dir()
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **variables}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", "tests"],
        cwd=app if beside else app / state,
        env={**environment, app.name.upper(): state} if beside else environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert state == "before" or "never awaited" not in done.stdout, done.stdout
    return done.stdout
