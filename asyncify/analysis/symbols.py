"""Symbols: the modules, functions and classes that names of a program mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from asyncify import facts as f


@dataclass(eq=False, slots=True)
class Module:
    """One file of the program, with its dotted name as the program most likely imports it."""

    path: str
    name: str
    facts: f.ModuleFacts
    functions: list[Function] = field(default_factory=list)
    bindings: dict[str, Binding] = field(default_factory=dict)
    stars: list[f.Import] = field(default_factory=list)
    folder: str = ""
    atoms: dict[Any, Any] = field(default_factory=dict)  # of the analysis, that speak of it
    runs_loop: bool = False  # Alembic's env.py, of which all but the migrations turns
    _imported: frozenset[tuple[str, str | None]] | None = None

    def __post_init__(self) -> None:
        self.folder = str(PurePosixPath(self.path).parent)

    def imports_any(self, names: frozenset[tuple[str, str | None]]) -> bool:
        """Does the module import one of these pairs of a module and a name in it?"""
        if self._imported is None:
            self._imported = frozenset((item.module, item.name) for item in self.facts.imports)
        return not self._imported.isdisjoint(names)

    def __repr__(self) -> str:
        return f"<module {self.name}>"

    @property
    def is_package(self) -> bool:
        return self.path.endswith("__init__.py")


@dataclass(eq=False)
class Function:
    """A function, lambda, class body or module body of the program."""

    module: Module
    index: int
    facts: f.FunctionFacts
    parent: Function | None
    owner: Class | None  # the class, for a method or a class body
    has_children: bool = False  # are functions, classes or lambdas defined in it?
    rebound: frozenset[str] = frozenset()  # its variables that those assign, too
    stands_for_generators: bool = False  # a method without a body, which generators override
    in_thread: bool = False  # a decorator runs it in a thread, and gives a coroutine
    atoms: dict[Any, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<{self.facts.kind} {self.qualname}>"

    @property
    def qualname(self) -> str:
        """``package.module:Class.method``."""
        return (
            f"{self.module.name}:{self.facts.qualname}" if self.facts.qualname else self.module.name
        )

    @property
    def name(self) -> str:
        return self.facts.name

    @cached_property
    def signature(self) -> f.Signature:
        return self.facts.signature()

    @cached_property
    def body(self) -> f.Body:
        return self.facts.body()

    @cached_property
    def local_bindings(self) -> dict[str, Binding]:
        """Nested functions and classes by name."""
        if not self.has_children:
            return {}
        return {
            child.name: Binding(child.facts.kind, child)
            for child in self.module.functions
            if child.parent is self and child.facts.kind in ("def", "class")
        }

    @property
    def imports_inside(self) -> bool:
        """Is there an import statement in the body?"""
        return bool(self.facts.imports)

    @cached_property
    def signature_is_decorated(self) -> bool:
        return self.facts.kind == "def" and bool(self.signature.decorators)

    @property
    def is_method(self) -> bool:
        return self.owner is not None and self.facts.kind == "def"

    @property
    def is_constructor(self) -> bool:
        """Does making an object of its class run it?"""
        return self.owner is not None and self.facts.name in _CONSTRUCTING


# The constructor that is written, that of a dataclass, and that of a model of pydantic.
_CONSTRUCTING = ("__init__", "__post_init__", "model_post_init")


@dataclass(eq=False)
class Class:
    """A class of the program."""

    module: Module
    body: Function
    methods: dict[str, Function] = field(default_factory=dict)
    bases: list[Any] = field(default_factory=list)  # Class or dotted name of a foreign one
    subclasses: list[Class] = field(default_factory=list)
    atoms: dict[Any, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<class {self.qualname}>"

    @property
    def name(self) -> str:
        return self.body.facts.name

    @property
    def qualname(self) -> str:
        return self.body.qualname

    @cached_property
    def ancestors(self) -> tuple[Class, ...]:
        """The class itself and its bases in the program, nearest first."""
        seen: dict[Class, None] = {}
        pending = [self]
        while pending:
            cls = pending.pop(0)
            if cls not in seen:
                seen[cls] = None
                pending += [base for base in cls.bases if isinstance(base, Class)]
        return tuple(seen)

    @cached_property
    def foreign_bases(self) -> frozenset[str]:
        """Dotted names of the bases outside the program, inherited ones included."""
        return frozenset(b for c in self.ancestors for b in c.bases if isinstance(b, str))

    def descendants(self) -> Iterator[Class]:
        """All classes below this one."""
        seen = {self}
        pending = list(self.subclasses)
        while pending:
            cls = pending.pop()
            if cls not in seen:
                seen.add(cls)
                yield cls
                pending += cls.subclasses

    @cached_property
    def family(self) -> tuple[Class, ...]:
        """The classes that an instance, of this class or of one below it, may be of."""
        below = [each for cls in self.descendants() for each in cls.ancestors]
        return tuple(dict.fromkeys((*self.ancestors, *below)))

    def find(self, name: str) -> Function | None:
        """The method that an instance of this class has under ``name``."""
        for cls in self.ancestors:
            if name in cls.methods:
                return cls.methods[name]
        return None

    @property
    def constructor(self) -> Function | None:
        """What making an instance runs."""
        return next((found for found in map(self.find, _CONSTRUCTING) if found), None)

    @property
    def own_constructor(self) -> Function | None:
        """That of this class alone."""
        return next((self.methods[n] for n in _CONSTRUCTING if n in self.methods), None)

    def method_name(self, function: Function) -> str:
        """The name by which the class has a method, or the setter of a property."""
        if self.methods.get(function.name) is function:
            return function.name
        found = (name for name, method in self.methods.items() if method is function)
        return next(found, function.name)


class Binding(NamedTuple):
    """What a module-level name is bound to: ``def``, ``class``, ``import`` or ``variable``."""

    kind: str
    value: Any = None


VARIABLE = Binding("variable")


class Variable(NamedTuple):
    """A module-level variable."""

    module: Module
    name: str


Symbol = Module | Function | Class | Variable | str  # str: the dotted name of something foreign
