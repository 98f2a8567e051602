"""Dynamic relationships (`lazy="dynamic"`): the Query that one gives is executed as a statement.

`user.notes.all()` becomes `(await db.execute(user.notes.statement)).scalars().all()`, where a
session is in hand. Append and remove load nothing, and stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis.load_demands import Demand
from asyncify.analysis.load_values import EVERYTHING
from asyncify.decisions import ReplaceCall, ReplaceExpression, SessionSource
from asyncify.planning.draft import call_reference, reference
from asyncify.planning.load_entries import instance
from asyncify.planning.query_forms import spelled
from asyncify.vocabulary.loading import DYNAMIC_EXECUTES
from asyncify.vocabulary.sqlalchemy_query import QUERY

if TYPE_CHECKING:
    from asyncify.planning.loading import LoadPlanner

_NODES = (f.NAME, f.ATTRIBUTE, f.CALL, f.SUBSCRIPT)


def executes_itself(planner: LoadPlanner, demand: Demand) -> bool:
    """Can the function that reads the relationship execute the Query by a session that it has?"""
    holder = demand.function
    operation = holder.body.operations[demand.operation]
    if holder not in planner.coloring.turned or operation[0] not in _NODES:
        return False
    if not _session(planner, demand):
        return False
    if demand.executes == EVERYTHING:
        return True
    known = demand.executes in DYNAMIC_EXECUTES
    return known and operation[0] == f.CALL and not operation[6] and not operation[7]


def _session(planner: LoadPlanner, demand: Demand) -> str:
    """The session that the function has, or that of the instance."""
    holder = demand.function
    found = planner.access.session(holder, demand.operation)
    line = planner.colors.inference.config.sqlalchemy_version
    if found or not demand.is_read_itself or line == "1.4":  # whose instances can't be awaited
        return found
    return planner.access.session_of(holder, instance(planner.colors.uses.layout(holder), demand))


def execute(planner: LoadPlanner, demand: Demand) -> None:
    """Execute the Query by the session."""
    holder = demand.function
    operation = holder.body.operations[demand.operation]
    session = _session(planner, demand)
    draft, source = planner.draft(holder.module), SessionSource(text=session)
    group, site = planner.coloring.groups.get(holder, 0), draft.site(operation)
    link = planner.models.links(demand.entity.cls)[demand.attribute]
    unique = ".unique()" if planner.models.joins_collections([link.target]) else ""
    if demand.executes == EVERYTHING:
        draft.add(
            ReplaceExpression(
                node=reference(operation) if operation[0] != f.CALL
                else call_reference(holder, demand.operation),
                site=site, group=group, session=source,
                # The await is part of the template: what gives the Query may be awaited itself.
                template=f"(await {{session}}.execute({{node}}.statement)){unique}.scalars()",
            )
        )  # fmt: skip
        return
    row = QUERY.member(demand.executes)
    assert row is not None
    awaited, result = row.entity
    awaited = spelled(awaited.replace("{receiver}", "{receiver}.statement"), row.imports, draft)
    draft.add(
        ReplaceCall(
            node=call_reference(holder, demand.operation), site=site, group=group,
            awaited=awaited, result=result.replace("{unique}", unique), session=source,
        )
    )  # fmt: skip
