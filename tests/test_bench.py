"""The benchmark: what it takes for its measure of a run."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[1] / "benchmarks" / "bench.py"
DATABASE = """\
from sqlalchemy import create_engine, text
from sqlalchemy.orm import sessionmaker

SessionLocal = sessionmaker(bind=create_engine("sqlite:///a.db"))


def names():
    with SessionLocal() as session:
        return session.execute(text("select name from users")).scalars().all()
"""


@pytest.fixture
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_only_files_of_python_are_a_measure(bench: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.asyncify]\n")
    (tmp_path / "requirements.txt").write_text("sqlalchemy>=2.0\n")
    (tmp_path / "database.py").write_text(DATABASE)
    request = bench.Tree(tmp_path, 1).request(cache=False)
    changed = {change.path for change in bench.engine.run(request).changes}
    assert {"database.py", "requirements.txt"} <= changed

    tree = bench.read(tmp_path, 1)
    bench.print_changed(tree)
    assert [change.path for change in tree.changes] == ["database.py"]
    assert tree.changed_lines == DATABASE.count("\n")
