"""Queries behind a bulk UPDATE that leaves the session's objects as they are.

The commit between the two expired them, so that the query loaded them anew. Sessions that keep what
they hold over a commit hand out the old values instead; the query is told to load them.
"""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Colors
from asyncify.analysis.uses import Use
from asyncify.vocabulary.sqlalchemy_query import QUERY, UNSYNCHRONIZED, UPDATE
from asyncify.vocabulary.tasks import COMMITTING, EXPIRE_OPTION


def follows_update(colors: Colors, use: Use, value: v.QueryValue) -> bool:
    """Does a query select a class that was updated, with a commit since?"""
    if value.target is None or COMMITTING.isdisjoint(use.function.facts.members):
        return False
    if colors.program.mentioning(EXPIRE_OPTION):
        return False  # the commit may have expired nothing
    uses = colors.uses.of(use.function)
    commits = [
        each.operation for each in uses
        if each.kind == "member" and each.name in COMMITTING and each.operation < use.operation
    ]  # fmt: skip
    return any(
        each.operation < max(commits, default=-1) and _updates(colors, each, value)
        for each in uses
    )  # fmt: skip


def _updates(colors: Colors, use: Use, value: v.QueryValue) -> bool:
    """Does a use update the class of a query, and nothing that the session holds?"""
    row = QUERY.member(use.name) if use.kind == "query" else None
    if row is None or row.starts != UPDATE or not isinstance(use.owner, v.QueryValue):
        return False
    operations = use.function.body.operations
    keyword, text = UNSYNCHRONIZED
    return use.owner.target is value.target and any(
        name == keyword and operations[i][0] == f.CONSTANT and operations[i][5] is text
        for name, i in operations[use.operation][7]
    )
