"""Registries of sessions that a suite shares with the program.

    Session = async_scoped_session(SessionLocal, scopefunc=current_task)

Each request of the program has a session of its own so. pytest runs fixtures in tasks of their own,
or outside of any, and yet they share a session with their tests: in a suite the thread is what
tells sessions apart, as before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Function, Module, Symbol
from asyncify.decisions import EditArguments, InsertStatements
from asyncify.planning.draft import Draft, call_reference
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.tasks import OF_TASKS, OF_THREADS
from asyncify.vocabulary.testing import is_test_path

_MAKER, _SCOPE = "scoped_session", "scopefunc"
_TEXT = """# Fixtures run in tasks of their own; the thread is what they share with their tests.
{name}.registry.scopefunc = {scope}
"""


def share_registries(colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]) -> None:
    """Have the suite's sessions be those of the thread."""
    for registry in _of_tasks(colors, draft):
        used = list(_users(colors, registry))
        common = [module for module, _ in used if module.path.endswith("conftest.py")]
        for module, name in used:
            turns = any(function in coloring.turned for function in module.functions)
            if (turns and not common) or module in common:
                _insert(module, name, draft(module))


def _of_tasks(colors: Colors, draft: Callable[[Module], Draft]) -> Iterator[Symbol]:
    """The registries, names of modules, which have a session for each task from now on."""
    for function in colors.program.mentioning(_MAKER):
        if function.facts.kind != "module" or is_test_path(function.module.path):
            continue
        for statement in colors.uses.layout(function).statements:
            if statement[0] != f.ASSIGN or function.body.operations[statement[8]][0] != f.CALL:
                continue
            if not _is_of_tasks(function, statement[8], draft(function.module)):
                continue
            for target in statement[7]:
                if target[0] == f.TO_NAME:
                    symbol = colors.program.resolve(function.module, str(target[1]))
                    if symbol is not None:
                        yield symbol


def _is_of_tasks(function: Function, call: int, draft: Draft) -> bool:
    node, scope = call_reference(function, call), OF_TASKS.rpartition(".")[2]
    return any(
        isinstance(decision, EditArguments) and decision.node == node
        and dict(decision.set_keywords).get(_SCOPE, "").endswith(scope)
        for decision in draft.decisions
    )  # fmt: skip


def _users(colors: Colors, registry: Symbol) -> Iterator[tuple[Module, str]]:
    """The files of the suite that import a registry and use it, with its name there."""
    for module in colors.program.modules.values():
        if not is_test_path(module.path):
            continue
        for name in module.bindings:
            used = any(
                name in function.facts.names
                for function in module.functions if function.facts.kind == "def"
            )  # fmt: skip
            if used and colors.program.resolve(module, name) == registry:
                yield module, name


def _insert(module: Module, name: str, draft: Draft) -> None:
    """Before the first definition."""
    body = module.functions[0]
    defined = (x for x in module.functions if x.parent is body and x.facts.kind != "lambda")
    first = min(defined, key=lambda function: function.facts.line, default=None)
    if first is None:
        return
    kind = "ClassDef" if first.facts.kind == "class" else "FunctionDef"
    draft.add(
        InsertStatements(
            node=NodeRef(kind, first.facts.number, first.facts.name),
            site=Site(module.path, first.facts.line, first.facts.column),
            source=_TEXT.format(name=name, scope=draft.spell(OF_THREADS)), where="before",
        )
    )  # fmt: skip
