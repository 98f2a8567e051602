"""Modules as values: what is in one by a name that is computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.program import Class, Function, Module, Program

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation

LOADED = "sys.modules"


def own(program: Program, module: Module) -> Iterator[tuple[str, v.Atom]]:
    """The functions and classes that a module defines, by their names."""
    for function in module.functions:
        if function.parent is module.functions[0]:
            if function.facts.kind == "def":
                yield function.name, v.FunctionObject(function)
            elif function.facts.kind == "class":
                yield function.name, v.ClassObject(program.classes[function])


def names(program: Program, module: Module) -> v.Value:
    """``globals()``: what the module has, its own and what it imports."""
    found = dict(own(program, module))
    for local, binding in module.bindings.items():
        symbol = program.resolve(module, local) if binding.kind == "import" else None
        if isinstance(symbol, Function):
            found[local] = v.FunctionObject(symbol)
        elif isinstance(symbol, Class):
            found[local] = v.ClassObject(symbol)
    fields = {name: v.one(atom) for name, atom in sorted(found.items())}
    return v.one(v.Record(some(found.values()), tuple(fields.items())))


def some(found: Iterable[v.Atom]) -> v.Value:
    """Any of what a module has; its functions, if that is too much to say something."""
    every = frozenset(found)
    return v.capped(every) or v.capped(
        frozenset(a for a in every if isinstance(a, v.FunctionObject))
    )


def loaded(evaluation: Evaluation, key: int) -> v.Value:
    """``sys.modules[__name__]``, or with a name that is written down."""
    operation = evaluation.operations[key]
    if operation[0] == f.NAME and operation[5] == "__name__":
        return v.ModuleObject(evaluation.function.module).alone
    return imported(evaluation, evaluation.values[key])


def imported(evaluation: Evaluation, given: v.Value) -> v.Value:
    """``import_module("app.handlers")``: a module of the program."""
    program, here = evaluation.program, evaluation.function.module
    found = [v.UNKNOWN]
    for atom in given:
        if isinstance(atom, v.Literal) and isinstance(atom.value, str):
            name = atom.value.lstrip(".")
            module = program.module_named(name, here, len(atom.value) - len(name))
            found.append(v.ModuleObject(module).alone if module is not None else v.UNKNOWN)
    return v.join(found)
