"""The examples of ``docs/spelling.md`` are what the tool writes, and a style is one for all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.engine import migrate, write

PAGE = Path(__file__).resolve().parent.parent / "docs" / "spelling.md"
BLOCK = re.compile(r"^(?P<which>Before|After):\n\n```python\n(?P<code>.*?)```", re.M | re.S)
PROLOGUE = """\
from typing import Any

from models import Book, Loan, Shelf
from sqlalchemy.orm import Query, Session


"""
MODELS = """\
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

SessionLocal = sessionmaker(bind=create_engine("sqlite:///shelves.db"))


class Base(DeclarativeBase):
    pass


class Shelf(Base):
    __tablename__ = "shelves"
    code: Mapped[str] = mapped_column(primary_key=True)


class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    shelf: Mapped[str]


class Loan(Base):
    __tablename__ = "loans"
    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int]
"""
CONFIG = '[project]\nname = "shelves"\n'


def pairs() -> list[tuple[str, str]]:
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert [which for which, _ in blocks] == ["Before", "After"] * (len(blocks) // 2)
    codes = [code for _, code in blocks]
    return list(zip(codes[::2], codes[1::2], strict=True))


def migrated(code: str, folder: Path, config: str = CONFIG) -> str:
    """What the tool makes of some functions, without the imports."""
    (folder / "pyproject.toml").write_text(config, encoding="utf-8")
    (folder / "models.py").write_text(MODELS, encoding="utf-8")
    (folder / "work.py").write_text(PROLOGUE + code, encoding="utf-8")
    write(folder, migrate(folder))
    return (folder / "work.py").read_text(encoding="utf-8").partition("\n\n\n")[2]


@pytest.mark.parametrize(("before", "after"), pairs())
def test_the_page_shows_what_is_written(before: str, after: str, tmp_path: Path) -> None:
    assert migrated(before, tmp_path) == after


def test_the_page_has_three_pairs() -> None:
    assert len(pairs()) >= 3


@pytest.mark.parametrize("before", [before for before, _ in pairs()])
def test_expression_style_adds_no_statement(before: str, tmp_path: Path) -> None:
    config = CONFIG + '\n[tool.asyncify]\nstyle = "expression"\n'
    after = migrated(before, tmp_path, config)
    assert "result" not in after
    assert "await" in after
