"""Query: what runs one otherwise than by a plain method: slices and items, iteration, streams."""

from __future__ import annotations

from asyncify.vocabulary.rows import QueryMember, Role

_TERMINAL = Role.TERMINAL
_FROM_20 = ("2.0", "2.1")
_EXECUTE = "{session}.execute({receiver})"

# ``query[start:stop]``: ``{0}`` and ``{1}`` are the bounds, None where one is left out. A step is
# applied to the list. Equal bounds give an empty list, in Query without a statement.
SLICE = QueryMember(
    "__getitem__",
    _TERMINAL,
    entity=("{session}.execute({receiver}.slice({0}, {1}))", "{awaited}{unique}.scalars().all()"),
    rows=("{session}.execute({receiver}.slice({0}, {1}))", "{awaited}{unique}.all()"),
    returns="entities",
    rows_returns="rows",
    trap="Q14",
    source="https://docs.sqlalchemy.org/en/20/orm/queryguide/query.html",
)

# The same where the bounds are variables: Query refuses a negative one, and gives an empty list
# where the first isn't below the second; the helper asks the database for no rows there, Query asks
# it nothing. In front of 2.0 a negative one is taken.
CHECKED_SLICE = QueryMember(
    "__getitem__",
    _TERMINAL,
    entity=(
        "{session}.execute(sliced({receiver}, {0}, {1}))",
        "{awaited}{unique}.scalars().all()",
    ),
    rows=("{session}.execute(sliced({receiver}, {0}, {1}))", "{awaited}{unique}.all()"),
    returns="entities",
    rows_returns="rows",
    helper="sliced",
    lines=_FROM_20,
    trap="Q14",
    source="https://docs.sqlalchemy.org/en/20/orm/queryguide/query.html",
)
CHECKED_ITEM = QueryMember(
    "__getitem__",
    _TERMINAL,
    entity=("{session}.execute(nth({receiver}, {0}))", "{awaited}{unique}.scalars().all()[0]"),
    rows=("{session}.execute(nth({receiver}, {0}))", "{awaited}{unique}.all()[0]"),
    returns="entity",
    rows_returns="Row",
    helper="nth",
    lines=_FROM_20,
    trap="Q14",
    source="https://docs.sqlalchemy.org/en/20/orm/queryguide/query.html",
)

# ``first()`` behind ``from_statement()``, which has no ``limit()``.
FIRST_OF_STATEMENT = QueryMember(
    "first",
    _TERMINAL,
    entity=(_EXECUTE, "{awaited}{unique}.scalars().first()"),
    rows=(_EXECUTE, "{awaited}{unique}.first()"),
    returns="entity",
    rows_returns="Row",
    trap="Q04",
)

# Iteration behind ``yield_per``: by ``async for``, and never uniqued.
STREAM = QueryMember(
    "__iter__",
    _TERMINAL,
    entity=("{session}.stream({receiver})", "{awaited}.scalars()"),
    rows=("{session}.stream({receiver})", "{awaited}"),
    returns="entities",
    rows_returns="rows",
    trap="Q18",
    source="https://docs.sqlalchemy.org/en/20/orm/queryguide/query.html",
)

# What reads a stream otherwise awaits the result's method too. ``count()`` has a statement of its
# own around the one that is streamed.
_STREAM = "{session}.stream({receiver})"
STREAMED = {
    row.name: row
    for row in (
        QueryMember(
            "__iter__",
            _TERMINAL,
            entity=(_STREAM, "await {awaited}.scalars().all()"),
            rows=(_STREAM, "await {awaited}.all()"),
            trap="Q18",
        ),
        QueryMember(
            "all",
            _TERMINAL,
            entity=(_STREAM, "await {awaited}.scalars().all()"),
            rows=(_STREAM, "await {awaited}.all()"),
            trap="Q18",
        ),
        QueryMember(
            "first",
            _TERMINAL,
            entity=("{session}.stream({receiver}.limit(1))", "await {awaited}.scalars().first()"),
            rows=("{session}.stream({receiver}.limit(1))", "await {awaited}.first()"),
            trap="Q18",
        ),
        QueryMember(
            "one",
            _TERMINAL,
            entity=(_STREAM, "await {awaited}.scalars().one()"),
            rows=(_STREAM, "await {awaited}.one()"),
            trap="Q18",
        ),
        QueryMember(
            "one_or_none",
            _TERMINAL,
            entity=(_STREAM, "await {awaited}.scalars().one_or_none()"),
            rows=(_STREAM, "await {awaited}.one_or_none()"),
            trap="Q18",
        ),
    )
}
