"""Statements that modules, classes and objects keep.

    OPEN = select(Order).where(Order.closed.is_(None))

    def titles(db):
        return [order.customer.name for order in db.scalars(OPEN)]

What a `select` gives has no type, so the expression is run for it, once. What is put on an object,
``self.statement = select(Order)``, its readers get in the next run.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_names
from asyncify.analysis import load_values as s
from asyncify.analysis.program import Class, Function
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary.names import FUNCTIONS

if TYPE_CHECKING:
    from asyncify.analysis.load_bodies import LoadBody
    from asyncify.analysis.loading import Loading

_SELECTING = {name.rpartition(".")[2] for name, made in FUNCTIONS.items() if made == "Select"}


class KeptStatements:
    """What the variables of modules and classes select, and the attributes of objects."""

    def __init__(self, loading: Loading) -> None:
        self.loading = loading
        self._put: dict[tuple[Class, str], s.Value] = {}
        self._found: dict[tuple[Function, int], s.Value] = {}

    @cached_property
    def _assigned(self) -> dict[tuple[Function, int], tuple[str, f.Statement]]:
        """Their names, by what they are assigned."""
        program = self.loading.inference.program
        bodies = {fn for name in sorted(_SELECTING) for fn in program.mentioning(name)}
        return {
            (body, statement[8]): (target[1], statement)
            for body in bodies if body.facts.kind not in ("def", "lambda")
            for statement in statements_of(body.body.statements) if statement[0] == f.ASSIGN
            for target in statement[7] if target[0] == f.TO_NAME and _selects(body, statement)
        }  # fmt: skip

    @property
    def names(self) -> frozenset[str]:
        return self._names.union(name for _, name in self._put)

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self._assigned.values())

    def put(self, body: LoadBody, base: int, name: str, value: s.Value) -> bool:
        """An attribute is set: is it to a statement of which its readers didn't know?"""
        found = frozenset(a for a in value if isinstance(a, s.Statement) and not a.legacy)
        cls = body.class_of(base) if found else None
        known = self._put.get((cls, name), s.NOTHING) if cls is not None else found
        if cls is None or found <= known:
            return False
        self._put[cls, name] = s.join((known, found))
        return True

    def put_there(self, body: LoadBody, base: int, name: str) -> s.Value:
        """What was put there in any run."""
        cls = body.class_of(base) if any(name == each for _, each in self._put) else None
        family = cls.family if cls is not None else ()
        return s.join(self._put.get((each, name), s.NOTHING) for each in family)

    def kept(self, body: LoadBody, index: int) -> s.Value:
        """What a variable or an attribute of such a name selects."""
        place = load_names.definition(body, index)
        key = (place[0].function, place[1]) if place is not None else None
        if key is None or key not in self._assigned:
            operation = body.operations[index]
            is_read = operation[0] == f.ATTRIBUTE
            return self.put_there(body, *operation[5:7]) if is_read else s.NOTHING
        if key not in self._found:
            run, (_, statement) = self.loading.empty_run(key[0]), self._assigned[key]
            run.evaluate(statement[4], statement[5])
            value = run.values[key[1]]
            found = frozenset(atom for atom in value if isinstance(atom, s.Statement))
            self._found[key] = found
        return self._found[key]


def _selects(body: Function, statement: f.Statement) -> bool:
    """Does a statement call what selects?"""
    made = body.body.operations[statement[4] : statement[5]]
    return any(_SELECTING & {*o[5:7]} for o in made if o and o[0] in (f.NAME, f.ATTRIBUTE))
