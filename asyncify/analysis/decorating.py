"""Decorating: what decorators that can be written with and without arguments give.

``@cached`` is called with the function, ``@cached(seconds=3)`` gives what is called with it. All
that is known of such a decorator is that it returns either: which, is told by what stands in what.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.heat import is_inside
from asyncify.analysis.program import Function
from asyncify.vocabulary.frameworks import DECORATING

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation
    from asyncify.analysis.infer import Inference


def first(evaluation: Evaluation, index: int) -> v.Value:
    """What a function is decorated by: of what a call gives only what is outermost."""
    value = evaluation.values[index]
    if evaluation.operations[index][0] != f.CALL or len(value) < 2:
        return value
    functions = {a.function for a in value if isinstance(a, v.FunctionObject)}
    return frozenset(
        a for a in value if not isinstance(a, v.FunctionObject)
        or not any(is_inside(a.function, outer) for outer in functions)
    )  # fmt: skip


def last(made: v.Value) -> v.Value:
    """What stands in the place of a decorated function: what is innermost."""
    functions = {a.function for a in made if isinstance(a, v.FunctionObject)}
    return frozenset(
        a for a in made
        if isinstance(a, v.FunctionObject) and not any(is_inside(o, a.function) for o in functions)
    )  # fmt: skip


def give_receiver(inference: Inference, child: Function, wrapper: Function) -> None:
    """What stands in the place of a method gets its object first."""
    parameters = wrapper.signature.parameters
    if child.owner is None or wrapper.is_method or not parameters:
        return
    if "staticmethod" in inference.decorators(child) or inference.is_class_method(child):
        return
    if parameters[0].kind not in ("p", "a"):
        return
    inference.write(inference.slot("parameter", wrapper, 0), v.one(v.Instance(child.owner)))


def note_manager(evaluation: Evaluation, child: Function, atom: v.Atom) -> None:
    """``@transaction()``: a context manager of the program that decorates a function is entered
    around each of its calls."""
    managers: tuple[Function, ...] = ()
    if isinstance(atom, v.Managed) and atom.function is not None:
        managers = (atom.function,)
    elif isinstance(atom, v.Instance) and DECORATING in atom.cls.foreign_bases:
        found = (atom.cls.find(name) for name in ("__enter__", "__exit__"))
        managers = tuple(method for method in found if method is not None)
    if managers:
        inference = evaluation.inference
        inference.around.setdefault(child, {}).update(dict.fromkeys(managers))
        inference.need(child)
        for manager in managers:
            inference.need(manager)
