"""How a library calls a function that it is given: the form of the rows about libraries, and what
several of them say."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Rule(Enum):
    """How a function that is given away, or decorated, is called."""

    AWAITED = "awaited"  # a coroutine function is awaited: it may turn
    SYNC = "sync"  # called plainly, its result is used or dropped: it stays sync
    OWN_LOOP = "own loop"  # each call has an event loop of its own: its sessions stay sync
    THREAD = "thread"  # run in a thread, awaited by the caller: becomes a plain await of it
    UNWRAP = "unwrap"  # makes a coroutine function that runs it in a thread: becomes it itself
    ENTRY = "entry"  # called plainly by a command line: gets asyncio.run at the top
    TRANSPARENT = "transparent"  # what the function gives is handed through: it may turn
    STRIP = "strip"  # keeps the coroutine, which can be awaited once: the decorator goes
    RENAME = "rename"  # has an async counterpart, `new`
    INSPECTED = "inspected"  # looked at, not called


class Boundary(NamedTuple):
    """One function, decorator or method that takes a function.

    ``argument`` is the position of the function among the arguments and ``keyword`` its name; a
    decorator has position -1. ``name`` is a dotted name, or a method's name in ``METHODS``.
    """

    name: str
    rule: Rule
    argument: int = -1
    keyword: str = ""
    new: str = ""
    note: str = ""
    source: str = ""


AWAITED = Rule.AWAITED
SYNC = Rule.SYNC
FASTAPI = "https://fastapi.tiangolo.com/"
STARLETTE = "https://www.starlette.io/"
CELERY = "https://docs.celeryq.dev/en/stable/userguide/tasks.html"
CLICK = "https://click.palletsprojects.com/en/stable/commands/"
TYPER = "https://typer.tiangolo.com/tutorial/commands/"
LITESTAR = "https://docs.litestar.dev/2/"
TORNADO = "https://www.tornadoweb.org/en/stable/"
THREADED = "a plain function ran in a thread: other blocking calls in it now block the loop"
OWN_LOOP = "stays sync, on a sync engine: it has no event loop, or one of its own"
CALLED = "what the coroutine function returns is never awaited"
