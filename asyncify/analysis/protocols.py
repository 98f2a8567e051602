"""Protocols: what loops, ``with`` and ``await`` get from a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify.analysis import generics, members, queries, records
from asyncify.analysis import values as v
from asyncify.vocabulary.frameworks import METHODS

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation

_ITERATING, _STEPPING = ("__iter__", "__aiter__"), ("__next__", "__anext__")


def iterate(
    evaluation: Evaluation, value: v.Value, seen: v.Value = v.UNKNOWN, index: int = -1
) -> v.Value:
    """What a loop over a value binds; ``seen`` are iterators whose iterator this is, ``index`` is
    the operation that gives the value."""
    inference = evaluation.inference
    listed = records.as_tuples(inference, value)
    dicts = frozenset(a for a in listed if isinstance(a, (v.Record, v.Keyed)))
    out = [v.elements(listed - dicts), v.keys(dicts)]
    out.append(records.members(inference, value))
    for atom in value:
        if isinstance(atom, v.QueryValue):
            out.append(queries.item(atom))
        elif isinstance(atom, v.Generated):
            out.append(inference.read(inference.shape(atom.function).yielded))
        elif isinstance(atom, v.ForeignInstance) and "()" in atom.name:
            out.append(v.one(atom))  # `next(manager.get_session())`: that of a library
        elif isinstance(atom, v.Instance):
            for name in _STEPPING if atom in seen else _ITERATING:
                for method in inference.methods(atom.cls, name):
                    made = inference.called(method, True, [], {}, awaited=atom in seen)
                    out.append(made if atom in seen else iterate(evaluation, made, seen | {atom}))
                    if atom not in seen:
                        out.append(generics.iterated(evaluation, method, atom.cls, index))
    return v.join(out)


def iterator(evaluation: Evaluation, value: v.Value, method_name: str) -> v.Value:
    """The generators that ``iter(value)`` or ``aiter(value)`` gives: a generator itself."""
    inference = evaluation.inference
    out: list[v.Value] = [frozenset(a for a in value if isinstance(a, v.Generated))]
    for atom in value:
        if isinstance(atom, v.Instance):
            for method in inference.methods(atom.cls, method_name):
                out.append(inference.called(method, True, [], {}))
    return v.join(out)


def told_apart(value: v.Value, is_async: bool) -> v.Value:
    """What an ``async with`` or a ``with`` can enter, of what may be an async object or a sync
    one."""
    known = [a for a in value if isinstance(a, v.Known)] if len(value) > 1 else ()
    fitting = {a for a in known if a.kind.lower().startswith("async") is is_async}
    if not fitting or len(fitting) == len(known):
        return value
    return frozenset(a for a in value if a in fitting or not isinstance(a, v.Known))


def entered(evaluation: Evaluation, value: v.Value) -> v.Value:
    """What ``with value as target`` binds."""
    inference = evaluation.inference
    out = []
    for atom in value:
        if isinstance(atom, v.Managed):
            out.append(atom.items)
            if atom.function is not None:
                out.append(inference.read(inference.shape(atom.function).yielded))
        elif isinstance(atom, v.Known):
            row = inference.row(atom.kind, "__enter__")
            out.append(
                members.known_result(inference, atom, row, None)
                if row and row.returns
                else v.one(atom)
            )
        elif isinstance(atom, v.Client) or (
            isinstance(atom, v.ForeignInstance) and (atom.name in METHODS or "()" in atom.name)
        ):
            out.append(v.one(atom))
        elif isinstance(atom, v.Instance):
            for name in ("__enter__", "__aenter__"):
                for method in inference.methods(atom.cls, name):
                    out.append(inference.called(method, True, [], {}, awaited=True))
    return v.join(out)


def awaited(evaluation: Evaluation, value: v.Value) -> v.Value:
    inference = evaluation.inference
    out = []
    for atom in value:
        if isinstance(atom, v.CoroutineValue):
            out.append(inference.result(atom.function))
        else:
            out.append(v.one(atom))
    return v.join(out)
