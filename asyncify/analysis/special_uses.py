"""Finds where Python calls special methods by itself: ``len(users)``, ``if users``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.evaluate import Evaluation
from asyncify.analysis.infer import Inference
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Class, Function
from asyncify.analysis.use import UNSURE, VALUE_USED, Use
from asyncify.vocabulary import special as words

KIND = "special"
_NAMES = (*words.AWAITED_AS, words.ITERATE)


class SpecialUses:
    """Finds where special methods are called."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self._having: dict[Class, bool] = {}

    @cached_property
    def there(self) -> bool:
        """Has any class of the program such a method?"""
        classes = self.inference.program.classes.values()
        return any(name in cls.methods for cls in classes for name in _NAMES)

    def of(self, evaluation: Evaluation, layout: Layout) -> Iterator[Use]:
        """The uses in one function."""
        if not any(self._objects(value) for value in evaluation.values):
            return
        for index, operation in enumerate(evaluation.operations):
            if operation and operation[0] == f.CALL:
                yield from self._call(evaluation, index, operation)
            elif operation and operation[0] == f.OPERATOR and operation[5] in ("In", "NotIn"):
                into = operation[6][1]
                yield from self._use(evaluation, index, into, (words.CONTAINS,))
                if any(
                    not cls.find(words.CONTAINS) for cls in self._objects(evaluation.values[into])
                ):
                    yield from self._gone_through(evaluation, into)
        for index in tested(layout):
            yield from self._truth(evaluation, layout, index)

    def _objects(self, value: v.Value) -> list[Class]:
        return [
            a.cls for a in value
            if isinstance(a, v.Instance) and self._has_any(a.cls)
        ]  # fmt: skip

    def _has_any(self, cls: Class) -> bool:
        """Has an instance of a class such a method?"""
        found = self._having.get(cls)
        if found is None:
            found = self._having[cls] = any(cls.find(name) for name in _NAMES)
        return found

    def _use(
        self, evaluation: Evaluation, index: int, of: int, names: tuple[str, ...], item: int = -1
    ) -> Iterator[Use]:
        """One of the methods of an object, the first that it has."""
        found: dict[Function, None] = {}
        for cls in self._objects(evaluation.values[of]):
            for name in names:
                methods = self.inference.methods(cls, name)
                found |= dict.fromkeys(methods)
                if methods:
                    break
        if found:
            if not all(map(self._is_object, self._own(evaluation.values[of]))):
                item = UNSURE
            callees = tuple(sorted(found, key=lambda fn: (fn.module.path, fn.index)))
            name = callees[0].name
            yield Use(KIND, evaluation.function, index, name=name, callees=callees, item=item)

    def _own(self, value: v.Value) -> v.Value:
        """A value without the containers that `users.add(user)` made it before the class of `users`
        was known: its own method put nothing into one."""
        if any(cls.find(name) for cls in self._objects(value) for name in v.FILLING):
            return frozenset(a for a in value if not isinstance(a, v.Collection))
        return value

    def _is_object(self, atom: v.Atom) -> bool:
        """Is it an object of the program with such a method, or None?"""
        if isinstance(atom, v.Literal):
            return atom.value is None
        return isinstance(atom, v.Instance) and bool(self._objects(frozenset((atom,))))

    def _call(self, evaluation: Evaluation, index: int, operation: f.Operation) -> Iterator[Use]:
        """``len(users)``."""
        names = [a.name for a in evaluation.values[operation[5]] if isinstance(a, v.Foreign)]
        name = words.CALLED_BY.get(names[0]) if len(names) == 1 else None
        if name is not None and len(operation[6]) == 1 and operation[6][0] >= 0:
            asked = words.ASKED_FOR_TRUTH if name == words.TRUTH else (name,)
            yield from self._use(evaluation, index, operation[6][0], asked)

        yield from self._given(evaluation, index, operation)
        callee = evaluation.operations[operation[5]]
        if callee[0] == f.ATTRIBUTE and callee[6] in words.ASSERTED_IN:
            if min(operation[6], default=-1) >= 0 and len(operation[6]) > 1:
                yield from self._use(evaluation, index, operation[6][1], (words.CONTAINS,))
        elif callee[0] == f.ATTRIBUTE and callee[6] in words.READING_METHODS:
            for argument in operation[6]:
                yield from self._gone_through(evaluation, argument if argument >= 0 else ~argument)

    def _given(self, evaluation: Evaluation, index: int, operation: f.Operation) -> Iterator[Use]:
        """``map(len, repositories)``"""
        arguments = [i for i in (*operation[6], *(i for _, i in operation[7])) if i >= 0]
        names = [
            words.CALLED_BY[atom.name] for i in arguments for atom in evaluation.values[i]
            if isinstance(atom, v.Foreign) and atom.name in words.CALLED_BY
        ]  # fmt: skip
        if not names:
            return
        items = v.join(v.elements(evaluation.values[i]) for i in arguments)
        for name in dict.fromkeys(names):
            methods = {m for cls in self._objects(items) for m in self.inference.methods(cls, name)}
            if methods:
                callees = tuple(sorted(methods, key=lambda fn: (fn.module.path, fn.index)))
                yield Use(KIND, evaluation.function, index, name=name, callees=callees, item=UNSURE)

    def _gone_through(self, evaluation: Evaluation, index: int) -> Iterator[Use]:
        for use in self._use(evaluation, index, index, (words.ITERATE,)):
            yield use._replace(kind="iterate")

    def _truth(self, evaluation: Evaluation, layout: Layout, index: int) -> Iterator[Use]:
        item = VALUE_USED if _is_value(layout, index) else -1
        yield from self._use(evaluation, index, index, words.ASKED_FOR_TRUTH, item)


def tested(layout: Layout) -> Iterator[int]:
    """The operations of which somebody wants to know whether they are true."""
    pending = [s[7] for s in layout.statements if s[0] in (f.IF, f.WHILE, f.ASSERT)]
    for operation in layout.operations:
        if not operation:
            continue
        if operation[0] == f.OPERATOR and operation[5] == "Not":
            pending.append(operation[6][0])
        elif operation[0] == f.CONDITIONAL:
            pending.append(operation[5])
        elif operation[0] == f.COMPREHENSION:
            pending += [c for part in operation[8] for c in part[5]]
        elif operation[0] == f.BOOLEAN:
            pending += operation[5][:-1]
    seen: set[int] = set()
    while pending:
        index = pending.pop()
        operation = layout.operations[index]
        if operation[0] == f.BOOLEAN:
            pending += operation[5]
        elif index not in seen:
            seen.add(index)
            yield index


def _is_value(layout: Layout, index: int) -> bool:
    """May an operand of ``and`` or ``or`` be what somebody gets?"""
    parent = layout.parent(index)
    while parent >= 0 and layout.operations[parent][0] == f.BOOLEAN:
        index, parent = parent, layout.parent(parent)
    if layout.operations[index][0] != f.BOOLEAN:
        return False
    return index not in set(_roots(layout))


def _roots(layout: Layout) -> Iterator[int]:
    """The whole conditions."""
    for statement in layout.statements:
        if statement[0] in (f.IF, f.WHILE, f.ASSERT):
            yield statement[7]
    for operation in layout.operations:
        if operation and operation[0] == f.OPERATOR and operation[5] == "Not":
            yield operation[6][0]
        elif operation and operation[0] == f.CONDITIONAL:
            yield operation[5]
        elif operation and operation[0] == f.COMPREHENSION:
            yield from (c for part in operation[8] for c in part[5])
