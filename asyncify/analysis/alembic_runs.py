"""Commands of Alembic that a program runs on a connection of its own: ``env.py`` finds it among the
attributes of the configuration.

https://alembic.sqlalchemy.org/en/latest/cookbook.html#connection-sharing
"""

from __future__ import annotations

from collections.abc import Sequence

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.layout import Layout
from asyncify.vocabulary.names import ALEMBIC_COMMANDS, BINDS

_ATTRIBUTES = "attributes"


def is_command(name: str) -> bool:
    """Is a function a command of Alembic?"""
    return name in ALEMBIC_COMMANDS


def shared_binds(layout: Layout, values: Sequence[v.Value]) -> list[int]:
    """Engines and connections that a function hands to `env.py`:
    ``config.attributes["connection"] = connection``."""
    return [
        statement[8] for statement in layout.statements
        if statement[0] == f.ASSIGN and _is_shared(layout, statement) and bind(values[statement[8]])
    ]  # fmt: skip


def _is_shared(layout: Layout, statement: f.Statement) -> bool:
    target = statement[7][0]
    if target[0] != f.TO_SUBSCRIPT:
        return False
    base = layout.operations[target[1]]
    return bool(base[0] == f.ATTRIBUTE and base[6] == _ATTRIBUTES)


def bind(value: v.Value) -> v.Known | None:
    """The engine or connection among what something may be, if there is one that turns."""
    return next((a for a in value if isinstance(a, v.Known) and BINDS.get(a.kind)), None)
