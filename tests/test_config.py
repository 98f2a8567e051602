"""Configuration: keys from the file and from flags, wrong ones named, versions detected."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from asyncify.config import DEFAULT_EXCLUDE, KEYS, Config, ConfigError, load_config
from asyncify.planning.settings import site_of, spelled
from asyncify.sites import Site
from asyncify.source.target import sqlalchemy_target


def configured(root: Path, text: str, **flags: list[str]) -> Config:
    (root / "pyproject.toml").write_text(text)
    return load_config(root, {name.replace("_", "-"): words for name, words in flags.items()})


def problems(root: Path, text: str, **flags: list[str]) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        configured(root, text, **flags)
    return [problem.replace(f"{os.path.relpath(root)}/", "") for problem in raised.value.problems]


def test_every_key_is_a_field_with_a_default(tmp_path: Path) -> None:
    fields = set(Config.__dataclass_fields__) - {
        "root",
        "suite",
        "scripts",
        "has_async_attrs",
        "has_unions",
        "file",
        "lines",
        "isolated",
    }
    assert {key.field for key in KEYS} == fields
    assert load_config(tmp_path, {}) == Config(tmp_path)


def test_all_keys_are_read(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    config = configured(
        tmp_path,
        """
        [tool.asyncify]
        exclude = ["old"]
        extend-exclude = ["older"]
        import-roots = ["src"]
        sync = ["app.tasks"]
        also-async = ["app.users.find"]
        delete-style = "mark"
        style = "expression"
        joined-loading = "selectin"
        lazy-loading = "model"
        shared = "twin"
        engine = "alongside"
        only = ["app/users.py"]
        async-driver = {postgresql = "psycopg", sqlite = "aiosqlite"}
        sqlalchemy-version = "1.4"
        session-names = ["s"]
        helper-module = "app.support"
        select = ["ASY1"]
        ignore = ["ASY101"]
        wrap-blocking = true
        factory-names = "deprecate"
        rename-classes = {"app.jobs.Executor" = "AsyncExecutor"}
        [tool.asyncify.per-file-ignores]
        "tests/*" = ["ASY105"]
        [tool.asyncify.boundaries]
        "bus.Bus().on" = "awaited"
        """,
    )
    assert config == Config(
        tmp_path,
        exclude=("old",),
        extend_exclude=("older",),
        import_roots=("src",),
        sync=("app.tasks",),
        also_async=("app.users.find",),
        boundaries=(("bus.Bus().on", "awaited"),),
        delete_style="mark",
        style="expression",
        joined_loading="selectin",
        lazy_loading="model",
        shared="twin",
        engine="alongside",
        only=("app/users.py",),
        async_driver=(("postgresql", "psycopg"), ("mysql", "aiomysql"), ("sqlite", "aiosqlite")),
        sqlalchemy_version="1.4",
        session_names=("s",),
        helper_module="app.support",
        select=("ASY1",),
        ignore=("ASY101",),
        wrap_blocking=True,
        factory_names="deprecate",
        rename_classes=(("app.jobs.Executor", "AsyncExecutor"),),
        per_file_ignores=(("tests/*", ("ASY105",)),),
    )


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    config = configured(
        tmp_path,
        '[tool.asyncify]\nstyle = "expression"\nsync = ["a"]\njoined-loading = "selectin"\n',
        style=["statement"],
        sync=["b,c", "d"],
        async_driver=["mysql=asyncmy"],
        per_file_ignores=["tests/*:ASY105", "tests/*:ASY106,c:d.py:ASY1"],
    )
    assert (config.style, config.sync, config.joined_loading) == (
        "statement",
        ("b", "c", "d"),
        "selectin",
    )
    assert config.async_driver == (("postgresql", "asyncpg"), ("mysql", "asyncmy"))
    assert configured(tmp_path, "", wrap_blocking=["true"]).wrap_blocking
    assert config.per_file_ignores == (("tests/*", ("ASY105", "ASY106")), ("c:d.py", ("ASY1",)))
    assert config.exclude == DEFAULT_EXCLUDE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '[project]\nname = "x"\n\n[tool.asyncify]\nsync = []\ndelete-stile = "mark"\n',
            'pyproject.toml:6:1: unknown key "delete-stile"; did you mean "delete-style"?',
        ),
        (
            "[tool.asyncify]\nzzz = 1\n",
            'pyproject.toml:2:1: unknown key "zzz"; the nearest is',
        ),
        (
            "[tool.asyncify.per-file-ignore]\na = 1\n",
            'pyproject.toml:1:1: unknown key "per-file-ignore"; did you mean "per-file-ignores"?',
        ),
        (
            "tool.asyncify.stile = 1\n",
            'pyproject.toml:1:1: unknown key "stile"; did you mean "style"?',
        ),
        (
            '[tool]\nasyncify = {stile = "x"}\n',
            'pyproject.toml:2:1: unknown key "stile"; did you mean "style"?',
        ),
        (
            '[tool.asyncify]\nstyle = "expresion"\n',
            'pyproject.toml:2:1: style is "expresion" but takes one of "statement", "expression"; '
            'did you mean "expression"?',
        ),
        (
            '[tool.asyncify]\nwrap-blocking = "yes"\n',
            'pyproject.toml:2:1: wrap-blocking is "yes" but takes one of true, false.',
        ),
        (
            '[tool.asyncify]\nrename-classes = "Executor"\n',
            "pyproject.toml:2:1: rename-classes takes a table such as",
        ),
        (
            '[tool.asyncify]\nrename-classes = {Executor = "Async Executor"}\n',
            'pyproject.toml:2:1: rename-classes gives Executor the name "Async Executor", which is '
            "no identifier.",
        ),
        (
            '[tool.asyncify]\nboundaries = ["bus.on"]\n',
            "pyproject.toml:2:1: boundaries takes a table such as",
        ),
        (
            '[tool.asyncify.boundaries]\n"bus.on" = "later"\n',
            'pyproject.toml:1:1: boundaries gives bus.on the rule "later", which is none of '
            '"awaited", "sync", "transparent".',
        ),
        (
            '[tool.other]\nstyle = 1\n[tool.asyncify]\nsync = ["style"]\nstyle = 2\n',
            "pyproject.toml:5:1: style is",
        ),
        (
            '[tool.asyncify]\nsync = "app"\n',
            "pyproject.toml:2:1: sync takes a list of strings.",
        ),
        (
            '[tool.asyncify]\nasync-driver = {postgres = "asyncpg"}\n',
            'pyproject.toml:2:1: async-driver names the database "postgres", which has no async '
            'driver; did you mean "postgresql"?',
        ),
        (
            '[tool.asyncify.async-driver]\npostgresql = "psycopg2"\n',
            'pyproject.toml:1:1: async-driver gives postgresql the driver "psycopg2" but takes '
            'one of "asyncpg", "psycopg"; did you mean "psycopg"?',
        ),
        (
            '[tool.asyncify]\nignore = ["ASY99"]\n',
            'pyproject.toml:2:1: ignore names the unknown code "ASY99"; did you mean "ASY901"?',
        ),
        (
            '[tool.asyncify]\nselect = [""]\n',
            'pyproject.toml:2:1: select names the unknown code ""; the nearest is',
        ),
        (
            '[tool.asyncify]\nimport-roots = ["scr"]\n',
            'pyproject.toml:2:1: import-roots names "scr", which is no folder; did you mean "src"?',
        ),
        (
            '[tool.asyncify]\nhelper-module = "a-b"\n',
            'pyproject.toml:2:1: helper-module is "a-b" but takes the name of a module.',
        ),
        (
            "[tool.asyncify]\nstyle = \n",
            "pyproject.toml:2:9: not valid TOML: Invalid value.",
        ),
        ("[tool]\nasyncify = 1\n", "pyproject.toml:2:1: [tool.asyncify] is not a table."),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "src").mkdir()
    [problem] = problems(tmp_path, text)
    assert problem.startswith(expected)


def test_everything_wrong_is_named_at_once(tmp_path: Path) -> None:
    text = "[tool.asyncify]\nfoo = 1\nstyle = 1\n"
    assert len(problems(tmp_path, text, delete_style=["maybe"])) == 3


def test_a_flag_with_a_wrong_value_names_itself(tmp_path: Path) -> None:
    assert problems(tmp_path, "", delete_style=["marks"]) == [
        '--delete-style: delete-style is "marks" but takes one of "await", "mark"; '
        'did you mean "mark"?'
    ]


def test_what_a_flag_names_is_not_told_at_the_file(tmp_path: Path) -> None:
    text = '[tool.asyncify]\nsync = ["app"]\nonly = ["app.users"]\n'
    config = configured(tmp_path, text, only=["app.jobs"])
    assert (spelled(config, "sync"), site_of(config, "sync").line) == ("`sync`", 2)
    assert (spelled(config, "only"), site_of(config, "only")) == ("`--only`", Site(".", 1, 1))


def test_another_file_may_hold_the_keys_alone(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.asyncify]\nstyle = "wrong"\n')
    other = tmp_path / "asyncify.toml"
    other.write_text('style = "expression"\n')
    assert load_config(tmp_path, {}, config_file=other).style == "expression"
    other.write_text('[tool.asyncify]\nstyle = "expression"\n')
    assert load_config(tmp_path, {}, config_file=other).style == "expression"
    assert load_config(tmp_path, {}, isolated=True).style == "statement"
    with pytest.raises(ConfigError, match=r"--config: there is no file .*nowhere\.toml"):
        load_config(tmp_path, {}, config_file=tmp_path / "nowhere.toml")


def test_an_undecodable_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"[tool.asyncify]\nx = '\xff'\n")
    with pytest.raises(ConfigError, match=r"pyproject\.toml: can't be read"):
        load_config(tmp_path, {})


def test_python_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--python: there is no"):
        load_config(tmp_path, {}, python=tmp_path / "python")


def sqlalchemy_line(root: Path, python: Path | None = None) -> str:
    target = sqlalchemy_target(root, python)
    return target.line if target is not None else ""


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("uv.lock", '[[package]]\nname = "sqlalchemy"\nversion = "2.0.36"\n', "2.0"),
        ("poetry.lock", '[[package]]\nname = "SQLAlchemy"\nversion = "1.4.54"\n', "1.4"),
        ("Pipfile.lock", '{"default": {"sqlalchemy": {"version": "==2.1.2"}}}', "2.1"),
        (
            "uv.lock",
            '[[package]]\nname = "sqlalchemy-utils"\nversion = "0.4"\n',
            "",
        ),
        ("requirements.txt", "fastapi\nSQLAlchemy==1.4.46  # pinned\n", "1.4"),
        ("requirements.txt", "sqlalchemy[asyncio]>=1.4,<3\n", "1.4"),
        ("requirements.txt", "sqlalchemy~=2.0.1; python_version > '3.8'\n", "2.0"),
        ("requirements.txt", "sqlalchemy\nsqlalchemy-utils==0.1\nflask-sqlalchemy==3.1\n", ""),
        ("requirements.txt", "sqlalchemy<2.1\n", ""),
        ("requirements.txt", "sqlalchemy<2\n", "1.4"),
        ("requirements/base.txt", "sqlalchemy>=2\n", "2.0"),
        ("backend/requirements.txt", "sqlalchemy==2.0.1\n", "2.0"),
        ("pyproject.toml", '[project]\ndependencies = [\n  "sqlalchemy>=2.1",\n]\n', "2.1"),
        ("pyproject.toml", '[tool.poetry.dependencies]\nsqlalchemy = "^1.4.0"\n', "1.4"),
        (
            "pyproject.toml",
            '[tool.poetry.dependencies]\nSQLAlchemy = {extras = ["asyncio"], version = "^2.0"}\n',
            "2.0",
        ),
        ("setup.cfg", "[options]\ninstall_requires =\n    sqlalchemy >= 1.4\n", "1.4"),
        ("setup.py", "setup(install_requires=['sqlalchemy>=1.3'])\n", "1.4"),
        ("pyproject.toml", '[project]\ndescription = "For SQLAlchemy 1.4 and 2.0"\n', ""),
        ("pyproject.toml", '[tool.poetry.dependencies]\nsqlalchemy = "2.1"\n', "2.1"),
        ("setup.py", "install_requires=['sqlalchemy (>=2.0)']\n", "2.0"),
    ],
)
def test_the_line_is_read_from_the_programs_files(
    tmp_path: Path, name: str, text: str, expected: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    assert sqlalchemy_line(tmp_path) == expected


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("sqlalchemy==1.3.24", "1.3.24"),
        ("sqlalchemy>=1.2,<1.4", "1.3"),
        ("sqlalchemy>=1.3,<2", ""),
        ("sqlalchemy==1.4.0", ""),
    ],
)
def test_a_version_without_async_sessions_is_one_sentence(
    tmp_path: Path, text: str, version: str
) -> None:
    (tmp_path / "requirements.txt").write_text(f"{text}\n")
    if not version:
        assert load_config(tmp_path, {}).sqlalchemy_version == "1.4"
        return
    with pytest.raises(ConfigError, match=rf"holds SQLAlchemy at {version}, which has no async"):
        load_config(tmp_path, {})
    assert load_config(tmp_path, {"sqlalchemy-version": ["1.4"]}).sqlalchemy_version == "1.4"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sqlalchemy==2.0.3\n", False),
        ("sqlalchemy==2.0.12\n", False),
        ("sqlalchemy==2.0.13\n", True),
        ("sqlalchemy==2.1.0\n", True),
        ("sqlalchemy>=2.0.3\n", True),
        ("sqlalchemy==2.0.*\n", True),
    ],
)
def test_early_releases_have_no_async_attrs(tmp_path: Path, text: str, expected: bool) -> None:
    (tmp_path / "requirements.txt").write_text(text)
    assert configured(tmp_path, "").has_async_attrs is expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("pyproject.toml", '[project]\nrequires-python = ">=3.11,<4"\n', True),
        ("pyproject.toml", '[project]\nrequires-python = ">=3.9"\n', False),
        ("pyproject.toml", '[tool.poetry.dependencies]\npython = "^3.10"\n', True),
        ("pyproject.toml", '[tool.poetry.dependencies]\npython = "^3.8"\n', False),
        ("pyproject.toml", '[tool.mypy]\npython_version = "3.12"\n', False),
        ("setup.cfg", "[options]\npython_requires = >=3.10\n", True),
        ("setup.py", "setup(python_requires='>=3.6')\n", False),
    ],
)
def test_whether_unions_are_expressions_is_read_from_the_programs_files(
    tmp_path: Path, name: str, text: str, expected: bool
) -> None:
    (tmp_path / name).write_text(text)
    assert load_config(tmp_path, {}).has_unions is expected


def test_a_lock_file_wins_over_a_demand_and_may_stand_above(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "uv.lock").write_text('name = "sqlalchemy"\nversion = "2.1.0"\n')
    root = tmp_path / "packages" / "app"
    root.mkdir(parents=True)
    (root / "requirements.txt").write_text("sqlalchemy>=1.4\n")
    assert sqlalchemy_line(root) == "2.1"


def test_requirements_in_utf_16(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("SQLAlchemy==1.4.39\n", encoding="utf-16")
    assert sqlalchemy_line(tmp_path) == "1.4"


def test_a_key_wins_over_all(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("sqlalchemy==1.4\n")
    assert configured(tmp_path, "").sqlalchemy_version == "1.4"
    text = '[tool.asyncify]\nsqlalchemy-version = "2.1"\n'
    assert configured(tmp_path, text).sqlalchemy_version == "2.1"


def test_an_environment_tells_its_version(tmp_path: Path) -> None:
    site_packages = tmp_path / "env" / "lib" / "python3.12" / "site-packages"
    (site_packages / "SQLAlchemy-1.4.54.dist-info").mkdir(parents=True)
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir()
    python.touch()
    assert sqlalchemy_line(tmp_path, python) == "1.4"
    assert sqlalchemy_line(tmp_path, tmp_path / "env") == "1.4"


def test_an_interpreter_is_asked(tmp_path: Path) -> None:
    from importlib.metadata import version

    link = tmp_path / "deep" / "python"
    link.parent.mkdir()
    link.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    link.chmod(0o755)
    major, minor = version("sqlalchemy").split(".")[:2]
    assert sqlalchemy_line(tmp_path, link) == f"{major}.{minor}"
    link.write_text("#!/bin/sh\nexit 1\n")
    assert sqlalchemy_line(tmp_path, link) == ""
