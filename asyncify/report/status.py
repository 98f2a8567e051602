"""How far a program is, for people and for other programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict

from asyncify.status import COLUMNS, Standing, Status

_DO_NOT = "This program should not migrate:"


def as_text(status: Status) -> str:
    """A table by package and one by layer, and what speaks against it."""
    lines = [f"{_DO_NOT} {reason}" for reason in status.against]
    if status.total.functions or status.total.queries:
        lines += ["", _state(status.total)] if lines else [_state(status.total)]
        lines += ["", *_table("package", (*status.packages, status.total))]
        lines += ["", *_table("layer", status.layers)]
    return "\n".join(lines) + "\n"


def _state(total: Standing) -> str:
    """How much is done, in one sentence."""
    if not (total.to_do or total.blocked or total.queries):
        return f"Done: all {total.functions} functions that do database work."
    said = f"{total.done} of {total.functions} functions that do database work are async, "
    said += f"{total.to_do} would turn."
    if total.blocked > total.to_do + total.done:
        said += f" {total.blocked} can't: look at the errors of `asyncify check` first."
    return said


def _table(title: str, rows: tuple[Standing, ...]) -> list[str]:
    words = [title, *(column.replace("_", " ") for column in COLUMNS)]
    cells = [[row.name, *(str(getattr(row, column)) for column in COLUMNS)] for row in rows]
    widths = [max(map(len, column)) for column in zip(words, *cells, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in (words, *cells)
    ]


def as_json(status: Status) -> str:
    """The same as data."""
    document = {
        "should_migrate": not status.against,
        "against": list(status.against),
        "total": asdict(status.total),
        "packages": [asdict(row) for row in status.packages],
        "layers": [asdict(row) for row in status.layers],
    }
    return json.dumps(document, indent=2) + "\n"


STATUS_FORMATS: Mapping[str, Callable[[Status], str]] = {"text": as_text, "json": as_json}
