"""What runs coroutines at the same time, later than their caller, or keeps them: as data.

A session is one connection and one transaction, so that two tasks can't use it at once, and it ends
with the block or the request that it was made for.
https://docs.sqlalchemy.org/en/21/orm/session_basics.html#is-the-session-thread-safe-is-asyncsession-safe-to-share-in-concurrent-tasks
"""

from __future__ import annotations

# All arguments run at the same time.
TOGETHER = frozenset({"asyncio.gather", "asyncio.tasks.gather", "asyncio.as_completed"})
PARTIALS = frozenset({"functools.partial"})
# What makes a coroutine function of a plain one, which goes on running in a thread, by a call or as
# a decorator:
# https://docs.djangoproject.com/en/stable/topics/async/#sync-to-async,
# https://asyncer.tiangolo.com/tutorial/asyncify/
THREADING = frozenset({"asgiref.sync.sync_to_async", "asyncer.asyncify"})
# Methods that take a function by its dotted path, too: https://python-rq.org/docs/,
# https://apscheduler.readthedocs.io/en/3.x/modules/schedulers/base.html
TAKING_PATHS = frozenset({"enqueue", "enqueue_at", "enqueue_in", "enqueue_call", "add_job"})
# The argument runs beside what follows.
STARTING = frozenset(
    {
        "asyncio.create_task",
        "asyncio.ensure_future",
        "asyncio.TaskGroup().create_task",
        "asyncio.get_event_loop().create_task",
        "asyncio.get_running_loop().create_task",
    }
)
# The same, of a function and its arguments.
STARTING_FUNCTIONS = frozenset({"anyio.create_task_group().start_soon"})
# Packages by which tasks run beside each other: each request, job or message is one.
BESIDE_EACH_OTHER = frozenset(
    {
        "aiogram", "aiohttp", "anyio", "apscheduler", "ariadne", "arq", "asyncio", "celery",
        "discord", "django", "dramatiq", "falcon", "fastapi", "faststream", "flask", "grpc",
        "huey", "hypercorn", "litestar", "mcp", "quart", "robyn", "rq", "sanic", "slack_bolt",
        "starlette", "strawberry", "telegram", "tornado", "trio", "uvicorn", "websockets",
    }
)  # fmt: skip
# What calls a function and drops what it gives, or takes it for its result: nothing here awaits.
PLAIN_CALLERS = (
    "anyio.to_thread.", "apscheduler.schedulers.background.", "apscheduler.schedulers.blocking.",
    "asyncio.", "atexit.", "builtins.", "concurrent.futures.", "fastapi.concurrency.",
    "itertools.", "multiprocessing.", "signal.", "starlette.concurrency.", "threading.", "weakref.",
)  # fmt: skip
EVENT_LOOP = "asyncio.AbstractEventLoop"
LOOPS = frozenset(
    {"asyncio.get_running_loop", "asyncio.get_event_loop", "asyncio.new_event_loop", EVENT_LOOP}
)
COMMANDS = ("click.", "typer.")
# What tells the sessions of a scoped session apart: the task, or the thread as before.
OF_TASKS = "asyncio.current_task"
OF_THREADS = "threading.get_ident"
# What has other attributes in each thread.
THREAD_LOCAL = "threading.local"
# What lets one task in at a time.
LOCKS = frozenset({"asyncio.Lock", "anyio.Lock"})
# Kinds of sessions that tasks can't share; a scoped one may have one for every task.
OF_ONE_TASK = frozenset({"AsyncSession", "AsyncConnection"})

# Methods and functions that run a function, with the arguments behind it, after the response.
AFTERWARDS = frozenset(
    {
        *(
            f"{module}.BackgroundTasks().add_task"
            for module in ("fastapi", "fastapi.background", "starlette.background")
        ),
        "starlette.background.BackgroundTask",
        "fastapi.background.BackgroundTask",
    }
)
# Responses whose body is made by the iterator that they are given, while they are sent.
STREAMING = frozenset(
    {
        "fastapi.responses.StreamingResponse",
        "starlette.responses.StreamingResponse",
        "sse_starlette.EventSourceResponse",
        "sse_starlette.sse.EventSourceResponse",
    }
)
# Decorators that keep what a call gives and give it again.
CACHING = frozenset(
    {
        "functools.lru_cache",
        "functools.cache",
        "functools.cached_property",
        "cachetools.cached",
        "cachetools.cachedmethod",
        "cachetools.func.lru_cache",
        "cachetools.func.ttl_cache",
        "werkzeug.utils.cached_property",
    }
)
# Decorators of methods that leave them what they are.
OF_METHODS = frozenset(
    {
        "staticmethod",
        "classmethod",
        "abc.abstractmethod",
        "typing.final",
        "typing_extensions.final",
        "typing.override",
        "typing_extensions.override",
    }
)
# Functions that register a listener, and its position and keyword.
LISTENER = "fn"
LISTEN = {"sqlalchemy.event.listen": 2, "sqlalchemy.event.api.listen": 2}
LISTENS_FOR = frozenset({"sqlalchemy.event.listens_for", "sqlalchemy.event.api.listens_for"})

# The sync objects behind async ones, and the kind of each.
SYNC_SIDES = {"sync_session": "Session", "sync_engine": "Engine", "sync_connection": "Connection"}
# Their members that work outside of a greenlet as well, as far as anybody can tell.
WITHOUT_GREENLET = frozenset({"delete", "begin", "close", "dispose"})

# Methods of MetaData that do I/O on the engine or connection that they are given.
ON_BINDS = frozenset({"create_all", "drop_all", "reflect"})
ASYNC_BINDS = frozenset({"AsyncEngine", "AsyncConnection"})

# What ends a transaction and expires what was in it, the option of a factory for that, and the
# methods behind which an object isn't expired with the rest.
COMMITTING = frozenset({"commit"})
BEGINNING = frozenset({"begin"})  # a block that commits at its end
# Decorators of routes whose results are read when they have returned: for JSON.
SERIALIZING = ("fastapi.FastAPI().", "fastapi.APIRouter().")
EXPIRE_OPTION = "expire_on_commit"
FORGETTING = frozenset({"delete", "expunge", "expunge_all"})

# Give the next value of an async generator, which waits behind its `yield` then.
STEPPING = frozenset({"anext", "builtins.anext"})
STEPPING_MEMBER = "__anext__"

# Get functions that run before the first request, or in a loop of their own: nobody else waits for
# the loop then.
STARTUP = frozenset(
    {
        "cyclopts.App().command",
        "cyclopts.App().default",
        "cyclopts.App().meta.default",
        "fastapi.FastAPI",
        "starlette.applications.Starlette",
        "fastapi.FastAPI().on_event",
        "fastapi.APIRouter().on_event",
        "fastapi.FastAPI().add_event_handler",
    }
)
