"""Components: what shares sessions, or calls one another, has one fate."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.coloring import Coloring
from asyncify.analysis.environments import is_alembic
from asyncify.analysis.evaluate import Evaluation
from asyncify.analysis.infer import Inference
from asyncify.analysis.islands import Islands
from asyncify.analysis.overrides import overrides
from asyncify.analysis.program import Function
from asyncify.analysis.routed_binds import engines_routed
from asyncify.analysis.uses import GREENLET_KINDS, SYNC_KINDS, Use

_HANDLED = SYNC_KINDS | GREENLET_KINDS
_SOMEWHERE = "somewhere"  # stands for the unknown origin of a session


# By sessions and queries, which stay, and by calls, which are looked up for every coloring.
Links = tuple[dict[Hashable, set[Hashable]], dict[Hashable, set[Hashable]]]


@dataclass(frozen=True, slots=True)
class _Own:
    """What one function is linked with by sessions, and the factories that occur in it."""

    links: frozenset[Hashable]
    factories: frozenset[v.Origin]


def _link(links: dict[Hashable, set[Hashable]], left: Hashable, right: Hashable) -> None:
    links.setdefault(left, set()).add(right)
    links.setdefault(right, set()).add(left)


def connected(
    start: Hashable, links: Links, barrier: frozenset[Function] = frozenset()
) -> tuple[set[Function], set[v.Origin]]:
    """Everything that is connected with a function by calls and by sessions, but not by way of
    the functions of a barrier."""
    seen: set[Hashable] = {start}
    pending: list[Hashable] = [start]
    while pending:
        current = pending.pop()
        for part in links:
            for other in part.get(current, ()):
                if other not in seen and other not in barrier:
                    seen.add(other)
                    pending.append(other)
    functions = {s for s in seen if isinstance(s, Function)}
    return functions, {s for s in seen if isinstance(s, v.Origin)}


def _called_on(evaluation: Evaluation, use: Use) -> set[Hashable]:
    """The known origins of all that a method may be called on: a parameter may get the sessions of
    several factories."""
    operation = evaluation.operations[use.operation]
    callee = evaluation.values[operation[5]] if operation[0] == f.CALL else v.UNKNOWN
    owners = (atom.owner for atom in callee if isinstance(atom, v.KnownMethod))
    return {
        owner.origin for owner in owners
        if isinstance(owner, v.Known) and owner.kind in _HANDLED and owner.origin is not None
    }  # fmt: skip


class Components(Islands):
    """The components of a coloring."""

    def __init__(self, inference: Inference, blocked: frozenset[str] = frozenset()) -> None:
        super().__init__(inference, blocked)
        self._own: dict[Function, tuple[Evaluation, _Own]] = {}
        self._lasting: tuple[int, dict[Hashable, set[Hashable]]] = (-1, {})

    def _links(self, coloring: Coloring) -> Links:
        """What shares sessions, and calls between what is reached."""
        calls: dict[Hashable, set[Hashable]] = {}
        reached = coloring.turned | set(coloring.boundaries) | coloring.islands
        for function in reached:
            if is_alembic(function):
                continue  # it never stops the application
            for use in self.uses.of(function):
                for callee in use.callees:
                    if callee in reached:
                        _link(calls, function, callee)
            for member in self.family(function):
                _link(calls, function, member)
        for _, _, replaced, override in overrides(self.inference.program):
            _link(calls, replaced, override)  # it is injected in its place
        return self._shared(), calls

    def _shared(self) -> dict[Hashable, set[Hashable]]:
        """Links by sessions and queries: as long as nothing is evaluated they stay the same."""
        if self._lasting[0] == self.inference.runs:
            return self._lasting[1]
        links: dict[Hashable, set[Hashable]] = {}
        factories: set[v.Origin] = set()
        for function in self._evaluated():
            if is_alembic(function):
                continue
            own = self._own_links(function)
            if own.factories:
                factories |= own.factories
            for other in own.links:
                _link(links, function, other)
        for origin, other in self._related() | engines_routed(self.inference):
            _link(links, origin, other)
        if _SOMEWHERE in links:
            # A session that comes from nobody knows where may come from any factory.
            for origin in factories:
                _link(links, _SOMEWHERE, origin)
        self._lasting = self.inference.runs, links
        return links

    def _related(self) -> set[tuple[v.Origin, v.Origin]]:
        """Factories and sessions, and the engines that they are made of. Where nobody knows which
        engine that is, it is one of those of which nothing else is made."""
        inference = self.inference
        if not inference.unbound:
            return inference.related
        loose = self.loose_engines()
        return inference.related | {(one, engine) for one in inference.unbound for engine in loose}

    def loose_engines(self) -> set[v.Origin]:
        """The engines of the application of which nothing is made, as far as that is seen."""
        inference = self.inference
        engines = {
            atom.origin for function in self._evaluated() if not is_alembic(function)
            for _, value in inference.evaluations[function].objects for atom in value
            if isinstance(atom, v.Known) and atom.kind == "Engine" and atom.origin is not None
        }  # fmt: skip
        return engines - {engine for _, engine in inference.related}

    def _own_links(self, function: Function) -> _Own:
        """What one function is linked with, and the factories in it."""
        evaluation = self.inference.evaluations[function]
        known = self._own.get(function)
        if known is not None and known[0] is evaluation:
            return known[1]
        links: set[Hashable] = set()
        for use in self.uses.of(function):
            owner = use.owner
            if function.facts.is_async and self._is_on_async_side(use):
                continue
            if isinstance(owner, v.Known) and owner.kind in _HANDLED:
                links |= _called_on(evaluation, use)
                if owner.origin is not None:
                    links.add(owner.origin)
                elif self._may_be_sync(use):
                    links.add(_SOMEWHERE)
            elif isinstance(owner, v.QueryValue):
                links |= {owner.origin.function, owner.source or _SOMEWHERE}
        if function.facts.kind == "def":
            links |= self._handled(function)
        own = _Own(frozenset(links), self._factories(evaluation))
        self._own[function] = evaluation, own
        return own

    def _may_be_sync(self, use: Use) -> bool:
        """May its object be a sync one? Where async code does no I/O with it, nothing tells: what
        does tells for all."""
        return not self._is_awaited(use) and (use.does_io or not use.function.facts.is_async)

    def _is_awaited(self, use: Use) -> bool:
        """Is its object async, whatever it is annotated with?"""
        layout = self.uses.layout(use.function)
        return use.function.facts.is_async and layout.is_awaited(use.operation)

    def _is_on_async_side(self, use: Use) -> bool:
        """Is it awaited already, on an attribute that holds a session of each side? Sync code has
        a method of its own for the sync one."""
        operations = use.function.body.operations
        operation = operations[use.operation]
        if operation[0] != f.CALL or operations[operation[5]][0] != f.ATTRIBUTE:
            return False
        if not self._is_awaited(use):
            return False
        held = self.inference.evaluations[use.function].values[operations[operation[5]][5]]
        kinds = {atom.kind for atom in held if isinstance(atom, v.Known)}
        return any(kind.startswith("Async") for kind in kinds) and not kinds.isdisjoint(SYNC_KINDS)

    def _factories(self, evaluation: Evaluation) -> frozenset[v.Origin]:
        """The session factories, registries and engines that application code makes."""
        return frozenset(
            atom.origin for _, value in evaluation.objects for atom in value
            if isinstance(atom, v.Known) and atom.origin is not None
            and atom.kind in ("sessionmaker", "scoped_session", "Session")
            and not is_alembic(atom.origin.function)
        )  # fmt: skip

    def _handled(self, function: Function) -> set[Hashable]:
        """The origins of the sessions and the like that a function's variables hold."""
        environment = self.inference.evaluations[function].environment
        holds = self.inference.holds_objects
        return {
            a.origin or _SOMEWHERE for value in environment.values() if value and holds(value)
            for a in value if isinstance(a, v.Known) and a.kind in SYNC_KINDS
        }  # fmt: skip

    def _group(self, coloring: Coloring) -> None:
        """Number the components of what turned, and note what their sessions come from: not from
        what only a sync side uses."""
        links = self._links(coloring)
        sides = coloring.sides
        number = 0
        for barrier in (frozenset(sides.synced), frozenset[Function]()):
            for function in self._evaluated():
                if function in coloring.groups or function in barrier:
                    continue
                if function not in coloring.turned | coloring.islands:
                    continue
                number += 1
                members, origins = connected(function, links, barrier)
                for origin in origins:
                    coloring.source_groups.setdefault(origin, number)
                if function not in sides.synced:
                    coloring.alive |= origins
                for member in members - barrier:
                    coloring.groups.setdefault(member, number)
        if sides.synced:
            coloring.alive |= self._made_from(self.divider.twins.own_origins(sides.twinned))
            # What works on `Books(SessionLocal())` may be the other side's as well.
            opened = map(self.divider.spread.opened, coloring.turned - sides.synced)
            coloring.alive |= self._made_from(set().union(*opened))
            held = self._made_from(self._held_for_others(coloring))
            coloring.alive |= held
            coloring.alive -= self._apart(coloring) - held

    def _made_from(self, origins: set[v.Origin]) -> set[v.Origin]:
        """The origins, and those of what they are made from: a factory's engine."""
        below: dict[v.Origin, set[v.Origin]] = {}
        for origin, made_of in self._related():
            below.setdefault(origin, set()).add(made_of)
        found = set(origins)
        pending = list(origins)
        while pending:
            fresh = below.get(pending.pop(), set()) - found
            found |= fresh
            pending += fresh
        return found

    def _apart(self, coloring: Coloring) -> set[v.Origin]:
        """What only the sync side uses, and nothing that turns is made from."""
        alone = self.divider.twins.only_synced(coloring.sides)
        alone |= self._engines_of(alone, coloring)
        return alone - self._made_from(coloring.alive - alone)

    def _held_for_others(self, coloring: Coloring) -> set[v.Origin]:
        """What a constructor that stays sync makes for the async side too: its object holds both,
        and functions that turn work with the one. And what the body of a module does."""
        quiet, twins = coloring.sides.quiet, self.divider.twins
        shared = {
            origin for body in quiet for variable in twins.shared_by(body, quiet)
            for origin in twins.made_as(variable)
        }  # fmt: skip
        held = {
            atom.origin for cls, _, value in self.inference.named_attributes_held()
            for atom in value
            if isinstance(atom, v.Known) and atom.origin and atom.origin.function in quiet
            and self.divider.held.is_doubled(cls)
        }  # fmt: skip
        used = (self._own_links(function).links for function in coloring.turned - quiet)
        return (held.intersection(set().union(*used)) if held else held) | shared

    def _engines_of(self, alone: set[v.Origin], coloring: Coloring) -> set[v.Origin]:
        """The engines of what only the sync side uses, that no other function has in hand."""
        below = (self._made_from(alone) - alone) & coloring.alive
        if not below:
            return below
        quiet = coloring.sides.quiet
        held = {
            atom.origin for function in self._evaluated()
            if function.facts.kind == "def" and function not in quiet
            for _, value in self.inference.evaluations[function].objects for atom in value
            if isinstance(atom, v.Known)
        }  # fmt: skip
        return below - held
