"""Result and its kinds, buffered and streamed.

``await session.execute()`` gives the sync Result, read completely: none of its methods is awaited.
``await session.stream()`` gives an AsyncResult, whose methods that fetch are coroutines.
https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.AsyncResult
"""

from __future__ import annotations

from asyncify.vocabulary.rows import Form, Member, Table

_CORE = "https://docs.sqlalchemy.org/en/21/core/connections.html#sqlalchemy.engine."
_PAGE = "https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio."

_FROM_20 = ("2.0", "2.1")
_NONE: tuple[str, ...] = ()
_INTERNAL = "internal"
_BROKEN_14 = "raises AttributeError on 1.4"

# What only the result of a Core statement, a CursorResult, has.
_CURSOR = (
    Member("rowcount", returns="int", attribute=True),
    Member("lastrowid", returns="int", attribute=True),
    Member("inserted_primary_key", returns="Row", attribute=True),
    Member("inserted_primary_key_rows", returns="rows", attribute=True),
    Member("is_insert", returns="bool", attribute=True),
    Member("last_inserted_params"),
    Member("last_updated_params"),
    Member("lastrow_has_defaults", returns="bool"),
    Member("postfetch_cols"),
    Member("prefetch_cols"),
    Member("returned_defaults", returns="Row", attribute=True),
    Member("returned_defaults_rows", returns="rows", attribute=True),
    Member("returns_rows", returns="bool", attribute=True),
    Member("supports_sane_multi_rowcount", returns="bool"),
    Member("supports_sane_rowcount", returns="bool"),
    Member(
        "splice_horizontally",
        returns="Result",
        sync_lines=_FROM_20,
        async_lines=_FROM_20,
    ),
    Member(
        "splice_vertically",
        returns="Result",
        sync_lines=_FROM_20,
        async_lines=_FROM_20,
    ),
    Member("connection", returns="SyncConnection", attribute=True, note="the sync Connection"),
    Member("context", attribute=True),
    Member("cursor", attribute=True, note=_INTERNAL),
    Member("cursor_strategy", attribute=True, note=_INTERNAL),
    Member("dialect", attribute=True),
    Member(
        "out_parameters", attribute=True, sync_lines=("1.4",), async_lines=("1.4",), note=_INTERNAL
    ),
)

_BUFFERED = (
    Member("all", returns="rows"),
    Member("close", returns="none"),
    Member("closed", returns="bool", attribute=True),
    Member("columns", returns="self"),
    Member("fetchall", returns="rows"),
    Member("fetchmany", returns="rows"),
    Member("fetchone", returns="Row"),
    Member("first", returns="Row"),
    Member("freeze"),
    Member("keys"),
    Member("mappings", returns="MappingResult"),
    Member("merge", returns="self"),
    Member("one", returns="Row"),
    Member("one_or_none", returns="Row"),
    Member("partitions"),
    Member("scalar", returns="value"),
    Member("scalar_one", returns="value"),
    Member("scalar_one_or_none", returns="value"),
    Member("scalars", returns="ScalarResult"),
    Member("t", returns="self", attribute=True, sync_lines=_FROM_20, async_lines=_FROM_20),
    Member("tuples", returns="self", sync_lines=_FROM_20, async_lines=_FROM_20),
    Member("unique", returns="self"),
    Member("yield_per", returns="self"),
    Member("__iter__", returns="rows"),
    Member("__next__", returns="Row"),
    Member("__enter__", Form.SYNC_WITH, returns="self", sync_lines=_FROM_20, async_lines=_FROM_20),
    Member("__exit__", Form.SYNC_WITH, returns="none", sync_lines=_FROM_20, async_lines=_FROM_20),
    Member("memoized_attribute", attribute=True, note=_INTERNAL),
    Member("memoized_instancemethod", note=_INTERNAL),
)

# What a result gives: one row, and several.
GIVING_ROW: frozenset[str] = frozenset({"fetchone", "first", "one", "one_or_none"})
GIVING_ROWS: frozenset[str] = frozenset({"fetchall", "fetchmany", "all", "unique", "yield_per"})
# The methods by which 1.4's own rows are dicts. `keys` is of every row there.
DICT_MEMBERS: frozenset[str] = frozenset({"items", "values"})

RESULT = Table(
    "sqlalchemy.engine.Result",
    "sqlalchemy.engine.Result",
    _BUFFERED + _CURSOR,
    run_sync_on="",
    documentation=_CORE + "Result.{name}",
)

SCALAR_RESULT = Table(
    "sqlalchemy.engine.ScalarResult",
    "sqlalchemy.engine.ScalarResult",
    (
        Member("all", returns="values"),
        Member("close", returns="none"),
        Member("closed", returns="bool", attribute=True),
        Member("fetchall", returns="values"),
        Member("fetchmany", returns="values"),
        Member("first", returns="value"),
        Member("one", returns="value"),
        Member("one_or_none", returns="value"),
        Member("partitions"),
        Member("unique", returns="self"),
        Member("yield_per", returns="self"),
        Member("__iter__", returns="values"),
        Member("__next__", returns="value"),
        Member("memoized_attribute", attribute=True, note=_INTERNAL),
        Member("memoized_instancemethod", note=_INTERNAL),
    ),
    run_sync_on="",
    documentation=_CORE + "ScalarResult.{name}",
)

MAPPING_RESULT = Table(
    "sqlalchemy.engine.MappingResult",
    "sqlalchemy.engine.MappingResult",
    (
        Member("all"),
        Member("close", returns="none"),
        Member("closed", returns="bool", attribute=True),
        Member("columns", returns="self"),
        Member("fetchall"),
        Member("fetchmany"),
        Member("fetchone"),
        Member("first"),
        Member("keys"),
        Member("one"),
        Member("one_or_none"),
        Member("partitions"),
        Member("unique", returns="self"),
        Member("yield_per", returns="self"),
        Member("__iter__"),
        Member("__next__"),
        Member("memoized_attribute", attribute=True, note=_INTERNAL),
        Member("memoized_instancemethod", note=_INTERNAL),
    ),
    run_sync_on="",
    documentation=_CORE + "MappingResult.{name}",
)

ASYNC_RESULT = Table(
    "sqlalchemy.engine.Result",
    "sqlalchemy.ext.asyncio.AsyncResult",
    (
        Member("all", Form.AWAIT, io=True, returns="rows"),
        Member("close", Form.AWAIT, io=True, returns="none"),
        Member("closed", returns="bool", attribute=True),
        Member("columns", returns="self"),
        Member(
            "fetchall",
            Form.AWAIT,
            io=True,
            returns="rows",
            async_lines=_FROM_20,
            by_line=(
                ("1.4", Member("fetchall", Form.REFUSE, io=True, note="missing on 1.4: use all()")),
            ),
        ),
        Member("fetchmany", Form.AWAIT, io=True, returns="rows"),
        Member("fetchone", Form.AWAIT, io=True, returns="Row"),
        Member("first", Form.AWAIT, io=True, returns="Row"),
        Member(
            "freeze",
            Form.AWAIT,
            io=True,
            by_line=(("1.4", Member("freeze", Form.REFUSE, io=True, note=_BROKEN_14)),),
        ),
        Member("keys"),
        Member("mappings", returns="MappingResult", async_returns="AsyncMappingResult"),
        Member(
            "merge",
            Form.REFUSE,
            returns="self",
            async_lines=_NONE,
            note="a streamed result isn't read yet: merge the lists",
        ),
        Member("one", Form.AWAIT, io=True, returns="Row"),
        Member("one_or_none", Form.AWAIT, io=True, returns="Row"),
        Member("partitions", Form.FOR, io=True),
        Member(
            "scalar",
            Form.AWAIT,
            io=True,
            returns="value",
            by_line=(("1.4", Member("scalar", Form.REFUSE, io=True, note=_BROKEN_14)),),
        ),
        Member(
            "scalar_one",
            Form.AWAIT,
            io=True,
            returns="value",
            by_line=(("1.4", Member("scalar_one", Form.REFUSE, io=True, note=_BROKEN_14)),),
        ),
        Member(
            "scalar_one_or_none",
            Form.AWAIT,
            io=True,
            returns="value",
            by_line=(("1.4", Member("scalar_one_or_none", Form.REFUSE, io=True, note=_BROKEN_14)),),
        ),
        Member("scalars", returns="ScalarResult", async_returns="AsyncScalarResult"),
        Member("t", returns="self", attribute=True, sync_lines=_FROM_20, async_lines=_FROM_20),
        Member("tuples", returns="self", sync_lines=_FROM_20, async_lines=_FROM_20),
        Member("unique", returns="self"),
        Member("yield_per", returns="self"),
        Member("__iter__", Form.FOR, io=True, returns="rows", async_lines=_NONE),
        Member("__next__", Form.AWAIT, io=True, returns="Row", async_lines=_NONE, note="anext()"),
        Member("memoized_attribute", attribute=True, note=_INTERNAL),
        Member("memoized_instancemethod", note=_INTERNAL),
    ),
    run_sync_on="",
    documentation=_PAGE + "AsyncResult.{name}",
)

ASYNC_SCALAR_RESULT = Table(
    "sqlalchemy.engine.ScalarResult",
    "sqlalchemy.ext.asyncio.AsyncScalarResult",
    (
        Member("all", Form.AWAIT, io=True, returns="values"),
        Member("close", Form.AWAIT, io=True, returns="none"),
        Member("closed", returns="bool", attribute=True),
        Member("fetchall", Form.AWAIT, io=True, returns="values"),
        Member("fetchmany", Form.AWAIT, io=True, returns="values"),
        Member("first", Form.AWAIT, io=True, returns="value"),
        Member("one", Form.AWAIT, io=True, returns="value"),
        Member("one_or_none", Form.AWAIT, io=True, returns="value"),
        Member("partitions", Form.FOR, io=True),
        Member("unique", returns="self"),
        Member("yield_per", returns="self"),
        Member("__iter__", Form.FOR, io=True, returns="values", async_lines=_NONE),
        Member("__next__", Form.AWAIT, io=True, returns="value", async_lines=_NONE, note="anext()"),
        Member("memoized_attribute", attribute=True, note=_INTERNAL),
        Member("memoized_instancemethod", note=_INTERNAL),
    ),
    run_sync_on="",
    documentation=_PAGE + "AsyncScalarResult.{name}",
)

ASYNC_MAPPING_RESULT = Table(
    "sqlalchemy.engine.MappingResult",
    "sqlalchemy.ext.asyncio.AsyncMappingResult",
    (
        Member("all", Form.AWAIT, io=True),
        Member("close", Form.AWAIT, io=True, returns="none"),
        Member("closed", returns="bool", attribute=True),
        Member("columns", returns="self"),
        Member("fetchall", Form.AWAIT, io=True),
        Member("fetchmany", Form.AWAIT, io=True),
        Member("fetchone", Form.AWAIT, io=True),
        Member("first", Form.AWAIT, io=True),
        Member("keys"),
        Member("one", Form.AWAIT, io=True),
        Member("one_or_none", Form.AWAIT, io=True),
        Member("partitions", Form.FOR, io=True),
        Member("unique", returns="self"),
        Member("yield_per", returns="self"),
        Member("__iter__", Form.FOR, io=True, async_lines=_NONE),
        Member("__next__", Form.AWAIT, io=True, async_lines=_NONE, note="anext()"),
        Member("memoized_attribute", attribute=True, note=_INTERNAL),
        Member("memoized_instancemethod", note=_INTERNAL),
    ),
    run_sync_on="",
    documentation=_PAGE + "AsyncMappingResult.{name}",
)
