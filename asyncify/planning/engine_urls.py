"""Where the URL of an engine is read for the driver that it names.

``engine.url`` names the async driver once the engine is async. Whatever builds a sync engine from
it, gives it to Alembic or to a library, or compares it, needs the URL as it was: it reads that from
a sync engine beside the async one. What only shows it, or reads the host from it, does as before.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function, Variable, dotted
from asyncify.vocabulary.urls import RENDERING, SAME_PARTS, SHOWING, URL_MEMBER

Read = tuple[Function, int, v.Origin]  # where, the operation of the engine, and which it is


def url_reads(colors: Colors, coloring: Coloring) -> Iterator[Read]:
    """The places that read the URL of an engine which turns, and mean its driver."""
    for function in colors.program.mentioning_member(URL_MEMBER):
        if function in coloring.stays:
            continue
        layout = colors.uses.layout(function)
        for index, operation in enumerate(function.body.operations):
            if not operation or operation[0] != f.ATTRIBUTE or operation[6] != URL_MEMBER:
                continue
            origin = _engine(colors, function, operation[5])
            turns = origin in coloring.alive and origin not in coloring.stays_origins
            if origin is not None and turns and _means_driver(layout, index):
                yield function, operation[5], origin


def _engine(colors: Colors, function: Function, index: int) -> v.Origin | None:
    """The engine that a module's variable is, where an expression names one."""
    symbol = colors.program.resolve_expression(function, function.body.operations, index)
    if not isinstance(symbol, Variable):
        return None
    for atom in colors.inference.global_value(symbol.module, symbol.name):
        if isinstance(atom, v.Known) and atom.kind == "Engine":
            return atom.origin
    return None


def _means_driver(layout: Layout, index: int) -> bool:
    """Does what is done with a URL depend on the driver that it names?"""
    operations = layout.operations
    place = layout.parent(index)
    while place >= 0:
        operation = operations[place]
        if operation[0] == f.FORMAT:
            return False
        if operation[0] == f.OPERATOR:
            return operation[5] not in ("In", "NotIn", "Mod")
        if operation[0] == f.ATTRIBUTE and operation[6] in SAME_PARTS:
            return False
        if operation[0] == f.CALL:
            name = dotted(operations, operation[5]).rpartition(".")[2]
            if name not in RENDERING:
                return name not in SHOWING
        elif operation[0] != f.ATTRIBUTE:
            return True
        place = layout.parent(place)
    return True
