"""The helper that runs a coroutine while a module is imported, inside a loop and outside."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from asyncify.planning import support

pytest.importorskip("aiosqlite")


@pytest.fixture(scope="module")
def run_at_import() -> Callable[..., Any]:
    names: dict[str, Any] = {}
    imports = "\n".join(
        f"from {module} import {name}" if name else f"import {module}"
        for module, name in support._IMPORTS["run_at_import"]
    )
    helpers = support._RUN_AT_IMPORT + support._ALONE
    exec(f"from __future__ import annotations\n{imports}\n{helpers}", names)
    found: Callable[..., Any] = names["run_at_import"]
    return found


async def count(engine: AsyncEngine) -> int:
    async with engine.begin() as connection:
        await connection.execute(text("create table if not exists item (id integer)"))
        await connection.execute(text("insert into item values (1)"))
        return int((await connection.execute(text("select count(*) from item"))).scalar_one())


async def fail() -> None:
    raise LookupError("no table")


def test_the_engine_can_be_used_afterwards(run_at_import: Any, tmp_path: Path) -> None:
    async def main() -> list[int]:
        found = [run_at_import(count(engine)), await count(engine), run_at_import(count(engine))]
        await engine.dispose()
        return found

    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'one.db'}")
    assert run_at_import(count(engine)) == 1
    assert asyncio.run(main()) == [2, 3, 4]


def test_what_is_being_imported_is_imported_again(
    run_at_import: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As containers of dependencies do, which look through the modules of a package."""

    async def create() -> str:
        return importlib.import_module("made_while_imported").NAME

    async def main() -> str:
        found = importlib.import_module("made_while_imported").found
        await asyncio.sleep(0)
        return f"{found}, {asyncio.current_task() is not None}"

    source = (
        "from builtins import run_while_imported\nNAME = 'seen'\nfound = run_while_imported()\n"
    )
    (tmp_path / "made_while_imported.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(
        "builtins.run_while_imported", lambda: run_at_import(create()), raising=False
    )
    for run in (asyncio.run, lambda work: asyncio.new_event_loop().run_until_complete(work)):
        monkeypatch.delitem(sys.modules, "made_while_imported", raising=False)
        assert run(main()) == "seen, True"


def test_errors_come_out(run_at_import: Any) -> None:
    with pytest.raises(LookupError, match="no table"):
        run_at_import(fail())
