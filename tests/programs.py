"""Whole programs in one Markdown text each: what stands before, what has to stand after.

# Title, and prose
## Config      optional: a ``toml`` block, the program's pyproject.toml
## Before      ### `path.py` headings, each with a fenced block
## After       the files that change, or are new; without the section nothing changes
## Findings    optional: `path:line CODE` items, all of them; without it, nothing that a
               person has to look at may be found
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SECTIONS = ("Config", "Before", "After", "Findings")
HEADING = re.compile(r"^### `(?P<path>[^`]+)`$")
FINDING = re.compile(r"^- `(?P<finding>[^`]+)`$")
FENCE = "```"


@dataclass(frozen=True)
class Program:
    """One program: its files before, those that change, and the findings (None: not listed)."""

    before: Mapping[str, str]
    changed: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[str, ...] | None = None
    config: str = '[project]\nname = "program"\n'


class FormatError(ValueError):
    """The text is not a program in the format above."""


def load(path: Path) -> Program:
    """The program in a Markdown file."""
    return parse(path.read_text(encoding="utf-8"))


def parse(text: str) -> Program:
    """The program in a Markdown text."""
    sections = split_sections(text.splitlines())
    if "Before" not in sections:
        raise FormatError("there is no section Before")
    found = sections.get("Findings")
    config = "".join(block for _, block in blocks(sections.get("Config", [])))
    return Program(
        before=files(sections["Before"]),
        changed=files(sections.get("After", [])),
        findings=None if found is None else tuple(listed(found)),
        config=config or Program.config,
    )


def split_sections(lines: list[str]) -> dict[str, list[str]]:
    """Lines by section; a heading inside a block isn't one."""
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    is_code = False
    for line in lines:
        is_code ^= line.startswith(FENCE)
        if line.startswith("## ") and not is_code:
            name = line.removeprefix("## ").strip()
            if name not in SECTIONS or name in sections:
                raise FormatError(f"unknown or repeated section {name}")
            current = sections[name] = []
        else:
            current.append(line)
    return sections


def blocks(lines: list[str]) -> Iterator[tuple[str, str]]:
    """The fenced blocks with the path of the heading above each."""
    path = ""
    code: list[str] | None = None
    for line in lines:
        heading = HEADING.match(line)
        if line.startswith(FENCE) and code is None:
            code = []
        elif line.startswith(FENCE) and code is not None:
            yield path, "".join(f"{text}\n" for text in code)
            path, code = "", None
        elif code is not None:
            code.append(line)
        elif heading:
            path = heading["path"]
    if code is not None:
        raise FormatError(f"the block of {path} has no end")


def files(lines: list[str]) -> dict[str, str]:
    """Text by path."""
    found: dict[str, str] = {}
    for path, text in blocks(lines):
        if not path or path in found:
            raise FormatError(f"a block without a path, or a second one: {path or text[:40]!r}")
        found[path] = text
    return found


def listed(lines: list[str]) -> Iterator[str]:
    """The items of the section Findings."""
    for line in lines:
        item = FINDING.match(line)
        if item:
            yield item["finding"]
        elif line.strip():
            raise FormatError(f"not a finding: {line}")


def write(program: Program, folder: Path, newline: str = "\n") -> None:
    """Put the program's files into a folder."""
    for path, text in program.before.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(with_newlines(text, newline))
    (folder / "pyproject.toml").write_bytes(with_newlines(program.config, newline))


def with_newlines(text: str, newline: str) -> bytes:
    return text.replace("\n", newline).encode()
