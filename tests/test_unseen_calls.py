"""What nobody looked at is told where it calls something by the name of what turns."""

from __future__ import annotations

from pathlib import Path

from tests.engine import described, migrate

REPOSITORY = """
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import Session

engine = create_engine("sqlite:///app.db")


class Users:
    def __init__(self, db: Session) -> None:
        self.db = db

    def find_user(self, key: int) -> str:
        return self.db.execute(text("SELECT :key"), {"key": key}).scalar_one()


def main() -> None:
    with Session(engine) as db:
        print(Users(db).find_user(1))


if __name__ == "__main__":
    main()
"""
MANY = 70  # so many that those who may call the method aren't all looked at


def readers(number: int) -> str:
    """Functions that call the method on something of which nothing is known."""
    return "\n\n".join(
        f"def reader_{n}(box):\n    return box.find_user({n}).upper()" for n in range(number)
    )


def told(folder: Path, number: int) -> list[str]:
    (folder / "pyproject.toml").write_text('[project]\nname = "app"\n')
    (folder / "users.py").write_text(REPOSITORY)
    (folder / "readers.py").write_text(readers(number) + "\n")
    return [line for line in described(migrate(folder)) if "ASY106" in line]


def test_all_are_told(tmp_path: Path) -> None:
    """Few are evaluated, and awaited or told; of many, none is, and each is told."""
    lines = told(tmp_path, MANY)
    assert len(lines) == MANY, "\n".join(lines)
    assert all("Users.find_user" in line for line in lines)


def test_other_names_are_not_told(tmp_path: Path) -> None:
    """A name that anything else of the program has says nothing."""
    (tmp_path / "other.py").write_text(
        "class Box:\n    def find_user(self, key):\n        return ''\n"
    )
    assert not told(tmp_path, MANY)
