"""Programs under ``fixtures/apps``, and how their own tests are run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

APPS = sorted((Path(__file__).resolve().parent.parent / "fixtures" / "apps").iterdir())


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
