"""What an application leaves behind: connections of engines, and sessions of tasks.

A sync engine's connections are closed by the garbage collector. Those of an async one belong to the
event loop, and some drivers complain when they are collected after it. A registry keeps the session
of a task until it is removed; threads were few, but each request is a task.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Colors
from asyncify.analysis.program import Program
from asyncify.findings import Finding
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.vocabulary.frameworks import APPLICATIONS
from asyncify.vocabulary.testing import is_test_path

_REASON = "Nothing disposes of this engine when the application ends."
_ADVICE = "Call `await engine.dispose()` after the `yield` of its lifespan, or in its shutdown."
_KEPT = "This registry has a session for each task from now on, and keeps it: nothing removes them."
_REMOVE = "Call `await registry.remove()` at the end of each request, where the session is closed."
_Made = Iterable[tuple[v.Origin, Site]]


def undisposed(colors: Colors, engines: _Made) -> Iterator[Finding]:
    """A finding for each of these engines that nothing disposes of, in a program with an
    application."""
    for site in _without(colors, engines, "dispose"):
        yield finding("ASY609", site, _REASON, _ADVICE)


def unremoved(colors: Colors, registries: _Made) -> Iterator[Finding]:
    """A finding for each of these registries whose sessions nothing removes, likewise."""
    for site in _without(colors, registries, "remove"):
        yield finding("ASY610", site, _KEPT, _REMOVE)


def _without(colors: Colors, made: _Made, member: str) -> Iterator[Site]:
    """Where those are made of which an application never asks for the member."""
    made = [(origin, site) for origin, site in made if not is_test_path(site.path)]
    if not made or not _has_application(colors.inference.program):
        return
    asked = _asked(colors, member)
    yield from (site for origin, site in made if asked is not None and origin not in asked)


def _has_application(program: Program) -> bool:
    """Does the program make one, outside its tests?"""
    return any(
        not is_test_path(function.module.path)
        and (name in function.facts.members or program.resolve(function.module, name) == whole)
        for whole in APPLICATIONS for name in (whole.rpartition(".")[2],)
        for function in program.mentioning(name)
    )  # fmt: skip


def _asked(colors: Colors, member: str) -> set[v.Origin] | None:
    """Where the objects of SQLAlchemy are made that are asked for a member; None if that isn't
    known."""
    found: set[v.Origin] = set()
    for function in colors.inference.program.mentioning_member(member):
        evaluation = colors.inference.evaluations.get(function)
        if evaluation is None:
            return None
        for operation in function.body.operations:
            if operation and operation[0] == f.ATTRIBUTE and operation[6] == member:
                held = evaluation.values[operation[5]]
                origins = {
                    atom.origin for atom in held
                    if isinstance(atom, v.Known) and atom.origin is not None
                }  # fmt: skip
                if not origins and not held:
                    return None
                found |= origins
    return found
