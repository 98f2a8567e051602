"""The lines of SQLAlchemy that tests run programs on, and the Python that has each.

The SQLAlchemy beside the tests is one line. ``ASYNCIFY_PYTHON_1_4`` and ``ASYNCIFY_PYTHON_2_0``
name the interpreters of other lines, which have SQLAlchemy, aiosqlite and pytest; asyncify isn't
needed there. Without them their tests are skipped, and say so.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
import sqlalchemy

LINES = ("1.4", "2.0", "2.1")
INSTALLED = ".".join(sqlalchemy.__version__.split(".")[:2])


def variable(line: str) -> str:
    """The variable that names a line's interpreter."""
    return f"ASYNCIFY_PYTHON_{line.replace('.', '_')}"


def found(line: str) -> str:
    """The interpreter that has a line of SQLAlchemy, or ''."""
    return sys.executable if line == INSTALLED else os.environ.get(variable(line), "")


def python_of(line: str) -> str:
    """The interpreter that has a line of SQLAlchemy; without one the test is skipped."""
    python = found(line)
    if not python:
        pytest.skip(f"no Python with SQLAlchemy {line}: set {variable(line)}")
    return python


def frame(folder: Path, copy: Path, line: str) -> None:
    """A copy of the frame of a line's programs: its own files lie over those of all lines."""
    shutil.copytree(folder, copy)
    own = folder.with_name(f"{folder.name}_{line.replace('.', '_')}")
    if own.is_dir():
        shutil.copytree(own, copy, dirs_exist_ok=True)
