"""What objects that are no models hold: instances that they were given, or have queried.

    class Roster:
        def __init__(self, db, name):
            self.team = db.scalars(select(Team).where(Team.name == name)).first()

What results give has no type, so the methods are run for it; and whatever is put on an object in
any run, ``request.state.user = user``, its readers get in the next.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from asyncify.analysis import generics
from asyncify.analysis import load_values as s
from asyncify.analysis import values as v
from asyncify.analysis.kept import last_name
from asyncify.analysis.program import Class

if TYPE_CHECKING:
    from asyncify.analysis.load_bodies import LoadBody
    from asyncify.analysis.loading import Loading

_SELECT = "select"


class Held:
    """The types of attributes, asked for where an instance is read of them."""

    def __init__(self, loading: Loading) -> None:
        self.loading = loading
        self.names: set[str] = set()  # of the attributes that were put on objects
        self.has_grown = False
        self._known: dict[tuple[Class, str], v.Value] = {}
        self._put: dict[tuple[Class | str, str], v.Value] = {}

    def put(self, body: LoadBody, base: int, name: str, value: s.Value) -> None:
        """An attribute of the value of an operation is set to instances of which no type tells. An
        object of which nothing is known is told by its name."""
        cls = body.class_of(base)
        if cls is not None and name in self.selected and body.function.owner in cls.ancestors:
            return  # who asks what the methods have queried finds it
        key = cls or last_name(body.operations[base]), name
        known, found = self._put.get(key, v.UNKNOWN), v.UNKNOWN.union(*map(_type, value))
        told = self.loading.inference.held(cls, name) if cls is not None else v.UNKNOWN
        if not key[0] or found <= known | told:
            return
        self._put[key] = known | found
        self.grow(name)

    def grow(self, name: str) -> None:
        """Who reads such an attribute knows more of it in the next run."""
        self.names.add(name)
        self.has_grown = True

    def kept(self, body: LoadBody, base: int, name: str) -> v.Value:
        """What was put there in any run."""
        cls = body.class_of(base)
        if cls is not None:
            return self.kept_by(cls, name)
        return self._put.get((last_name(body.operations[base]), name), v.UNKNOWN)

    def kept_by(self, cls: Class, name: str) -> v.Value:
        """The same, of objects of a class."""
        return v.UNKNOWN.union(*(self._put.get((each, name), v.UNKNOWN) for each in cls.family))

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
