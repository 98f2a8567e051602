"""Enclosed classes: what Python calls of them can't be awaited, so that all who have their objects
stay sync with them, and are entered through ``run_sync`` by those who have none."""

from __future__ import annotations

from collections.abc import Iterable

from asyncify.analysis import values as v
from asyncify.analysis.coloring import Coloring
from asyncify.analysis.components import Components
from asyncify.analysis.infer import Inference
from asyncify.analysis.program import Class, Function
from asyncify.analysis.sides import home
from asyncify.vocabulary.special import is_special
from asyncify.vocabulary.testing import is_test_path

_FEW = 8  # functions that have such objects; more of them are no place of their own


class Enclosures(Components):
    """Finds a place inside ``run_sync`` for what can't turn, with others around it."""

    _in_vain: tuple[int, ...] = ()  # how much had a place when none was found around others
    _having: tuple[int, dict[Class, set[Function]]] = (-1, {})

    def __init__(self, inference: Inference, blocked: frozenset[str] = frozenset()) -> None:
        super().__init__(inference, blocked)
        self._causes: dict[Function, tuple[Function, str]] = {}  # of islands

    def having_objects(self) -> dict[Class, set[Function]]:
        """The functions that have objects of the program's classes, by class."""
        if self._having[0] != self.inference.runs:
            found: dict[Class, set[Function]] = {}
            for function, evaluation in self.inference.evaluations.items():
                for value in evaluation.values:
                    for atom in value:
                        if isinstance(atom, v.Instance):
                            found.setdefault(atom.cls, set()).add(function)
            self._having = self.inference.runs, found
        return self._having[1]

    def _enclose(
        self, functions: Iterable[Function], coloring: Coloring, islands: set[Function]
    ) -> bool:
        """Make islands of the functions in which some are defined that can be none themselves:
        they are handed to a library there, which calls them. It is asked for each of the same
        functions in turn: there is no other answer until something has found its place."""
        sides = coloring.sides
        placed = len(islands), len(coloring.islands), len(sides.quiet), len(self.factories.made)
        if placed == self._in_vain:
            return False
        enclosed = self._enclose_any(functions, coloring, islands)
        self._in_vain = () if enclosed else placed
        return enclosed

    def _enclose_any(
        self, functions: Iterable[Function], coloring: Coloring, islands: set[Function]
    ) -> bool:
        given = [fn for fn in functions if home(fn) is not fn and fn not in islands]
        for group in ([fn] for fn in given) if len(given) < 2 else (*([fn] for fn in given), given):
            outer = {home(fn) for fn in group} - islands
            members = {m for fn in outer for m in self._closure(fn)}
            if members.issuperset(group) and self._can_be_islands(members, coloring):
                self._add_islands(members, group[0], coloring, islands)
                return True
        return False

    def _enclose_users(
        self,
        function: Function,
        others: Iterable[Function],
        coloring: Coloring,
        islands: set[Function],
    ) -> bool:
        """Make islands of a class that Python calls by itself, and of who has its objects."""
        users = enclosed(self, function)
        if function not in users:
            return False
        # Others may share what is below them.
        for group in (users, users.union(*(enclosed(self, other) for other in others))):
            members = {m for fn in group for m in self._closure(fn)}
            if self._can_be_islands(members, coloring):
                self._add_islands(members, function, coloring, islands)
                return True
        return False

    def _add_islands(
        self,
        members: set[Function],
        cause: Function,
        coloring: Coloring,
        islands: set[Function],
    ) -> None:
        fresh = (members | self.left_over(members)) - coloring.sides.synced
        for member in fresh - islands:
            self._causes[member] = cause, coloring.boundaries[cause].reason
        islands |= fresh
        coloring.islands |= fresh  # the next one may be called by those

    def _turns_later(self, constructor: Function, coloring: Coloring) -> bool:
        """Does a class method make the objects from now on, because their methods do I/O as well,
        or because nobody can enter the constructor?"""
        if not self.factories.is_reached_by_async(constructor):
            return False
        if not (
            self.factories.is_used_later(constructor)
            or any(map(self.divider.twins.sources, self._closure(constructor)))
        ) and self._can_be_island(constructor, coloring):
            return False
        return self._make_factory(constructor, coloring)

    def _make_factory(self, function: Function, coloring: Coloring) -> bool:
        if (
            not function.is_constructor
            or function in coloring.boundaries.keys() & self.factories.made
        ):
            return False  # it has turned, and something in it can't be awaited
        if any(use.kind == "refused" for use in self.uses.of(function)):
            return False
        made = self.factories.add(function, coloring.sides.synced)
        for member in self.factories.made:
            self._obstacles.pop(member, None)
        return made


def enclosed(colors: Enclosures, method: Function) -> set[Function]:
    """A special method with the other methods of its class, and the functions that have objects of
    that class; none where some of these are called by nobody who is known."""
    owner = method.owner
    if owner is None or not is_special(method.name) or method.is_constructor:
        return set()
    family = {*owner.ancestors, *owner.descendants()}
    methods = {m for cls in family for m in cls.methods.values()}
    having = colors.having_objects()
    users = {function for cls in family for function in having.get(cls, ())} - methods
    if len(users) > _FEW or not all(_is_called(colors, user, users) for user in users):
        return set()
    return {m for m in methods if colors.does_io(m)} | users if users else set()


def _is_called(colors: Components, user: Function, users: set[Function]) -> bool:
    """Is a function called by the program, and by nobody else?"""
    if user.facts.kind == "lambda":
        return user.parent in users
    if user.facts.kind != "def" or user.facts.is_async or user.signature.decorators:
        return False
    if is_test_path(user.module.path) or colors.is_entry(user):
        return False
    uses = [use for _, use in colors.callers().get(user, ())]
    return bool(uses) and all(use.kind == "call" for use in uses)
