"""Statements that modules and classes keep.

    OPEN = select(Order).where(Order.closed.is_(None))

    def titles(db):
        return [order.customer.name for order in db.scalars(OPEN)]

What a `select` gives has no type, so the expression is run for it, once.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_names
from asyncify.analysis import load_values as s
from asyncify.analysis.program import Function
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary.names import FUNCTIONS

if TYPE_CHECKING:
    from asyncify.analysis.load_bodies import LoadBody
    from asyncify.analysis.loading import Loading

_SELECTING = {name.rpartition(".")[2] for name, made in FUNCTIONS.items() if made == "Select"}


class KeptStatements:
    """What the variables of modules and classes select."""

    def __init__(self, loading: Loading) -> None:
        self.loading = loading
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

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self._assigned.values())

    def kept(self, body: LoadBody, index: int) -> s.Value:
        """What a variable or an attribute of such a name selects."""
        place = load_names.definition(body, index)
        key = (place[0].function, place[1]) if place is not None else None
        if key is None or key not in self._assigned:
            return s.NOTHING
        found = self._found.get(key)
        if found is None:
            run, (_, statement) = self.loading.empty_run(key[0]), self._assigned[key]
            run.evaluate(statement[4], statement[5])
            value = run.values[key[1]]
            found = frozenset(atom for atom in value if isinstance(atom, s.Statement))
            self._found[key] = found
        return found


def _selects(body: Function, statement: f.Statement) -> bool:
    """Does a statement call what selects?"""
    made = body.body.operations[statement[4] : statement[5]]
    return any(_SELECTING & {*o[5:7]} for o in made if o and o[0] in (f.NAME, f.ATTRIBUTE))
