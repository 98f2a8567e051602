"""Classes of tests that unittest runs: what of them it can await, and what it calls plainly.

A coroutine that `TestCase` gets from a test is dropped, and the test passes. So the class whose
tests turn gets the base that awaits them, and where another library runs them they stay sync.
"""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis.places import Obstacle
from asyncify.analysis.program import Class, Function, dotted
from asyncify.vocabulary.testing import (
    ASYNC_CASES,
    CASE_SUFFIX,
    CASES,
    CLASS_LIFECYCLE,
    CLEANUPS,
    ENDING,
    JOINED,
    LIFECYCLE,
    MODULE_LIFECYCLE,
    TEST_FUNCTIONS,
    XUNIT,
    XUNIT_DECORATORS,
    is_test_path,
)


class Cases:
    """Answers for the methods of a program."""

    def __init__(self) -> None:
        self._run_in: dict[Class, tuple[Class, ...]] = {}

    def run_in(self, cls: Class) -> tuple[Class, ...]:
        """The classes of tests that have what a class defines: itself, or those below it."""
        if cls not in self._run_in:
            line = (cls, *cls.descendants())
            self._run_in[cls] = tuple(c for c in line if any(map(is_case, c.foreign_bases)))
        return self._run_in[cls]

    def runs(self, function: Function) -> bool:
        """Does unittest call a method, for every test?"""
        name = function.name
        return (
            function.is_method and function.owner is not None
            and (name.startswith(TEST_FUNCTIONS) or name in LIFECYCLE)
            and bool(self.run_in(function.owner))
        )  # fmt: skip

    def is_called_by_pytest(self, function: Function) -> bool:
        """Is it one of the functions and methods around tests that pytest knows by their names?"""
        inside = function.parent is not None and function.parent.facts.kind == "def"
        return (
            function.name in XUNIT and not inside and is_test_path(function.module.path)
            and _decorators(function) <= XUNIT_DECORATORS
        )  # fmt: skip

    def runs_once(self, function: Function) -> bool:
        """Does unittest call a method once for all tests of its class, where no loop runs?"""
        return (
            function.is_method and function.owner is not None and function.name in CLASS_LIFECYCLE
            and bool(self.run_in(function.owner))
        )  # fmt: skip

    def awaits(self, function: Function, name: str) -> bool:
        """Is something called after the test that a function is given, which may await it?"""
        word = name.rpartition(".")[2]
        return word in CLEANUPS and function.owner is not None and bool(self.run_in(function.owner))

    def obstacle(self, function: Function) -> Obstacle | None:
        """Why what unittest calls can't turn, or None."""
        if function.name in MODULE_LIFECYCLE and function.parent is function.module.functions[0]:
            return Obstacle("ASY105", f"unittest calls `{function.name}` without awaiting it.")
        once = self.runs_once(function)
        if not once and not self.runs(function):
            return None
        assert function.owner is not None
        bases = {b for cls in self.run_in(function.owner) for b in cls.foreign_bases if is_case(b)}
        others = sorted(bases - CASES - ASYNC_CASES)
        if others:
            return Obstacle("ASY105", f"`{others[0]}` runs it without awaiting it.")
        new = LIFECYCLE.get(function.name, "")
        both = new and any(new in cls.methods for cls in self._line(function.owner))
        if both and self.joined(function) is None:
            return Obstacle("ASY105", f"Its class has `{new}` already, which may run in its place.")
        return None

    def name(self, function: Function) -> str:
        """What a method around tests is called where it awaits, or ''."""
        joined = self.joined(function) is not None
        return (JOINED if joined else LIFECYCLE).get(function.name, "")

    def joined(self, function: Function) -> Function | None:
        """The async method of the same class that has to call this one; None where there is none,
        or where classes above or below it have a part in that."""
        new, name = LIFECYCLE.get(function.name, ""), JOINED.get(function.name, "")
        if not new or function.owner is None or new not in function.owner.methods:
            return None
        words = {function.name, new}
        line = self._line(function.owner)
        others = (c for c in line if c is not function.owner and not words.isdisjoint(c.methods))
        is_alone = not any(others) and not any(name in cls.methods for cls in line)
        if not is_alone or "super" in function.facts.names:
            return None
        found = function.owner.methods[new]
        return found if function.name not in ENDING or ends_with_call(found) else None

    def related(self, function: Function) -> tuple[Function, ...]:
        """What unittest calls under the same name for one test: a mixin's method stands beside
        that of the class that it is mixed into, and each may call the other by `super()`."""
        name = function.name
        if name not in LIFECYCLE or not self.runs(function):
            return ()
        assert function.owner is not None
        line = self._line(function.owner)
        return tuple(cls.methods[name] for cls in line if name in cls.methods)

    def _line(self, cls: Class) -> list[Class]:
        """A class with all that stand in one line with it: above those below it, too."""
        seen: dict[Class, None] = {}
        pending = [cls]
        while pending:
            current = pending.pop()
            if current not in seen:
                seen[current] = None
                pending += [*current.ancestors, *self.run_in(current)]
        return list(seen)


def ends_with_call(function: Function) -> bool:
    """Is the last statement of a function a call, behind which others can be put?"""
    last = function.body.statements[-1]
    operations = function.body.operations
    value = operations[last[7]] if last[0] == f.EXPRESSION else ()
    value = operations[value[5]] if value and value[0] == f.AWAIT else value
    return bool(value and value[0] == f.CALL)


def _decorators(function: Function) -> set[str]:
    if not function.signature_is_decorated:
        return set()
    signature = function.signature
    return {dotted(signature.operations, index) for index in signature.decorators}


def is_case(base: str) -> bool:
    """Is something foreign a class of tests in unittest's manner?"""
    return base.rpartition(".")[2].endswith(CASE_SUFFIX)
