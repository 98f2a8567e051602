"""MetaData, Table and Inspector: what takes an engine or a connection to work on.

None of them has an async form. Their calls run inside ``run_sync`` of a connection, which
``ON_CONNECTION`` rows name ``{connection}``: the one at hand, or one from ``async with
engine.begin()`` of the engine that the sync call was given. ``{args}`` are the arguments without
that engine.
https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#running-synchronous-methods-and-functions-under-asyncio
https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#using-the-inspector-to-inspect-schema-objects
"""

from __future__ import annotations

from asyncify.vocabulary.rows import Form, Member, Table

_METADATA = "https://docs.sqlalchemy.org/en/21/core/metadata.html#sqlalchemy.schema."
_REFLECTION = "https://docs.sqlalchemy.org/en/21/core/reflection.html#sqlalchemy.engine.reflection."

_ONLY_14 = ("1.4",)
_FROM_20 = ("2.0", "2.1")
_ONLY_21 = ("2.1",)
_NONE: tuple[str, ...] = ()

# What 1.4 binds metadata to an engine by: the attribute, and what takes it as an argument.
BOUND_METADATA: frozenset[str] = frozenset(
    {"bind", "MetaData", "declarative_base", "as_declarative", "automap_base"}
)

METADATA = Table(
    "sqlalchemy.schema.MetaData",
    "sqlalchemy.schema.MetaData",
    (
        Member(
            "bind",
            Form.REFUSE,
            returns="Engine",
            attribute=True,
            sync_lines=_ONLY_14,
            async_lines=_NONE,
            note="bound metadata, gone in 2.0",
        ),
        Member("clear", returns="none"),
        Member(
            "create_all",
            Form.ON_CONNECTION,
            io=True,
            returns="none",
            awaited="{connection}.run_sync({receiver}.create_all, {args})",
            async_lines=_NONE,
            note="keyword arguments are passed on",
        ),
        Member("create_drop_stringify_dialect", attribute=True, note="internal"),
        Member("dispatch", attribute=True),
        Member(
            "drop_all",
            Form.ON_CONNECTION,
            io=True,
            returns="none",
            awaited="{connection}.run_sync({receiver}.drop_all, {args})",
            async_lines=_NONE,
            note="keyword arguments are passed on",
        ),
        Member("get_children", sync_lines=_ONLY_14, async_lines=_ONLY_14, note="internal"),
        Member("get_schema_object_by_name", sync_lines=_ONLY_21, async_lines=_ONLY_21),
        Member("get_schema_objects", sync_lines=_ONLY_21, async_lines=_ONLY_21),
        Member("info", attribute=True),
        Member("naming_convention", attribute=True),
        Member("schema", attribute=True),
        Member("is_bound", returns="bool", sync_lines=_ONLY_14, async_lines=_ONLY_14),
        Member(
            "reflect",
            Form.ON_CONNECTION,
            io=True,
            returns="none",
            awaited="{connection}.run_sync({receiver}.reflect, {args})",
            opened_by="connect",
            async_lines=_NONE,
            note="keyword arguments are passed on",
        ),
        Member("remove", returns="none"),
        Member("schemas", attribute=True, sync_lines=_ONLY_21, async_lines=_ONLY_21),
        Member("sorted_tables", attribute=True),
        Member("tables", attribute=True),
    ),
    run_sync_on="{connection}",
    documentation=_METADATA + "MetaData.{name}",
)

# Only what takes an engine or a connection: the rest of Table does no I/O.
TABLE = Table(
    "sqlalchemy.schema.Table",
    "sqlalchemy.schema.Table",
    (
        Member(
            "create",
            Form.ON_CONNECTION,
            io=True,
            returns="none",
            awaited="{connection}.run_sync({receiver}.create, {args})",
            async_lines=_NONE,
        ),
        Member(
            "drop",
            Form.ON_CONNECTION,
            io=True,
            returns="none",
            awaited="{connection}.run_sync({receiver}.drop, {args})",
            async_lines=_NONE,
        ),
        Member(
            "exists",
            Form.ON_CONNECTION,
            io=True,
            returns="bool",
            awaited="{connection}.run_sync({receiver}.exists, {args})",
            opened_by="connect",
            sync_lines=_ONLY_14,
            async_lines=_NONE,
        ),
    ),
    run_sync_on="{connection}",
    documentation=_METADATA + "Table.{name}",
)


def _inspecting(name: str, lines: tuple[str, ...] = ("1.4", "2.0", "2.1")) -> Member:
    """A method of an Inspector, which is made anew where its connection is at hand."""
    return Member(
        name,
        Form.ON_CONNECTION,
        io=True,
        awaited="{connection}.run_sync(lambda bind: inspect(bind)." + name + "({args}))",
        imports=("sqlalchemy.inspect",),
        opened_by="connect",
        sync_lines=lines,
        async_lines=_NONE,
    )


INSPECTOR = Table(
    "sqlalchemy.engine.reflection.Inspector",
    "sqlalchemy.engine.reflection.Inspector",
    (
        _inspecting("get_check_constraints"),
        _inspecting("get_columns"),
        _inspecting("get_domains", _FROM_20),  # this and the next ones are PostgreSQL's
        _inspecting("get_enums"),
        _inspecting("get_foreign_table_names"),
        _inspecting("get_table_oid"),
        _inspecting("has_type", _FROM_20),
        _inspecting("get_foreign_keys"),
        _inspecting("get_indexes"),
        _inspecting("get_materialized_view_names", _FROM_20),
        _inspecting("get_multi_check_constraints", _FROM_20),
        _inspecting("get_multi_columns", _FROM_20),
        _inspecting("get_multi_foreign_keys", _FROM_20),
        _inspecting("get_multi_indexes", _FROM_20),
        _inspecting("get_multi_pk_constraint", _FROM_20),
        _inspecting("get_multi_table_comment", _FROM_20),
        _inspecting("get_multi_table_options", _FROM_20),
        _inspecting("get_multi_unique_constraints", _FROM_20),
        _inspecting("get_pk_constraint"),
        _inspecting("get_schema_names"),
        _inspecting("get_sequence_names"),
        _inspecting("get_sorted_table_and_fkc_names"),
        _inspecting("get_table_comment"),
        _inspecting("get_table_names"),
        _inspecting("get_table_options"),
        _inspecting("get_temp_table_names"),
        _inspecting("get_temp_view_names"),
        _inspecting("get_unique_constraints"),
        _inspecting("get_view_definition"),
        _inspecting("get_view_names"),
        _inspecting("has_index", _FROM_20),
        _inspecting("has_multi_table", _ONLY_21),
        _inspecting("has_schema", _FROM_20),
        _inspecting("has_sequence"),
        _inspecting("has_table"),
        _inspecting("reflect_table"),
        _inspecting("reflecttable", _ONLY_14),
        _inspecting("sort_tables_on_foreign_key_dependency", _FROM_20),
        Member(
            "default_schema_name",
            Form.ON_CONNECTION,
            io=True,
            returns="value",
            awaited="{connection}.run_sync(lambda bind: inspect(bind).default_schema_name)",
            imports=("sqlalchemy.inspect",),
            opened_by="connect",
            attribute=True,
            async_lines=_NONE,
            note="no I/O by itself, but the Inspector that it is read from needs a connection",
        ),
        Member(
            "clear_cache",
            Form.REFUSE,
            returns="none",
            sync_lines=_FROM_20,
            async_lines=_NONE,
            note="an Inspector that is made anew has nothing cached",
        ),
        Member(
            "from_engine",
            Form.REFUSE,
            io=True,
            returns="Inspector",
            async_lines=_NONE,
            note="deprecated for inspect()",
        ),
        Member("info_cache", Form.REFUSE, attribute=True, async_lines=_NONE, note="internal"),
        Member("bind", Form.REFUSE, attribute=True, async_lines=_NONE, note="a sync engine"),
        Member("engine", Form.REFUSE, attribute=True, async_lines=_NONE, note="a sync engine"),
        Member("dialect", Form.REFUSE, attribute=True, async_lines=_NONE, note="of its engine"),
    ),
    run_sync_on="{connection}",
    documentation=_REFLECTION + "Inspector.{name}",
)
