"""Calls that block the event loop, other than SQLAlchemy's: where they stand, and who waits.

Looked for by the names of what blocks, so that a program is not searched that has none of it. A
plain function in between hands on that it blocks; a function that only runs where nobody else waits
for the loop (in a test, before the first request, at a command line) blocks nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.consumers import applied
from asyncify.analysis.environments import is_alembic
from asyncify.analysis.foreign_names import ForeignNames
from asyncify.analysis.program import Class, Function, Module, dotted
from asyncify.vocabulary import blocking as words
from asyncify.vocabulary.frameworks import Rule
from asyncify.vocabulary.serving import ALONE, UNTIL_COMPLETE
from asyncify.vocabulary.tasks import STARTUP
from asyncify.vocabulary.testing import is_test_path

_RUNNING = ("def", "lambda")
_STARTING_LOOPS = frozenset({name.rpartition(".")[2] for name in ALONE} | {UNTIL_COMPLETE})


@dataclass(frozen=True, slots=True)
class BlockingCall:
    """One call in a function on the event loop. ``name`` is what blocks in the end, ``below`` are
    the plain functions of the program between; ``row`` says what that is. ``applied``: the call is
    given what blocks, and calls it (``map``, ``sorted``)."""

    function: Function
    operation: int
    row: words.Blocks
    name: str
    below: tuple[Function, ...] = ()
    applied: bool = False


_Call = tuple[Function, int]


class BlockingCalls:
    """The blocking calls in functions that are async, or that turn."""

    def __init__(self, colors: Colors, coloring: Coloring) -> None:
        self.colors = colors
        self.coloring = coloring
        self.program = colors.program
        self.names = ForeignNames(colors.inference)
        self._callers: dict[Function, list[_Call]] = {}
        self._alone: dict[Function, bool] = {}

    def find(self) -> Iterator[BlockingCall]:
        """All of them, and those of plain functions that come to one."""
        seen: set[Function] = set()
        pending: list[BlockingCall] = []
        for function in self._candidates():
            for call in self._direct(function):
                if self._is_on_loop(function):
                    yield call
                elif function not in seen and self._hands_on(call):
                    seen.add(function)
                    pending.append(call)
        while pending:
            inner = pending.pop(0)
            for caller, index in self._calling(inner.function):
                if self._is_awaited(caller, index):
                    continue  # it is the async one of two that share a name
                below = (inner.function, *inner.below)
                is_applied = self._applies(caller, index, inner.function)
                call = BlockingCall(caller, index, inner.row, inner.name, below, is_applied)
                if self._is_on_loop(caller):
                    yield call
                elif caller not in seen and self._hands_on(call):
                    seen.add(caller)
                    pending.append(call)

    def _is_on_loop(self, function: Function) -> bool:
        is_async = function.facts.is_async and not function.in_thread
        is_async = is_async or function in self.coloring.turned
        return is_async and function.facts.kind == "def" and not self.is_alone(function)

    def _hands_on(self, call: BlockingCall) -> bool:
        """Does whoever calls a plain function wait for what blocks in it?"""
        facts = call.function.facts
        is_plain = not facts.is_async and call.function not in self.coloring.turned
        return (
            is_plain and facts.kind in _RUNNING and not facts.is_generator and not call.row.is_file
        )

    # -- what blocks by itself

    def _candidates(self) -> Iterator[Function]:
        """The functions that mention something that blocks, and where it comes from."""
        found: dict[Function, None] = {}
        for root, tails in sorted(words.TAILS.items()):
            for local in sorted(self._locals(root)):
                for function in self.program.mentioning(local):
                    if "*" in tails or not tails.isdisjoint(function.facts.names):
                        found[function] = None
        order = {module: n for n, module in enumerate(self.program.modules.values())}
        for function in sorted(found, key=lambda fn: (order[fn.module], fn.index)):
            if function.facts.kind in _RUNNING and not is_test_path(function.module.path):
                yield function

    @cached_property
    def _imported(self) -> dict[str, list[tuple[Module, str]]]:
        """Where the modules are imported in which something blocks, and as what."""
        found: dict[str, list[tuple[Module, str]]] = {}
        for module in self.program.modules.values():
            for item in module.facts.imports:
                root = item.module.partition(".")[0]
                if root in words.TAILS and item.local and not item.level:
                    found.setdefault(root, []).append((module, item.local))
        return found

    def _locals(self, root: str) -> set[str]:
        """The words by which functions mention a module, what is in it, or what it has made."""
        found = {root, *(words.TAILS[root] & words.BUILTINS)}
        makes = any(maker.partition(".")[0] == root for maker in words.MAKERS)
        for module, local in self._imported.get(root, ()):
            found.add(local)
            if not makes or is_test_path(module.path):
                continue
            for function in module.functions:
                if function.facts.kind != "class" and local in function.facts.names:
                    found |= self._made(function)
        return found

    def _made(self, function: Function) -> set[str]:
        """The variables of a module, and the attributes, that are given objects of a library."""
        is_module = function.facts.kind == "module"
        found: set[str] = set()
        for statement in self.colors.uses.layout(function).statements:
            if statement[0] == f.ASSIGN:
                targets, value = statement[7], statement[8]
            elif statement[0] == f.ANNOTATED:
                targets, value = (statement[7],), statement[9]
            else:
                continue
            if value < 0 or function.body.operations[value][0] != f.CALL:
                continue
            if self.names.of(function, value).removesuffix("()") not in words.MAKERS:
                continue
            for target in targets:
                if target[0] == f.TO_NAME and is_module:
                    found |= {target[1], *self.program.imported_names(target[1])}
                elif target[0] == f.TO_ATTRIBUTE:
                    found.add(target[2])
        return found

    def _direct(self, function: Function) -> Iterator[BlockingCall]:
        if not words.NOT_WAITING.isdisjoint(function.facts.names):
            return
        operations = function.body.operations
        for index, operation in enumerate(operations):
            if not operation or operation[0] != f.CALL or self._is_awaited(function, index):
                continue
            if operations[operation[5]][0] not in (f.ATTRIBUTE, f.NAME):
                continue
            if operation[4] & f.GENERATOR and not self._is_consumed(function, index):
                continue
            for called, is_applied in self._called(function, index):
                name = self.names.of(function, called)
                row = words.blocks(name) if name else None
                if row is not None and not self._is_nothing(operations, operation):
                    yield BlockingCall(function, index, row, name, applied=is_applied)

    def _called(self, function: Function, index: int) -> Iterator[tuple[int, bool]]:
        """What a call calls: also ``max(passwords, key=hash_password)``."""
        yield function.body.operations[index][5], False
        consumer = applied(self.colors.uses.layout(function), index)
        if consumer is not None and consumer.function >= 0:
            yield consumer.function, True

    def _is_consumed(self, function: Function, index: int) -> bool:
        """Is the generator expression around an operation given to something right away?"""
        layout = self.colors.uses.layout(function)
        while index >= 0 and layout.operations[index][0] != f.COMPREHENSION:
            index = layout.parent(index)
        parent = layout.parent(index) if index >= 0 else -1
        return parent >= 0 and bool(layout.operations[parent][0] == f.CALL)

    def _is_nothing(self, operations: tuple[f.Operation, ...], operation: f.Operation) -> bool:
        """``time.sleep(0)``"""
        first = operation[6][0] if operation[6] else -1
        return first >= 0 and operations[first][0] == f.CONSTANT and operations[first][5] == 0

    def _is_awaited(self, function: Function, index: int) -> bool:
        return self.colors.uses.layout(function).is_awaited(index)

    # -- who calls it

    def _calling(self, function: Function) -> list[_Call]:
        """The calls of a function that run it, and nothing else that might not block."""
        known = self._callers.get(function)
        if known is None:
            known = self._callers[function] = [
                *self._evaluated_calls(function), *self._calls_by_name(function)
            ]  # fmt: skip
        return known

    def _evaluated_calls(self, function: Function) -> Iterator[_Call]:
        for caller, use in self.colors.callers().get(function, ()):
            if use.kind in ("call", "apply") and set(use.callees) == {function}:
                yield caller, use.operation

    def _applies(self, caller: Function, index: int, function: Function) -> bool:
        """``map(slow, items)``"""
        return any(
            use.kind == "apply" and use.operation == index and function in use.callees
            for use in self.colors.uses.of(caller)
        )

    def _calls_by_name(self, function: Function) -> Iterator[_Call]:
        evaluations = self.colors.inference.evaluations
        for name in (function.name, *self.program.imported_names(function.name)):
            for caller in self.program.mentioning(name):
                if caller in evaluations or not self.program.may_name(caller, function):
                    continue
                operations = caller.body.operations
                calls = (i for i, op in enumerate(operations) if op and op[0] == f.CALL)
                for index in calls:
                    if self._means(caller, operations, operations[index][5], function):
                        yield caller, index

    def _means(
        self, caller: Function, operations: tuple[f.Operation, ...], index: int, function: Function
    ) -> bool:
        callee = operations[index]
        if callee[0] not in (f.NAME, f.ATTRIBUTE) or callee[5 + (callee[0] == f.ATTRIBUTE)] not in (
            function.name, *self.program.imported_names(function.name)
        ):  # fmt: skip
            return False
        if function.owner is None:
            return self.program.resolve_expression(caller, operations, index) is function
        cls = caller.owner
        if cls is None or dotted(operations, index) != f"self.{function.name}":
            return False
        return cls.find(function.name) is function and not _is_overridden(cls, function)

    # -- who waits for the loop

    def is_alone(self, function: Function) -> bool:
        """Does nobody else wait for the event loop wherever a function runs?"""
        known = self._alone.get(function)
        if known is None:
            self._alone[function] = True  # where it calls itself
            known = self._alone[function] = self._runs_alone(function)
        return known

    def _runs_alone(self, function: Function) -> bool:
        if function.facts.kind == "module" or is_alembic(function):
            return True
        if is_test_path(function.module.path) or function in self.coloring.entries:
            return True
        decorators = self.colors.bounds.decorators(function)
        given = {d.name for d in decorators if d.foreign} | self._given_to(function)
        if not given.isdisjoint(STARTUP) or any(d.rule is Rule.ENTRY for d in decorators):
            return True
        if given or any(d.rule is Rule.AWAITED for d in decorators):
            return False
        callers = self._callers_of(function)
        return bool(callers) and all(
            self._starts_loop(caller, index) or self.is_alone(caller) for caller, index in callers
        )

    def _callers_of(self, function: Function) -> list[_Call]:
        """All calls of a function, those of several among them."""
        uses = self.colors.callers().get(function, ())
        return [
            *((caller, use.operation) for caller, use in uses if use.kind != "pass"),
            *self._calls_by_name(function),
        ]

    def _given_to(self, function: Function) -> set[str]:
        """The names of what is given a function."""
        found = {
            use.name for _, use in self.colors.callers().get(function, ()) if use.kind == "pass"
        }
        evaluations = self.colors.inference.evaluations
        for caller in self.program.mentioning(function.name):
            if caller in evaluations or caller is function:
                continue
            if self.program.may_name(caller, function):
                found |= set(self._passed(caller, function))
        return found

    def _passed(self, caller: Function, function: Function) -> Iterator[str]:
        operations = caller.body.operations
        for operation in operations:
            if not operation or operation[0] != f.CALL:
                continue
            for argument in (*operation[6], *(i for _, i in operation[7])):
                given = operations[argument] if argument >= 0 else ()
                if given and given[0] == f.NAME and given[5] == function.name:
                    yield self.names.of(caller, operation[5]) or dotted(operations, operation[5])

    def _starts_loop(self, caller: Function, index: int) -> bool:
        """``asyncio.run(work())``: nobody else is in that loop."""
        layout = self.colors.uses.layout(caller)
        parent = layout.parent(index)
        if parent < 0 or layout.operations[parent][0] != f.CALL:
            return False
        callee = layout.operations[layout.operations[parent][5]]
        return callee[0] == f.ATTRIBUTE and callee[6] in _STARTING_LOOPS


def _is_overridden(cls: Class, function: Function) -> bool:
    return any(function.name in each.methods for each in cls.descendants())
