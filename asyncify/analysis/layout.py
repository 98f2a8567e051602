"""Layout: where the operations of a body stand: in which statement, under which operation."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from asyncify import facts as f
from asyncify.analysis.program import Function, dotted
from asyncify.analysis.statements import blocks_of
from asyncify.vocabulary.types import COMPARING


def operands(operation: f.Operation) -> tuple[int, ...]:
    """The operations whose values an operation uses."""
    kind = operation[0]
    if kind == f.NAME or kind == f.CONSTANT:
        return ()
    if kind == f.CALL:
        positional = tuple([i if i >= 0 else ~i for i in operation[6]])
        return (operation[5], *positional, *[i for _, i in operation[7]])
    if kind in (f.ATTRIBUTE, f.AWAIT, f.YIELD_FROM):
        return (operation[5],)
    if kind == f.YIELD:
        return (operation[5],) if operation[5] >= 0 else ()
    if kind == f.SUBSCRIPT:
        return operation[5], operation[6]
    if kind == f.SEQUENCE:
        return tuple(i if i >= 0 else ~i for i in operation[6])
    if kind == f.DICT:
        return (*(i for i in operation[5] if i >= 0), *operation[6])
    if kind in (f.BOOLEAN, f.FORMAT):
        return tuple(operation[5])
    if kind == f.CONDITIONAL:
        return operation[5], operation[6], operation[7]
    if kind == f.OPERATOR:
        return tuple(operation[6])
    if kind == f.WALRUS:
        return (operation[6],)
    if kind == f.SLICE:
        return tuple(i for i in operation[5:8] if i >= 0)
    if kind == f.COMPREHENSION:
        conditions = tuple(c for g in operation[8] for c in g[5])
        return (*(g[1] for g in operation[8]), *operation[10], *conditions)
    return ()


class Layout:
    """The structure of one function's body."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.operations = function.body.operations
        self.statements: list[f.Statement] = []
        self.blocks: dict[int, tuple[f.Statement, ...]] = {}  # id of statement -> its block
        self.guarded: set[int] = set()  # ids of statements under `if __name__ == "__main__"`
        self._names: dict[int, frozenset[str]] = {}
        self._walk(function.body.statements, False)

    # Most functions are only asked for their statements.

    @cached_property
    def _statement(self) -> dict[int, f.Statement]:
        """The statement of every operation."""
        return {
            index: statement
            for statement in self.statements
            for index in range(statement[4], statement[5])
        }

    @cached_property
    def _parent(self) -> dict[int, int]:
        """The operation that uses the value of each."""
        found: dict[int, int] = {}
        for index, operation in enumerate(self.operations):
            kind = operation[0] if operation else f.NAME
            if kind == f.ATTRIBUTE:
                found[operation[5]] = index
            elif kind == f.CALL:
                found[operation[5]] = index
                for operand in operation[6]:
                    found[operand if operand >= 0 else ~operand] = index
                for _, operand in operation[7]:
                    found[operand] = index
            elif kind != f.NAME and kind != f.CONSTANT:
                for operand in operands(operation):
                    found[operand] = index
        return found

    def _walk(self, block: tuple[f.Statement, ...], guarded: bool) -> None:
        for statement in block:
            self.statements.append(statement)
            self.blocks[id(statement)] = block
            if guarded:
                self.guarded.add(id(statement))
            inner = guarded or self._is_main_guard(statement)
            for part in blocks_of(statement):
                self._walk(part, inner)

    def _is_main_guard(self, statement: f.Statement) -> bool:
        if statement[0] != f.IF:
            return False
        test = self.operations[statement[7]]
        if test[0] != f.OPERATOR or test[5] != "Eq":
            return False
        values = {
            self.operations[i][5] for i in test[6] if self.operations[i][0] in (f.NAME, f.CONSTANT)
        }
        return values == {"__name__", "__main__"}

    def statement(self, index: int) -> f.Statement | None:
        """The statement whose own expressions hold an operation."""
        return self._statement.get(index)

    def parent(self, index: int) -> int:
        """The operation that uses the value of another, or -1."""
        return self._parent.get(index, -1)

    def subtree(self, index: int) -> set[int]:
        """An operation and all below it."""
        out: set[int] = set()
        pending = [index]
        while pending:
            current = pending.pop()
            if current not in out:
                out.add(current)
                operation = self.operations[current]
                kind = operation[0]
                if kind == f.ATTRIBUTE:
                    pending.append(operation[5])
                elif kind != f.NAME and kind != f.CONSTANT:
                    if kind == f.COMPREHENSION:
                        out.update(range(current, operation[9]))
                    pending += operands(operation)
        return out

    def names_in(self, index: int) -> frozenset[str]:
        """The dotted names that occur in an expression."""
        found = self._names.get(index)
        if found is None:
            inside = (inner for inner in self.subtree(index) if self.operations[inner])
            names = (dotted(self.operations, inner) for inner in inside)
            found = self._names[index] = frozenset(names)
        return found

    @cached_property
    def certain_reads(self) -> dict[str, list[int]]:
        """Where an attribute of a dotted name is read, whichever way its statement goes."""
        out: dict[str, list[int]] = {}
        for index, operation in enumerate(self.operations):
            if (
                operation
                and operation[0] == f.ATTRIBUTE
                and not operation[4] & (f.MAYBE | f.REPEATED | f.GENERATOR)
            ):
                out.setdefault(dotted(self.operations, operation[5]), []).append(index)
        return out

    def holds(self, top: int, index: int) -> bool:
        """Is an operation another, or below it? Quicker than asking for the whole subtree."""
        while index >= 0 and index != top:
            index = self.parent(index)
        return index == top

    @cached_property
    def telling(self) -> list[f.Operation]:
        """Comparisons, and calls with keywords: what says which values columns are given."""
        return [
            operation for operation in self.operations if operation and (
                operation[7] if operation[0] == f.CALL
                else operation[0] == f.OPERATOR and operation[5] in COMPARING
            )
        ]  # fmt: skip

    @cached_property
    def _awaited(self) -> frozenset[int]:
        return frozenset(each[5] for each in self.operations if each and each[0] == f.AWAIT)

    def is_awaited(self, index: int) -> bool:
        return index in self._awaited

    def is_statement(self, index: int) -> bool:
        """Is the operation's value that of an expression statement, so that it is dropped?"""
        statement = self.statement(index)
        return statement is not None and statement[0] == f.EXPRESSION and statement[7] == index

    def loop(self, index: int) -> f.Statement | None:
        """The ``for`` whose iterable an operation is."""
        return next((s for s in self.statements if s[0] == f.FOR and s[8] == index), None)

    def is_unpacked(self, index: int) -> bool:
        """Is an operation's value assigned to several names, to a slice, or added to a list?"""
        statement = self.statement(index)
        if statement is not None and statement[0] == f.AUGMENTED:
            return bool(statement[8] == index)
        if statement is None or statement[0] != f.ASSIGN or statement[8] != index:
            return False
        return all(
            target[0] == f.TO_SEQUENCE
            or (target[0] == f.TO_SUBSCRIPT and self.operations[target[2]][0] == f.SLICE)
            for target in statement[7]
        )

    def bound_before(self, index: int) -> set[str]:
        """The variables that have a value wherever an operation is evaluated, and whose ``with``
        it stands in."""
        found: set[str] = set()
        block = self.function.body.statements
        while block:
            before = [statement for statement in block if statement[4] <= index]
            for statement in before[:-1]:
                found |= _bound(statement)
            if not before or index < before[-1][5]:
                return found | self._entered(before[-1:], index)
            found |= self._entered(before[-1:], index)
            parts = [part for part in blocks_of(before[-1]) if part and part[0][4] <= index]
            block = parts[-1] if parts else ()
        return found

    def _entered(self, statements: list[f.Statement], index: int) -> set[str]:
        """The names behind ``as`` that have a value at an operation."""
        return {
            target[1] for statement in statements if statement[0] == f.WITH
            for value, target in statement[7]
            if target is not None and target[0] == f.TO_NAME and value < index
        }  # fmt: skip

    def entered_as(self, name: str) -> int:
        """The call that a ``with`` enters under a name, or -1."""
        for statement in self.statements:
            for value, target in statement[7] if statement[0] == f.WITH else ():
                if target is not None and target[0] == f.TO_NAME and target[1] == name:
                    return int(value) if self.operations[value][0] == f.CALL else -1
        return -1

    def comprehension_of(self, index: int) -> f.Operation | None:
        """The comprehension whose iterable an operation is."""
        parent = self.parent(index)
        if parent < 0 or self.operations[parent][0] != f.COMPREHENSION:
            return None
        operation = self.operations[parent]
        return operation if any(g[1] == index for g in operation[8]) else None

    def enclosing(self, index: int) -> Iterator[f.Operation]:
        """The comprehensions inside which an operation is evaluated, innermost first."""
        if not self.operations[index][4] & (f.REPEATED | f.GENERATOR):
            return
        found = []
        for position, operation in enumerate(self.operations):
            if operation and operation[0] == f.COMPREHENSION and position < index < operation[9]:
                first = operation[8][0]
                if not first[2] <= index < first[3]:
                    found.append(operation)
        yield from reversed(found)


def _bound(statement: f.Statement) -> set[str]:
    """The variables that have a value behind a statement, however it went."""
    kind = statement[0]
    if kind in (f.ASSIGN, f.ANNOTATED):
        targets = statement[7] if kind == f.ASSIGN else (statement[7],)
        given = kind == f.ASSIGN or statement[9] >= 0
        return {target[1] for target in targets if target[0] == f.TO_NAME and given}
    if kind not in (f.IF, f.TRY, f.WITH):
        return set()
    blocks = blocks_of(statement)
    if kind == f.TRY:
        blocks = (*blocks[:1], *blocks[-2:])  # whoever comes here has left no handler
        return {name for block in blocks for inner in block for name in _bound(inner)}
    found = [{name for inner in block for name in _bound(inner)} for block in blocks]
    return set.intersection(*found)
