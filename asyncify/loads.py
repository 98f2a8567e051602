"""What `asyncify.recorder` has written: where the program loaded attributes by itself.

The recorder runs in the program's environment, under pytest, and shares nothing with this module
but the form of the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

VERSION = 1
# Ended by `expire_on_commit=False`, which the migrated program has.
_ENDED = "commit"


class RecordedLoad(NamedTuple):
    """One line, and what was loaded there: a relationship, or else a column. ``reader`` is the
    library that read it, if any."""

    path: str
    line: int
    cls: str
    attribute: str
    column: bool
    reader: str = ""


def read_loads(path: Path) -> tuple[RecordedLoad, ...]:
    """The loads of a file, without those that the migration ends by itself. Raises ValueError with
    the end of a sentence."""
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"can't be read: {error.strerror}.") from error
    except ValueError as error:
        raise ValueError("is no file of asyncify.recorder.") from error
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise ValueError("is no file of this version of asyncify.recorder.")
    try:
        return tuple(
            RecordedLoad(
                str(each["path"]), int(each["line"]), str(each["cls"]), str(each["attribute"]),
                each["kind"] == "column", str(each["reader"]),
            )
            for each in document["loads"] if each["reason"] != _ENDED
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("is no file of asyncify.recorder.") from error
