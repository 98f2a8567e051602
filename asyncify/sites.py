"""Where things stand: positions for people, and node references that both syntax trees share.

Each is made thousands of times, compared and hashed: a tuple does all of that quickest.
"""

from __future__ import annotations

from typing import NamedTuple


class Site(NamedTuple):
    """A place in a file.

    ``path`` is relative to the project root with forward slashes, ``line`` counts from 1 and
    ``column`` from 1, in characters.
    """

    path: str
    line: int
    column: int


class NodeRef(NamedTuple):
    """A syntax node, named so that ``ast`` and LibCST find the same one.

    ``number`` counts the nodes of ``kind`` in structural source order, from 0. ``name`` is the
    identifier that the node must carry (the called name, the attribute, the function's name) or
    an empty string where the kind has none; it is checked before every edit.
    """

    kind: str
    number: int
    name: str = ""
