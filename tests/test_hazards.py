"""The hazards of async loading: each is found statically, and its fix is executed. Those of
SQLAlchemy 1.4 alone (H12, H20) are not among them, nor is that of one engine on two event loops
(H16), which only servers have: ``fixtures/differential/programs/two_loops``.

The programs under ``fixtures/hazards`` are migrated together, once. Each is run before and after;
and again without the fix, which has to fail, or else there would be no hazard. What is a mistake of
async code that only a person can mend is mended as the table says, and found no more.
"""

from __future__ import annotations

import asyncio
import inspect
import shutil
import sys
import types
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, configure_mappers

from asyncify.outcome import Outcome
from tests.engine import migrate, write

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "hazards"
UNSET: Any = object()


@dataclass(frozen=True)
class Hazard:
    """One hazard. ``fix`` stands in the migrated file, and ``bare`` is what would stand there
    without it (None: it would do as well here). ``code``: the finding; ``mended``: who mends it by
    hand replaces ``bare`` by ``fix``. ``result`` is told where the program before can't be run.
    ``expires``: the sessions are made with expire_on_commit.
    ``apart``: the program changes the models."""

    number: str
    case: str
    fix: str
    bare: str | None = None
    code: str = ""
    mended: bool = False
    result: Any = UNSET
    expires: bool = False
    apart: bool = False


BOOKS = ".options(selectinload(User.books))"
BOOKS_TAGS = ".options(selectinload(User.books), selectinload(User.tags))"
TRICKS = ".options(selectin_polymorphic(Animal, [Dog]))"
OWNER = ".options(selectinload(Book.user))"
HAZARDS = (
    Hazard("H01", "relationship", BOOKS, ""),
    Hazard("H01", "class_given_to_super", ".options(selectinload(self.model.user))", ""),
    Hazard("H01", "deferred", ".options(undefer(User.bio))", ""),
    Hazard("H01", "nested_deeper", BOOKS_TAGS, ""),
    Hazard("H01", "called_elsewhere", BOOKS_TAGS, ""),
    Hazard("H01", "indexed_object", "await user.awaitable_attrs.books", "user.books", "ASY702"),
    Hazard(
        "H01", "kept_by_key", "await second.awaitable_attrs.books", "second.books", "ASY702"
    ),
    Hazard(
        "H01", "held_in_turns", "await second.awaitable_attrs.books", "second.books", "ASY702"
    ),
    Hazard("H01", "load_only", "await user.awaitable_attrs.name", "user.name", "ASY702"),
    Hazard("H01", "polymorphic", TRICKS, ""),
    Hazard("H01", "overridden", TRICKS, ""),
    Hazard(
        "H01", "overridden_elsewhere",
        "if isinstance(found_item, Dog):\n            await found_item.awaitable_attrs.trick",
        "pass", "ASY702",
    ),
    Hazard("H01", "overridden_property", f"{TRICKS[:-1]}, selectinload(Dog.toys))", TRICKS),
    Hazard(
        "H01", "subclass_below",
        ".options(selectin_polymorphic(Animal, [Dog]), selectinload(Dog.toys))", "",
    ),
    Hazard("H01", "parent_gone", "(User.books).selectinload(Book.user)", "(User.books)"),
    Hazard("H01", "new_of_some_class", "await user.awaitable_attrs.books", "user.books", "ASY702"),
    Hazard("H01", "subclass_held", f"{TRICKS[:-1]}, selectinload(Dog.toys))", TRICKS),
    Hazard("H01", "subclass_queried", "db.run_sync(lambda _: result.toys())", None, "ASY702"),
    Hazard("H01", "options_of_a_function", "await book.user.awaitable_attrs.books", None, "ASY702"),
    Hazard("H01", "column_property", "await user.awaitable_attrs.upper", "user.upper", "ASY702"),
    Hazard("H01", "hybrid", BOOKS, ""),
    Hazard("H01", "association_proxy", ".options(selectinload(User.tags))", ""),
    Hazard("H01", "hasattr", OWNER, ""),
    Hazard("H01", "getattr", OWNER, ""),
    Hazard(
        "H01", "named_by_a_table", ".options(selectinload(User.books), selectinload(User.tags))", ""
    ),
    Hazard("H01", "repr", OWNER, ""),
    Hazard("H01", "text_by_map", OWNER, ""),
    Hazard(
        "H01", "in_a_dict", "await db.run_sync(lambda _: str(found))", "str(found)", "ASY702"
    ),
    Hazard(
        "H01", "asked_before", "user_ = await found.awaitable_attrs.user", "user_ = found.user",
        "ASY702",
    ),
    Hazard("H01", "sort_key", OWNER, ""),
    Hazard("H01", "backref_of_a_mixin", ".options(selectinload(Stall.purses))", ""),
    Hazard(
        "H01", "computed_backref",
        ".options(selectinload(Stall.carts_here), selectinload(Stall.vans_here))", "",
    ),
    Hazard("H01", "keys_both_ways", ".selectinload(Player.user)", ""),
    Hazard("H01", "method_of_a_subclass", TRICKS, ""),
    Hazard("H01", "handed_on_by_name", f"{BOOKS[:-1]}, selectinload(User.tags))", ""),
    Hazard("H01", "kept_by_an_object", BOOKS_TAGS, ""),
    Hazard(
        "H01", "property_of_a_dataclass", "db.run_sync(lambda _: result.label)", None, "ASY702"
    ),
    Hazard("H01", "deferred_elsewhere", ".options(undefer(User.bio))", ""),
    Hazard("H01", "load_only_elsewhere", "await user_.awaitable_attrs.name", "pass", "ASY702"),
    Hazard("H01", "sort_by_function", ".options(selectinload(Book.user).undefer(User.bio))", ""),
    Hazard("H01", "pattern", OWNER, ""),
    Hazard(
        "H01", "deferred_of_a_new_object", "await user.awaitable_attrs.bio", "user.bio", "ASY702"
    ),
    Hazard(
        "H01", "listed_columns", "await db.run_sync(lambda _: getattr(user, column.name))",
        "getattr(user, column.name)", "ASY702",
    ),
    Hazard(
        "H02", "caught_by_class", "(MissingGreenlet, StatementError)", "MissingGreenlet:",
        "ASY703", mended=True, result="not loaded",
    ),
    Hazard("H03", "commit", "expire_on_commit=False", "expire_on_commit=True"),
    Hazard("H03", "rows_by_key", 'db.expire(user, ["books"])', "pass", "ASY702"),
    Hazard("H03", "member", 'db.expire(user, ["mood"])', "pass", "ASY702"),
    Hazard("H03", "member_set_elsewhere", 'db.expire(user, ["mood"])', "pass", "ASY702"),
    Hazard("H03", "number", 'db.expire(coin, ["count"])', "pass", "ASY702"),
    Hazard("H03", "set_by_names", 'db.expire(changed, ["count"])', "pass", "ASY702"),
    Hazard("H03", "decimal", 'db.expire(coin, ["price"])', "pass", "ASY702"),
    Hazard("H03", "digits", 'db.expire(ticket, ["fee"])', "pass", "ASY702"),
    Hazard("H03", "zone", 'db.expire(ticket, ["bought"])', "pass", "ASY702"),
    Hazard("H03", "committed_elsewhere", 'db.expire(ticket, ["bought"])', "pass", "ASY702"),
    Hazard("H03", "picked", "await second.awaitable_attrs.name", "second.name", "ASY702"),
    Hazard("H03", "key_set_by_name", 'db.expire(book, ["user"])', "pass", "ASY702"),
    Hazard("H03", "decorated", 'db.expire(ticket, ["mail"])', "pass", "ASY702"),
    Hazard("H03", "finally", 'db.expire(user, ["books"])', "pass", "ASY702"),
    Hazard("H03", "read_first", 'await db.refresh(coin, ["count"])', "pass"),
    Hazard("H03", "kept", "await user.awaitable_attrs.id", "pass", "ASY702"),
    Hazard(
        "H03", "queried_again", 'db.expire(book, ["user"])', "pass"
    ),
    Hazard("H03", "read_elsewhere", 'await db.refresh(coin, ["price"])', "pass", "ASY702"),
    Hazard("H03", "savepoint", "await purse.awaitable_attrs.size", "purse.size", "ASY702"),
    Hazard("H03", "rows_between", 'db.expire(user, ["tags"])', "pass", "ASY702"),
    Hazard("H03", "order", 'db.expire(dog, ["toys"])', "pass", "ASY702"),
    Hazard("H03", "given_by_a_call", 'db.expire(result, ["toys"])', "pass", "ASY702"),
    Hazard("H03", "in_turns", 'db.expire(dog, ["toys"])', "pass", "ASY702"),
    Hazard("H03", "below_one_another", 'db.expire(animal, ["toys"])', "pass", "ASY702"),
    Hazard("H03", "loaded_again", 'self.db.expire(user, ["books"])', "pass"),
    Hazard("H03", "held_by_an_object", 'self.db.expire(dog, ["toys"])', "pass", "ASY702"),
    Hazard("H03", "queried_by_an_object", 'db.expire(user, ["books"])', "pass", "ASY702"),
    Hazard("H03", "raising", 'db.expire(dog, ["kept"])', "pass"),
    Hazard("H03", "expunged", "db.expunge_all()", None),
    Hazard("H03", "closed", "await db.close()", None),
    Hazard("H03", "commits", 'db.expire(book, ["user"])', "pass", "ASY702"),
    Hazard("H03", "rollback", "await user.awaitable_attrs.name", "user.name", "ASY702"),
    Hazard(
        "H04", "collection_of_a_new_object", "await user.awaitable_attrs.books", "user.books",
        "ASY702",
    ),
    Hazard(
        "H04", "filled_by_a_function", "(await user.awaitable_attrs.tags).append(",
        "user.tags.append(", "ASY702",
    ),
    Hazard(
        "H04", "stored_with_another", "await user.awaitable_attrs.tags", "user.tags", "ASY702"
    ),
    Hazard(
        "H04", "committed_by_a_decorator", "await user.awaitable_attrs.books", "user.books",
        "ASY702",
    ),
    Hazard("H04", "picked", "await last.awaitable_attrs.books", "last.books", "ASY702"),
    Hazard("H04", "populate_existing", "await db.refresh(user)", "pass"),
    Hazard("H05", "onupdate", "await user.awaitable_attrs.changed", "user.changed", "ASY702"),
    Hazard("H05", "of_a_caller", "await user.awaitable_attrs.changed", "pass", "ASY702"),
    Hazard("H05", "column_property", "await user.awaitable_attrs.upper", "user.upper", "ASY702"),
    Hazard("H05", "count_of_rows", 'db.expire(purse, ["coin_count"])', "pass", "ASY702"),
    Hazard("H05", "by_name", "await user.awaitable_attrs.changed", "user.changed", "ASY702"),
    Hazard("H05", "expression", "await user.awaitable_attrs.name", "user.name", "ASY702"),
    Hazard("H06", "append", BOOKS, ""),
    Hazard("H06", "replace", BOOKS, ""),
    Hazard("H06", "membership", BOOKS, ""),
    Hazard("H06", "one_of_two", "(await bob.awaitable_attrs.books)", "bob.books", "ASY702"),
    Hazard("H07", "delete", "await db.delete(note)", "db.delete(note)", "ASY403", result=1),
    Hazard(
        "H08", "begin", "await db.begin_nested()", "db.begin_nested()", "ASY404", mended=True,
        result=True,
    ),
    Hazard(
        "H09", "execution_options", "await connection.execution_options(",
        "connection.execution_options(", "ASY401", result=True,
    ),
    Hazard(
        "H10", "expire_on_commit", "db.sync_session.expire_on_commit", "db.expire_on_commit",
        expires=True,
    ),
    Hazard("H11", "bulk_update", "await db.run_sync(", None),
    Hazard("H11", "queried_update", ".awaitable_attrs.size", ".size", "ASY702"),
    Hazard("H11", "text", 'db.expire(purse, ["size"])', "pass", "ASY702"),
    Hazard("H11", "table", "await purse.awaitable_attrs.size", "purse.size", "ASY702"),
    Hazard("H11", "listener", 'db.expire(ticket, ["uses"])', "pass", "ASY702"),
    Hazard("H11", "unsynchronized", 'db.expire(purse, ["size"])', "pass", "ASY702"),
    Hazard(
        "H13", "listener", "\ndef hear", "\nasync def hear", "ASY412", True, ["new"], apart=True,
    ),
    Hazard(
        "H14", "gather", "for _ in range(2):\n        await add(db, \"new\")",
        "await asyncio.gather(*[add(db, \"new\") for _ in range(2)])", "ASY408", True, True,
    ),
    Hazard("H15", "close", "await db.close()", "db.close()", "ASY401", result=False),
    Hazard("H17", "dynamic_all", ".statement)).scalars().all()", None),
    Hazard("H17", "dynamic_count", "user.notes.statement.subquery()", None),
    Hazard("H17", "dynamic_filter", ".statement.limit(1))).scalars().first()", None),
    Hazard(
        "H17", "dynamic_iterated", "(await db.execute(user.notes.statement)).scalars()",
        "user.notes",
    ),
    Hazard(
        "H17", "dynamic_of_a_function",
        "(await db.execute((await notes_of(db, 1)).statement)).scalars()", None,
    ),
    Hazard("H17", "dynamic_inside", "lambda _: result.scalars().one().written()", None, "ASY702"),
    Hazard("H17", "dynamic_item", "await db.run_sync(lambda _: user.notes[0])", None, "ASY702"),
    Hazard("H18", "scoped_session", "await registry.remove()", "registry.remove()"),
    Hazard("H19", "poolclass", "poolclass=AsyncAdaptedQueuePool", "poolclass=QueuePool"),
    Hazard("H21", "schema", BOOKS, ""),
    Hazard("H21", "get", BOOKS, ""),
    Hazard("H21", "subclass", f"{TRICKS[:-1]}, selectinload(Dog.toys))", TRICKS),
    Hazard("H21", "new", "await user.awaitable_attrs.tags", "pass", "ASY702"),
    Hazard(
        "H22", "not_awaited", "(await user.awaitable_attrs.books)", "user.awaitable_attrs.books",
        "ASY401", True, 2,
    ),
    Hazard("H23", "asyncpg", '{"ssl": "disable"}', None),
    Hazard("H24", "aiomysql", '{"password": "secret"}', None),
)  # fmt: skip
# What loads nothing stays as it is.
SAFE = (
    "h01_columns_by_name", "h01_refused", "h05_eager_defaults", "h05_server_default",
    "h17_dynamic_append",
)  # fmt: skip


@dataclass(frozen=True)
class Migration:
    before: Path
    after: Path
    outcome: Outcome

    def codes(self, name: str) -> set[str]:
        return {f.code for f in self.outcome.findings if f.site.path == f"{name}.py"}


@pytest.fixture(scope="module")
def migration(tmp_path_factory: pytest.TempPathFactory) -> Migration:
    """All programs, before and after."""
    after = tmp_path_factory.mktemp("hazards") / "program"
    shutil.copytree(FOLDER, after)
    (after / "pyproject.toml").write_text('[project]\nname = "program"\n', encoding="utf-8")
    outcome = migrate(after)
    write(after, outcome)
    return Migration(FOLDER, after, outcome)


def load(folder: Path, name: str, text: str = "") -> types.ModuleType:
    """A file's module, made anew, or made of another text."""
    made = types.ModuleType(name)
    text = text or (folder / f"{name}.py").read_text(encoding="utf-8")
    sys.modules[name] = made  # mappings look for it there
    try:
        exec(compile(text, f"{name}.py", "exec", dont_inherit=True), made.__dict__)
    finally:
        del sys.modules[name]
    return made


@cache
def models_of(folder: Path) -> types.ModuleType:
    """The models of all programs of a folder: mapping them takes longer than a run."""
    made = load(folder, "models")
    sys.modules["models"] = made
    configure_mappers()
    del sys.modules["models"]
    return made


def fill(db: Session, models: types.ModuleType) -> None:
    models.Base.metadata.create_all(db.connection())
    tags = [models.Tag("a"), models.Tag("b")]
    ann = models.User(
        name="ann", bio="b", tags=tags,
        books=[models.Book(title="one"), models.Book(title="two")],
    )  # fmt: skip
    db.add_all([ann, models.User(name="bob", books=[models.Book(title="three")])])
    db.flush()
    db.add_all([models.Note(text="a", user_id=1), models.Note(text="b", user_id=1)])
    db.add(models.Purse(id=1, size=3, stall=models.Stall(id=1)))
    db.add(models.Zoo(id=1))
    db.add(models.Player(id=1, user_id=1))
    db.add(models.Dog(id=1, zoo_id=1, name="rex", trick="roll", toys=[models.Toy(name="ball")]))
    db.add(models.Animal(id=2, name="tom"))
    db.commit()
    db.expunge_all()


def run(folder: Path, name: str, text: str = "", expires: bool = False) -> Any:
    """What a program gives, on a database of its own."""
    models = models_of(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "models", models)
        program = load(folder, name, text).program
    if inspect.iscoroutinefunction(program):
        return asyncio.run(run_async(program, models, expires))
    with Session(create_engine("sqlite://")) as db:
        fill(db, models)
        return program(db)


async def run_async(program: Any, models: types.ModuleType, expires: bool) -> Any:
    engine = create_async_engine("sqlite+aiosqlite://")
    try:
        async with AsyncSession(engine, expire_on_commit=expires) as db:
            await db.run_sync(fill, models)
            return await program(db)
    finally:
        await engine.dispose()


def fails(folder: Path, name: str, text: str, hazard: Hazard, result: Any) -> bool:
    """Does a program raise, give something else, or lose a coroutine?"""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = run(folder, name, text, hazard.expires)
        except Exception:
            return True
    lost = any("never awaited" in str(warning.message) for warning in caught)
    return lost or found != result


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("hazard", HAZARDS, ids=lambda each: f"{each.number}-{each.case}")
def test_hazard(hazard: Hazard, migration: Migration) -> None:
    if hazard.apart:
        models_of.cache_clear()
    try:
        check(hazard, migration)
    finally:
        if hazard.apart:
            models_of.cache_clear()


def check(hazard: Hazard, migration: Migration) -> None:
    name = f"{hazard.number.lower()}_{hazard.case}"
    text = (migration.after / f"{name}.py").read_text(encoding="utf-8")
    if hazard.code:
        assert hazard.code in migration.codes(name)
    if hazard.mended:
        assert hazard.bare is not None
        text = text.replace(hazard.bare, hazard.fix + ":" * hazard.bare.endswith(":"))
    assert hazard.fix in text
    result = hazard.result
    if result is UNSET:
        result = run(migration.before, name)
    assert run(migration.after, name, text, hazard.expires) == result
    if hazard.bare is not None:
        bare = text.replace(hazard.fix, hazard.bare)
        assert fails(migration.after, name, bare, hazard, result), "the fix isn't needed"


@pytest.mark.parametrize(
    "name", ["h03_commits_kept", "h03_loaded_again_kept", "h03_left_by_a_loop"]
)
def test_what_a_commit_leaves(name: str, migration: Migration) -> None:
    assert "expire" not in (migration.after / f"{name}.py").read_text(encoding="utf-8")
    assert run(migration.after, name) == run(migration.before, name)


@pytest.mark.parametrize("name", SAFE)
def test_what_is_none(name: str, migration: Migration) -> None:
    assert "ASY701" not in migration.codes(name)
    assert "awaitable_attrs" not in (migration.after / f"{name}.py").read_text(encoding="utf-8")
    assert run(migration.after, name) == run(migration.before, name)
