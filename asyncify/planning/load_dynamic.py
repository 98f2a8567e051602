"""Dynamic relationships (`lazy="dynamic"`): the Query that one gives is executed as a statement.

`user.notes.all()` becomes `(await db.execute(user.notes.statement)).scalars().all()`, where a
session is in hand. Append and remove load nothing, and stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis.load_demands import Demand
from asyncify.analysis.load_states import EVERYTHING
from asyncify.analysis.program import Function
from asyncify.decisions import ReplaceCall, ReplaceExpression, SessionSource
from asyncify.planning.draft import call_reference, reference
from asyncify.planning.query_forms import spelled
from asyncify.vocabulary.sqlalchemy_query import QUERY

if TYPE_CHECKING:
    from asyncify.planning.loading import LoadPlanner

_NODES = (f.NAME, f.ATTRIBUTE, f.CALL, f.SUBSCRIPT)


def execute(planner: LoadPlanner, holder: Function, demand: Demand) -> bool:
    """Execute the Query by the session; False where that can't be done."""
    operation = holder.body.operations[demand.operation]
    session = planner.access.session(holder, demand.operation)
    if not session or operation[0] not in _NODES:
        return False
    draft, source = planner.draft(holder.module), SessionSource(text=session)
    group, site = planner.coloring.groups.get(holder, 0), draft.site(operation)
    link = planner.models.links(demand.entity.cls)[demand.attribute]
    unique = ".unique()" if planner.models.joins_collections([link.target]) else ""
    if demand.executes == EVERYTHING:
        draft.add(
            ReplaceExpression(
                node=reference(operation) if operation[0] != f.CALL
                else call_reference(holder, demand.operation),
                site=site, group=group, template="{session}.execute({node}.statement)",
                result=f"{{awaited}}{unique}.scalars()", session=source, awaits=True,
            )
        )  # fmt: skip
        return True
    row = QUERY.member(demand.executes)
    if row is None or operation[0] != f.CALL or operation[6] or operation[7]:
        return False
    awaited, result = row.entity
    awaited = spelled(awaited.replace("{receiver}", "{receiver}.statement"), row.imports, draft)
    draft.add(
        ReplaceCall(
            node=call_reference(holder, demand.operation), site=site, group=group,
            awaited=awaited, result=result.replace("{unique}", unique), session=source,
        )
    )  # fmt: skip
    return True
