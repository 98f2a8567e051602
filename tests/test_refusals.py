"""What stays sync says the whole of it: which I/O, through which calls, stopped by what."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine import check, errors

DATABASE = """\
from sqlalchemy import create_engine, text
from sqlalchemy.orm import sessionmaker

engine = create_engine("{url}")
SessionLocal = sessionmaker(engine)


def number():
    with SessionLocal() as db:
        return db.execute(text("SELECT 1")).scalar_one()


def numbers():
    return [number()]
"""
THREAD = """\
from threading import Thread

from database import numbers


def watch():
    print(numbers())


def main():
    Thread(target=watch).start()
    print(numbers())


if __name__ == "__main__":
    main()
"""


@pytest.fixture
def refused(tmp_path: Path) -> list[str]:
    """The findings about a thread whose database is in its engine's memory."""
    (tmp_path / "database.py").write_text(DATABASE.format(url="sqlite://"))
    (tmp_path / "main.py").write_text(THREAD)
    return errors(check(tmp_path))


def test_root_says_what_stops_it(refused: list[str]) -> None:
    (found,) = refused
    assert found.startswith("main.py:6 ASY105 `main:watch` does database work ")
    assert "(database:numbers -> database:number -> " in found
    assert "`threading.Thread` (line 11), which may not await it" in found
    assert (
        "`SessionLocal` has no sync twin: the database of `engine` is in the engine's memory"
        in (found)
    )


def test_shared_function_says_who_needs_it(tmp_path: Path) -> None:
    text = DATABASE.format(url="sqlite:///app.db") + "\n\ndef numbers_sync():\n    return []\n"
    (tmp_path / "database.py").write_text(text)
    (tmp_path / "main.py").write_text(THREAD)
    (found,) = (line for line in errors(check(tmp_path)) if "ASY102" in line)
    assert "`main:watch` -> `database:numbers` needs it sync (It is given to " in found
    assert "`main:main` calls it (line 12) without a session at hand" in found
    assert "there can be no copy: the name `numbers_sync` is taken" in found


def test_factory_configured_with_an_engine_of_a_function(tmp_path: Path) -> None:
    text = DATABASE.replace('engine = create_engine("{url}")\n', "").replace(
        "sessionmaker(engine)", "sessionmaker()"
    )
    text += "\n\ndef setup(url):\n    SessionLocal.configure(bind=create_engine(url))\n"
    text += "\n\ndef setup_later(url):\n    engine = create_engine(url)\n"
    text += "    SessionLocal.configure(bind=engine)\n"
    (tmp_path / "database.py").write_text(text)
    (tmp_path / "main.py").write_text(THREAD)
    (found,) = (line for line in errors(check(tmp_path)) if "ASY105" in line)
    assert "`SessionLocal` has no sync twin: the engine that `database:setup" in found
