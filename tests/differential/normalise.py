"""Statements in one spelling, so that those which mean the same compare equal.

``Query`` labels its columns (``users.id AS users_id``) and ``select`` doesn't; both number their
anonymous aliases and parameters as they come; and what stands in the select list of an EXISTS has
no effect. So labels become positions, aliases are numbered by first appearance, and the select
list of an EXISTS becomes ``*``. Drivers differ too: some name or number their parameters, and some
write a cast after each, so parameters become their values, in the order of use. Everything else,
order included, stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.differential.sql import Group, Kind, Part, Token, is_symbol, keyword, parse

CLAUSES = {
    "WITH", "SELECT", "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "UNION",
    "EXCEPT", "INTERSECT", "RETURNING", "SET", "VALUES", "UPDATE", "DELETE", "INSERT", "WINDOW",
}  # fmt: skip
LISTS = {"SELECT", "RETURNING"}
LABEL_CLAUSES = {"GROUP", "HAVING", "ORDER"}
TYPE_WORDS = {"PRECISION", "VARYING", "WITH", "WITHOUT", "TIME", "ZONE"}
BEFORE_TABLES = {"FROM", "JOIN", "LATERAL", "UPDATE"}

Labels = tuple[str, ...]


@dataclass
class Names:
    """The aliases of a statement, with the labels of those that are subqueries, the numbers given
    so far to aliases, and the names of parameters as they are used."""

    aliases: dict[str, Labels] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    parameters: list[str] = field(default_factory=list)

    def alias(self, name: str) -> str:
        return f"t{self.numbers.setdefault(name, len(self.numbers) + 1)}"

    def parameter(self, name: str) -> str:
        if name:
            self.parameters.append(name)
        return "?"


def normalise(statement: str, parameters: Any) -> tuple[str, str]:
    """The statement and its parameters in one spelling."""
    top = parse(statement.replace("%%", "%"))  # doubled where the driver formats its parameters
    names = Names()
    collect_aliases(top, names, "")
    text = " ".join(render(top, names))
    values = normal_parameters(parameters, names.parameters)
    if "pg_catalog" in text and isinstance(values, list):
        values = [_KEY if _is_key(value) else value for value in values]
    return text, repr(values)


_KEY = "<oid>"
# Of what users make: https://www.postgresql.org/docs/current/system-catalog-initial-data.html
_FIRST_KEY = 16384


def _is_key(value: Any) -> bool:
    """Is a parameter the number that PostgreSQL gave a table? A table made again has another."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= _FIRST_KEY


def normal_parameters(parameters: Any, order: Sequence[str]) -> Any:
    """Named or numbered parameters as a list in the order in which the statement uses them."""
    if isinstance(parameters, tuple) and order:
        parameters = {str(number): value for number, value in enumerate(parameters, 1)}
    if isinstance(parameters, Mapping):
        used = [parameters[name] for name in order if name in parameters]
        return used + [value for name, value in parameters.items() if name not in order]
    if isinstance(parameters, list):
        return [normal_parameters(each, order) for each in parameters]
    return list(parameters) if isinstance(parameters, tuple) else parameters


def parameter_name(text: str) -> str:
    """The name of a named or numbered parameter; positional ones have none."""
    if text.startswith("%("):
        return text[2:-2]
    return text[1:] if text.startswith((":", "$")) else ""


# Aliases


def collect_aliases(group: Group, names: Names, clause: str) -> None:
    """Every alias that the group defines, with the labels behind it."""
    parts = group.parts
    for index, part in enumerate(parts):
        clause = keyword(part) if keyword(part) in CLAUSES else clause
        previous = parts[index - 1] if index else None
        if isinstance(part, Group):
            tables = clause in ("FROM", "UPDATE") and not is_call(previous)
            collect_aliases(part, names, "FROM" if tables else "")
        if keyword(part) != "AS" or index + 1 >= len(parts):
            continue
        following = parts[index + 1]
        if clause == "WITH" and isinstance(following, Group):
            define_expression(parts, index, following, names)
        elif clause in ("FROM", "UPDATE") and isinstance(following, Token):
            names.aliases[following.text] = labels_behind(previous, names)


def is_call(previous: Part | None) -> bool:
    """Whether a group after this part holds arguments."""
    return isinstance(previous, Token) and previous.is_name and not is_table_word(previous)


def is_table_word(token: Token) -> bool:
    return token.keyword in BEFORE_TABLES | {"ON", "AND", "OR", "NOT", "IN", "EXISTS"}


def define_expression(parts: list[Part], index: int, body: Group, names: Names) -> None:
    """A common table expression: ``name AS (...)`` or ``name(a, b) AS (...)``."""
    before = parts[index - 1]
    if isinstance(before, Group):
        columns = tuple(part.text for part in before.parts if isinstance(part, Token))
        labels, before = tuple(name for name in columns if name != ","), parts[index - 2]
    else:
        labels = labels_of(body)
    if isinstance(before, Token):
        names.aliases[before.text] = labels


def labels_behind(source: Part | None, names: Names) -> Labels:
    """The labels of what an alias stands for: none for a table."""
    if isinstance(source, Group):
        return labels_of(source)
    return names.aliases.get(source.text, ()) if isinstance(source, Token) else ()


def labels_of(group: Group) -> Labels:
    """The labels of the first select list in a group; empty strings where there is none."""
    for index, part in enumerate(group.parts):
        if keyword(part) == "SELECT":
            return tuple(label_of(item) for item in split_items(group.parts[index + 1 :]))
        if isinstance(part, Group) and not index:
            return labels_of(part)
    return ()


def split_items(parts: Sequence[Part]) -> list[list[Part]]:
    """The items of a list up to the next clause."""
    items: list[list[Part]] = [[]]
    for part in parts:
        if keyword(part) in CLAUSES:
            break
        if is_symbol(part, ","):
            items.append([])
        elif keyword(part) not in ("DISTINCT", "ALL"):
            items[-1].append(part)
    return items


def label_of(item: Sequence[Part]) -> str:
    """The label of an item, or the name of the column that it is."""
    last = item[-1] if item else None
    if not isinstance(last, Token) or not last.is_name:
        return ""
    named = len(item) == 1 or keyword(item[-2]) == "AS" or is_symbol(item[-2], ".")
    return last.text if named else ""


# Rendering


def render(group: Group, names: Names, exists: bool = False) -> list[str]:
    """The words of a group in one spelling."""
    words: list[str] = []
    clause = ""
    labels: Labels = ()
    index = 0
    parts = group.parts
    while index < len(parts):
        part = parts[index]
        if keyword(part) in CLAUSES:
            clause = keyword(part)
            if clause == "SELECT":
                items = split_items(parts[index + 1 :])
                labels = tuple(label_of(item) for item in items)
                if exists:
                    words += ["SELECT", "*"]
                    index += 1 + list_length(parts[index + 1 :])
                    continue
        if clause in LISTS and keyword(part) == "AS" and index + 1 < len(parts):
            index += 2
            continue
        taken, text = render_part(parts, index, names, labels if clause in LABEL_CLAUSES else ())
        words += text
        index += taken
    return words


def list_length(parts: Sequence[Part]) -> int:
    """How many parts a select list has."""
    for length, part in enumerate(parts):
        if keyword(part) in CLAUSES:
            return length
    return len(parts)


def render_part(
    parts: Sequence[Part], index: int, names: Names, labels: Labels
) -> tuple[int, list[str]]:
    """How many parts were taken, and their words."""
    part = parts[index]
    if isinstance(part, Group):
        exists = index > 0 and keyword(parts[index - 1]) == "EXISTS"
        return 1, ["(", *render(part, names, exists), ")"]
    if part.kind is Kind.PARAMETER:
        name = parameter_name(part.text)
        taken = 1 + cast_length(parts[index + 1 :])
        return taken, [names.parameter(name)]
    if part.is_name and is_column(parts, index):
        return 3, [render_column(part, parts[index + 2], names)]
    if part.is_name and part.text in names.aliases:
        return 1, [names.alias(part.text)]
    if part.is_name and part.text in labels:
        return 1, [f"#{labels.index(part.text) + 1}"]
    return 1, [part.text]


def cast_length(parts: Sequence[Part]) -> int:
    """How many parts a driver's cast ``::TYPE`` of a parameter takes."""
    if not parts or not is_symbol(parts[0], "::"):
        return 0
    length = 2
    while keyword(parts[length] if length < len(parts) else None) in TYPE_WORDS:
        length += 1
    return length


def is_column(parts: Sequence[Part], index: int) -> bool:
    """Whether ``qualifier.name`` starts here."""
    return index + 2 < len(parts) and is_symbol(parts[index + 1], ".")


def render_column(qualifier: Token, column: Part, names: Names) -> str:
    """``qualifier.column``, by position where the qualifier is a subquery's alias."""
    name = column.text if isinstance(column, Token) else ""
    if qualifier.text not in names.aliases:
        return f"{qualifier.text}.{name}"
    labels = names.aliases[qualifier.text]
    place = f"#{labels.index(name) + 1}" if name in labels else name
    return f"{names.alias(qualifier.text)}.{place}"
