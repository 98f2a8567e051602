"""Relationships that async code reads: what is reported raises when it is run, and nothing else."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import programs

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "programs"
RAISED = {
    "MissingGreenlet", "StatementError", "DetachedInstanceError",
    "ValidationError", "ResponseValidationError",  # what Pydantic and FastAPI make of these
}  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::ResourceWarning")


@pytest.fixture
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[types.ModuleType]:
    """The module `app` of a case, with its models beside it and a database of its own."""
    case = programs.parse((FOLDER / f"{request.param}.md").read_text(encoding="utf-8"))
    programs.write(case, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        for name in ("models", "app"):
            spec = importlib.util.spec_from_file_location(name, tmp_path / f"{name}.py")
            assert spec is not None and spec.loader is not None
            made = importlib.util.module_from_spec(spec)
            patch.setitem(sys.modules, name, made)
            spec.loader.exec_module(made)
        yield made


@pytest.mark.parametrize("program", ["async_unloaded"], indirect=True)
def test_what_is_reported_raises(program: types.ModuleType) -> None:
    found = asyncio.run(outcomes(program))
    assert len(found) > 12
    assert set(found.values()) <= RAISED


@pytest.mark.parametrize("program", ["nothing_unloaded"], indirect=True)
def test_what_is_not_does_not(program: types.ModuleType) -> None:
    found = asyncio.run(outcomes(program))
    assert len(found) > 24
    assert set(found.values()) == {""}


async def outcomes(program: types.ModuleType) -> dict[str, str]:
    """The name of what each function raises that takes a session alone, and each route."""
    models = sys.modules["models"]
    async with models.engine.begin() as connection:
        await connection.run_sync(models.Base.metadata.create_all)
    async with models.SessionLocal() as db:
        book = models.Book(title="t", pages=[models.Page(text="p")])
        db.add(models.User(name="x", books=[book], notes=[models.Note()]))
        await db.commit()
    found = {}
    for name, function in vars(program).items():
        given = getattr(function, "__module__", "") == program.__name__
        if given and inspect.iscoroutinefunction(function) and takes_session(function):
            async with models.SessionLocal() as db:
                found[name] = await raised(function(db))
    transport = httpx.ASGITransport(program.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for route in program.app.routes:
            if route.path.startswith(("/users", "/me")):
                found[route.path] = await raised(client.get(route.path.replace("{number}", "1")))
    await models.engine.dispose()
    return found


def takes_session(function: Any) -> bool:
    """Is a session all that a function takes?"""
    annotations = [p.annotation for p in inspect.signature(function).parameters.values()]
    return [getattr(each, "__name__", "") for each in annotations] == ["AsyncSession"]


async def raised(call: Any) -> str:
    try:
        await call
    except Exception as error:
        return type(error).__name__
    return ""
