"""Factories: classes whose constructor does I/O, and which are made by a class method from now on.

Python can't await ``__init__``. What it did is done by a coroutine method of the object, and a
class method makes the object and awaits that: ``await Report.create(db)``. That needs every place
where the class is used, so a class that anything else may call keeps its constructor.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.declarations import foreign_name
from asyncify.analysis.program import Class, Function
from asyncify.vocabulary.classes import LOOKED_AT, PLAIN_BASES
from asyncify.vocabulary.injection import DEPENDS
from asyncify.vocabulary.testing import MOCKS_OF, OF_CLASSES, REPLACING

if TYPE_CHECKING:
    from asyncify.analysis.colors import Colors
    from asyncify.analysis.evaluate import Evaluation
    from asyncify.analysis.uses import Use

_CREATE = ("create", "make", "async_create", "create_async")
_INITIALIZE = ("_initialize", "_async_init", "_initialize_async")
# Decorators of classes under which objects are made as before.
_DECORATORS = {"dataclasses.dataclass", "typing.final", "typing.runtime_checkable"}
_OF_DATACLASS = "__post_init__"
_CONSTRUCTORS = ("__init__", _OF_DATACLASS)
# What calls the classes that it is given.
_CALLING = frozenset({"map", "functools.partial", "itertools.starmap"})
_NAMING = frozenset({"cls", "type", "__class__"})
_MANY = 200  # functions between a constructor and those who start it


class Names(NamedTuple):
    """What the two methods of a class are called."""

    create: str
    initialize: str


class Factories:
    """Answers for the constructors of a program. ``made`` are those that have turned."""

    def __init__(self, colors: Colors) -> None:
        self.colors = colors
        self.program = colors.program
        self.made: set[Function] = set()
        self._injected: dict[Function, bool] = {}
        self._only_made: dict[tuple[Function, bool], bool] = {}

    def forget(self) -> None:
        """Forget what was derived from types that have moved."""
        self.made.clear()
        self._injected.clear()
        self._only_made.clear()

    def add(self, constructor: Function, synced: set[Function]) -> bool:
        """Let a constructor turn, with those that run it, if each of them can."""
        group = self._group(constructor)
        if constructor in self.made or not group.isdisjoint(synced):
            return False
        if not all(self._may_turn(member, group) for member in group):
            return False
        self.made |= group
        return True

    def naming_class(self, constructor: Function) -> Iterator[Function]:
        """The methods that may make more objects of their class, without its name; and the
        constructors that may run this one by ``super()``, beside it in a class below."""
        if constructor.owner is not None and constructor.is_constructor:
            for below in constructor.owner.descendants():
                for other in below.ancestors:
                    if other.own_constructor is not None:
                        yield other.own_constructor
            for cls in _line(constructor.owner):
                for method in cls.methods.values():
                    if not _NAMING.isdisjoint(method.facts.names):
                        yield method

    def is_only_made(self, constructor: Function, surely: bool = False) -> bool:
        """Is nothing given the classes that a constructor makes objects of, which makes some where
        nobody sees it; or which may do so, if it has to be sure?"""
        key = constructor, surely
        if key not in self._only_made:
            cls = constructor.owner
            classes = (cls, *self._inheriting(cls)) if cls is not None else ()
            self._only_made[key] = all(self._is_only_made(each, surely) for each in classes)
        return self._only_made[key]

    def is_used_later(self, constructor: Function) -> bool:
        """Do methods of the object do I/O too? Then it had better have an async session."""
        assert constructor.owner is not None
        return any(
            self.colors.does_io(method) for cls in _line(constructor.owner)
            for method in cls.methods.values() if not method.is_constructor
        )  # fmt: skip

    def is_reached_by_async(self, constructor: Function) -> bool:
        """Can whoever calls the constructor turn, up to where nobody calls any more?"""
        seen, pending = {constructor}, [constructor]
        while pending:
            for caller, use in self.colors.callers().get(pending.pop(), ()):
                if caller in seen or use.kind == "pass" or caller.facts.is_async:
                    continue
                if len(seen) > _MANY:
                    return False
                if not self._is_constructor(caller) and self.colors.obstacle(caller) is not None:
                    return False
                seen.add(caller)
                if not self.colors.is_entry(caller):
                    pending.append(caller)
        return True

    def names(self, cls: Class) -> Names:
        """The names of the two methods: the same for all classes of a family."""
        family = dict.fromkeys(c for each in cls.ancestors for c in (each, *each.descendants()))
        taken = {name for c in family for name in (*c.methods, *c.body.facts.bound)}
        taken |= {name for c in family for fn in c.methods.values() for name in fn.facts.stores}
        create = next((name for name in _CREATE if name not in taken), "")
        return Names(create, next((name for name in _INITIALIZE if name not in taken), ""))

    # -- may it turn?

    def _group(self, constructor: Function) -> set[Function]:
        """The constructor, those that run it (of subclasses, and of what holds the object), and
        those of the other classes that may be meant where it is called."""
        group, pending = {constructor}, [constructor]
        while pending:
            for caller, use in self.colors.callers().get(pending.pop(), ()):
                for other in (caller, *use.callees):
                    if other not in group and self._is_constructor(other):
                        group.add(other)
                        pending.append(other)
        return group

    def _is_constructor(self, function: Function) -> bool:
        return function.is_method and function.name in _CONSTRUCTORS

    def _may_turn(self, constructor: Function, group: set[Function]) -> bool:
        cls, facts = constructor.owner, constructor.facts
        if cls is None or not self._is_constructor(constructor) or facts.is_generator:
            return False
        parameters = constructor.signature.parameters
        if constructor.signature_is_decorated or not parameters or parameters[0].kind not in "pa":
            return False
        if constructor.name == _OF_DATACLASS and (len(parameters) > 1 or self._are_replaced):
            return False
        if any(parameter.name == "cls" for parameter in parameters) or not all(self.names(cls)):
            return False
        if constructor.module.path in self.colors.blocked or constructor in self.colors.impediments:
            return False
        if self.colors.is_configured_sync(constructor) or self.colors.is_outside(constructor):
            return False
        return (
            self._is_seen(constructor, cls)
            and all(map(self._is_plain, _line(cls))) and not self._is_beside_others(cls)
            and all(self._calls(use, group) for _, use in self._callers(constructor))
            and self.is_only_made(constructor, surely=True)
        )  # fmt: skip

    def _is_seen(self, constructor: Function, cls: Class) -> bool:
        """Does the program make objects of the class, or FastAPI for it; or is there nothing in the
        program that could, by a text either?"""
        if self._callers(constructor) or self.is_injected(constructor):
            return True
        return not any(
            operation and operation[0] == f.CONSTANT and _may_name(operation[5], cls.name, function)
            for function in self.program.functions() for operation in function.body.operations
        )  # fmt: skip

    def is_injected(self, constructor: Function) -> bool:
        """Does FastAPI make objects of the class of a constructor, or of one that inherits it?"""
        if constructor not in self._injected:
            self._injected[constructor] = self._is_injected(constructor)
        return self._injected[constructor]

    def _is_injected(self, constructor: Function) -> bool:
        cls, injected = constructor.owner, self.colors.divider.spread.injected
        classes = (cls, *self._inheriting(cls)) if cls is not None else ()
        return any(
            injected.names(function, other) for other in classes
            for function in self.program.mentioning(other.name)
        )  # fmt: skip

    def _callers(self, constructor: Function) -> list[tuple[Function, Use]]:
        return self.colors.callers().get(constructor, [])

    def _is_plain(self, cls: Class) -> bool:
        """Is a class made as Python makes objects, and by nobody else?"""
        signature, scope = cls.body.signature, cls.body.parent or cls.body
        operations = signature.operations
        decorators = (
            foreign_name(
                scope, operations, operations[i][5] if operations[i][0] == f.CALL else i,
                self.colors.inference,
            )
            for i in signature.decorators
        )  # fmt: skip
        return (
            all(name in _DECORATORS for name in decorators) and not signature.keywords
            and all(isinstance(base, Class) or base in PLAIN_BASES for base in cls.bases)
            and cls.methods.keys().isdisjoint(("__new__", "__init_subclass__"))
        )  # fmt: skip

    @cached_property
    def _are_replaced(self) -> bool:
        """Are dataclasses copied by ``dataclasses.replace`` anywhere, which constructs them?"""
        return any(
            item.module == "dataclasses" and item.name in (None, "replace")
            and any(fn.module is module for fn in self.program.mentioning("replace"))
            for module in self.program.modules.values() for item in module.facts.imports
        )  # fmt: skip

    def _is_beside_others(self, cls: Class) -> bool:
        """Has an object of the class a constructor of another family, too? One calls the other by
        `super()`, under the name that it had."""
        line = set(_line(cls))
        return any(
            other not in line and other.own_constructor is not None
            for below in cls.descendants() for other in below.ancestors
        )  # fmt: skip

    def _inheriting(self, cls: Class) -> Iterator[Class]:
        """The classes below that are made by the same constructor."""
        constructor = cls.own_constructor
        return (below for below in cls.descendants() if below.constructor is constructor)

    def _calls(self, use: Use, group: set[Function]) -> bool:
        """Is the constructor called, alone, where that can be awaited?"""
        if use.kind != "call" or not group.issuperset(use.callees):
            return False
        caller = use.function
        evaluation = self.colors.inference.evaluations[caller]
        callee = evaluation.values[evaluation.operations[use.operation][5]]
        if not all(self._makes(atom, group) for atom in callee):
            return False
        if caller in group:
            return self.colors.places.obstacle(use) is None
        return self.colors.obstacle(caller) is None and self.colors.places.obstacle(use) is None

    def _makes(self, atom: v.Atom, group: set[Function]) -> bool:
        if isinstance(atom, v.ClassObject):
            return atom.cls.constructor in group
        return isinstance(atom, v.FunctionObject) and atom.function in group

    # -- is it only made?

    def _is_only_made(self, cls: Class, surely: bool) -> bool:
        names = [(None, cls.name), *self.program.imported_as(cls)]
        return all(
            self._uses_plainly(function, cls, surely)
            for module, name in names for function in self.program.mentioning(name)
            if module is None or function.module is module
        )  # fmt: skip

    def _uses_plainly(self, function: Function, cls: Class, surely: bool) -> bool:
        evaluation = self.colors.inference.evaluations.get(function)
        if evaluation is not None:
            layout, atom = self.colors.uses.layout(function), v.ClassObject(cls)
            for index, value in enumerate(evaluation.values):
                if atom in value and not self._is_kept(
                    evaluation, layout.parent(index), index, surely
                ):
                    return False
        scope, operations = function.parent or function, function.signature.operations
        for operation in operations:
            if (
                operation
                and operation[0] == f.CALL
                and any(
                    self.program.resolve_expression(scope, operations, i) is cls
                    for i in _given(operation)
                    if operations[i][0] in (f.NAME, f.ATTRIBUTE)
                )
                and foreign_name(scope, operations, operation[5], self.colors.inference)
                not in DEPENDS
            ):
                return False
        return True

    def _is_kept(self, evaluation: Evaluation, parent: int, index: int, surely: bool) -> bool:
        """Does whoever uses a class by name only look at it, keep it, or make an object?"""
        operation = evaluation.operations[parent] if parent >= 0 else ()
        if not operation or operation[0] != f.CALL or operation[5] == index:
            return True
        callee, method = evaluation.values[operation[5]], evaluation.operations[operation[5]]
        names = [atom.name for atom in callee if isinstance(atom, v.Foreign)]
        if not surely:
            return _CALLING.isdisjoint(names)
        if not callee and method[0] == f.ATTRIBUTE and method[6] in v.FILLING:
            return True
        if _looks(evaluation, operation, names):
            return True
        return bool(callee) and all(
            isinstance(atom, (v.FunctionObject, v.ClassObject))
            or (isinstance(atom, v.Foreign) and atom.name in LOOKED_AT)
            for atom in callee
        )  # fmt: skip


def _looks(evaluation: Evaluation, operation: f.Operation, names: list[str]) -> bool:
    """Does a test mock a class, or replace a member of it that isn't its constructor?"""
    method = evaluation.operations[operation[5]]
    last = method[6] if method[0] == f.ATTRIBUTE else method[5] if method[0] == f.NAME else ""
    known = all(name.startswith(MOCKS_OF) or name in REPLACING for name in names)
    constants = (evaluation.operations[i] for i in _given(operation))
    return last in OF_CLASSES and known and not any(
        given and given[0] == f.CONSTANT and given[5] in _CONSTRUCTORS for given in constants
    )  # fmt: skip


def _may_name(text: object, name: str, function: Function) -> bool:
    """Is a class named by a text: `"services.Report"`? A module's list of its names does no more
    than show it."""
    if not isinstance(text, str) or not text.endswith(name):
        return False
    before = text.removesuffix(name)
    return before.endswith((".", ":")) or (not before and function.facts.kind != "module")


def _line(cls: Class) -> tuple[Class, ...]:
    """A class with those above and below it."""
    return tuple(dict.fromkeys((*cls.ancestors, *cls.descendants())))


def _given(operation: f.Operation) -> tuple[int, ...]:
    """The arguments of a call."""
    positional = tuple(i if i >= 0 else ~i for i in operation[6])
    return (*positional, *(i for _, i in operation[7]))
