"""What is written and reported depends on the program alone: atoms, functions and classes are
hashed by identity, and where they lie in memory differs between runs."""

import os
import subprocess
import sys
from pathlib import Path

CASES = Path(__file__).parents[1] / "fixtures" / "differential"
PROGRAMS = [
    CASES / "programs" / "carried" / "main.py",
    CASES / "cases" / "functions_given_to_partial.py",
]

# Mixes what identities hash to before the tool runs, so that sets are gone through otherwise.
RUN = """
import importlib, inspect, pkgutil, sys
import asyncify.cli, asyncify.analysis
for module in pkgutil.iter_modules(asyncify.analysis.__path__):
    found = importlib.import_module(f"asyncify.analysis.{module.name}")
    for cls in filter(inspect.isclass, list(vars(found).values())):
        if cls.__module__ == found.__name__ and cls.__hash__ is object.__hash__:
            cls.__hash__ = lambda self: hash((id(self), sys.argv[0]))
seed, *arguments = sys.argv[1:]
sys.argv = [seed, *arguments]
asyncify.cli.app()
"""


def _written(program: Path, folder: Path, seed: str) -> str:
    (folder / "main.py").write_text(program.read_text())
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "p"\ndependencies = ["sqlalchemy>=2"]\n'
    )
    command = [sys.executable, "-c", RUN, seed, "run", "--diff", "--no-cache", str(folder)]
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return done.stdout + done.stderr


def test_no_run_depends_on_addresses(tmp_path: Path) -> None:
    for program in PROGRAMS:
        first, *others = [_written(program, tmp_path, seed) for seed in "1234"]
        assert "await" in first
        assert others == [first] * 3, program.name
