"""Calls that may have to be awaited, of something unknown: methods that turn, by their name, and
those of what is used as a session and comes from something of which nothing is known."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import chain

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.looked_up import lookup
from asyncify.analysis.program import Class, Function, dotted
from asyncify.analysis.sides import is_parameter
from asyncify.analysis.use_calls import METADATA
from asyncify.analysis.uses import Use
from asyncify.findings import Finding
from asyncify.rules import finding
from asyncify.sites import Site

_ADVICE = "Annotate what it is called on, or await it by hand."

_AWAIT = "Write down how its name begins, or await it by hand where it is async."

_UNSEEN = (
    "Where it is a session of the program, annotate what gives it and run asyncify again. Those of "
    "a library stay sync."
)
_UNKNOWN_BIND = (
    "An async engine isn't taken there: name the engine, or run it through `conn.run_sync`."
)
_UNKNOWN_ENGINE = (
    "An async session takes an async engine or connection alone: annotate what it is made on."
)
_CONTAINED = "Give it a sync one if it doesn't await what it does with it."
_LENT = "Make an async session of the program's there."


def unproven_calls(colors: Colors, coloring: Coloring) -> Iterator[Finding]:
    """A warning for each that may have to be awaited and isn't."""
    for function in colors.inference.evaluations:
        for use in colors.uses.of(function):
            if use.kind == "maybe":
                yield from _finding(colors, coloring, use)
            elif use.kind == "contained" and _is_async(coloring, use):
                site = Site(function.module.path, use.line, use.column)
                reason = f"It isn't known what `{use.name}` does with what it gets in a container"
                yield finding("ASY106", site, f"{reason}: an async {_kind(use)}.", _CONTAINED)


def unseen_sessions(colors: Colors, coloring: Coloring) -> Iterator[Finding]:
    """A warning for each variable that is used as a session, and stays as it is; one for all
    methods of a class that read the same attribute."""
    told: set[tuple[Class, str]] = set()
    unseen = colors.inference.likely.unseen
    for function, name in sorted(unseen, key=lambda x: (x[0].module.path, x[0].index, x[1])):
        index = unseen[function, name]
        if function in coloring.stays:
            continue
        operation = function.body.operations[index]
        if function.owner is not None and operation[0] == f.ATTRIBUTE:
            if (function.owner, name) in told:
                continue
            told.add((function.owner, name))
        site = Site(function.module.path, operation[1], operation[2])
        reason = f"`{name}` is used as a session, but it isn't known what gives it: it stays sync."
        yield finding("ASY106", site, reason, _UNSEEN)


def unseen_binds(colors: Colors, coloring: Coloring) -> Iterator[Finding]:
    """A warning for tables that are created on something unknown, which may be an engine that
    turns: an async one isn't taken there."""
    for name in METADATA if coloring.alive else ():
        for function in colors.program.mentioning_member(name):
            evaluation = colors.inference.evaluations.get(function)
            if evaluation is None or function in coloring.stays | coloring.islands:
                continue
            for operation in evaluation.operations:
                index = _bind(evaluation.operations, operation, name)
                if index >= 0 and not evaluation.values[index]:
                    site = Site(function.module.path, operation[1], operation[2])
                    reason = f"It isn't known what `{name}` is given here."
                    yield finding("ASY106", site, reason, _UNKNOWN_BIND)


def unbound_sessions(colors: Colors, coloring: Coloring) -> Iterator[Finding]:
    """A warning for each session, or factory of sessions, that turns and is made on something
    unknown, where no engine of the program is left that it could be. What a function is given is
    the business of who calls it."""
    unbound = colors.inference.unbound & coloring.alive
    if not unbound or colors.loose_engines():
        return
    for origin in sorted(unbound, key=lambda x: (x.function.module.path, x.function.index, x.call)):
        function = origin.function
        operations = function.body.operations
        for operation in operations:
            if not operation or operation[0] != f.CALL or operation[3] != origin.call:
                continue
            named = (index for key, index in operation[7] if key == "bind")
            given = next(chain(named, operation[6][:1]), -1)
            if given >= 0 and not is_parameter(function, given):
                called = dotted(operations, operation[5]).rpartition(".")[2] or "the session"
                reason = f"It isn't known which engine `{called}` is made on; it turns async."
                site = Site(function.module.path, operation[1], operation[2])
                yield finding("ASY106", site, reason, _UNKNOWN_ENGINE)


def lent_to_tests(colors: Colors, coloring: Coloring) -> Iterator[Finding]:
    """A warning for each fixture that hands a library's session to tests that turn."""
    fixtures = colors.inference.fixtures
    for function in colors.inference.evaluations:
        if not fixtures.is_fixture(function) or function in coloring.stays:
            continue
        lender = colors.lent.by_fixture(function)
        if lender and _is_requested(colors, function, coloring.turned):
            site = Site(function.module.path, function.facts.line, function.facts.column)
            reason = f"The session comes from `{lender}` and stays what it is; what uses it turns."
            yield finding("ASY106", site, reason, _LENT)


def _is_requested(colors: Colors, fixture: Function, turned: Collection[Function]) -> bool:
    """Does a function that turns ask for a fixture, or for one that asks for it?"""
    pending, seen = [fixture], {fixture}
    while pending:
        for function, _ in colors.inference.fixtures.requesting(pending.pop()):
            if function in turned:
                return True
            if function not in seen:
                seen.add(function)
                pending.append(function)
    return False


def _bind(operations: tuple[f.Operation, ...], operation: f.Operation, name: str) -> int:
    """What ``metadata.create_all`` is given; -1 where an operation is something else."""
    if not operation or operation[0] != f.CALL:
        return -1
    callee = operations[operation[5]]
    if callee[0] != f.ATTRIBUTE or callee[6] != name:
        return -1
    owner = dotted(operations, callee[5]).rpartition(".")[2]
    given = [*operation[6][:1], *(index for key, index in operation[7] if key == "bind")]
    return given[0] if owner.endswith("metadata") and given else -1


def _finding(colors: Colors, coloring: Coloring, use: Use) -> Iterator[Finding]:
    turning = sorted(
        c.qualname for c in use.callees
        if c in coloring.turned and not c.facts.is_async and c not in coloring.stays
    )  # fmt: skip
    is_planned = use.function in coloring.turned and colors.turns_by_name(use, coloring)
    layout = colors.uses.layout(use.function)
    if not turning or is_planned or layout.is_awaited(use.operation):
        return
    if colors.places.is_ensured(use):
        return
    site = Site(use.function.module.path, use.line, use.column)
    looked_up = lookup(colors.inference.evaluations[use.function], _callee(use)) is not None
    unknown = "which method this is" if looked_up else f"what `{use.name}` is called on"
    reason = f"It isn't known {unknown}. It may be `{turning[0]}`, which turns async, and nobody "
    yield finding("ASY106", site, f"{reason}awaits it here.", _AWAIT if looked_up else _ADVICE)


def _is_async(coloring: Coloring, use: Use) -> bool:
    is_alive = isinstance(use.owner, v.Known) and use.owner.origin in coloring.alive
    return is_alive and use.function not in coloring.stays


def _kind(use: Use) -> str:
    kind = use.owner.kind if isinstance(use.owner, v.Known) else ""
    return {"sessionmaker": "session factory"}.get(kind, kind.lower())


def _callee(use: Use) -> int:
    """The operation that is called."""
    operation = use.function.body.operations[use.operation]
    return int(operation[5]) if operation[0] == f.CALL else use.operation
