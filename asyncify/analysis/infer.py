"""Infer: types over the whole program.

Functions are evaluated one at a time; what flows between them (returns, yields, arguments,
attributes, globals, captured variables) is kept in *slots*, and a function is evaluated again when
a slot that it read has grown. Only functions that can matter are evaluated: those in which a name
of SQLAlchemy, or of something found to do database work, occurs, and those that they need.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from asyncify import facts as f
from asyncify.analysis import declarations
from asyncify.analysis import values as v
from asyncify.analysis.evaluate import Evaluation
from asyncify.analysis.fixtures import Fixtures
from asyncify.analysis.heat import Heat
from asyncify.analysis.models import Models
from asyncify.analysis.program import Class, Function, Module, Program, dotted
from asyncify.analysis.query_properties import QueryProperties
from asyncify.config import Config
from asyncify.vocabulary.names import FUNCTIONS, KINDS, TABLES
from asyncify.vocabulary.rows import Member
from asyncify.vocabulary.testing import CLIENTS

Slot = tuple[Any, ...]

_PROPERTIES = {
    "property", "functools.cached_property", "cached_property", "abc.abstractproperty",
    "sqlalchemy.ext.hybrid.hybrid_property", "hybrid_property",
    "sqlalchemy.util.memoized_property",
}  # fmt: skip
_MANAGERS = {"contextlib.contextmanager", "contextlib.asynccontextmanager"}
# Methods of a session whose use tells that an unknown object is one.
_DISTINCTIVE = {
    "query", "commit", "rollback", "flush", "refresh", "add_all", "begin_nested", "scalars",
    "expunge", "merge", "bulk_save_objects", "execute", "scalar", "expire", "expire_all",
}  # fmt: skip
_ROUNDS = 40  # evaluations of one function; a lattice of this height is never climbed so far
_PLAIN = (v.Foreign, v.ForeignInstance, v.Literal, v.ModuleObject, v.Collection, v.TupleValue)
_ANYTHING = {"typing.Any", "object"}
_WITHOUT_CONSTANTS = {"attribute", "parameter", "return", "yield"}  # slots
_NESTED = 60  # evaluations inside one another; what lies deeper waits for its turn
_RECURSION_LIMIT = 12_000  # room for them, and for statements as deep as Python reads


class Inference:
    """The types of a program, computed on demand."""

    def __init__(self, program: Program, config: Config) -> None:
        self.program = program
        self.config = config
        self.models = Models(program)
        self.kinds = frozenset((*KINDS.values(), *TABLES))
        self.evaluations: dict[Function, Evaluation] = {}
        self._slots: dict[Slot, v.Value] = {}
        self._readers: dict[Slot, dict[Function, None]] = {}
        self._queue: deque[Function] = deque()
        self._again: deque[Function] = deque()  # those that were evaluated: they wait for more
        self._queued: set[Function] = set()
        self._counts: dict[Function, int] = {}
        self.heat = Heat(program, self.need, lambda function: self.fixtures.name(function))
        self._current: Function | None = None
        self._running: set[Function] = set()
        self._free_names: dict[Function, dict[str, Any]] = {}
        self._declared: dict[tuple[Function, int], v.Value] = {}
        self.dependencies: set[Function] = set()  # what FastAPI calls and injects
        self._injected = 0  # how often something was injected: such values grow
        self.fixtures = Fixtures(self)
        self.members: dict[tuple[Class, str, bool], v.Value] = {}  # methods, as values
        self._objects: dict[Class | tuple[Function, bool], v.Value] = {}
        self._rows: dict[tuple[str, str], Member | None] = {}
        self._attributes: dict[tuple[Class, str], tuple[Slot, ...]] = {}
        self._positions: dict[tuple[Function, bool], tuple[int, ...]] = {}
        self._likely_names: dict[str, bool] = {}
        self._holding: dict[v.Value, bool] = {}
        self._plain: dict[v.Value, bool] = {}
        self._constant: dict[Function, bool] = {}
        self._stripped: dict[v.Value, v.Value] = {}
        self.runs = 0  # grows with every evaluation: what is derived from them may be kept
        self._decorators: dict[Function, tuple[str, ...]] = {}
        self._methods: dict[tuple[Class, str], tuple[Function, ...]] = {}
        self.related: set[tuple[v.Origin, v.Origin]] = set()  # a factory and its engine
        self.staying: set[v.Origin] = set()  # what makes sessions that can't be async
        self._sought: set[Slot] = set()
        self._likely: dict[tuple[Function, str], bool] = {}
        self.query_properties = QueryProperties(program)

    # -- the worklist

    def need(self, function: Function) -> None:
        """Evaluate a function, unless that was done or is due."""
        if function not in self.evaluations and function not in self._queued:
            self._queued.add(function)
            self._queue.append(function)

    def again(self, functions: Iterable[Function]) -> None:
        """Evaluate functions, and once more those that were evaluated before."""
        for function in functions:
            if function not in self._queued and function is not self._current:
                self._queued.add(function)
                self._again.append(function)

    def settle(self) -> None:
        """Evaluate until nothing changes."""
        with _deep_recursion():
            while self._queue or self._again:
                function = (self._queue or self._again).popleft()
                if function in self._queued:  # else it was evaluated on the way
                    self._run(function)

    def demand(self, function: Function) -> None:
        """Evaluate now what the function under evaluation depends on: it would have to be
        evaluated once more if it came first."""
        if function in self.evaluations or function in self._running:
            return
        if self._current is None or len(self._running) >= _NESTED:
            self.need(function)
        else:
            self._run(function)

    def _run(self, function: Function) -> None:
        self._queued.discard(function)
        self.runs += 1
        count = self._counts[function] = self._counts.get(function, 0) + 1
        if count > _ROUNDS:
            return
        outer = self._current
        self._current = function
        self._running.add(function)
        evaluation = Evaluation(self, function)
        evaluation.run()
        self.evaluations[function] = evaluation
        self._running.discard(function)
        self._current = outer

    def holds_objects(self, value: v.Value) -> bool:
        """Is an object of SQLAlchemy or a Query among the alternatives?"""
        found = self._holding.get(value)
        if found is None:
            found = any(isinstance(a, (v.Known, v.QueryValue)) for a in value)
            self._holding[value] = found
        return found

    def is_plain(self, value: v.Value) -> bool:
        """Is nothing of the program and no object of SQLAlchemy among the alternatives?"""
        found = self._plain.get(value)
        if found is None:
            found = self._plain[value] = all(isinstance(a, _PLAIN) for a in value)
        return found

    # -- slots

    def read(self, slot: Slot) -> v.Value:
        """The value of a slot; the function under evaluation is run again when it grows."""
        current = self._current
        if current is not None:
            readers = self._readers.get(slot)
            if readers is None:
                self._readers[slot] = {current: None}
            else:
                readers[current] = None
        return self._slots.get(slot, v.UNKNOWN)

    def write(self, slot: Slot, value: v.Value) -> None:
        if not value:
            return
        if slot[0] in _WITHOUT_CONSTANTS:
            value = self._without_constants(value)
            if not value:
                return
        known = self._slots.get(slot, v.UNKNOWN)
        if value <= known:
            return
        grown = known | value if known else value
        if len(grown) > v.WIDTH * 4 or v.depth(grown) > v.DEPTH:
            return
        self._slots[slot] = grown
        self.heat.note(slot, value)
        if slot[0] == "parameter" and any(map(_is_received, value)):
            self.need(slot[1])
        for reader in self._readers.get(slot, ()):
            if reader not in self._queued:
                self._queued.add(reader)
                self._again.append(reader)

    def _without_constants(self, value: v.Value) -> v.Value:
        """Constants are passed and returned everywhere, and each new one would have everybody who
        reads the slot evaluated again, to learn nothing."""
        found = self._stripped.get(value)
        if found is None:
            kept = frozenset(a for a in value if not isinstance(a, v.Literal))
            found = self._stripped[value] = value if len(kept) == len(value) else kept
        return found

    def given(self, what: str, function: Function) -> v.Value:
        """What was seen to be returned or yielded (``what``) by a function."""
        return self._slots.get((what, function), v.UNKNOWN)

    def passed(self, function: Function, position: int) -> v.Value:
        """What was seen to be given for a parameter."""
        return self._slots.get(("parameter", function, position), v.UNKNOWN)

    def attributes_held(self) -> Iterator[tuple[Class, v.Value]]:
        """The classes with attributes that hold objects of SQLAlchemy, and what these hold."""
        for slot, value in self._slots.items():
            if slot[0] == "attribute" and self.holds_objects(value):
                yield slot[1], value

    # -- functions

    def decorators(self, function: Function) -> tuple[str, ...]:
        """Decorators as dotted names: foreign ones whole, the program's as written."""
        found = self._decorators.get(function)
        if found is None:
            signature = function.signature
            scope = function.parent or function
            names = []
            for index in signature.decorators:
                operation = signature.operations[index]
                callee = operation[5] if operation[0] == f.CALL else index
                foreign = declarations.foreign_name(scope, signature.operations, callee, self)
                names.append(foreign or dotted(signature.operations, callee))
            found = self._decorators[function] = tuple(names)
        return found

    def is_property(self, function: Function) -> bool:
        return function.signature_is_decorated and any(
            d in _PROPERTIES or d.endswith((".setter", ".getter", ".deleter", ".expression"))
            for d in self.decorators(function)
        )

    def is_class_method(self, function: Function) -> bool:
        return bool({"classmethod", "staticmethod"} & set(self.decorators(function)))

    def is_manager(self, function: Function) -> bool:
        return bool(_MANAGERS & set(self.decorators(function)))

    def methods(self, cls: Class, name: str) -> tuple[Function, ...]:
        """What a call of ``name`` on an instance may run: the class's own, and overrides."""
        key = (cls, name)
        found = self._methods.get(key)
        if found is None:
            own = cls.find(name)
            below = [c.methods[name] for c in cls.descendants() if name in c.methods]
            found = tuple(dict.fromkeys([*([own] if own else []), *below]))
            self._methods[key] = found
        return found

    def function_value(self, function: Function, bound: bool) -> v.Value:
        """A function as a value, with the wrappers that decorators of the program put around it."""
        key = function, bound
        value = self._objects.get(key)
        if value is None:
            value = self._objects[key] = v.one(v.FunctionObject(function, bound))
        if function.signature_is_decorated:
            parent = function.parent
            if parent is not None and parent.facts.kind != "def":
                self.need(parent)
            value = value | self.read(("wrapped", function))
        return value

    def class_value(self, cls: Class) -> v.Value:
        """A class as a value."""
        value = self._objects.get(cls)
        if value is None:
            value = self._objects[cls] = v.one(v.ClassObject(cls))
        return value

    def free_names(self, function: Function) -> dict[str, Any]:
        """What the free names of a function mean, filled by its evaluations: the next one needn't
        look them up again."""
        return self._free_names.setdefault(function, {})

    def declared(self, function: Function, annotation: int) -> v.Value:
        """The value of an annotation of a function's signature. Only what is injected into it may
        grow; all others are kept."""
        if annotation < 0:
            return v.UNKNOWN
        key = function, annotation
        value = self._declared.get(key)
        if value is None:
            injected = self._injected
            scope = function.parent or function
            value = declarations.annotation_value(
                self, scope, function.signature.operations, annotation
            )
            if injected == self._injected:
                self._declared[key] = value
        return value

    def parameter(self, function: Function, position: int) -> v.Value:
        """What a parameter is: by its annotation, its default and the call sites."""
        parameter = function.signature.parameters[position]
        if parameter.kind in ("*", "**"):
            return v.UNKNOWN
        own = self._receiver(function, position)
        if own:
            return own
        scope = function.parent or function
        operations = function.signature.operations
        injected = declarations.dependency_value(self, scope, operations, parameter.default)
        declared = self.declared(function, parameter.annotation)
        if injected is not None and injected:
            return v.join((injected, self.read(("parameter", function, position))))
        kinds = {a.kind for a in declared if isinstance(a, v.Known)}
        is_client = any(isinstance(a, v.Client) for a in declared)
        if declared and not kinds and not is_client:
            return self.functions_in(declared, ("parameter", function, position)) or declared
        passed = self.read(("parameter", function, position))
        passed = self.fixtures.value(function, parameter.name) or passed
        if is_client:
            return frozenset(a for a in passed if isinstance(a, v.Client)) or declared
        if kinds:
            better = frozenset(a for a in passed if isinstance(a, v.Known) and a.kind in kinds)
            queries = frozenset(a for a in passed if isinstance(a, v.QueryValue))
            return (queries if "Query" in kinds else v.UNKNOWN) or better or declared
        if not passed and not declared and self._is_open(function, parameter.annotation):
            self._seek(("callers", function), function.name, function)
        return passed

    def functions_in(self, declared: v.Value, slot: Slot) -> v.Value:
        """The functions in a slot, where its annotation says no more than that it is called."""
        if not declarations.is_callable(declared):
            return v.UNKNOWN
        return declarations.functions(self.read(slot))

    def _is_open(self, function: Function, annotation: int) -> bool:
        """Does an annotation allow anything? An `int` is unknown as well, but nobody has to be
        evaluated to learn that: in a large program that would be half of all functions."""
        if annotation < 0:
            return True
        scope, operations = function.parent or function, function.signature.operations
        return declarations.foreign_name(scope, operations, annotation, self) in _ANYTHING

    def _receiver(self, function: Function, position: int) -> v.Value:
        if position or not function.is_method or function.owner is None:
            return v.UNKNOWN
        decorators = self.decorators(function)
        if "staticmethod" in decorators:
            return v.UNKNOWN
        if "classmethod" in decorators or function.name == "__new__":
            return v.one(v.ClassObject(function.owner))
        return v.join((v.one(v.Instance(function.owner)), declarations.instance_of(function.owner)))

    def _seek(self, key: Slot, name: str, function: Function) -> None:
        """Evaluate those who may call an un-annotated function: what they pass is its type."""
        if key in self._sought:
            return
        self._sought.add(key)
        if name == "__init__" and function.owner is not None:
            name = function.owner.name
        mentions = self.program.mentioning(name)
        if len(mentions) <= 60:
            for caller in mentions:
                self.need(caller)

    def pass_arguments(
        self, function: Function, bound: bool, arguments: list[v.Value], named: dict[str, v.Value]
    ) -> None:
        for position, value in zip(self._positional(function, bound), arguments, strict=False):
            if value:
                self.write(("parameter", function, position), value)
        if not named:
            return
        for position, parameter in enumerate(function.signature.parameters):
            if parameter.name in named and parameter.kind in "ak":
                self.write(("parameter", function, position), named[parameter.name])

    def _positional(self, function: Function, bound: bool) -> tuple[int, ...]:
        """The parameters that the positional arguments of a call are for."""
        key = function, bound
        found = self._positions.get(key)
        if found is None:
            skip = (
                bound
                and function.owner is not None
                and "staticmethod" not in self.decorators(function)
            )
            every = [i for i, p in enumerate(function.signature.parameters) if p.kind in "pa"]
            found = self._positions[key] = tuple(every[1 if skip else 0 :])
        return found

    def called(
        self,
        function: Function,
        bound: bool,
        arguments: list[v.Value],
        named: dict[str, v.Value],
        awaited: bool = False,
    ) -> v.Value:
        """What a call gives; the arguments flow into the parameters."""
        self.pass_arguments(function, bound, arguments, named)
        if self.is_manager(function):
            return v.one(v.Managed(self._yield_declared(function), function))
        if function.facts.is_generator:
            self.demand(function)
            return v.one(v.Generated(function))
        if function.facts.is_async and not awaited:
            return v.one(v.CoroutineValue(function))
        return self.result(function)

    def result(self, function: Function) -> v.Value:
        """What a function returns, by its annotation and its ``return`` statements."""
        declared = self.declared(function, function.signature.returns)
        if declared and not any(isinstance(a, (v.Known, v.Client)) for a in declared):
            if declarations.is_callable(declared):
                self.demand(function)
            return self.functions_in(declared, ("return", function)) or declared
        if not declared and self._gives_constants(function):
            return v.UNKNOWN
        self.demand(function)
        given = self.read(("return", function))
        return given if self.holds_objects(given) else declared or given

    def _gives_constants(self, function: Function) -> bool:
        """Does the annotation say that what a function returns isn't worth knowing?"""
        found = self._constant.get(function)
        if found is None:
            signature = function.signature
            found = self._constant[function] = declarations.is_constant(
                self, function.parent or function, signature.operations, signature.returns
            )
        return found

    def returned(self, function: Function, value: v.Value) -> None:
        self.write(("return", function), value)

    def provided(self, function: Function) -> v.Value:
        """What FastAPI injects for a dependency: what it yields, or returns."""
        self._injected += 1
        self.dependencies.add(function)
        self.demand(function)
        if function.facts.is_generator:
            given = self.read(("yield", function))
            return given if self.holds_objects(given) else self._yield_declared(function) or given
        return self.result(function)

    def _yield_declared(self, function: Function) -> v.Value:
        self.demand(function)
        return v.elements(self.declared(function, function.signature.returns))

    # -- classes and modules

    def fields(self, cls: Class) -> list[str]:
        """The fields of a class without constructor (a dataclass), in order."""
        return [
            s[7][1] for s in cls.body.body.statements
            if s[0] == f.ANNOTATED and s[7][0] == f.TO_NAME
        ]  # fmt: skip

    def attribute(self, cls: Class, name: str) -> v.Value:
        """An attribute: whatever any method of the class, its bases or subclasses assigns."""
        key = cls, name
        slots = self._attributes.get(key)
        if slots is None:
            family = dict.fromkeys((*cls.ancestors, *cls.descendants()))
            slots = self._attributes[key] = tuple(("attribute", each, name) for each in family)
            for member in family:
                for function in (member.body, *member.methods.values()):
                    facts = function.facts
                    stored = facts.bound if facts.kind == "class" else facts.stores
                    if name in stored or (
                        name in facts.members and not v.FILLING.isdisjoint(facts.members)
                    ):
                        self.demand(function)
        if len(slots) == 1:
            return v.capped(self.read(slots[0]))
        return v.join([self.read(slot) for slot in slots])

    def global_value(self, module: Module, name: str) -> v.Value:
        self.demand(module.functions[0])
        return self.read(("global", module, name))

    def row(self, kind: str, name: str) -> Member | None:
        """The vocabulary's row of a member."""
        key = kind, name
        if key not in self._rows:
            table = TABLES.get(kind)
            version = self.config.sqlalchemy_version
            self._rows[key] = table.member(name, version) if table is not None else None
        return self._rows[key]

    # -- names

    def looks_like_session(self, function: Function, name: str) -> bool:
        """Is a variable used as a session, under one of the configured names?"""
        named = self._likely_names.get(name)
        if named is None:
            named = any(fnmatchcase(name, pattern) for pattern in self.config.session_names)
            self._likely_names[name] = named
        if not named:
            return False
        key = (function, name)
        if key not in self._likely:
            self._likely[key] = self._is_likely(function, name)
        return self._likely[key]

    def _is_likely(self, function: Function, name: str) -> bool:
        used = {
            operation[6]
            for operation in function.body.operations
            if operation and operation[0] == f.ATTRIBUTE
            and dotted(function.body.operations, operation[5]).rpartition(".")[2] == name
        }  # fmt: skip
        members = {row.name for row in TABLES["Session"].members}
        return bool(used & _DISTINCTIVE) and used <= members and self._uses_sqlalchemy

    @cached_property
    def _uses_sqlalchemy(self) -> bool:
        return any(
            item.module.partition(".")[0] in ("sqlalchemy", "sqlmodel", "flask_sqlalchemy")
            for module in self.program.modules.values()
            for item in module.facts.imports
        )


def _is_received(atom: v.Atom) -> bool:
    """Is it something that is looked for in the function that gets it? Nobody else calls a
    lambda."""
    if isinstance(atom, v.FunctionObject):
        return atom.function.facts.kind == "lambda"
    return isinstance(atom, (v.Known, v.QueryValue))


@contextmanager
def _deep_recursion() -> Iterator[None]:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _RECURSION_LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def infer(program: Program, config: Config) -> Inference:
    """Types of all that the vocabulary's names reach."""
    inference = Inference(program, config)
    names = {name.rpartition(".")[2] for name in (*KINDS, *FUNCTIONS)}
    # What makes sessions comes first, and with it whoever calls that: it hands them on, and a
    # function that is evaluated before it is called has to be evaluated again.
    inference.heat.names(sorted(_MAKERS))
    inference.settle()
    clients = client_classes(program)
    inference.heat.names(sorted((names & _SEEDS) | _MORE_SEEDS | {body.name for body in clients}))
    for body in clients:
        for method in program.classes[body].methods.values():
            inference.need(method)  # what it overrides is called by the library
    inference.heat.members(sorted(_DISTINCTIVE))
    inference.settle()
    return inference


def client_classes(program: Program) -> list[Function]:
    """The program's own classes of clients of the application: their bodies."""
    words = sorted({name.rpartition(".")[2] for name in CLIENTS})
    return [
        body for word in words for body in program.mentioning(word)
        if body.facts.kind == "class" and program.classes[body].foreign_bases & CLIENTS
    ]  # fmt: skip


_MAKERS = {
    "scoped_session", "async_scoped_session", "sessionmaker", "async_sessionmaker",
    "create_engine", "create_async_engine", "engine_from_config", "SQLAlchemy",
}  # fmt: skip
_SEEDS = {
    "Session",
    "AsyncSession",
    "Engine",
    "AsyncEngine",
    "Connection",
    "AsyncConnection",
    "Query",
}
_MORE_SEEDS = {"create_all", "drop_all", "run_sync", "sync_session", "Depends", "TestClient"}
