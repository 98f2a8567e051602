"""Decorating: what decorators give, and what calling a decorated function gives.

Some can be written with and without arguments: ``@cached`` is called with the function,
``@cached(seconds=3)`` gives what is called with it. All that is known of such a decorator is that
it returns either: which, is told by what stands in what.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.heat import is_inside
from asyncify.analysis.program import Function
from asyncify.analysis.statements import names_assigned, statements_of
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


def note(inference: Inference, child: Function, atom: v.Atom) -> None:
    """What runs where a function is decorated: the decorator, or what makes it. What a manager
    decorates it enters when that is called."""
    if isinstance(atom, v.FunctionObject) and not atom.function.facts.is_generator:
        inference.decorating.setdefault(atom.function, child)


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


def give_keywords(inference: Inference, child: Function, wrapper: Function) -> None:
    """What stands in the place of a function gets by keyword what that takes: `kwargs["user"]`."""
    keywords = [n for n, p in enumerate(wrapper.signature.parameters) if p.kind == "**"]
    named = {o[5] for o in wrapper.body.operations if o[:1] == (f.CONSTANT,)} if keywords else ()
    found = {
        parameter.name: inference.parameter(child, position)
        for position, parameter in enumerate(child.signature.parameters) if parameter.name in named
    }  # fmt: skip
    if found:
        inference.write(inference.slot("packed", wrapper, keywords[0]), v.record(found))


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


def unheard(inference: Inference, functions: Collection[Function]) -> frozenset[Function]:
    """Those of the functions that a call may run of which nothing needs to be known to tell what it
    gives: wrappers that hand on what they wrap. One of them wraps other functions too, and those
    give something else."""
    if len(functions) < 2:
        return frozenset()
    wrappers = {
        atom.function
        for function in functions if function.signature_is_decorated
        for atom in inference.read(inference.slot("wrapped", function))
        if isinstance(atom, v.FunctionObject)
    }  # fmt: skip
    return frozenset(each for each in wrappers if each in functions and _hands_on(each))


def _hands_on(wrapper: Function) -> bool:
    """Does it give what it wraps, a parameter of the decorator, gives: ``return fn(*args)``, or
    ``result = fn(*args)`` and ``return result``? Or nothing. An async one awaits that: it is for
    functions that are async."""
    outer, facts = wrapper.parent, wrapper.facts
    if outer is None or outer.facts.kind != "def" or facts.kind != "def" or facts.is_generator:
        return False
    wrapped = {p.name for p in outer.signature.parameters} - facts.bound
    operations, given, assigned = wrapper.body.operations, list[int](), dict[str, list[int]]()
    for statement in statements_of(wrapper.body.statements):
        if statement[0] == f.RETURN and statement[7] >= 0:
            given.append(statement[7])
        for name, value in names_assigned(statement):
            assigned.setdefault(name, []).append(value)
    return all(
        _is_call_of(operations, value, wrapped, facts.is_async)
        for index in given
        for value in assigned.get(_name(operations, index), (index,))
    )


def _name(operations: tuple[f.Operation, ...], index: int) -> str:
    operation = operations[index]
    return str(operation[5]) if operation[0] == f.NAME else ""


def _is_call_of(
    operations: tuple[f.Operation, ...], index: int, names: set[str], awaited: bool
) -> bool:
    if awaited and operations[index][0] == f.AWAIT:
        index = operations[index][5]
    elif awaited:
        return False
    return operations[index][0] == f.CALL and _name(operations, operations[index][5]) in names
