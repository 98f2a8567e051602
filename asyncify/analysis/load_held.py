"""What objects that are no models hold: instances that they were given, or have queried.

    class Roster:
        def __init__(self, db, name):
            self.team = db.scalars(select(Team).where(Team.name == name)).first()

What results give has no type, so the methods are run for it.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from asyncify.analysis import generics
from asyncify.analysis import load_values as s
from asyncify.analysis import values as v
from asyncify.analysis.program import Class

if TYPE_CHECKING:
    from asyncify.analysis.loading import Loading

_SELECT = "select"


class Held:
    """The types of attributes, asked for where an instance is read of them."""

    def __init__(self, loading: Loading) -> None:
        self.loading = loading
        self._known: dict[tuple[Class, str], v.Value] = {}

    def of(self, holder: Class, name: str) -> v.Value:
        """An attribute: what is known of it, or what annotations say where nobody asked what its
        constructor does, or what its methods have queried."""
        found = self._known.get((holder, name))
        if found is None:
            inference = self.loading.inference
            found = inference.held(holder, name) or generics.held(inference, holder, name)
            self._known[holder, name] = found
            if not found and name in self.selected:
                found = self._known[holder, name] = self._selected(holder, name)
        return found

    @cached_property
    def selected(self) -> frozenset[str]:
        """The attributes that methods set which select something: what results give has no
        type."""
        loading = self.loading
        return frozenset().union(*(
            function.facts.stores for function in loading.inference.program.mentioning(_SELECT)
            if function.owner is not None and not loading.is_model(function.owner)
        ))  # fmt: skip

    def _selected(self, holder: Class, name: str) -> v.Value:
        places = [p for cls in holder.ancestors for p in generics.kept_as(cls, name)]
        out = v.UNKNOWN
        for place in places:
            run = self.loading.empty_run(place.function)
            run.run()
            out = out.union(*map(_type, run.values[place.place]))
        return out


def _type(atom: s.Atom) -> v.Value:
    """The type of an instance, or of a list of them."""
    if isinstance(atom, s.Entity):
        return v.one(v.Instance(atom.cls))
    if isinstance(atom, s.Many):
        return v.collection(v.join(_type(item) for item in atom.items))
    return v.UNKNOWN
