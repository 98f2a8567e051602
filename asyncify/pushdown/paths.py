"""Paths: attributes of a row, as columns of the tables that are joined for them."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from asyncify.analysis.program import Class
from asyncify.pushdown.columns import Column, Columns
from asyncify.pushdown.spelling import Speller
from asyncify.pushdown.syntax import Refused

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reached:
    """Where a path of attributes leads to: a column, or (None) the row of a class."""

    text: str  # the column, or the class
    cls: Class
    column: Column | None
    nullable: bool  # the value, or the row, may be missing
    path: Path

    @property
    def label(self) -> str:
        """For people."""
        return ".".join(self.path)


@dataclass(slots=True)
class Joins:
    """The tables that a statement joins, by the path that leads there."""

    entity: Class
    columns: Columns
    speller: Speller
    given: dict[Path, Class] = field(default_factory=dict)  # by the statement itself
    wanted: dict[Path, str] = field(default_factory=dict)  # and the texts of the joins to add

    def reach(self, path: Path) -> Reached:
        """The column or the row at the end of a path from the entity."""
        cls, nullable = self.entity, False
        for place, name in enumerate(path):
            column = self.columns.of(cls).get(name)
            if column is not None:
                if place != len(path) - 1:
                    raise Refused(f"`{'.'.join(path)}` is no column")
                text = f"{self.speller.cls(cls)}.{name}"
                return Reached(text, cls, column, nullable or column.nullable, path)
            link = self.columns.link(cls, name)
            if link is None:
                raise Refused(
                    f"`{cls.name}.{name}` is neither a column nor a relationship to one row that "
                    "the class has the foreign key of"
                )
            nullable = nullable or not link.required
            self._join(path[: place + 1], cls, link.target, nullable)
            cls = link.target
        return Reached(self.speller.cls(cls), cls, None, nullable, path)

    def _join(self, path: Path, cls: Class, target: Class, nullable: bool) -> None:
        if path in self.given or path in self.wanted:
            return
        taken = {self.entity, *self.given.values(), *map(self._target, self.wanted)}
        related = {each for other in taken for each in (*other.ancestors, *other.descendants())}
        if target in related:
            raise Refused(f"`{target.name}` is reached in two ways")
        method = "outerjoin" if nullable else "join"
        self.wanted[path] = f".{method}({self.speller.cls(cls)}.{path[-1]})"

    def _target(self, path: Path) -> Class:
        cls = self.entity
        for name in path:
            link = self.columns.link(cls, name)
            assert link is not None
            cls = link.target
        return cls


@dataclass(frozen=True, slots=True)
class Names:
    """The names of the row in an expression."""

    rows: Mapping[str, Path]

    def path(self, node: ast.expr) -> Path | None:
        """The path of attributes that a node reads from the row."""
        if isinstance(node, ast.Name):
            return self.rows.get(node.id)
        if isinstance(node, ast.Attribute):
            base = self.path(node.value)
            return None if base is None else (*base, node.attr)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            given = node.args
            if node.func.id == "getattr" and len(given) in (2, 3) and not node.keywords:
                base = self.path(given[0])
                name = given[1]
                if base is not None and isinstance(name, ast.Constant):
                    return (*base, str(name.value))
        return None

    def mentions(self, node: ast.AST) -> bool:
        """Does an expression read the row?"""
        return any(isinstance(each, ast.Name) and each.id in self.rows for each in ast.walk(node))
