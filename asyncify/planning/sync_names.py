"""Sync names: which names of a file mean a class or function of SQLAlchemy that turns.

Nearly all names of a program mean something else. What a name means is found out once for each
file, or for each function that binds it itself, and only the expressions whose last word can be
one of SQLAlchemy's are resolved at all.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from functools import cached_property

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Colors
from asyncify.analysis.declarations import foreign_name
from asyncify.analysis.program import Function, Module, Variable
from asyncify.vocabulary.names import CANONICAL, WATCHING, async_name
from asyncify.vocabulary.testing import ASYNC_CLIENT, CLIENTS

EVENTS = "event"
_OTHERS = {
    EVENTS, "Query", *(name.rpartition(".")[2] for name in CLIENTS),
    *(name.partition("().")[0].rpartition(".")[2] for name in WATCHING),
}  # fmt: skip
WORDS = frozenset({name.rpartition(".")[2] for name in CANONICAL} | _OTHERS)
_LISTENERS = {
    "sqlalchemy.event.listen", "sqlalchemy.event.listens_for", "sqlalchemy.event.remove",
    "sqlalchemy.event.contains",
}  # fmt: skip
_LISTENING = {name.rpartition(".")[2] for name in _LISTENERS}
_WATCHING = {name.rpartition(".")[2] for name in WATCHING}


class SyncNames:
    """Resolves names to the sync classes and functions that they mean."""

    def __init__(self, colors: Colors) -> None:
        self.colors = colors
        self.inference = colors.inference
        self.program = self.inference.program
        self.line = self.inference.config.sqlalchemy_version
        self._own: dict[tuple[Function, str], str] = {}
        self._of_module: dict[tuple[Module, str], str] = {}

    @cached_property
    def words(self) -> frozenset[str]:
        """The last words of all those names, those under which they are imported included."""
        renamed = (name for word in WORDS for name in self.program.imported_names(word))
        return WORDS.union(renamed)

    def modules(self, words: Collection[str] = ()) -> list[Module]:
        """The files in which such a name may occur, or one of these; where it is imported, that may
        be in a string."""
        words = words or self.words
        found = {fn.module for word in words for fn in self.program.mentioning(word)}
        return [
            module for module in self.program.modules.values()
            if module in found or any(item.name in words for item in module.facts.imports)
        ]  # fmt: skip

    def replacement(self, name: str) -> str | None:
        """What replaces a sync class or function of that name, or None."""
        if name in CLIENTS:
            return ASYNC_CLIENT if self.colors.clients.turning else None
        return async_name(name, self.line)

    def meant(self, function: Function, operations: tuple[f.Operation, ...], index: int) -> str:
        """The dotted name of a sync class or function that an expression refers to, or ''."""
        operation = operations[index]
        if operation[0] == f.NAME:
            found = self.foreign(function, operations, index)
        elif operation[6] in WORDS:
            found = foreign_name(function, operations, index, self.inference)
        else:
            return ""
        known = bool(found) and (found in CANONICAL or self.replacement(found))
        return found if known else ""

    def foreign(self, function: Function, operations: tuple[f.Operation, ...], index: int) -> str:
        """The dotted name of something foreign that an expression refers to, or ''."""
        operation = operations[index]
        if operation[0] != f.NAME:
            return foreign_name(function, operations, index, self.inference)
        name = operation[5]
        if _is_bound(function, name):
            own = function, name
            if own not in self._own:
                self._own[own] = foreign_name(function, operations, index, self.inference)
            return self._own[own]
        key = function.module, name
        if key not in self._of_module:
            self._of_module[key] = foreign_name(function, operations, index, self.inference)
        return self._of_module[key]

    def is_alias(
        self, function: Function, operations: tuple[f.Operation, ...], index: int, line: int
    ) -> bool:
        """Is a name that of an alias, which took it from a class where it stood before this line,
        or in the file that it is imported from: ``Session = Annotated[Session, Depends(get_db)]``?
        """
        operation = operations[index]
        if operation[0] != f.NAME or operation[5] not in self.words:
            return False
        name, module = operation[5], function.module
        return not _is_bound(function, name) and self._took(module, name, line, {module})

    def _took(self, module: Module, name: str, line: int, seen: set[Module]) -> bool:
        body = module.functions[0].body.operations
        given = [body[each] for each in self.program.values_assigned(Variable(module, name))]
        if any(each[0] == f.SUBSCRIPT and each[1] < line for each in given):
            return True
        binding = module.bindings.get(name)
        if binding is None or binding.kind != "import" or not binding.value.name:
            return False
        item = binding.value
        source = self.program.module_named(item.module, module, item.level)
        if source is None or source in seen:
            return False
        return self._took(source, item.name, sys.maxsize, seen | {source})

    def listened(
        self, function: Function, operations: tuple[f.Operation, ...], index: int
    ) -> tuple[int, ...]:
        """The arguments of a call that are listened to: the target of an event, or what a library
        watches."""
        operation = operations[index]
        callee = operations[operation[5]]
        if callee[0] != f.ATTRIBUTE or callee[6] in _LISTENING:
            found = self.is_listening(function, operations, operation[5])
            return operation[6][:1] if found else ()
        evaluation = self.inference.evaluations.get(function)
        if callee[6] not in _WATCHING or evaluation is None:
            return ()
        atoms = [a for a in evaluation.values[operation[5]] if isinstance(a, v.Foreign)]
        words = {word for atom in atoms for word in WATCHING.get(atom.name, ())}
        given = [place for name, place in operation[7] if name in words]
        return tuple(
            part for place in given
            for part in (operations[place][6] if operations[place][0] == f.SEQUENCE else (place,))
        )  # fmt: skip

    def is_listening(
        self, function: Function, operations: tuple[f.Operation, ...], index: int
    ) -> bool:
        """Is an expression one of the functions of SQLAlchemy's events?"""
        return self.foreign(function, operations, index) in _LISTENERS


def _is_bound(function: Function, name: str) -> bool:
    """Does the function, or one around it, bind the name?"""
    scope: Function | None = function
    while scope is not None and scope.facts.kind != "module":
        if name in scope.facts.bound and (scope is function or scope.facts.kind != "class"):
            return True
        scope = scope.parent
    return False
