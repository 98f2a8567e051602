"""Query: what each of its methods is on a Select, an Update or a Delete.

Every template gives the same result as the method of Query does, which is not always what people
write: ``first()`` keeps its LIMIT 1, ``scalar()`` raises on several rows, ``update()`` gives the
number of rows. Rows of columns and one entity differ nearly everywhere.
https://docs.sqlalchemy.org/en/20/orm/queryguide/query.html and, for the same in 2.0 style,
https://docs.sqlalchemy.org/en/20/changelog/migration_20.html#migration-orm-usage
"""

from __future__ import annotations

from asyncify.vocabulary.rows import Argument, QueryMember, QueryTable, Role

_PAGE = "https://docs.sqlalchemy.org/en/20/orm/queryguide/query.html#sqlalchemy.orm.Query.{name}"
_PAGE_14 = "https://docs.sqlalchemy.org/en/14/orm/query.html#sqlalchemy.orm.Query."

_BUILDER = Role.BUILDER
_TERMINAL = Role.TERMINAL
_STATEMENT = Role.STATEMENT
_OTHER = Role.OTHER

_ONLY_14 = ("1.4",)
_FROM_20 = ("2.0", "2.1")
_ONLY_21 = ("2.1",)

_EXECUTE = "{session}.execute({receiver})"
_LABEL_STYLE = "sqlalchemy.LABEL_STYLE_TABLENAME_PLUS_COL"
_LABELLED = "{receiver}.set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)"
_SYNCHRONIZE = "{receiver}.execution_options(synchronize_session={argument})"

_JOIN_NOTE = (
    "one target and one onclause; 1.4 also takes several targets, strings and tuples, "
    "which become one call each"
)
_SET_NOTE = "later criteria have to use the alias; without the alias they add a cartesian product"
_INTERNAL = "internal"

# Methods that give a Query again.
_BUILDERS = (
    QueryMember(
        "add_column",
        _BUILDER,
        "add_columns",
        changes_shape=True,
        note="deprecated",
        trap="Q19",
    ),
    QueryMember("add_columns", _BUILDER, "add_columns", changes_shape=True, trap="Q19"),
    QueryMember("add_entity", _BUILDER, "add_columns", changes_shape=True, trap="Q19"),
    QueryMember(
        "apply_labels", _BUILDER, template=_LABELLED, imports=(_LABEL_STYLE,), note="deprecated"
    ),
    QueryMember(
        "autoflush",
        _BUILDER,
        template="{receiver}.execution_options(autoflush={0})",
        parameters=("setting",),
        on_dml=True,
        trap="Q25",
    ),
    QueryMember("correlate", _BUILDER, "correlate"),
    QueryMember("distinct", _BUILDER, "distinct", trap="Q17"),
    QueryMember(
        "enable_assertions",
        _BUILDER,
        template="{receiver}",
        on_dml=True,
        note="a statement has no such checks",
        trap="Q28",
    ),
    QueryMember(
        "enable_eagerloads",
        _BUILDER,
        template="{receiver}",
        on_dml=True,
        arguments=(Argument("value", 0, "{receiver}", literal="False", default="True"),),
        note="with False: drop the joined loader options; subquery() and count() have none anyway",
        trap="Q25",
    ),
    QueryMember(
        "except_",
        _BUILDER,
        is_set_operation=True,
        template="select(aliased({entity}, except_({receiver}, {args}).subquery()))",
        rows_template="select(except_({receiver}, {args}).subquery())",
        imports=("sqlalchemy.select", "sqlalchemy.except_", "sqlalchemy.orm.aliased"),
        note=_SET_NOTE,
        trap="Q16",
    ),
    QueryMember(
        "except_all",
        _BUILDER,
        is_set_operation=True,
        template="select(aliased({entity}, except_all({receiver}, {args}).subquery()))",
        rows_template="select(except_all({receiver}, {args}).subquery())",
        imports=("sqlalchemy.select", "sqlalchemy.except_all", "sqlalchemy.orm.aliased"),
        note=_SET_NOTE,
        trap="Q16",
    ),
    QueryMember(
        "execution_options",
        _BUILDER,
        "execution_options",
        on_dml=True,
    ),
    QueryMember(
        "ext",
        _BUILDER,
        "ext",
        on_dml=True,
        lines=_ONLY_21,
        note="takes extensions that other libraries write",
    ),
    QueryMember(
        "filter",
        _BUILDER,
        "where",
        on_dml=True,
        note="after limit() or offset() Query raises, a Select doesn't",
        trap="Q28",
    ),
    QueryMember(
        "filter_by",
        _BUILDER,
        "filter_by",
        on_dml=True,
        note="behind a join or select_from the entity has to be resolved: where(Entity.name == x)",
        trap="Q09",
    ),
    QueryMember(
        "from_self",
        _BUILDER,
        lines=_ONLY_14,
        changes_shape=True,
        note="aliased(Entity, statement.subquery()), used by all that follows",
        trap="Q20",
        source=_PAGE_14 + "from_self",
    ),
    QueryMember(
        "from_statement",
        _BUILDER,
        "from_statement",
        note="has no limit(): first() is executed without one",
        trap="Q04",
    ),
    QueryMember("group_by", _BUILDER, "group_by"),
    QueryMember("having", _BUILDER, "having"),
    QueryMember(
        "intersect",
        _BUILDER,
        is_set_operation=True,
        template="select(aliased({entity}, intersect({receiver}, {args}).subquery()))",
        rows_template="select(intersect({receiver}, {args}).subquery())",
        imports=("sqlalchemy.select", "sqlalchemy.intersect", "sqlalchemy.orm.aliased"),
        note=_SET_NOTE,
        trap="Q16",
    ),
    QueryMember(
        "intersect_all",
        _BUILDER,
        is_set_operation=True,
        template="select(aliased({entity}, intersect_all({receiver}, {args}).subquery()))",
        rows_template="select(intersect_all({receiver}, {args}).subquery())",
        imports=("sqlalchemy.select", "sqlalchemy.intersect_all", "sqlalchemy.orm.aliased"),
        note=_SET_NOTE,
        trap="Q16",
    ),
    QueryMember("join", _BUILDER, "join", note=_JOIN_NOTE, trap="Q27"),
    QueryMember("limit", _BUILDER, "limit"),
    QueryMember("offset", _BUILDER, "offset"),
    QueryMember(
        "only_return_tuples",
        _BUILDER,
        template="{receiver}",
        arguments=(Argument("value", 0, template="{receiver}", literal="True", default="False"),),
        changes_shape=True,
        note="with True rows instead of entities",
        trap="Q25",
    ),
    QueryMember(
        "options", _BUILDER, "options", on_dml=True, get_keyword="options=[{args}]", trap="Q03"
    ),
    QueryMember(
        "order_by",
        _BUILDER,
        "order_by",
        note="order_by(False) is order_by(None)",
        trap="Q22",
    ),
    QueryMember("outerjoin", _BUILDER, "outerjoin", note=_JOIN_NOTE, trap="Q27"),
    QueryMember(
        "params",
        _BUILDER,
        "params",
        note="on a statement it reaches only the parameters that stand before it",
    ),
    QueryMember(
        "populate_existing",
        _BUILDER,
        template="{receiver}.execution_options(populate_existing=True)",
        get_keyword="populate_existing=True",
        trap="Q25",
    ),
    QueryMember("prefix_with", _BUILDER, "prefix_with"),
    QueryMember(
        "reset_joinpoint",
        _BUILDER,
        template="{receiver}",
        note="a later filter_by means the first entity: where(Entity.name == x)",
        trap="Q09",
    ),
    QueryMember(
        "select_entity_from",
        _BUILDER,
        lines=_ONLY_14,
        note="aliased(Entity, selectable), used by all that follows",
        trap="Q20",
        source=_PAGE_14 + "select_entity_from",
    ),
    QueryMember("select_from", _BUILDER, "select_from", trap="Q09"),
    QueryMember("set_label_style", _BUILDER, "set_label_style"),
    QueryMember("slice", _BUILDER, "slice", trap="Q14"),
    QueryMember("suffix_with", _BUILDER, "suffix_with"),
    QueryMember(
        "tuples",
        _BUILDER,
        template="{receiver}",
        changes_shape=True,
        lines=_FROM_20,
        note="rows, of one entity too",
    ),
    QueryMember(
        "union",
        _BUILDER,
        is_set_operation=True,
        template="select(aliased({entity}, union({receiver}, {args}).subquery()))",
        rows_template="select(union({receiver}, {args}).subquery())",
        imports=("sqlalchemy.select", "sqlalchemy.union", "sqlalchemy.orm.aliased"),
        note=_SET_NOTE,
        trap="Q16",
    ),
    QueryMember(
        "union_all",
        _BUILDER,
        is_set_operation=True,
        template="select(aliased({entity}, union_all({receiver}, {args}).subquery()))",
        rows_template="select(union_all({receiver}, {args}).subquery())",
        imports=("sqlalchemy.select", "sqlalchemy.union_all", "sqlalchemy.orm.aliased"),
        note=_SET_NOTE + "; entities are uniqued",
        trap="Q16",
    ),
    QueryMember("where", _BUILDER, "where", on_dml=True, trap="Q28"),
    QueryMember("with_entities", _BUILDER, "with_only_columns", changes_shape=True, trap="Q19"),
    QueryMember(
        "with_for_update",
        _BUILDER,
        "with_for_update",
        get_keyword="with_for_update=True",
        get_takes_dict=True,
        note="before get() with arguments: with_for_update={'nowait': True}",
    ),
    QueryMember("with_hint", _BUILDER, "with_hint"),
    QueryMember(
        "with_labels", _BUILDER, template=_LABELLED, imports=(_LABEL_STYLE,), note="deprecated"
    ),
    QueryMember(
        "with_parent",
        _BUILDER,
        template="{receiver}.where(with_parent({0}, {1}))",
        parameters=("instance", "property"),
        imports=("sqlalchemy.orm.with_parent",),
        note="the function needs the relationship as its second argument",
        trap="Q24",
    ),
    QueryMember(
        "with_polymorphic",
        _BUILDER,
        lines=_ONLY_14,
        note="select(with_polymorphic(Entity, ...)), used by all that follows",
        source=_PAGE_14 + "with_polymorphic",
    ),
    QueryMember(
        "with_session",
        _BUILDER,
        template="{receiver}",
        on_dml=True,
        note="the statement is executed by this session",
    ),
    QueryMember("with_statement_hint", _BUILDER, "with_statement_hint"),
    QueryMember(
        "with_transformation",
        _BUILDER,
        template="{0}({receiver})",
        parameters=("fn",),
        note="the function has to take and give a Select",
    ),
    QueryMember(
        "yield_per",
        _BUILDER,
        template="{receiver}.execution_options(yield_per={0})",
        parameters=("count",),
        note="iterated by STREAM, and never uniqued; execute() raises AsyncMethodRequired",
        trap="Q18",
    ),
)

# Methods that execute.
_TERMINALS = (
    QueryMember(
        "all",
        _TERMINAL,
        entity=(_EXECUTE, "{awaited}{unique}.scalars().all()"),
        rows=(_EXECUTE, "{awaited}{unique}.all()"),
        returns="entities",
        rows_returns="rows",
        trap="Q01",
    ),
    QueryMember(
        "count",
        _TERMINAL,
        entity=(
            "{session}.execute(select(func.count()).select_from({receiver}.subquery()))",
            "{awaited}.scalar_one()",
        ),
        rows=(
            "{session}.execute(select(func.count()).select_from({receiver}.subquery()))",
            "{awaited}.scalar_one()",
        ),
        returns="int",
        imports=("sqlalchemy.select", "sqlalchemy.func"),
        trap="Q08",
    ),
    QueryMember(
        "delete",
        _TERMINAL,
        entity=(_EXECUTE, "{awaited}.rowcount"),
        returns="int",
        starts="delete",
        arguments=(
            Argument("synchronize_session", 0, _SYNCHRONIZE),
            Argument("delete_args", 1, default="None"),
        ),
        note="no cascade of the ORM runs, as with Query; a join, limit or order_by raises there",
        trap="Q12",
    ),
    QueryMember(
        "first",
        _TERMINAL,
        entity=("{session}.execute({receiver}.limit(1))", "{awaited}{unique}.scalars().first()"),
        rows=("{session}.execute({receiver}.limit(1))", "{awaited}{unique}.first()"),
        returns="entity",
        rows_returns="Row",
        note="behind from_statement() there is no limit(1): see FIRST_OF_STATEMENT",
        trap="Q04",
    ),
    QueryMember(
        "get",
        _TERMINAL,
        entity=("{session}.get({entity}, {0})", "{awaited}"),
        returns="entity",
        parameters=("ident",),
        note="options() becomes options=[...], populate_existing() and with_for_update() keywords; "
        "behind any criteria Query raises",
        trap="Q21",
    ),
    QueryMember(
        "instances",
        _TERMINAL,
        equal=False,
        returns="entities",
        note="of a result that a statement made: select(Entity).from_statement(statement)",
    ),
    QueryMember(
        "merge_result",
        _TERMINAL,
        equal=False,
        returns="entities",
        note="inside run_sync",
    ),
    QueryMember(
        "one",
        _TERMINAL,
        entity=(_EXECUTE, "{awaited}{unique}.scalars().one()"),
        rows=(_EXECUTE, "{awaited}{unique}.one()"),
        returns="entity",
        rows_returns="Row",
        trap="Q06",
    ),
    QueryMember(
        "one_or_none",
        _TERMINAL,
        entity=(_EXECUTE, "{awaited}{unique}.scalars().one_or_none()"),
        rows=(_EXECUTE, "{awaited}{unique}.one_or_none()"),
        returns="entity",
        rows_returns="Row",
        trap="Q06",
    ),
    QueryMember(
        "scalar",
        _TERMINAL,
        entity=(_EXECUTE, "{awaited}{unique}.scalar_one_or_none()"),
        rows=(_EXECUTE, "{awaited}{unique}.scalar_one_or_none()"),
        returns="entity",
        rows_returns="value",
        note="several rows raise; of several columns it gives the first",
        trap="Q07",
    ),
    QueryMember(
        "update",
        _TERMINAL,
        entity=(_EXECUTE, "{awaited}.rowcount"),
        returns="int",
        starts="update",
        arguments=(
            Argument("values", 0, "{receiver}.values({argument})"),
            Argument("synchronize_session", 1, _SYNCHRONIZE),
            Argument("update_args", 2, default="None"),
        ),
        note="SQL expressions as values expire the attribute of loaded objects",
        trap="Q10",
    ),
    QueryMember(
        "value",
        _TERMINAL,
        entity=("{session}.execute({receiver}.with_only_columns({0}))", "{awaited}.scalar()"),
        rows=("{session}.execute({receiver}.with_only_columns({0}))", "{awaited}.scalar()"),
        returns="value",
        parameters=("column",),
        note="deprecated",
    ),
    QueryMember(
        "values",
        _TERMINAL,
        entity=("{session}.execute({receiver}.with_only_columns({args}))", "{awaited}"),
        rows=("{session}.execute({receiver}.with_only_columns({args}))", "{awaited}"),
        returns="rows",
        note="deprecated",
    ),
    QueryMember(
        "__iter__",
        _TERMINAL,
        entity=(_EXECUTE, "{awaited}{unique}.scalars()"),
        rows=(_EXECUTE, "{awaited}{unique}"),
        returns="entities",
        rows_returns="rows",
        note="the rows are all loaded before the first is given, as with Query",
        trap="Q26",
        source="https://docs.sqlalchemy.org/en/20/orm/queryguide/query.html",
    ),
    QueryMember(
        "__getitem__",
        _TERMINAL,
        entity=(
            "{session}.execute({receiver}.slice({0}, {0} + 1))",
            "{awaited}{unique}.scalars().all()[0]",
        ),
        rows=("{session}.execute({receiver}.slice({0}, {0} + 1))", "{awaited}{unique}.all()[0]"),
        returns="entity",
        rows_returns="Row",
        note="a negative index raises in 2.x and loads everything in 1.4; slices: see SLICE",
        trap="Q14",
        source="https://docs.sqlalchemy.org/en/20/orm/queryguide/query.html",
    ),
)

# Methods that give a construct, without I/O.
_STATEMENTS = (
    QueryMember(
        "as_scalar",
        _STATEMENT,
        "scalar_subquery",
        note="deprecated",
    ),
    QueryMember(
        "cte",
        _STATEMENT,
        "cte",
    ),
    QueryMember(
        "exists",
        _STATEMENT,
        "exists",
        note="not executable by itself: select(statement.exists())",
        trap="Q15",
    ),
    QueryMember("label", _STATEMENT, "label"),
    QueryMember("scalar_subquery", _STATEMENT, "scalar_subquery"),
    QueryMember("selectable", _STATEMENT, template="{receiver}", returns="Select", attribute=True),
    QueryMember("statement", _STATEMENT, template="{receiver}", returns="Select", attribute=True),
    QueryMember(
        "subquery",
        _STATEMENT,
        "subquery",
        arguments=(
            Argument(
                "with_labels",
                1,
                _LABELLED,
                literal="True",
                default="False",
                imports=(_LABEL_STYLE,),
            ),
            Argument(
                "reduce_columns",
                2,
                "{receiver}.reduce_columns()",
                literal="True",
                default="False",
            ),
        ),
        trap="Q23",
    ),
)

# What a Query says of itself.
_OTHERS = (
    QueryMember(
        "__bool__",
        _OTHER,
        template="{receiver} is not None",
        note="a Query is always true, the truth value of a statement raises TypeError",
        source="https://docs.sqlalchemy.org/en/20/orm/queryguide/query.html",
    ),
    QueryMember("column_descriptions", _OTHER, "column_descriptions", attribute=True),
    QueryMember("get_execution_options", _OTHER, "get_execution_options"),
    QueryMember(
        "get_label_style",
        _OTHER,
        template="{receiver}.get_label_style()",
        attribute=True,
        equal=False,
        note="another default",
    ),
    QueryMember(
        "is_single_entity",
        _OTHER,
        template="len({receiver}.column_descriptions) == 1",
        attribute=True,
        note="for a query of one column it is false; the shape is known where this is used",
    ),
    QueryMember("lazy_loaded_from", _OTHER, template="None", attribute=True),
    QueryMember("session", _OTHER, template="{session}", returns="Session", attribute=True),
    QueryMember("whereclause", _OTHER, "whereclause", attribute=True),
    QueryMember("is_delete", _OTHER, "is_delete", attribute=True),
    QueryMember("is_dml", _OTHER, "is_dml", attribute=True),
    QueryMember("is_insert", _OTHER, "is_insert", attribute=True),
    QueryMember(
        "is_select", _OTHER, "is_select", attribute=True, equal=False, note="false on a Query"
    ),
    QueryMember("is_text", _OTHER, "is_text", attribute=True),
    QueryMember("is_update", _OTHER, "is_update", attribute=True),
    QueryMember("supports_execution", _OTHER, "supports_execution", attribute=True),
    QueryMember(
        "dispatch",
        _OTHER,
        attribute=True,
        equal=False,
        note="events of Query: do_orm_execute of the sync Session instead",
    ),
    QueryMember("allows_lambda", _OTHER, attribute=True, equal=False, note=_INTERNAL),
    QueryMember("bind", _OTHER, attribute=True, equal=False, lines=_ONLY_14, note="bound metadata"),
    QueryMember("execute", _OTHER, equal=False, lines=_ONLY_14, note="bound metadata"),
    QueryMember("get_children", _OTHER, equal=False, lines=_FROM_20, note=_INTERNAL),
    QueryMember(
        "is_from_statement",
        _OTHER,
        "is_from_statement",
        attribute=True,
        lines=_FROM_20,
        note=_INTERNAL,
    ),
    QueryMember("load_options", _OTHER, attribute=True, equal=False, note=_INTERNAL),
    QueryMember("logger", _OTHER, attribute=True, equal=False, note=_INTERNAL),
    QueryMember(
        "logging_name", _OTHER, attribute=True, equal=False, lines=_FROM_20, note=_INTERNAL
    ),
    QueryMember("memoized_attribute", _OTHER, attribute=True, equal=False, note=_INTERNAL),
    QueryMember("memoized_instancemethod", _OTHER, equal=False, note=_INTERNAL),
    QueryMember("uses_inspection", _OTHER, attribute=True, equal=False, note=_INTERNAL),
)

QUERY = QueryTable(_BUILDERS + _TERMINALS + _STATEMENTS + _OTHERS, _PAGE)

# What a bulk statement is given that shall leave the objects of the session as they are.
UNSYNCHRONIZED: tuple[str, bool] = ("synchronize_session", False)
UPDATE = "update"  # what such a statement begins with
# What has a statement load the objects of the session anew.
ANEW = "{receiver}.execution_options(populate_existing=True)"
# Terminals that give an iterator, which executes the Query only when it is asked for a row.
LAZY = frozenset({"values"})
