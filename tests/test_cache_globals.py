"""Caches that modules keep: gone, so that a second call sees what others changed; or all left."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests import programs
from tests.engine import migrate, write

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "programs"
# Asks, lets another connection change what is there, and asks again.
ASK = """
import asyncio, inspect, json, sqlite3
import jobs

def change(number):
    with sqlite3.connect("app.db") as connection:
        connection.execute("UPDATE jobs SET title = ? WHERE id = 1", (f"changed {number}",))
    connection.close()

def finished(value):
    async def waiting():
        return await value
    return asyncio.run(waiting()) if inspect.isawaitable(value) else value

seen = []
for number, ask in enumerate((
    lambda: [job.title for job in finished(jobs.all_jobs())],
    lambda: finished(jobs.job(1)).title,
    lambda: finished(jobs.job_or_error(1)).title,
    lambda: finished(jobs.by_title("changed 3")) is None,
)):
    first = ask()
    change(number)
    seen.append([first, ask()])
print(json.dumps(seen))
"""


def asked(folder: Path) -> list[list[object]]:
    """What the program's functions gave, before and after the change of each."""
    with sqlite3.connect(folder / "app.db") as connection:
        connection.execute("DROP TABLE IF EXISTS jobs")
        connection.execute("CREATE TABLE jobs (id INTEGER PRIMARY KEY, title TEXT)")
        connection.execute("INSERT INTO jobs VALUES (1, 'new')")
    connection.close()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ASK], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    seen: list[list[object]] = json.loads(done.stdout)
    return seen


def test_a_second_call_sees_what_another_connection_changed(tmp_path: Path) -> None:
    programs.write(programs.load(FIXTURES / "cache_globals.md"), tmp_path)
    before = asked(tmp_path)
    assert all(first == second for first, second in before), "the program has caches"
    write(tmp_path, migrate(tmp_path))
    assert asked(tmp_path) == [
        [["new"], ["changed 0"]],
        ["changed 0", "changed 1"],
        ["changed 1", "changed 2"],
        [True, False],
    ]


# Asks each function twice, and lets another connection change the rows between.
ASK_SHAPES = """
import asyncio, inspect, sqlite3, sys
import items

def finished(value):
    async def waiting():
        return await value
    return asyncio.run(waiting()) if inspect.isawaitable(value) else value

fresh = []
for name in sys.argv[1:]:
    function = getattr(items, name)
    given = (1 + (name == "either"),) if inspect.signature(function).parameters else ()
    first = finished(function(*given))
    with sqlite3.connect("app.db") as connection:
        connection.execute("UPDATE items SET name = name || '!'")
    connection.close()
    if finished(function(*given)) != first:
        fresh.append(name)
print(*fresh)
"""
NO_CACHES = ("counted", "filled")


@pytest.mark.parametrize(
    ("case", "names"),
    [
        ("cache_shapes", ("entry", "tried", "passed", "other", "either", "known", "recent", "names",
                          "everything", *NO_CACHES)),
        ("caches_behind_functions", ("name", "described", "first", "held")),
    ],
)  # fmt: skip
def test_however_a_cache_is_asked(case: str, names: tuple[str, ...], tmp_path: Path) -> None:
    programs.write(programs.load(FIXTURES / f"{case}.md"), tmp_path)
    with sqlite3.connect(tmp_path / "app.db") as connection:
        connection.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)")
        connection.execute("INSERT INTO items VALUES (1, 'new'), (2, 'newer')")
    connection.close()
    command = [sys.executable, "-W", "error", "-c", ASK_SHAPES, *names]
    before = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert not before.stdout.split(), "all are kept"
    write(tmp_path, migrate(tmp_path))
    after = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert after.stdout.split() == [name for name in names if name not in NO_CACHES]


PROGRAM = """\
from sqlalchemy import create_engine, text
from sqlalchemy.orm import sessionmaker

SessionLocal = sessionmaker(bind=create_engine("sqlite:///app.db"))
_cache = {{}}


def title(number):
    if number in _cache:
        return _cache[number]
    with SessionLocal() as db:
        found = db.scalar(text("SELECT title FROM jobs"))
    _cache[number] = found
    return found


{}
"""
OTHER_USES = {
    "looked through": "def known():\n    return sorted(_cache)",
    "counted": "def size():\n    return len(_cache)",
    "given away": "def dump(write):\n    write(_cache)",
    "returned": "def whole():\n    return _cache",
    "taken out": "def forget(number):\n    return _cache.pop(number)",
    "taken out or not": "def forget(number):\n    del _cache[number]",
    "in a lambda": "size = lambda: len(_cache)",
    "in a class": "class Titles:\n    found = _cache",
    "another name": "titles = _cache",
    "at import": "_cache[0] = 'none'",
    "exported": "__all__ = ['title', '_cache']",
    "counted up": "def count(number):\n    _cache[number] += 1",
    "assigned twice": "_cache = {}",
    "by its name": "def get(name):\n    return globals()['_cache']",
    "in a loop": "def each():\n    for number in _cache:\n        title(number)",
    "cleared by a route": "@route\ndef clear():\n    _cache.clear()",
    "cleared at exit": "def clear():\n    _cache.clear()\n\n\natexit.register(clear)",
    "cleared by something": "def clear():\n    _cache.clear()\n\n\ndef later():\n    return clear",
    "stored and looked up": "def keep(one, two):\n    _cache[one] = 1\n    return _cache[two]",
    "looked up, and not loaded": (
        "def known(number):\n    if number in _cache:\n        return _cache[number]\n"
        "    return '?'"
    ),
    "tried, and not loaded": (
        "def known(number):\n    try:\n        return _cache[number]\n"
        "    except KeyError:\n        raise LookupError(number) from None"
    ),
    "in a chain": (
        "def known(number, wanted):\n    if not wanted:\n        log()\n"
        "    elif number in _cache:\n        return _cache[number]\n    return title(number)"
    ),
    "put there": "def put(number, found):\n    _cache[number] = found",
    "put there as a whole": "def put(found):\n    global _cache\n    _cache = found",
    "a default": "def titles(found=_cache):\n    return found",
    "cleared by a default": "def clear():\n    _cache.clear()\n\n\ndef f(g=clear):\n    g()",
    "found or else": "def found(number):\n    return _cache.get(number) or title(number)",
    "found and used": (
        "def shout(number):\n    found = _cache.get(number)\n    print(found)\n    return found"
    ),
    "named, and used": (
        "def known(number):\n    if (found := _cache.get(number)) is not None:\n"
        "        return found\n    return found or title(number)"
    ),
    "something else is found": (
        "def known(number):\n    if number in _cache:\n        return 1\n    return title(number)"
    ),
    "asked with effects": (
        "def ask(number):\n    if number in _cache and log(number):\n"
        "        return _cache[number]\n    return title(number)"
    ),
    "loaded only if": (
        "def maybe(number, wanted):\n    if number not in _cache and wanted:\n"
        "        _cache[number] = title(number)\n    return _cache[number]"
    ),
    "patched": "def test(monkeypatch):\n    monkeypatch.setattr('app._cache', {})",
}


@pytest.mark.parametrize("use", OTHER_USES.values(), ids=OTHER_USES)
def test_any_other_use_keeps_all_of_it(use: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "program"\n', encoding="utf-8")
    (tmp_path / "app.py").write_text(PROGRAM.format(use), encoding="utf-8")
    outcome = migrate(tmp_path)
    after = {change.path: change.after.decode() for change in outcome.changes}["app.py"]
    assert "    if number in _cache:\n        return _cache[number]\n    async with" in after
    assert "    _cache[number] = found\n" in after
    assert use.count("_cache") == after.count("_cache") - PROGRAM.count("_cache")


def test_without_other_uses_it_goes(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "program"\n', encoding="utf-8")
    (tmp_path / "app.py").write_text(PROGRAM.format(""), encoding="utf-8")
    (change,) = migrate(tmp_path).changes
    assert b"_cache" not in change.after


# A cache that is asked and filled through functions.
BEHIND = """\
from sqlalchemy import create_engine, text
from sqlalchemy.orm import sessionmaker

SessionLocal = sessionmaker(bind=create_engine("sqlite:///app.db"))
_cache = {{}}


def get_cache(key):
    return _cache.get(key)


def set_cache(key, value):
    _cache[key] = value


def invalidate(prefix):
    for key in [k for k in _cache if k.startswith(prefix)]:
        del _cache[key]


def title(number):
    found = get_cache(f"title:{{number}}")
    if found is not None:
        return found
    with SessionLocal() as db:
        found = db.scalar(text("SELECT title FROM jobs"))
    set_cache(f"title:{{number}}", found)
    return found


def rename(number):
    with SessionLocal() as db:
        db.execute(text("UPDATE jobs SET title = 'x'"))
        db.commit()
    invalidate("title:")


{}
"""
OTHER_USES_BEHIND = {
    "something else is kept": "def seen(ip):\n    set_cache(ip, 1)",
    "kept by what turns": (
        "def seen(ip):\n    with SessionLocal() as db:\n        db.commit()\n    set_cache(ip, 1)"
    ),
    "asked for something else": "def seen(ip):\n    return bool(get_cache(ip))",
    "given back": "def user(token):\n    found = get_cache(token)\n    return found and found[0]",
    "nobody asks": "def user(token):\n    return get_cache(token)",
    "a route asks": "@route\ndef user(token):\n    return get_cache(token)",
    "given away": "run(get_cache)",
    "by another name": "lookup = get_cache",
    "patched": "def test(monkeypatch):\n    monkeypatch.setattr('app.get_cache', None)",
    "patched inside": "def test(monkeypatch):\n    monkeypatch.setattr(a, 'set_cache', None)",
    "with effects": "def keep(key):\n    set_cache(key, count())",
    "a method": "class Store:\n    def get(self, key):\n        return get_cache(key)",
}


@pytest.mark.parametrize("use", OTHER_USES_BEHIND.values(), ids=OTHER_USES_BEHIND)
def test_any_other_use_keeps_the_functions_too(use: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "program"\n', encoding="utf-8")
    (tmp_path / "app.py").write_text(BEHIND.format(use), encoding="utf-8")
    outcome = migrate(tmp_path)
    after = {change.path: change.after.decode() for change in outcome.changes}["app.py"]
    assert after.count("_cache") == BEHIND.count("_cache") + use.count("_cache")
    assert "ASY209" in {x.code for x in outcome.findings}


def test_without_other_uses_the_functions_go(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "program"\n', encoding="utf-8")
    (tmp_path / "app.py").write_text(BEHIND.format(""), encoding="utf-8")
    (change,) = migrate(tmp_path).changes
    assert b"_cache" not in change.after
    assert b"invalidate" not in change.after


@pytest.mark.parametrize("setting", ["report", "off"])
def test_left_by_the_configuration(setting: str, tmp_path: Path) -> None:
    config = f'[tool.asyncify]\ncaches = "{setting}"\n'
    (tmp_path / "pyproject.toml").write_text(config, encoding="utf-8")
    (tmp_path / "app.py").write_text(PROGRAM.format(""), encoding="utf-8")
    outcome = migrate(tmp_path)
    assert b"return _cache[number]" in outcome.changes[0].after
    reported = [x for x in outcome.findings if x.code == "ASY209"]
    assert len(reported) == (setting == "report")


def test_names_are_configured(tmp_path: Path) -> None:
    config = '[tool.asyncify]\ncache-names = ["*store"]\n'
    (tmp_path / "pyproject.toml").write_text(config, encoding="utf-8")
    (tmp_path / "app.py").write_text(
        PROGRAM.format("").replace("_cache", "Title_STORE"), encoding="utf-8"
    )
    assert b"STORE" not in migrate(tmp_path).changes[0].after
