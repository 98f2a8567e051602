"""What is annotated as a function: ``Callable[[Session], T]`` whose functions all turn gives an
``Awaitable[T]`` from now on.

So do the names that modules give such types, if that holds wherever one is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.declarations import is_callable
from asyncify.analysis.program import Function, Module, Variable, dotted
from asyncify.decisions import EditAnnotation
from asyncify.planning.draft import Draft, node_of

WORD = "Callable"
_OWNERS = ("typing", "collections.abc", "typing_extensions")
# What may be awaited already, or may be anything.
_ANYTHING = {"Any", "object", "Awaitable", "Coroutine", "Future", "Task"}


class CallableAnnotations:
    """Tells which annotations of functions give something that is awaited."""

    def __init__(
        self, colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]
    ) -> None:
        self.inference = colors.inference
        self.program = colors.inference.program
        self.coloring = coloring
        self.draft = draft
        self._named: dict[Variable, list[tuple[Function, bool]]] = {}

    def awaitable(
        self,
        scope: Function,
        function: Function,
        parts: list[tuple[tuple[f.Operation, ...], int]],
        value: Callable[[], v.Value],
    ) -> str:
        """How ``Awaitable`` is written, where an annotation is one of functions that all turn."""
        owner = ""
        for operations, index in parts:
            word = _word(operations[index])
            if word == WORD and _says_what_it_gives(operations, index):
                owner = owner or self._owner(scope, operations, index)
            elif word in self.aliases:
                symbol = self.program.resolve_expression(scope, operations, index)
                if isinstance(symbol, Variable) and (len(parts) == 1 or not self._is_bound(symbol)):
                    self._named.setdefault(symbol, []).append((function, self._turn(value())))
        if not owner or _may_give_anything(parts) or not self._turn(value()):
            return ""
        return self.draft(scope.module).spell(f"{owner}.Awaitable")

    def name_types(self) -> None:
        """The names that modules give to types of functions: asked last."""
        for variable, named in self._named.items():
            found = self.program.variable_expression(variable)
            if found is None or not all(turns for _, turns in named):
                continue
            body, operations, _ = found
            index = _type_in(operations, found[2])
            owner = self._owner(body, operations, operations[index][5])
            inside = [(operations, i) for i in range(operations[index][5], index) if operations[i]]
            if not owner or _may_give_anything(inside):
                continue
            draft = self.draft(variable.module)
            draft.add(
                EditAnnotation(
                    node=node_of(operations, index), site=draft.site(operations[index]),
                    group=self.coloring.groups.get(named[0][0], 0), renames=(),
                    awaitable=draft.spell(f"{owner}.Awaitable"),
                )
            )  # fmt: skip

    @cached_property
    def aliases(self) -> set[str]:
        """The names of variables that may be types of functions."""
        bodies = [fn for fn in self.program.mentioning(WORD) if fn.facts.kind == "module"]
        found = set()
        for body in bodies:
            for name in body.facts.bound:
                value = self.program.variable_expression(Variable(body.module, name))
                if value is not None and _type_in(value[1], value[2]) >= 0:
                    found.add(name)
        return found

    def _is_bound(self, variable: Variable) -> bool:
        """Is it a type variable? `Callable[[F], F]` says nothing of what an `F` gives."""
        found = self.program.variable_expression(variable)
        return found is not None and found[1][found[2]][0] == f.CALL

    def _owner(self, scope: Function, operations: tuple[f.Operation, ...], index: int) -> str:
        """The module whose ``Callable`` a name is, or ''."""
        symbol = self.program.resolve_expression(scope, operations, index)
        owner = symbol.rpartition(".")[0] if isinstance(symbol, str) else ""
        return owner if owner in _OWNERS else ""

    def _turn(self, value: v.Value) -> bool:
        """Are the functions that are there all awaited, some only from now on, and is nothing else
        called?

        Where all were async before, the annotation says already what they give, be it by a name.
        """
        found = [
            atom for atom in flat(value)
            if not isinstance(atom, v.Literal) and not is_callable(v.one(atom))
        ]  # fmt: skip
        functions = [
            atom.function for atom in found
            if isinstance(atom, v.FunctionObject) and not atom.function.facts.is_generator
        ]  # fmt: skip
        turned = self.coloring.turned
        return (
            len(functions) == len(found)
            and all(function.facts.is_async or function in turned for function in functions)
            and any(function in turned for function in functions)
        )


def flat(value: v.Value) -> Iterator[v.Atom]:
    """What is in containers, and what is in none."""
    for atom in value:
        if isinstance(atom, (v.Collection, v.TupleValue)):
            yield from flat(v.elements(v.one(atom)))
        else:
            yield atom


def _says_what_it_gives(operations: tuple[f.Operation, ...], index: int) -> bool:
    """Does ``Callable`` stand before a bracket?"""
    return any(o and o[0] == f.SUBSCRIPT and o[5] == index for o in operations)


def _may_give_anything(parts: list[tuple[tuple[f.Operation, ...], int]]) -> bool:
    """Is something named that may be awaited already, other than as what a function is given?"""
    given = {(id(o), at) for o, i in parts if _word(o[i]) == WORD for at in _parameters(o, i)}
    return any(_word(o[i]) in _ANYTHING and (id(o), i) not in given for o, i in parts)


def _parameters(operations: tuple[f.Operation, ...], name: int) -> range:
    """Where it says what a ``Callable`` is given: right behind its name."""
    for operation in operations:
        if operation and operation[0] == f.SUBSCRIPT and operation[5] == name:
            inside = operations[operation[6]]
            if inside[0] == f.SEQUENCE and inside[6]:
                return range(name + 1, max(inside[6][0], ~inside[6][0]) + 1)
    return range(0)


def _word(operation: f.Operation) -> str:
    """The last name of an expression, or ''."""
    if operation[0] == f.NAME:
        return str(operation[5])
    return str(operation[6]) if operation[0] == f.ATTRIBUTE else ""


def _type_in(operations: tuple[f.Operation, ...], index: int) -> int:
    """Where it says ``Callable[[A], B]``: there, or in ``TypeVar("F", bound=...)``; else -1."""
    operation = operations[index]
    if operation[0] == f.CALL and dotted(operations, operation[5]).rpartition(".")[2] == "TypeVar":
        index = dict(operation[7]).get("bound", -1)
        operation = operations[index] if index >= 0 else ()
    if not operation or operation[0] != f.SUBSCRIPT:
        return -1
    return index if dotted(operations, operation[5]).rpartition(".")[2] == WORD else -1
