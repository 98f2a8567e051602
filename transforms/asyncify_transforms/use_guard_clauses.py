"""Turns nested conditionals into guard clauses.

What it does
    The short branch of a conditional comes first and leaves the function; the nested one follows
    it, one level further out. Conditions are evaluated as often as before, and in the same order.

Why
    What has to hold before the work begins stands above it, one condition at a time, instead of
    around it.

Example
    Before:
        async def activate(db, user_id):
            user = await db.get(User, user_id)
            if user is not None:
                if user.age >= 18:
                    user.active = True
                    await db.commit()
                else:
                    refuse(user)
            else:
                raise NotFound(user_id)
    After:
        async def activate(db, user_id):
            user = await db.get(User, user_id)
            if user is None:
                raise NotFound(user_id)

            if not (user.age >= 18):
                refuse(user)
                return

            user.active = True
            await db.commit()

Leaves alone
    Chains of elif, loops, handlers, and conditionals that aren't nested. Comments stay with their
    code: that of a condition's line goes with the branch that it describes.

Safety
    Safe. `a < b` is negated as `not (a < b)`, because both may be false.

Source
    https://docs.python.org/3/reference/compound_stmts.html#the-if-statement
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import libcst as cst

from asyncify.decisions import Guard, UseGuardClauses
from asyncify.sites import NodeRef
from asyncify_transforms._conditions import negated
from asyncify_transforms._statements import statements_of
from asyncify_transforms._transform import Example, Place, Transform, documented, node

Lines = list[cst.EmptyLine]

# Comments that tell a tool about a line stay on it.
_FOR_TOOLS = re.compile(r"#\s*(noqa|type:|pragma|pylint|mypy|pyright|nosec|ruff|fmt|asyncify)")
_BLANK = cst.EmptyLine(indent=False)


class _Block(NamedTuple):
    """Statements, and the comments below them."""

    statements: list[Any]
    footer: Lines


def apply(decision: UseGuardClauses, function: cst.FunctionDef, place: Place) -> cst.CSTNode | None:
    """The function with all its guards."""
    guards: dict[int, Guard] = {}
    for guard in decision.guards:
        found = place.found(_conditional(guard))
        if isinstance(found, cst.If):
            guards[id(found.body)] = guard  # other edits may have given the `if` new lines
    edit = _Edit(guards)
    body = edit.suite(function.body)
    if edit.guards:
        place.refuse("A conditional isn't where a guard clause can be made of it.")
        return None
    return function.with_changes(body=body)


def _conditional(guard: Guard) -> NodeRef:
    return NodeRef("If", guard.number)


class _Edit:
    """Walks the blocks of one function. ``guards`` are those that are left to do, by the body of
    their conditional."""

    def __init__(self, guards: dict[int, Guard]) -> None:
        self.guards = guards

    def suite(self, suite: Any) -> Any:
        if not isinstance(suite, cst.IndentedBlock) or not self.guards:
            return suite
        statements, lines = self._statements(list(suite.body))
        if len(statements) == len(suite.body) and all(map(_same, statements, suite.body)):
            return suite
        return suite.with_changes(body=statements, footer=[*lines, *suite.footer])

    def _statements(self, pending: list[Any]) -> _Block:
        """The statements with their guards, and comments that stand below the last one."""
        done: list[Any] = []
        below: Lines = []
        while pending:
            statement = pending.pop(0)
            guard = self._guard(statement)
            if guard is None:
                done.append(self._inside(statement))
                continue
            moved = pending.pop(0) if guard.rest else None
            first, left = _split(guard, statement, moved)
            done.append(first)
            if pending:
                pending[0] = _led(pending[0], left.footer)
            else:
                below = [*left.footer, *below]
            pending = left.statements + pending
            pending[0] = _apart(pending[0])
        return _Block(done, below)

    def _guard(self, statement: Any) -> Guard | None:
        if isinstance(statement, cst.If):
            return self.guards.pop(id(statement.body), None)
        return None

    def _inside(self, statement: Any) -> Any:
        if not isinstance(statement, (cst.With, cst.Try, cst.TryStar)):
            return statement
        body = self.suite(statement.body)
        return statement if body is statement.body else statement.with_changes(body=body)


def _same(left: object, right: object) -> bool:
    return left is right


def _split(guard: Guard, statement: cst.If, moved: Any) -> tuple[cst.If, _Block]:
    """The guard, and what stands behind it from now on."""
    header, comment = _header(statement.body)
    body, orelse = _contents(statement.body), _contents_of_else(statement.orelse)
    if guard.takes == "body":
        test, taken, left = statement.test, body, orelse
        header = _line_of(statement.body)
    else:
        test, taken, left = negated(statement.test), orelse, body
        left = _Block([_led(left.statements[0], comment), *left.statements[1:]], left.footer)
    taken = _ended(taken, guard, moved)
    block = cst.IndentedBlock(taken.statements, header=header, footer=taken.footer)
    if isinstance(statement.body, cst.IndentedBlock):
        block = block.with_changes(indent=statement.body.indent)
    space = statement.whitespace_before_test
    if not test.lpar and space.empty:
        space = cst.SimpleWhitespace(" ")
    first = statement.with_changes(test=test, body=block, orelse=None, whitespace_before_test=space)
    return first, left


def _ended(taken: _Block, guard: Guard, moved: Any) -> _Block:
    """The statements of a guard with the one that leaves the function."""
    last = moved
    if guard.exit:
        last = cst.parse_statement(guard.exit)
    if last is None:
        return _Block(_unspaced(taken.statements), taken.footer)
    last = _led(last.with_changes(leading_lines=_comments(last.leading_lines)), taken.footer)
    return _Block(_unspaced([*taken.statements, last]), [])


def _unspaced(statements: list[Any]) -> list[Any]:
    """Without blank lines at the top."""
    lines = _comments(statements[0].leading_lines)
    return [statements[0].with_changes(leading_lines=lines), *statements[1:]]


def _line_of(suite: cst.BaseSuite) -> cst.TrailingWhitespace:
    """The end of the line that a block's header stands on."""
    if isinstance(suite, cst.IndentedBlock):
        return suite.header
    assert isinstance(suite, cst.SimpleStatementSuite)
    return suite.trailing_whitespace


def _header(suite: cst.BaseSuite) -> tuple[cst.TrailingWhitespace, Lines]:
    """The end of a header's line, and the comment on it where that describes the block."""
    line = _line_of(suite)
    if line.comment is None or _FOR_TOOLS.match(line.comment.value):
        return line, []
    bare = line.with_changes(comment=None, whitespace=cst.SimpleWhitespace(""))
    return bare, [cst.EmptyLine(comment=line.comment)]


def _contents(suite: cst.BaseSuite) -> _Block:
    footer = list(suite.footer) if isinstance(suite, cst.IndentedBlock) else []
    return _Block(statements_of(suite), footer)


def _contents_of_else(orelse: Any) -> _Block:
    """What stands below ``else``, with the comments on it and above it."""
    if orelse is None:
        return _Block([], [])
    statements, footer = _contents(orelse.body)
    line = _line_of(orelse.body).comment
    comments = _comments(orelse.leading_lines)
    comments += [] if line is None else [cst.EmptyLine(comment=line)]
    return _Block([_led(statements[0], comments), *statements[1:]], footer)


def _comments(lines: Iterable[cst.EmptyLine]) -> Lines:
    """The lines without blank ones above the first comment."""
    kept = list(lines)
    while kept and kept[0].comment is None:
        kept.pop(0)
    return kept


def _led(statement: Any, lines: Sequence[cst.EmptyLine]) -> Any:
    """The statement with more lines above it."""
    if not lines:
        return statement
    return statement.with_changes(leading_lines=[*lines, *statement.leading_lines])


def _apart(statement: Any) -> Any:
    """The statement with a blank line above it."""
    lines = statement.leading_lines
    return statement if lines and lines[0].comment is None else _led(statement, [_BLANK])


def _watched(decision: UseGuardClauses) -> tuple[NodeRef, ...]:
    return tuple(_conditional(guard) for guard in decision.guards)


TRANSFORM = Transform("use-guard-clauses", UseGuardClauses, apply, _watched)
EXAMPLES = (
    documented(
        __doc__,
        UseGuardClauses(
            **node("FunctionDef", 0, "activate"),
            guards=(Guard(0, "else"), Guard(1, "else", "return")),
        ),
    ),
    Example(
        "def f(a, b):\n"
        "    if a:  # there is one\n"
        "        # look closer\n"
        "        if a not in b:  # noqa: X1\n"
        "            work(a)\n"
        "            # done\n"
        "        # checked\n"
        "\n"
        "    # nothing\n"
        "    return None  # gone\n",
        (
            UseGuardClauses(
                **node("FunctionDef", 0, "f"),
                guards=(Guard(0, "", "return None"), Guard(1, "", "return None")),
            ),
        ),
        "def f(a, b):\n"
        "    if not a:\n"
        "        return None\n"
        "\n"
        "    # there is one\n"
        "    # look closer\n"
        "    if a in b:  # noqa: X1\n"
        "        return None\n"
        "\n"
        "    work(a)\n"
        "    # done\n"
        "    # checked\n"
        "\n"
        "    # nothing\n"
        "    return None  # gone\n",
    ),
    Example(
        "def f(a, b):\n    if(a == 'x' or b):\n        if b == 1:\n            return 1\n"
        "        return 2\n    # none\n    raise Missing\n",
        (UseGuardClauses(**node("FunctionDef", 0, "f"), guards=(Guard(0, rest=True),)),),
        "def f(a, b):\n    if not (a == 'x' or b):\n        # none\n        raise Missing\n\n"
        "    if b == 1:\n        return 1\n    return 2\n",
    ),
    Example(
        "def f(a, b):\n    if a: go()\n    # or\n    else:  # not\n        if b:\n"
        "            stay()\n        # end\n",
        (UseGuardClauses(**node("FunctionDef", 0, "f"), guards=(Guard(0, "body", "return"),)),),
        "def f(a, b):\n    if a:\n        go()\n        return\n\n    # or\n    # not\n    if b:\n"
        "        stay()\n    # end\n",
    ),
)
