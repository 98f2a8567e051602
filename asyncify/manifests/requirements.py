"""Dependencies: what has the sync driver gets the async one, and tests what runs coroutines.

A manifest is read as groups of requirements: a list of strings in TOML, a table of Poetry's or
Pipenv's, the lines of a requirements file or of an option in ``setup.cfg`` or ``tox.ini``. In each,
what is added stands right behind the requirement that asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array

from asyncify.manifests.changes import Manifests, Needs
from asyncify.manifests.tables import edit_tables
from asyncify.manifests.wanted import Wanted, edited, holds_old_sqlalchemy, name_of
from asyncify.vocabulary.packages import (
    BY_HAND,
    GENERATED,
    LOCK_FILES,
    PYTEST,
    PYTEST_ASYNCIO,
    SQLALCHEMY,
)

_INCLUDE = re.compile(r"^\s*(?:-r|--requirement)[ =]\s*(\S+)", re.MULTILINE)
_CONSTRAINT = re.compile(r"^\s*(?:-c|--constraint)[ =]\s*(\S+)", re.MULTILINE)
_OPTIONS = re.compile(r"^\[(options|options\.extras_require)\]\s*$")
_TESTED = re.compile(r"^\[testenv\b.*\]\s*$")


def requirements(manifests: Manifests, needs: Needs, names: list[str]) -> None:
    """Edit every manifest among some files; tell of those that are not for editing."""
    lines = [name for name in names if _is_requirements(name)]
    lines += [x for name in lines for x in _named(manifests, name, _INCLUDE) if x not in lines]
    # pip refuses extras in constraints, and what stands there alone is not installed.
    held = {x for name in lines for x in _named(manifests, name, _CONSTRAINT)}
    lines = [name for name in lines if name not in held]
    tables = [name for name in names if name.rpartition("/")[2] in ("pyproject.toml", "Pipfile")]
    config = [name for name in names if name.rpartition("/")[2] in ("setup.cfg", "tox.ini")]
    every = [*lines, *tables, *config]
    locks = [name for name in names if name.rpartition("/")[2] in LOCK_FILES]
    holds_old = any(
        holds_old_sqlalchemy(manifests.text(name) or "") for name in [*every, *locks, *held]
    )
    wanted = Wanted(needs, _known(manifests, [*every, *_by_hand(names)]), holds_old)
    for name in tables:
        _edit(manifests, name, _toml(manifests.text(name) or "", wanted))
    for name in config:
        _edit(manifests, name, _config(manifests.text(name) or "", wanted))
    for name in lines:
        text = manifests.text(name) or ""
        new = _lines(text, wanted)
        if new != text and _is_generated(name, text, names):
            reason = "The project needs packages that this file, which a tool wrote, doesn't have."
            manifests.tell("ASY601", name, 1, reason, "Have the tool write it again.")
        else:
            _edit(manifests, name, new)
    for name in _by_hand(names):
        _tell(manifests, name, wanted)
    _unmet(manifests, next(iter(every), "pyproject.toml"), needs, wanted)


def _edit(manifests: Manifests, name: str, new: str) -> None:
    if new != manifests.text(name):
        manifests.put(name, new)
        manifests.required = True


def _unmet(manifests: Manifests, name: str, needs: Needs, wanted: Wanted) -> None:
    """Tests turned, and nothing that could be edited names pytest."""
    if needs.tests and not wanted.knows(PYTEST) and not wanted.knows(PYTEST_ASYNCIO):
        reason = "The tests turn async, and no manifest names pytest."
        advice = f"Install {PYTEST_ASYNCIO} where the tests run."
        manifests.tell("ASY602", name, 1, reason, advice)


def _by_hand(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.rpartition("/")[2] in BY_HAND]


def _tell(manifests: Manifests, name: str, wanted: Wanted) -> None:
    """A manifest that isn't edited: what it would need, where it names SQLAlchemy."""
    text = manifests.text(name) or ""
    if name.endswith(".py") and not re.search(r"\bsetup\(", text):
        return  # a module of that name
    found = {word.lower() for word in re.findall(r"[\w.-]+", text)}
    missing = [each for _, each, _ in wanted.additions(found)]
    if SQLALCHEMY in found and f"{SQLALCHEMY}[" not in text.lower():
        missing.append(f"{SQLALCHEMY}[asyncio]")
    if missing:
        line = text[: text.lower().find(SQLALCHEMY)].count("\n") + 1
        reason = "The migrated program needs more packages, and this file isn't edited."
        manifests.tell("ASY602", name, line, reason, f"Add {', '.join(missing)}.")


def _known(manifests: Manifests, names: Iterable[str]) -> frozenset[str]:
    """All distributions that manifests name, and other words."""
    words: set[str] = set()
    for name in names:
        text = manifests.text(name) or ""
        words |= {word.lower().replace("_", "-") for word in re.findall(r"[\w.-]+", text)}
    return frozenset(words)


# -- requirements files


def _is_requirements(name: str) -> bool:
    folder, _, last = name.rpartition("/")
    if not last.endswith((".txt", ".in")):
        return False
    return "requirements" in last or folder.rpartition("/")[2] == "requirements"


def _named(manifests: Manifests, name: str, option: re.Pattern[str]) -> Iterator[str]:
    """The files that an option of a requirements file names."""
    folder = name.rpartition("/")[0]
    for path in option.findall(manifests.text(name) or ""):
        joined = f"{folder}/{path}" if folder else path
        if ".." not in joined and manifests.text(joined) is not None:
            yield joined


def _is_generated(name: str, text: str, names: list[str]) -> bool:
    source = name.removesuffix(".txt") + ".in"
    return any(mark in text for mark in GENERATED) or (name != source and source in names)


def _lines(text: str, wanted: Wanted) -> str:
    """Requirements, one in a line; their indentation is kept."""
    lines = text.splitlines(keepends=True)
    names = {name_of(line): n for n, line in enumerate(lines) if name_of(line)}
    after: dict[int, list[str]] = {}
    pins = {name: lines[n] for name, n in names.items()}
    for anchor, name, version in wanted.additions(names, pins):
        after.setdefault(names[anchor], []).append(f"{name}{version}")
    out: list[str] = []
    for number, line in enumerate(lines):
        indent = line[: len(line) - len(line.lstrip())]
        extended = edited(line, wanted)
        out.append(extended)
        if number in after and not extended.endswith("\n"):
            out[-1] += "\n"
        out += [f"{indent}{each}\n" for each in after.get(number, ())]
    return "".join(out)


def _config(text: str, wanted: Wanted) -> str:
    """What ``install_requires`` and the extras of ``setup.cfg`` list, and ``deps`` of tox."""
    out: list[str] = []
    block: list[str] = []
    section, inside = "", False
    for line in [*text.splitlines(keepends=True), ""]:
        if inside and line[:1] in (" ", "\t") and line.strip():
            block.append(line)
            continue
        out.append(_lines("".join(block), wanted))
        block = []
        section = line if line.startswith("[") else section
        is_deps = line.partition("=")[0].strip() == "deps"
        inside = bool(_OPTIONS.match(section)) or (is_deps and bool(_TESTED.match(section)))
        out.append(_on_one_line(line, wanted) if inside else line)
    return "".join(out)


def _on_one_line(line: str, wanted: Wanted) -> str:
    """``install_requires = sqlalchemy; psycopg2``"""
    option, sign, value = line.partition("=")
    listed = [f"{each.strip()}\n" for each in value.split(";")]
    new = _lines("".join(listed), wanted)
    if not sign or new == "".join(listed):
        return line
    return f"{option}{sign} {'; '.join(new.splitlines())}\n"


# -- TOML


def _toml(text: str, wanted: Wanted) -> str:
    """Lists of requirements, and tables of Poetry and Pipenv."""
    text = edit_tables(text, wanted)
    try:
        document = tomlkit.parse(text)
    except TOMLKitError:
        return text
    changed = [_array(array, wanted) for array in _arrays(document)]
    extras = document.get("tool", {}).get("poetry", {}).get("extras", {}).values()
    changed += [_array(array, wanted, bare=True) for array in extras if isinstance(array, Array)]
    return tomlkit.dumps(document) if any(changed) else text


def _arrays(document: tomlkit.TOMLDocument) -> Iterator[Array]:
    """The lists of requirements in a pyproject.toml."""
    project, tools = document.get("project", {}), document.get("tool", {})
    uv, pdm = tools.get("uv", {}), tools.get("pdm", {})
    found = [project.get("dependencies"), uv.get("dev-dependencies")]
    for groups in (
        project.get("optional-dependencies", {}), document.get("dependency-groups", {}),
        pdm.get("dev-dependencies", {}),
    ):  # fmt: skip
        found += groups.values()
    for environment in tools.get("hatch", {}).get("envs", {}).values():
        found += [environment.get("dependencies"), environment.get("extra-dependencies")]
    yield from (array for array in found if isinstance(array, Array))


def _array(array: Array, wanted: Wanted, bare: bool = False) -> bool:
    """Does a list change? A ``bare`` one has names alone, of what a table says more about."""
    changed = False
    for number, item in enumerate(list(array)):
        new = edited(item, wanted) if isinstance(item, str) and not bare else item
        if new != item:
            array[number] = new
            changed = True
    written = {name_of(item): item for item in array if isinstance(item, str)}
    for anchor, name, version in reversed(list(wanted.additions(written, written))):
        place = next(n for n, x in enumerate(array) if isinstance(x, str) and name_of(x) == anchor)
        array.insert(place + 1, name.partition("[")[0] if bare else f"{name}{version}")
        changed = True
    return changed
