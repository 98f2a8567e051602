"""The documentation agrees with the code, and with itself."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")
CODE_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^```console\n((?:.+\n)+?)```$", re.MULTILINE)


def generator() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docs" / "generate.py"))


def test_the_generated_pages_are_up_to_date() -> None:
    outdated = cast(Callable[[], list[str]], generator()["outdated"])
    assert not outdated(), "run `python docs/generate.py`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    prose = CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))
    for target in LINK.findall(prose):
        assert (page.parent / target).exists(), target


def readme_commands() -> list[str]:
    return [block.strip() for block in COMMAND.findall((ROOT / "README.md").read_text("utf-8"))]


def test_readme_starts_with_two_commands_of_one_line() -> None:
    show, test = readme_commands()[:2]
    assert "\n" not in show + test
    assert "asyncify run --diff fixtures/apps/bookshelf/before" in show
    assert "pytest" in test


def test_the_continuous_integration_runs_the_commands_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    for command in readme_commands()[:2]:
        assert any(line.startswith(command) for line in script), command


def test_paths_in_the_architecture_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for path in re.findall(r"`((?:asyncify|transforms|fixtures|benchmarks)/[^`\s]*)`", text):
        assert (ROOT / path).exists(), path


def test_the_contract_of_the_vocabulary_names_all_other_modules() -> None:
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    project = toml.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {each["id"]: each for each in project["tool"]["importlinter"]["contracts"]}
    engine = {
        f"asyncify.{path.stem}"
        for path in (ROOT / "asyncify").iterdir()
        if path.stem not in ("__init__", "__pycache__", "vocabulary")
    }
    named = set(contracts["vocabulary-alone"]["forbidden_modules"])
    assert named == engine | {"asyncify_transforms"}
