"""Projects in the folders of a repository: the same edits from its root as from their folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from asyncify.config import load_config
from asyncify.engine import check
from asyncify.outcome import Outcome
from asyncify.source.discover import discover, find_root
from tests.engine import described, migrate, request

FILES = {
    "backend/pyproject.toml": """\
        [project]
        name = "shop"
        dependencies = ["sqlalchemy>=2", "fastapi"]

        [dependency-groups]
        dev = ["pytest"]
        """,
    "backend/__init__.py": "",
    "backend/shop/__init__.py": "",
    "backend/shop/data/__init__.py": "",
    "backend/shop/data/setup.py": """\
        from sqlalchemy import create_engine
        from sqlalchemy.orm import sessionmaker

        engine = create_engine("sqlite:///shop.db")
        SessionLocal = sessionmaker(engine)
        """,
    "backend/shop/users.py": """\
        from shop.data.setup import SessionLocal
        from sqlalchemy import text


        def count() -> int:
            with SessionLocal() as session:
                return session.scalar(text("select 1"))
        """,
    "backend/tests/test_users.py": """\
        from shop.users import count


        def test_count() -> None:
            assert count() == 1
        """,
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = (line.removeprefix("        ") for line in text.splitlines(keepends=True))
        path.write_text("".join(lines))
    return tmp_path


def changed(outcome: Outcome, prefix: str = "") -> dict[str, bytes]:
    return {prefix + change.path: change.after for change in outcome.changes}


def test_the_edits_are_the_same_from_both_folders(repository: Path) -> None:
    whole, alone = migrate(repository), migrate(repository / "backend")
    assert changed(whole) == changed(alone, "backend/")
    assert [line.replace("backend/", "", 1) for line in described(whole)] == [
        line.replace("backend.", "") for line in described(alone)
    ]
    assert b"async def count" in changed(whole)["backend/shop/users.py"]
    assert b'asyncio_mode = "auto"' in changed(whole)["backend/pyproject.toml"]


def test_settings_of_pytest_at_the_root_hold_for_all(repository: Path) -> None:
    (repository / "pytest.ini").write_text("[pytest]\ntestpaths = backend/tests\n")
    after = changed(migrate(repository))
    assert b"asyncio_mode = auto" in after["pytest.ini"]
    assert b"asyncio_mode" not in after["backend/pyproject.toml"]


def test_settings_of_pytest_stand_in_a_folder_of_their_own(repository: Path) -> None:
    (repository / "backend" / "shop" / "tests").mkdir()
    (repository / "backend" / "tests" / "test_users.py").rename(
        repository / "backend" / "shop" / "tests" / "test_users.py"
    )
    (repository / "backend" / "shop" / "pytest.ini").write_text("[pytest]\npythonpath = ..")
    after = changed(migrate(repository))
    assert b"pythonpath = ..\nasyncio_mode = auto" in after["backend/shop/pytest.ini"]
    assert b"asyncio_mode" not in after["backend/pyproject.toml"]


def test_requirements_make_a_project_below_a_root_without_any(repository: Path) -> None:
    for name in ("pyproject.toml", "__init__.py"):
        (repository / "backend" / name).unlink()
    (repository / "backend" / "requirements.txt").write_text("sqlalchemy\npytest\n")
    assert b"asyncio_mode = auto" in changed(migrate(repository))["backend/pytest.ini"]
    (repository / "requirements.txt").write_text("sqlalchemy\n")
    assert "pytest.ini" in changed(migrate(repository))


def test_projects_are_folders_with_a_manifest(repository: Path) -> None:
    (repository / "tools").mkdir()
    (repository / "tools" / "setup.py").write_text("from setuptools import setup\n\nsetup()\n")
    assert find_root((repository,)) == repository
    found = discover(request(repository).config, (repository,))
    assert found.projects == ("backend", "tools")


def test_settings_of_a_project_inside_the_program_are_named(repository: Path) -> None:
    with (repository / "backend" / "pyproject.toml").open("a") as stream:
        stream.write('\n[tool.asyncify]\nsync = ["shop.users"]\n')
    [said] = [line for line in described(migrate(repository)) if "ASY504" in line]
    assert said.startswith("backend/pyproject.toml:8 ASY504 These settings aren't read")
    assert not any("ASY504" in line for line in described(migrate(repository / "backend")))
    isolated = load_config(repository, {}, isolated=True)
    outcome = check(replace(request(repository), config=isolated))
    assert not any("ASY504" in line for line in described(outcome))


def test_a_glob_that_excludes_nothing_is_named(repository: Path) -> None:
    with (repository / "pyproject.toml").open("a") as stream:
        stream.write('\n[tool.asyncify]\nextend-exclude = ["backend/shop", "backend/shpo"]\n')
    [said] = [line for line in described(migrate(repository)) if "ASY504" in line]
    assert '"backend/shpo", which no file or folder' in said
