"""Two records of one program, before and after its migration: where do they differ?"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Sources = Mapping[str, str]
# What a program raises that this SQLAlchemy isn't for.
WRONG = {
    f"builtins.{name}"
    for name in (
        "ImportError", "ModuleNotFoundError", "NameError", "NotImplementedError", "SyntaxError"
    )
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A program's text by file, and the record of running it."""

    sources: Sources
    record: Mapping[str, Any]


def differences(before: Run, after: Run) -> list[str]:
    """Everything in which the migrated program differs, and its own faults."""
    return [
        *(f"the sync program fails by itself: {fault}" for fault in before.record["faults"]),
        *broken(before),
        *(f"fault: {fault}" for fault in after.record["faults"]),
        *sync_statements(after),
        *results(before, after),
        *exceptions(before, after),
        *statements(before, after),
        *tables(before, after),
    ]


def broken(before: Run) -> Iterator[str]:
    """A program that can't run at all is equal to whatever can't, either."""
    raised = before.record["exception"]
    if raised and raised["type"] in WRONG:
        yield f"the sync program fails by itself: {raised}"


def sync_statements(after: Run) -> Iterator[str]:
    number = after.record["sync_statements"]
    if number:
        yield f"{number} statements ran on a sync connection"


def results(before: Run, after: Run) -> Iterator[str]:
    one, other = before.record["result"], after.record["result"]
    if one != other:
        yield f"result {one!r} became {other!r}"


def tables(before: Run, after: Run) -> Iterator[str]:
    one, other = before.record["tables"], after.record["tables"]
    for name in sorted({*one, *other}):
        if one.get(name) != other.get(name):
            yield f"table {name}: {one.get(name)} became {other.get(name)}"


def statements(before: Run, after: Run) -> Iterator[str]:
    one, other = (
        [" <- ".join(statement) for statement in run.record["statements"]]
        for run in (before, after)
    )
    if one != other and not (loads_ahead(before, after) and only_loads_differ(one, other)):
        lines = difflib.unified_diff(one, other, "before", "after", lineterm="", n=1)
        yield "statements:\n" + "\n".join(lines)


def loads_ahead(before: Run, after: Run) -> bool:
    """Whether the migrated program has loader options that the sync one hasn't: these claim that
    what was loaded one by one is loaded at once."""
    one, other = (
        sum(text.count("selectinload(") for text in run.sources.values()) for run in (before, after)
    )
    return other > one


def only_loads_differ(one: list[str], other: list[str]) -> bool:
    """Whether nothing but reads by key is missing, and nothing but reads by many keys new."""
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    return all(
        tag == "equal"
        or (
            all(line.startswith("SELECT ") and " WHERE " in line for line in one[first:last])
            and all(line.startswith("SELECT ") and " IN ( " in line for line in other[start:end])
        )
        for tag, first, last, start, end in matcher.get_opcodes()
    )


def exceptions(before: Run, after: Run) -> Iterator[str]:
    one, other = before.record["exception"], after.record["exception"]
    if one is None and other is None:
        return
    if one is None or other is None or one["type"] != other["type"]:
        yield f"exception {one} became {other}"
    elif (one["file"], one["function"]) != (other["file"], other["function"]):
        yield f"{one['type']} moved from {one['function']}() to {other['function']}()"
    elif not same_line(one, other, before.sources, after.sources):
        yield f"{one['type']} moved from line {one['line']} to line {other['line']}"


def same_line(
    one: Mapping[str, Any], other: Mapping[str, Any], before: Sources, after: Sources
) -> bool:
    """Whether the line of the second place came from the line of the first."""
    if not one["file"]:
        return True
    text = before[one["file"]]
    old, new = text.splitlines(), after[other["file"]].splitlines()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return any(
        start <= other["line"] - 1 < end
        and (
            one["line"] - 1 - first == other["line"] - 1 - start
            if tag == "equal"
            else first <= one["line"] - 1 < last or one["line"] in statement_at(text, last + 1)
        )
        for tag, first, last, start, end in matcher.get_opcodes()
    )


def statement_at(text: str, line: int) -> range:
    """The lines of the statement that begins on a line: what stood before it may have been an
    expression inside it."""
    lines = [
        range(node.lineno, (node.end_lineno or node.lineno) + 1)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.stmt) and node.lineno == line
    ]
    return lines[0] if lines else range(0)
