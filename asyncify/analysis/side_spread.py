"""Spread of the sync side: what functions call, hand on and hold."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.boundaries import rule_of
from asyncify.analysis.declarations import bound_to
from asyncify.analysis.injected import Injected
from asyncify.analysis.lazy_sources import LazySources
from asyncify.analysis.program import Class, Function, Variable
from asyncify.analysis.sides import home, is_handed, is_parameter
from asyncify.analysis.use import MAKING
from asyncify.analysis.uses import SYNC_KINDS, Use
from asyncify.vocabulary.frameworks import Rule

if TYPE_CHECKING:
    from asyncify.analysis.colors import Colors

_OPENED = frozenset({"Session", "Connection"})
_REFERENCES = (f.NAME, f.ATTRIBUTE)


class Spread:
    """Looks at what is below a function of the sync side, and what is handed to it."""

    def __init__(self, colors: Colors) -> None:
        self.colors = colors
        self.inference = colors.inference
        self.program = colors.program
        self.uses = colors.uses
        self.injected = Injected(colors.inference)
        self.lazy = LazySources(colors.inference)
        self.is_doubled: Callable[[Class], bool] = lambda cls: False  # can it hold all twice?
        self._holders: tuple[int, frozenset[Class]] = (-1, frozenset())
        self._lambdas: tuple[int, dict[Function, list[Function]]] = (-1, {})
        self._below: tuple[int, dict[Function, set[Function]]] = (-1, {})
        self._calls: dict[Function, tuple[object, tuple[Function, ...]]] = {}

    def below(self, function: Function) -> set[Function]:
        """The function and all below it that do I/O, or that make what I/O is done with. It is
        asked for again with every coloring, and read only."""
        if self._below[0] != self.inference.runs:
            self._below = self.inference.runs, {}
        found = self._below[1].get(function)
        if found is None:
            found = self._below[1][function] = self._all_below(function)
        return found

    def _all_below(self, function: Function) -> set[Function]:
        out: set[Function] = set()
        pending = [function]
        while pending:
            current = pending.pop()
            if current in out:
                continue
            out.add(current)
            pending += [m for m in self.colors.family(current) if self._matters(m)]
            pending += [c for c in self.called_by(current) if self._matters(c)]
            pending += [w for w in self.colors.replacing(current) if self._matters(w)]
            pending += self._lambdas_in(current)
            if self._is_brought(current):
                assert current.owner is not None
                pending += self._bringing(current.owner)
            for given in bound_to(self.inference, current):
                if isinstance(given, v.Instance) and self.holds_one(given.cls):
                    pending += self._bringing(given.cls)
            if current.is_constructor and self.holds_one(current.owner):
                assert current.owner is not None
                pending += [m for m in current.owner.methods.values() if self._matters(m)]
        return out

    def way(self, start: Function, end: Function) -> tuple[Function, ...]:
        """The shortest way of calls from a function to one below it."""
        before: dict[Function, Function | None] = {start: None}
        pending = deque([start])
        while pending and end not in before:
            current = pending.popleft()
            for callee in self.called_by(current):
                if callee not in before:
                    before[callee] = current
                    pending.append(callee)
        out: list[Function] = []
        step: Function | None = end if end in before else None
        while step is not None:
            out.append(step)
            step = before[step]
        return tuple(reversed(out)) or (start, end)

    def called_by(self, function: Function) -> tuple[Function, ...]:
        evaluation = self.inference.evaluations.get(function)
        known = self._calls.get(function)
        if known is None or known[0] is not evaluation:
            found = tuple(dict.fromkeys(self._calls_in(function)))
            known = self._calls[function] = evaluation, found
        return known[1]

    def _calls_in(self, function: Function) -> Iterator[Function]:
        """What a function calls, or hands on by name; but not to what awaits it, as a route is.
        What it gets as a parameter, as a decorator's wrapper does, is anything that anybody gives
        it: those who call say which."""
        yield from self.injected.into(function)
        given: set[int] = set()
        awaited: set[int] = set()
        for use in self.uses.of(function):
            if use.kind == "pass":
                (awaited if rule_of(use.name) is Rule.AWAITED else given).add(use.operation)
        for use in self.uses.of(function):
            if use.kind != "pass" and not is_handed(use):
                yield from use.callees
                yield from self._wrapped(use.callees)
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None:
            return
        for place, operation in enumerate(function.body.operations):
            if not operation or operation[0] != f.CALL or place in awaited:
                continue
            for index in (*operation[6], *(i for _, i in operation[7])):
                index = index if index >= 0 else ~index
                for atom in evaluation.values[index]:
                    if (
                        isinstance(atom, v.FunctionObject)
                        and (place in given or self._is_named(function, index, atom.function))
                        and not is_parameter(function, index)
                    ):
                        yield atom.function

    def _wrapped(self, callees: tuple[Function, ...]) -> Iterator[Function]:
        """What the wrappers of decorators call, where they are called without its name: out of a
        table in which the decorator puts them."""
        pending, seen = [c for c in callees if home(c) is not c], set(callees)
        while pending:
            given = dict.fromkeys(
                callee for use in self.uses.of(pending.pop())
                if use.kind != "pass" and is_handed(use) for callee in use.callees
            )  # fmt: skip
            if given.keys().isdisjoint(callees):
                fresh = [callee for callee in given if callee not in seen]
                yield from fresh
                pending += [c for c in fresh if home(c) is not c]
                seen.update(fresh)

    def _is_named(self, function: Function, index: int, other: Function) -> bool:
        operations = function.body.operations
        return self.program.resolve_expression(function, operations, index) is other

    def _matters(self, function: Function) -> bool:
        if function.facts.is_async:
            # Run in a loop of its own, it uses its own sessions; but not where the object has one.
            return self.holds_one(function.owner) and any(
                atom.kind in _OPENED for atom in self.held(function)
            )
        return (
            self.colors.does_io(function) or self.makes(function)
            or bool(self._lambdas_in(function)) or self.lazy.are_named(function)
            or (function.is_constructor and self.brings(function))
        )  # fmt: skip

    def _is_brought(self, method: Function) -> bool:
        """Does a method use an engine, factory or session that its object holds?"""
        return self.holds_one(method.owner) and bool(self.held(method))

    def _bringing(self, holder: Class) -> list[Function]:
        """The constructors of a class that bring along what the objects hold."""
        found = (cls.own_constructor for cls in (holder, *holder.ancestors))
        return [fn for fn in dict.fromkeys(found) if fn is not None and self.brings(fn)]

    def brings(self, constructor: Function) -> bool:
        """Does a constructor name an engine or factory of a module, that its object keeps, or of
        which its session is? What shares a registry is told by the classes that do."""
        evaluation = self.inference.evaluations.get(constructor)
        if evaluation is None:
            return False  # it names nothing that matters
        if constructor.owner is not None and self.is_doubled(constructor.owner):
            return False
        held = (
            value for cls, value in self.inference.attributes_held() if cls is constructor.owner
        )
        if not any(isinstance(a, v.Known) and a.kind in SYNC_KINDS for x in held for a in x):
            return False
        return bool(self.defaults(constructor)) or any(
            isinstance(atom, v.Known) and atom.kind in MAKING
            for index, value in evaluation.objects
            if self._is_global(constructor, constructor.body.operations, index)
            for atom in value
        )

    def defaults(self, function: Function) -> list[tuple[int, Variable]]:
        """The engines, factories and sessions of modules that are defaults of a function's
        parameters."""
        operations, scope = function.signature.operations, function.parent or function
        found = []
        for parameter in function.signature.parameters:
            if parameter.default < 0 or operations[parameter.default][0] not in _REFERENCES:
                continue
            symbol = self.program.resolve_expression(scope, operations, parameter.default)
            if isinstance(symbol, Variable) and any(
                isinstance(a, v.Known) and self.is_held(a)
                for a in self.inference.global_value(symbol.module, symbol.name)
            ):
                found.append((parameter.default, symbol))
        return found

    def _is_global(
        self, function: Function, operations: tuple[f.Operation, ...], index: int
    ) -> bool:
        return operations[index][0] in _REFERENCES and isinstance(
            self.program.resolve_expression(function, operations, index), Variable
        )

    def _lambdas_in(self, function: Function) -> list[Function]:
        """The lambdas of a function that do I/O, wherever it hands them."""
        if self._lambdas[0] != self.inference.runs:
            found: dict[Function, list[Function]] = {}
            for other in self.inference.evaluations:
                if other.facts.kind == "lambda" and other.parent and self.colors.does_io(other):
                    found.setdefault(other.parent, []).append(other)
            self._lambdas = self.inference.runs, found
        return self._lambdas[1].get(function, [])

    def makes(self, function: Function) -> bool:
        """Does a function hand out engines, factories or sessions, or `Books(SessionLocal())`?"""
        given = (*self.returned(function), *self.inference.given("yield", function))
        if any(isinstance(atom, v.Known) and atom.kind in SYNC_KINDS for atom in given):
            return True
        holders = self.holders() if any(isinstance(a, v.Instance) for a in given) else ()
        return any(isinstance(a, v.Instance) and a.cls in holders for a in given) and (
            bool(self.opened(function))
        )

    def returned(self, function: Function) -> Iterator[v.Atom]:
        """What a function returns, and what is packed into a tuple there: `engine, factory`."""
        for atom in self.inference.given("return", function):
            yield atom
            if isinstance(atom, v.TupleValue):
                for item in atom.items:
                    yield from item

    def opened(self, function: Function) -> set[v.Origin]:
        """The factories of the sessions that a function opens."""
        evaluation = self.inference.evaluations.get(function)
        return {
            atom.origin for index, value in (evaluation.objects if evaluation is not None else ())
            if evaluation is not None and evaluation.operations[index][0] == f.CALL
            for atom in value
            if isinstance(atom, v.Known) and atom.origin is not None and atom.kind in _OPENED
        }  # fmt: skip

    def holders(self) -> frozenset[Class]:
        """The classes whose instances hold sessions, factories or engines, and those below them."""
        if self._holders[0] != self.inference.runs:
            found = set()
            for cls, value in self.inference.attributes_held():
                if any(isinstance(a, v.Known) and a.kind in SYNC_KINDS for a in value):
                    found |= {cls, *cls.descendants()}
            self._holders = self.inference.runs, frozenset(found)
        return self._holders[1]

    def is_held(self, atom: v.Atom) -> bool:
        if isinstance(atom, v.Instance):
            return self.holds_one(atom.cls)
        return isinstance(atom, v.Known) and atom.kind in SYNC_KINDS

    def holds_one(self, cls: Class | None) -> bool:
        """Does an object hold a session, factory or engine that only one side can use?"""
        return cls is not None and cls in self.holders() and not self.is_doubled(cls)

    def _crosses(self, atom: v.Atom) -> bool:
        if isinstance(atom, v.FunctionObject) and atom.bound:
            return self.holds_one(atom.function.owner)
        return self.holds_one(atom.cls) if isinstance(atom, v.Instance) else self._carries(atom)

    def _carries(self, atom: v.Atom) -> bool:
        if isinstance(atom, v.FunctionObject):
            return atom.bound and atom.function.owner in self.holders()
        if isinstance(atom, v.Instance):
            return atom.cls in self.holders()
        return isinstance(atom, v.Known) and atom.kind in SYNC_KINDS

    def hands_session(self, use: Use) -> bool:
        """Is a session, or an object that holds one, among the arguments of a call, or in one of
        them?"""
        given = frozenset(self._given(use, starred=True))
        return any(map(self._crosses, given | v.elements(given)))

    def hands_object(self, use: Use) -> bool:
        """Is an object that holds a session among the arguments of a call, or in one of them?"""
        given = frozenset(self._given(use, starred=True))
        return any(
            self._carries(atom) and not isinstance(atom, v.Known)
            for atom in given | v.elements(given)
        )

    def hands_named(self, use: Use) -> bool:
        """Is a session itself among the arguments of a call? Then it is entered with that."""
        return any(
            isinstance(atom, v.Known) and atom.kind == "Session"
            for atom in self._given(use, starred=False)
        )

    def carried(self, use: Use) -> list[int]:
        """The arguments, and what is packed into tuples among them, that are sessions or the like,
        or objects that hold some."""
        operations = use.function.body.operations
        operation = operations[use.operation]
        if operation[0] != f.CALL:
            return []
        values = self.inference.evaluations[use.function].values
        places: list[int] = []
        for index in (*operation[6], *(i for _, i in operation[7])):
            packed = index >= 0 and operations[index][0] == f.SEQUENCE
            places += operations[index][6] if packed else (index,)
        return [
            place if place >= 0 else ~place for place in places
            if any(map(self._carries, values[place if place >= 0 else ~place]))
        ]  # fmt: skip

    def _given(self, use: Use, starred: bool) -> Iterator[v.Atom]:
        """All that the arguments of a call may be, and what is unpacked among them."""
        operation = use.function.body.operations[use.operation]
        if operation[0] != f.CALL:
            return
        values = self.inference.evaluations[use.function].values
        for index in (*operation[6], *(i for _, i in operation[7])):
            if index >= 0 or starred:
                value = values[index if index >= 0 else ~index]
                yield from value
                if use.kind == "pass" or index < 0:  # Thread(target=work, args=(session,))
                    yield from v.elements(value)

    def reads_held(self, function: Function) -> bool:
        """Does a function use a session, factory or engine that an object holds?"""
        return bool(self.held(function))

    def held(self, function: Function) -> frozenset[v.Known]:
        """The sessions, factories and engines that a function reads from objects that hold them."""
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None:
            return frozenset()
        operations = function.body.operations
        return frozenset(
            atom for index, value in evaluation.objects
            if operations[index][0] == f.ATTRIBUTE
            and any(isinstance(a, v.Instance) for a in evaluation.values[operations[index][5]])
            for atom in value if isinstance(atom, v.Known) and atom.kind in SYNC_KINDS
        )  # fmt: skip
