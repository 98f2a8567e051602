"""What one function does with a cache: looked up, stored, cleared, or something that isn't known.

The statements are read in order. A lookup that returns goes; what is done only where nothing was
found is done always; a store goes, or becomes a variable where its value is read again. Whatever
isn't one of these is no use as a cache, and the reader says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from asyncify import facts as f
from asyncify.analysis.layout import Layout, operands
from asyncify.analysis.program import Function, Module, Program, Variable, blocks_of
from asyncify.vocabulary.caches import (
    CLEARING,
    FILLING,
    LOGGING,
    LOOKING_UP,
    PURE_FUNCTIONS,
    PURE_METHODS,
    TAKING_OUT,
)

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


class Edit(NamedTuple):
    """One part of a cache that goes: of a statement, or of the expression ``operation``."""

    part: str
    statement: f.Statement | None
    name: str = ""
    operation: int = -1


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


@dataclass(slots=True)
class Reading:
    """What a function does with caches. ``stored`` are pairs of a cache and the operation that is
    stored, ``is_empty`` tells that nothing else is left of the function."""

    edits: list[Edit] = field(default_factory=list)
    stored: list[tuple[Variable, int]] = field(default_factory=list)
    used: set[Variable] = field(default_factory=set)
    is_empty: bool = False


class Reader:
    """Reads one function."""

    def __init__(
        self,
        program: Program,
        function: Function,
        caches: frozenset[Variable],
        clearing: Mapping[Function, frozenset[Variable]],
        layout: Layout,
    ) -> None:
        self.program = program
        self.function = function
        mentioned = function.facts.names | function.facts.bound
        self.caches = frozenset(cache for cache in caches if cache.name in mentioned)
        self.clearing = clearing
        self.layout = layout
        self.operations = function.body.operations
        self.reading = Reading()
        self.unnamed: dict[Slot, int] = {}  # the edits of stores that nothing has read so far
        self.names = {cache.name for cache in self.caches}
        self.mentions = {
            index: cache
            for index, operation in enumerate(self.operations)
            if operation and (cache := self._cache_at(index, operation)) is not None
        }
        self.calls = {
            index: cleared
            for index, operation in enumerate(self.operations)
            if operation and operation[0] == f.CALL
            and (cleared := self._cleared_by(operation)) is not None
        }  # fmt: skip

        self.given = self._given()

    def _given(self) -> dict[int, frozenset[Variable]]:
        """Where functions that clear are named without being called."""
        names = {function.name for function in self.clearing}
        called = {self.operations[index][5] for index in self.calls}
        found = {}
        for index, operation in enumerate(self.operations):
            if not operation or operation[0] not in (f.NAME, f.ATTRIBUTE) or index in called:
                continue
            if operation[5 if operation[0] == f.NAME else 6] in names:
                meant = self.program.resolve_expression(self.function, self.operations, index)
                if isinstance(meant, Function) and meant in self.clearing:
                    found[index] = self.clearing[meant]
        return found

    @property
    def concerned(self) -> bool:
        """Is there anything about a cache in the function?"""
        declared = self.names.intersection(self.function.facts.declared)
        assigned = self.names & self.function.facts.stores
        return bool(self.mentions or self.calls or self.given or declared or assigned)

    def read(self) -> Reading:
        """All that is done with the caches. Raises NotACache."""
        statements = self.function.body.statements
        for index, cleared in self.given.items():
            raise self._unknown(self.operations[index][1], *cleared)
        if self.function.facts.kind != "def":
            raise self._unknown(self.function.facts.line, *self.caches)
        self.reading.is_empty = self._block(statements, State())
        return self.reading

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

    def _cleared_by(self, operation: f.Operation) -> frozenset[Variable] | None:
        callee = self.operations[operation[5]]
        if not self.clearing or callee[0] not in (f.NAME, f.ATTRIBUTE):
            return None
        found = self.program.resolve_expression(self.function, self.operations, operation[5])
        return self.clearing.get(found) if isinstance(found, Function) else None

    def _target(self, target: tuple[Any, ...]) -> Variable | None:
        """The cache that is assigned as a whole."""
        found: object = None
        if target[0] == f.TO_NAME and target[1] in self.function.facts.declared:
            found = self.meaning(target[1])
        elif target[0] == f.TO_ATTRIBUTE and target[2] in self.names:
            owner = self.program.resolve_expression(self.function, self.operations, target[1])
            found = self.program.member(owner, target[2]) if isinstance(owner, Module) else None
        return found if isinstance(found, Variable) and found in self.caches else None

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
            if callee[0] == f.NAME:
                allowed = callee[5] in PURE_FUNCTIONS
            else:
                allowed = callee[0] == f.ATTRIBUTE and callee[6] in PURE_METHODS
            if not allowed:
                return False
        elif operation[0] not in _ALWAYS:
            return False
        return all(map(self._is_pure, operands(operation)))

    def _concerns(self, index: int, state: State) -> bool:
        """Is an expression about a cache, or about what was looked up in one?"""
        return any(
            i in self.mentions
            or (self.operations[i][0] == f.NAME and self.operations[i][5] in state.found)
            for i in self.layout.subtree(index)
        )

    def _is_lookup(self, index: int, state: State) -> bool:
        """Does an expression give what a cache holds, or a part or a copy of that?"""
        operation = self.operations[index]
        if self._slot(index) is not None:
            return True
        if operation[0] == f.NAME:
            return operation[5] in state.found
        if operation[0] in (f.SUBSCRIPT, f.ATTRIBUTE):
            return self._is_lookup(operation[5], state)
        if operation[0] == f.CALL:
            callee = self.operations[operation[5]]
            if callee[0] == f.ATTRIBUTE and not operation[6]:
                return self._is_lookup(callee[5], state)
            given = operation[6]
            return len(given) == 1 and given[0] >= 0 and self._is_lookup(given[0], state)
        if operation[0] == f.SEQUENCE and operation[5] == "tuple":
            return all(i >= 0 and self._is_lookup(i, state) for i in operation[6])
        return False

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

    # -- statements

    def _block(self, block: tuple[f.Statement, ...], state: State) -> bool:
        """Reads a block; whether nothing of it is left."""
        gone = [self._statement(statement, state) for statement in block]
        kept = [
            statement for statement, went in zip(block, gone, strict=True)
            if not went and not self._is_nothing(statement)
        ]  # fmt: skip
        return bool(block) and any(gone) and not kept

    def _is_nothing(self, statement: f.Statement) -> bool:
        """A docstring, ``pass``, a bare ``return`` at the end."""
        if statement[0] == f.EXPRESSION:
            return bool(self.operations[statement[7]][0] == f.CONSTANT)
        if statement[0] == f.RETURN:
            value = statement[7]
            return value < 0 or self.operations[value][5:] == (None,)
        return statement[0] == f.FLOW and bool(statement[7] == "pass")

    def _statement(self, statement: f.Statement, state: State) -> bool:
        """Reads a statement; whether it goes."""
        kind = statement[0]
        if kind == f.GLOBAL:
            return self._global(statement)
        if kind == f.ASSIGN:
            return self._assign(statement, state)
        if kind == f.EXPRESSION and self._clears(statement):
            return self._remove(statement)
        if kind == f.IF:
            return self._if(statement, state)
        if kind == f.DELETE and any(self._slot_of_target(t) for t in statement[7]):
            raise self._unknown(statement[1], *self.caches)
        self._header(statement, state)
        self._inside(statement, state)
        return False

    def _remove(self, statement: f.Statement) -> bool:
        self.reading.edits.append(Edit("statement", statement))
        return True

    def _global(self, statement: f.Statement) -> bool:
        meant = {name: self.meaning(name) for name in statement[7]}
        gone = [name for name, found in meant.items() if found in self.caches]
        for name in gone:
            self.reading.edits.append(Edit("global", None, name))
        return len(gone) == len(meant)

    def _assign(self, statement: f.Statement, state: State) -> bool:
        targets, value = statement[7], statement[8]
        stored = [slot for target in targets if (slot := self._slot_of_target(target))]
        if stored:
            if len(targets) > 1:
                raise self._unknown(statement[1], *(cache for cache, _ in stored))
            return self._store(statement, *stored[0], state)
        names = [target[1] for target in targets if target[0] == f.TO_NAME]
        single = len(targets) == 1 and bool(names)
        if single and self._slot(value) is not None and self._slot(value) not in state.slots:
            self._use(value)
            state.assign(names[0])
            state.found.add(names[0])
            return self._remove(statement)
        self._header(statement, state)
        for name in names:
            state.assign(name)
        return False

    def _store(self, statement: f.Statement, cache: Variable, slot: Slot, state: State) -> bool:
        value = statement[8]
        operation = self.operations[value]
        self.reading.used.add(cache)
        for key in self.layout.subtree(value):
            if key in self.mentions:
                raise self._unknown(statement[1], cache)
        if self._is_empty_value(value):
            state.slots.pop(slot, None)
            return self._remove(statement)
        self.reading.stored.append((cache, value))
        if operation[0] == f.NAME:
            state.slots[slot] = operation[5]
            return self._remove(statement)
        if self._is_pure(value):
            state.slots[slot] = ""
            self.unnamed[slot] = len(self.reading.edits)
            return self._remove(statement)
        name = self._fresh(cache, slot)
        state.slots[slot] = name
        self.reading.edits.append(Edit("store", statement, name))
        return False

    def _is_empty_value(self, index: int) -> bool:
        operation = self.operations[index]
        if operation[0] == f.CONSTANT:
            return True
        if operation[0] == f.SEQUENCE:
            return not operation[6]
        if operation[0] == f.DICT:
            return not operation[6]
        callee = self.operations[operation[5]] if operation[0] == f.CALL else (-1,)
        return callee[0] == f.NAME and not operation[6] and callee[5] in PURE_FUNCTIONS

    def _fresh(self, cache: Variable, slot: Slot) -> str:
        """A name for what was stored: ``_jobs_cache`` holds ``jobs``."""
        words = [w for w in cache.name.lower().split("_") if w and not w.startswith("cache")]
        taken = self.function.facts.names | self.function.facts.bound
        for name in (*(["_".join(words)] if words and len(slot) == 1 else []), "loaded"):
            if name not in taken and name.isidentifier():
                return name
        raise self._unknown(self.function.facts.line, cache)

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
                return True
            raise self._unknown(statement[1], *self.calls[value])
        cache = self._method(operation, CLEARING | FILLING | TAKING_OUT)
        if cache is None or not all(map(self._is_pure, arguments)):
            return False
        if self._method(operation, TAKING_OUT) and not guarded and len(arguments) < 2:
            return False  # it raises where there is nothing
        if self._method(operation, FILLING):
            self.reading.stored += [(cache, i if i >= 0 else ~i) for i in arguments]
        self.reading.used.add(cache)
        return True

    # -- conditionals

    def _if(self, statement: f.Statement, state: State) -> bool:
        test, body, orelse = statement[7], statement[8], statement[9]
        concerned = self._concerns(test, state)
        if concerned and not orelse and self._is_hit(test, body, state):
            self._use(test)
            return self._remove(statement)
        if not orelse and not statement[6] and self._is_pure(test):
            if concerned and self._is_miss(test, state):
                return self._miss(statement, state)
            if self._only_clears(body, state):
                self._use(test)
                return self._remove(statement)
        self._header(statement, state)
        self._inside(statement, state)
        return False

    def _is_hit(self, test: int, body: tuple[f.Statement, ...], state: State) -> bool:
        """``if found: return found``, with something written into a log at most."""
        *before, last = body
        return (
            self._is_pure(test)
            and last[0] == f.RETURN
            and last[7] >= 0
            and self._is_pure(last[7])
            and self._is_lookup(last[7], state)
            and all(map(self._is_logging, before))
        )

    def _is_logging(self, statement: f.Statement) -> bool:
        operation = self.operations[statement[7]] if statement[0] == f.EXPRESSION else (-1,)
        if operation[0] != f.CALL:
            return False
        callee = self.operations[operation[5]]
        name = callee[6] if callee[0] == f.ATTRIBUTE else callee[5] if callee[0] == f.NAME else ""
        return name in LOGGING and all(map(self._is_pure, operation[6]))

    def _miss(self, statement: f.Statement, state: State) -> bool:
        """What is done where nothing was found is done always."""
        self._use(statement[7])
        before = len(self.reading.edits)
        if self._block(statement[8], state):
            del self.reading.edits[before:]
            return self._remove(statement)
        self.reading.edits.append(Edit("lookup", statement))
        return False

    def _only_clears(self, body: tuple[f.Statement, ...], state: State) -> bool:
        """Is a block about nothing but caches? Taking out what a condition found is clearing."""
        before, stored = len(self.reading.edits), len(self.reading.stored)
        try:
            gone = all(self._takes_out(s) or self._is_cache_statement(s, state) for s in body)
        except NotACache:
            gone = False
        del self.reading.edits[before:]
        if not gone:
            del self.reading.stored[stored:]
        return gone

    def _takes_out(self, statement: f.Statement) -> bool:
        if statement[0] == f.DELETE:
            return all(self._slot_of_target(target) for target in statement[7])
        return statement[0] == f.EXPRESSION and self._clears(statement, True)

    def _is_cache_statement(self, statement: f.Statement, state: State) -> bool:
        if statement[0] != f.ASSIGN or not any(map(self._slot_of_target, statement[7])):
            return False
        return self._assign(statement, state.copy())

    # -- everything else

    def _inside(self, statement: f.Statement, state: State) -> None:
        """The blocks of a statement that stays."""
        if statement[0] == f.WITH:
            self._block(statement[8], state)
            return
        for block in blocks_of(statement):
            self._block(block, state.copy())

    def _header(self, statement: f.Statement, state: State) -> None:
        """The expressions of a statement that stays: what was stored before is read from its
        variable."""
        for index in range(statement[4], statement[5]):
            operation = self.operations[index]
            if operation and operation[0] == f.NAME and operation[5] in state.found:
                raise self._unknown(statement[1], *self.caches)
            if index in self.calls:
                raise self._unknown(statement[1], *self.calls[index])
            if index in self.mentions:
                self._read(index, statement, state)
        if statement[0] == f.MATCH and any(
            statement[4] <= i for i in self.mentions if i >= statement[4]
        ):
            raise self._unknown(statement[1], *self.caches)

    def _read(self, index: int, statement: f.Statement, state: State) -> None:
        whole = index
        for _ in range(2):  # the subscript around it, or the method and its call
            parent = self.layout.parent(whole)
            if parent >= 0 and (self._slot(parent) is not None or self._leads(parent, whole)):
                whole = parent
        cache, slot = self.mentions[index], self._slot(whole)
        if slot not in state.slots:
            whole, slot = index, (cache,)
        if slot not in state.slots:
            raise self._unknown(statement[1], cache)
        if not state.slots[slot]:
            self._name(slot, cache, state)
        self.reading.used.add(cache)
        self.reading.edits.append(Edit("read", None, state.slots[slot], whole))

    def _name(self, slot: Slot, cache: Variable, state: State) -> None:
        """What was stored is read again: it gets a variable after all."""
        number = self.unnamed.pop(slot)
        edit = self.reading.edits[number]
        state.slots[slot] = self._fresh(cache, slot)
        self.reading.edits[number] = edit._replace(part="store", name=state.slots[slot])

    def _leads(self, parent: int, index: int) -> bool:
        """Is it the method of a lookup?"""
        operation = self.operations[parent]
        if operation[0] != f.ATTRIBUTE or operation[5] != index:
            return False
        call = self.layout.parent(parent)
        return call >= 0 and self._slot(call) is not None

    def _use(self, index: int) -> None:
        self.reading.used |= {
            self.mentions[i] for i in self.layout.subtree(index) if i in self.mentions
        }

    def _unknown(self, line: int, *caches: Variable) -> NotACache:
        return NotACache(frozenset(caches), self.function, line)
