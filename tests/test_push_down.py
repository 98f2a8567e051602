"""Pages that the database cuts: generated data, row by row the same as in Python, and by statements
that load no table."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import random
import shutil
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import create_engine, event, make_url, text

from asyncify.outcome import Outcome
from tests.differential.test_servers import started
from tests.engine import described, migrate, write

__all__ = ["started"]  # the fixture
PAGES = Path(__file__).resolve().parent.parent / "fixtures" / "pages"
MODULES = ("database", "repository", "near", "far", "left")
RUNS = 5  # of each function on each data
TEXTS = ["", "a", "A", "b", "ab", "aB", "b a", "%", "_", "a_b", "100%", "\\", "none", "z"]
UNICODE = ["ä", "Ä", "ß", "é", "日本", "e\u0301", "İ", "ﬀ", "\U0001f600", "Ω", "ω"]
NUMBERS = [-3, 0, 1, 2, 3, 5, 10]
BOUNDS = [-100, -3, -1, 0, 1, 2, 3, 7, 20, 1000]
GIVEN: dict[str, list[Any]] = {
    "start": [*BOUNDS, None], "stop": BOUNDS, "skip": BOUNDS, "page": [-1, 0, 1, 2, 3, 50],
    "limit": [-2, 0, 1, 2, 5, 100], "number": [-1, 0, 1, 2, 50], "size": NUMBERS,
    "price": [*NUMBERS, None], "low": NUMBERS, "high": NUMBERS, "team": [1, 2, 99],
    "done": [True, False, None], "descending": [True, False], "order": ["asc", "DESC", "desc"],
    "order_by": ["title", "team", "price", "size", "other"],
    "sizes": [[], [1], [1, 2, 3], [99]], "prices": [[], [1], [0, 2, 5]],
}  # fmt: skip
# Collations that compare code points, as Python does.
SERVERS = {
    "postgresql": (
        "postgresql+psycopg2",
        "TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'",
    ),
    "mariadb": ("mysql+pymysql", "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"),
}
# Their own order leaves ties, which a server may give in any order.
UNORDERED = ("first_ten", "page_and_count", "by_title")
FOLDING = "folds case"
MISSING = "is NULL, Python raised"


@dataclass
class Side:
    """The program before or after, and the statements of its last call."""

    modules: dict[str, ModuleType]
    statements: list[str] = field(default_factory=list)


@contextmanager
def imported(folder: Path) -> Iterator[dict[str, ModuleType]]:
    """The modules of a program, which another has under the same names."""
    sys.path.insert(0, str(folder))
    try:
        yield {name: importlib.import_module(name) for name in MODULES}
    finally:
        sys.path.remove(str(folder))
        for name in (*MODULES, "asyncify_support"):
            sys.modules.pop(name, None)


def side(folder: Path) -> Side:
    with imported(folder) as modules:
        found = Side(modules)
    engine = modules["database"].engine
    event.listen(
        getattr(engine, "sync_engine", engine), "before_cursor_execute",
        lambda *given: found.statements.append(given[2]),
    )  # fmt: skip
    return found


@dataclass
class Both:
    """The program before and after, and what was found."""

    before: Side
    after: Side
    outcome: Outcome
    corners: dict[str, str]

    def fill(self, texts: list[str], seed: int, things: int) -> None:
        """Other data: many ties, and NULL wherever that may stand."""
        d = self.before.modules["database"]
        r = random.Random(seed)
        d.Base.metadata.drop_all(d.engine)
        d.Base.metadata.create_all(d.engine)
        with d.SessionLocal() as session:
            session.add_all(d.Team(name=r.choice(texts)) for _ in range(3))
            session.add_all(
                d.Owner(name=r.choice(texts), nick=r.choice([*texts, None])) for _ in range(4)
            )
            session.flush()
            session.add_all(self.thing(d, r, texts) for _ in range(things))
            session.flush()
            session.add_all(
                d.Part(name=r.choice(texts), thing_id=r.randint(1, things))
                for _ in range(things * 2)
            )
            session.commit()

    def thing(self, d: ModuleType, r: random.Random, texts: list[str]) -> Any:
        return d.Thing(
            title=r.choice(texts), note=r.choice([*texts, None]), size=r.choice(NUMBERS),
            price=r.choice([*NUMBERS, None]), done=r.random() < 0.5,
            day=r.choice([None, date(2020, 1, 1), date(2021, 5, 5)]),
            checked=r.choice([None, True, False]), team_id=r.randint(1, 3),
            owner_id=r.choice([None, 1, 2, 3, 4]),
        )  # fmt: skip


def migrated(folder: Path, named: str = "sqlite") -> tuple[Path, Path, Outcome]:
    """The program before and after, as one that names a database."""
    for name in ("before", "after"):
        shutil.copytree(PAGES, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        database = folder / name / "database.py"
        database.write_text(database.read_text().replace("sqlite:///", f"{named}:///"))
    outcome = migrate(folder / "after")
    write(folder / "after", outcome)
    return folder / "before", folder / "after", outcome


def loaded(before: Path, after: Path, outcome: Outcome, url: str) -> Both:
    """Both versions on one database."""
    os.environ["DATABASE_URL"] = url
    corners = {
        x.reason.split("`")[1].rpartition(".")[2]: x.reason
        for x in outcome.findings if x.code == "ASY802"
    }  # fmt: skip
    try:
        return Both(side(before), side(after), outcome, corners)
    finally:
        del os.environ["DATABASE_URL"]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = tmp_path_factory.mktemp("pages")
    return loaded(*migrated(folder), f"sqlite:///{folder / 'things.db'}")


def functions(module: ModuleType) -> dict[str, Callable[..., Any]]:
    return {
        name: function for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__
        and not name.startswith("_")
    }  # fmt: skip


def arguments(function: Callable[..., Any], r: random.Random, texts: list[str]) -> dict[str, Any]:
    """What a function is called with; the session comes from the side."""
    given = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name == "db":
            continue
        pool = GIVEN.get(name, texts)
        if name == "start" and "None" not in str(parameter.annotation):
            pool = BOUNDS
        given[name] = r.choice(pool)
        if name in ("search", "note") and r.random() < 0.2:
            given[name] = None
    return given


def seen(value: Any) -> Any:
    """What a result holds, by keys."""
    if isinstance(value, (list, tuple)):
        return [seen(each) for each in value]
    if isinstance(value, dict):
        return {key: seen(each) for key, each in value.items()}
    return (type(value).__name__, value.id) if hasattr(value, "__table__") else value


def before(side: Side, function: Callable[..., Any], given: dict[str, Any]) -> Any:
    """What Python gives, or None where it raises because of a NULL."""
    with side.modules["database"].SessionLocal() as session:
        more = {"db": session} if "db" in inspect.signature(function).parameters else {}
        try:
            return seen(function(**more, **given))
        except (AttributeError, TypeError) as error:
            assert "NoneType" in str(error), error
            return None


async def after(side: Side, function: Callable[..., Any], given: dict[str, Any]) -> Any:
    async with side.modules["database"].SessionLocal() as session:
        more = {"db": session} if "db" in inspect.signature(function).parameters else {}
        side.statements.clear()
        return seen(await function(**more, **given))


def cuts_nothing_else(statements: list[str]) -> None:
    """At most one count and one page, and no table as a whole."""
    counts = [text for text in statements if text.startswith("SELECT count(")]
    pages = [text for text in statements if text not in counts]
    assert len(counts) <= 1, counts
    assert len(pages) <= 1, pages
    assert all(" LIMIT " in text.replace("\n", " ") for text in pages), pages


async def compare(
    both: Both, texts: list[str], seed: int, runs: int = RUNS, left: Collection[str] = ()
) -> int:
    """Every function with many arguments; how many results were compared."""
    done = 0
    for name in ("near", "far"):
        old, new = functions(both.before.modules[name]), functions(both.after.modules[name])
        assert old.keys() == new.keys()
        for function in old:
            r = random.Random(f"{function} {seed}")
            corner = both.corners.get(function.replace("service_page", "page"), "")
            if (FOLDING in corner and texts is not TEXTS) or function in left:
                continue
            for _ in range(runs if old[function].__code__.co_argcount > 1 else 1):
                given = arguments(old[function], r, texts)
                wanted = before(both.before, old[function], given)
                found = await after(both.after, new[function], given)
                cuts_nothing_else(both.after.statements)
                if wanted is None:
                    assert MISSING in corner, function
                    continue
                assert found == wanted, (function, given)
                done += 1
    await both.after.modules["database"].engine.dispose()
    return done


def test_row_by_row(both: Both) -> None:
    both.fill(TEXTS, 1, 0)
    done = asyncio.run(compare(both, TEXTS, 1))
    both.fill(TEXTS, 2, 40)
    done += asyncio.run(compare(both, TEXTS, 2))
    both.fill(UNICODE + TEXTS, 3, 40)
    done += asyncio.run(compare(both, UNICODE + TEXTS, 3))
    assert done > 400


@pytest.mark.parametrize("name", SERVERS)
def test_row_by_row_on_servers(name: str, started: dict[str, str], tmp_path: Path) -> None:
    if name not in started:
        pytest.skip(f"{name} isn't installed")
    server, driver, options = make_url(started[name]), *SERVERS[name]
    database = f"pages_{os.getpid()}"
    admin = create_engine(server.set(drivername=driver), isolation_level="AUTOCOMMIT")
    url = server.set(drivername=driver, database=database)
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {database} {options}"))
        try:
            both = loaded(*migrated(tmp_path, driver), url.render_as_string(hide_password=False))
            both.fill(UNICODE + TEXTS, 4, 30)
            done = asyncio.run(compare(both, UNICODE + TEXTS, 4, 2, UNORDERED))
            both.before.modules["database"].engine.dispose()
        finally:
            connection.execute(text(f"DROP DATABASE {database}"))
    admin.dispose()
    assert done > 60


def test_what_stays_says_why(both: Both) -> None:
    left = [line for line in described(both.outcome) if " ASY801 " in line]
    open_ = [
        (x.site.path, x.advice) for x in both.outcome.findings if x.code == "ASY801" and not x.fixed
    ]
    assert {path for path, _ in open_} == {"left.py"}, left
