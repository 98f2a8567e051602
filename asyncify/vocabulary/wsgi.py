"""WSGI frameworks: they call their views plainly, or in an event loop of its own each time, and an
async engine keeps connections, which belong to the loop that they were opened in. Programs of
theirs stay sync.

https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#using-multiple-asyncio-event-loops
"""

from __future__ import annotations

from typing import NamedTuple

from asyncify.vocabulary import flask


class Framework(NamedTuple):
    """What is told of one: its name, why its views stay sync, and what to do."""

    name: str
    reason: str
    advice: str


def _plain(name: str) -> Framework:
    return Framework(
        name,
        f"{name} is a WSGI framework: it calls its views plainly, and nobody would await them",
        "Keep it sync; or move the application to an ASGI framework first (FastAPI, Starlette, "
        "Litestar), and run asyncify again.",
    )


_FLASK = Framework("Flask", flask.REASON, flask.ADVICE)
_BY_PACKAGE = {
    "bottle": _plain("Bottle"), "cherrypy": _plain("CherryPy"), "pyramid": _plain("Pyramid"),
}  # fmt: skip
_ALL = (_FLASK, *_BY_PACKAGE.values())

# Packages of frameworks that serve requests in one event loop: beside one of these, views of the
# others can stay sync on sessions of their own.
ASYNC_FRAMEWORKS: frozenset[str] = frozenset(
    {
        "aiohttp", "blacksheep", "fastapi", "falcon", "litestar", "quart", "robyn", "sanic",
        "starlette", "tornado",
    }
)  # fmt: skip


def framework(caller: str) -> Framework:
    """The framework that a view is given to by a function or decorator of that name."""
    return _BY_PACKAGE.get(caller.lstrip("@").partition(".")[0], _FLASK)


def told(reason: str) -> Framework:
    """The framework whose reason this is, or begins with."""
    return next(each for each in _ALL if reason.startswith(each.reason))
