"""Scopes of scoped sessions: what has a session of its own, once the program is async.

A scoped session is one session for a thread. Where tasks run beside each other, as those of
requests do, each of them needs its own. A program of commands alone runs one task after the other:
there the thread goes on being what they share. So do tests with a registry of their own: each
shares a session with its fixtures, which pytest runs in tasks of their own, or outside of any.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Module, Program
from asyncify.analysis.statements import statements_of, targets_of
from asyncify.findings import Finding
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.vocabulary.tasks import BESIDE_EACH_OTHER, OF_TASKS, OF_THREADS, THREAD_LOCAL
from asyncify.vocabulary.testing import is_test_path

_LOCAL = "`threading.local` keeps a session for each thread: all tasks of an event loop share it."
_ADVICE = "Keep it in a `contextvars.ContextVar`, or let an `async_scoped_session` with "
_ADVICE += "`scopefunc=asyncio.current_task` give it."


def scope_function(program: Program, coloring: Coloring, module: Module) -> str:
    """What tells the scopes of the sessions apart that a registry in a module has."""
    if is_test_path(module.path) or _are_alone(program, coloring):
        return OF_THREADS
    return OF_TASKS


def _are_alone(program: Program, coloring: Coloring) -> bool:
    """Is the program run by its own commands, and none of it beside anything else?"""
    own = (module for module in program.modules.values() if not is_test_path(module.path))
    return bool(coloring.entries) and not any(map(_has_tasks, own))


def kept_by_threads(colors: Colors, coloring: Coloring) -> Iterator[Finding]:
    """Sessions that are async, or turn, on what ``threading.local`` makes."""
    named = colors.program.mentioning(THREAD_LOCAL.rpartition(".")[2])
    if not named or _are_alone(colors.program, coloring):
        return
    for function, evaluation in colors.inference.evaluations.items():
        if is_test_path(function.module.path):
            continue
        for statement in statements_of(function.body.statements):
            if statement[0] == f.ASSIGN and any(
                target[0] == f.TO_ATTRIBUTE and any(map(_is_local, evaluation.values[target[1]]))
                for target in targets_of(statement)
            ):
                held = evaluation.values[statement[8]]
                if any(_is_async(atom, coloring) for atom in held):
                    site = Site(function.module.path, statement[1], statement[2])
                    yield finding("ASY408", site, _LOCAL, _ADVICE)


def _is_local(atom: v.Atom) -> bool:
    if isinstance(atom, v.Instance):
        return THREAD_LOCAL in atom.cls.foreign_bases
    return isinstance(atom, v.ForeignInstance) and atom.name == THREAD_LOCAL


def _is_async(atom: v.Atom, coloring: Coloring) -> bool:
    if not isinstance(atom, v.Known):
        return False
    return atom.kind == "AsyncSession" or (atom.kind == "Session" and atom.origin in coloring.alive)


def _has_tasks(module: Module) -> bool:
    """May tasks run beside each other in what a module does?"""
    imported = {item.module.partition(".")[0] for item in module.facts.imports if not item.level}
    if not imported.isdisjoint(BESIDE_EACH_OTHER):
        return True
    return any(function.facts.is_async for function in module.functions)
