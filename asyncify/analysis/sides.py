"""Sides: what stays sync beside the program that turns.

A Celery task, a thread's target or a script that opens sessions of its own needs no async caller
and no session of one: it and what it calls keep working on sync twins of the engines and factories
that they name. Functions that both sides call are entered through ``run_sync``, or get a sync copy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from asyncify import facts as f
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Function, Variable
from asyncify.analysis.uses import Use

COPY = "_sync"
# What `with` calls, and what `async with` does.
ENTERED_AS = {"__enter__": "__aenter__", "__exit__": "__aexit__"}


@dataclass(slots=True)
class Sides:
    """``roots`` open sessions of their own and can't turn; ``synced`` are they and what they call;
    those of them that are ``twinned`` turn for the other side, and keep a sync copy; ``given`` are
    called by the other side too, with a session: they are entered through ``run_sync``; ``own`` are
    the methods of classes that make their own sessions: anybody calls them as they stand;
    ``registries`` are what such classes hold, and stay sync for all who name them."""

    roots: dict[Function, Obstacle] = field(default_factory=dict)
    synced: set[Function] = field(default_factory=set)
    twinned: set[Function] = field(default_factory=set)
    given: set[Function] = field(default_factory=set)
    own: set[Function] = field(default_factory=set)
    refused: set[Function] = field(default_factory=set)
    registries: set[Variable] = field(default_factory=set)

    @property
    def quiet(self) -> set[Function]:
        """What stays sync as it stands."""
        return self.synced - self.twinned

    def drop(self, functions: set[Function]) -> None:
        """They belong to a component that stays sync as a whole."""
        self.refused |= functions
        self.synced -= functions
        self.twinned -= functions
        self.own -= functions
        self.roots = {fn: why for fn, why in self.roots.items() if fn not in functions}


def is_handed(use: Use) -> bool:
    """Is what is called a parameter of the function, or of one around it?"""
    operations = use.function.body.operations
    operation = operations[use.operation]
    if use.kind == "pass" and operation[0] != f.CALL:
        return is_parameter(use.function, use.operation)
    if use.kind == "pass":
        return not any(
            not is_parameter(use.function, i if i >= 0 else ~i)
            for i in (*operation[6], *(i for _, i in operation[7]))
        )
    if use.kind != "call" or operation[0] != f.CALL:
        return False
    return is_parameter(use.function, operation[5])


def is_wrapped(use: Use) -> bool:
    """Is what is called a parameter of a function around, as in what a decorator makes?"""
    own = {parameter.name for parameter in use.function.signature.parameters}
    operations = use.function.body.operations
    operation = operations[use.operation]
    callee = operations[operation[5]] if operation[0] == f.CALL else operation
    return is_handed(use) and not (callee[0] == f.NAME and callee[5] in own)


def is_parameter(function: Function, index: int) -> bool:
    """Does an operation name a parameter of the function, or of one around it?"""
    operation = function.body.operations[index]
    if operation[0] != f.NAME:
        return False
    name = operation[5]
    scope: Function | None = function
    while scope is not None and name not in scope.facts.bound:
        scope = scope.parent
    return scope is not None and any(p.name == name for p in scope.signature.parameters)


def says(function: Function, name: str) -> bool:
    """Does a function mean something of its module by a plain name? `self.db` doesn't mean `db`,
    nor does a parameter."""
    if not any(
        operation and operation[0] == f.NAME and operation[5] == name
        for operations in (function.body.operations, function.signature.operations)
        for operation in operations
    ):
        return False
    scope: Function | None = function
    while scope is not None and scope.facts.kind != "module":
        if name in scope.facts.bound and name not in scope.facts.declared:
            return False
        scope = scope.parent
    return True


def home(function: Function) -> Function:
    """The function of a module or class in which a function is defined, or it itself."""
    while function.parent is not None and function.parent.facts.kind in ("def", "lambda"):
        function = function.parent
    return function


def ordered(functions: Iterable[Function]) -> list[Function]:
    return sorted(functions, key=lambda fn: (fn.module.path, fn.index))


def twin_name(name: str) -> str:
    """The name of a function's sync copy. What `with` calls keeps its own: the async one has
    another."""
    return name if name in ENTERED_AS else f"{name}{COPY}"


def is_copy(function: Function) -> bool:
    """Is it the sync copy of a coroutine function that stands beside it?"""
    base = function.name.removesuffix(COPY)
    return base != function.name and any(
        other.name == base and other.facts.is_async and other.parent is function.parent
        and other.owner is function.owner
        for other in function.module.functions
    )  # fmt: skip


def beside_name(name: str) -> str:
    """The name of what is async beside a function that stays sync: ``get_async_db``."""
    bare = name.lstrip("_")
    lead = name[: len(name) - len(bare)]
    if bare.startswith("get_"):
        return f"{lead}get_async_{_not_sync(bare.removeprefix('get_'))}"
    return f"{lead}async_{_not_sync(bare)}"


def source_beside_name(name: str) -> str:
    """The name of what is async beside a variable: ``async_engine``, ``AsyncSessionLocal``."""
    bare = name.lstrip("_")
    return _in_style(name[: len(name) - len(bare)] + _not_sync(bare), "async")


def _not_sync(name: str) -> str:
    """The name of something sync without the word that says so."""
    for word in ("sync_", "SYNC_", "Sync"):
        rest = name.removeprefix(word)
        if rest and rest != name and (word != "Sync" or rest[0].isupper()):
            return rest
    return name


def source_twin_name(name: str) -> str:
    """The name of a variable's twin, in its style: ``sync_engine``, ``SyncSessionLocal``."""
    return _in_style(name, "sync")


def _in_style(name: str, word: str) -> str:
    bare = name.lstrip("_")
    lead = name[: len(name) - len(bare)]
    if bare.isupper():
        return f"{lead}{word.upper()}_{bare}"
    if bare[:1].isupper():
        return f"{lead}{word.capitalize()}{bare}"
    return f"{lead}{word}_{bare}"
