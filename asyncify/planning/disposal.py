"""Engines of an application whose connections nobody closes when it ends.

A sync engine's are closed by the garbage collector. Those of an async one belong to the event loop,
and some drivers complain when they are collected after it.
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


def undisposed(colors: Colors, made: Iterable[tuple[v.Origin, Site]]) -> Iterator[Finding]:
    """A finding for each of these engines that nothing disposes of, in a program with an
    application."""
    made = [(origin, site) for origin, site in made if not is_test_path(site.path)]
    if not made or not _has_application(colors.inference.program):
        return
    disposed = _disposed(colors)
    for origin, site in made:
        if disposed is not None and origin not in disposed:
            yield finding("ASY609", site, _REASON, _ADVICE)


def _has_application(program: Program) -> bool:
    """Does the program make one, outside its tests?"""
    return any(
        not is_test_path(function.module.path)
        and (name in function.facts.members or program.resolve(function.module, name) == whole)
        for whole in APPLICATIONS for name in (whole.rpartition(".")[2],)
        for function in program.mentioning(name)
    )  # fmt: skip


def _disposed(colors: Colors) -> set[v.Origin] | None:
    """Where the engines are made that something disposes of; None if that isn't known."""
    found: set[v.Origin] = set()
    for function in colors.inference.program.mentioning_member("dispose"):
        evaluation = colors.inference.evaluations.get(function)
        if evaluation is None:
            return None
        for operation in function.body.operations:
            if operation and operation[0] == f.ATTRIBUTE and operation[6] == "dispose":
                origins = {
                    atom.origin for atom in evaluation.values[operation[5]]
                    if isinstance(atom, v.Known) and atom.origin is not None
                }  # fmt: skip
                if not origins:
                    return None
                found |= origins
    return found
