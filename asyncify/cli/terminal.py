"""What is printed on a terminal, and what in a pipe: colors, diffs, pages."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def open_closed_streams() -> None:
    """What the shell has closed (`>&-`) leads nowhere: otherwise the next file that is opened would
    get the number, and what children print."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8"))


def print_diff(diff: bytes) -> None:
    """Bytes as they are, for `git apply`; only a terminal gets colors."""
    if wants_color(sys.stdout):
        diff = b"\n".join(map(_painted, diff.split(b"\n")))
    sys.stdout.flush()
    sys.stdout.buffer.write(diff)
    sys.stdout.buffer.flush()


_DIFF_COLORS = {b"+": b"32", b"-": b"31", b"@": b"36", b"d": b"1"}


def _painted(line: bytes) -> bytes:
    color = _DIFF_COLORS.get(line[:1])
    return b"\033[%sm%s\033[0m" % (color, line) if color else line


def is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def wants_color(stream: TextIO) -> bool:
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def print_markdown(page: str) -> None:
    if not wants_color(sys.stdout):
        sys.stdout.write(page.rstrip("\n") + "\n")
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(page))
