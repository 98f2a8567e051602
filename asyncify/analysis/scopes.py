"""Variables that nested functions read of the functions around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from asyncify.analysis.program import Function

_HOLDING = ("def", "lambda")  # whose variables what is nested in them sees


class Scopes:
    """Which variables are free in which functions, asked once for each."""

    def __init__(self) -> None:
        self._free: dict[Function, tuple[str, ...]] = {}

    def free(self, function: Function) -> tuple[str, ...]:
        """The variables of the functions around it that a nested function reads; and those that
        what is nested in it does, or a function beside it that it names."""
        if next(around(function), None) is None:
            return ()
        found = self._free.get(function)
        if found is None:
            held = {name for outer in around(function) for name in _own(outer)}
            found = self._free[function] = tuple(sorted(_open(function, set()) & held))
        return found

    def sees(self, run: Function, function: Function, name: str) -> bool:
        """Does a name stand for the same variable in one function as it does free in another?"""
        outer = _binder(around(function), name)
        return outer is not None and outer is _binder((run, *around(run)), name)


def around(function: Function) -> Iterator[Function]:
    """The functions that one is nested in, from the inside."""
    outer = function.parent
    while outer is not None:
        if outer.facts.kind in _HOLDING:
            yield outer
        outer = outer.parent


def _own(function: Function) -> set[str]:
    own = {parameter.name for parameter in function.signature.parameters}
    return own | (function.facts.bound - set(function.facts.declared))


def _binder(functions: Iterable[Function], name: str) -> Function | None:
    return next((outer for outer in functions if name in _own(outer)), None)


def _open(function: Function, seen: set[Function]) -> set[str]:
    """The names that mean something outside of a function."""
    if function in seen:
        return set()
    seen.add(function)
    own, names = _own(function), set(function.facts.names)
    if function.facts.kind == "class":
        names, own = names - own, set()
    if function.has_children:
        for child in function.module.functions:
            if child.parent is function:
                names |= _open(child, seen)
    names -= own
    for outer in around(function):
        for name in names & outer.local_bindings.keys():
            names |= _open(outer.local_bindings[name].value, seen) - _own(function)
    return names
