"""Takes away a part of a cache that a module keeps of what the database gave.

What it does
    Lookups, stores and clearing go, with the comments right above them. What was done only where
    the cache had nothing is always done; a value that was stored and read again gets a variable.

Why
    Rows that one session loaded are of no use to the next one, other processes don't see that they
    were cleared, and two tasks may both find nothing and load twice. What made a cache worth its
    while, a thread that waits for the database, is gone.

Example
    Before:
        async def all_jobs():
            global _cache
            # Loaded before?
            if _cache is not None:
                return _cache
            jobs = await find_all_jobs()
            _cache = jobs
            return jobs
    After:
        async def all_jobs():
            jobs = await find_all_jobs()
            return jobs

Leaves alone
    Everything that isn't about the cache, and all other comments.

Safety
    Safe as far as the plan knows every use. Every call asks the database, and sees what others
    changed in the meantime.

Source
    https://docs.sqlalchemy.org/en/20/orm/session_basics.html#is-the-session-a-cache
"""

from __future__ import annotations

from typing import Any

import libcst as cst

from asyncify.decisions import StripCache
from asyncify_transforms._statements import statements_of
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: StripCache, target: Any, place: Place) -> cst.CSTNode | None:
    """The node, or what is left of it."""
    if decision.part == "statement":
        return target if place.remove_statement(comments=True) else None
    if decision.part in ("lookup", "otherwise") and isinstance(target, (cst.If, cst.Try)):
        return _always(target, decision.part, place)
    if decision.part == "store" and isinstance(target, cst.Assign) and len(target.targets) == 1:
        variable = target.targets[0].with_changes(target=cst.Name(decision.name))
        return target.with_changes(targets=[variable])
    if decision.part == "global" and isinstance(target, cst.FunctionDef):
        return _without_global(decision.names, target, place)
    place.refuse(f"This node has no {decision.part} of a cache.")
    return None


def _always(target: cst.If | cst.Try, part: str, place: Place) -> cst.CSTNode | None:
    """One block of a statement is put in its place."""
    suite: cst.BaseSuite | None = None
    if isinstance(target, cst.Try):
        suite = target.handlers[0].body if len(target.handlers) == 1 else None
    elif part == "lookup":
        suite = target.body
    elif isinstance(target.orelse, cst.Else):
        suite = target.orelse.body
    if suite is None:
        place.refuse(f"This node has no {part} of a cache.")
        return None
    done = place.insert(_lines(suite), "after") and place.remove_statement(comments=True)
    return target if done else None


def _lines(suite: cst.BaseSuite) -> list[Any]:
    """The statements of a block, with all its comments."""
    statements = statements_of(suite)
    if isinstance(suite, cst.IndentedBlock):
        lines = [line for line in suite.footer if line.comment is not None]
        lines += statements[0].leading_lines
        statements[0] = statements[0].with_changes(leading_lines=lines)
    return statements


def _without_global(
    names: tuple[str, ...], function: cst.FunctionDef, place: Place
) -> cst.FunctionDef:
    def edit(statement: cst.BaseSmallStatement) -> cst.BaseSmallStatement | None:
        if not isinstance(statement, cst.Global):
            return statement
        left = [item for item in statement.names if item.name.value not in names]
        if len(left) == len(statement.names):
            return statement
        if not left:
            return None
        left[-1] = left[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return statement.with_changes(names=left)

    edited = place.edit_small_statements(cst.Module([function]), edit).body[0]
    assert isinstance(edited, cst.FunctionDef)
    return edited


TRANSFORM = Transform("strip-cache", StripCache, apply)
EXAMPLES = (
    documented(
        __doc__,
        StripCache(**node("FunctionDef", 0, "all_jobs"), part="global", names=("_cache",)),
        StripCache(**node("If"), part="statement"),
        StripCache(**node("Assign", 1), part="statement"),
    ),
    Example(
        "limit = 1\n"
        "# What there is.\n"
        "_cache = {}\n"
        "\n"
        "\n"
        "def job(number):\n"
        "    global other, _cache\n"
        "\n"
        "    # not loaded yet\n"
        "    if number not in _cache:  # load it\n"
        "        # from the database\n"
        "        _cache[number] = load(number)\n"
        "        # loaded\n"
        "    return loaded\n"
        "\n"
        "\n"
        "# Forgets.\n"
        "def clear():\n"
        "    _cache.clear()\n"
        "\n"
        "\n"
        "def last(): ...\n",
        (
            StripCache(**node("Assign", 1), part="statement"),
            StripCache(**node("FunctionDef", 0, "job"), part="global", names=("_cache",)),
            StripCache(**node("If", 0), part="lookup"),
            StripCache(**node("Assign", 2), part="store", name="loaded"),
            StripCache(**node("FunctionDef", 1, "clear"), part="statement"),
        ),
        "limit = 1\n"
        "\n"
        "\n"
        "def job(number):\n"
        "    global other\n"
        "\n"
        "    # loaded\n"
        "    # from the database\n"
        "    loaded = load(number)\n"
        "    return loaded\n"
        "\n"
        "\n"
        "def last(): ...\n",
    ),
    Example(
        "def job(number):\n"
        "    if number in _cache:\n"
        "        return _cache[number]\n"
        "    else:\n"
        "        # from the database\n"
        "        return load(number)\n"
        "\n"
        "\n"
        "def name(number):\n"
        "    try:\n"
        "        return _names[number]\n"
        "    except KeyError:  # not yet\n"
        "        found = load(number)\n"
        "        return found.name\n",
        (
            StripCache(**node("If", 0), part="otherwise"),
            StripCache(**node("Try", 0), part="lookup"),
        ),
        "def job(number):\n"
        "    # from the database\n"
        "    return load(number)\n"
        "\n"
        "\n"
        "def name(number):\n"
        "    found = load(number)\n"
        "    return found.name\n",
    ),
)
