"""Tables of requirements in TOML, one in a line: those of Poetry and of Pipenv.

They are edited as lines, because what is added should stand beside what asks for it.
"""

from __future__ import annotations

import re

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable

from asyncify.manifests.wanted import Wanted
from asyncify.vocabulary.packages import ASYNCIO_EXTRA, SQLALCHEMY

_TABLE = re.compile(
    r"^\[\s*(?:tool\.poetry\.(?:dev-)?dependencies|tool\.poetry\.group\.[\w\"-]+\.dependencies"
    r"|packages|dev-packages)\s*\]\s*(?:#.*)?$"
)
_OPTIONAL = re.compile(r"\boptional\s*=\s*true\b")
_KEY = re.compile(r"^\s*[\"']?([A-Za-z0-9][\w.-]*)[\"']?\s*=\s*(.*)$")


def edit_tables(text: str, wanted: Wanted) -> str:
    """The text with what its tables want."""
    out: list[str] = []
    table: list[str] = []
    inside = False
    for line in [*text.splitlines(keepends=True), ""]:
        if not line or line.startswith("["):
            out += _table(table, wanted) if inside else table
            table = []
            inside = bool(_TABLE.match(line.rstrip()))
        table.append(line)
    return "".join([*out, *table])


def _table(lines: list[str], wanted: Wanted) -> list[str]:
    written: dict[str, str] = {}
    places: dict[str, int] = {}
    for number, line in enumerate(lines):
        match = _KEY.match(line)
        if match:
            name = match[1].lower().replace("_", "-")
            written[name], places[name] = match[2], number
    after: dict[int, list[str]] = {}
    for anchor, name, version in wanted.additions(written, written):
        optional = bool(_OPTIONAL.search(written[anchor]))
        after.setdefault(places[anchor], []).append(_entry(name, version, optional))
    out: list[str] = []
    for number, line in enumerate(lines):
        if number == places.get(SQLALCHEMY):
            line = _with_extra(line)
        out.append(line if line.endswith("\n") or number not in after else f"{line}\n")
        out += after.get(number, ())
    return out


def _entry(name: str, version: str, optional: bool) -> str:
    base, _, extra = name.partition("[")
    parts = [f'version = "{version or "*"}"']
    parts += [f'extras = ["{extra[:-1]}"]'] if extra else []
    parts += ["optional = true"] if optional else []
    if len(parts) == 1:
        return f'{base} = "{version or "*"}"\n'
    return f"{base} = {{{', '.join(parts)}}}\n"


def _with_extra(line: str) -> str:
    """``sqlalchemy = "^2.0"`` with the extra, whatever form it has."""
    try:
        document = tomlkit.parse(line)
    except TOMLKitError:
        return line  # a value over several lines
    key = next(iter(document))
    value = document[key]
    if isinstance(value, InlineTable):
        extras = value.get("extras")
        if extras is None:
            value["extras"] = [ASYNCIO_EXTRA]
        elif ASYNCIO_EXTRA not in extras:
            extras.append(ASYNCIO_EXTRA)
        return tomlkit.dumps(document)
    match = re.match(r"^(\s*[^=]+=\s*)([\"'][^\"']*[\"'])(.*)$", line, re.DOTALL)
    if match is None:
        return line
    return f'{match[1]}{{version = {match[2]}, extras = ["{ASYNCIO_EXTRA}"]}}{match[3]}'
