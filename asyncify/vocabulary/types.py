"""Types of columns, and the types of Python that a driver takes for them without conversion.

psycopg2 writes a value into the statement as a literal, which PostgreSQL converts; asyncpg encodes
it by the column's type, and refuses what isn't of the Python type for that.
https://docs.sqlalchemy.org/en/21/core/type_basics.html
https://magicstack.github.io/asyncpg/current/usage.html#type-conversion
"""

from __future__ import annotations

# The last part of a column type's name -> the Python type of its values.
COLUMN_TYPES: dict[str, str] = {
    **dict.fromkeys(
        ("Integer", "BigInteger", "SmallInteger", "INTEGER", "BIGINT", "SMALLINT"), "int"
    ),
    **dict.fromkeys(
        ("String", "Text", "Unicode", "UnicodeText", "VARCHAR", "TEXT", "CHAR", "AutoString"), "str"
    ),
    **dict.fromkeys(("Date", "DATE"), "date"),
    **dict.fromkeys(("DateTime", "TIMESTAMP", "DATETIME"), "datetime"),
}

# The dotted names of annotations that say such a type.
PYTHON_TYPES: dict[str, str] = {
    "int": "int",
    "str": "str",
    **dict.fromkeys(("list", "typing.List"), "list"),
    "datetime.date": "date",
    "datetime.datetime": "datetime",
    "pydantic.EmailStr": "str",
    "pydantic.PositiveInt": "int",
    "pydantic.NonNegativeInt": "int",
    **dict.fromkeys(("pydantic.HttpUrl", "pydantic.AnyUrl", "pydantic.AnyHttpUrl"), "url"),
}

# Pairs (column, value) that no driver takes for each other without a conversion.
REFUSED: frozenset[tuple[str, str]] = frozenset(
    {
        ("int", "str"), ("str", "int"), ("str", "url"), ("str", "list"),
        ("date", "str"), ("date", "int"),
        ("datetime", "str"), ("datetime", "int"),
    }
)  # fmt: skip

# Pairs of which Python makes what was sent before: text is all that a column can hold of a URL.
WRITTEN_OUT: dict[tuple[str, str], str] = {("str", "url"): "str({node})"}

# Column types that PostgreSQL converts text to, where a statement says so.
CONVERTED: frozenset[str] = frozenset({"int", "date", "datetime"})

# How a person converts a value: the column's type, or that and the value's -> what is written
# around it.
CONVERSIONS: dict[str, str] = {
    "int": "int(...)",
    "str": "str(...)",
    "str of list": "json.dumps(...)",
    "date": "date.fromisoformat(...)",
    "datetime": "datetime.fromisoformat(...)",
}

# Methods of schemas that give all fields as they are:
# https://docs.pydantic.dev/latest/concepts/serialization/
DUMPING = frozenset({"model_dump", "dict"})

# Operators that compare a column with a value.
COMPARING: frozenset[str] = frozenset({"Eq", "NotEq", "Lt", "LtE", "Gt", "GtE"})

# Names that a program has which speaks PostgreSQL; its URL begins with this.
POSTGRESQL = ("psycopg2", "psycopg", "asyncpg", "pg8000")
POSTGRESQL_URL = "postgres"

# Calls that make a time with a zone, and where among the arguments that is; the keywords for it.
MAKES_AWARE: dict[str, int] = {
    "datetime.datetime.now": 0, "datetime.datetime.fromtimestamp": 1, "datetime.datetime": 7,
}  # fmt: skip
# Those that make one without, always.
MAKES_NAIVE = {
    "datetime.datetime.utcnow", "datetime.datetime.utcfromtimestamp", "datetime.datetime.today",
}  # fmt: skip
ZONE_KEYWORDS = ("tz", "tzinfo")
# Methods of a time that may give it one: do they always?
ZONED_METHODS = {"astimezone": True, "replace": False}
# Column types that have none unless they are told, and what gives annotations other types.
NAIVE_TYPES = {"DateTime", "TIMESTAMP", "DATETIME"}
# What a column is given that is no type.
NO_TYPES = {
    "ForeignKey", "Sequence", "Identity", "Computed", "CheckConstraint", "FetchedValue",
    "DefaultClause",
}  # fmt: skip
TYPE_MAP = "type_annotation_map"
# The packages whose declarative bases have no such map.
DECLARATIVE = frozenset({"sqlalchemy", "sqlmodel", "flask_sqlalchemy"})
