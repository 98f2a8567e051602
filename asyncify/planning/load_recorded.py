"""Recorded loads: what the program's own tests showed to load, and the analysis didn't find.

The read on such a line is a demand like those that are found; where it can't be one, because a
library reads, or a function that stays sync, it is reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.load_demands import Demand
from asyncify.analysis.load_values import Entity, Source
from asyncify.analysis.program import Function, Module
from asyncify.analysis.statements import statements_of
from asyncify.findings import Finding
from asyncify.loads import RecordedLoad
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.vocabulary.loading import KEEPER

_SPAN = 12  # lines: an expression may begin so far above the line that is recorded of it

Place = tuple[Function, int]


class RecordedLoads:
    """The recorded loads of a program, against the demands that were found."""

    def __init__(self, colors: Colors, coloring: Coloring, loads: Iterable[RecordedLoad]) -> None:
        self.colors = colors
        self.coloring = coloring
        self.loads = tuple(loads)
        self.findings: list[Finding] = []

    def missed(self, found: dict[Function, list[Demand]]) -> Iterator[Demand]:
        """Demands for what was loaded and isn't among those found."""
        known = _Known(found)
        modules = self._modules()
        for load in self.loads:
            module = modules.get(load.path)
            places = list(self._places(module, load)) if module is not None else []
            if module is None or known.has(places, module, load, self._around(module, load)):
                continue
            demands = [d for place in places if (d := self._demand(place, load)) is not None]
            yield from demands
            if not demands and not self._runs_sync(places):
                self._report(module, load)

    def _around(self, module: Module, load: RecordedLoad) -> Iterator[Function]:
        """The function in which a library reads, or, where what a route gave is read, the route:
        the line of its first decorator is recorded."""
        functions = [fn for fn in module.functions if fn.facts.kind == "def"]
        lines = [fn.facts.line for fn in functions]
        inside = max((line for line in lines if line <= load.line), default=0)
        below = min((line for line in lines if line > load.line), default=0)
        yield from (fn for fn in functions if fn.facts.line in (inside, below))

    def _modules(self) -> dict[str, Module]:
        """The modules by the paths that the recorder knows them by: its root may be further in."""
        out: dict[str, Module] = {}
        paths = {load.path for load in self.loads}
        for module in self.colors.program.modules.values():
            parts = module.path.split("/")
            for start in range(len(parts)):
                path = "/".join(parts[start:])
                if path in paths:
                    out.setdefault(path, module)
        return out

    def _places(self, module: Module, load: RecordedLoad) -> Iterator[Place]:
        """The reads of the attribute that begin on the line, or else nearest above it."""
        found: dict[int, list[Place]] = {}
        for function in module.functions:
            if load.attribute in function.facts.members and not load.reader:
                for index, operation in enumerate(function.body.operations):
                    if operation and operation[0] == f.ATTRIBUTE and operation[6] == load.attribute:
                        found.setdefault(operation[1], []).append((function, index))
        near = [line for line in found if load.line - _SPAN <= line <= load.line]
        return iter(found[max(near)] if near else ())

    def _demand(self, place: Place, load: RecordedLoad) -> Demand | None:
        function, index = place
        cls = self.colors.inference.models.named(load.cls)
        if cls is None or function not in self.coloring.turned:
            return None
        source = Source("other", function, function.body.operations[index][5])
        return Demand(
            function, index, load.attribute, Entity(source, (), cls), source, (),
            column=load.column, at=index,
        )  # fmt: skip

    def _runs_sync(self, places: list[Place]) -> bool:
        """Does what reads stay sync, or run inside ``run_sync``? It may load."""
        allowed = self.coloring.islands | self.coloring.stays
        return bool(places) and all(function in allowed for function, _ in places)

    def _report(self, module: Module, load: RecordedLoad) -> None:
        reader = f" by {load.reader}" if load.reader else ""
        reason = f"`{load.attribute}` of {load.cls} is read{reader} and was loaded here by itself"
        advice = "Load it before: by a loader option at the query, or by `refresh`."
        site = Site(module.path, load.line, 1)
        self.findings.append(
            finding("ASY701", site, f"{reason} when the tests were recorded.", advice)
        )


class _Known:
    """What the demands that were found say of places."""

    def __init__(self, found: dict[Function, list[Demand]]) -> None:
        all_of_them = [(holder, d) for holder, demands in found.items() for d in demands]
        self.places = {(d.function, d.operation) for _, d in all_of_them}
        self.lines = {  # what is set is loaded too, and is no operation
            (d.function.module, d.function.body.operations[d.operation][1], d.attribute)
            for _, d in all_of_them
        }  # fmt: skip
        self.read = {(at, d.attribute, d.entity.cls.name) for at, d in all_of_them if d.reader}
        self.kept = {(name, d.entity.cls) for _, d in all_of_them for name in _keeping(d)}

    def has(
        self, places: list[Place], module: Module, load: RecordedLoad, around: Iterable[Function]
    ) -> bool:
        """Is a recorded load among them?"""
        if (module, load.line, load.attribute) in self.lines:
            return True
        if any(place in self.places for place in places):
            return True
        if load.column and any(self._is_kept(place, load.cls) for place in places):
            return True
        return bool(load.reader) and any(
            (function, load.attribute, load.cls) in self.read for function in around
        )

    def _is_kept(self, place: Place, cls: str) -> bool:
        """``self.user.name``: is what has expired of it loaded where the object is handed it?"""
        operations = place[0].body.operations
        base = operations[operations[place[1]][5]]
        return base[0] == f.ATTRIBUTE and any(
            name == base[6] and cls in (each.name for each in (kept, *kept.descendants()))
            for name, kept in self.kept
        )


def _keeping(demand: Demand) -> Iterator[str]:
    """The attribute of an object that keeps what has expired."""
    statements = demand.function.body.statements if demand.reader == KEEPER else ()
    for statement in statements_of(statements):
        if statement[0] == f.ASSIGN and statement[8] == demand.operation:
            yield from (target[2] for target in statement[7] if target[0] == f.TO_ATTRIBUTE)
