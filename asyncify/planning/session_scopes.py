"""Scopes of scoped sessions: what has a session of its own, once the program is async.

A scoped session is one session for a thread. Where tasks run beside each other, as those of
requests do, each of them needs its own. A program of commands alone runs one task after the other:
there the thread goes on being what they share. So do tests with a registry of their own: each
shares a session with its fixtures, which pytest runs in tasks of their own, or outside of any.
"""

from __future__ import annotations

from asyncify.analysis.colors import Coloring
from asyncify.analysis.program import Module, Program
from asyncify.vocabulary.tasks import BESIDE_EACH_OTHER, OF_TASKS, OF_THREADS
from asyncify.vocabulary.testing import is_test_path


def scope_function(program: Program, coloring: Coloring, module: Module) -> str:
    """What tells the scopes of the sessions apart that a registry in a module has."""
    if is_test_path(module.path):
        return OF_THREADS
    own = [module for module in program.modules.values() if not is_test_path(module.path)]
    alone = bool(coloring.entries) and not any(map(_has_tasks, own))
    return OF_THREADS if alone else OF_TASKS


def _has_tasks(module: Module) -> bool:
    """May tasks run beside each other in what a module does?"""
    imported = {item.module.partition(".")[0] for item in module.facts.imports if not item.level}
    if not imported.isdisjoint(BESIDE_EACH_OTHER):
        return True
    return any(function.facts.is_async for function in module.functions)
