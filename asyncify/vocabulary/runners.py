"""What calls a function with the arguments that are given along with it, as data.

``pool.submit(work, SessionLocal, 1)`` calls ``work(SessionLocal, 1)``: what it is given there is
what its parameters are.
"""

from __future__ import annotations

from typing import NamedTuple


class Runner(NamedTuple):
    """``argument`` and ``keyword``: where the function stands. Its arguments stand behind it, or in
    a tuple and a dict, at the position ``packed`` and by the keywords ``args`` and ``kwargs``, or
    (``items``) each of them is one of the items of what stands behind it. ``gives``: awaited, the
    call gives what the function returns."""

    argument: int
    keyword: str = ""
    packed: int = -1
    items: bool = False
    gives: bool = False


_BEHIND = Runner(0)
_LOOPS = tuple(
    f"asyncio.{name}()"
    for name in ("get_event_loop", "get_running_loop", "new_event_loop", "AbstractEventLoop")
)
_EXECUTORS = tuple(
    f"concurrent.futures.{name}()"
    for name in ("ThreadPoolExecutor", "ProcessPoolExecutor", "Executor")
)
_POOLS = (
    "multiprocessing.Pool()",
    "multiprocessing.pool.Pool()",
    "multiprocessing.pool.ThreadPool()",
)
_TASKS = tuple(
    f"{module}.BackgroundTasks()"
    for module in ("fastapi", "fastapi.background", "starlette.background")
)
_SCHEDULERS = tuple(
    f"apscheduler.schedulers.{name}()"
    for name in (
        "background.BackgroundScheduler", "blocking.BlockingScheduler", "asyncio.AsyncIOScheduler",
    )
)  # fmt: skip

# By dotted name; methods are ``class().method``.
RUNNERS: dict[str, Runner] = {
    **dict.fromkeys(
        (
            "asyncio.to_thread",
            "fastapi.concurrency.run_in_threadpool",
            "starlette.concurrency.run_in_threadpool",
            "anyio.to_thread.run_sync",
        ),
        Runner(0, "func", gives=True),
    ),
    **{f"{loop}.run_in_executor": Runner(1, "func", gives=True) for loop in _LOOPS},
    **{
        f"{loop}.{name}": Runner(position)
        for loop in _LOOPS
        for name, position in (
            ("call_soon", 0), ("call_soon_threadsafe", 0), ("call_later", 1), ("call_at", 1),
            ("add_signal_handler", 1), ("add_reader", 1), ("add_writer", 1),
        )
    },
    **{f"{owner}.submit": _BEHIND for owner in _EXECUTORS},
    **{f"{owner}.map": Runner(0, items=True) for owner in (*_EXECUTORS, *_POOLS)},
    **{
        f"{owner}.{name}": Runner(0, "func", packed=1)
        for owner in _POOLS for name in ("apply", "apply_async")
    },
    **{
        f"{owner}.{name}": Runner(0, "func", items=True)
        for owner in _POOLS for name in ("map_async", "imap", "imap_unordered")
    },
    "threading.Thread": Runner(1, "target", packed=3),
    "multiprocessing.Process": Runner(1, "target", packed=3),
    "multiprocessing.context.Process": Runner(1, "target", packed=3),
    "threading.Timer": Runner(1, "function", packed=2),
    **{f"{owner}.add_task": Runner(0, "func") for owner in _TASKS},
    "starlette.background.BackgroundTask": Runner(0, "func"),
    "fastapi.background.BackgroundTask": Runner(0, "func"),
    "atexit.register": _BEHIND,
    "weakref.finalize": Runner(1, "func"),
    "contextvars.copy_context().run": _BEHIND,
    "contextlib.ExitStack().callback": _BEHIND,
    **{f"{owner}.add_job": Runner(0, "func", packed=2) for owner in _SCHEDULERS},
    **{f"{owner}.enqueue": _BEHIND for owner in ("rq.Queue()", "rq.queue.Queue()")},
}  # fmt: skip

# Methods that say by their name what they do, whatever they are called on.
RUNNING: dict[str, Runner] = {
    "submit": _BEHIND,
    "run_in_executor": Runner(1, "func", gives=True),
    "call_soon_threadsafe": _BEHIND,
    "add_task": Runner(0, "func"),
}
