"""Boundaries: what libraries do with the functions that they are given, or decorate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.declarations import foreign_name
from asyncify.analysis.infer import Inference
from asyncify.analysis.program import Class, Function, Variable, dotted
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary.blocking import ALWAYS_ASYNC
from asyncify.vocabulary.classes import Calls, calls, is_unknown
from asyncify.vocabulary.frameworks import (
    MAKERS,
    METHODS,
    Rule,
    boundary,
    constructor_boundary,
    method_boundary,
)
from asyncify.vocabulary.injection import PLAIN_CONTAINER, PLAIN_ROUTES, PROVIDE, ROUTE_CLASS

# Rules under which a coroutine function can take the place of a plain one.
_FITTING = {Rule.AWAITED, Rule.TRANSPARENT, Rule.INSPECTED, Rule.RENAME, Rule.STRIP, Rule.UNWRAP}
# Builtins that look at a function or keep it.
_LOOKING = {
    "isinstance", "issubclass", "callable", "id", "type", "getattr", "hasattr", "print", "repr",
    "str", "setattr", "len", "dict", "list", "tuple", "set", "append", "staticmethod",
    "classmethod", "property", "super", "appendleft", "fromkeys", "OrderedDict", "deque",
    "ChainMap", "Counter", "MappingProxyType",
}  # fmt: skip
_NAMES = 8_192  # of which it is known what they do
_LOOKING_MODULES = ("inspect.", "typing.", "unittest.mock.", "dataclasses.")

# What keeps or chooses among the items of containers, and frameworks that await them.
_CONTAINING = (
    "asyncio.", "bisect.", "builtins.", "click.", "collections.", "contextlib.", "copy.",
    "dataclasses.", "enum.", "fastapi.", "functools.", "heapq.", "itertools.", "json.", "litestar.",
    "logging.", "operator.", "pydantic.", "pytest", "random.", "sqlalchemy.", "starlette.",
    "typer.", "types.", "typing.", "unittest.", "aiohttp.", "weakref.",
)  # fmt: skip

_ASKING = ("apscheduler.", "fastapi.", "litestar.", "starlette.")


@dataclass(frozen=True, slots=True)
class Decorator:
    """One decorator: its name as far as it is known, its rule (None: unknown), and whether it is
    foreign to the program."""

    name: str
    rule: Rule | None
    foreign: bool


# What the configuration of a run says of names: `[tool.asyncify.boundaries]`.
_TOLD: dict[str, Rule] = {}


def settle(boundaries: tuple[tuple[str, str], ...]) -> None:
    """Have what the configuration says of libraries hold, before what the tables say."""
    told = {name.removeprefix("@"): Rule(rule) for name, rule in boundaries}
    if told != _TOLD:
        _TOLD.clear()
        _TOLD.update(told)
        for kept in (rule_of, fits, asks_first, may_call_items, calls_what_it_gets):
            kept.cache_clear()


@lru_cache(_NAMES)
def rule_of(name: str) -> Rule | None:
    """The rule of something foreign by its dotted name; methods are ``class().method``, keywords
    of constructors, and what classes below set, ``class(keyword)``."""
    if name in _TOLD:
        return _TOLD[name]
    if name.startswith("pytest.mark."):
        return Rule.INSPECTED
    if name.endswith(")") and not name.endswith("()"):
        owner, _, keyword = name[:-1].rpartition("(")
        made = constructor_boundary(owner, keyword)
        return made.rule if made is not None else None
    owner, separator, method = name.rpartition("().")
    found = method_boundary(owner, method) if separator else boundary(name)
    return found.rule if found is not None else None


@lru_cache(_NAMES)
def fits(name: str) -> bool:
    """May a coroutine function be given to something foreign?"""
    rule = rule_of(name)
    if rule is not None:
        return rule in _FITTING
    last = name.rpartition(".")[2]
    return last in _LOOKING or name.startswith(_LOOKING_MODULES) or "dependency_overrides" in name


@lru_cache(_NAMES)
def asks_first(name: str) -> bool:
    """Does something foreign await only functions that are async by themselves? What any other
    gives it takes for the result, coroutines too."""
    return name.startswith(_ASKING) or "dependency_overrides" in name


@lru_cache(_NAMES)
def may_call_items(name: str) -> bool:
    """May something foreign call the functions in a list or dict that it is given?"""
    if name.endswith(")") and not name.endswith("()"):
        return not fits(name)  # a keyword of which it is known
    return "." in name and not name.startswith(_CONTAINING) and not fits(name)


@lru_cache(_NAMES)
def calls_what_it_gets(name: str) -> bool:
    """Is it known of something foreign that it calls what it is given?"""
    rule = rule_of(name) or rule_of(f"builtins.{name}")
    return rule is not None and rule is not Rule.INSPECTED


def _bindings(statement: f.Statement) -> Iterator[tuple[int, tuple[object, ...]]]:
    """What a statement assigns or enters, and what it binds that to."""
    if statement[0] == f.ASSIGN:
        yield from ((statement[8], target) for target in statement[7])
    elif statement[0] == f.WITH:
        yield from ((value, target) for value, target in statement[7] if target is not None)


class Boundaries:
    """The decorators of functions, read once."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        settle(inference.config.boundaries)
        self._decorators: dict[Function, tuple[Decorator, ...]] = {}

    def decorators(self, function: Function) -> tuple[Decorator, ...]:
        """The decorators of a function, from the top."""
        if function.facts.kind != "def":
            return ()
        if function not in self._decorators:
            self._decorators[function] = ()  # where it is decorated by what it replaces
            indexes = function.signature.decorators
            self._decorators[function] = tuple(self._decorator(function, i) for i in indexes)
        return self._decorators[function]

    def is_route(self, function: Function) -> bool:
        """May it be a plain ``def``, which runs in a thread?"""
        return any(
            d.rule is Rule.AWAITED and d.foreign and d.name.rpartition(".")[2] not in ALWAYS_ASYNC
            for d in self.decorators(function)
        )

    def own_decorators(self, function: Function) -> dict[Function, int]:
        """The functions of the program that decorate a function, and which decorators they are,
        from the top."""
        if function.facts.kind != "def":
            return {}
        operations = function.signature.operations
        scope = function.parent or function
        found: dict[Function, int] = {}
        for position, index in enumerate(function.signature.decorators):
            operation = operations[index]
            callee = operation[5] if operation[0] == f.CALL else index
            symbol = self.inference.program.resolve_expression(scope, operations, callee)
            called = symbol.find("__call__") if isinstance(symbol, Class) else symbol
            if isinstance(called, Function):
                found[called] = position
        return found

    def _decorator(self, function: Function, index: int) -> Decorator:
        operations = function.signature.operations
        operation = operations[index]
        callee = operation[5] if operation[0] == f.CALL else index
        scope = function.parent or function
        name = foreign_name(scope, operations, callee, self.inference)
        written = dotted(operations, callee)
        if name and (name != written or "." in name or rule_of(name) is not None):
            return Decorator(name, self._provided(name) or rule_of(name), True)
        made = (
            self._method_of_instance(scope, operations, callee)
            or self._instance(scope, operations, callee)
            or self._method_of_local(function, callee)
        )
        if made:
            plainly = self._routes_plainly(scope, operations, callee)
            return Decorator(made, Rule.SYNC if plainly else rule_of(made), True)
        return Decorator(written, Rule.TRANSPARENT if name in _LOOKING else None, False)

    def _method_of_local(self, function: Function, index: int) -> str:
        """``@context.call_on_close`` inside a function, on an object of a library that this is
        given or makes, where it is known what that does; or ''."""
        evaluation = self.inference.evaluations.get(function.parent) if function.parent else None
        values = evaluation.decorated.get(function) if evaluation is not None else None
        found = values[index] if values else v.UNKNOWN
        names = {a.name for a in found if isinstance(a, v.Foreign) and rule_of(a.name) is not None}
        return min(names) if names and len(names) == len(found) else ""

    def _provided(self, name: str) -> Rule | None:
        """How the container of the program calls what provides for it."""
        if name != PROVIDE or name in _TOLD:
            return None
        return Rule.SYNC if self.inference.program.mentioning(PLAIN_CONTAINER) else Rule.TRANSPARENT

    def _routes_plainly(
        self, scope: Function, operations: tuple[f.Operation, ...], index: int
    ) -> bool:
        """Is it the method of a router whose routes don't await:
        ``APIRouter(route_class=DishkaSyncRoute)``?"""
        program, operation = self.inference.program, operations[index]
        if operation[0] != f.ATTRIBUTE:
            return False
        router = program.resolve_expression(scope, operations, operation[5])
        place = program.variable_expression(router) if isinstance(router, Variable) else None
        made = place[1][place[2]] if place is not None else ()
        given = dict(made[7]).get(ROUTE_CLASS, -1) if made and made[0] == f.CALL else -1
        return (
            place is not None
            and given >= 0
            and (foreign_name(place[0], place[1], given, self.inference) in PLAIN_ROUTES)
        )

    def _instance(self, scope: Function, operations: tuple[f.Operation, ...], index: int) -> str:
        """``class()`` of an object of a library that a module's variable holds, and that decorates:
        ``hookimpl = HookimplMarker("tool")``."""
        symbol = self.inference.program.resolve_expression(scope, operations, index)
        if not isinstance(symbol, Variable):
            return ""
        made = self._made_in_module(symbol)
        if "." not in made:  # one of several at once, or what a function of the program gives
            value = self.inference.global_value(symbol.module, symbol.name)
            made = next((atom.name for atom in value if isinstance(atom, v.ForeignInstance)), "")
        return f"{made}()" if "." in made else ""

    def _method_of_instance(
        self, scope: Function, operations: tuple[f.Operation, ...], index: int
    ) -> str:
        """``class().method`` for a method of a library's object that a variable holds, or that a
        decorator has made of a function: ``@cli.command()``."""
        operation = operations[index]
        if operation[0] != f.ATTRIBUTE:
            return ""
        if operations[operation[5]][0] == f.ATTRIBUTE:  # `@app.cli.command()`
            outer = self._method_of_instance(scope, operations, operation[5])
            if outer:
                return f"{outer}.{operation[6]}"
        symbol = self.inference.program.resolve_expression(scope, operations, operation[5])
        if isinstance(symbol, Function):
            names = (each.name.replace("().", ".") for each in self.decorators(symbol))
            made = next((MAKERS[name] for name in names if name in MAKERS), "")
            return f"{made}().{operation[6]}" if made else ""
        if not isinstance(symbol, Variable):
            made = self._held_locally(scope, operations, operation[5])
            return f"{made}().{operation[6]}" if made in METHODS else ""
        for atom in self.inference.global_value(symbol.module, symbol.name):
            if isinstance(atom, v.ForeignInstance):
                return f"{atom.name}().{operation[6]}"
        made = self._made_in_module(symbol)  # its module needn't be evaluated
        return f"{made}().{operation[6]}" if made in METHODS else ""

    def _made_in_module(self, variable: Variable) -> str:
        """The class of a library whose instance a module's variable is assigned."""
        found = self.inference.program.variable_expression(variable)
        if found is None:
            return ""
        function, operations, index = found
        made = operations[index]
        if made[0] != f.CALL:
            return ""
        return foreign_name(function, operations, made[5], self.inference)

    def _held_locally(
        self, scope: Function, operations: tuple[f.Operation, ...], index: int
    ) -> str:
        """The class of a library whose instance a variable of a function around holds: the
        function makes it, or its parameter is annotated so."""
        name = operations[index][5] if operations[index][0] == f.NAME else ""
        place: Function | None = scope
        while place is not None and name not in place.facts.bound:
            place = place.parent
        if place is None or place.facts.kind != "def":
            return ""
        for parameter in place.signature.parameters:
            if parameter.name == name and parameter.annotation >= 0:
                return foreign_name(
                    place.parent or place, place.signature.operations, parameter.annotation,
                    self.inference,
                )  # fmt: skip
        body = place.body
        for statement in statements_of(body.statements):
            for value, target in _bindings(statement):
                made = body.operations[value]
                if target[:2] == (f.TO_NAME, name) and made[0] == f.CALL:
                    return foreign_name(place, body.operations, made[5], self.inference)
        return ""

    # -- classes of libraries

    def called_by_base(self, function: Function) -> tuple[str, Calls] | None:
        """The class of a library above a method's class that calls the method, and how."""
        if function.owner is None or function.facts.kind != "def":
            return None
        for base in sorted(function.owner.foreign_bases):
            row = calls(self._class_held(function.owner, base), function.name)
            if row is not None:
                return base, row
        return None

    def _class_held(self, cls: Class, base: str) -> str:
        """``class().Name`` for a class that a library's object has: ``class Job(app.Task)``."""
        holder, _, name = base.rpartition(".")
        symbol = self.inference.program.resolve(cls.module, holder) if holder else None
        made = self._made_in_module(symbol) if isinstance(symbol, Variable) else ""
        return f"{made}().{name}" if made else base

    def extends_base(self, function: Function) -> str:
        """The class of a library whose method a method extends: it calls that by `super()`, so the
        library has it, and calls it."""
        base = self.unknown_base(function)
        if not base or "super" not in function.facts.names or function.owner is None:
            return ""
        if any(function.name in cls.methods for cls in function.owner.ancestors[1:]):
            return ""
        operations = function.body.operations
        for operation in operations:
            if operation and operation[0] == f.ATTRIBUTE and operation[6] == function.name:
                made = operations[operation[5]]
                if made[0] == f.CALL and dotted(operations, made[5]) == "super":
                    return base
        return ""

    def unknown_base(self, function: Function) -> str:
        """The class of a library above a method's class of which it isn't known whether it calls
        the method, or ''."""
        if function.owner is None or function.facts.kind != "def" or function.name[:2] == "__":
            return ""
        return next((base for base in sorted(function.owner.foreign_bases) if is_unknown(base)), "")
