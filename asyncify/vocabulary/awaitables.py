"""Who takes a coroutine, and what annotations promise one: tables of data.

A coroutine that is handed to one of these is awaited, scheduled or looked at by it. Sources:
https://docs.python.org/3/library/asyncio-task.html,
https://docs.python.org/3/library/inspect.html#inspect.isawaitable,
https://docs.python.org/3/library/unittest.mock.html.
"""

from __future__ import annotations

# Modules all of whose functions know what a coroutine is.
TAKING_MODULES = (
    "asyncio", "anyio", "trio", "curio", "uvloop", "inspect", "types", "typing", "unittest.mock",
    "pytest_asyncio", "nest_asyncio", "asgiref", "aiostream", "greenlet", "gevent",
)  # fmt: skip
# What calls a lambda that it is given in the place of something that is awaited.
MOCKING = (
    "unittest.mock.", "monkeypatch.", "pytest.MonkeyPatch().", "_pytest.monkeypatch.",
    "pytest_mock.",
)  # fmt: skip
# What looks at the results of a function that it applies: a coroutine is always true, and compares
# with nothing.
APPLYING = frozenset(
    {"sorted", "sort", "min", "max", "filter", "groupby", "takewhile", "dropwhile"}
)
# What looks whether something is one, or makes one.
LOOKING_NAMES = frozenset({
    "isawaitable", "iscoroutine", "iscoroutinefunction", "isasyncgenfunction", "isasyncgen",
})  # fmt: skip
# What a value is compared with to tell whether it is gone through by `async for`.
ITERABLE_NAMES = frozenset({
    "AsyncIterable", "AsyncIterator", "AsyncGenerator", "isasyncgen", "isasyncgenfunction",
})  # fmt: skip
# Functions and methods of any library, by their last name.
TAKING_NAMES = frozenset({
    "run_until_complete", "create_task", "ensure_future", "gather", "wait_for", "shield",
    "as_completed", "run_coroutine_threadsafe", "isawaitable", "iscoroutine", "aclosing",
    "enter_async_context", "await_only", "await_fallback",
})  # fmt: skip
# Awaited themselves, they give what they are given, or what awaiting that gives.
ENSURING_NAMES = frozenset({
    "ensure_async", "ensure_awaitable", "maybe_await", "maybe_awaitable", "await_maybe",
    "force_async", "maybe_async",
})  # fmt: skip
# Others may take one, or look at it.
PERHAPS_NAMES = frozenset({
    "run", "wait", "spawn", "start_soon", "start", "submit", "schedule", "isinstance", "callable",
    "type", "id", "hasattr", "getattr", "cast", "closing", "portal", "send", "return_value",
    "throw", "resolve",
})  # fmt: skip
# Parts of a name that tell the same: `run_async`, `await_all`, `add_coroutine`, `add_task`.
TAKING_PARTS = ("async", "await", "coro", "task", "future", "loop")
# Methods that keep what they are given: who reads the container decides.
KEEPING_NAMES = frozenset({
    "append", "appendleft", "add", "insert", "extend", "put", "put_nowait", "setdefault", "update",
})  # fmt: skip
# Builtins that give the elements of a container on.
PASSING_NAMES = frozenset({
    "list", "tuple", "set", "frozenset", "zip", "enumerate", "reversed", "iter", "dict", "filter",
    "chain", "next",
})  # fmt: skip
# Annotations of what can be awaited.
AWAITABLE_WORDS = (
    "Awaitable", "Coroutine", "Future", "Task", "AsyncIterator", "AsyncGenerator", "AsyncIterable",
    "Callable",
)  # fmt: skip
# Annotations that promise nothing.
OPEN_WORDS = frozenset({"Any", "object"})
# Members of a coroutine itself.
COROUTINE_MEMBERS = frozenset({
    "close", "send", "throw", "__await__", "cr_frame", "cr_running", "cr_code", "cr_await",
    "add_done_callback", "cancel", "__class__",
})  # fmt: skip
