"""What calls a function for what it replaces, and has a form that awaits it: a table of data.

Sources: https://docs.python.org/3/library/re.html#re.sub,
https://docs.python.org/3/library/re.html#re.Pattern.sub.
"""

from __future__ import annotations

from typing import NamedTuple


class Replacing(NamedTuple):
    """``position`` and ``keyword``: where the function stands. ``form`` is the template of the call
    that awaits, of the helper named ``helper``."""

    position: int
    keyword: str
    helper: str
    form: str


# By dotted name; methods are ``class().method``.
REPLACING: dict[str, Replacing] = {
    "re.sub": Replacing(1, "repl", "substituted", "{helper}({args})"),
    "re.compile().sub": Replacing(0, "repl", "substituted", "{helper}({receiver}, {args})"),
}
