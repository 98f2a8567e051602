"""Syntax that is newer than the Python that runs: read with LibCST's help, and migrated."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import libcst as cst
import pytest

from asyncify.rewrite import tree
from asyncify.source import order
from asyncify.source.extract import ExtractError, extract
from asyncify.source.newer import extract_newer, newer_tree
from asyncify.source.read import extracted
from tests.engine import check, described, migrate, write

SNIPPETS = {
    "type parameters": "@a(1)\nasync def f[T: b(2), *Ts, **P](x: T = c()) -> T: d()",
    "many parameters": "class A[\n T: a(),  # b\n S,\n](c()):\n def d[\n  T,\n ](e): f()",
    "in a block": "if a:\n  b = f'-{\n   c(\n     d[0], (e)\n   )\n  }'\n  g()",
    "defaults of type parameters": "class A[T = b(1), *Ts = *c[int], **P = d](e(), f=g()): h()",
    "several definitions on the way": "def f[T](): ...\ndef g(): ...\nclass A:\n  def h[S](s): i()",
    "type aliases": "type X = a()\ntype  Y[T: b()] = list[T]; c()\nif d():\n    type Z = e",
    "no alias": "type = a\ntype.X = b()\ntype(c)\nprint(type)",
    "exceptions": "try:\n    a()\nexcept B, c.D:\n    e()\nexcept (F, G) as h: i()",
    "groups of exceptions": "try:\n    a()\nexcept* B, C:\n    d()",
    "the same quotes": "x = f'{a['b']}' + c()\nf'{d(1)!r:>{e('f')}} g {h = }'.i(j)",
    "backslashes": "f'{a('\\n')} {'\\t'.join(b)}'",
    "several lines": "f'{\n    a()  # b\n}'\nc()\nf'{\n    d(\n        1)!s}' 'e' f'{g}'",
    "strings in strings": "f'{f'{a()}' + f'{b(f'{c}')}'} {d}'",
    "what needs brackets": "f'{(a, b['c'])} {(lambda: d('e'))()} {[*f]} {g['h']}'",
    "beyond ascii": "x = f'é{a['ü']}ß', b()\nf'€' f'{c['d']}', e()",
    "templates": "t = t'{a()} b {c['d']!r:{e()}}'\nf(t)",
    "together": "class A[T]:\n    type B = T\n    def f[S](self): return f'{self['x']}'",
}


@pytest.mark.parametrize("text", SNIPPETS.values(), ids=SNIPPETS)
def test_both_trees_number_the_same_nodes(text: str) -> None:
    expected = [reference for reference, _ in tree.enumerate_nodes(cst.parse_module(text))]
    assert [each.node for each in order.enumerate_nodes(newer_tree(text.encode()))] == expected


@pytest.mark.parametrize("text", SNIPPETS.values(), ids=SNIPPETS)
def test_names_are_where_they_stand(text: str) -> None:
    lines = text.encode().splitlines()
    for node in ast.walk(newer_tree(text.encode())):
        if isinstance(node, ast.Name):
            start = lines[node.lineno - 1][node.col_offset :]
            assert start.startswith(node.id.encode()), (node.id, node.lineno, node.col_offset)


@pytest.mark.parametrize("text", SNIPPETS.values(), ids=SNIPPETS)
def test_facts_are_those_of_a_newer_python(text: str) -> None:
    try:
        expected = extract(text.encode())
    except ExtractError:
        assert extracted(text.encode()) == extract_newer(text.encode())
        return
    found = extract_newer(text.encode())
    assert [fn.body().statements for fn in found.functions] == [
        fn.body().statements for fn in expected.functions
    ]
    assert [fn.names for fn in found.functions] == [fn.names for fn in expected.functions]


@pytest.mark.parametrize("text", ["def f[T(: ...", "x = f'{a, b['c']}'", "f'{lambda: a['b']}'"])
def test_what_has_no_older_words_is_refused(text: str) -> None:
    if sys.version_info >= (3, 12) and "[T(" not in text:
        pytest.skip("this Python reads it")
    with pytest.raises(ExtractError):
        extracted(text.encode())


PROGRAM = """\
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

from models import User

type Id = int
engine = create_engine("sqlite:///app.db")
SessionLocal = sessionmaker(engine)


class Repository[T: User]:
    def __init__(self, db: Session, model: type[T]) -> None:
        self.db = db
        self.model = model

    def find(self, id: Id) -> T | None:
        return self.db.get(self.model, id)

    def names[S](self, ids: list[Id], other: S) -> str | S:
        try:
            return f"{", ".join(self.find(id).name for id in ids)} of {self.count()}"
        except KeyError, AttributeError:
            return other

    def count(self) -> int:
        return self.db.query(self.model).count()
"""
MODELS = """\
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
"""


def test_a_program_is_migrated(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "program"\n')
    (tmp_path / "app.py").write_text(PROGRAM)
    (tmp_path / "models.py").write_text(MODELS)
    outcome = migrate(tmp_path)
    assert not outcome.failed, described(outcome)
    [change] = outcome.changes
    text = change.after.decode()
    assert "type Id = int\nengine = create_async_engine(" in text
    assert "class Repository[T: User]:" in text
    assert (
        "    async def find(self, id: Id) -> T | None:\n        return await self.db.get(" in text
    )
    assert '", ".join([(await self.find(id)).name for id in ids])' in text
    assert "of {await self.count()}" in text
    assert "        except KeyError, AttributeError:\n" in text
    write(tmp_path, outcome)
    assert not check(tmp_path).pending
