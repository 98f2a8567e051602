"""Patterns: what the names in the cases of a ``match`` are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify.analysis import members, model_fields
from asyncify.analysis import values as v

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation


def along(evaluation: Evaluation, value: v.Value, path: tuple[str, ...]) -> v.Value:
    """What a pattern reads of its subject, step by step."""
    for step in path:
        if step == "[*":
            value = v.collection(v.elements(_sequences(value)))
        elif step.startswith("[."):
            value = _under(value, step[2:])
        elif step.startswith("["):
            value = _item(value, int(step[1:]))
        else:
            value = v.join(_attribute(evaluation, atom, step) for atom in value)
    return value


def _sequences(value: v.Value) -> v.Value:
    """What is neither a dict nor a single object."""
    return frozenset(a for a in value if isinstance(a, v.TupleValue) or _is_plain(a))


def _is_plain(atom: v.Atom) -> bool:
    """Is it a container of which no keys are known?"""
    return isinstance(atom, v.Collection) and not isinstance(atom, v.Record)


def _item(value: v.Value, position: int) -> v.Value:
    """What stands at a position of tuples, or anywhere in other sequences."""
    at = position if position >= 0 else -position - 1
    tuples = [a.items for a in value if isinstance(a, v.TupleValue) and len(a.items) > at]
    others = frozenset(a for a in value if _is_plain(a))
    return v.join([*(items[position] for items in tuples), v.elements(others)])


def _under(value: v.Value, key: str) -> v.Value:
    """What dicts have under a key, an empty one stands for any; else what containers have of which
    it isn't known whether they are dicts."""
    records = frozenset(a for a in value if isinstance(a, v.Record))
    found = v.under(records, key) if key else v.elements(records)
    return found or v.elements(frozenset(a for a in value if _is_plain(a)))


def _attribute(evaluation: Evaluation, atom: v.Atom, name: str) -> v.Value:
    if name.isdigit():  # a class pattern reads its first attributes by their position
        if not isinstance(atom, v.Instance):
            return v.one(atom)  # ``case str(name)``
        names = model_fields.positional(atom.cls) or evaluation.inference.fields(atom.cls)
        name = names[int(name)] if int(name) < len(names) else ""
    return members.of(evaluation, atom, name)
