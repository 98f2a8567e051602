"""Turns opening and closing a session by hand into `async with`.

What it does
    `db = SessionLocal()` and `try: ... finally: db.close()` become `async with SessionLocal() as
    db: ...`. Handlers, an else, and whatever else stands in the finally stay, in a try inside.

Why
    Closing an AsyncSession is I/O and has to be awaited, also while the task is being cancelled;
    `async with` shields it.

Example
    Before:
        async def get_db():
            db = SessionLocal()
            try:
                yield db
            except Error:
                await db.rollback()
                raise
            finally:
                db.close()
    After:
        async def get_db():
            async with SessionLocal() as db:
                try:
                    yield db
                except Error:
                    await db.rollback()
                    raise

Leaves alone
    The body, and all comments.

Safety
    Refused where the statement before isn't the assignment, where the close isn't a statement of
    the finally itself, or where it is awaited by another edit.

Source
    https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.AsyncSession.close
"""

from __future__ import annotations

from typing import Any

import libcst as cst

from asyncify.decisions import CloseToAsyncWith
from asyncify.sites import NodeRef
from asyncify_transforms._expressions import comments_in
from asyncify_transforms._statements import (
    comment_lines,
    only_expression,
    only_statement,
    statements_of,
)
from asyncify_transforms._transform import Example, Place, Transform, documented, node


def _close(decision: CloseToAsyncWith) -> NodeRef:
    return NodeRef("Call", decision.close_call, "close")


def apply(decision: CloseToAsyncWith, statement: cst.Try, place: Place) -> cst.CSTNode | None:
    """The ``async with`` in the place of both statements."""
    opening = place.previous
    value = _opened(opening, decision.variable)
    if value is None:
        place.refuse(f"The statement before the try doesn't open {decision.variable}.")
        return None
    close = place.found(_close(decision))
    final = statement.finalbody
    closing = None if final is None else _closing(final, close)
    if final is None or closing is None:
        place.refuse(f"The finally has no statement that only closes {decision.variable}.")
        return None
    place.take_previous()
    return _async_with(decision, value, opening, statement, final, closing)


def _opened(statement: Any, variable: str) -> Any:
    """The value that a statement assigns to the variable, and to nothing else."""
    small = only_statement(statement) if statement is not None else None
    if isinstance(small, cst.Assign) and len(small.targets) == 1:
        target: Any = small.targets[0].target
    elif isinstance(small, cst.AnnAssign):
        target = small.target
    else:
        return None
    return small.value if isinstance(target, cst.Name) and target.value == variable else None


def _closing(final: cst.Finally, close: cst.CSTNode | None) -> Any:
    """The statement of the ``finally`` that is the close and nothing else."""
    for statement in statements_of(final.body):
        # Another edit may have awaited it, which would close the session twice.
        if isinstance(close, cst.Call) and only_expression(statement) is close:
            return statement
    return None


def _async_with(
    decision: CloseToAsyncWith,
    value: Any,
    opening: Any,
    statement: cst.Try,
    final: cst.Finally,
    closing: Any,
) -> cst.With:
    others = [s for s in statements_of(final.body) if not _same(s, closing)]
    comments = _comments_of(final, closing, bool(others))
    if others or statement.handlers or statement.orelse:
        kept = _kept_finally(final, others)
        inner = statement.with_changes(finalbody=kept, leading_lines=[])
        body = cst.IndentedBlock([inner], footer=comment_lines(comments))
        body = body.with_changes(header=opening.trailing_whitespace)
    else:
        body = _body(statement.body, opening.trailing_whitespace, comments)
    item = cst.WithItem(value, cst.AsName(cst.Name(decision.variable)))
    return cst.With(
        [item], body, asynchronous=cst.Asynchronous(), leading_lines=statement.leading_lines
    )


def _same(statement: Any, closing: Any) -> bool:
    return only_expression(statement) is only_expression(closing) is not None


def _comments_of(final: cst.Finally, closing: Any, keeps_finally: bool) -> list[cst.Comment]:
    """Comments on what goes: the close, and the ``finally`` if it held nothing else."""
    comments = comments_in(closing)
    if keeps_finally:
        return comments
    parts: list[cst.CSTNode] = [*final.leading_lines]
    if isinstance(final.body, cst.IndentedBlock):
        parts.append(final.body.header)
        return [*comments_in(*parts), *comments, *comments_in(*final.body.footer)]
    assert isinstance(final.body, cst.SimpleStatementSuite)
    return [*comments_in(*parts), *comments, *comments_in(final.body.trailing_whitespace)]


def _kept_finally(final: cst.Finally, others: list[Any]) -> cst.Finally | None:
    if not others:
        return None
    if isinstance(final.body, cst.IndentedBlock):
        return final.with_changes(body=final.body.with_changes(body=others))
    return final.with_changes(body=cst.IndentedBlock(others))


def _body(
    body: cst.BaseSuite, header: cst.TrailingWhitespace, comments: list[cst.Comment]
) -> cst.IndentedBlock:
    """The body of the try as the body of the with."""
    block = body if isinstance(body, cst.IndentedBlock) else cst.IndentedBlock(statements_of(body))
    if isinstance(body, cst.SimpleStatementSuite):
        block = block.with_changes(header=body.trailing_whitespace)
    lines = comment_lines(comments_in(block.header)) if header.comment else []
    statements: list[Any] = list(block.body)
    if lines:
        leading = [*lines, *statements[0].leading_lines]
        statements[0] = statements[0].with_changes(leading_lines=leading)
    return block.with_changes(
        body=statements,
        header=header if header.comment else block.header,
        footer=[*block.footer, *comment_lines(comments)],
    )


def _watched(decision: CloseToAsyncWith) -> tuple[NodeRef, ...]:
    return (_close(decision),)


TRANSFORM = Transform("close-to-async-with", CloseToAsyncWith, apply, _watched)
EXAMPLES = (
    documented(__doc__, CloseToAsyncWith(**node("Try"), variable="db", close_call=2)),
    Example(
        "async def get_db():\n"
        '    """One."""\n'
        "    # open\n"
        "    db = SessionLocal()  # new\n"
        "    try:  # use\n"
        "        yield db\n"
        "    finally:  # always\n"
        "        # back\n"
        "        db.close()  # now\n",
        (CloseToAsyncWith(**node("Try"), variable="db", close_call=1),),
        "async def get_db():\n"
        '    """One."""\n'
        "    # open\n"
        "    async with SessionLocal() as db:  # new\n"
        "        # use\n"
        "        yield db\n"
        "        # always\n"
        "        # back\n"
        "        # now\n",
    ),
    Example(
        "async def f():\n    db: Session = make(\n        1,\n    )\n\n    try:\n        work(db)\n"
        "    finally:\n        log()\n        db.close()\n    end()\n",
        (CloseToAsyncWith(**node("Try"), variable="db", close_call=3),),
        "async def f():\n    async with make(\n        1,\n    ) as db:\n        try:\n"
        "            work(db)\n        finally:\n            log()\n    end()\n",
    ),
)
