"""Infer: types over the whole program.

Functions are evaluated one at a time; what flows between them (returns, yields, arguments,
attributes, globals, captured variables) is kept in *slots*, and a function is evaluated again when
a slot that it read has grown. Only functions that can matter are evaluated: those in which a name
of SQLAlchemy, or of something found to do database work, occurs, and those that they need.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from asyncify import facts as f
from asyncify.analysis import declarations
from asyncify.analysis import values as v
from asyncify.analysis.evaluate import Evaluation
from asyncify.analysis.models import Models
from asyncify.analysis.program import Class, Function, Module, Program, dotted
from asyncify.config import Config
from asyncify.vocabulary.names import FUNCTIONS, KINDS, TABLES
from asyncify.vocabulary.rows import Member

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


class Inference:
    """The types of a program, computed on demand."""

    def __init__(self, program: Program, config: Config) -> None:
        self.program = program
        self.config = config
        self.models = Models(program)
        self.kinds = frozenset(KINDS.values())
        self.evaluations: dict[Function, Evaluation] = {}
        self._slots: dict[Slot, v.Value] = {}
        self._readers: dict[Slot, set[Function]] = {}
        self._queue: deque[Function] = deque()
        self._queued: set[Function] = set()
        self._counts: dict[Function, int] = {}
        self._hot: set[str] = set()
        self._current: Function | None = None
        self._decorators: dict[Function, tuple[str, ...]] = {}
        self._methods: dict[tuple[Class, str], tuple[Function, ...]] = {}
        self.related: set[tuple[v.Origin, v.Origin]] = set()  # a factory and its engine
        self._sought: set[Slot] = set()
        self._likely: dict[tuple[Function, str], bool] = {}

    # -- the worklist

    def heat(self, names: Iterable[str]) -> None:
        """Evaluate every function in which one of the names occurs."""
        for name in names:
            if name not in self._hot and name:
                self._hot.add(name)
                for function in self.program.mentioning(name):
                    self.need(function)

    def need(self, function: Function) -> None:
        """Evaluate a function, unless that was done or is due."""
        if function not in self.evaluations and function not in self._queued:
            self._queued.add(function)
            self._queue.append(function)

    def settle(self) -> None:
        """Evaluate until nothing changes."""
        while self._queue:
            function = self._queue.popleft()
            self._queued.discard(function)
            count = self._counts[function] = self._counts.get(function, 0) + 1
            if count > _ROUNDS:
                continue
            self._current = function
            evaluation = Evaluation(self, function)
            evaluation.run()
            self.evaluations[function] = evaluation
        self._current = None

    # -- slots

    def read(self, slot: Slot) -> v.Value:
        """The value of a slot; the function under evaluation is run again when it grows."""
        if self._current is not None:
            self._readers.setdefault(slot, set()).add(self._current)
        return self._slots.get(slot, v.UNKNOWN)

    def write(self, slot: Slot, value: v.Value) -> None:
        if not value:
            return
        known = self._slots.get(slot, v.UNKNOWN)
        grown = known | value
        if grown == known or v.depth(grown) > v.DEPTH:
            return
        if len(grown) > v.WIDTH * 4:
            return
        self._slots[slot] = grown
        if slot[0] == "parameter" and any(isinstance(a, (v.Known, v.QueryValue)) for a in value):
            self.need(slot[1])
        for reader in self._readers.get(slot, ()):
            if reader not in self._queued:
                self._queued.add(reader)
                self._queue.append(reader)

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
        return any(
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
        value = v.one(v.FunctionObject(function, bound))
        if function.signature_is_decorated:
            parent = function.parent
            if parent is not None and parent.facts.kind != "def":
                self.need(parent)
            value = value | self.read(("wrapped", function))
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
        passed = self.read(("parameter", function, position))
        declared = declarations.annotation_value(self, scope, operations, parameter.annotation)
        if injected is not None and injected:
            return v.join((injected, passed))
        kinds = {a.kind for a in declared if isinstance(a, v.Known)}
        if kinds:
            better = frozenset(a for a in passed if isinstance(a, v.Known) and a.kind in kinds)
            queries = frozenset(a for a in passed if isinstance(a, v.QueryValue))
            return (queries if "Query" in kinds else v.UNKNOWN) or better or declared
        if declared:
            return declared
        if not passed and parameter.annotation < 0:
            self._seek(("callers", function), function.name, function)
        return passed

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
        parameters = function.signature.parameters
        skip = (
            bound and function.owner is not None and "staticmethod" not in self.decorators(function)
        )
        positional = [i for i, p in enumerate(parameters) if p.kind in "pa"][1 if skip else 0 :]
        for position, value in zip(positional, arguments, strict=False):
            self.write(("parameter", function, position), value)
        for position, parameter in enumerate(parameters):
            if parameter.name in named and parameter.kind in "ak":
                self.write(("parameter", function, position), named[parameter.name])

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
            self._demand(function)
            return v.one(v.Generated(function))
        if function.facts.is_async and not awaited:
            return v.one(v.CoroutineValue(function))
        return self.result(function)

    def result(self, function: Function) -> v.Value:
        """What a function returns, by its annotation and its ``return`` statements."""
        signature = function.signature
        scope = function.parent or function
        declared = declarations.annotation_value(
            self, scope, signature.operations, signature.returns
        )
        if declared and not any(isinstance(a, v.Known) for a in declared):
            return declared
        self._demand(function)
        given = self.read(("return", function))
        return given or declared

    def returned(self, function: Function, value: v.Value) -> None:
        self.write(("return", function), value)

    def provided(self, function: Function) -> v.Value:
        """What FastAPI injects for a dependency: what it yields, or returns."""
        self._demand(function)
        if function.facts.is_generator:
            given = self.read(("yield", function))
            return given or self._yield_declared(function)
        return self.result(function)

    def _yield_declared(self, function: Function) -> v.Value:
        signature = function.signature
        scope = function.parent or function
        self._demand(function)
        return v.elements(
            declarations.annotation_value(self, scope, signature.operations, signature.returns)
        )

    def _demand(self, function: Function) -> None:
        self.need(function)

    # -- classes and modules

    def fields(self, cls: Class) -> list[str]:
        """The fields of a class without constructor (a dataclass), in order."""
        return [
            s[7][1] for s in cls.body.body.statements
            if s[0] == f.ANNOTATED and s[7][0] == f.TO_NAME
        ]  # fmt: skip

    def attribute(self, cls: Class, name: str) -> v.Value:
        """An attribute: whatever any method of the class, its bases or subclasses assigns."""
        family = [*cls.ancestors, *cls.descendants()]
        key = ("attribute family", cls, name)
        if key not in self._sought:
            self._sought.add(key)
            for member in family:
                for function in (member.body, *member.methods.values()):
                    if name in function.facts.names or name in function.facts.bound:
                        self.need(function)
        return v.join(self.read(("attribute", member, name)) for member in family)

    def global_value(self, module: Module, name: str) -> v.Value:
        self.need(module.functions[0])
        return self.read(("global", module, name))

    def row(self, kind: str, name: str) -> Member | None:
        """The vocabulary's row of a member."""
        table = TABLES.get(kind)
        return table.member(name, self.config.sqlalchemy_version) if table is not None else None

    # -- names

    def looks_like_session(self, function: Function, name: str) -> bool:
        """Is a variable used as a session, under one of the configured names?"""
        key = (function, name)
        if key not in self._likely:
            self._likely[key] = self._is_likely(function, name)
        return self._likely[key]

    def _is_likely(self, function: Function, name: str) -> bool:
        if not any(fnmatchcase(name, pattern) for pattern in self.config.session_names):
            return False
        used = {
            operation[6]
            for operation in function.body.operations
            if operation and operation[0] == f.ATTRIBUTE
            and dotted(function.body.operations, operation[5]).rpartition(".")[2] == name
        }  # fmt: skip
        members = {row.name for row in TABLES["Session"].members}
        return bool(used & _DISTINCTIVE) and used <= members and self._uses_sqlalchemy()

    def _uses_sqlalchemy(self) -> bool:
        if not hasattr(self, "_sqlalchemy"):
            self._sqlalchemy = any(
                item.module.partition(".")[0] in ("sqlalchemy", "sqlmodel", "flask_sqlalchemy")
                for module in self.program.modules.values()
                for item in module.facts.imports
            )
        return self._sqlalchemy


def infer(program: Program, config: Config) -> Inference:
    """Types of all that the vocabulary's names reach."""
    inference = Inference(program, config)
    names = {name.rpartition(".")[2] for name in (*KINDS, *FUNCTIONS)}
    inference.heat(sorted((names & _SEEDS) | _DISTINCTIVE | _MORE_SEEDS))
    inference.settle()
    return inference


_SEEDS = {
    "Session", "AsyncSession", "scoped_session", "async_scoped_session", "sessionmaker",
    "async_sessionmaker", "Engine", "AsyncEngine", "Connection", "AsyncConnection", "Query",
    "create_engine", "create_async_engine", "engine_from_config",
}  # fmt: skip
_MORE_SEEDS = {"create_all", "drop_all", "run_sync", "sync_session", "Depends"}
