"""What the arguments of a sync driver become for the async one: in ``connect_args``, and in URLs.

An argument that the async driver calls otherwise, or takes at another place, moves there. One that
it has no equal for is told: dropped where a program works without it, else the engine stays sync.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from asyncify.vocabulary.connect_arguments import ConnectArgument, connect_argument

_OPTION = re.compile(r"(?:-c\s*|--)([A-Za-z_][\w.-]*)=((?:\\.|\S)*)")
_UTF8 = {"utf8", "utf-8"}
_TRUE = {"true", "1", "yes", "on", "y", "t"}


@dataclass(slots=True)
class Mapping:
    """``entries``: pairs (key, template of the dict that takes its place); ``added``: templates of
    dicts that come in; ``lost``: pairs (argument, why) that are dropped; ``refused``: likewise
    pairs, of what the driver has no equal for. ``raw`` are entries in the words of the sync driver,
    and ``helper`` says that a helper of the support module has to translate them
    for ``driver``."""

    entries: list[tuple[str, str]] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    helper: bool = False
    driver: str = ""


def map_argument(driver: str, name: str, value: object, mapping: Mapping) -> None:
    """One key of ``connect_args``; its value is ``...`` where it is no literal."""
    row = connect_argument(driver, name)
    if row is None or row.action == "keep":
        return
    template = _template(row, value)
    if row.action == "tls" or (row.action == "options" and value is ...):
        mapping.helper = True
    elif template is not None:
        mapping.entries.append((name, template))
    elif row.action == "drop" or _is_default(row, value):
        mapping.entries.append((name, "{}"))
        if row.action == "drop":
            mapping.lost.append((name, row.note))
    else:
        mapping.refused.append((name, row.note or "its value isn't written out"))


def _is_default(row: ConnectArgument, value: object) -> bool:
    """Does the async driver do by itself what the argument asks for?"""
    return row.name == "client_encoding" and str(value).lower() in _UTF8


def _template(row: ConnectArgument, value: object, argument: str = "{argument}") -> str | None:
    """The dict that takes an argument's place, as source; None where there is none."""
    if row.action == "rename":
        return f'{{"{row.new}": {argument}}}'
    if row.action == "setting":
        return f'{{"server_settings": {{"{row.new}": {argument}}}}}'
    if row.action == "options" and isinstance(value, str):
        settings = _settings(value)
        if settings is not None:
            inner = ", ".join(f"{_quoted(key)}: {_quoted(text)}" for key, text in settings)
            return f'{{"server_settings": {{{inner}}}}}'
    return None


def _settings(options: str) -> list[tuple[str, str]] | None:
    """The settings in ``-c name=value --name=value``; None where something else is there."""
    if _OPTION.sub("", options).strip():
        return None
    return [
        (name.replace("-", "_"), re.sub(r"\\(.)", r"\1", value))
        for name, value in _OPTION.findall(options)
    ]


def map_query(driver: str, url: str, mapping: Mapping) -> str:
    """A URL whose query has only what the driver takes there; the rest goes into the mapping."""
    base, separator, query = url.partition("?")
    parts = query.split("&") if separator else []
    rows = {part: connect_argument(driver, part.partition("=")[0]) for part in parts}
    mapping.helper = any(row is not None and row.action == "tls" for row in rows.values())
    kept: list[str] = []
    nested: list[str] = []
    for part, row in rows.items():
        raw = part.partition("=")[2]
        action = "keep" if row is None else row.in_url or row.action
        if row is not None and mapping.helper and action not in ("keep", "drop", "refuse"):
            entry = _handed(row, unquote_plus(raw))
            (nested if row.in_url == "nested" else mapping.raw).append(entry)
        elif row is None or action == "keep":
            kept.append(part)
        elif action == "rename":
            kept.append(f"{row.new}={raw}")
        else:
            _move(row, action, unquote_plus(raw), mapping)
    if nested:
        inner = ", ".join(entry.replace('"ssl_', '"', 1) for entry in nested)
        mapping.raw.append(f'"ssl": {{{inner}}}')
    return f"{base}?{'&'.join(kept)}" if kept else base


def _handed(row: ConnectArgument, value: str) -> str:
    """An argument of a URL that the helper translates, as the entry of a dict in the words of the
    sync driver, or of the dict that SQLAlchemy makes for drivers of MySQL."""
    if row.convert == "bool":
        return f'"{row.name}": {value.lower() in _TRUE}'
    source = _converted(value) if row.convert else None
    return f'"{row.name}": {source or _quoted(value)}'


def _move(row: ConnectArgument, action: str, value: str, mapping: Mapping) -> None:
    """An argument of a URL that goes into ``connect_args``, if anywhere."""
    if action == "connect_args":
        source = _converted(value) if row.convert else _quoted(value)
        template = f'{{"{row.name}": {source}}}'
        if row.action != "keep":
            template = _template(row, value, source or "") or ""
        if source is not None and template:
            mapping.added.append(template)
            return
    if action == "drop":
        mapping.lost.append((row.name, row.note))
    elif not _is_default(row, value):
        mapping.refused.append((row.name, row.note or "its value isn't known"))


def _converted(value: str) -> str | None:
    """A number as source."""
    try:
        number = float(value)
    except ValueError:
        return None
    return repr(int(number) if number.is_integer() else number)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


__all__ = ["Mapping", "map_argument", "map_query"]
