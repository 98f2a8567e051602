"""Configuration: ``[tool.asyncify]`` in pyproject.toml, and the flags of the same names.

``KEYS`` is the single list of keys: the command line makes one flag of each, and the same checks
hold for both. A key that asyncify doesn't know is refused, because a misspelt key that is silently
dropped would migrate a program in a way that nobody asked for.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from asyncify.source.scripts import scripts_of
from asyncify.source.suite import Suite, suite_of
from asyncify.source.target import has_unions, sqlalchemy_target

SQLALCHEMY_LINES = ("1.4", "2.0", "2.1")
PHASES = ("queries", "expire", "flip")  # see asyncify.phases
STILL_SYNC = frozenset({"queries", "expire"})
ASYNC_DRIVERS: Mapping[str, tuple[str, ...]] = {
    "postgresql": ("asyncpg", "psycopg"),
    "mysql": ("aiomysql", "asyncmy"),
    "mariadb": ("aiomysql", "asyncmy"),
    "sqlite": ("aiosqlite",),
    "oracle": ("oracledb",),
    "mssql": ("aioodbc",),
}
BOUNDARY_RULES = ("awaited", "sync", "transparent")  # see asyncify.vocabulary.boundary_rules
# Vendored and generated code: read, because it may call into the program, but not edited.
DEFAULT_EXCLUDE = ("_vendor", "vendor", "third_party", "*_pb2.py", "*_pb2_grpc.py")


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of a run; field names are the keys with underscores for dashes."""

    root: Path
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    extend_exclude: tuple[str, ...] = ()
    import_roots: tuple[str, ...] = ()
    sync: tuple[str, ...] = ()
    also_async: tuple[str, ...] = ()
    boundaries: tuple[tuple[str, str], ...] = ()
    delete_style: str = "await"
    style: str = "statement"
    joined_loading: str = "keep"
    lazy_loading: str = "query"
    factory_names: str = "keep"
    rename_classes: tuple[tuple[str, str], ...] = ()
    shared: str = "island"
    engine: str = "replace"
    alembic: str = "sync"
    database_urls: str = "report"
    only: tuple[str, ...] = ()
    async_driver: tuple[tuple[str, str], ...] = (("postgresql", "asyncpg"), ("mysql", "aiomysql"))
    sqlalchemy_version: str = "2.0"
    session_names: tuple[str, ...] = ("db", "session", "*_session")
    helper_module: str = "asyncify_support"
    caches: str = "strip"
    cache_names: tuple[str, ...] = ("*cache*",)
    guard_clauses: str = "touched"
    pagination: str = "report"
    wrap_blocking: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    suite: Suite = field(default_factory=Suite)  # no key: the project's own files say
    scripts: tuple[str, ...] = ()  # nor is this one
    has_async_attrs: bool = True  # nor this: early releases of a line don't
    has_unions: bool = False  # nor this: Python has had `int | str` since 3.10
    # Where keys were read, relative to the root, and their lines there.
    file: str = field(default="", compare=False)
    lines: tuple[tuple[str, int], ...] = field(default=(), compare=False)
    isolated: bool = field(default=False, compare=False)  # no file was to be read

    @property
    def alongside(self) -> bool:
        """Do engines, factories and dependencies stay, with async ones beside them? What turns
        only in part needs both."""
        return self.engine == "alongside" or bool(self.only)


class ConfigError(Exception):
    """The configuration can't be used; ``problems`` are sentences, each with its place."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class Key:
    """One key: ``read`` turns the value of a TOML file into the field of ``Config`` or raises
    ValueError with the rest of a sentence; ``split`` turns the words after a flag into such a
    value. ``placeholder`` stands for the value in ``--help``."""

    name: str
    meaning: str
    placeholder: str
    read: Callable[[object, Path], object]
    split: Callable[[list[str]], object]

    @property
    def field(self) -> str:
        """The field of ``Config``."""
        return self.name.replace("-", "_")

    @property
    def repeats(self) -> bool:
        """Whether the flag may be given several times."""
        return self.split not in (_only, _switched)


# Where the settings begin in a TOML file.
_TOO_OLD = (
    "The project holds SQLAlchemy at {}, which has no async sessions. Take 1.4 or newer, and run "
    'asyncify again; or say `sqlalchemy-version = "1.4"` if it runs on that.'
)
_TABLE = re.compile(r"^\s*\[\s*tool\s*\.\s*asyncify\b", re.MULTILINE)


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown word: what was probably meant."""
    from difflib import get_close_matches

    by_case = {name.lower(): name for name in known}
    for cutoff, end in ((0.5, '; did you mean "{}"?'), (0.0, '; the nearest is "{}".')):
        matches = get_close_matches(word.lower(), by_case, n=1, cutoff=cutoff)
        if matches:
            return end.format(by_case[matches[0]])
    return "."


def _only(words: list[str]) -> object:
    return words[-1]


def _listed(words: list[str]) -> object:
    return [part.strip() for word in words for part in word.split(",") if part.strip()]


def _paired(words: list[str]) -> object:
    pairs = [part.partition("=") for word in words for part in word.split(",")]
    return {name.strip(): value.strip() for name, _, value in pairs}


def _coded(words: list[str]) -> object:
    """``tests/*:ASY101`` as in ruff; the glob may hold a colon of its own."""
    by_glob: dict[str, list[str]] = {}
    for word in words:
        for part in word.split(","):
            glob, _, code = part.rpartition(":")
            by_glob.setdefault(glob.strip(), []).append(code.strip())
    return by_glob


def _strings(value: object, root: Path) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("takes a list of strings")
    return tuple(value)


def _folders(value: object, root: Path) -> tuple[str, ...]:
    folders = _strings(value, root)
    for folder in folders:
        if not (root / folder).is_dir():
            below = (entry.name for entry in root.iterdir() if entry.is_dir())
            raise ValueError(f'names "{folder}", which is no folder{nearest(folder, below)}')
    return folders


def _one_of(*choices: str) -> Callable[[object, Path], object]:
    def read(value: object, root: Path) -> object:
        if value not in choices:
            allowed = ", ".join(f'"{choice}"' for choice in choices)
            guess = nearest(str(value), choices)
            raise ValueError(f'is "{value}" but takes one of {allowed}{guess}')
        return value

    return read


def _switch(value: object, root: Path) -> object:
    if not isinstance(value, bool):
        raise ValueError(f'is "{value}" but takes one of true, false')
    return value


def _switched(words: list[str]) -> object:
    """``true`` and ``false`` as in TOML; what is neither is refused as it stands."""
    return {"true": True, "false": False}.get(words[-1].lower(), words[-1])


def _module(value: object, root: Path) -> object:
    if not isinstance(value, str) or not all(part.isidentifier() for part in value.split(".")):
        raise ValueError(f'is "{value}" but takes the name of a module')
    return value


def _drivers(value: object, root: Path) -> object:
    if not isinstance(value, dict):
        raise ValueError('takes a table such as {postgresql = "asyncpg"}')
    chosen = dict(Config(root).async_driver)
    for database, driver in value.items():
        known = ASYNC_DRIVERS.get(database)
        if known is None:
            raise ValueError(
                f'names the database "{database}", which has no async driver'
                f"{nearest(database, ASYNC_DRIVERS)}"
            )
        if driver not in known:
            allowed = ", ".join(f'"{name}"' for name in known)
            raise ValueError(
                f'gives {database} the driver "{driver}" but takes one of {allowed}'
                f"{nearest(str(driver), known)}"
            )
        chosen[database] = driver
    return tuple(chosen.items())


def _names(value: object, root: Path) -> object:
    if not isinstance(value, dict):
        raise ValueError('takes a table such as {JobExecutor = "AsyncJobExecutor"}')
    for old, new in value.items():
        if not isinstance(new, str) or not new.isidentifier():
            raise ValueError(f'gives {old} the name "{new}", which is no identifier')
    return tuple(value.items())


def _boundaries(value: object, _: Path) -> object:
    if not isinstance(value, dict):
        raise ValueError('takes a table such as {"library.on_event" = "awaited"}')
    for name, rule in value.items():
        if rule not in BOUNDARY_RULES:
            shown = ", ".join(f'"{each}"' for each in BOUNDARY_RULES)
            raise ValueError(f'gives {name} the rule "{rule}", which is none of {shown}')
    return tuple(value.items())


def _codes(value: object, root: Path) -> tuple[str, ...]:
    from asyncify.rules import SEVERITIES

    codes = _strings(value, root)
    for code in codes:
        if code != "ALL" and not any(known.startswith(code or "-") for known in SEVERITIES):
            raise ValueError(f'names the unknown code "{code}"{nearest(code, SEVERITIES)}')
    return codes


def _codes_by_glob(value: object, root: Path) -> object:
    if not isinstance(value, dict):
        raise ValueError('takes a table such as {"tests/*" = ["ASY101"]}')
    return tuple((glob, _codes(codes, root)) for glob, codes in value.items())


KEYS: tuple[Key, ...] = (
    Key("exclude", "Globs of code that is read but not edited.", "GLOB", _strings, _listed),
    Key("extend-exclude", "The same, added to `exclude`.", "GLOB", _strings, _listed),
    Key("import-roots", "Folders that imports start from.", "FOLDER", _folders, _listed),
    Key("sync", "Modules and qualified names that stay sync.", "NAME", _strings, _listed),
    Key("also-async", "Functions that turn async without I/O.", "NAME", _strings, _listed),
    Key("boundaries", "How libraries call what they are given: awaited, sync or transparent.",
        "NAME=RULE", _boundaries, _paired),
    Key("delete-style", "How `session.delete` is kept working.", "await|mark",
        _one_of("await", "mark"), _only),
    Key("style", "Await in a statement of its own, or in place.", "statement|expression",
        _one_of("statement", "expression"), _only),
    Key("joined-loading", "What becomes of joinedload on collections.", "keep|selectin",
        _one_of("keep", "selectin"), _only),
    Key("lazy-loading", "Where what would load by itself is loaded.",
        "query|awaitable|model|report", _one_of("query", "awaitable", "model", "report"), _only),
    Key("shared", "How async code gets at what sync code needs too.", "island|twin",
        _one_of("island", "twin"), _only),
    Key("engine", "The async engine takes the sync one's place, or stands beside it.",
        "replace|alongside", _one_of("replace", "alongside"), _only),
    Key("alembic", "Whether Alembic's env.py keeps a sync engine.", "sync|async",
        _one_of("sync", "async"), _only),
    Key("database-urls", "What becomes of URLs in environment and compose files.", "report|edit",
        _one_of("report", "edit"), _only),
    Key("only", "Turn only what is in these files, modules or functions.", "PATH|NAME",
        _strings, _listed),
    Key("factory-names", "Keep a session factory's name, or deprecate it.", "keep|deprecate",
        _one_of("keep", "deprecate"), _only),
    Key("rename-classes", "New names of classes.", "OLD=NEW", _names, _paired),
    Key("async-driver", "The driver for a database.", "DATABASE=DRIVER", _drivers, _paired),
    Key("sqlalchemy-version", "The SQLAlchemy whose API is written.", "1.4|2.0|2.1",
        _one_of(*SQLALCHEMY_LINES), _only),
    Key("session-names", "Globs of names that are sessions.", "GLOB", _strings, _listed),
    Key("helper-module", "Where helpers for rewritten code go.", "MODULE", _module, _only),
    Key("caches", "Module-level caches of what the database gives.", "strip|report|off",
        _one_of("strip", "report", "off"), _only),
    Key("cache-names", "Globs of names of caches, in lower case.", "GLOB", _strings, _listed),
    Key("guard-clauses", "Where nested conditionals become early returns.", "touched|all|off",
        _one_of("touched", "all", "off"), _only),
    Key("pagination", "Pages that are cut in Python, not in the database.",
        "report|push-down|off", _one_of("report", "push-down", "off"), _only),
    Key("wrap-blocking", "Put other blocking calls into threads.", "true|false",
        _switch, _switched),
    Key("select", "Report only these codes or prefixes.", "CODE", _codes, _listed),
    Key("ignore", "Don't report these codes or prefixes.", "CODE", _codes, _listed),
    Key("per-file-ignores", "Don't report a code in some files.", "GLOB:CODE",
        _codes_by_glob, _coded),
)  # fmt: skip
_BY_NAME = {key.name: key for key in KEYS}


@dataclass(frozen=True, slots=True)
class _Given:
    """Values as they stand in one place; ``where`` gives the start of a sentence about a key."""

    values: Mapping[str, object]
    where: Callable[[str], str]
    file: Path | None = None
    lines: tuple[tuple[str, int], ...] = ()


def load_config(
    root: Path,
    flags: Mapping[str, list[str]],
    *,
    config_file: Path | None = None,
    isolated: bool = False,
    python: Path | None = None,
) -> Config:
    """The configuration of a run: defaults, then the file, then the flags (key to words).

    Raises ConfigError, with everything that is wrong.
    """
    given = [] if isolated else [_read_file(root, config_file)]
    words = {name: _BY_NAME[name].split(words) for name, words in flags.items()}
    given.append(_Given(words, lambda name: f"--{name}:"))
    fields: dict[str, Any] = {}
    problems: list[str] = []
    for source in given:
        for name, value in source.values.items():
            problem = _take(name, value, root, fields)
            if problem:
                problems.append(f"{source.where(name)} {problem}")
    if python is not None and not python.exists():
        problems.append(f"--python: there is no {python}.")
    if problems:
        raise ConfigError(problems)
    if given[0].file is not None:
        fields["file"] = Path(os.path.relpath(given[0].file, root)).as_posix()
        fields["lines"] = tuple((key, line) for key, line in given[0].lines if key not in words)
    fields["isolated"] = isolated
    read: dict[str, Any] = {"suite": suite_of(root, python), "scripts": scripts_of(root)}
    config = replace(Config(root), **fields, **read, has_unions=has_unions(root))
    return _with_version(config, "sqlalchemy_version" in fields, python)


def _with_version(config: Config, is_set: bool, python: Path | None) -> Config:
    if is_set:
        return config
    target = sqlalchemy_target(config.root, python)
    if target is None:
        return config
    if target.too_old:
        raise ConfigError([_TOO_OLD.format(target.too_old)])
    return replace(config, sqlalchemy_version=target.line, has_async_attrs=target.has_async_attrs)


def _take(name: str, value: object, root: Path, fields: dict[str, Any]) -> str:
    """Put one value into ``fields``, or say what is wrong with it."""
    key = _BY_NAME.get(name)
    if key is None:
        return f'unknown key "{name}"{nearest(name, _BY_NAME)}'
    try:
        fields[key.field] = key.read(value, root)
    except ValueError as error:
        return f"{name} {error}{'' if str(error).endswith(('?', '.')) else '.'}"
    return ""


def unread_tables(config: Config, folders: Iterable[str]) -> Iterator[tuple[str, int]]:
    """The files in folders of the program that have settings which nobody reads, and where."""
    for folder in () if config.isolated else folders:
        path = f"{folder}/pyproject.toml"
        try:
            text = (config.root / path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        table = _TABLE.search(text)
        if table and path != config.file:
            yield path, text.count("\n", 0, table.end()) + 1


def _read_file(root: Path, config_file: Path | None) -> _Given:
    path = config_file or root / "pyproject.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if config_file is None:
            return _Given({}, str)
        raise ConfigError([f"--config: there is no file {path}."]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{_shown(path)}: can't be read: {error}."]) from None
    if config_file is None and "asyncify" not in text:
        # Parsing TOML costs more than the rest of this module, and most files don't mention us.
        return _Given({}, str)
    table = _table(path, text)
    lines = tuple((name, _line_of(name, text)) for name in table)
    return _Given(table, lambda name: f"{_shown(path)}:{dict(lines)[name]}:1:", path, lines)


def _table(path: Path, text: str) -> dict[str, object]:
    """``[tool.asyncify]``, or the whole of a file that has no such table and is no pyproject."""
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        document: dict[str, object] = toml.loads(text)
    except toml.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        line, column = place.groups() if place else ("1", "1")
        reason = str(error).partition(" (at ")[0]
        raise ConfigError([f"{_shown(path)}:{line}:{column}: not valid TOML: {reason}."]) from None
    tool = document.get("tool")
    table = tool.get("asyncify") if isinstance(tool, dict) else None
    if table is None:
        return {} if path.name == "pyproject.toml" else document
    if not isinstance(table, dict):
        raise ConfigError(
            [f"{_shown(path)}:{_line_of('asyncify', text)}:1: [tool.asyncify] is not a table."]
        )
    return table


def _shown(path: Path) -> str:
    """A path relative to the working directory."""
    return os.path.relpath(path)


def _line_of(name: str, text: str) -> int:
    """The line of a key in its TOML file: as an assignment, a table or a dotted key."""
    bare = rf"[\"']?{re.escape(name)}[\"']?"
    for pattern in (
        rf"^\s*{bare}\s*[=.]",
        rf"^\s*\[\s*tool\s*\.\s*asyncify\s*\.\s*{bare}\s*[\].]",
        rf"\basyncify\b.*?{bare}\s*=",
    ):
        start = _TABLE.search(text)
        compiled = re.compile(pattern, re.MULTILINE)
        match = compiled.search(text, start.start() if start else 0)
        if match:
            return text.count("\n", 0, match.start() + len(match.group()) - 1) + 1
    return 1
