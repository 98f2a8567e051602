"""Serves the job service of the working directory: ``python -m asyncify.reference.serve PORT MS``.

The migrations make the database, a few jobs are put into it, and every statement waits so many
milliseconds in the thread that executes it.
"""

from __future__ import annotations

import importlib
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

_JOBS = 6


def _fill(path: str) -> None:
    """Jobs of a few companies, written past the service."""
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO tenants (id, name) VALUES (1, 'default')")
        for number in range(1, _JOBS + 1):
            connection.execute(
                "INSERT INTO organizations (id, name, tenant_id) VALUES (?, ?, 1)",
                (number, f"Company {number}"),
            )
            connection.execute(
                "INSERT INTO deals (id, name, tenant_id) VALUES (?, ?, 1)",
                (number, f"Deal {number}"),
            )
            connection.execute(
                "INSERT INTO leads (id, source, created_at, deal_id, current_status_id)"
                " VALUES (?, 'manual', ?, ?, 1)",
                (number, f"2026-01-{number:02} 08:00:00.000000", number),
            )
            connection.execute(
                "INSERT INTO jobs (id, job_title, lead_id, organization_id) VALUES (?, ?, ?, ?)",
                (number, f"Title {number}", number, number),
            )
    connection.close()


def _wait_at_statements(engine: Any, milliseconds: float) -> None:
    """SQLite tells of every statement in the thread that executes it: an event loop's own in the
    sync service, that of the connection in the async one."""
    from sqlalchemy import event

    def wait(statement: str) -> None:
        time.sleep(milliseconds / 1000)

    def connected(connection: Any, record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.set_trace_callback(wait)
        else:
            connection.run_async(lambda raw: raw.set_trace_callback(wait))

    event.listen(getattr(engine, "sync_engine", engine), "connect", connected)


def main(port: int, milliseconds: float) -> None:
    """Serve until the process is ended."""
    import uvicorn
    from alembic import command
    from alembic.config import Config

    sys.path.insert(0, str(Path.cwd()))
    command.upgrade(Config("alembic.ini"), "head")
    _fill("jobs.db")
    _wait_at_statements(importlib.import_module("lib.db").engine, milliseconds)
    app = importlib.import_module("main").app
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
