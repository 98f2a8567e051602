"""What every test shares: child processes find this checkout, and no test uses a person's cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """Property tests read a sample of the installed packages unless told to read all."""
    parser.addoption("--all-packages", action="store_true", help="read all installed packages")


@pytest.fixture(scope="session", autouse=True)
def own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache folder for this run, and the checkout on the path of child processes."""
    folders = [str(ROOT), str(ROOT / "transforms"), os.environ.get("PYTHONPATH", "")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, folders)))
        # Suites that tests run don't use Hypothesis, and importing it takes longer than they do.
        patch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
        yield
