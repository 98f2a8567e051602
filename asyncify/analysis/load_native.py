"""Loading in code that is async already: relationships that nobody has loaded before they are read.

The same runs over load states as for what is about to turn, of the functions that are async as they
stand, and of no more than relationships.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from asyncify.analysis.coloring import Coloring
from asyncify.analysis.colors import Colors
from asyncify.analysis.injected import Injected
from asyncify.analysis.load_demands import Demand
from asyncify.analysis.load_missing import is_missing
from asyncify.analysis.load_values import Entity, Source, entities
from asyncify.analysis.loading import Loading
from asyncify.analysis.program import Class, Function
from asyncify.vocabulary.loading import DUMPING, RENDERING, VALIDATING
from asyncify.vocabulary.names import KINDS
from asyncify.vocabulary.testing import is_test_path

_ASKED = {"query", "get"}  # the kinds of sources that a session was asked for
_SESSIONS = {
    name.rpartition(".")[2] for name, kind in KINDS.items() if kind.lower().startswith("async")
}
_DEPENDENCIES = 6  # that hand an instance on to one another


class Unloaded(NamedTuple):
    """A demand, and the function of which it is one. ``injected``: it is given the instance by the
    framework, from the dependency that the source of the demand is in."""

    holder: Function
    demand: Demand
    injected: bool = False


class NativeLoading(Loading):
    """The demands of functions that are async already. Tests know what they read."""

    def __init__(self, colors: Colors, coloring: Coloring) -> None:
        native = {
            function for function in colors.inference.evaluations
            if function.facts.is_async and function not in coloring.turned
            and not is_test_path(function.module.path)
        }  # fmt: skip
        super().__init__(colors, Coloring(turned=native))
        self.injected = Injected(self.inference)

    def readers(self) -> Iterator[Function]:
        program, names = self.inference.program, set[str]()
        for cls in program.classes.values():
            model = self.models.declared(cls)
            names |= model.relationships.keys() | model.proxies.keys() | model.synonyms.keys()
        names |= {name for given in self.models.given_by_backref().values() for name in given}
        if not names or not self.coloring.turned or not any(map(program.mentioning, _SESSIONS)):
            return
        for name in sorted(names | VALIDATING | DUMPING | RENDERING):
            yield from program.mentioning_member(name)
        yield from (fn for fn in self.coloring.turned if fn.signature_is_decorated)

    def unloaded(self) -> Iterator[Unloaded]:
        """The relationships that are read of what an async session gave, and that no option on any
        way to there is for."""
        for holder, demands in self.demands().items():
            for demand in demands:
                if self._is_certain(demand):
                    yield Unloaded(holder, demand)
                elif demand.source.kind == "given" and demand.source.function is holder:
                    source = self._injected(holder, demand, _DEPENDENCIES)
                    found = demand._replace(source=source) if source is not None else demand
                    if self._is_certain(found):
                        yield Unloaded(holder, found, injected=True)

    def _injected(self, function: Function, demand: Demand, depth: int) -> Source | None:
        """Where the instance comes from that the framework gives a function, if nobody on the way
        has loaded what is demanded of it."""
        wanted = {cls for path, cls in demand.source.entities if not path}
        given = [
            (dependency, entity) for dependency in self.injected.into(function)
            if dependency in self.inference.evaluations
            for entity in entities(self.summary(dependency, self._declared(dependency)).returned)
            if entity.cls in wanted and not entity.path
        ]  # fmt: skip
        if len(given) != 1 or not depth:
            return None
        dependency, entity = given[0]
        if self._has_loaded(dependency, entity, demand):
            return None
        if entity.source.kind == "given" and entity.source.function is dependency:
            return self._injected(dependency, demand, depth - 1)
        return entity.source

    def _has_loaded(self, dependency: Function, entity: Entity, demand: Demand) -> bool:
        state = self.summary(dependency, self._declared(dependency)).state
        return state is None or demand.attribute in state.loaded.get(
            (entity.source, demand.path), frozenset()
        )

    def _is_certain(self, demand: Demand) -> bool:
        """Is nothing open but whether the read is reached?"""
        source = demand.source
        is_new = source.kind == "new"
        if not (source.kind in _ASKED or (is_new and is_missing(self, demand))):
            return False
        if source in self.unreadable or self._is_sync(source):
            return False
        if demand.attribute in self.opted.get(source, ()) or demand.guards:
            return False
        return not (
            demand.column
            or demand.maybe
            or demand.outdated
            or demand.executes
            or (demand.late and not is_new)
        )

    def _is_sync(self, source: Source) -> bool:
        kinds = self.asked.get(source, set())
        return not kinds or not all(kind.lower().startswith("async") for kind in kinds)

    def is_optional(self, cls: Class, name: str) -> bool:
        """Is there a query of a class with an option for a relationship?"""
        return any(
            name in names and any(of is cls for _, of in source.entities)
            for source, names in self.opted.items()
        )
