"""Marks: the byte order marks that files other than Python's begin with."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip


def marked(content: bytes) -> tuple[bytes, str]:
    """The byte order mark that a file begins with, and its encoding: PowerShell's `>` writes
    UTF-16, and pip reads it."""
    return next(
        ((mark, codec) for mark, codec in _MARKS if content.startswith(mark)), (b"", "utf-8")
    )
