"""Environments: what Alembic runs, its env.py and the migrations.

They have sync connections of their own. With ``alembic = "async"`` an env.py connects through an
async engine, and what configures Alembic with the connection is run by ``run_sync``, as in the
template of its own: https://alembic.sqlalchemy.org/en/latest/cookbook.html#using-asyncio-with-alembic
"""

from __future__ import annotations

from asyncify.analysis.program import Function, Module, Program

_OP = frozenset({("alembic", "op")})
_CONTEXT = frozenset({("alembic", "context")})
_OF_ALEMBIC = _OP | _CONTEXT
_MIGRATING = "run_migrations"  # of the context: it needs the connection that it was configured with


def is_alembic(function: Function) -> bool:
    """Does Alembic run a function on a sync connection: one of a migration, or of an env.py?"""
    if function.module.runs_loop:
        return _MIGRATING in function.facts.names
    return runs_in_alembic(function.module)


def runs_in_alembic(module: Module) -> bool:
    """Is a module a file that Alembic runs? Nobody imports it."""
    return module.imports_any(_OF_ALEMBIC)


def let_environments_turn(program: Program) -> None:
    """From now on, what runs Alembic's migrations may turn, if a function gets the connection."""
    for module in program.modules.values():
        if is_environment(module):
            module.runs_loop = any(
                _MIGRATING in fn.facts.names and fn.signature.parameters
                for fn in module.functions if fn.facts.kind == "def"
            )  # fmt: skip


def is_environment(module: Module) -> bool:
    """Is a module an env.py of Alembic?"""
    return module.imports_any(_CONTEXT) and not module.imports_any(_OP)
