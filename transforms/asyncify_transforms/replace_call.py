"""Replaces a call by the async form that the tables of SQLAlchemy's API give for it.

What it does
    `db.query(Book).first()` becomes `result = await db.execute(select(Book).limit(1))` and
    `result.scalars().first()`: the first part does the I/O, the second reads what it gave. Where no
    statement can be put before, both stand in one expression.

Why
    A Query executes itself; a select is executed by the session, and only that is awaited.

Example
    Before:
        async def find(db, name):
            return (
                db.query(Book)
                .where(Book.name == name)  # exact
                .first()
            )
    After:
        async def find(db, name):
            result = await db.execute(
                select(Book)
                .where(Book.name == name)  # exact
                .limit(1)
            )
            return result.scalars().first()

Leaves alone
    The line breaks and comments of the chain, and the formatting of the arguments.

Safety
    The templates are those of the vocabulary, each executed against SQLAlchemy for equal results.

Source
    https://docs.sqlalchemy.org/en/20/changelog/migration_20.html#migration-orm-usage
"""

from __future__ import annotations

from typing import Any

import libcst as cst

from asyncify.decisions import QueryToSelect, ReplaceCall, SessionSource
from asyncify_transforms._expressions import (
    assignment,
    await_statement,
    comments_in,
    fit,
    has_bare_newline,
    has_newline,
    one_per_line,
    standalone,
    with_parentheses_of,
    without_comments,
    without_parentheses,
)
from asyncify_transforms._templates import (
    Layout,
    MissingValue,
    Values,
    call_values,
    fill,
    first_break,
    placeholders,
)
from asyncify_transforms._transform import (
    Example,
    Place,
    Transform,
    awaited_before,
    documented,
    node,
)
from asyncify_transforms.query_to_select import receiver_key


def apply(decision: ReplaceCall, call: cst.Call, place: Place) -> cst.CSTNode | None:
    """The call in its async form."""
    if decision.awaits and awaited_before(place):
        place.refuse("The call is awaited already.")
        return None
    try:
        layout = _layout(call, in_place=not decision.hoist)
        result = _replaced(decision, call, place, layout)
    except MissingValue as missing:
        place.refuse(str(missing))
        return None
    if result is not None:
        place.keep_comments(_lost_comments(decision, call, layout))
    return result


def _replaced(
    decision: ReplaceCall, call: cst.Call, place: Place, layout: Layout
) -> cst.CSTNode | None:
    bare = without_parentheses(call)
    receiver = bare.func.value if isinstance(bare.func, cst.Attribute) else None
    session = {"session": session_of(decision.session, receiver, place)}
    nodes = call_values(bare, decision.awaited + decision.result, session)
    executed = _called_lambda(_executed(decision, nodes, call, layout))
    if decision.hoist:
        make = await_statement if decision.awaits else _plain_statement
        if not place.hoist(make(decision.hoist, executed)):
            return None
        awaited: Any = cst.Name(decision.hoist)
    else:
        awaited = cst.Await(executed) if decision.awaits else executed
    result = fill(decision.result, Values(nodes | {"awaited": awaited}, call, Layout()))
    result = fit(result, place.parent, place.field)
    if call.lpar and has_bare_newline(without_parentheses(result)):
        result = with_parentheses_of(result, call)
    node: cst.CSTNode = result
    if decision.longest and isinstance(node, cst.Call):
        return one_per_line(node, decision.longest)
    return node


def _executed(decision: ReplaceCall, nodes: dict[str, Any], call: cst.Call, layout: Layout) -> Any:
    """The expression that does the I/O. The parentheses around a receiver on several lines become
    those of the call that takes it, where there is one."""
    receiver = nodes.get("receiver")
    if receiver is not None and receiver.lpar and not call.lpar and has_newline(receiver):
        opening, closing = receiver.lpar[0].whitespace_after, receiver.rpar[-1].whitespace_before
        line_break = first_break(receiver)
        dot = cst.Dot(without_comments(line_break)) if line_break else layout.dot
        moved = Layout(dot, opening, closing)
        bare = nodes | {"receiver": without_parentheses(receiver)}
        result = fill(decision.awaited, Values(bare, call, moved))
        if moved.used:
            return result
    return fill(decision.awaited, Values(nodes, call, layout))


def _called_lambda(executed: Any) -> Any:
    """``(lambda: work(1))()`` is ``work(1)``."""
    bare = isinstance(executed, cst.Call) and not executed.args
    if not bare or not isinstance(executed.func, cst.Lambda):
        return executed
    parameters, body = executed.func.params, executed.func.body
    if parameters.children or not isinstance(body, cst.Call):
        return executed
    return body


def _plain_statement(name: str, value: Any) -> cst.SimpleStatementLine:
    return assignment(name, standalone(value))


def session_of(source: SessionSource, default: Any, place: Place) -> Any:
    """The session's expression: as text, as another call's receiver, or ``default``."""
    if source.text:
        return cst.parse_expression(source.text)
    if source.query_call >= 0:
        key = receiver_key(source.query_call)
        if key not in place.memory:
            raise MissingValue(f"The session of call {source.query_call} isn't known here.")
        return place.memory[key]
    return default


def _layout(call: cst.Call, in_place: bool) -> Layout:
    """How the call was written: what its replacement takes over."""
    dot = call.func.dot if isinstance(call.func, cst.Attribute) else None
    if not call.lpar:
        return Layout(dot, in_place=in_place)
    opening, closing = call.lpar[0].whitespace_after, call.rpar[-1].whitespace_before
    return Layout(dot, opening, closing)


def _lost_comments(decision: ReplaceCall, call: cst.Call, layout: Layout) -> list[cst.Comment]:
    """Comments for which the new form has no place."""
    lost: list[cst.Comment] = []
    if layout.dot is not None and not layout.dot_used:
        lost += comments_in(layout.dot)
    if call.lpar and not layout.used:
        lost += comments_in(*call.lpar, *call.rpar)
    if "args" not in placeholders(decision.awaited + decision.result):
        lost += comments_in(call.whitespace_before_args)
        used = placeholders(decision.awaited + decision.result)
        for index, argument in enumerate(call.args):
            name = argument.keyword.value if argument.keyword else ""
            if str(index) not in used and f"kw:{name}" not in used:
                lost += comments_in(argument)
    return lost


TRANSFORM = Transform("replace-call", ReplaceCall, apply)
EXAMPLES = (
    documented(
        __doc__,
        ReplaceCall(
            **node("Call", 0, "first"),
            awaited="{session}.execute({receiver}.limit(1))",
            result="{awaited}.scalars().first()",
            session=SessionSource(query_call=2),
            hoist="result",
        ),
        QueryToSelect(**node("Call", 2, "query")),
    ),
    Example(
        "def made():\n    return TestClient(app, headers={})\n",
        (
            ReplaceCall(
                **node("Call", 0, "TestClient"),
                awaited='AsyncClient(transport={0}, base_url="http://test", headers={kw:headers})',
                awaits=False,
                longest=40,
            ),
        ),
        "def made():\n"
        "    return AsyncClient(\n"
        "        transport=app,\n"
        '        base_url="http://test",\n'
        "        headers={},\n"
        "    )\n",
    ),
    Example(
        "async def f(db):\n    return [b for b in db.query(Book).all()]\n",
        (
            ReplaceCall(
                **node("Call", 0, "all"),
                awaited="{session}.execute({receiver})",
                result="{awaited}.scalars().all()",
                session=SessionSource(query_call=1),
            ),
            QueryToSelect(**node("Call", 1, "query")),
        ),
        "async def f(db):\n"
        "    return [b for b in (await db.execute(select(Book))).scalars().all()]\n",
    ),
    Example(
        "async def f(db):\n    return db.query(Book).get(1) is not None\n",
        (
            ReplaceCall(
                **node("Call", 0, "get"),
                awaited="{session}.get(Book, {args})",
                session=SessionSource(query_call=1),
            ),
            QueryToSelect(**node("Call", 1, "query")),
        ),
        "async def f(db):\n    return await db.get(Book, 1) is not None\n",
    ),
    Example(
        "async def f(db):\n    return db.query(Book).options(one, *more).get(1)\n",
        (
            ReplaceCall(
                **node("Call", 0, "get"),
                awaited="{session}.get(Book, {args}, options=[{chain:options}])",
                session=SessionSource(query_call=2),
            ),
            QueryToSelect(**node("Call", 2, "query")),
        ),
        "async def f(db):\n    return await db.get(Book, 1, options=[one, *more])\n",
    ),
)
