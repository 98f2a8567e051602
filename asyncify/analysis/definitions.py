"""Definitions: what a ``def`` or a ``class`` binds, its defaults and its decorators."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import decorating, members
from asyncify.analysis import values as v
from asyncify.analysis.construction import construct
from asyncify.analysis.program import Function

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation


def define(evaluation: Evaluation, child: Function) -> None:
    """A function or a class is defined: the name stands for it, or for what replaces it."""
    read_defaults(evaluation, child)
    if child.facts.kind == "def" and child.signature.decorators:
        _decorate(evaluation, child)
    symbol = evaluation.program.classes.get(child, child)
    if child.facts.kind == "class" and child.signature.decorators:
        _decorate_class(evaluation, child)
    evaluation.assign(child.name, evaluation.symbol(symbol))


def read_defaults(evaluation: Evaluation, child: Function) -> None:
    """``lambda run=session.scalar: ...``: an attribute that is a default is read where the
    function is made."""
    operations, inference = child.signature.operations, evaluation.inference
    for position, parameter in enumerate(child.signature.parameters):
        if parameter.default < 0 or operations[parameter.default][0] != f.ATTRIBUTE:
            continue
        first = parameter.default
        while operations[first][0] == f.ATTRIBUTE:
            first = operations[first][5]
        if operations[first][0] != f.NAME:
            continue
        saved = evaluation.operations, evaluation.values
        evaluation.operations, evaluation.values = operations, [v.UNKNOWN] * len(operations)
        evaluation.evaluate(first, parameter.default + 1)
        value = evaluation.values[parameter.default]
        evaluation.operations, evaluation.values = saved
        if not inference.holds_nothing(value):
            inference.write(inference.slot("parameter", child, position), value)


def _decorate(evaluation: Evaluation, child: Function) -> None:
    """Hand a function through its decorators of the program: they receive it, and what they
    return is called in its place."""
    signature = child.signature
    saved = evaluation.operations, evaluation.values
    evaluation.operations = signature.operations
    evaluation.values = [v.UNKNOWN] * len(evaluation.operations)
    evaluation.evaluate(0, len(evaluation.operations))
    evaluation.decorated[child] = evaluation.values
    decorators = [decorating.first(evaluation, i) for i in reversed(signature.decorators)]
    for function in _dispatching(evaluation, signature.decorators):
        _wrap(evaluation, function, v.one(v.FunctionObject(child)))
    makers = [evaluation.values[o[5]] for o in evaluation.operations if o and o[0] == f.CALL]
    evaluation.operations, evaluation.values = saved
    for atom in (atom for made in makers for atom in made):
        decorating.note(evaluation.inference, child, atom)
    value = v.one(v.FunctionObject(child))
    for atom in (atom for decorator in decorators for atom in decorator):
        decorating.note_manager(evaluation, child, atom)
        if isinstance(atom, (v.Foreign, v.ForeignInstance)):
            evaluation.inference.kept.hand(child, atom.name)
        called = _decorator(atom)
        if called is not None:
            decorating.note(evaluation.inference, child, called)
            made = evaluation.inference.called(called.function, called.bound, [value], {})
            # Handed through, `return fn`, it is what it was: no other that is decorated so.
            others = evaluation.inference.passed(called.function, int(called.bound)) - value
            wrappers = decorating.last(made - others)
            value = v.join((value, _wrap(evaluation, child, wrappers)))
        elif isinstance(atom, v.ClassObject) and atom.cls.find("__call__"):
            made = construct(evaluation, atom.cls, [value], {})
            objects = frozenset(a for a in made if isinstance(a, v.Instance))
            value = v.join((value, _wrap(evaluation, child, objects)))


def _decorator(atom: v.Atom) -> v.FunctionObject | None:
    """What is called with what an object decorates."""
    if isinstance(atom, v.Instance):
        method = atom.cls.find("__call__")
        return v.FunctionObject(method, True) if isinstance(method, Function) else None
    return atom if isinstance(atom, v.FunctionObject) else None


def _decorate_class(evaluation: Evaluation, body: Function) -> None:
    """Hand a class to its decorators of the program, which may keep it, or what it makes."""
    signature = body.signature
    saved = evaluation.operations, evaluation.values
    evaluation.operations = signature.operations
    evaluation.values = [v.UNKNOWN] * len(evaluation.operations)
    evaluation.evaluate(0, len(evaluation.operations))
    decorators = [evaluation.values[i] for i in reversed(signature.decorators)]
    evaluation.operations, evaluation.values = saved
    value = v.one(v.ClassObject(evaluation.program.classes[body]))
    for atom in (atom for decorator in decorators for atom in decorator):
        if isinstance(atom, v.FunctionObject):
            evaluation.inference.called(atom.function, atom.bound, [value], {})


def _dispatching(evaluation: Evaluation, decorators: Sequence[int]) -> Iterator[Function]:
    """The functions of which `register` decorates another: calling them may run that one."""
    for index in decorators:
        operation = evaluation.operations[index]
        if operation[0] == f.CALL:
            operation = evaluation.operations[operation[5]]
        if operation[0] == f.ATTRIBUTE and operation[6] == "register":
            for atom in evaluation.values[operation[5]]:
                if isinstance(atom, v.FunctionObject) and not members.DISPATCHING.isdisjoint(
                    evaluation.inference.decorators(atom.function)
                ):
                    yield atom.function


def _wrap(evaluation: Evaluation, child: Function, wrappers: v.Value) -> v.Value:
    """Note what is called in a function's place: functions, or objects that can be called."""
    evaluation.inference.write(evaluation.inference.slot("wrapped", child), wrappers)
    for wrapper in wrappers:
        methods: tuple[Function, ...] = ()
        if isinstance(wrapper, v.FunctionObject):
            methods = (wrapper.function,)
        elif isinstance(wrapper, v.Instance):
            methods = evaluation.inference.methods(wrapper.cls, "__call__")
        for method in methods:
            evaluation.inference.heat.aliases.setdefault(method, set()).add(child.name)
        if isinstance(wrapper, v.FunctionObject):
            decorating.give_receiver(evaluation.inference, child, wrapper.function)
            decorating.give_keywords(evaluation.inference, child, wrapper.function)
    return wrappers
