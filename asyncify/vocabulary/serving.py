"""What runs an event loop of its own until the program ends, by its dotted name: as data.

No such call may stand inside of another loop. Some have a form that is awaited instead.
"""

from __future__ import annotations

# The forms: ``{0}`` is the first argument, ``{module}`` the library as the file spells it, and
# ``{helper}`` a function of ours.
# Run what they are given, and no more; https://docs.python.org/3/library/asyncio-runner.html
# https://anyio.readthedocs.io/en/stable/api.html#anyio.run
ALONE = {"asyncio.run": "{0}", "asyncio.runners.run": "{0}", "anyio.run": "{0}({1:})"}
COROUTINES = {"asyncio.run": "{0}", "asyncio.runners.run": "{0}"}
UNTIL_COMPLETE = "run_until_complete"  # of a loop of asyncio
CLOSE = "close"
SET_LOOP = "asyncio.set_event_loop"
ASYNC_TO_SYNC = "asgiref.sync.async_to_sync"  # what it gives runs a loop for each call
UVICORN = {"uvicorn.run", "uvicorn.main.run"}
UVICORN_FORM = "{module}.Server({module}.Config({args})).serve()"
PROCESSES = ("reload", "workers")  # with one of these other processes run the loops
UVICORN_HELPER = "serve_uvicorn"  # where it isn't known whether they are asked for
UVICORN_ASKS = "{helper}({args})"
UNFIT = "app_dir"  # which only the plain form takes
# Methods and functions without any: pairs of what the name starts with, and its last part.
PLAIN = tuple(
    (library, name)
    for libraries, names in (
        ("asyncio.Runner asyncio.runners.Runner", "run"),
        ("telegram.", "run_polling run_webhook"),
        ("discord. disnake. nextcord. pyrogram.", "run"),
        ("aiogram.", "start_polling start_webhook"),
        ("aiohttp.web.", "run_app"),
        ("mcp. fastmcp. quart.", "run"),
    )
    for library in libraries.split() for name in names.split()
)  # fmt: skip
# Aiogram's dispatcher has a coroutine of the same name.
EXECUTORS = {"aiogram.": "executor"}
DISTINCTIVE = {"run_polling", "run_webhook"}  # whatever they are called on
TAILS = frozenset({"run", "async_to_sync", UNTIL_COMPLETE, *(name for _, name in PLAIN)})
ROOTS = frozenset(
    {"asgiref", "asyncio", "uvicorn", *(library.partition(".")[0] for library, _ in PLAIN)}
)
