"""How far a program is, and whether it should migrate at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from asyncify import engine
from asyncify.cli import app
from asyncify.report.status import as_text
from asyncify.status import Standing, Status
from tests.engine import request
from tests.test_phases import APP, MODELS, written


def status(folder: Path) -> Status:
    return engine.status(request(folder))


def by_name(rows: tuple[Standing, ...]) -> dict[str, Standing]:
    return {row.name: row for row in rows}


def test_before() -> None:
    found = status(APP / "before")
    assert found.against == ()
    layers = by_name(found.layers)
    assert layers["routes"].to_do == 16
    assert layers["dependencies"].to_do == 1
    assert layers["data access"].queries == 14
    packages = by_name(found.packages)
    assert packages["bookshelf.routers"].to_do == 15
    assert found.total.to_do == packages["bookshelf"].to_do + 15 == found.total.functions
    assert "0 of 42 functions that do database work are async, 42 would turn." in as_text(found)


def test_after() -> None:
    found = status(APP / "after")
    assert found.total.done == found.total.functions == 42
    assert found.total.queries == 0
    assert as_text(found).startswith("Done: all 42 functions")


SERVING = """\
from fastapi import FastAPI

app = FastAPI()
"""
ROUTES = "".join(f'\n\n@app.get("/{n}")\ndef route_{n}():\n    return {n}\n' for n in range(6))
READING = """\
from models import SessionLocal, User


def first():
    with SessionLocal() as db:
        return db.query(User).first()
"""
PAGES = """\
import asyncio


async def fetch():
    await asyncio.sleep(0)
"""
SENDING = """\
from flask import Flask
from reading import first

app = Flask(__name__)


@app.get("/")
def index():
    return first().id
"""
TASKS = """\
from celery import Celery
from models import SessionLocal, User

app = Celery()


@app.task
def count():
    with SessionLocal() as db:
        return db.query(User).count()
"""


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ({"main": SERVING + ROUTES}, "No function of the program reaches the database"),
        ({"main": SERVING + ROUTES, "reading": READING}, "Little I/O: 0 of 6 routes"),
        ({"reading": READING}, "Nothing in it runs in an event loop"),
        ({"tasks": TASKS}, "Nothing in it runs in an event loop"),
        ({"reading": READING, "pages": PAGES}, "What runs in an event loop there doesn't reach"),
        ({"reading": READING, "main": SENDING}, "Flask runs each async view"),
    ],
    ids=["no database", "little", "scripts", "tasks", "beside", "flask"],
)
def test_what_speaks_against_it(texts: dict[str, str], reason: str, tmp_path: Path) -> None:
    found = status(written(tmp_path, models=MODELS, **texts))
    (against,) = found.against
    assert reason in against
    assert as_text(found).startswith("This program should not migrate: ")


def test_the_command_line(tmp_path: Path) -> None:
    folder = written(tmp_path, models=MODELS, tasks=TASKS, main=SERVING, reading=READING)
    command = ["status", "--no-cache", "--output-format", "json", str(folder)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["should_migrate"] is True
    assert {row["name"]: row["islands"] for row in document["layers"]}["commands and tasks"] == 1
    assert document["total"]["to_do"] == 1
