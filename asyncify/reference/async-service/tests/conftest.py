"""Every test has a database that the migrations made: a file, or that of TEST_DATABASE_URL."""

import importlib
import os
import sys

import pytest
from alembic import command
from alembic.config import Config
from httpx import ASGITransport, AsyncClient

OWN = ("api", "controllers", "lib", "main", "models", "repositories", "services")


@pytest.fixture
async def client(tmp_path, monkeypatch):
    url = os.environ.get("TEST_DATABASE_URL", f"sqlite:///{tmp_path}/jobs.db")
    monkeypatch.setenv("DATABASE_URL", url)
    for name in list(sys.modules):
        if name.partition(".")[0] in OWN:
            del sys.modules[name]
    command.upgrade(Config("alembic.ini"), "head")
    app = importlib.import_module("main").app
    async with app.router.lifespan_context(app), AsyncClient(
        transport=ASGITransport(app=app),
        base_url="http://testserver",
        follow_redirects=True,
        headers={"Authorization": "Bearer secret"},
    ) as client:
        yield client
    command.downgrade(Config("alembic.ini"), "base")
