"""Stand-ins: classes of the tests that take the place of one of the program's.

A `FakeRepository` has the methods of the repository and is no subclass of it. What the program
awaits of the one it awaits of the other, so their methods turn together.
"""

from __future__ import annotations

from functools import cached_property

from asyncify.analysis.program import Class, Function, Program
from asyncify.vocabulary.common import COMMON
from asyncify.vocabulary.testing import is_test_path

_PLAIN_BASES = {"object", "builtins.object"}


class StandIns:
    """The classes of a program that others stand for."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def of(self, method: Function) -> tuple[Function, ...]:
        """The methods that stand in for one."""
        if method.owner is None or method.owner not in self._found:
            return ()
        found = (cls.methods.get(method.name) for cls in self._found[method.owner])
        return tuple(m for m in found if m is not None and _takes_as_many(m, method))

    @cached_property
    def _found(self) -> dict[Class, list[Class]]:
        """By the class that they stand for."""
        by_method: dict[str, list[Class]] = {}
        fakes: list[Class] = []
        for cls in self.program.classes.values():
            if is_test_path(cls.module.path):
                if not any(isinstance(base, Class) for base in cls.bases):
                    fakes.append(cls)
                continue
            for name in cls.methods:
                by_method.setdefault(name, []).append(cls)
        found: dict[Class, list[Class]] = {}
        for fake in fakes:
            for cls in self._imitated(fake, by_method):
                found.setdefault(cls, []).append(fake)
        return found

    def _imitated(self, fake: Class, by_method: dict[str, list[Class]]) -> list[Class]:
        public = {name for name in fake.methods if not name.startswith("_")}
        if not public or fake.foreign_bases - _PLAIN_BASES:
            return []
        found: dict[Class, None] = {}
        for name in public:
            found.update(dict.fromkeys(by_method.get(name, ())))
        named = [cls for cls in found if _is_named_after(fake, cls)]
        return named or self._meant(fake, [cls for cls in found if _has_all(cls, public)])

    def _meant(self, fake: Class, found: list[Class]) -> list[Class]:
        """Those among several that have such methods which a stand-in is likeliest for: by the
        names of the parameters, or because the tests there name the class, or what gives one."""
        if len(found) > 1:
            found = [cls for cls in found if _takes_the_same(fake, cls)] or found
        if len(found) > 1:
            words = _words_around(fake)
            found = [cls for cls in found if not words.isdisjoint(self._givers(cls))] or found
        return found

    @staticmethod
    def _givers(cls: Class) -> set[str]:
        """The class, and the functions of its module that name it."""
        functions = [fn for fn in cls.module.functions if fn.facts.parent == 0]
        return {cls.name, *(fn.name for fn in functions if cls.name in fn.facts.names)}


def _is_named_after(fake: Class, cls: Class) -> bool:
    """``MockUserRepository`` for ``UserRepository``."""
    return cls.name.lower().strip("_") in fake.name.lower()


def _takes_the_same(fake: Class, cls: Class) -> bool:
    methods = [m for name, m in fake.methods.items() if not name.startswith("_")]
    return all(_names(method) == _names(cls.find(method.name)) for method in methods)


def _names(method: object) -> list[str]:
    found = method.signature.parameters if isinstance(method, Function) else ()
    return [parameter.name for parameter in found]


def _words_around(fake: Class) -> set[str]:
    """What the test names in which a class is defined, or the module's tests."""
    around: Function | None = fake.body
    while around is not None and around.parent is not None and around.parent.parent is not None:
        around = around.parent
    functions = fake.module.functions if around is fake.body else [around]
    return {word for fn in functions if fn is not None for word in fn.facts.names}


def _has_all(cls: Class, public: set[str]) -> bool:
    return not public <= COMMON and all(cls.find(name) is not None for name in public)


def _takes_as_many(fake: Function, method: Function) -> bool:
    """Has a method as many parameters as the one that it stands for, or any?"""
    kinds = {p.kind for p in fake.signature.parameters}
    same = len(fake.signature.parameters) == len(method.signature.parameters)
    return same or "*" in kinds or "**" in kinds
