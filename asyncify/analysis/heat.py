"""Heat: which functions are evaluated at all.

Most functions of a program have nothing to do with its database. Evaluated are those in which a
*hot* name occurs: a name of SQLAlchemy, of what holds a session, of a function that does I/O. A
method's name is often shared by hundreds of others (``get``, ``run``); whoever calls such a method
has to get the object from somewhere, and what is hot then is the class, and what holds an instance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from asyncify.analysis import values as v
from asyncify.analysis.program import Class, Function, Program
from asyncify.analysis.slots import Slot
from asyncify.vocabulary.flask import EXTENSION

# What I/O is done with; a variable or attribute that holds one makes its own name hot.
_HELD = {
    "Session", "AsyncSession", "scoped_session", "async_scoped_session", "Engine", "AsyncEngine",
    "Connection", "AsyncConnection", "sessionmaker", "async_sessionmaker", EXTENSION,
}  # fmt: skip
_FEW = 60  # functions: so many are evaluated sooner than it is found out who of them need it


class Heat:
    """Keeps what is hot, and asks for the evaluation of whoever names it."""

    def __init__(
        self,
        program: Program,
        need: Callable[[Function], None],
        fixture_names: Callable[[Function], tuple[str, ...]],
    ) -> None:
        self.program = program
        self.need = need
        self.fixture_names = fixture_names
        self.aliases: dict[Function, set[str]] = {}  # other names that functions are kept under
        self._names: set[str] = set()
        self._members: set[str] = set()
        self._called: set[Function] = set()
        self._classes: set[Class] = set()
        self._holders: dict[Class, dict[Slot, None]] = {}
        self._given: dict[Function, dict[Slot, None]] = {}  # the parameters that take functions
        self._held: dict[v.Value, tuple[bool, frozenset[Class]]] = {}
        self._functions: dict[v.Value, tuple[Function, ...]] = {}

    def names(self, names: Iterable[str]) -> None:
        """Every function in which one of the names occurs."""
        for name in names:
            if name not in self._names and name:
                self._names.add(name)
                for function in self.program.mentioning(name):
                    self.need(function)

    def members(self, names: Iterable[str]) -> None:
        """Every function in which one of the names may be that of an attribute."""
        for name in names:
            if name not in self._members and name not in self._names and name:
                self._members.add(name)
                for function in self.program.mentioning_member(name):
                    self.need(function)

    def callers(self, function: Function) -> None:
        """Every function that may call this one: under its name, or an alias of it."""
        self.names(sorted(self.aliases.get(function, ())))
        if function in self._called:
            return
        self._called.add(function)
        for slot in self._given.get(function, ()):
            self._holder(slot)
        parent = function.parent
        if function.owner is not None:
            self._callers_of_method(function, function.owner)
        elif parent is None or parent.facts.kind != "module":
            for candidate in self.program.mentioning(function.name):
                if candidate.module is function.module:
                    self.need(candidate)
        elif function.name not in self._names:
            for candidate in self.program.mentioning(function.name):
                if self.program.may_name(candidate, function):
                    self.need(candidate)
        self._renamed(function)

    def instances(self, classes: Iterable[Class]) -> None:
        """Every function that may get an instance of one of the classes; their own methods, which
        needn't name anything for ``self[key]``, have one."""
        for cls in classes:
            self._class(cls)
            for each in (cls, *cls.descendants()):
                for method in each.methods.values():
                    self.need(method)

    def _renamed(self, symbol: Function | Class) -> None:
        for module, local in self.program.imported_as(symbol):
            for candidate in self.program.mentioning(local):
                if candidate.module is module:
                    self.need(candidate)

    def _callers_of_method(self, method: Function, owner: Class) -> None:
        candidates = self.program.mentioning_member(method.name)
        classes = (owner, *owner.descendants())
        named = sum(len(self.program.mentioning(cls.name)) for cls in classes)
        if len(candidates) <= max(_FEW, named):
            self.members((method.name,))
            return
        for cls in classes:
            self._class(cls)
        for candidate in candidates:
            if _owner(candidate) in classes:
                self.need(candidate)

    def _class(self, cls: Class) -> None:
        """Every function that may get an instance of a class."""
        if cls in self._classes:
            return
        self._classes.add(cls)
        self.names((cls.name,))
        self._renamed(cls)
        for slot in self._holders.get(cls, ()):
            self._holder(slot)

    def note(self, slot: Slot, value: v.Value) -> None:
        """Something flows into a slot: its name is hot where that is."""
        if slot.kind in ("global", "attribute"):
            self._note_aliases(slot.name, value)
        elif slot.kind in ("parameter", "local"):
            self._note_given(slot, value)
        elif slot.kind in ("return", "yield") and self.fixture_names(slot.owner):
            for name in self.fixture_names(slot.owner):
                self._note_aliases(name, value)
        elif slot.kind == "return":
            self._note_given(slot, value)
        known = self._held.get(value)
        if known is None:
            known = self._held[value] = _held(value)
        is_hot, classes = known
        for cls in classes:
            self._holders.setdefault(cls, {})[slot] = None
            is_hot = is_hot or cls in self._classes
        if is_hot:
            self._holder(slot)

    def _holder(self, slot: Slot) -> None:
        """Whoever names what holds a session or a Query may use it, by a method of any name."""
        kind = slot.kind
        if kind == "global":
            self.names((slot.name,))
            self.names(self.program.imported_names(slot.name))
        elif kind == "attribute":
            self.members((slot.name,))
        elif kind in ("return", "yield") and slot.owner.facts.kind == "def":
            self.callers(slot.owner)
            self.names(self.fixture_names(slot.owner))
        elif kind == "parameter":
            self.need(slot.owner)
        elif kind == "local":
            for function in slot.owner.module.functions[slot.owner.index + 1 :]:
                if slot.name in function.facts.names and is_inside(function, slot.owner):
                    self.need(function)

    def _note_given(self, slot: Slot, value: v.Value) -> None:
        """A function that is given to another, as decorators are, is called there; one that is
        given back, as a wrapper is, by whoever asked for it."""
        for function in self._functions_in(value):
            self._given.setdefault(function, {})[slot] = None
            if function in self._called:
                self._holder(slot)

    def _note_aliases(self, name: str, value: v.Value) -> None:
        """A function kept under another name, or in a table, is called by that."""
        for function in self._functions_in(value):
            if function.name != name:
                self.aliases.setdefault(function, set()).add(name)
                if function in self._called:
                    self.names((name,))

    def _functions_in(self, value: v.Value) -> tuple[Function, ...]:
        found = self._functions.get(value)
        if found is None:
            found = self._functions[value] = tuple(_functions(value))
        return found


def _held(value: v.Value) -> tuple[bool, frozenset[Class]]:
    """Does a value hold what I/O is done with, and instances of which classes?"""
    is_hot = False
    classes: set[Class] = set()
    pending = list(value)
    while pending:
        atom = pending.pop()
        if isinstance(atom, v.Known):
            is_hot = is_hot or atom.kind in _HELD
        elif isinstance(
            atom, (v.QueryValue, v.KnownMethod, v.Client, v.Requesting, v.Generated, v.Managing)
        ):
            is_hot = True
        elif isinstance(atom, (v.Instance, v.ClassObject)):
            classes.add(atom.cls)
        elif isinstance(atom, (v.Collection, v.Managed, v.Giving)):
            pending += atom.items
            pending += v.keys(v.one(atom))
        elif isinstance(atom, v.TupleValue):
            pending += [a for item in atom.items for a in item]
    return is_hot, frozenset(classes)


def _functions(value: v.Value) -> Iterator[Function]:
    """The functions that a value is, or holds."""
    for atom in value:
        if isinstance(atom, v.FunctionObject):
            yield atom.function
        elif isinstance(atom, v.Collection):
            yield from _functions(atom.items | v.keys(v.one(atom)))
        elif isinstance(atom, v.TupleValue):
            for item in atom.items:
                yield from _functions(item)


def _owner(function: Function) -> Class | None:
    """The class in whose body a function stands, however deep."""
    scope: Function | None = function
    while scope is not None:
        if scope.owner is not None:
            return scope.owner
        scope = scope.parent
    return None


def is_inside(function: Function, outer: Function) -> bool:
    scope = function.parent
    while scope is not None:
        if scope is outer:
            return True
        scope = scope.parent
    return False
