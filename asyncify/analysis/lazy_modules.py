"""Names that a module gives by its ``__getattr__``, out of modules that it imports only then.

Source: https://docs.python.org/3/reference/datamodel.html#customizing-module-attribute-access
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from asyncify import facts as f
from asyncify.analysis.statements import statements_of
from asyncify.analysis.symbols import Function, Module

HOOK = "__getattr__"


def lazy_modules(
    module: Module,
    named: Callable[[str, Module, int], Module | None],
    tables: Callable[[Module], dict[str, tuple[int, ...]]],
) -> tuple[Module, ...]:
    """The modules of the program that ``__getattr__`` of a module imports, or may import by a
    table: by its statements, and by the strings in it. ``named`` finds a module by its name,
    ``tables`` what the names of a module are assigned."""
    binding = module.bindings.get(HOOK)
    hook = binding.value if binding is not None and binding.kind == "def" else None
    if not isinstance(hook, Function):
        return ()
    names = (*_imported(hook), *_named(hook, module, tables(module)))
    found = (named(name, module, level) for name, level in names)
    return tuple(dict.fromkeys(x for x in found if x is not None and x is not module))


def _imported(hook: Function) -> Iterator[tuple[str, int]]:
    for statement in statements_of(hook.body.statements):
        if statement[0] == f.IMPORT:
            for _, module, name, level, *_ in statement[7]:
                yield module, level
                if name:
                    yield (f"{module}.{name}" if module else name), level


def _named(
    hook: Function, module: Module, assigned: dict[str, tuple[int, ...]]
) -> Iterator[tuple[str, int]]:
    table = module.functions[0].body.operations
    for operation in hook.body.operations:
        if operation and operation[0] == f.CONSTANT:
            yield from _name(operation)
        elif operation and operation[0] == f.NAME:
            for value in assigned.get(operation[5], ()):
                yield from _in_table(table, value)


def _in_table(operations: tuple[f.Operation, ...], index: int) -> Iterator[tuple[str, int]]:
    operation = operations[index]
    if operation[0] == f.CONSTANT:
        yield from _name(operation)
    elif operation[0] in (f.DICT, f.SEQUENCE):
        for inner in operation[6]:
            yield from _in_table(operations, inner if inner >= 0 else ~inner)


def _name(constant: f.Operation) -> Iterator[tuple[str, int]]:
    """A string as a module's name, with the number of dots that it begins with."""
    text = constant[5]
    if isinstance(text, str) and text.replace(".", "_").isidentifier():
        yield text.lstrip("."), len(text) - len(text.lstrip("."))
