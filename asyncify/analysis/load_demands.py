"""Demands: attributes that are read where they may not be loaded, and what a function asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from asyncify.analysis.load_states import State
from asyncify.analysis.load_values import NOTHING, Entity, Key, Source, Value, sources
from asyncify.analysis.program import Class, Function


class Demand(NamedTuple):
    """An attribute that is read where it may not be loaded.

    ``function`` and ``operation`` are the place of the read, ``entity`` the instance as it is known
    there, ``attribute`` what is read; ``source`` and ``path`` say where the instance comes from in
    ``holder``, the function that is asked about, and ``calls`` through which calls the read is
    reached from it: pairs of a function and an operation, the outermost first. ``column``: no
    relationship but a column that is expired or deferred.
    ``reader`` is what reads it where that is no code of the program. ``at`` is the operation in the
    function that is asked about whose value the instance is, or holds it, and ``below`` the path
    from there; -1 where there is none. ``executes`` is the method that executes the Query which a
    dynamic relationship gives, ``*`` where that is iterated over. ``depth`` is how it is asked for
    again below itself (`asyncify.planning.load_depths`), and ``late`` says that what was loaded of
    the instance when it came has been given up since; ``inside``: by the call that leads to it.
    ``stale``: rows that it loads may have been written since the query, which doesn't tell of them;
    ``maybe``: a function that isn't given the instance, but holds it, may as well not read it, or
    a test that expires it before a request may not have stored it yet;
    ``many``: the value of the operation ``at`` is a container. ``outdated``: it may have been
    loaded before a commit that changed it, and is loaded again before the read. ``returned``: it is
    read of what a route has returned, when that has ended. ``guards`` are parameters of the
    function that is asked about that have to be true (`asyncify.analysis.load_guards`).
    ``flushed``: the function has flushed since it was given the instance, which may have been new.
    """

    function: Function
    operation: int
    attribute: str
    entity: Entity
    source: Source
    path: tuple[str, ...]
    calls: tuple[tuple[Function, int], ...] = ()
    column: bool = False
    reader: str = ""
    at: int = -1
    below: tuple[str, ...] = ()
    executes: str = ""
    depth: str = ""
    late: bool = False
    inside: bool = False
    stale: bool = False
    maybe: bool = False
    many: bool = False
    outdated: bool = False
    returned: bool = False
    guards: frozenset[str] = frozenset()
    flushed: bool = False

    @property
    def anchor(self) -> int:
        """The operation of the function that is asked about which leads to the read."""
        return self.calls[0][1] if self.calls else self.operation

    @property
    def is_read_itself(self) -> bool:
        """Is it the instance at hand that is read, and not what it, or an object, leads to?"""
        return not self.below and self.source.kind != "held"

    @property
    def is_new(self) -> bool:
        """Is it asked of what was constructed, and not loaded through that?"""
        return self.source.kind == "new" and not self.path

    @property
    def recurs(self) -> bool:
        """Is it read by a function that calls itself on the way?"""
        functions = [*(function for function, _ in self.calls[1:]), self.function]
        return bool(self.calls) and len(set(functions)) < len(functions)

    @property
    def returns(self) -> bool:
        """Will it be so for a caller of the function that is asked about?"""
        functions = [*(function for function, _ in self.calls), self.function]
        return len(set(functions)) < len(functions)

    @property
    def whole(self) -> tuple[str, ...]:
        """The path from the source to the attribute."""
        return (*self.path, self.attribute)


@dataclass(slots=True)
class Summary:
    """What a function does with the instances that it is given, and what it gives back."""

    demands: dict[Demand, None] = field(default_factory=dict)
    returned: Value = NOTHING
    state: State | None = None  # at its returns
    asked: tuple[Demand, ...] = ()  # those of the demands that are on what it is given
    recurs: bool = False  # are some of them read by a function that calls itself?
    # Columns that it reads of what it is given: whoever gives it may have let them expire.
    reads: dict[tuple[Key, str], Demand] = field(default_factory=dict)
    # Relationships, by class, that it loads of what it isn't given: whoever calls it may hold that.
    loads: set[tuple[Class, str]] = field(default_factory=set)
    # Those of them that it loads when it has committed what changes them.
    anew: set[tuple[Class, str]] = field(default_factory=set)

    def finish(self, function: Function, given: tuple[Value, ...]) -> None:
        """Leave out what no caller can ask for: each one would carry it along."""
        self.asked = tuple(
            demand for demand in self.demands
            if demand.source.kind == "held"
            or (demand.source.kind == "given" and demand.source.function is function)
        )  # fmt: skip
        self.recurs = any(demand.returns for demand in self.asked)
        if self.state is not None:
            known = {source for value in (self.returned, *given) for source in sources(value)}
            self.state = self.state.narrowed(known, function)


def moved(
    demand: Demand,
    entity: Entity,
    call: tuple[Function, int],
    at: int,
    below: tuple[str, ...] = (),
    many: bool = False,
) -> Demand:
    """The demand of a callee on its parameter, as one on the caller's instance, which is what the
    value of the operation ``at`` holds ``below``."""
    inside = demand.late or demand.stale
    return Demand(
        demand.function, demand.operation, demand.attribute, demand.entity, entity.source,
        (*entity.path, *demand.path), (call, *demand.calls), demand.column, demand.reader, at,
        (*below, *demand.path), demand.executes, demand.depth, demand.late, inside, demand.stale,
        demand.maybe, many, returned=demand.returned,
        flushed=demand.flushed and not entity.path,
    )  # fmt: skip
