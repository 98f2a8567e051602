"""Records, as far as load states go: what named tuples and namespaces were made with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_values as s
from asyncify.analysis import values as v
from asyncify.analysis.records import MAKING, NAMESPACE

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation


def made(run: LoadEvaluation, operation: f.Operation) -> s.Value:
    """``Point(x, y=y)``, ``point._replace(y=y)``, ``Point._make(pair)``,
    ``SimpleNamespace(user=user)``: the items, in the order of their names."""
    values, types = run.values, run.types(operation[5])
    callee = run.operations[operation[5]]
    given = {name: values[place] for name, place in operation[7] if name}
    if any(isinstance(a, v.Foreign) and a.name == NAMESPACE for a in types):
        row = s.Row(tuple(given.values()), tuple(given))
        return s.one(row) if any(row.items) else s.NOTHING
    classes = [a for a in types if isinstance(a, v.NamedTupleClass)]
    if len(classes) != 1 or min(operation[6], default=0) < 0:
        return s.NOTHING
    names, places = classes[0].names, operation[6]
    if callee[0] == f.ATTRIBUTE and callee[6] == MAKING:
        return s.join(run.values[place] for place in places)
    before = values[callee[5]] if callee[0] == f.ATTRIBUTE else s.NOTHING
    rows = [a.items for a in before if isinstance(a, s.Row) and len(a.items) == len(names)]
    items = [s.join(row[n] for row in rows) for n in range(len(names))]
    items[: len(places)] = [values[place] for place in places]
    items = [given.get(name, item) for name, item in zip(names, items, strict=True)]
    return s.one(s.Row(tuple(items))) if any(items) else s.NOTHING


def attribute(run: LoadEvaluation, base: int, name: str) -> s.Value:
    """``point.x``"""
    types = run.types(base)
    names = next((a.names for a in types if isinstance(a, v.NamedTuple)), ())
    if not names and v.ForeignInstance(NAMESPACE) not in types:
        return s.NOTHING  # a dict, it may be, whose keys are no attributes
    rows = [a for a in run.values[base] if isinstance(a, s.Row)]
    items = [dict(zip(row.names or names, row.items, strict=False)) for row in rows]
    return s.join(each.get(name, s.NOTHING) for each in items)
