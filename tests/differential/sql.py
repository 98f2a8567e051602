"""SQL text as nested parts: just enough structure to tell names, labels and aliases apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """What a token is."""

    WORD = "word"  # a keyword or an unquoted name
    QUOTED = "quoted"  # a quoted name: never a keyword
    PARAMETER = "parameter"
    OTHER = "other"


@dataclass(frozen=True)
class Token:
    """One token; ``text`` of a quoted name is without its quotes."""

    kind: Kind
    text: str

    @property
    def keyword(self) -> str:
        """The word in capitals, or an empty string for anything but an unquoted word."""
        return self.text.upper() if self.kind is Kind.WORD else ""

    @property
    def is_name(self) -> bool:
        return self.kind in (Kind.WORD, Kind.QUOTED)


@dataclass
class Group:
    """What stands between two parentheses, or the whole statement."""

    parts: list[Part] = field(default_factory=list)


Part = Token | Group

TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<text>'(?:[^']|'')*')
      | (?P<quoted>"(?:[^"]|"")*"|`[^`]*`)
      | (?P<parameter>%\(\w+\)s|%s|\?|\$\d+|(?<!:):[A-Za-z_]\w*)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<number>\d+(?:\.\d+)?)
      | (?P<symbol><>|!=|<=|>=|\|\||::|->>?|.)""",
    re.VERBOSE | re.DOTALL,
)


def tokens(statement: str) -> Iterator[Token]:
    """The tokens of a statement, without white space."""
    for match in TOKEN.finditer(statement):
        text = match.group()
        if match.lastgroup == "quoted":
            yield Token(Kind.QUOTED, text[1:-1])
        elif match.lastgroup == "word":
            yield Token(Kind.WORD, text)
        elif match.lastgroup == "parameter":
            yield Token(Kind.PARAMETER, text)
        elif match.lastgroup != "space":
            yield Token(Kind.OTHER, text)


def parse(statement: str) -> Group:
    """The statement as one group, with a group for each pair of parentheses."""
    top = Group()
    open_groups = [top]
    for token in tokens(statement):
        if token.text == "(" and token.kind is Kind.OTHER:
            inner = Group()
            open_groups[-1].parts.append(inner)
            open_groups.append(inner)
        elif token.text == ")" and token.kind is Kind.OTHER:
            open_groups.pop()
        else:
            open_groups[-1].parts.append(token)
    return top


def keyword(part: Part | None) -> str:
    """The part's keyword, or an empty string."""
    return part.keyword if isinstance(part, Token) else ""


def is_symbol(part: Part | None, text: str) -> bool:
    return isinstance(part, Token) and part.kind is Kind.OTHER and part.text == text
