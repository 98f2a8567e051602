"""Every row of Query, executed: the Query on a Session and its rewritten form on an AsyncSession
give the same result, by the same statements."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import orm
from sqlalchemy.engine import Row

from asyncify.vocabulary.sqlalchemy_query import QUERY
from tests.differential.normalise import normalise
from tests.vocabulary_objects import (
    LINE,
    Address,
    Post,
    Statements,
    User,
    in_async_session,
    in_session,
)
from tests.vocabulary_query_cases import CASES, Case, entity
from tests.vocabulary_render import as_statement, define, to_sync

NAMES: dict[str, Any] = {
    **{name: getattr(sqlalchemy, name) for name in sqlalchemy.__dict__ if name[0] != "_"},
    "aliased": orm.aliased,
    "with_parent": orm.with_parent,
    "joinedload": orm.joinedload,
    "selectinload": orm.selectinload,
    "contains_eager": orm.contains_eager,
    "Bundle": orm.Bundle,
    "User": User,
    "Address": Address,
    "Post": Post,
    "Other": orm.aliased(Address),
    "inner": sqlalchemy.select(Address.user_id).group_by(Address.user_id).subquery(),
}


def plain(value: Any) -> Any:
    """A result that can be compared: entities as their class and key, rows as marked tuples."""
    if isinstance(value, orm.decl_api.DeclarativeMeta):
        return value.__name__
    if isinstance(value, (User, Address, Post)):
        return (type(value).__name__, sqlalchemy.inspect(value).identity)
    if isinstance(value, Row) or type(value).__name__ == "result_tuple":
        return ("row", *map(plain, value))
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(plain, value)]
    return value


class Raised(str):
    """The class of an exception, as a result."""


async def outcome_of(program: Any, session: Any) -> Any:
    try:
        return plain(await program(session))
    except Exception as error:
        return Raised(type(error).__name__)


def sync_outcome_of(program: Any, session: Any) -> Any:
    try:
        return plain(program(session))
    except Exception as error:
        return Raised(type(error).__name__)


def spelled(statements: Statements) -> list[tuple[str, str]]:
    return [
        normalise(statement, parameters) if " " in statement else (statement, "")
        for statement, parameters in statements
    ]


def program_of(case: Case, expression: str, select: str) -> str:
    setup = case.setup.replace("{select}", select)
    whole = case.whole.replace("{query}", expression)
    return f"async def program(session):\n    {setup}\n    return {whole}\n"


def sync_source(case: Case) -> str:
    written = "".join(step.written() for step in case.chain_steps())
    return to_sync(program_of(case, f"session.query({case.start}){written}", "session.query"))


def async_source(case: Case) -> tuple[str, set[str]]:
    expression, used = as_statement(case.start, case.entity, case.unique, case.chain_steps())
    return program_of(case, expression, "select"), used


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", [each for each in CASES if LINE in each.lines], ids=str)
def test_same_result_by_the_same_statements(case: Case) -> None:
    sync_program = define(sync_source(case), NAMES)
    async_program = define(async_source(case)[0], NAMES)
    expected, before = in_session(lambda session: sync_outcome_of(sync_program, session))
    actual, after = in_async_session(lambda session: outcome_of(async_program, session))
    assert (expected if isinstance(expected, Raised) else "") == case.raises
    assert (actual, spelled(after)) == (expected, spelled(before)), async_source(case)[0]


def test_the_comparison_sees_statements_and_results() -> None:
    """The harness itself: a wrong form is seen as one."""
    case = entity(".order_by(User.id).first()")
    right = define(async_source(case)[0], NAMES)
    wrong = define(async_source(case)[0].replace(".limit(1)", ""), NAMES)
    first, with_limit = in_async_session(lambda session: outcome_of(right, session))
    second, without = in_async_session(lambda session: outcome_of(wrong, session))
    assert first == second == ("User", (1,))
    assert spelled(with_limit) != spelled(without)


def unexecuted() -> dict[str, str]:
    """Rows of the installed line that no case uses."""
    used = {name for case in CASES if LINE in case.lines for name in async_source(case)[1]}
    return {
        row.name: row.note for row in QUERY.members if LINE in row.lines and row.name not in used
    }


def test_every_row_is_executed_or_says_why_not() -> None:
    assert all(unexecuted().values()), unexecuted()
    with_form = {row.name for row in QUERY.members if row.entity[0] or row.template}
    assert set(unexecuted()) & with_form <= {"__bool__", "get_label_style"}


def test_builders_exist_on_the_statements() -> None:
    for row in QUERY.members:
        if row.select_name and LINE in row.lines:
            assert hasattr(sqlalchemy.sql.Select, row.select_name), row.name
            for statement in (sqlalchemy.sql.Update, sqlalchemy.sql.Delete):
                assert not row.on_dml or hasattr(statement, row.select_name), row.name


def test_a_query_is_true_and_a_statement_has_no_truth() -> None:
    assert orm.Query(User)
    with pytest.raises(TypeError):
        bool(sqlalchemy.select(User))
