"""Environments: in Alembic's env.py, what uses the connection is moved into a function.

Only a function can be run by ``run_sync``. The engine is disposed of behind it, as in the async
template of Alembic: connections don't outlive the event loop that they belong to.
https://alembic.sqlalchemy.org/en/latest/cookbook.html#using-asyncio-with-alembic
"""

from __future__ import annotations

import ast

from asyncify.source.mains import Moved

_NAME = "do_run_migrations"
_OPENING = {"connect", "begin"}
_RUNNING = "run_migrations"
# A connection that a caller hands in is sync.
_GIVEN = "attributes"
_LEAVING = (ast.Return, ast.Yield, ast.YieldFrom, ast.Await, ast.Break, ast.Continue)


def with_migrations_function(text: str) -> Moved | None:
    """The text with the block of ``with engine.connect() as connection:`` in a function.

    None where there is no such block, or more than one, or more happens with the connection than a
    function could do. ``text`` has ``\\n`` for line ends.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    words = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    words |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    words |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    if _RUNNING not in words or words & {_GIVEN, _NAME}:
        return None
    found = [
        (function, node)
        for function in tree.body if isinstance(function, ast.FunctionDef)
        for node in function.body if isinstance(node, ast.With) and _runs(node)
    ]  # fmt: skip
    if len(found) != 1 or not _may_move(*found[0]):
        return None
    return _moved(text, *found[0])


def _runs(block: ast.With) -> bool:
    """Are the migrations run with something that the block is entered with?"""
    if block.items[0].optional_vars is None:
        return False
    return any(isinstance(n, ast.Attribute) and n.attr == _RUNNING for n in ast.walk(block))


def _may_move(function: ast.FunctionDef, block: ast.With) -> bool:
    """Is a connection opened in one line, and does nothing leave the block but by its end?"""
    item = block.items[0]
    call = item.context_expr
    if len(block.items) > 1 or not isinstance(item.optional_vars, ast.Name):
        return False
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
        return False
    if call.func.attr not in _OPENING or block.body[0].lineno != block.lineno + 1:
        return False
    inside = [node for statement in block.body for node in ast.walk(statement)]
    if any(isinstance(node, _LEAVING) for node in inside):
        return False
    bound = {
        node.id for node in inside
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }  # fmt: skip
    last = block.end_lineno or block.lineno
    behind = {
        node.id for node in ast.walk(function) if isinstance(node, ast.Name) and node.lineno > last
    }
    return not bound & behind


def _moved(text: str, function: ast.FunctionDef, block: ast.With) -> Moved:
    lines = text.split("\n")
    first, last = block.lineno - 1, block.end_lineno or block.lineno
    opening = lines[first]
    indent = opening[: len(opening) - len(opening.lstrip())]
    body = lines[first + 1]
    deeper = body[: len(body) - len(body.lstrip())]
    item = block.items[0]
    assert isinstance(item.optional_vars, ast.Name)
    assert isinstance(item.context_expr, ast.Call)
    assert isinstance(item.context_expr.func, ast.Attribute)
    name, engine = item.optional_vars.id, item.context_expr.func.value
    result = " -> None" if function.returns is not None else ""
    lines[first] = f"{indent}def {_NAME}({name}){result}:"
    after = ["", opening, f"{deeper}{_NAME}({name})"]
    if not isinstance(engine, ast.Call):
        after += ["", f"{indent}{ast.unparse(engine)}.dispose()"]
    lines[last:last] = after
    return Moved("\n".join(lines), function.lineno)
