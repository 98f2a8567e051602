"""Long files are rewritten in parts, with the result that the whole gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncify.rewrite import pieces
from tests.engine import migrate

HEAD = '''\
"""Queries."""
from sqlalchemy import create_engine, func
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

engine = create_engine("sqlite:///a.db")
SessionLocal = sessionmaker(engine)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)

'''
FUNCTION = '''
# The user with a number.
@staticmethod
def find{0}(db: Session, number: int) -> User | None:
    text = """
def inside() -> None:
    """
    if number:
        return db.query(User).filter(User.id == number).first()
    else:
        return None

'''
LAST = """
if func:
    class Late:
        def all(self, db: Session) -> list[User]:
            return db.query(User).all()
else:
    def other(db: Session) -> int:
        return db.query(User).count()
# The end.
"""


def text(newline: str) -> str:
    functions = "".join(FUNCTION.format(number) for number in range(30))
    return (HEAD + functions + LAST).replace("\n", newline)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_parts_make_the_whole(newline: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "_PIECE", 500)
    parts = list(pieces.cut(text(newline)))
    assert "".join(parts) == text(newline)
    assert len(parts) > 5
    assert all(part.startswith("@staticmethod") for part in parts[1:])


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_long_file_becomes_what_a_short_one_does(
    newline: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "program"\n')
    (tmp_path / "users.py").write_bytes(text(newline).encode())
    (expected,) = [c.after for c in migrate(tmp_path).changes if c.path == "users.py"]
    monkeypatch.setattr("asyncify.rewrite.LONG", 1000)
    monkeypatch.setattr("asyncify.rewrite._parsed", None)  # which reads the whole
    monkeypatch.setattr(pieces, "_PIECE", 500)
    (change,) = [c for c in migrate(tmp_path).changes if c.path == "users.py"]
    assert change.after == expected
    assert b"async def find29" in change.after
    assert b"import Session" not in change.after
