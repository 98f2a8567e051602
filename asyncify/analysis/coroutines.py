"""Coroutines: what becomes of the value of a call that isn't awaited on the spot.

A coroutine that nobody awaits does nothing at all, and says so only in a warning. But handing one
on is what async programs do all the time: to `gather`, to a task, to a caller, to a list that is
awaited later. So the value is followed through the function, and over its borders, to whoever has
it in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.boundaries import Boundaries
from asyncify.analysis.coroutine_signs import Fate, holds_coroutine, is_asked, taking, words_of
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Class, Function, Variable, dotted
from asyncify.analysis.uses import SYNC_KINDS, Use, Uses
from asyncify.vocabulary import awaitables as words
from asyncify.vocabulary.frameworks import Rule
from asyncify.vocabulary.rows import Form

Callers = Callable[[], dict[Function, list[tuple[Function, Use]]]]
_DEEP = 6  # borders of functions; what goes further is followed by nobody who reads the code


class Coroutines:
    """Answers for one state of the types; made anew when they have moved."""

    def __init__(self, uses: Uses, bounds: Boundaries, callers: Callers) -> None:
        self.uses = uses
        self.inference = uses.inference
        self.program = self.inference.program
        self.bounds = bounds
        self.callers = callers
        self._returned: dict[tuple[Function, bool], Fate] = {}
        self._depth = 0
        self._reading: set[tuple[Function, str, bool]] = set()

    def unawaited(self, use: Use) -> bool:
        """Does the use call, iterate or enter what is async, and only that, without awaiting?"""
        if use.kind in ("member", "enter"):
            return self._unawaited_member(use)
        if use.kind == "call":
            callees = [c for c in use.callees if not c.facts.is_generator]
            callee = use.function.body.operations[use.operation][5]
            return (
                len(callees) == len(use.callees) and self._all_async(use)
                and not self.uses.layout(use.function).is_awaited(use.operation)
                and not is_asked(self.uses.layout(use.function), callee, words.LOOKING_NAMES)
            )  # fmt: skip
        if use.kind in ("property", "step"):
            awaited = self.uses.layout(use.function).is_awaited(use.operation)
            return all(c.facts.is_async for c in use.callees) and not awaited
        if use.kind not in ("iterate", "enter manager"):
            return False
        if not all(c.facts.is_async for c in use.callees) or self._is_async_place(use):
            return False
        return use.kind != "iterate" or not (
            self._may_hold_others(use) or self._tells_iterables(use.function)
        )

    def _may_hold_others(self, use: Use) -> bool:
        """May what is gone through be something else than a generator?"""
        value = self.inference.evaluations[use.function].values[use.operation]
        return any(isinstance(a, v.Generated) for a in value) and not all(
            isinstance(a, (v.Generated, v.Instance)) for a in value
        )

    def _tells_iterables(self, function: Function) -> bool:
        """Does a function look whether what it goes through is async?"""
        return not words.ITERABLE_NAMES.isdisjoint(function.facts.names) and any(
            operation and operation[0] in (f.NAME, f.ATTRIBUTE)
            and operation[5 if operation[0] == f.NAME else 6] in words.ITERABLE_NAMES
            for operation in function.body.operations
        )  # fmt: skip

    def fate(self, use: Use) -> Fate:
        """What becomes of the value of an un-awaited use."""
        if use.kind == "thread":  # it is awaited, and gives what its function gives
            awaiting = self.uses.layout(use.function).parent(use.operation)
            return self._follow(use.function, awaiting, False)
        if use.kind not in ("call", "member", "property", "step"):
            return Fate.LOST  # `for` and `with` raise: there is nothing to be taken
        return self._follow(use.function, use.operation, False)

    def fate_of_all(self, use: Use) -> Fate:
        """What becomes of the coroutines that ``map(fetch, keys)`` gives."""
        return self._follow(use.function, use.operation, True)

    def losing(self, use: Use) -> Use | None:
        """Where a coroutine is lost that a plain function returns on the spot."""
        function = use.function
        statement = self.uses.layout(function).statement(use.operation)
        if function.facts.is_async or statement is None or statement[0] != f.RETURN:
            return None
        calls = (each for each in self.callers().get(function, ()) if each[1].kind == "call")
        return next(
            (u for caller, u in calls if self._of_call(caller, u, function, False) is Fate.LOST),
            None,
        )

    def _unawaited_member(self, use: Use) -> bool:
        """The same for objects of SQLAlchemy that are async."""
        if not use.is_async or not isinstance(use.owner, v.Known) or not _is_async(use.owner):
            return False
        if use.kind == "enter":
            return not (self._is_async_place(use) or self._may_be_sync(use, use.operation))
        operations = use.function.body.operations
        operation = operations[use.operation]
        if use.row is None or use.row.form is not Form.AWAIT or operation[0] != f.CALL:
            return False
        if self.uses.layout(use.function).is_awaited(use.operation):
            return False
        callee = operations[operation[5]]
        return callee[0] != f.ATTRIBUTE or not self._may_be_sync(use, callee[5])

    def _may_be_sync(self, use: Use, index: int) -> bool:
        """May the object be a sync one too: ``AsyncConnection | Connection``, or one of which the
        function asks which of the two it is?"""
        found = self.inference.evaluations[use.function].values[index]
        return any(isinstance(a, v.Known) and a.kind in SYNC_KINDS for a in found) or is_asked(
            self.uses.layout(use.function), index, _CLASS_NAMES
        )

    def _all_async(self, use: Use) -> bool:
        """Is whatever the call may run async? A sync override of what is async turns with it."""
        if not any(c.facts.is_async for c in use.callees):
            return False
        operation = use.function.body.operations[use.operation]
        evaluation = self.inference.evaluations[use.function]
        known = (v.FunctionObject, v.ClassObject, v.Instance)
        if not all(isinstance(a, known) for a in evaluation.values[operation[5]]):
            return False
        methods = [c for c in use.callees if c.facts.is_async and c.owner is not None]
        return all(
            c.facts.is_async or any(_overrides(c, method) for method in methods)
            or self._hands_on(c) for c in use.callees
        )  # fmt: skip

    def _hands_on(self, function: Function) -> bool:
        """Does a plain function return a coroutine, whatever way it went? A wrapper that chooses
        between a sync function and an async one doesn't."""
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None or not holds_coroutine(self.inference.result(function)):
            return False
        for statement in self.uses.layout(function).statements:
            if statement[0] == f.RETURN and statement[7] >= 0:
                operation = evaluation.operations[statement[7]]
                callee = evaluation.values[operation[5]] if operation[0] == f.CALL else v.UNKNOWN
                if any(isinstance(a, v.FunctionObject) and not a.function.facts.is_async
                       and not holds_coroutine(self.inference.result(a.function))
                       for a in callee):  # fmt: skip
                    return False
        return True

    def _is_async_place(self, use: Use) -> bool:
        """Does the use stand in an `async for` or an `async with`?"""
        layout = self.uses.layout(use.function)
        if use.kind in ("enter", "enter manager"):
            statement = layout.statement(use.operation)
            return statement is not None and statement[0] == f.WITH and bool(statement[9])
        if any(s[0] == f.FOR and s[8] == use.operation and s[11] for s in layout.statements):
            return True
        comprehension = layout.comprehension_of(use.operation)
        return comprehension is not None and any(
            g[1] == use.operation and g[6] for g in comprehension[8]
        )

    # -- inside a function

    def _follow(self, function: Function, index: int, packed: bool) -> Fate:
        """The fate of the value of an operation; ``packed``: it is a container of coroutines."""
        layout = self.uses.layout(function)
        parent = layout.parent(index)
        if parent < 0:
            return self._in_statement(function, layout, index, packed)
        operation = layout.operations[parent]
        kind = operation[0]
        if kind == f.AWAIT:
            return Fate.TAKEN
        if kind == f.CALL:
            if operation[5] == index:
                return Fate.LOST
            return self._argument(function, layout, parent, index, packed)
        if kind == f.ATTRIBUTE:
            return Fate.TAKEN if packed or operation[6] in words.COROUTINE_MEMBERS else Fate.LOST
        if kind == f.COMPREHENSION:
            if index in operation[10]:
                return self._follow(function, parent, True)
            return Fate.TAKEN if packed else Fate.LOST
        if kind in (f.SEQUENCE, f.DICT):
            return self._packed(function, operation, parent, index, packed)
        return self._through(function, parent, index, packed)

    def _packed(
        self, function: Function, operation: f.Operation, parent: int, index: int, packed: bool
    ) -> Fate:
        """The fate of an element. A key is looked at, and a coroutine can't be unpacked."""
        if operation[0] == f.DICT:
            unpacked = any(
                key < 0 and value == index
                for key, value in zip(operation[5], operation[6], strict=True)
            )
            if index in operation[5]:
                return Fate.LOST
        else:
            unpacked = ~index in operation[6]
        if unpacked and not packed:
            return Fate.LOST
        return self._follow(function, parent, True)

    def _through(self, function: Function, parent: int, index: int, packed: bool) -> Fate:
        """The fate behind an operation that may hand the value itself on."""
        operation = self.uses.layout(function).operations[parent]
        kind = operation[0]
        if kind == f.WALRUS:
            named = self._bound(function, (f.TO_NAME, operation[5], -1), packed)
            here = self._follow(function, parent, packed)
            # What is tested here was a mistake, wherever it may go from there.
            return here if here is Fate.LOST and named is not Fate.TAKEN else max(named, here)
        if kind == f.SUBSCRIPT and packed and operation[5] == index:
            return self._follow(function, parent, False)
        if kind == f.CONDITIONAL and index != operation[5]:
            return self._follow(function, parent, packed)
        if kind == f.BOOLEAN and (index == operation[5][-1] or packed):
            return self._follow(function, parent, packed)
        if kind == f.OPERATOR and packed:
            return self._follow(function, parent, True) if operation[5] == "Add" else Fate.TAKEN
        if kind == f.YIELD:
            return self._given_back(function, packed)
        return Fate.OPEN if kind == f.YIELD_FROM or packed else Fate.LOST

    def _in_statement(self, function: Function, layout: Layout, index: int, packed: bool) -> Fate:
        """The fate of the value that a statement has."""
        if function.facts.kind == "lambda":
            return self._given_back(function, packed)
        statement = layout.statement(index)
        kind = statement[0] if statement is not None else -1
        if statement is None or kind == f.EXPRESSION:
            return Fate.LOST
        if kind == f.RETURN:
            return self._given_back(function, packed)
        if kind == f.ASSIGN:
            return max(self._bound(function, target, packed) for target in statement[7])
        if kind == f.ANNOTATED and statement[9] == index:
            return self._bound(function, statement[7], packed)
        if kind == f.AUGMENTED and packed:
            return self._bound(function, statement[7], True)
        if kind == f.FOR and packed:
            return self._bound(function, statement[7], False)
        return Fate.TAKEN if packed else Fate.LOST

    def _bound(self, function: Function, target: f.Operation, packed: bool) -> Fate:
        kind = target[0]
        if kind == f.TO_NAME:
            return self._named(function, target[1], packed)
        if kind == f.TO_ATTRIBUTE:
            return self._stored(target[2])
        if kind == f.TO_SUBSCRIPT:
            base = function.body.operations[target[1]]
            return self._named(function, base[5], True) if base[0] == f.NAME else Fate.OPEN
        if not packed:
            return Fate.LOST  # a coroutine can't be unpacked
        return max((self._bound(function, part, False) for part in target[1]), default=Fate.OPEN)

    def _named(self, function: Function, name: str, packed: bool) -> Fate:
        """The fate of what a variable holds: somebody who awaits it is enough."""
        facts = function.facts
        if facts.kind not in ("def", "lambda") or name in facts.declared:
            return self._stored(name)
        if any(name in child.facts.names for child in self._inner(function)):
            return Fate.OPEN
        return self._loads(function, name, packed)

    def _inner(self, function: Function) -> Iterable[Function]:
        if not function.has_children:
            return ()
        return (x for x in function.module.functions if x.parent is function)

    def _loads(self, function: Function, name: str, packed: bool) -> Fate:
        """The fate of what is read by a name; that it is kept under the same name says nothing."""
        key = function, name, packed
        if key in self._reading:
            return Fate.OPEN
        self._reading.add(key)
        found = self._read(function, name, packed)
        self._reading.discard(key)
        return found

    def _read(self, function: Function, name: str, packed: bool) -> Fate:
        evaluation = self.inference.evaluations.get(function)
        loads = [
            i for i, op in enumerate(function.body.operations)
            if op and op[0] == f.NAME and op[5] == name
        ]  # fmt: skip
        if evaluation is not None:
            holding = [i for i in loads if holds_coroutine(evaluation.values[i])]
            loads = holding or loads
        layout = self.uses.layout(function)
        fates = [
            self._follow(function, i, packed) for i in loads if not self._keeps(layout, i)
        ]  # fmt: skip
        if Fate.TAKEN in fates:
            return Fate.TAKEN
        return min(fates, default=Fate.LOST)

    def _keeps(self, layout: Layout, index: int) -> bool:
        """Is something put into the container here?"""
        parent = layout.parent(index)
        operation = layout.operations[parent] if parent >= 0 else ()
        return bool(
            operation and operation[0] == f.ATTRIBUTE and operation[6] in words.KEEPING_NAMES
        )

    def _stored(self, name: str) -> Fate:
        """The fate of what an attribute or a global holds: does anybody await what has its name?"""
        for function in self.program.mentioning(name):
            layout = self.uses.layout(function)
            for index, operation in enumerate(layout.operations):
                place = _NAMING.get(operation[0]) if operation else None
                if place is not None and operation[place] == name:
                    parent = layout.parent(index)
                    above = layout.operations[parent] if parent >= 0 else ()
                    if above and (above[0] == f.AWAIT or self._takes(layout, parent, index)):
                        return Fate.TAKEN
        return Fate.LOST

    def _takes(self, layout: Layout, call: int, index: int) -> bool:
        operation = layout.operations[call]
        if operation[0] != f.CALL or operation[5] == index:
            return False
        return taking(dotted(layout.operations, operation[5])) is not Fate.LOST

    # -- over the border of a function

    def _given_back(self, function: Function, packed: bool) -> Fate:
        """The fate of a coroutine that a function returns or yields."""
        key = function, packed
        if key in self._returned:
            return self._returned[key]
        self._returned[key] = Fate.OPEN  # while it is asked: recursion adds nothing
        self._returned[key] = found = self._of_result(function, packed)
        return found

    def _of_result(self, function: Function, packed: bool) -> Fate:
        signature = function.signature
        promised = self._promised(function, signature.returns)
        if promised is not None:
            bare = signature.operations[signature.returns][0] != f.SUBSCRIPT
            if not (packed and bare and promised is Fate.LOST):
                return promised  # a plain `list` says nothing of what is in it
        if self._is_provided(function):
            return Fate.LOST
        if self.inference.fixtures.is_fixture(function):
            return self._of_fixture(function, packed)
        if not words.LOOKING_NAMES.isdisjoint(function.facts.names):
            return Fate.OPEN  # it knows when that is a coroutine, and so do its callers
        if function.facts.is_generator or self._depth >= _DEEP:
            return Fate.OPEN
        self._depth += 1
        fates = [
            self._of_call(caller, use, function, packed)
            for caller, use in self.callers().get(function, ()) if use.kind in ("call", "thread")
        ]  # fmt: skip
        self._depth -= 1
        if Fate.TAKEN in fates and self._chooses(function):
            return Fate.TAKEN  # its callers know when
        if fates:
            return min(fates)
        if function.facts.kind == "lambda" and self._is_mocking(function):
            return Fate.TAKEN
        if function.facts.kind == "lambda" and self._is_applied(function):
            return Fate.LOST
        if function.facts.is_async and not packed and not function.signature.decorators:
            return Fate.LOST  # who awaits it has a coroutine still, and would have to do so twice
        return Fate.LOST if self._handles_sync(function) else Fate.OPEN

    def _chooses(self, function: Function) -> bool:
        """Does it give something plain at times: ``return fetch(key) if wait else None``?"""
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None:
            return False
        operations = evaluation.operations
        layout = self.uses.layout(function)
        pending = [s[7] for s in layout.statements if s[0] == f.RETURN and s[7] >= 0]
        while pending:
            index = pending.pop()
            if operations[index][0] == f.CONDITIONAL:
                pending += operations[index][6:8]
            elif not holds_coroutine(evaluation.values[index]):
                return True
        return False

    def _of_fixture(self, fixture: Function, packed: bool) -> Fate:
        """The fate of what pytest gives to tests: one that awaits it is enough."""
        requesting = self.inference.fixtures.requesting(fixture)
        fates = [self._loads(function, name, packed) for function, name in requesting]
        return Fate.TAKEN if Fate.TAKEN in fates else min(fates, default=Fate.OPEN)

    def _is_mocking(self, function: Function) -> bool:
        """Is a lambda what a mock calls, to give what that gives?"""
        uses = [use for _, use in self.callers().get(function, ())]
        return bool(uses) and all(
            use.kind == "pass" and use.name.startswith(words.MOCKING) for use in uses
        )

    def _is_applied(self, function: Function) -> bool:
        """Does what a lambda is given to look at what it gives: `sorted(users, key=lambda ...)`?"""
        uses = [use for _, use in self.callers().get(function, ())]
        return bool(uses) and all(
            use.kind in ("apply", "pass") and use.name.rpartition(".")[2] in words.APPLYING
            for use in uses
        )

    def _of_call(self, caller: Function, use: Use, function: Function, packed: bool) -> Fate:
        layout = self.uses.layout(caller)
        index = use.operation
        if use.kind == "thread":
            return self.fate(use)
        if function.facts.is_async:  # its caller awaits it, and has the coroutine inside
            if not layout.is_awaited(index):
                return Fate.OPEN
            index = layout.parent(index)
        return self._follow(caller, index, packed)

    def _is_provided(self, function: Function) -> bool:
        """Does a library take what a plain function returns for its result?"""
        if function in self.inference.dependencies:
            return True
        return any(d.rule in _CALLING for d in self.bounds.decorators(function))

    def _handles_sync(self, function: Function) -> bool:
        """Has the function a blocking session in hand? Then it is on its way to turn."""
        evaluation = self.inference.evaluations.get(function)
        return evaluation is not None and any(
            isinstance(a, v.Known) and a.kind in SYNC_KINDS
            for value in evaluation.environment.values() for a in value
        )  # fmt: skip

    def _promised(self, function: Function, annotation: int) -> Fate | None:
        """What an annotation of a signature says; None: nothing."""
        operations = function.signature.operations
        if annotation < 0:
            return None
        found = words_of(operations, annotation)
        if any(word in text for text in found for word in words.AWAITABLE_WORDS):
            return Fate.TAKEN
        if found & words.OPEN_WORDS:
            return None
        symbol = self.program.resolve_expression(
            function.parent or function, operations, annotation
        )
        is_alias = isinstance(symbol, Variable)  # of a type, or a TypeVar
        return None if is_alias else Fate.LOST

    def _argument(
        self, function: Function, layout: Layout, call: int, index: int, packed: bool
    ) -> Fate:
        """The fate of what a call is given."""
        operation = layout.operations[call]
        evaluation = self.inference.evaluations.get(function)
        callees = evaluation.values[operation[5]] if evaluation is not None else v.UNKNOWN
        fates = [
            fate for atom in callees
            if (fate := self._received(atom, operation, index, packed)) is not None
        ]  # fmt: skip
        if fates:
            return max(fates)
        foreign = [a.name for a in callees if isinstance(a, v.Foreign)]
        name = foreign[0] if foreign else dotted(layout.operations, operation[5])
        callee = layout.operations[operation[5]]
        last = callee[6] if callee[0] == f.ATTRIBUTE else name
        if last.rpartition(".")[2] in words.ENSURING_NAMES:
            return self._follow(function, call, packed)
        holder = name.rpartition(".")[0] if foreign else ""  # `background_task.create`
        taken = max(taking(name), taking(last), taking(holder))
        if taken is not Fate.LOST:
            return taken
        if last in words.KEEPING_NAMES and callee[0] == f.ATTRIBUTE:
            receiver = layout.operations[callee[5]]
            is_name = receiver[0] == f.NAME
            return self._named(function, receiver[5], True) if is_name else Fate.OPEN
        if name.rpartition(".")[2] in words.PASSING_NAMES and packed:
            return self._follow(function, call, True)
        others = (i if i >= 0 else ~i for i in (*operation[6], *(i for _, i in operation[7])))
        if any(taking(dotted(layout.operations, i)) is Fate.TAKEN for i in others if i != index):
            return Fate.TAKEN  # `Thread(target=asyncio.run, args=(fetch(),))`
        return Fate.LOST

    def _received(
        self, atom: v.Atom, operation: f.Operation, index: int, packed: bool
    ) -> Fate | None:
        """The fate of an argument of a function or class of the program; None: it is neither."""
        if isinstance(atom, v.FunctionObject):
            return self._parameter(atom.function, atom.bound, operation, index, packed)
        if isinstance(atom, v.ClassObject):
            constructor = atom.cls.find("__init__")
            if constructor is not None:
                return self._parameter(constructor, True, operation, index, packed)
            return self._field(atom.cls, operation, index)
        return None

    def _parameter(
        self, function: Function, bound: bool, operation: f.Operation, index: int, packed: bool
    ) -> Fate:
        keyword = next((name for name, i in operation[7] if i == index), None)
        parameters = function.signature.parameters
        names = [p for p in parameters if p.kind in "pa"]
        skipped = 1 if bound and function.is_method else 0
        found = next((p for p in parameters if keyword and p.name == keyword), None)
        if found is None and keyword is None and index in operation[6]:
            place = operation[6].index(index) + skipped
            found = names[place] if place < len(names) else None
        if found is None or self._depth >= _DEEP:
            return Fate.OPEN
        if self._promised(function, found.annotation) is Fate.TAKEN:
            return Fate.TAKEN
        if any(found.name in child.facts.names for child in self._inner(function)):
            return Fate.OPEN
        if found.name not in function.facts.names:
            return Fate.OPEN
        self._depth += 1
        fate = self._loads(function, found.name, packed)
        self._depth -= 1
        return fate

    def _field(self, cls: Class, operation: f.Operation, index: int) -> Fate:
        """A field of a dataclass or a model: its annotation says whether it holds coroutines."""
        keyword = next((name for name, i in operation[7] if i == index), None)
        for statement in cls.body.body.statements:
            if statement[0] == f.ANNOTATED and statement[7][0] == f.TO_NAME:
                texts = words_of(cls.body.body.operations, statement[8])
                awaited = any(w in text for text in texts for w in words.AWAITABLE_WORDS)
                if awaited and keyword in (None, statement[7][1]):
                    return Fate.TAKEN
        return Fate.LOST


_CLASS_NAMES = frozenset({"isinstance"})
_NAMING = {f.NAME: 5, f.ATTRIBUTE: 6}  # where the name stands in an operation
# Decorators behind which a plain function's result is used, and not awaited.
_CALLING = {Rule.AWAITED, Rule.SYNC, Rule.ENTRY}


def _is_async(owner: v.Known) -> bool:
    return owner.kind.lower().startswith("async")


def _overrides(method: Function, other: Function) -> bool:
    """Are they methods of one name, of classes of which one is below the other?"""
    if method.owner is None or other.owner is None or method.name != other.name:
        return False
    return method.owner in other.owner.ancestors or other.owner in method.owner.ancestors
