"""Manifests and pytest's settings follow the code: what is added, and what stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncify.findings import Finding
from asyncify.manifests import Needs, follow
from asyncify.manifests.wanted import holds_old_sqlalchemy
from asyncify.source.suite import suite_of
from tests.engine import migrate, write

ALL = Needs(tests=True, client=True)
SETTINGS = """asyncio_mode = "auto"
asyncio_default_fixture_loop_scope = "session"
asyncio_default_test_loop_scope = "session"
"""
BARE_SETTINGS = SETTINGS.replace('"', "")


def followed(
    root: Path, files: dict[str, str], needs: Needs = ALL
) -> tuple[dict[str, str], list[Finding]]:
    """What changes in a project with some files, and what is told; a second time nothing does."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.encode())
    changes, findings = follow(root, (root,), needs)
    for change in changes:
        (root / change.path).write_bytes(change.after)
    assert not follow(root, (root,), needs)[0]
    return {change.path: change.after.decode() for change in changes}, findings


def test_a_list_of_requirements_keeps_its_comments_and_order(tmp_path: Path) -> None:
    text = """[project]
dependencies = [
    "fastapi>=0.115",
    "SQLAlchemy >= 2.0",  # the ORM
    "psycopg2-binary==2.9.9; python_version > '3.8'",
    "uvicorn",
]

[project.optional-dependencies]
test = ["pytest>=8.3", "coverage"]

[dependency-groups]
lint = ["ruff"]
"""
    changes, findings = followed(tmp_path, {"pyproject.toml": text, "uv.lock": ""})
    expected = text.replace('"SQLAlchemy >=', '"SQLAlchemy[asyncio] >=')
    expected = expected.replace("'3.8'\",\n", '\'3.8\'",\n    "asyncpg>=0.29",\n')
    expected = expected.replace(
        '"pytest>=8.3", ', '"pytest>=8.3", "pytest-asyncio>=0.26", "httpx>=0.27", '
    )
    expected += "\n[tool.pytest.ini_options]\n" + SETTINGS
    assert changes["pyproject.toml"] == expected
    assert [finding.code for finding in findings] == ["ASY601"]


def test_tables_of_poetry(tmp_path: Path) -> None:
    text = """[tool.poetry.dependencies]
python = "^3.11"
sqlalchemy = {version = "^2.0", extras = ["mypy"]}  # the ORM
PyMySQL = "^1.1"

[tool.poetry.group.test.dependencies]
pytest = "^7.4"

[tool.pytest.ini_options]
testpaths = ["tests"]
"""
    changes, _ = followed(tmp_path, {"pyproject.toml": text}, Needs(tests=True, sqlite="tests"))
    assert (
        changes["pyproject.toml"]
        == """[tool.poetry.dependencies]
python = "^3.11"
sqlalchemy = {version = "^2.0", extras = ["mypy", "asyncio"]}  # the ORM
PyMySQL = "^1.1"
aiomysql = ">=0.2"

[tool.poetry.group.test.dependencies]
pytest = "^7.4"
pytest-asyncio = ">=0.20"
aiosqlite = ">=0.20"

[tool.pytest.ini_options]
testpaths = ["tests"]
"""
        + SETTINGS
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "sqlalchemy[postgresql-psycopg2binary]>=2\n",
            "sqlalchemy[postgresql-psycopg2binary,asyncio]>=2\nasyncpg>=0.29\n",
        ),
        ("sqlalchemy[pymysql]\n", "sqlalchemy[pymysql,asyncio]\naiomysql>=0.2\n"),
        (
            "psycopg2\nsqlalchemy[postgresql_asyncpg]\n",
            "psycopg2\nsqlalchemy[postgresql_asyncpg,asyncio]\n",
        ),
    ],
)
def test_drivers_among_the_extras(tmp_path: Path, text: str, expected: str) -> None:
    changes, _ = followed(tmp_path, {"requirements.txt": text}, Needs())
    assert changes["requirements.txt"] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "alembic>=1.13\nfastapi\n",
            "alembic>=1.13\nsqlalchemy[asyncio]\naiosqlite>=0.20\nfastapi\n",
        ),
        ("alembic\nsqlmodel\n", "alembic\nsqlmodel\nsqlalchemy[asyncio]\naiosqlite>=0.20\n"),
        ("alembic\nsqlalchemy>=2\n", "alembic\nsqlalchemy[asyncio]>=2\naiosqlite>=0.20\n"),
    ],
)
def test_what_brings_sqlalchemy_along(tmp_path: Path, text: str, expected: str) -> None:
    changes, _ = followed(tmp_path, {"requirements.txt": text}, Needs(sqlite="program"))
    assert changes["requirements.txt"] == expected


def test_extras_of_poetry(tmp_path: Path) -> None:
    text = """[tool.poetry.dependencies]
sqlalchemy = "^2.0"
psycopg2 = {version = "^2.9", optional = true}  # a server

[tool.poetry.extras]
postgres = ["psycopg2", "psutil"]
all = ["sqlalchemy", "psycopg2"]
"""
    changes, _ = followed(tmp_path, {"pyproject.toml": text}, Needs())
    expected = text.replace(
        'sqlalchemy = "^2.0"', 'sqlalchemy = {version = "^2.0", extras = ["asyncio"]}'
    )
    expected = expected.replace(
        "  # a server\n", '  # a server\nasyncpg = {version = ">=0.29", optional = true}\n'
    )
    expected = expected.replace('"psycopg2"', '"psycopg2", "asyncpg"')
    assert changes == {"pyproject.toml": expected}


def test_setup_cfg_on_one_line(tmp_path: Path) -> None:
    text = """[options]
packages = find:
install_requires = sqlalchemy>=2; psycopg2

[options.extras_require]
mysql = pymysql
"""
    changes, _ = followed(tmp_path, {"setup.cfg": text}, Needs())
    expected = text.replace(
        "sqlalchemy>=2; psycopg2", "sqlalchemy[asyncio]>=2; psycopg2; asyncpg>=0.29"
    )
    assert changes == {"setup.cfg": expected.replace("pymysql", "pymysql; aiomysql>=0.2")}


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("sqlalchemy==2.0.30\n", True),
        ("SQLAlchemy[asyncio] >=1.4,<2.0  # not yet\n", True),
        ('dependencies = ["sqlalchemy<=2.0.45", "pytest==8.0"]', True),
        ('sqlalchemy = "2.0.35"\n', True),
        ('sqlalchemy = {extras = ["mypy"], version = "^1.4"}\n', True),
        ("sqlalchemy~=1.4.50\n", True),
        ("sqlalchemy\n", False),
        ("sqlalchemy>=2.0.20,<2.1\n", False),
        ('sqlalchemy = "^2.0.35"\npytest = "7.4"\n', False),
        ("sqlalchemy==2.0.46\n", False),
        ('[[package]]\nname = "sqlalchemy"\nversion = "2.0.35"\n', True),
        ('"sqlalchemy": {"hashes": ["sha256:1"],\n"index": "x", "version": "==1.4.4"}', True),
        ('[[package]]\nname = "sqlalchemy"\nversion = "2.0.51"\n', False),
        ('[{ name = "sqlalchemy" }]\nname = "pytest"\nversion = "1.1.0"\n', False),
        ("sqlalchemy-utils==0.41\nsqlmodel==0.0.14\n", False),
    ],
)
def test_sqlalchemy_that_leaves_threads(text: str, held: bool) -> None:
    assert holds_old_sqlalchemy(text) is held


def test_aiosqlite_beside_a_held_sqlalchemy(tmp_path: Path) -> None:
    files = {"requirements.txt": "sqlalchemy==2.0.30\n"}
    changes, _ = followed(tmp_path, files, Needs(sqlite="program"))
    assert changes["requirements.txt"] == ("sqlalchemy[asyncio]==2.0.30\naiosqlite>=0.20,<0.22\n")


def test_requirements_files_with_includes(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "-r base/common.txt\nfastapi==0.68.0\npsycopg2==2.9.1",
        "base/common.txt": "sqlalchemy==2.0.30\r\n",
        "requirements/test.in": "-r ../requirements.txt\npytest  # runs them\n",
        "requirements/test.txt": "# autogenerated by pip-compile\npytest==8.3.0\n",
        "pytest.ini": "[pytest]\naddopts = -q\n\n[other]\nx = 1\n",
    }
    changes, findings = followed(tmp_path, files, Needs(tests=True))
    assert changes == {
        "requirements.txt": "-r base/common.txt\nfastapi==0.68.0\npsycopg2==2.9.1\nasyncpg>=0.29\n",
        "base/common.txt": "sqlalchemy[asyncio]==2.0.30\r\n",
        "requirements/test.in": (
            "-r ../requirements.txt\npytest  # runs them\npytest-asyncio>=0.26\n"
        ),
        "pytest.ini": f"[pytest]\naddopts = -q\n{BARE_SETTINGS}\n[other]\nx = 1\n",
    }
    assert [(x.code, x.site.path) for x in findings] == [("ASY601", "requirements/test.txt")]


def test_constraints_have_no_extras(tmp_path: Path) -> None:
    files = {
        "requirements/base.txt": "-c pins.txt\nsqlalchemy\n",
        "requirements/pins.txt": "sqlalchemy==2.0.30\npsycopg2==2.9.9\n",
    }
    changes, findings = followed(tmp_path, files, Needs(sqlite="program"))
    assert changes == {
        "requirements/base.txt": "-c pins.txt\nsqlalchemy[asyncio]\naiosqlite>=0.20,<0.22\n"
    }
    assert not findings


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_requirements_in_the_encoding_of_another_shell(tmp_path: Path, encoding: str) -> None:
    text = "SQLAlchemy==2.0.40\r\npsycopg2==2.9.9\r\n"
    (tmp_path / "requirements.txt").write_bytes(text.encode(encoding))
    (change,), _ = follow(tmp_path, (tmp_path,), Needs())
    assert change.before == text.encode(encoding)
    assert change.after.decode(encoding).split("\r\n")[:2] == [
        "SQLAlchemy[asyncio]==2.0.40",
        "psycopg2==2.9.9",
    ]


def test_dependencies_of_tox(tmp_path: Path) -> None:
    text = """[tox]
envlist = py311

[testenv]
# what the tests need
deps =
    -r requirements.txt
    pytest  # runs them
    py311: pytest-cov
commands = pytest {posargs}
setenv =
    PYTEST = pytest

[testenv:lint]
deps = ruff
"""
    files = {"tox.ini": text, "requirements.txt": "sqlalchemy\n", "pytest.ini": "[pytest]\n"}
    changes, _ = followed(tmp_path, files, Needs(tests=True))
    added = "    pytest  # runs them\n    pytest-asyncio>=0.26\n"
    assert changes["tox.ini"] == text.replace("    pytest  # runs them\n", added)


def test_setup_cfg_and_setup_py(tmp_path: Path) -> None:
    text = """[options]
packages = find:
install_requires =
    sqlalchemy>=1.4
    psycopg2

[options.extras_require]
test =
    pytest

[tool:pytest]
testpaths = tests
"""
    program = 'setup(install_requires=["sqlalchemy", "psycopg2"])\n'
    changes, findings = followed(
        tmp_path, {"setup.cfg": text, "setup.py": program}, Needs(tests=True)
    )
    expected = text.replace("sqlalchemy>", "sqlalchemy[asyncio]>")
    expected = expected.replace("    psycopg2\n", "    psycopg2\n    asyncpg>=0.29\n")
    expected = expected.replace("    pytest\n", "    pytest\n    pytest-asyncio>=0.26\n")
    assert changes == {"setup.cfg": expected + BARE_SETTINGS}
    assert [(x.code, x.advice) for x in findings] == [
        ("ASY602", "Add asyncpg, sqlalchemy[asyncio].")
    ]


def test_a_pipfile_and_the_driver_that_was_chosen(tmp_path: Path) -> None:
    text = '[packages]\nsqlalchemy = "*"\npsycopg2 = "*"\n\n[dev-packages]\npytest = "*"\n'
    needs = Needs(drivers=(("postgresql", "psycopg"),), sqlite="program")
    changes, _ = followed(tmp_path, {"Pipfile": text, "Pipfile.lock": "{}"}, needs)
    assert changes["Pipfile"] == (
        '[packages]\nsqlalchemy = {version = "*", extras = ["asyncio"]}\naiosqlite = ">=0.20"\n'
        'psycopg2 = "*"\npsycopg = ">=3.1"\n\n[dev-packages]\npytest = "*"\n'
    )


@pytest.mark.parametrize("mode", ['asyncio_mode = "strict"', "asyncio_mode='auto'"])
def test_settings_of_the_project_stay(tmp_path: Path, mode: str) -> None:
    text = f"[tool.pytest.ini_options]\n{mode}\n"
    changes, _ = followed(tmp_path, {"pyproject.toml": text}, Needs(tests=True))
    assert changes["pyproject.toml"].startswith(text)
    assert changes["pyproject.toml"].count("asyncio_mode") == 1


@pytest.mark.parametrize(
    ("name", "section"),
    [("pyproject.toml", "tool.pytest"), ("pytest.toml", "pytest"), (".pytest.toml", "pytest")],
)
def test_settings_in_toml_proper(tmp_path: Path, name: str, section: str) -> None:
    """pytest refuses a file with both kinds of tables."""
    text = f'[{section}]\npythonpath = ["."]\n'
    changes, _ = followed(tmp_path, {name: text}, Needs(tests=True))
    assert changes == {name: text + SETTINGS}


def test_warnings_that_are_errors(tmp_path: Path) -> None:
    """aiosqlite warns of connections that are collected, as `sqlite3` doesn't."""
    needs, ignored = Needs(tests=True, sqlite="tests"), "ignore:<aiosqlite.core.Connection:Res"
    files = {"pytest.ini": "[pytest]\nfilterwarnings =\n    error\n    ignore:x\naddopts = -q\n"}
    changes, _ = followed(tmp_path, files, needs)
    assert f"    error\n    ignore:x\n    {ignored}" in changes["pytest.ini"]
    text = '[tool.pytest.ini_options]\nfilterwarnings = [\n  "error",\n]\n'
    (tmp_path / "pytest.ini").unlink()
    changes, _ = followed(tmp_path, {"pyproject.toml": text}, needs)
    assert f'  "error",\n  "{ignored}' in changes["pyproject.toml"]
    changes, _ = followed(tmp_path, {"pyproject.toml": text.replace("error", "ignore")}, needs)
    assert ignored not in changes["pyproject.toml"]


@pytest.mark.parametrize(("version", "known"), [((0, 23), 1), ((0, 24), 2), ((1, 0), 3)])
def test_settings_that_a_version_knows(
    tmp_path: Path, version: tuple[int, int], known: int
) -> None:
    files = {"pytest.ini": "[pytest]\naddopts = -q\n"}
    changes, found = followed(tmp_path, files, Needs(tests=True, version=version))
    added = changes["pytest.ini"].removeprefix(files["pytest.ini"]).splitlines()
    assert added == BARE_SETTINGS.splitlines()[:known]
    assert any("loop of its own" in str(x) for x in found) is (known == 1)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("pytest.ini", "[pytest]\nasyncio_mode = strict\n", ("strict", False, None)),
        ("setup.cfg", "[tool:pytest]\naddopts = --asyncio-mode=strict\n", ("strict", False, None)),
        ("pyproject.toml", 'dev = ["pytest-asyncio==0.23.8"]\n', ("", True, (0, 23))),
        ("pyproject.toml", 'pytest-asyncio = "^0.24.0"\n', ("", True, (0, 24))),
        ("requirements-dev.txt", "pytest_asyncio>=0.21\n", ("", True, None)),
        ("uv.lock", 'name = "pytest-asyncio"\nversion = "1.2.0"\n', ("", False, (1, 2))),
        ("requirements-dev.txt", "pytest==7.4.0\n", ("", False, (0, 23))),
        ("pyproject.toml", 'test = ["pytest>=7,<8"]\n', ("", False, (0, 23))),
        ("pyproject.toml", 'pytest = {version = "^7.4"}\n', ("", False, (0, 23))),
        ("pyproject.toml", 'pytest = "7.4.4"\n', ("", False, (0, 23))),
        ("pyproject.toml", 'pytest = "^8.0"\n', ("", False, None)),
        ("pyproject.toml", 'test = ["pytest~=8.0"]\n', ("", False, None)),
        ("pyproject.toml", 'test = ["pytest~=8.0.1"]\n', ("", False, (0, 23))),
        ("pyproject.toml", 'test = ["pytest<8.2"]\n', ("", False, (0, 23))),
        ("pyproject.toml", 'pytest = "*"\npytest-cov = "4.0"\n', ("", False, None)),
        ("pyproject.toml", 'test = ["pytest>=8.2,<10", "pytest-cov<5"]\n', ("", False, None)),
    ],
)
def test_what_the_files_say_of_the_suite(
    tmp_path: Path, name: str, text: str, expected: tuple[str, bool, tuple[int, int] | None]
) -> None:
    (tmp_path / name).write_text(text)
    found = suite_of(tmp_path)
    assert (found.mode, found.version) == (expected[0], expected[2])
    assert found.named == expected[1]


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        ("pytest-asyncio>=0.21", "pytest-asyncio>=0.26"),
        ("pytest_asyncio >= 0.20.3", "pytest_asyncio >=0.26"),
        ("pytest-asyncio>=1.0", "pytest-asyncio>=1.0"),
        ("pytest-asyncio", "pytest-asyncio"),
        ("pytest-asyncio>=0.21,<0.24", "pytest-asyncio>=0.21,<0.24"),
    ],
)
def test_the_plugin_knows_its_settings(tmp_path: Path, written: str, becomes: str) -> None:
    files = {"dev-requirements.txt": f"pytest\n{written}\n"}
    changes, _ = followed(tmp_path, files, Needs(tests=True))
    found = changes.get("dev-requirements.txt", files["dev-requirements.txt"])
    assert found == f"pytest\n{becomes}\n"


def test_what_nobody_needs_stays(tmp_path: Path) -> None:
    text = '[project]\ndependencies = ["sqlalchemy[asyncio]>=2", "psycopg2", "asyncpg"]\n'
    assert followed(tmp_path, {"pyproject.toml": text}, Needs()) == ({}, [])


def test_a_project_is_edited_with_its_program(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": '[project]\ndependencies = ["sqlalchemy", "psycopg2"]\n',
        "shop.py": (
            "from sqlalchemy.orm import Session\n\n\n"
            "def names(db: Session) -> None:\n    db.commit()\n"
        ),
        "test_shop.py": "from shop import names\n\n\ndef test_names(db):\n    names(db)\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    outcome = migrate(tmp_path)
    assert {change.path for change in outcome.changes} == {*files}
    assert [x.code for x in outcome.findings if x.code.startswith("ASY6")] == ["ASY602"]
    write(tmp_path, outcome)
    assert not migrate(tmp_path).changes


def test_a_project_of_which_nothing_turns_stays(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": '[project]\ndependencies = ["sqlalchemy"]\n',
        "shop.py": (
            "from sqlalchemy import Column, Integer, create_engine\n"
            "from sqlalchemy.orm import declarative_base, sessionmaker\n\n"
            'SessionLocal = sessionmaker(create_engine("sqlite:///shop.db"))\n'
            "Base = declarative_base()\n\n\n"
            'class Item(Base):\n    __tablename__ = "items"\n'
            "    id = Column(Integer, primary_key=True)\n\n\n"
            "class Items:\n    def __str__(self):\n        with SessionLocal() as db:\n"
            "            return str(db.query(Item).count())\n\n\n"
            "async def wait():\n    pass\n"
        ),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert {change.path for change in migrate(tmp_path).changes} == {"shop.py"}


def test_the_projects_that_need_it_are_edited(tmp_path: Path) -> None:
    """What turns, and what imports that; not a project beside them that stays as it is."""
    stays = (
        "from celery import shared_task\nfrom sqlalchemy import create_engine\n"
        "from sqlalchemy.orm import Session\n\n"
        'engine = create_engine("postgresql://h/d")\n\n\n'
        "@shared_task\ndef work():\n    with Session(engine) as db:\n        db.commit()\n"
    )
    turns = (
        "from sqlalchemy import create_engine\nfrom sqlalchemy.orm import Session\n\n"
        'engine = create_engine("postgresql://h/core")\n\n\n'
        "def save():\n    with Session(engine) as db:\n        db.commit()\n"
    )
    uses = "def work():\n    from core import save\n\n    print(save)\n"
    needs = "sqlalchemy\npsycopg2\n"
    files = {
        "requirements.txt": needs, "core/core.py": turns, "core/requirements.txt": needs,
        "tasks/tasks.py": stays, "tasks/requirements.txt": needs, "tasks/pyproject.toml": "",
        "tasks/.env": "URL=postgresql://h/d\n", "tool/tool.py": uses,
        "tool/deploy/requirements.txt": needs, "deploy/requirements.txt": needs,
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    outcome = migrate(tmp_path)
    edited = {change.path for change in outcome.changes if change.path.endswith(".txt")}
    assert edited == {name for name in files if name.endswith(".txt")} - {"tasks/requirements.txt"}
    assert not [x for x in outcome.findings if x.code == "ASY607"]


_ENV = "# DATABASE_URL=postgresql://h/old\nDATABASE_URL=postgresql://u:p@h/d\nREDIS_URL=redis://h\n"
_ENGINE = (
    "import os\n\nfrom sqlalchemy import create_engine\nfrom sqlalchemy.orm import Session\n\n"
    'engine = create_engine(os.environ["DATABASE_URL"])\n\n\n'
    'def ping():\n    with Session(engine) as db:\n        db.execute("SELECT 1")\n'
)
_TASK = (
    "from app import engine\nfrom celery import shared_task\nfrom sqlalchemy.orm import Session\n"
    "\n\n@shared_task\ndef work():\n"
    '    with Session(engine) as db:\n        db.execute("SELECT 1")\n'
)


@pytest.mark.parametrize("task", [False, True], ids=["async", "a task stays sync"])
def test_urls_are_edited_where_nothing_stays_sync(tmp_path: Path, task: bool) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.asyncify]\ndatabase-urls = "edit"\n')
    (tmp_path / "app.py").write_text(_ENGINE)
    (tmp_path / ".env").write_text(_ENV)
    if task:
        (tmp_path / "tasks.py").write_text(_TASK)
    outcome = migrate(tmp_path)
    changes = {change.path: change.after.decode() for change in outcome.changes}
    told = [x.site.path for x in outcome.findings if x.code == "ASY607"]
    if task:
        assert ".env" not in changes and told == [".env"]
    else:
        assert changes[".env"] == _ENV.replace("=postgresql://u", "=postgresql+asyncpg://u")
        assert not told


def test_urls_beside_commands_are_named_and_never_edited(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": '[tool.asyncify]\ndatabase-urls = "edit"\n',
        "app.py": _ENGINE,
        "Dockerfile": "FROM python:3.11\nENV DATABASE_URL=postgresql://h/d\n",
        "deploy/worker.Dockerfile": "# postgresql://h/old\nENV DATABASE_URL postgresql://h/d\n",
        ".github/workflows/test.yml": "run: |\n  psql postgresql+psycopg2://h/d\n",
        "notes/Dockerfile.md.txt/why.txt": "postgresql://h/d\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    outcome = migrate(tmp_path)
    told = {(x.site.path, x.site.line) for x in outcome.findings if x.code == "ASY607"}
    named = {("Dockerfile", 2), ("deploy/worker.Dockerfile", 2), (".github/workflows/test.yml", 2)}
    assert told == named
    assert not {change.path for change in outcome.changes} & {path for path, _ in named}


def test_the_loops_of_fixtures_and_tests_are_the_same(tmp_path: Path) -> None:
    own = '[tool.pytest.ini_options]\nasyncio_default_fixture_loop_scope = "function"  # quiet\n'
    changes, _ = followed(tmp_path, {"pyproject.toml": own}, Needs(tests=True))
    said = changes["pyproject.toml"]
    assert 'asyncio_default_fixture_loop_scope = "session"  # quiet\n' in said
    assert 'asyncio_default_test_loop_scope = "session"\n' in said


def test_all_settings_that_pytest_may_find_are_edited(tmp_path: Path) -> None:
    first = "[pytest]\naddopts = --asyncio-mode=strict -q\n"
    first += "asyncio_default_fixture_loop_scope=function\n"
    second = "[pytest]\naddopts = --asyncio-mode=strict\n\n[other]\nkey = 1\n"
    files = {"pytest.ini": first, "tests/pytest.ini": second, "tests/unit/pytest.ini": second}
    needs = Needs(tests=True, folders=("tests",))
    changes, _ = followed(tmp_path, files, needs)
    test_scope = "asyncio_default_test_loop_scope = session\n"
    assert changes["pytest.ini"] == first.replace("=function", "=session") + test_scope
    fixture_scope = "asyncio_default_fixture_loop_scope = session\n"
    expected = second.replace("strict\n", f"strict\n{fixture_scope}{test_scope}")
    assert changes["tests/pytest.ini"] == expected
    assert "tests/unit/pytest.ini" not in changes
