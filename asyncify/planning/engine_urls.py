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

_ENGINES = ("Engine", "SyncEngine")
Read = tuple[Function, int, v.Origin]  # where, the operation of the engine, and which it is


def url_reads(colors: Colors, coloring: Coloring) -> Iterator[Read]:
    """The places that read the URL of an engine which turns, and mean its driver."""
    for function in colors.program.mentioning_member(URL_MEMBER):
        if function in coloring.stays or function in coloring.islands:
            continue
        layout = colors.uses.layout(function)
        for index, operation in enumerate(function.body.operations):
            if not operation or operation[0] != f.ATTRIBUTE or operation[6] != URL_MEMBER:
                continue
            origin = _engine(colors, function, operation[5])
            turns = origin in coloring.alive and origin not in coloring.stays_origins
            if origin is not None and turns and _means_driver(layout, index):
                yield function, operation[5], origin


def names_variable(colors: Colors, function: Function, index: int) -> bool:
    """Is an expression the name of a module's variable?"""
    operations = function.body.operations
    return isinstance(colors.program.resolve_expression(function, operations, index), Variable)


def _engine(colors: Colors, function: Function, index: int) -> v.Origin | None:
    """The engine that an expression gives: what a module's variable holds, or an attribute, a
    parameter, a session's `bind`."""
    symbol = colors.program.resolve_expression(function, function.body.operations, index)
    evaluation = colors.inference.evaluations.get(function)
    value = evaluation.values[index] if evaluation is not None else v.UNKNOWN
    if isinstance(symbol, Variable):
        value = colors.inference.global_value(symbol.module, symbol.name)
    engines = dict.fromkeys(
        made for atom in value
        if isinstance(atom, v.Known) and atom.kind in _ENGINES and atom.origin is not None
        for made in made_of(colors, atom.origin)
    )  # fmt: skip
    return next(iter(engines), None) if len(engines) < 2 or isinstance(symbol, Variable) else None


def made_of(colors: Colors, origin: v.Origin) -> list[v.Origin]:
    """The engine that a factory makes its sessions with; an engine is its own."""
    return [engine for made, engine in colors.inference.related if made == origin] or [origin]


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
            return _begins_with_driver(layout, place)
        if operation[0] == f.CALL:
            name = dotted(operations, operation[5]).rpartition(".")[2]
            if name not in RENDERING:
                return name not in SHOWING
        elif operation[0] != f.ATTRIBUTE:
            return True
        place = layout.parent(place)
    return True


def _begins_with_driver(layout: Layout, place: int) -> bool:
    """``startswith("sqlite://")``: the name of the driver would stand before the colon."""
    call = layout.parent(place)
    operation = layout.operations[call] if call >= 0 else ()
    given = operation[6] if operation and operation[0] == f.CALL else ()
    texts = [layout.operations[i][5] for i in given if layout.operations[i][0] == f.CONSTANT]
    return any(isinstance(text, str) and ":" in text for text in texts)
