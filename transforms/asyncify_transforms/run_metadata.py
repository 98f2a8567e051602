"""Creates and drops tables through an async connection.

What it does
    `Base.metadata.create_all(bind=engine)` becomes `async with engine.begin() as conn:` and
    `await conn.run_sync(Base.metadata.create_all)` inside it.

Why
    MetaData has no async methods; a connection runs the sync one in a greenlet.

Example
    Before:
        async def init_db():
            Base.metadata.create_all(bind=engine)  # all tables
    After:
        async def init_db():
            async with engine.begin() as conn:
                await conn.run_sync(Base.metadata.create_all)  # all tables

Leaves alone
    Further arguments (`tables=`, `checkfirst=`), which are handed on.

Safety
    Safe. Refused where the call is more than a statement on a line of its own.

Source
    https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#synopsis-core
"""

from __future__ import annotations

from typing import Any

import libcst as cst

from asyncify.decisions import GIVEN, RunMetadata
from asyncify_transforms._expressions import awaited, find_argument, without_argument
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def apply(decision: RunMetadata, call: cst.Call, place: Place) -> cst.CSTNode | None:
    """The call through ``run_sync``, inside a connection of its own if it needs one."""
    bind = _bind(decision, call)
    connection = decision.connection if decision.wrapped else bind
    run_sync = _run_sync(call, connection)
    if not decision.wrapped:
        result: cst.CSTNode = awaited(run_sync, place.parent, place.field)
        return result
    statement, line = place.statement, place.line
    if not (isinstance(statement, cst.Expr) and statement.value is place.original):
        place.refuse("The call is part of a larger statement.")
        return None
    if not place.has_line() or not isinstance(line, cst.SimpleStatementLine):
        return None
    return call if place.replace_line([_block(decision, bind, run_sync, line)]) else None


def _run_sync(call: cst.Call, connection: str) -> cst.Call:
    index = max(find_argument(call.args, "bind"), find_argument(call.args, 0))
    others = without_argument(call.args, index) if index >= 0 else list(call.args)
    function = cst.Arg(call.func)
    if others:
        function = function.with_changes(
            comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        )
    elif call.args:
        function = function.with_changes(
            comma=call.args[-1].comma, whitespace_after_arg=call.args[-1].whitespace_after_arg
        )
    receiver = cst.parse_expression(connection)
    return call.with_changes(
        func=cst.Attribute(receiver, cst.Name("run_sync")), args=[function, *others]
    )


def _bind(decision: RunMetadata, call: cst.Call) -> str:
    """What is bound: by its text, or the argument of the call."""
    if decision.bind != GIVEN:
        return decision.bind
    index = max(find_argument(call.args, "bind"), find_argument(call.args, 0))
    value = call.args[index].value
    text = cst.Module([]).code_for_node(value)
    plain = isinstance(value, (cst.Name, cst.Attribute, cst.Call, cst.Subscript))
    return text if plain or value.lpar else f"({text})"


def _block(
    decision: RunMetadata, bind: str, run_sync: cst.Call, line: cst.SimpleStatementLine
) -> cst.With:
    begin: Any = cst.parse_expression(f"{bind}.{decision.opened_by}()")
    item = cst.WithItem(begin, cst.AsName(cst.Name(decision.connection)))
    inner = cst.SimpleStatementLine(
        [cst.Expr(cst.Await(run_sync))], trailing_whitespace=line.trailing_whitespace
    )
    return cst.With([item], cst.IndentedBlock([inner]), asynchronous=cst.Asynchronous())


TRANSFORM = Transform("run-metadata", RunMetadata, apply)
EXAMPLES = (
    documented(__doc__, RunMetadata(**node("Call", 0, "create_all"), bind="engine")),
    Example(
        "async def f(conn):\n    # now\n    metadata.drop_all(conn, checkfirst=True)\n",
        (RunMetadata(**node("Call", 0, "drop_all"), bind="conn", wrapped=False),),
        "async def f(conn):\n    # now\n"
        "    await conn.run_sync(metadata.drop_all, checkfirst=True)\n",
    ),
    Example(
        "async def f():\n\n    # now\n    metadata.drop_all(engine, tables=[a])\n",
        (RunMetadata(**node("Call", 0, "drop_all"), bind="engine", connection="connection"),),
        "async def f():\n\n    # now\n    async with engine.begin() as connection:\n"
        "        await connection.run_sync(metadata.drop_all, tables=[a])\n",
    ),
    Example(
        "async def f():\n    metadata.create_all(bind=engines['a'], checkfirst=True)\n",
        (RunMetadata(**node("Call", 0, "create_all"), bind=GIVEN),),
        "async def f():\n    async with engines['a'].begin() as conn:\n"
        "        await conn.run_sync(metadata.create_all, checkfirst=True)\n",
    ),
)
