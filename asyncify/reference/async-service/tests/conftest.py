"""Every test has a database of its own, made by the migrations."""

import importlib
import sys

import pytest
from alembic import command
from alembic.config import Config
from httpx import ASGITransport, AsyncClient

OWN = ("api", "controllers", "lib", "main", "models", "repositories", "services")


@pytest.fixture
async def client(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/jobs.db")
    for name in list(sys.modules):
        if name.partition(".")[0] in OWN:
            del sys.modules[name]
    command.upgrade(Config("alembic.ini"), "head")
    app = importlib.import_module("main").app
    async with app.router.lifespan_context(app), AsyncClient(transport=ASGITransport(app=app), base_url="http://testserver", follow_redirects=True, headers={"Authorization": "Bearer secret"}) as client:
        yield client
