"""Likely sessions: the last resort where nothing says what a variable is.

One of the configured names, used by methods that only a session has, and in no other way.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from functools import cached_property

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.program import Class, Function, Program, dotted
from asyncify.config import Config
from asyncify.vocabulary.names import TABLES
from asyncify.vocabulary.testing import MOCKS_OF

# Methods of a session whose use tells that an unknown object is one.
DISTINCTIVE = {
    "query", "commit", "rollback", "flush", "refresh", "add_all", "begin_nested", "scalars",
    "expunge", "merge", "bulk_save_objects", "execute", "scalar", "expire", "expire_all",
}  # fmt: skip
_MEMBERS = {row.name for row in TABLES["Session"].members}


class LikelySessions:
    """Answers for the variables of a program."""

    def __init__(self, program: Program, config: Config) -> None:
        self.program = program
        self.config = config
        self._names: dict[str, bool] = {}
        self._likely: dict[tuple[Function, str], bool] = {}
        self.evident: dict[Function, set[str]] = {}  # what is used as nothing else is
        # Variables that are used so, but nobody knows what they were given: where one is read.
        self.unseen: dict[tuple[Function, str], int] = {}

    def holds(self, function: Function, name: str) -> bool:
        """Is a variable used as a session, under one of the configured names?"""
        named = self._names.get(name)
        if named is None:
            named = any(fnmatchcase(name, pattern) for pattern in self.config.session_names)
            self._names[name] = named
        key = (function, name)
        if not named or key in self.unseen:
            return False
        if key not in self._likely:
            self._likely[key] = self._is_likely(function, name)
        return self._likely[key]

    def _is_likely(self, function: Function, name: str) -> bool:
        used = {
            operation[6]
            for operation in function.body.operations
            if operation and operation[0] == f.ATTRIBUTE
            and dotted(function.body.operations, operation[5]).rpartition(".")[2] == name
        }  # fmt: skip
        if not used <= _MEMBERS or not self.uses_sqlalchemy:
            return False
        return bool(used & DISTINCTIVE) or ("get" in used and self._gets_of_class(function, name))

    def guessed(self) -> list[tuple[Function, str]]:
        """The variables that were sessions as long as nothing else was known of them."""
        return [key for key, is_likely in self._likely.items() if is_likely]

    def is_of_unseen(self, query: v.QueryValue) -> bool:
        """Was a Query made by what seemed to be a session, until it was seen what it may be?"""
        return (query.origin.function, query.session) in self.unseen

    def is_awaited(self, function: Function, name: str) -> bool:
        """Are methods of a variable awaited already?"""
        if not function.facts.is_async:
            return False
        operations = function.body.operations
        calls = (operations[op[5]] for op in operations if op and op[0] == f.AWAIT)
        callees = (operations[call[5]] for call in calls if call[0] == f.CALL)
        return any(
            callee[0] == f.ATTRIBUTE and dotted(operations, callee[5]).rpartition(".")[2] == name
            for callee in callees
        )

    def _gets_of_class(self, function: Function, name: str) -> bool:
        """``db.get(User, 1)``: a dict has the method too, but no class for a key."""
        operations = function.body.operations
        for operation in operations:
            if not operation or operation[0] != f.CALL or len(operation[6]) < 2:
                continue
            callee, entity = operations[operation[5]], operation[6][0]
            if callee[0] == f.ATTRIBUTE and callee[6] == "get" and entity >= 0:
                found = dotted(operations, callee[5]).rpartition(".")[2] == name
                symbol = self.program.resolve_expression(function, operations, entity)
                if found and isinstance(symbol, Class):
                    return True
        return False

    @cached_property
    def uses_sqlalchemy(self) -> bool:
        return any(
            item.module.partition(".")[0] in ("sqlalchemy", "sqlmodel", "flask_sqlalchemy")
            for module in self.program.modules.values()
            for item in module.facts.imports
        )


def spelled(operations: tuple[f.Operation, ...], index: int, calls: bool = True) -> str:
    """An expression that means the same wherever it stands, as written: names, attributes, items
    by a constant key and calls without arguments. Else an empty string. ``calls``: may there be
    calls, which may give something else each time?"""
    parts: list[str] = []
    while True:
        operation = operations[index]
        if operation[0] == f.NAME:
            return "".join([operation[5], *reversed(parts)])
        if operation[0] == f.ATTRIBUTE:
            parts.append(f".{operation[6]}")
        elif operation[0] == f.SUBSCRIPT and operations[operation[6]][0] == f.CONSTANT:
            key = operations[operation[6]][5]
            text = json.dumps(key, ensure_ascii=False) if isinstance(key, str) else repr(key)
            parts.append(f"[{text}]")
        elif operation[0] == f.CALL and calls and not operation[6] and not operation[7]:
            parts.append("()")
        else:
            return ""
        index = operation[5]


def is_mock(atom: v.Atom) -> bool:
    """Is it made by ``unittest.mock``, for a test?"""
    return isinstance(atom, (v.Foreign, v.ForeignInstance)) and atom.name.startswith(MOCKS_OF)
