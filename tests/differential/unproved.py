"""Rows of the vocabulary that no scenario runs, each with the reason."""

from __future__ import annotations

from asyncify.vocabulary.rows import LINES, Member

ASYNC_ONLY = "only the async object has it"
INTERNAL = "internal"
SQLMODEL = "of SQLModel, whose programs run elsewhere"
NO_PROCEDURES = "SQLite has no stored procedures"
OF_POSTGRESQL = "PostgreSQL's, whose program runs beside the others on that server"
NOT_A_MANAGER = "sqlite3's cursor is no context manager"

# The row -> why no scenario runs it, on no line.
REASONS: dict[str, str] = {
    "Session.exec": SQLMODEL,
    "scoped_session.exec": SQLMODEL,
    "RawCursor.callproc": NO_PROCEDURES,
    "RawCursor.__enter__": NOT_A_MANAGER,
    "Inspector.get_domains": OF_POSTGRESQL,
    "Inspector.get_enums": OF_POSTGRESQL,
    "Inspector.get_foreign_table_names": OF_POSTGRESQL,
    "Inspector.get_table_oid": OF_POSTGRESQL,
    "Inspector.has_type": OF_POSTGRESQL,
}


def reason(kind: str, row: Member, line: str) -> str:
    """Why no scenario has to run a row on a line, or ''."""
    if line not in LINES or not row.sync_lines:
        return ASYNC_ONLY
    if row.note == INTERNAL:
        return INTERNAL
    return REASONS.get(f"{kind}.{row.name}", "")
