"""Which requirements a group of requirements wants, and how one is written."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from asyncify.manifests.changes import Needs
from asyncify.source.suite import holds_pytest_back
from asyncify.vocabulary.packages import (
    AIOSQLITE_OF_DAEMONS,
    ASYNC_REQUIREMENTS,
    ASYNCIO_EXTRA,
    BRINGS_SQLALCHEMY,
    FIRST_ENDING_THREADS,
    HTTPX,
    HTTPX_VERSION,
    PYTEST,
    PYTEST_ASYNCIO,
    PYTEST_ASYNCIO_ANY,
    PYTEST_ASYNCIO_VERSION,
    SQLALCHEMY,
    SQLMODEL,
    SYNC_DISTRIBUTIONS,
    SYNC_EXTRAS,
)
from asyncify.vocabulary.urls import async_drivername

_REQUIREMENT = re.compile(
    r"^(?P<before>\s*)(?P<name>[A-Za-z0-9][\w.-]*)(?P<extras>\s*\[[^\]]*\])?(?=\s*(?:[=<>!~;@#(,]|$))"
)
_PIN = re.compile(r"(==|<=?|\^|~=?|^\s*[\"'])\s*(\d+)(?:\.(\d+))?(?:\.(\d+))?")
# What is said of SQLAlchemy's version: behind its name, or in the string that it is set to.
_SQLALCHEMY = re.compile(
    r"\bsqlalchemy(?![-\w.])(?:\s*\[[^\]]*\])?"
    r"(\s*=\s*(?:\{[^}\n]*?version\s*=\s*)?[\"'][^\"']*|[^\"'\n;#]*)",
    re.IGNORECASE,
)
_LOCKED = re.compile(  # the version in a lock file, of TOML and of JSON
    r"\"sqlalchemy\"(?:\nversion = |: \{[^}]*?\"version\": )(\"[^\"]*)", re.IGNORECASE
)
_BOUND = re.compile(r"(===?|<=?|~=?|\^|[\"'])\s*(\d+)(?:\.(\d+))?(?:\.(\d+))?")
_FLOOR = re.compile(r">=\s*0\.(\d+)(?:\.\d+)*")

Addition = tuple[str, str, str]  # behind which requirement, the name, the version


class Wanted:
    """``known`` are all words of all manifests; ``aiosqlite`` is what is wanted of that."""

    def __init__(self, needs: Needs, known: frozenset[str], holds_old: bool) -> None:
        self.needs = needs
        self.known = known
        self.aiosqlite = AIOSQLITE_OF_DAEMONS if holds_old else ASYNC_REQUIREMENTS["aiosqlite"]

    def knows(self, name: str) -> bool:
        return name in self.known

    @property
    def _bringing(self) -> tuple[str, ...]:
        """What may bring SQLAlchemy: where it or SQLModel is named somewhere, nothing else does."""
        named = self.knows(SQLALCHEMY) or self.knows(SQLMODEL)
        return (SQLMODEL,) if named else BRINGS_SQLALCHEMY

    def additions(
        self, names: Collection[str], written: Mapping[str, str] | None = None
    ) -> Iterator[Addition]:
        """What a group with these names wants beside them; ``written`` has them with versions."""
        extras = _words((written or {}).get(SQLALCHEMY, ""))
        seen = {*names, *(extra.rpartition("-")[2] for extra in extras)}
        anchors = {SYNC_EXTRAS[extra]: SQLALCHEMY for extra in sorted(extras & SYNC_EXTRAS.keys())}
        yield from self._drivers({**anchors, **{name: name for name in names}}, seen)
        base = next((x for x in (SQLALCHEMY, *self._bringing) if x in names), "")
        if base and base != SQLALCHEMY and not self.knows(SQLALCHEMY):
            yield base, f"{SQLALCHEMY}[{ASYNCIO_EXTRA}]", ""
        if base and self.needs.sqlite == "program" and not self.knows("aiosqlite"):
            yield base, "aiosqlite", self.aiosqlite
        if PYTEST in names and self.needs.tests:
            yield from self._tests(written or {})

    def _drivers(self, anchors: Mapping[str, str], seen: set[str]) -> Iterator[Addition]:
        """The async driver for each sync one, behind the requirement that brings that."""
        for name in sorted(anchors.keys() & SYNC_DISTRIBUTIONS.keys()):
            backend, driver = SYNC_DISTRIBUTIONS[name]
            chosen = dict(self.needs.drivers)
            found = async_drivername(f"{backend}+{driver}", self.needs.line, chosen) or ""
            new = found.partition("+")[2]
            if new and new not in seen:
                seen.add(new)
                yield anchors[name], new, ASYNC_REQUIREMENTS.get(new, "")

    def _tests(self, written: Mapping[str, str]) -> Iterator[Addition]:
        if not self.knows(PYTEST_ASYNCIO):
            pin = _PIN.search(written.get(PYTEST, ""))
            held = pin is not None and holds_pytest_back(*pin.groups())
            yield PYTEST, PYTEST_ASYNCIO, PYTEST_ASYNCIO_ANY if held else PYTEST_ASYNCIO_VERSION
        if self.needs.client and not self.knows(HTTPX):
            yield PYTEST, HTTPX, HTTPX_VERSION
        if self.needs.sqlite == "tests" and not self.knows("aiosqlite"):
            yield PYTEST, "aiosqlite", self.aiosqlite


def holds_old_sqlalchemy(text: str) -> bool:
    """Does a manifest or a lock file hold SQLAlchemy below the version that ends the threads of
    aiosqlite? A lock that is written again keeps the version that it has."""
    return any(
        int(major) < FIRST_ENDING_THREADS[0]
        if sign in ("~=", "~", "^")
        else (int(major), int(minor or 0), int(patch or 0)) < FIRST_ENDING_THREADS
        for said in (*_SQLALCHEMY.findall(text), *_LOCKED.findall(text))
        for sign, major, minor, patch in _BOUND.findall(said)
    )


def _words(text: str) -> set[str]:
    """The extras of a requirement, among its other words."""
    return {word.replace("_", "-") for word in re.findall(r"[\w.-]+", text.lower())}


def name_of(text: str) -> str:
    """The normalised name of a requirement, or '' for what is none."""
    match = _REQUIREMENT.match(text)
    return re.sub(r"[-_.]+", "-", match["name"]).lower() if match else ""


def edited(text: str, wanted: Wanted) -> str:
    """A requirement as it has to be: SQLAlchemy with the extra ``asyncio``, and what runs the tests
    no older than their settings; any other as it is."""
    is_plugin = name_of(text) == PYTEST_ASYNCIO
    if is_plugin and wanted.needs.tests and wanted.needs.version is None and "<" not in text:
        return _FLOOR.sub(_raised, text, count=1)
    return _with_extra(text)


def _raised(floor: re.Match[str]) -> str:
    low = _FLOOR.match(PYTEST_ASYNCIO_VERSION)
    older = low is not None and int(floor[1]) < int(low[1])
    return PYTEST_ASYNCIO_VERSION if older else floor[0]


def _with_extra(text: str) -> str:
    match = _REQUIREMENT.match(text)
    if match is None or name_of(text) != SQLALCHEMY:
        return text
    extras = [x.strip() for x in (match["extras"] or "").strip(" []").split(",") if x.strip()]
    if ASYNCIO_EXTRA in extras:
        return text
    listed = ",".join([*extras, ASYNCIO_EXTRA])
    return f"{match['before']}{match['name']}[{listed}]{text[match.end() :]}"
