"""What one function does with a cache: looked up, stored, cleared, or something that isn't known.

The statements are read in order. A lookup that returns goes; what is done only where nothing was
found is done always; a store goes, or becomes a variable where its value is read again. Whatever
isn't one of these is no use as a cache, and the reader says so.
"""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis.layout import Layout, operands
from asyncify.analysis.program import Function, Program, Variable
from asyncify.analysis.statements import blocks_of, statements_of
from asyncify.planning.cleanups_cache_hits import Hits, names_of
from asyncify.planning.cleanups_cache_places import (
    Edit,
    Helpers,
    NotACache,
    Reading,
    Slot,
    State,
)
from asyncify.vocabulary.caches import MUTATING, PURE_FUNCTIONS


class Reader(Hits):
    """Reads one function."""

    def __init__(
        self,
        program: Program,
        function: Function,
        caches: frozenset[Variable],
        helpers: Helpers,
        layout: Layout,
    ) -> None:
        super().__init__(program, function, caches, helpers, layout)
        self.unnamed: dict[Slot, int] = {}  # the edits of stores that nothing has read so far
        self.holding: dict[str, tuple[Variable, int]] = {}  # variables, from a line on

    def read(self) -> Reading:
        """All that is done with the caches. Raises NotACache."""
        statements = self.function.body.statements
        for index, cleared in self.given.items():
            raise self._unknown(self.operations[index][1], *cleared)
        if self.function.facts.kind != "def":
            raise self._unknown(self.function.facts.line, *self.caches)
        self.reading.is_empty = self._block(statements, State())
        if self.holding:
            self._look_for_changes()
        return self.reading

    def _look_for_changes(self) -> None:
        """What a cache holds is changed by whoever got it: others see that."""
        for operation in self.operations:
            if operation and operation[0] == f.CALL:
                callee = self.operations[operation[5]]
                if callee[0] == f.ATTRIBUTE and callee[6] in MUTATING:
                    self._changes(callee[5], operation[1])
        for statement in self.layout.statements:
            targets = statement[7] if statement[0] in (f.ASSIGN, f.DELETE) else ()
            for target in (statement[7],) if statement[0] == f.AUGMENTED else targets:
                if target[0] == f.TO_SUBSCRIPT:
                    self._changes(target[1], statement[1])

    def _changes(self, owner: int, line: int) -> None:
        operation = self.operations[owner]
        name = operation[5] if operation[0] == f.NAME else ""
        if name in self.holding and line > self.holding[name][1]:
            raise self._unknown(line, self.holding[name][0])

    # -- statements

    def _block(self, block: tuple[f.Statement, ...], state: State) -> bool:
        """Reads a block; whether nothing of it is left."""
        gone = [self._statement(statement, state) for statement in block]
        kept = [
            statement for statement, went in zip(block, gone, strict=True)
            if not went and not self._is_nothing(statement)
        ]  # fmt: skip
        return bool(block) and any(gone) and not kept

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
        if kind == f.TRY and self._is_tried(statement, state):
            return self._tried(statement, state)
        if kind == f.DELETE and any(self._slot_of_target(t) for t in statement[7]):
            raise self._unknown(statement[1], *self.caches)
        if kind == f.FOR and self._clears_each(statement, state):
            return self._remove(statement)
        if kind == f.WHILE and self._is_shrinking(statement, state):
            self._use(statement[7])
            return self._remove(statement)
        self._header(statement, state)
        before = len(self.reading.edits)
        gone = self._inside(statement, state) and self._holds_locks(statement)
        return self._goes(statement, before, gone, state)

    def _clears_each(self, statement: f.Statement, state: State) -> bool:
        """Does a loop over a cache do nothing but take things out of it?"""
        every, body, orelse = statement[8:11]
        looked = self._is_pure(every) and self._concerns(every, state)
        plain = None not in names_of((statement[7],)) and not orelse
        if not (looked or self._goes_through(every, state)) or not plain:
            return False
        if not self._only_clears(body, state):
            return False
        self._use(every)
        return True

    def _is_shrinking(self, statement: f.Statement, state: State) -> bool:
        """Does a loop go on taking things out of a cache while that is too large?"""
        test, body, orelse = statement[7:10]
        concerned = self._is_pure(test) and self._concerns(test, state) and not orelse
        return concerned and self._only_clears(body, state)

    def _goes(self, statement: f.Statement, before: int, gone: bool, state: State) -> bool:
        """A statement goes of which nothing is left, unless something that was stored in it is read
        later: that gets a variable."""
        stored = [
            slot for slot, number in self.unnamed.items()
            if gone and number >= before and self._is_read_after(statement, slot[0])
        ]  # fmt: skip
        if gone and not stored:
            self._forget(before)
            return self._remove(statement)
        for slot in stored:
            self._name(slot, slot[0], state)
        return False

    def _is_read_after(self, statement: f.Statement, cache: Variable) -> bool:
        end = max(s[5] for s in statements_of((statement,)))
        return any(i >= end and found is cache for i, found in self.mentions.items())

    def _unwrap(self, statement: f.Statement, part: str) -> bool:
        self.reading.edits.append(Edit(part, statement))
        return False

    def _forget(self, before: int) -> None:
        """What was done to statements doesn't matter: one goes in which they stand."""
        del self.reading.edits[before:]
        self.unnamed = {slot: n for slot, n in self.unnamed.items() if n < before}

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
        looked = self._slot(value) is not None and self._slot(value) not in state.slots
        if single and (looked or self._goes_through(value, state)):
            self._ask(value)
            state.assign(names[0])
            state.found.add(names[0])
            return self._remove(statement)
        self._header(statement, state)
        for name in names:
            state.assign(name)
        kept = self._slot(value)
        if kept is not None:
            self.holding.update((name, (kept[0], statement[1])) for name in names)
        return False

    def _goes_through(self, index: int, state: State) -> bool:
        """Is it a list of keys of a cache, to take out some of them?"""
        operation = self.operations[index]
        plain = operation[0] == f.COMPREHENSION and all(map(self._is_pure, operands(operation)))
        return plain and self._concerns(index, state)

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
            self.holding[operation[5]] = cache, statement[1]
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
        """None, no number, no items, or the time."""
        operation = self.operations[index]
        if operation[0] == f.CONSTANT:
            return not operation[5] or operation[5] is ...
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

    # -- conditionals

    def _if(self, statement: f.Statement, state: State) -> bool:
        test, body, orelse = statement[7], statement[8], statement[9]
        concerned = self._concerns(test, state)
        state.found.update(self._named_lookups(test))
        if concerned and self._is_hit(test, body, state) and not _is_chained(statement):
            return self._hit(statement, state)
        missed = concerned and not statement[6] and self._is_miss(test, state)
        if missed and (not orelse or self._is_hit(test, orelse, state)):
            return self._miss(statement, state)
        plain = not orelse and not statement[6] and self._is_pure(test)
        if plain and self._only_clears(body, state):
            self._use(test)
            return self._remove(statement)
        self._header(statement, state)
        before = len(self.reading.edits)
        gone = self._inside(statement, state) and self._is_pure(test)
        return gone if statement[6] else self._goes(statement, before, gone, state)

    def _hit(self, statement: f.Statement, state: State) -> bool:
        """What is done where something was found goes, and what else is done is done always."""
        for inner in (statement[7], *self._values(statement[8])):
            self._ask(inner)
        before = len(self.reading.edits)
        gone = not statement[9] or self._block(statement[9], state)
        return self._goes(statement, before, gone, state) or self._unwrap(statement, "otherwise")

    def _miss(self, statement: f.Statement, state: State) -> bool:
        """What is done where nothing was found is done always."""
        self._ask(statement[7])
        before = len(self.reading.edits)
        gone = self._block(statement[8], state)
        return self._goes(statement, before, gone, state) or self._unwrap(statement, "lookup")

    def _only_clears(self, body: tuple[f.Statement, ...], state: State) -> bool:
        """Is a block about nothing but caches? Taking out what a condition found is clearing."""
        before, stored = len(self.reading.edits), len(self.reading.stored)
        try:
            gone = all(self._only_clears_by(s, state) for s in body)
        except NotACache:
            gone = False
        self._forget(before)
        if not gone:
            del self.reading.stored[stored:]
        return gone

    def _only_clears_by(self, statement: f.Statement, state: State) -> bool:
        if statement[0] == f.IF and not statement[9] and self._is_pure(statement[7]):
            return all(self._only_clears_by(inner, state) for inner in statement[8])
        return self._takes_out(statement) or self._is_cache_statement(statement, state)

    def _is_cache_statement(self, statement: f.Statement, state: State) -> bool:
        if statement[0] != f.ASSIGN or not any(map(self._slot_of_target, statement[7])):
            return False
        return self._assign(statement, state.copy())

    def _tried(self, statement: f.Statement, state: State) -> bool:
        """What was done where the cache raised is done always."""
        before = len(self.reading.edits)
        for inner in self._values(statement[7]):
            self._ask(inner)
        handler = statement[8][0][2]
        gone = self._block(handler, state) or self._passes(handler)
        return self._goes(statement, before, gone, state) or self._unwrap(statement, "lookup")

    def _passes(self, block: tuple[f.Statement, ...]) -> bool:
        return all(s[0] == f.FLOW and s[7] == "pass" for s in block)

    # -- everything else

    def _inside(self, statement: f.Statement, state: State) -> bool:
        """The blocks of a statement that stays; whether nothing of a ``with`` is left, or of an
        ``if``."""
        if statement[0] == f.WITH:
            return self._block(statement[8], state)
        gone = [self._block(block, state.copy()) for block in blocks_of(statement) if block]
        return statement[0] == f.IF and all(gone)

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
        if index in self.called:
            raise self._unknown(statement[1], self.mentions[index])
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
        if slot not in self.unnamed:
            raise self._unknown(self.function.facts.line, cache)
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

    def _values(self, block: tuple[f.Statement, ...]) -> list[int]:
        """What is assigned and returned in a block."""
        found = [s[8 if s[0] == f.ASSIGN else 7] for s in block if s[0] in (f.ASSIGN, f.RETURN)]
        return [index for index in found if index >= 0]

    def _ask(self, index: int) -> None:
        """Something is looked for in the caches of an expression."""
        self._use(index)
        self.reading.asked |= {
            self.mentions[i] for i in self.layout.subtree(index) if i in self.mentions
        }

    def _use(self, index: int) -> None:
        self.reading.used |= {
            self.mentions[i] for i in self.layout.subtree(index) if i in self.mentions
        }


def _is_chained(statement: f.Statement) -> bool:
    """Is it a part of a chain, or the start of one, in which more is asked?"""
    orelse = statement[9]
    return bool(statement[6] or (orelse and orelse[0][0] == f.IF and orelse[0][6]))
