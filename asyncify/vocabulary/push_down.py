"""Push-down: which Python on rows has an equal form in SQL, and what a statement may hold already.

https://docs.sqlalchemy.org/en/20/core/operators.html and
https://docs.sqlalchemy.org/en/20/core/type_basics.html
"""

from __future__ import annotations

# Methods of a statement or a Query behind which it still gives the rows of one entity, each once.
KEEPING = frozenset({"filter", "filter_by", "where", "options", "order_by"})
FILTERING = frozenset({"filter", "where"})
JOINING = frozenset({"join", "outerjoin"})
ORDERING = "order_by"

# What columns hold, by the last name of their type or annotation.
KINDS = {
    "int": "number", "float": "number", "Decimal": "number", "Integer": "number",
    "BigInteger": "number", "SmallInteger": "number", "Float": "number", "Numeric": "number",
    "Double": "number", "INTEGER": "number", "BIGINT": "number",
    "str": "text", "String": "text", "Text": "text", "Unicode": "text", "UnicodeText": "text",
    "VARCHAR": "text", "TEXT": "text",
    "bool": "flag", "Boolean": "flag",
    "date": "date", "Date": "date", "datetime": "datetime", "DateTime": "datetime",
    "time": "time", "Time": "time",
}  # fmt: skip
ORDERED = frozenset({"number", "text", "flag", "date", "datetime", "time"})

# Decorators that a function beside another can have as well.
BINDING = frozenset({"staticmethod", "classmethod"})

# Operators of Python's ``ast``: in SQL as written, and where the condition is negated.
COMPARISONS = {
    "Eq": ("==", "!="), "NotEq": ("!=", "=="), "Lt": ("<", ">="), "LtE": ("<=", ">"),
    "Gt": (">", "<="), "GtE": (">=", "<"),
}  # fmt: skip
MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

# Methods of text that a database has as functions; they differ beyond ASCII.
FOLDING = {"lower": "lower", "upper": "upper"}
MATCHING = frozenset({"startswith", "endswith"})

# What doesn't depend on how often it is evaluated, and can be asked before the rows are there.
PURE_FUNCTIONS = frozenset({
    "abs", "bool", "date", "datetime", "float", "frozenset", "int", "len", "list", "max", "min",
    "round", "set", "str", "timedelta", "tuple", "ceil", "Decimal",
})  # fmt: skip
PURE_METHODS = frozenset({
    "casefold", "ceil", "count", "endswith", "get", "isdigit", "lower", "lstrip", "removeprefix",
    "removesuffix", "replace", "rstrip", "split", "startswith", "strip", "title", "upper",
})  # fmt: skip

# Annotations of what can be given to ``IN``.
SEVERAL = frozenset({
    "list", "List", "tuple", "Tuple", "set", "Set", "frozenset", "Sequence", "Collection",
    "Iterable",
})  # fmt: skip

# Where a framework's parameter says which numbers it lets through.
LOWEST = {"ge": 0, "gt": 1}

# Dialects in whose URLs a program's texts are looked for; whether LIKE minds case there.
DIALECTS = {"sqlite": False, "mysql": False, "mariadb": False, "postgresql": True}
# Where text that differs in case or accents may be equal, by the collation of its column.
FOLDED = frozenset({"mysql", "mariadb"})
