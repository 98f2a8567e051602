"""Who calls a function that is handed to a library, and may it be a coroutine function?

A function that turns async while its caller goes on calling it plainly does nothing at all, often
without a word. So each library function that takes or decorates one has a rule here; what has none
is unknown, and a function that is given to it stays sync.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from asyncify.vocabulary.injection import PROVIDERS


class Rule(Enum):
    """How a function that is given away, or decorated, is called."""

    AWAITED = "awaited"  # a coroutine function is awaited: it may turn
    SYNC = "sync"  # called plainly, its result is used or dropped: it stays sync
    OWN_LOOP = "own loop"  # each call has an event loop of its own: its sessions stay sync
    THREAD = "thread"  # run in a thread, awaited by the caller: becomes a plain await of it
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


# What runs a function in a thread with positional arguments: the keywords are its own.
# https://anyio.readthedocs.io/en/stable/api.html#anyio.to_thread.run_sync
PLAIN_THREADS: frozenset[str] = frozenset({"anyio.to_thread.run_sync"})

# What argparse keeps for an attribute of the namespace: `parser.set_defaults(func=run)`.
# https://docs.python.org/3/library/argparse.html#sub-commands
NAMESPACE_DEFAULTS = "set_defaults"

# What the decorators of functools that keep results put on a function.
CACHE_MEMBERS = ("cache_clear", "cache_info", "cache_parameters", "__wrapped__")

_AWAITED = Rule.AWAITED
_SYNC = Rule.SYNC
_TRANSPARENT = Rule.TRANSPARENT

_FASTAPI = "https://fastapi.tiangolo.com/"
_STARLETTE = "https://www.starlette.io/"
_PYTHON = "https://docs.python.org/3/library/"
_CELERY = "https://docs.celeryq.dev/en/stable/userguide/tasks.html"
_CLICK = "https://click.palletsprojects.com/en/stable/commands/"
_INJECTOR = "https://python-dependency-injector.ets-labs.org/wiring.html"
_TYPER = "https://typer.tiangolo.com/tutorial/commands/"
_PYDANTIC = "https://docs.pydantic.dev/latest/concepts/validators/"
_SQLALCHEMY_EVENTS = (
    "https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html"
    "#using-events-with-the-asyncio-extension"
)
_SQLALCHEMY_MAPPING = "https://docs.sqlalchemy.org/en/21/orm/mapped_attributes.html"
_HYPOTHESIS = "https://hypothesis.readthedocs.io/en/latest/reference/api.html"
_PYTEST = "https://pytest-asyncio.readthedocs.io/en/stable/reference/decorators/"
_MOCK = _PYTHON + "unittest.mock.html#patch"

_DATADOG = "https://ddtrace.readthedocs.io/en/stable/api.html"
_SENTRY = "https://docs.sentry.io/platforms/python/tracing/instrumentation/"
_LITESTAR = "https://docs.litestar.dev/2/"
_TORNADO = "https://www.tornadoweb.org/en/stable/"
_STRAWBERRY = "https://strawberry.rocks/docs/"
_PLUGGY = "https://pluggy.readthedocs.io/en/stable/"
_CELERY_SIGNALS = "https://docs.celeryq.dev/en/stable/userguide/signals.html"
_THREADED = "a plain function ran in a thread: other blocking calls in it now block the loop"
_OWN_LOOP = "stays sync, on a sync engine: it has no event loop, or one of its own"
_CALLED = "what the coroutine function returns is never awaited"

# Keywords of a package that say whether a plain function runs in a thread.
# https://docs.litestar.dev/2/topics/sync-vs-async.html
THREAD_KEYWORDS: dict[str, str] = {"litestar": "sync_to_thread"}

_LITESTAR_ROUTES = (
    *("get", "post", "put", "patch", "delete", "head", "route"),
    *("websocket", "websocket_listener", "asgi"),
)

_ROWS = (
    # FastAPI and Starlette
    *(
        Boundary(name, _AWAITED, 0, "dependency", note=_THREADED, source=_FASTAPI + "async/")
        for name in (
            "fastapi.Depends",
            "fastapi.Security",
            "fastapi.param_functions.Depends",
            "fastapi.param_functions.Security",
        )
    ),
    Boundary(
        "starlette.background.BackgroundTask",
        _AWAITED,
        0,
        "func",
        note=_THREADED,
        source=_STARLETTE + "background/",
    ),
    *(
        Boundary(name, _AWAITED, 1, "endpoint", note=_THREADED, source=_STARLETTE + "routing/")
        for name in (
            "starlette.routing.Route",
            "starlette.routing.WebSocketRoute",
            "fastapi.routing.APIRoute",
        )
    ),
    *(
        Boundary(name, _AWAITED, 0, "content", source=_STARLETTE + "responses/#streamingresponse")
        for name in (
            "fastapi.responses.StreamingResponse",
            "starlette.responses.StreamingResponse",
        )
    ),
    *(
        Boundary(name, Rule.THREAD, 0, "func", source=_STARLETTE + "threadpool/")
        for name in (
            "fastapi.concurrency.run_in_threadpool",
            "starlette.concurrency.run_in_threadpool",
            "anyio.to_thread.run_sync",
        )
    ),
    Boundary(
        "asyncio.to_thread",
        Rule.THREAD,
        0,
        "func",
        source=_PYTHON + "asyncio-task.html#asyncio.to_thread",
    ),
    Boundary(
        "asgiref.sync.sync_to_async",
        Rule.THREAD,
        0,
        "func",
        note="gives a coroutine function",
        source="https://docs.djangoproject.com/en/stable/topics/async/",
    ),
    # contextlib
    Boundary(
        "contextlib.contextmanager",
        Rule.RENAME,
        new="contextlib.asynccontextmanager",
        source=_PYTHON + "contextlib.html#contextlib.asynccontextmanager",
    ),
    Boundary("contextlib.asynccontextmanager", _AWAITED, source=_PYTHON + "contextlib.html"),
    Boundary(
        "contextlib.closing",
        Rule.RENAME,
        0,
        "thing",
        new="contextlib.aclosing",
        note="of an async generator; a session or connection is entered itself",
        source=_PYTHON + "contextlib.html#contextlib.aclosing",
    ),
    # functools
    *(
        Boundary(
            name,
            Rule.STRIP,
            note="keeps the coroutine, and the second await of it raises",
            source=_PYTHON + "functools.html#functools.lru_cache",
        )
        for name in (
            "functools.lru_cache",
            "functools.cache",
            "functools.cached_property",
            "cachetools.cached",
            "cachetools.cachedmethod",
            "cachetools.func.lru_cache",
            "cachetools.func.ttl_cache",
            "werkzeug.utils.cached_property",
            "sqlalchemy.util.memoized_property",
        )
    ),
    *(
        Boundary(name, _TRANSPARENT, 0, "func", source=_PYTHON + "functools.html#functools.partial")
        for name in ("functools.partial", "functools.partialmethod")
    ),
    *(
        Boundary(name, _TRANSPARENT, source=_PYTHON + "functools.html")
        for name in ("functools.singledispatch", "functools.singledispatchmethod")
    ),
    *(
        Boundary(name, Rule.INSPECTED, 0, "wrapped", source=_PYTHON + "functools.html")
        for name in ("functools.wraps", "functools.update_wrapper")
    ),
    Boundary("functools.reduce", _SYNC, 0, note=_CALLED, source=_PYTHON + "functools.html"),
    Boundary("functools.cmp_to_key", _SYNC, 0, note=_CALLED, source=_PYTHON + "functools.html"),
    # Builtins and decorators of the language
    *(
        Boundary(name, _TRANSPARENT, source=_PYTHON + "functions.html")
        for name in (
            "builtins.property",
            "builtins.staticmethod",
            "builtins.classmethod",
            "abc.abstractmethod",
            "abc.abstractproperty",
            "typing.override",
            "typing_extensions.override",
            "typing.overload",
            "typing.final",
            "warnings.deprecated",
            "typing_extensions.deprecated",
        )
    ),
    *(
        Boundary(name, _SYNC, 0, note="rewritten where equal", source=_PYTHON + "functions.html")
        for name in ("builtins.map", "builtins.filter")
    ),
    *(
        Boundary(
            name, _SYNC, 1, "key", note="rewritten where equal", source=_PYTHON + "functions.html"
        )
        for name in ("builtins.sorted", "builtins.min", "builtins.max", "itertools.groupby")
    ),
    *(
        Boundary(name, Rule.INSPECTED, 0, source=_PYTHON + "functions.html")
        for name in (
            "builtins.isinstance",
            "builtins.issubclass",
            "builtins.callable",
            "builtins.id",
            "builtins.type",
            "builtins.print",
            "builtins.repr",
            "builtins.str",
            "builtins.hash",
            "builtins.getattr",
            "builtins.hasattr",
            "builtins.setattr",
            "inspect.signature",
            "inspect.iscoroutinefunction",
            "inspect.getdoc",
            "asyncio.iscoroutinefunction",
        )
    ),
    Boundary(
        "dataclasses.field",
        _SYNC,
        keyword="default_factory",
        note=_CALLED,
        source=_PYTHON + "dataclasses.html#dataclasses.field",
    ),
    # Threads, processes, callbacks
    *(
        Boundary(name, _SYNC, 1, "target", note=_OWN_LOOP, source=_PYTHON + "threading.html")
        for name in (
            "threading.Thread",
            "multiprocessing.Process",
            "multiprocessing.context.Process",
        )
    ),
    Boundary(
        "threading.Timer", _SYNC, 1, "function", note=_OWN_LOOP, source=_PYTHON + "threading.html"
    ),
    Boundary("atexit.register", _SYNC, 0, "func", note=_CALLED, source=_PYTHON + "atexit.html"),
    Boundary("signal.signal", _SYNC, 1, note=_CALLED, source=_PYTHON + "signal.html"),
    Boundary("weakref.finalize", _SYNC, 1, "func", note=_CALLED, source=_PYTHON + "weakref.html"),
    # Command lines
    *(
        Boundary(name, Rule.ENTRY, source=_CLICK)
        for name in (
            "click.command",
            "click.group",
            "click.decorators.command",
            "click.decorators.group",
        )
    ),
    Boundary("typer.run", Rule.ENTRY, 0, "function", source=_TYPER),
    Boundary(
        "flask.cli.with_appcontext",
        _TRANSPARENT,
        source="https://flask.palletsprojects.com/en/stable/cli/",
    ),
    Boundary("dependency_injector.wiring.inject", _TRANSPARENT, source=_INJECTOR),
    *(
        Boundary(name, _TRANSPARENT, source=_CLICK)
        for name in (
            "click.argument",
            "click.option",
            "click.pass_context",
            "click.pass_obj",
            "click.version_option",
            "click.help_option",
            "click.confirmation_option",
            "click.password_option",
        )
    ),
    # Plugins
    *(
        Boundary(name, _SYNC, note=_CALLED, source=_PLUGGY)
        for name in (
            "pluggy.HookimplMarker()",
            "pluggy.HookspecMarker()",
            "pytest.hookimpl",
            "pytest.hookspec",
        )
    ),
    # Litestar
    *(
        Boundary(name, _AWAITED, note=_THREADED, source=_LITESTAR + "topics/sync-vs-async.html")
        for module in ("litestar", "litestar.handlers")
        for name in (f"{module}.{verb}" for verb in _LITESTAR_ROUTES)
    ),
    *(
        Boundary(name, _AWAITED, 0, "dependency", note=_THREADED, source=_LITESTAR)
        for name in ("litestar.di.Provide", "litestar.Provide")
    ),
    # Tornado
    Boundary(
        "tornado.ioloop.PeriodicCallback",
        _AWAITED,
        0,
        "callback",
        source=_TORNADO + "ioloop.html#tornado.ioloop.PeriodicCallback",
    ),
    # Task queues
    Boundary("celery.app.shared_task", _SYNC, note=_OWN_LOOP, source=_CELERY),
    Boundary("celery.current_app.task", _SYNC, note=_OWN_LOOP, source=_CELERY),
    *(
        Boundary(f"celery.signals.{name}.connect", _SYNC, note=_CALLED, source=_CELERY_SIGNALS)
        for name in (
            *("before_task_publish", "after_task_publish", "task_prerun", "task_postrun"),
            *("task_retry", "task_success", "task_failure", "task_internal_error"),
            *("task_received", "task_revoked", "task_unknown", "task_rejected"),
            *("import_modules", "celeryd_after_setup", "celeryd_init", "worker_init"),
            *("worker_before_create_process", "worker_ready", "heartbeat_sent"),
            *("worker_shutting_down", "worker_process_init", "worker_process_shutdown"),
            *("worker_shutdown", "beat_init", "beat_embedded_init", "eventlet_pool_started"),
            *("setup_logging", "after_setup_logger", "after_setup_task_logger"),
            "user_preload_options",
        )
    ),
    Boundary("celery.shared_task", _SYNC, note=_OWN_LOOP, source=_CELERY),
    Boundary("dramatiq.actor", _SYNC, note=_OWN_LOOP, source="https://dramatiq.io/cookbook.html"),
    Boundary("rq.decorators.job", _SYNC, note=_OWN_LOOP, source="https://python-rq.org/docs/jobs/"),
    Boundary("huey.task", _SYNC, note=_OWN_LOOP, source="https://huey.readthedocs.io/"),
    # Pydantic
    *(
        Boundary(name, _SYNC, note=_CALLED, source=_PYDANTIC)
        for name in (
            "pydantic.validator",
            "pydantic.root_validator",
            "pydantic.field_validator",
            "pydantic.model_validator",
            "pydantic.field_serializer",
            "pydantic.model_serializer",
            "pydantic.computed_field",
        )
    ),
    *(
        Boundary(name, _SYNC, 0, "func", note=_CALLED, source=_PYDANTIC)
        for name in (
            "pydantic.BeforeValidator",
            "pydantic.AfterValidator",
            "pydantic.PlainValidator",
            "pydantic.WrapValidator",
        )
    ),
    Boundary("pydantic.Field", _SYNC, keyword="default_factory", note=_CALLED, source=_PYDANTIC),
    # SQLAlchemy
    Boundary(
        "sqlalchemy.event.listen",
        _SYNC,
        2,
        "fn",
        note="handlers stay plain; the target becomes the sync engine or class",
        source=_SQLALCHEMY_EVENTS,
    ),
    Boundary(
        "sqlalchemy.event.listens_for",
        _SYNC,
        note="handlers stay plain; the target becomes the sync engine or class",
        source=_SQLALCHEMY_EVENTS,
    ),
    *(
        Boundary(name, _SYNC, note=_CALLED, source=_SQLALCHEMY_MAPPING)
        for name in (
            "sqlalchemy.orm.validates",
            "sqlalchemy.orm.reconstructor",
            "sqlalchemy.orm.declared_attr",
            "sqlalchemy.ext.declarative.declared_attr",
            "sqlalchemy.ext.hybrid.hybrid_property",
            "sqlalchemy.ext.hybrid.hybrid_method",
        )
    ),
    *(
        Boundary(name, _SYNC, keyword=keyword, note=_CALLED, source=_SQLALCHEMY_MAPPING)
        for name, keyword in (
            ("sqlalchemy.Column", "default"),
            ("sqlalchemy.orm.mapped_column", "default"),
            ("sqlmodel.Field", "default_factory"),
        )
    ),
    # Retries and tracing look at the function that they wrap
    Boundary("tenacity.retry", _AWAITED, source="https://tenacity.readthedocs.io/en/latest/"),
    *(
        Boundary(
            name,
            _TRANSPARENT,
            0,
            "provides",
            source="https://python-dependency-injector.ets-labs.org/providers/factory.html",
        )
        for name in sorted(PROVIDERS)
    ),
    *(
        Boundary(
            name,
            _AWAITED,
            0,
            "resolver",
            note="the schema has to be executed by `execute`, as the routers do",
            source="https://strawberry.rocks/docs/types/resolvers",
        )
        for module in ("strawberry", "strawberry.federation")
        for name in (f"{module}.{kind}" for kind in ("field", "mutation", "subscription"))
    ),
    Boundary("backoff.on_exception", _AWAITED, source="https://github.com/litl/backoff"),
    Boundary("backoff.on_predicate", _AWAITED, source="https://github.com/litl/backoff"),
    Boundary("stamina.retry", _AWAITED, source="https://stamina.hynek.me/"),
    *(
        Boundary(name, _AWAITED, source=source)
        for name, source in (
            ("beartype.beartype", "https://beartype.readthedocs.io/en/latest/api_decor/"),
            ("ddtrace.trace.tracer.wrap", _DATADOG),
            ("ddtrace.tracer.wrap", _DATADOG),
            ("deprecated.deprecated", "https://deprecated.readthedocs.io/en/latest/api.html"),
            ("fastapi_cache.decorator.cache", "https://github.com/long2ice/fastapi-cache"),
            ("logfire.instrument", "https://pydantic.dev/docs/logfire/"),
            ("loguru.logger.catch", "https://loguru.readthedocs.io/en/stable/api/logger.html"),
            (
                "pydantic.validate_call",
                "https://docs.pydantic.dev/latest/concepts/validation_decorator/",
            ),
            ("sentry_sdk.crons.monitor", _SENTRY),
            ("sentry_sdk.monitor", _SENTRY),
            ("sentry_sdk.trace", _SENTRY),
            ("typeguard.typechecked", "https://typeguard.readthedocs.io/en/latest/userguide.html"),
        )
    ),
    # Tests
    *(
        Boundary(name, _AWAITED, source=source)
        for name, source in (
            ("respx.mock", "https://lundberg.github.io/respx/guide/"),
            ("freezegun.freeze_time", "https://github.com/spulec/freezegun"),
            ("time_machine.travel", "https://time-machine.readthedocs.io/en/latest/usage.html"),
            ("vcr.use_cassette", "https://vcrpy.readthedocs.io/en/latest/usage.html"),
        )
    ),
    *(
        Boundary(name, _TRANSPARENT, note="pytest-asyncio awaits the test", source=_HYPOTHESIS)
        for name in (
            "hypothesis.given",
            "hypothesis.settings",
            "hypothesis.example",
            "hypothesis.seed",
            "hypothesis.reproduce_failure",
        )
    ),
    Boundary(
        "pytest.fixture",
        Rule.RENAME,
        new="pytest_asyncio.fixture",
        note='stays with asyncio_mode = "auto"',
        source=_PYTEST,
    ),
    Boundary("pytest_asyncio.fixture", _AWAITED, source=_PYTEST),
    Boundary("pytest.mark", _TRANSPARENT, note="every mark", source=_PYTEST),
    *(
        Boundary(name, _TRANSPARENT, source=_MOCK)
        for name in (
            "unittest.mock.patch",
            "unittest.mock.patch.object",
            "unittest.mock.patch.dict",
        )
    ),
)

BOUNDARIES: dict[str, Boundary] = {row.name: row for row in _ROWS}


# Objects whose methods take functions


_ROUTE_METHODS = (
    "get",
    "post",
    "put",
    "patch",
    "delete",
    "options",
    "head",
    "trace",
    "api_route",
    "websocket",
    "route",
    "websocket_route",
)
_ROUTES = {
    **{
        name: Boundary(name, _AWAITED, note=_THREADED, source=_FASTAPI + "async/")
        for name in _ROUTE_METHODS
    },
    "on_event": Boundary("on_event", _AWAITED, source=_FASTAPI + "advanced/events/"),
    "add_api_route": Boundary("add_api_route", _AWAITED, 1, "endpoint", note=_THREADED),
    "add_api_websocket_route": Boundary("add_api_websocket_route", _AWAITED, 1, "endpoint"),
    "add_route": Boundary("add_route", _AWAITED, 1, "endpoint", note=_THREADED),
    "add_websocket_route": Boundary("add_websocket_route", _AWAITED, 1, "endpoint"),
    "add_event_handler": Boundary("add_event_handler", _AWAITED, 1, "func"),
}
_APPLICATION = {
    **_ROUTES,
    "middleware": Boundary("middleware", _AWAITED, source=_FASTAPI + "tutorial/middleware/"),
    "exception_handler": Boundary(
        "exception_handler", _AWAITED, note=_THREADED, source=_STARLETTE + "exceptions/"
    ),
    "add_exception_handler": Boundary("add_exception_handler", _AWAITED, 1, "handler"),
    # app.dependency_overrides[get_db] = override_get_db
    "dependency_overrides": Boundary(
        "dependency_overrides", _AWAITED, source=_FASTAPI + "advanced/testing-dependencies/"
    ),
}
# Gone in Starlette 1.0, but for add_route and add_exception_handler.
_STARLETTE_ROUTES = {
    name: _APPLICATION[name]
    for name in (
        "route",
        "websocket_route",
        "on_event",
        "add_route",
        "add_websocket_route",
        "add_event_handler",
        "middleware",
        "exception_handler",
        "add_exception_handler",
    )
}
_TASKS = {"add_task": Boundary("add_task", _AWAITED, 0, "func", note=_THREADED)}
_TYPER_APP = {
    "command": Boundary("command", Rule.ENTRY, source=_TYPER),
    "callback": Boundary("callback", Rule.ENTRY, source=_TYPER),
}
_CLICK_GROUP = {
    "command": Boundary("command", Rule.ENTRY, source=_CLICK),
    "group": Boundary("group", Rule.ENTRY, source=_CLICK),
    "result_callback": Boundary("result_callback", Rule.ENTRY, source=_CLICK),
}
_EXECUTOR = {
    "submit": Boundary("submit", _SYNC, 0, "fn", note=_OWN_LOOP),
    "map": Boundary("map", _SYNC, 0, "fn", note=_OWN_LOOP),
}
_POOL = {
    name: Boundary(name, _SYNC, 0, "func", note=_OWN_LOOP)
    for name in ("apply", "apply_async", "map", "map_async", "imap", "imap_unordered", "starmap")
}
_LOOP = {
    "run_in_executor": Boundary("run_in_executor", Rule.THREAD, 1, "func"),
    "call_soon": Boundary("call_soon", _SYNC, 0, "callback", note=_CALLED),
    "call_soon_threadsafe": Boundary("call_soon_threadsafe", _SYNC, 0, "callback", note=_CALLED),
    "call_later": Boundary("call_later", _SYNC, 1, "callback", note=_CALLED),
    "call_at": Boundary("call_at", _SYNC, 1, "callback", note=_CALLED),
    "add_signal_handler": Boundary("add_signal_handler", _SYNC, 1, "callback", note=_CALLED),
    "add_reader": Boundary("add_reader", _SYNC, 1, "callback", note=_CALLED),
    "add_writer": Boundary("add_writer", _SYNC, 1, "callback", note=_CALLED),
}
_CELERY_APP = {
    name: Boundary(name, _SYNC, note=_OWN_LOOP, source=_CELERY)
    for name in (
        *("task", "on_after_configure", "add_periodic_task"),
        *("on_configure.connect", "on_after_configure.connect", "on_after_finalize.connect"),
        "on_after_fork.connect",
    )
}
# It awaits what its callbacks give.
_IO_LOOP = {
    "run_in_executor": Boundary("run_in_executor", Rule.THREAD, 1, "func"),
    **{
        name: Boundary(name, _AWAITED, position, "callback", source=_TORNADO + "ioloop.html")
        for name, position in (
            ("add_callback", 0),
            ("spawn_callback", 0),
            ("run_sync", 0),
            ("add_callback_from_signal", 0),
        )
    },
}
_RQ_QUEUE = {
    name: Boundary(name, _SYNC, position, "f", note=_OWN_LOOP)
    for name, position in (
        ("enqueue", 0),
        ("enqueue_call", 0),
        ("enqueue_in", 1),
        ("enqueue_at", 1),
    )
}
_SYNC_SCHEDULER = {
    "add_job": Boundary("add_job", _SYNC, 0, "func", note=_OWN_LOOP),
    "scheduled_job": Boundary("scheduled_job", _SYNC, note=_OWN_LOOP),
}
_ASYNC_SCHEDULER = {
    "add_job": Boundary("add_job", _AWAITED, 0, "func", note=_THREADED),
    "scheduled_job": Boundary("scheduled_job", _AWAITED, note=_THREADED),
}
_LIMITER = {
    name: Boundary(name, _AWAITED, source="https://slowapi.readthedocs.io/en/latest/")
    for name in ("limit", "shared_limit", "exempt")
}
_TRACER = {
    "start_as_current_span": Boundary(
        "start_as_current_span",
        _AWAITED,
        source="https://opentelemetry.io/docs/languages/python/instrumentation/",
    )
}
_SLACK_LISTENERS = (
    *("event", "message", "command", "shortcut", "global_shortcut", "message_shortcut", "action"),
    *("block_action", "attachment_action", "dialog_submission", "view", "view_submission"),
    *("view_closed", "options", "block_suggestion", "function", "error", "middleware", "use"),
)
_SLACK_APP = {
    name: Boundary(name, _SYNC, note=_CALLED, source="https://docs.slack.dev/tools/bolt-python/")
    for name in _SLACK_LISTENERS
}
_ASYNC_SLACK_APP = {
    name: Boundary(name, _AWAITED, source="https://docs.slack.dev/tools/bolt-python/")
    for name in _SLACK_LISTENERS
}
_FLASK_VIEWS = (
    *("route", "get", "post", "put", "patch", "delete", "endpoint"),
    *("before_request", "after_request", "teardown_request", "teardown_appcontext"),
    *("before_app_request", "after_app_request", "teardown_app_request", "before_first_request"),
    *("errorhandler", "app_errorhandler", "context_processor", "app_context_processor"),
    *("template_filter", "template_global", "template_test", "shell_context_processor"),
    *("app_template_filter", "app_template_global", "app_template_test"),
    *("url_defaults", "url_value_preprocessor"),
)
_FLASK_PAGE = "https://flask.palletsprojects.com/en/stable/async-await/"
_FLASK_COMMANDS = "https://flask.palletsprojects.com/en/stable/cli/#custom-commands"
_FLASK_LOOP = "each request of an async view has a loop of its own"
_FLASK = {
    **{
        name: Boundary(name, Rule.OWN_LOOP, note=_FLASK_LOOP, source=_FLASK_PAGE)
        for name in _FLASK_VIEWS
    },
    "add_url_rule": Boundary("add_url_rule", Rule.OWN_LOOP, 2, "view_func", note=_FLASK_LOOP),
    "register_error_handler": Boundary(
        "register_error_handler", Rule.OWN_LOOP, 1, "f", note=_FLASK_LOOP
    ),
    "cli.command": Boundary("cli.command", Rule.ENTRY, source=_FLASK_COMMANDS),
}
# It has the same names, and one event loop.
_QUART = {
    name: Boundary(
        name, _AWAITED, note=_THREADED,
        source="https://quart.palletsprojects.com/en/latest/how_to_guides/sync_code.html",
    )
    for name in _FLASK_VIEWS if not name.endswith(("filter", "global", "test"))
}  # fmt: skip
_EXIT_STACK = {
    "enter_context": Boundary(
        "enter_context", Rule.RENAME, 0, "cm", new="enter_async_context", note="of AsyncExitStack"
    ),
    "callback": Boundary("callback", Rule.RENAME, 0, new="push_async_callback"),
    "push": Boundary("push", Rule.RENAME, 0, new="push_async_exit"),
}

# Dotted name of a class -> its methods that take functions, by name.
METHODS: dict[str, dict[str, Boundary]] = {
    "fastapi.FastAPI": _APPLICATION,
    "fastapi.applications.FastAPI": _APPLICATION,
    "fastapi.APIRouter": _ROUTES,
    "fastapi.routing.APIRouter": _ROUTES,
    "starlette.applications.Starlette": _STARLETTE_ROUTES,
    "starlette.routing.Router": _STARLETTE_ROUTES,
    "fastapi.BackgroundTasks": _TASKS,
    "fastapi.background.BackgroundTasks": _TASKS,
    "starlette.background.BackgroundTasks": _TASKS,
    "typer.Typer": _TYPER_APP,
    "typer.main.Typer": _TYPER_APP,
    "click.Group": _CLICK_GROUP,
    "click.core.Group": _CLICK_GROUP,
    "concurrent.futures.ThreadPoolExecutor": _EXECUTOR,
    "concurrent.futures.ProcessPoolExecutor": _EXECUTOR,
    "concurrent.futures.Executor": _EXECUTOR,
    "multiprocessing.Pool": _POOL,
    "multiprocessing.pool.Pool": _POOL,
    "multiprocessing.pool.ThreadPool": _POOL,
    "asyncio.AbstractEventLoop": _LOOP,
    "tornado.ioloop.IOLoop": _IO_LOOP,
    "tornado.ioloop.IOLoop.current": _IO_LOOP,
    "celery.Celery": _CELERY_APP,
    "celery.app.Celery": _CELERY_APP,
    "celery.app.base.Celery": _CELERY_APP,
    "rq.Queue": _RQ_QUEUE,
    "rq.queue.Queue": _RQ_QUEUE,
    "apscheduler.schedulers.background.BackgroundScheduler": _SYNC_SCHEDULER,
    "apscheduler.schedulers.blocking.BlockingScheduler": _SYNC_SCHEDULER,
    "apscheduler.schedulers.asyncio.AsyncIOScheduler": _ASYNC_SCHEDULER,
    "flask.Flask": _FLASK,
    "flask.Blueprint": _FLASK,
    "quart.Quart": _QUART,
    "quart.Blueprint": _QUART,
    "contextlib.ExitStack": _EXIT_STACK,
    "slowapi.Limiter": _LIMITER,
    "slowapi.extension.Limiter": _LIMITER,
    "opentelemetry.trace.Tracer": _TRACER,
    "slack_bolt.App": _SLACK_APP,
    "slack_bolt.app.App": _SLACK_APP,
    "slack_bolt.async_app.AsyncApp": _ASYNC_SLACK_APP,
    "slack_bolt.app.async_app.AsyncApp": _ASYNC_SLACK_APP,
}

# Functions that give one of those objects, and decorators that make one of a function.
MAKERS: dict[str, str] = {
    "asyncio.get_event_loop": "asyncio.AbstractEventLoop",
    "asyncio.get_running_loop": "asyncio.AbstractEventLoop",
    "asyncio.new_event_loop": "asyncio.AbstractEventLoop",
    "click.group": "click.Group",
    "click.decorators.group": "click.Group",
    "click.Group.group": "click.Group",
    "opentelemetry.trace.get_tracer": "opentelemetry.trace.Tracer",
}

# Keyword arguments of a class that take functions.
CONSTRUCTORS: dict[str, dict[str, Boundary]] = {
    name: {
        "lifespan": Boundary("lifespan", _AWAITED, source=_FASTAPI + "advanced/events/"),
        "on_startup": Boundary("on_startup", _AWAITED, note="a list"),
        "on_shutdown": Boundary("on_shutdown", _AWAITED, note="a list"),
        "exception_handlers": Boundary("exception_handlers", _AWAITED, note="a mapping"),
        "generate_unique_id_function": Boundary("generate_unique_id_function", _SYNC, note=_CALLED),
    }
    for name in (
        "fastapi.FastAPI",
        "fastapi.applications.FastAPI",
        "fastapi.APIRouter",
        "fastapi.routing.APIRouter",
        "starlette.applications.Starlette",
    )
}
_OF_LITESTAR = (
    *("on_startup", "on_shutdown", "lifespan", "route_handlers", "dependencies", "guards"),
    *("before_request", "after_request", "after_response", "before_send", "after_exception"),
    "exception_handlers",
)
CONSTRUCTORS |= {
    name: {key: Boundary(key, _AWAITED, note=_THREADED, source=_LITESTAR) for key in _OF_LITESTAR}
    for name in ("litestar.Litestar", "litestar.app.Litestar", "litestar.Router")
}
CONSTRUCTORS["strawberry.fastapi.GraphQLRouter"] = {
    key: Boundary(key, _AWAITED, note=_THREADED, source=_STRAWBERRY + "integrations/fastapi")
    for key in ("context_getter", "root_value_getter")
}

APPLICATIONS: frozenset[str] = frozenset(
    {"fastapi.FastAPI", "fastapi.applications.FastAPI", "starlette.applications.Starlette"}
)


# Annotations of generators and context managers


class Generic(NamedTuple):
    """The async counterpart of a generic type, and how many arguments it takes."""

    new: str
    arity: int


_GENERIC_ROWS = (
    ("Generator", "AsyncGenerator", 2),
    ("Iterator", "AsyncIterator", 1),
    ("Iterable", "AsyncIterable", 1),
)

# By dotted name. The counterpart comes from the same module.
GENERICS: dict[str, Generic] = {
    **{
        f"{module}.{name}": Generic(f"{module}.{new}", arity)
        for module in ("typing", "collections.abc", "typing_extensions")
        for name, new, arity in _GENERIC_ROWS
    },
    "typing.ContextManager": Generic("typing.AsyncContextManager", 1),
    "typing_extensions.ContextManager": Generic("typing_extensions.AsyncContextManager", 1),
    "contextlib.AbstractContextManager": Generic("contextlib.AbstractAsyncContextManager", 1),
}

# Those that are entered, with what they give.
MANAGERS = frozenset(name for name in GENERICS if name.endswith("ContextManager"))

# The packages of all these.
ROOTS: frozenset[str] = frozenset(
    name.partition(".")[0] for name in (*BOUNDARIES, *METHODS, *CONSTRUCTORS)
)


def boundary(name: str) -> Boundary | None:
    """The rule of a function or decorator by its dotted name, or None: unknown."""
    return BOUNDARIES.get(name)


def method_boundary(class_name: str, method: str) -> Boundary | None:
    """The rule of a method of a library's class, by the dotted name of the class, or None."""
    return METHODS.get(class_name, {}).get(method)


def constructor_boundary(class_name: str, keyword: str) -> Boundary | None:
    """The rule of a keyword of a library's class, or None."""
    return CONSTRUCTORS.get(class_name, {}).get(keyword)
