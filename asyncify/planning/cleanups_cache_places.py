"""Where a function speaks of caches: their names, what clears them, what is kept under a key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from asyncify import facts as f
from asyncify.analysis.layout import Layout, operands
from asyncify.analysis.program import Function, Module, Program, Variable, dotted
from asyncify.vocabulary.caches import LOCKS, LOOKING_UP, PURE_FUNCTIONS, PURE_METHODS

Slot = tuple[Any, ...]  # what is stored under one key, or in a variable as a whole
_ALWAYS = frozenset({f.NAME, f.CONSTANT, f.ATTRIBUTE, f.SUBSCRIPT, f.SEQUENCE, f.DICT, f.BOOLEAN,
                     f.CONDITIONAL, f.OPERATOR, f.FORMAT, f.SLICE})  # fmt: skip


class NotACache(Exception):
    """A use that isn't one of a cache."""

    def __init__(self, variables: frozenset[Variable], function: Function, line: int) -> None:
        super().__init__(line)
        self.variables = variables
        self.function = function
        self.line = line


@dataclass(slots=True)
class Helpers:
    """Functions that do nothing but use caches, and go with them: ``clearing`` leave nothing when
    the caches are gone, ``filling`` are those of them that store what they are given, ``looking``
    give what a cache holds."""

    clearing: dict[Function, frozenset[Variable]] = field(default_factory=dict)
    filling: set[Function] = field(default_factory=set)
    looking: dict[Function, Variable] = field(default_factory=dict)

    @property
    def all(self) -> dict[Function, frozenset[Variable]]:
        """Each with its caches."""
        return {**self.clearing, **{fn: frozenset({c}) for fn, c in self.looking.items()}}


@dataclass(slots=True)
class State:
    """What is known at one place: variables that hold what was looked up, and what became of
    what was stored."""

    found: set[str] = field(default_factory=set)
    slots: dict[Slot, str] = field(default_factory=dict)

    def copy(self) -> State:
        return State(set(self.found), dict(self.slots))

    def assign(self, name: str) -> None:
        """A variable gets a new value: keys that are made of it mean something else."""
        self.found.discard(name)
        self.slots = {
            slot: local for slot, local in self.slots.items()
            if name != local and ("name", name) not in slot
        }  # fmt: skip


class Edit(NamedTuple):
    """One part of a cache that goes: of a statement, or of the expression ``operation``."""

    part: str
    statement: f.Statement | None
    name: str = ""
    operation: int = -1


@dataclass(slots=True)
class Reading:
    """What a function does with caches. ``stored`` are pairs of a cache and the operation that is
    stored, ``filled`` of caches and what a function is given that stores it, ``asked`` the caches
    in which it looks for something, ``called`` the functions that do nothing but use caches,
    ``is_empty`` tells that nothing else is left of the function."""

    edits: list[Edit] = field(default_factory=list)
    stored: list[tuple[Variable, int]] = field(default_factory=list)
    filled: list[tuple[Function, list[int]]] = field(default_factory=list)
    used: set[Variable] = field(default_factory=set)
    asked: set[Variable] = field(default_factory=set)
    called: set[Function] = field(default_factory=set)
    is_empty: bool = False


class Places:
    """The places of one function."""

    def __init__(
        self,
        program: Program,
        function: Function,
        caches: frozenset[Variable],
        helpers: Helpers,
        layout: Layout,
    ) -> None:
        self.program = program
        self.function = function
        mentioned = function.facts.names | function.facts.bound
        self.caches = frozenset(cache for cache in caches if cache.name in mentioned)
        self.helpers = helpers
        self.layout = layout
        self.operations = function.body.operations
        self.reading = Reading()
        self.names = {cache.name for cache in self.caches}
        self.mentions = {
            index: cache
            for index, operation in enumerate(self.operations)
            if operation and (cache := self._cache_at(index, operation)) is not None
        }
        self.called = self._called() if helpers.clearing or helpers.looking else {}
        self.reading.called.update(self.called.values())
        self.caches |= {c for function in self.reading.called for c in helpers.all[function]}
        self.calls = {
            index: helpers.clearing[function]
            for index, function in self.called.items() if function in helpers.clearing
        }  # fmt: skip
        self.mentions |= {
            index: helpers.looking[function]
            for index, function in self.called.items() if function in helpers.looking
        }  # fmt: skip
        self.given = self._given() if helpers.clearing or helpers.looking else {}

    def _called(self) -> dict[int, Function]:
        """The calls of functions that only use caches."""
        found = {}
        for index, operation in enumerate(self.operations):
            callee = self.operations[operation[5]] if operation and operation[0] == f.CALL else ()
            if callee and callee[0] in (f.NAME, f.ATTRIBUTE):
                meant = self.program.resolve_expression(
                    self.function, self.operations, operation[5]
                )
                if isinstance(meant, Function) and meant in self.helpers.all:
                    found[index] = meant
        return found

    def _given(self) -> dict[int, frozenset[Variable]]:
        """Where functions that only use caches are named without being called."""
        helpers = self.helpers.all
        names = {function.name for function in helpers}
        called = {self.operations[index][5] for index in self.called}
        found = {}
        for index, operation in enumerate(self.operations):
            if not operation or operation[0] not in (f.NAME, f.ATTRIBUTE) or index in called:
                continue
            if operation[5 if operation[0] == f.NAME else 6] in names:
                meant = self.program.resolve_expression(self.function, self.operations, index)
                if isinstance(meant, Function) and meant in helpers:
                    found[index] = helpers[meant]
        return found

    @property
    def concerned(self) -> bool:
        """Is there anything about a cache in the function?"""
        declared = self.names.intersection(self.function.facts.declared)
        assigned = self.names & self.function.facts.stores
        return bool(self.mentions or self.calls or self.given or declared or assigned)

    # -- names

    def _cache_at(self, index: int, operation: f.Operation) -> Variable | None:
        if operation[0] == f.NAME and operation[5] in self.names:
            found = self.meaning(operation[5])
        elif operation[0] == f.ATTRIBUTE and operation[6] in self.names:
            owner = self.program.resolve_expression(self.function, self.operations, operation[5])
            found = self.program.member(owner, operation[6]) if isinstance(owner, Module) else None
        else:
            return None
        return found if isinstance(found, Variable) and found in self.caches else None

    def meaning(self, name: str) -> object:
        """What a name stands for in the function; a ``global`` one is the module's."""
        facts = self.function.facts
        if name in facts.bound and name in facts.declared:
            return self.program.resolve(self.function.module, name)
        return self.program.lookup(self.function, name)

    def _target(self, target: tuple[Any, ...]) -> Variable | None:
        """The cache that is assigned as a whole."""
        found: object = None
        if target[0] == f.TO_NAME and target[1] in self.function.facts.declared:
            found = self.meaning(target[1])
        elif target[0] == f.TO_ATTRIBUTE and target[2] in self.names:
            owner = self.program.resolve_expression(self.function, self.operations, target[1])
            found = self.program.member(owner, target[2]) if isinstance(owner, Module) else None
        return found if isinstance(found, Variable) and found in self.caches else None

    # -- what is kept

    def _slot_of_target(self, target: tuple[Any, ...]) -> tuple[Variable, Slot] | None:
        """The cache that is assigned, as a whole or under a key."""
        whole = self._target(target)
        if whole is not None:
            return whole, (whole,)
        if target[0] == f.TO_SUBSCRIPT and target[1] in self.mentions and target[2] >= 0:
            cache = self.mentions[target[1]]
            return cache, (cache, *self._shape(target[2]))
        return None

    def _slot(self, index: int) -> Slot | None:
        """What an expression looks up: ``cache``, ``cache[key]``, ``cache.get(key)``."""
        operation = self.operations[index]
        if index in self.called and index in self.mentions:
            return (self.mentions[index], *self._shape(index))
        if index in self.mentions:
            return (self.mentions[index],)
        if operation[0] == f.SUBSCRIPT and operation[5] in self.mentions:
            return (self.mentions[operation[5]], *self._shape(operation[6]))
        if operation[0] == f.CALL and not operation[7] and 0 < len(operation[6]) < 3:
            cache = self._method(operation, LOOKING_UP)
            if cache is not None:
                return (cache, *self._shape(operation[6][0]))
        return None

    def _method(self, operation: f.Operation, names: frozenset[str]) -> Variable | None:
        """The cache that one of these methods is called on."""
        callee = self.operations[operation[5]]
        if callee[0] == f.ATTRIBUTE and callee[6] in names:
            return self.mentions.get(callee[5])
        return None

    def _shape(self, index: int) -> tuple[Any, ...]:
        """An expression without its place: two of the same shape give the same."""
        operation = self.operations[index if index >= 0 else ~index]
        if operation[0] == f.NAME:
            return (("name", operation[5]),)
        parts = tuple(part for o in operands(operation) for part in self._shape(o))
        return ((operation[0], self._own(index, operation)), *parts)

    def _own(self, index: int, operation: f.Operation) -> object:
        """What tells two operations of a kind apart, their operands left aside."""
        if operation[0] == f.CONSTANT:
            return index if operation[5] is ... else (type(operation[5]).__name__, operation[5])
        return {f.ATTRIBUTE: operation[6:], f.OPERATOR: operation[5:6]}.get(operation[0], ())

    # -- expressions

    def _is_pure(self, index: int) -> bool:
        """Does an expression do nothing but look?"""
        index = index if index >= 0 else ~index
        operation = self.operations[index]
        if operation[0] == f.CALL:
            callee = self.operations[operation[5]]
            if index in self.mentions:
                allowed = True
            elif callee[0] == f.NAME:
                allowed = callee[5] in PURE_FUNCTIONS
            else:
                allowed = callee[0] == f.ATTRIBUTE and callee[6] in PURE_METHODS
            if not allowed:
                return False
        elif operation[0] == f.WALRUS:
            return self._slot(operation[6]) is not None and self._is_pure(operation[6])
        elif operation[0] not in _ALWAYS:
            return False
        return all(map(self._is_pure, operands(operation)))

    def _is_nothing(self, statement: f.Statement) -> bool:
        """A docstring, ``pass``, a bare ``return`` at the end."""
        if statement[0] == f.EXPRESSION:
            return bool(self.operations[statement[7]][0] == f.CONSTANT)
        if statement[0] == f.RETURN:
            value = statement[7]
            return value < 0 or self.operations[value][5:] == (None,)
        return statement[0] == f.FLOW and bool(statement[7] == "pass")

    def _holds_locks(self, statement: f.Statement) -> bool:
        """Does a ``with`` hold nothing but locks of the program's modules?"""
        return all(name is None and self._is_lock(value) for value, name in statement[7])

    def _is_lock(self, index: int) -> bool:
        found = self.program.resolve_expression(self.function, self.operations, index)
        if not isinstance(found, Variable):
            return False
        body = found.module.functions[0].body
        made = (
            body.operations[s[8]] for s in body.statements
            if s[0] == f.ASSIGN and any(t[:2] == (f.TO_NAME, found.name) for t in s[7])
        )  # fmt: skip
        return any(
            o[0] == f.CALL and dotted(body.operations, o[5]).rpartition(".")[2] in LOCKS
            for o in made
        )

    def _concerns(self, index: int, state: State) -> bool:
        """Is an expression about a cache, or about what was looked up in one?"""
        return any(
            i in self.mentions
            or (self.operations[i][0] == f.NAME and self.operations[i][5] in state.found)
            for i in self.layout.subtree(index)
        )

    def _unknown(self, line: int, *caches: Variable) -> NotACache:
        return NotACache(frozenset(caches), self.function, line)
