"""What a function does where a cache has something, and how it asks: all of that goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asyncify import facts as f
from asyncify.analysis.statements import statements_of
from asyncify.planning.cleanups_cache_places import Places, State
from asyncify.vocabulary.caches import CLEARING, FILLING, LOGGING, MOVING, TAKING_OUT


class Hits(Places):
    """The hits of one function."""

    def _is_lookup(self, index: int, state: State) -> bool:
        """Does an expression give what a cache holds, or a part or a copy of that?"""
        operation = self.operations[index]
        if self._slot(index) is not None:
            return True
        if operation[0] == f.NAME:
            return operation[5] in state.found
        if operation[0] in (f.SUBSCRIPT, f.ATTRIBUTE):
            return self._is_lookup(operation[5], state)
        if operation[0] == f.WALRUS:
            return self._is_lookup(operation[6], state)
        if operation[0] == f.CALL:
            callee = self.operations[operation[5]]
            if callee[0] == f.ATTRIBUTE and not operation[6]:
                return self._is_lookup(callee[5], state)
            given = operation[6]
            return len(given) == 1 and given[0] >= 0 and self._is_lookup(given[0], state)
        if operation[0] == f.SEQUENCE and operation[5] == "tuple":
            return all(i >= 0 and self._is_lookup(i, state) for i in operation[6])
        return False

    def _named_lookups(self, index: int) -> Iterator[str]:
        """The names that a condition gives to what it looks up: ``if found := cache.get(key)``."""
        for part in self.layout.subtree(index) if self.mentions else ():
            operation = self.operations[part]
            if operation[0] == f.WALRUS and self._slot(operation[6]) is not None:
                yield operation[5]

    def _is_miss(self, index: int, state: State) -> bool:
        """Is a condition true wherever a cache has nothing?"""
        operation = self.operations[index]
        if not self._is_pure(index):
            return False
        if operation[0] == f.BOOLEAN:
            missed = (self._is_miss(part, state) for part in operation[5])
            return any(missed) if operation[6] == "Or" else all(missed)
        if operation[0] != f.OPERATOR:
            return False
        first = operation[6][0]
        if operation[5] == "Not":
            return self._is_lookup(first, state)
        other = self.operations[operation[6][-1]]
        if operation[5] == "Is":
            return other[0] == f.CONSTANT and other[5] is None and self._is_lookup(first, state)
        return operation[5] == "NotIn" and operation[6][-1] in self.mentions

    def _is_hit(self, test: int, body: tuple[f.Statement, ...], state: State) -> bool:
        """``if found: return found``: the block looks closer at what was found, and gives it, or
        part of it, back. Without a cache nothing of that happens."""
        if not self._is_pure(test):
            return False
        given: list[f.Statement] = []
        return self._only_looks(body, state.copy(), given) and bool(given)

    def _only_looks(
        self, block: tuple[f.Statement, ...], state: State, given: list[f.Statement]
    ) -> bool:
        return all(self._looks(statement, state, given) for statement in block)

    def _looks(self, statement: f.Statement, state: State, given: list[f.Statement]) -> bool:
        """Does a statement only look at what was found? Those that return it are collected."""
        kind = statement[0]
        if kind == f.RETURN:
            given.append(statement)
            value = statement[7]
            return value >= 0 and self._is_pure(value) and self._is_lookup(value, state)
        if kind == f.IF:
            parts = [self._only_looks(block, state, given) for block in statement[8:10]]
            return self._is_pure(statement[7]) and all(parts)
        if kind == f.ASSIGN:
            return self._takes_apart(statement, state)
        if kind == f.RAISE:
            return statement[7] >= 0 and self._is_error(statement[7])
        return self._is_logging(statement) or self._takes_out(statement)

    @property
    def only_looks_up(self) -> bool:
        """Does the function nothing but give what a cache holds, or None?"""
        given: list[int] = []
        state = State()
        body = self.function.body.statements
        return all(self._gives(statement, state, given) for statement in body) and bool(given)

    def _gives(self, statement: f.Statement, state: State, given: list[int]) -> bool:
        """Does a statement only find out what to give? What was looked up is collected."""
        kind = statement[0]
        if kind == f.RETURN and statement[7] >= 0:
            return self._gives_value(statement[7], state, given)
        if kind in (f.IF, f.WITH):
            blocks = statement[8:10] if kind == f.IF else statement[8:9]
            plain = self._is_pure(statement[7]) if kind == f.IF else self._holds_locks(statement)
            return plain and all(self._gives(s, state, given) for block in blocks for s in block)
        if kind == f.TRY:
            handled = self._is_tried(statement, state) and statement[8][0][2]
            inner = (*statement[7], *(handled or ()))
            return bool(handled) and all(self._gives(s, state, given) for s in inner)
        if kind == f.ASSIGN:
            return self._takes_apart(statement, state) or self._is_named(statement)
        return (
            self._is_nothing(statement) or self._is_logging(statement) or self._takes_out(statement)
        )

    def _gives_value(self, index: int, state: State, given: list[int]) -> bool:
        operation = self.operations[index]
        if operation[0] == f.CONSTANT:
            return operation[5] is None
        if operation[0] == f.CONDITIONAL:
            either = operation[6:8]
            return self._is_pure(operation[5]) and all(
                self._gives_value(part, state, given) for part in either
            )
        given.append(index)
        return self._is_pure(index) and self._is_lookup(index, state)

    def _is_named(self, statement: f.Statement) -> bool:
        """Does a variable get what has nothing to do with a cache, a key perhaps?"""
        plain = None not in names_of(statement[7]) and self._is_pure(statement[8])
        return plain and self.mentions.keys().isdisjoint(self.layout.subtree(statement[8]))

    def _takes_apart(self, statement: f.Statement, state: State) -> bool:
        """``stamp, value = entry``: more names of what was found."""
        value = statement[8]
        names = list(names_of(statement[7]))
        if None in names or not (self._is_pure(value) and self._is_lookup(value, state)):
            return False
        state.found.update(filter(None, names))
        return True

    def _is_error(self, index: int) -> bool:
        operation = self.operations[index]
        given = operation[6] if operation[0] == f.CALL else ()
        return operation[0] in (f.NAME, f.CALL) and all(map(self._is_pure, given))

    def _takes_out(self, statement: f.Statement) -> bool:
        """Does a statement take something out of a cache that was found in it?"""
        if statement[0] == f.DELETE:
            return all(self._slot_of_target(target) for target in statement[7])
        return statement[0] == f.EXPRESSION and self._clears(statement, True)

    def _is_tried(self, statement: f.Statement, state: State) -> bool:
        """``try: return cache[key]``, and what is done about a KeyError."""
        body, handlers, orelse, final = statement[7:11]
        if len(handlers) != 1 or orelse or final or handlers[0][1] or handlers[0][0] < 0:
            return False
        error = self.operations[handlers[0][0]]
        *taken, last = body
        looked = last[0] in (f.RETURN, f.ASSIGN) and self._looks(last, state.copy(), [])
        return (
            error[0] == f.NAME and error[5] in ("KeyError", "LookupError")
            and not taken and looked
            and not any(s[0] == f.RAISE and s[7] < 0 for s in statements_of(handlers[0][2]))
        )  # fmt: skip

    def _is_logging(self, statement: f.Statement) -> bool:
        operation = self.operations[statement[7]] if statement[0] == f.EXPRESSION else (-1,)
        if operation[0] != f.CALL:
            return False
        callee = self.operations[operation[5]]
        name = callee[6] if callee[0] == f.ATTRIBUTE else callee[5] if callee[0] == f.NAME else ""
        return name in LOGGING and all(map(self._is_pure, operation[6]))

    def _clears(self, statement: f.Statement, guarded: bool = False) -> bool:
        """Does a statement clear a cache, fill it, or call what clears one?"""
        value = statement[7]
        operation = self.operations[value]
        if operation[0] != f.CALL:
            return False
        arguments = [*operation[6], *(i for _, i in operation[7])]
        if value in self.calls:
            if all(map(self._is_pure, arguments)):
                self.reading.used |= self.calls[value]
                if self.called[value] in self.helpers.filling:
                    given = [i if i >= 0 else ~i for i in arguments]
                    self.reading.filled.append((self.called[value], given))
                return True
            raise self._unknown(statement[1], *self.calls[value])
        cache = self._method(operation, CLEARING | FILLING | MOVING | TAKING_OUT)
        if cache is None or not all(map(self._is_pure, arguments)):
            return False
        if self._method(operation, TAKING_OUT) and not guarded and len(arguments) < 2:
            return False  # it raises where there is nothing
        if self._method(operation, FILLING):
            self.reading.stored += [(cache, i if i >= 0 else ~i) for i in arguments]
        self.reading.used.add(cache)
        return True


def names_of(targets: tuple[Any, ...]) -> Iterator[str | None]:
    """The names that are assigned; None for anything else."""
    for target in targets:
        if target[0] == f.TO_SEQUENCE:
            yield from names_of(target[1])
        else:
            yield target[1] if target[0] == f.TO_NAME else None
