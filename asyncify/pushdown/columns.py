"""Columns: what the mapped classes say of their columns and of the way to one other row.

Read from class bodies. A type that isn't in the vocabulary has no kind, and then nothing is
compared in the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from asyncify import facts as f
from asyncify.analysis.models import Models
from asyncify.analysis.program import Class, dotted
from asyncify.vocabulary.push_down import KINDS

_DECLARING = frozenset({"Column", "mapped_column", "Field"})
_OPTIONAL = frozenset({"Optional", "None"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it holds ('' where that isn't known), and whether that may be NULL.
    ``foreign`` is the table that it refers to."""

    cls: Class
    name: str
    kind: str
    nullable: bool
    primary: bool = False
    foreign: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A relationship to at most one row; ``required``: there always is one."""

    target: Class
    required: bool


class Columns:
    """The columns of all mapped classes, read when they are asked for."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self._known: dict[Class, dict[str, Column]] = {}

    def of(self, cls: Class) -> dict[str, Column]:
        """All columns of a class, inherited ones included."""
        if cls not in self._known:
            found: dict[str, Column] = {}
            for ancestor in reversed(cls.ancestors):
                found.update(_declared(ancestor, self._is_typed))
            self._known[cls] = found
        return self._known[cls]

    @cached_property
    def _is_typed(self) -> bool:
        """Do annotations stand for the types that SQLAlchemy has for them?"""
        return not self.models.program.mentioning("type_annotation_map")

    def key(self, cls: Class) -> list[str]:
        """The names of the primary key's columns."""
        return [name for name, column in self.of(cls).items() if column.primary]

    def link(self, cls: Class, name: str) -> Link | None:
        """The way along a relationship from the row that holds the foreign key."""
        relationship = self.models.links(cls).get(name)
        if relationship is None or relationship.to_many or relationship.target is None:
            return None
        target = relationship.target
        tables = {self.models.declared(each).table for each in target.ancestors} - {""}
        own = [column for column in self.of(cls).values() if column.foreign in tables]
        if not own:
            return None  # the other row holds the key, and may not be the only one
        return Link(target, len(own) == 1 and not own[0].nullable)


def _declared(cls: Class, is_typed: bool) -> dict[str, Column]:
    """The columns that a class's own body declares. ``is_typed``: annotations tell types."""
    operations = cls.body.body.operations
    found = {}
    for statement in cls.body.body.statements:
        if statement[0] == f.ANNOTATED and statement[7][0] == f.TO_NAME:
            name, annotation, value = statement[7][1], statement[8], statement[9]
        elif statement[0] == f.ASSIGN and len(statement[7]) == 1:
            target, annotation, value = statement[7][0], -1, statement[8]
            name = target[1] if target[0] == f.TO_NAME else ""
        else:
            continue
        column = _Reader(cls, operations, annotation, value, is_typed).read(name) if name else None
        if column is not None:
            found[name] = column
    return found


class _Reader:
    """Reads one attribute of a class body."""

    def __init__(
        self, cls: Class, operations: tuple[f.Operation, ...], annotation: int, value: int,
        is_typed: bool,
    ) -> None:  # fmt: skip
        self.cls = cls
        self.operations = operations
        self.words = self._words(annotation) if annotation >= 0 else []
        call = operations[value] if value >= 0 else None
        called = (
            dotted(operations, call[5]).rpartition(".")[2] if call and call[0] == f.CALL else ""
        )
        self.call = call if called in _DECLARING else None
        alone = "Mapped" in self.words or any(b.startswith("sqlmodel.") for b in cls.foreign_bases)
        self.is_column = self.call is not None or (value < 0 and alone)
        self.is_typed = is_typed

    def read(self, name: str) -> Column | None:
        if not self.is_column or "ClassVar" in self.words:
            return None
        keywords = dict(self.call[7]) if self.call else {}
        primary = self._constant(keywords.get("primary_key", -1)) is True
        nullable = self._constant(keywords.get("nullable", -1))
        if nullable is None:
            nullable = bool(_OPTIONAL & set(self.words)) if self.words else not primary
        return Column(
            self.cls, name, self._kind(), bool(nullable), primary, self._foreign(keywords)
        )

    def _kind(self) -> str:
        """What the type says, or the annotation where there is none."""
        for index in self.call[6] if self.call else ():
            if index < 0:
                return ""
            operation = self.operations[index]
            callee = operation[5] if operation[0] == f.CALL else index
            name = dotted(self.operations, callee).rpartition(".")[2]
            if operation[0] == f.CONSTANT or name == "ForeignKey":
                continue
            if operation[0] == f.CALL and any(key == "collation" for key, _ in operation[7]):
                return ""  # not compared as in Python
            return KINDS.get(name, "")
        words = [word for word in self.words if word not in (*_OPTIONAL, "Mapped", "Union")]
        if not words and self.call and self._foreign(dict(self.call[7])):
            return "key"  # of the same type as what it refers to
        return KINDS.get(words[0], "") if len(words) == 1 and self.is_typed else ""

    def _foreign(self, keywords: dict[str | None, int]) -> str:
        """The table that the column refers to."""
        given = [keywords["foreign_key"]] if "foreign_key" in keywords else []
        for index in self.call[6] if self.call else ():
            operation = self.operations[index] if index >= 0 else ()
            if not operation or operation[0] != f.CALL or not operation[6]:
                continue
            if dotted(self.operations, operation[5]).endswith("ForeignKey"):
                given.append(operation[6][0])
        text = self._constant(given[0]) if given else None
        return text.rpartition(".")[0].rpartition(".")[2] if isinstance(text, str) else ""

    def _constant(self, index: int) -> object:
        if index < 0 or self.operations[index][0] != f.CONSTANT:
            return None
        value: object = self.operations[index][5]
        return value

    def _words(self, annotation: int) -> list[str]:
        """The last names in an annotation, strings included."""
        pending, out = [annotation], []
        while pending:
            operation = self.operations[pending.pop(0)]
            if operation[0] == f.NAME:
                out.append(operation[5])
            elif operation[0] == f.ATTRIBUTE:
                out.append(operation[6])
            elif operation[0] == f.CONSTANT:
                value = operation[5]
                text = "None" if value is None else str(value)
                out += "".join(c if c.isalnum() or c == "_" else " " for c in text).split()
            elif operation[0] == f.SUBSCRIPT:
                pending += [operation[5], operation[6]]
            elif operation[0] in (f.SEQUENCE, f.OPERATOR):
                pending += operation[6]
        return out
