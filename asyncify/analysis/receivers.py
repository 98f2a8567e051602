"""Receivers: what a method gives for an object of one class, where its base is written for many.

``model = Order`` in a repository says what the methods of its base select. For them the class stays
open; who calls such a method on an object of the repository knows it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.program import Class

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation
    from asyncify.analysis.infer import Inference


def narrowed(evaluation: Evaluation, callee: f.Operation, made: v.Value) -> v.Value:
    """What a call gives, for the object that its method is taken from."""
    if callee[0] != f.ATTRIBUTE or evaluation.inference.is_plain(made):
        return made
    base = evaluation.values[callee[5]]
    if len(base) != 1:
        return made
    (atom,) = base
    if isinstance(atom, v.ClassObject):
        return _of_own_class(evaluation.inference, made, atom.cls)
    if not isinstance(atom, v.Instance):
        return made
    inference = evaluation.inference
    for name, own in _classes_named(inference, atom.cls):
        values = [inference.attribute(base, name) for base in atom.cls.ancestors]
        others = {a.cls for value in values for a in value if isinstance(a, v.ClassObject)}
        made = _of_class(made, name, own, others - {own})
    return made


def _of_own_class(inference: Inference, made: v.Value, own: Class) -> v.Value:
    """What a class method of a mixin gives for one of the classes that it is mixed into."""
    if not inference.models.is_mapped(own):
        return made
    given = {a.cls for a in v.elements(made) | made if isinstance(a, v.Instance)}
    if own not in given:
        return made
    mixins = {base for base in own.ancestors if not inference.models.is_mapped(base)}
    others = {cls for cls in given - {own} if not mixins.isdisjoint(cls.ancestors[1:])}
    return _of_class(made, "cls", own, others) if others else made


def _classes_named(inference: Inference, cls: Class) -> list[tuple[str, Class]]:
    """The classes that the body of a class gives a name: ``model = Order``."""
    found = []
    for name in sorted(cls.body.facts.bound - cls.methods.keys()):
        inference.demand(cls.body)
        value = inference.read(inference.slot("attribute", cls, name))
        if len(value) == 1:
            (atom,) = value
            if isinstance(atom, v.ClassObject):
                found.append((name, atom.cls))
    return found


def _of_class(made: v.Value, name: str, own: Class, others: set[Class]) -> v.Value:
    """A value without what other classes' objects would give."""
    out = []
    has_own = any(isinstance(a, v.Instance) and a.cls is own for a in made)
    for atom in made:
        if isinstance(atom, v.QueryValue):
            if atom.entities == (None,) and atom.target_name == f"self.{name}":
                atom = replace(atom, entities=(own,), target=own)
        elif isinstance(atom, v.Collection):
            atom = v.Collection(_of_class(atom.items, name, own, others))
        elif has_own and isinstance(atom, v.Instance) and atom.cls in others:
            continue
        out.append(atom)
    return frozenset(out)
