"""Records one program after the other, each in a child of a process that has imported SQLAlchemy.

A line of JSON on standard input asks for one: the arguments of ``record``, and a file for what the
program prints. The answer is a line with the child's exit status.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path

from tests.differential import record

SECONDS = 60
# What a program would import first.
DRIVERS = ("aiosqlite", "asyncpg", "psycopg", "psycopg2", "aiomysql", "pymysql")
MODULES = ("sqlalchemy.orm", "sqlalchemy.ext.asyncio", "sqlalchemy.dialects.postgresql")


def child(arguments: list[str], log: Path) -> None:
    """Be the recorder of one program."""
    files = os.open(log, os.O_WRONLY | os.O_CREAT), os.open(os.devnull, os.O_RDONLY)
    for number, file in ((1, files[0]), (2, files[0]), (0, files[1])):
        os.dup2(file, number)
    try:
        record.main(arguments)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


def wait(process: int) -> int:
    """The exit status of a child; one that hangs is killed."""
    deadline = time.monotonic() + SECONDS
    while True:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(process, signal.SIGKILL)
        time.sleep(0.005)


def main() -> None:
    """Answer until standard input ends."""
    for name in (*MODULES, *DRIVERS):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for line in sys.stdin:
        *arguments, log = json.loads(line)
        process = os.fork()
        if not process:
            child(arguments, Path(log))
        print(wait(process), flush=True)


if __name__ == "__main__":
    main()
