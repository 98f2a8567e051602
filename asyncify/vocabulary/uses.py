"""What a session is used for that hardly anything else has: how one is told by its use alone.

https://docs.sqlalchemy.org/en/21/orm/session_api.html#sqlalchemy.orm.Session
"""

from __future__ import annotations

# Called with a mapped class, or a column of one: the number of arguments that it takes for that.
# A dict has `get` as well, but hardly a class for its key.
OF_ENTITIES: dict[str, int] = {"query": 1, "get": 2, "get_one": 2}
# Called with a statement.
OF_STATEMENTS: frozenset[str] = frozenset({"execute", "scalars", "scalar", "exec"})
EXECUTED: frozenset[str] = frozenset(
    {"Select", "CompoundSelect", "Insert", "Update", "Delete", "Text"}
)
# Together with one of the second set, one of the first tells a session. A connection of a driver
# commits too, but has nothing to add; a set adds, but has nothing to commit.
PAIRS: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
    (
        frozenset({"commit", "rollback", "begin", "begin_nested"}),
        frozenset({
            "query", "add", "add_all", "delete", "merge", "refresh", "expunge", "flush",
            "bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings",
        }),
    ),
    (
        frozenset({"flush", "refresh"}),
        frozenset({"query", "add", "add_all", "merge", "expunge"}),
    ),
)  # fmt: skip
# These take no arguments: what is given a message commits something else.
BARE: frozenset[str] = frozenset({"commit", "rollback", "begin_nested"})
