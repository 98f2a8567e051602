"""Evidence: what is used as a session is one, where nothing else says what it is.

A parameter without an annotation that nobody of the program fills, what an object of a framework
holds, what a factory gives that was handed in: no type leads there. But only a session has
``query(User)``, or both ``add`` and ``commit``. Asked last, when everything that has a type has it;
what is found then flows on like any other value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.likely import is_mock, spelled
from asyncify.analysis.program import Class, Function, Variable
from asyncify.analysis.slots import Slot
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary.common import NAMESPACES
from asyncify.vocabulary.names import SQLMODEL, TABLES
from asyncify.vocabulary.testing import QUERY_MEMBER, RECORDED, is_test_path
from asyncify.vocabulary.uses import BARE, EXECUTED, OF_ENTITIES, OF_STATEMENTS, PAIRS

if TYPE_CHECKING:
    from asyncify.analysis.evaluate import Evaluation
    from asyncify.analysis.infer import Inference

_MEMBERS = {row.name for row in TABLES["Session"].members} | {"exec"}
_PAIRED = frozenset().union(*(part for pair in PAIRS for part in pair))
_ASKED = _PAIRED | OF_ENTITIES.keys() | OF_STATEMENTS
_SESSION = v.one(v.Known("Session", None, False))
_FACTORY = v.one(v.Known("sessionmaker", None, False))
_SYNC_SIDES = {"sync_session", "sync_engine", "sync_connection"}


@dataclass(slots=True)
class Traits:
    """How something unknown is used: the members that are read of it, whether it is given what only
    sessions and connections take (``asks``: only sessions), and whether anything is awaited."""

    members: set[str] = field(default_factory=set)
    shown: bool = False
    asks: bool = False
    awaited: bool = False


class Evidence:
    """Looks for sessions by their use, and says what they are."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self.program = inference.program
        self._done: set[tuple[Function, str]] = set()

    def ask(self) -> None:
        """Have everything evaluated that may use a session."""
        for function in self._candidates:
            self.inference.need(function)

    def supply(self) -> bool:
        """Say of what is used as a session that it is one. True where that says anything new."""
        found = False
        for function in self._candidates:
            for name, index in list(self._unknown(function)):
                if (function, name) not in self._done:
                    found = self._judge(function, name, index) or found
        return found

    def withdraw(self) -> None:
        """Say of what was a session by its name, and has turned out to be an object of a library,
        that it isn't known: its queries stay as they are."""
        for function, name in self.inference.likely.guessed():
            evaluation = self.inference.evaluations[function]
            for operation in evaluation.operations:
                if not operation or operation[0] != f.ATTRIBUTE or operation[6] != QUERY_MEMBER:
                    continue
                base, value = operation[5], evaluation.values[operation[5]]
                read = spelled(evaluation.operations, base)
                if read.rpartition(".")[2] == name and _is_foreign(value) and not is_unknown(value):
                    self.inference.likely.unseen.setdefault((function, read), base)

    def _judge(self, function: Function, name: str, index: int) -> bool:
        value = self.inference.evaluations[function].values[index]
        traits = self._traits(function, name)
        if not self._is_session(traits) or not (is_unknown(value) or traits.shown):
            return False
        self._done.add((function, name))
        if is_unknown(value) or _leads(value):
            self._tell(function, index)
        elif traits.asks:
            self.inference.likely.unseen[function, name] = index
        return True

    # -- where

    @cached_property
    def _candidates(self) -> tuple[Function, ...]:
        """The functions that use a pair of members, or one with a mapped class or a statement."""
        if not self.inference.likely.uses_sqlalchemy:
            return ()
        member = self.program.mentioning_member
        found = []
        for one, other in PAIRS:
            others = {fn for name in other for fn in member(name)}
            found += [fn for name in sorted(one) for fn in member(name) if fn in others]
        mapped = {fn for name in self._mapped for fn in self.program.mentioning(name)}
        found += [fn for name in OF_ENTITIES for fn in member(name) if fn in mapped]
        found += [fn for name in sorted(OF_STATEMENTS) for fn in member(name)]
        kept = (fn for fn in found if fn.facts.kind in ("def", "lambda"))
        return tuple(dict.fromkeys(kept))

    @cached_property
    def _mapped(self) -> list[str]:
        """The names of mapped classes."""
        models = self.inference.models
        found = [cls for cls in self.program.classes.values() if models.may_have_table(cls)]
        return sorted({each.name for cls in found for each in (cls, *cls.descendants())})

    def _unknown(self, function: Function) -> Iterator[tuple[str, int]]:
        """What a member of a session is read of, and nobody knows what it is."""
        evaluation = self.inference.evaluations.get(function)
        operations = function.body.operations if evaluation is not None else ()
        seen: set[str] = set()
        for operation in operations:
            if operation and operation[0] == f.ATTRIBUTE and operation[6] in _ASKED:
                assert evaluation is not None
                name = spelled(operations, operation[5])
                is_new = name and name not in seen and name.rpartition(".")[2] not in _SYNC_SIDES
                if is_new and _is_foreign(evaluation.values[operation[5]]):
                    seen.add(name)
                    yield name, operation[5]

    # -- whether

    def _is_session(self, traits: Traits) -> bool:
        if not traits.members <= _MEMBERS:
            return False
        paired = any(traits.members & one and traits.members & other for one, other in PAIRS)
        if traits.awaited or not (traits.shown or paired):
            return False
        return not self._has_own(traits.members)

    def _traits(self, function: Function, name: str) -> Traits:
        """How something is used: an attribute of an object by all methods of its class."""
        traits = Traits()
        for other in self._users(function, name):
            self._look(traits, other, name)
        return traits

    def _users(self, function: Function, name: str) -> list[Function]:
        """The functions that mean the same by a name: the methods of a class by an attribute of
        their object."""
        first, _, attribute = name.partition(".")
        owner = function.owner
        if owner is None or not attribute or first != _receiver(function):
            return [function]
        family = dict.fromkeys((*owner.ancestors, *owner.descendants()))
        return [
            method for cls in family for method in cls.methods.values()
            if attribute in method.facts.members and _receiver(method) == first
        ]  # fmt: skip

    def _look(self, traits: Traits, function: Function, name: str) -> None:
        """Note how one function uses it."""
        operations = function.body.operations
        entered = _entered(function)
        for index, operation in enumerate(operations):
            if not operation:
                continue
            if operation[0] == f.ATTRIBUTE:
                if spelled(operations, operation[5]) == name:
                    traits.members.add(operation[6])
                if _is_of_method(operations, operation[5], name):
                    traits.members.add("")  # what stands for a session in a test
            elif operation[0] == f.CALL:
                method = operations[operation[5]]
                if method[0] == f.ATTRIBUTE and spelled(operations, method[5]) == name:
                    self._called(traits, function, method[6], operation)
                    traits.awaited = traits.awaited or index in entered
            elif operation[0] == f.AWAIT:
                awaited = operations[operation[5]]
                callee = spelled(operations, awaited[5]) if awaited[0] == f.CALL else ""
                traits.awaited = traits.awaited or callee.rpartition(".")[0] == name

    def _called(
        self, traits: Traits, function: Function, member: str, operation: f.Operation
    ) -> None:
        given = operation[6]
        if member in BARE and (given or operation[7]):
            traits.members.add("")  # a message: something else is committed
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None or not given or given[0] < 0:
            return
        if member in OF_STATEMENTS:
            kinds = {a.kind for a in evaluation.values[given[0]] if isinstance(a, v.Known)}
            traits.shown = traits.shown or not kinds.isdisjoint(EXECUTED)
        elif len(given) >= OF_ENTITIES.get(member, len(given) + 1):
            is_default = member == "get" and _is_default(function, given[1])
            if not is_default and self._is_entity(evaluation, given[0]):
                traits.shown = traits.asks = True

    def _is_entity(self, evaluation: Evaluation, index: int) -> bool:
        """Is an argument a mapped class, a column of one, or an expression of SQLAlchemy?"""
        operations = evaluation.operations
        while operations[index][0] in (f.ATTRIBUTE, f.CALL):
            index = operations[index][5]
        symbol = self.program.resolve_expression(evaluation.function, operations, index)
        if isinstance(symbol, str):
            return symbol.partition(".")[0] in ("sqlalchemy", "sqlmodel")
        return any(
            isinstance(atom, v.ClassObject) and self._has_table(atom.cls)
            for atom in evaluation.values[index]
        )

    def _has_table(self, cls: Class) -> bool:
        return self.inference.models.is_mapped(cls) or not SQLMODEL.isdisjoint(cls.foreign_bases)

    def _has_own(self, members: set[str]) -> bool:
        """Has a class of the program all these methods itself?"""
        holders = [self._by_method.get(name, set()) for name in members]
        return bool(holders and set.intersection(*holders))

    @cached_property
    def _by_method(self) -> dict[str, set[Class]]:
        """The classes of the program that have a session's methods, what tests fake left out."""
        found: dict[str, set[Class]] = {}
        for cls in self.program.classes.values():
            for name in cls.methods.keys() & _MEMBERS:
                if not is_test_path(cls.module.path):
                    found.setdefault(name, set()).update((cls, *cls.descendants()))
        return found

    # -- what it is

    def _tell(self, function: Function, index: int) -> None:
        """Say that an expression is a session, or that it can't be said what makes it."""
        operation = function.body.operations[index]
        slot = self._slot(function, operation)
        if slot is not None:
            self.inference.write(slot, _SESSION)
            return
        if operation[0] == f.NAME and operation[5] in function.facts.bound:
            sources = list(sources_of(function, operation[5]))
            told = [self._tell_source(function, *source) for source in sources]
            if not all(told):
                self.inference.likely.unseen[function, operation[5]] = index
                self.inference.again([function])
                return
        name = spelled(function.body.operations, index)
        self.inference.likely.evident.setdefault(function, set()).add(name)
        self.inference.again([function])

    def _tell_source(self, function: Function, index: int, is_entered: bool) -> bool:
        """Say what gives a session. Only where it is entered it has to be known."""
        operations = function.body.operations
        operation, value = operations[index], _SESSION
        if operation[0] == f.CALL:
            index, value = operation[5], _FACTORY
        given = self.inference.evaluations[function].values[index]
        slot = self._slot(function, operations[index])
        if slot is None or not is_unknown(given):
            return not is_entered and (is_unknown(given) or _leads(given))
        self.inference.write(slot, value)
        return True

    def _slot(self, function: Function, operation: f.Operation) -> Slot | None:
        """Where that is kept which a name, or an attribute of an object, means."""
        if operation[0] == f.ATTRIBUTE:
            for atom in self.inference.evaluations[function].values[operation[5]]:
                if isinstance(atom, v.Instance) and not self._is_method(atom.cls, operation[6]):
                    return self.inference.slot("attribute", atom.cls, operation[6])
                if isinstance(atom, v.ModuleObject):
                    return self.inference.slot("global", atom.module, operation[6])
        if operation[0] == f.CALL:
            for atom in self.inference.evaluations[function].values[operation[5]]:
                if isinstance(atom, v.FunctionObject) and _returns(atom.function):
                    return self.inference.slot("return", atom.function)
        return self._variable(function, operation[5]) if operation[0] == f.NAME else None

    def _is_method(self, cls: Class, name: str) -> bool:
        return bool(self.inference.methods(cls, name))

    def _variable(self, function: Function, name: str) -> Slot | None:
        """A parameter that may be anything, or a variable of a module."""
        scope: Function | None = function
        while scope is not None and scope.facts.kind != "module":
            for position, parameter in enumerate(scope.signature.parameters):
                if parameter.name == name and parameter.kind not in ("*", "**"):
                    is_open = self.inference.is_open(scope, parameter.annotation)
                    return self.inference.slot("parameter", scope, position) if is_open else None
            if name in scope.facts.bound and name not in scope.facts.declared:
                return None
            scope = scope.parent
        symbol = self.program.lookup(function, name)
        if not isinstance(symbol, Variable):
            return None
        return self.inference.slot("global", symbol.module, symbol.name)


def is_unknown(value: v.Value) -> bool:
    """Does nothing but the configured names say what something is? A mock stands for what it is
    used as."""
    return all((isinstance(a, v.Known) and not a.sure) or is_mock(a) for a in value)


def _leads(value: v.Value) -> bool:
    """Is it only known which object of a library leads to something?"""
    return all(
        isinstance(a, v.Foreign) and ("()." in a.name or a.name.startswith(NAMESPACES))
        for a in value
    )


def _is_foreign(value: v.Value) -> bool:
    """Is it nothing of the program, as far as one knows? ``call.get(User, 1)`` is only compared
    with what a mock was asked for."""
    if any(isinstance(a, v.Foreign) and a.name in RECORDED for a in value):
        return False
    return is_unknown(value) or all(isinstance(a, (v.Foreign, v.ForeignInstance)) for a in value)


def _is_of_method(operations: tuple[f.Operation, ...], index: int, name: str) -> bool:
    """Is an attribute of a method read? ``session.commit.assert_called_once``"""
    operation = operations[index]
    is_method = operation[0] == f.ATTRIBUTE and operation[6] in _ASKED
    return bool(is_method and spelled(operations, operation[5]) == name)


def _returns(function: Function) -> bool:
    return not (function.facts.is_generator or function.facts.is_async)


def _receiver(function: Function) -> str:
    """The name that a method has its object under."""
    parameters = function.signature.parameters
    return parameters[0].name if function.is_method and parameters else ""


def _is_default(function: Function, index: int) -> bool:
    """``get(User, None)``: what a dict gives where it has no such key."""
    operation = function.body.operations[index] if index >= 0 else ()
    return bool(operation) and operation[0] == f.CONSTANT and operation[5] is None


def _entered(function: Function) -> set[int]:
    """The operations that are entered by ``async with``."""
    return {
        value
        for statement in statements_of(function.body.statements)
        if statement[0] == f.WITH and statement[9]
        for value, _ in statement[7]
    }


def sources_of(function: Function, name: str) -> Iterator[tuple[int, bool]]:
    """What a variable is assigned, and whether that is entered for it."""
    for statement in statements_of(function.body.statements):
        if statement[0] == f.ASSIGN and (f.TO_NAME, name) in [t[:2] for t in statement[7]]:
            yield statement[8], False
        elif statement[0] == f.WITH:
            for value, target in statement[7]:
                if target is not None and target[:2] == (f.TO_NAME, name):
                    yield value, True
