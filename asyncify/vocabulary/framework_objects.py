"""Objects of libraries whose methods, or keywords, take functions."""

from __future__ import annotations

from asyncify.vocabulary.boundary_rules import (
    AWAITED,
    CALLED,
    CELERY,
    CLICK,
    FASTAPI,
    OWN_LOOP,
    STARLETTE,
    SYNC,
    THREADED,
    TORNADO,
    TYPER,
    Boundary,
    Rule,
)
from asyncify.vocabulary.litestar import LITESTAR_KEYWORDS

_STRAWBERRY = "https://strawberry.rocks/docs/"

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
        name: Boundary(name, AWAITED, note=THREADED, source=FASTAPI + "async/")
        for name in _ROUTE_METHODS
    },
    "on_event": Boundary("on_event", AWAITED, source=FASTAPI + "advanced/events/"),
    "add_api_route": Boundary("add_api_route", AWAITED, 1, "endpoint", note=THREADED),
    "add_api_websocket_route": Boundary("add_api_websocket_route", AWAITED, 1, "endpoint"),
    "add_route": Boundary("add_route", AWAITED, 1, "endpoint", note=THREADED),
    "add_websocket_route": Boundary("add_websocket_route", AWAITED, 1, "endpoint"),
    "add_event_handler": Boundary("add_event_handler", AWAITED, 1, "func"),
}
_APPLICATION = {
    **_ROUTES,
    "middleware": Boundary("middleware", AWAITED, source=FASTAPI + "tutorial/middleware/"),
    "exception_handler": Boundary(
        "exception_handler", AWAITED, note=THREADED, source=STARLETTE + "exceptions/"
    ),
    "add_exception_handler": Boundary("add_exception_handler", AWAITED, 1, "handler"),
    # app.dependency_overrides[get_db] = override_get_db
    "dependency_overrides": Boundary(
        "dependency_overrides", AWAITED, source=FASTAPI + "advanced/testing-dependencies/"
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
_TASKS = {"add_task": Boundary("add_task", AWAITED, 0, "func", note=THREADED)}
_TYPER_APP = {
    "command": Boundary("command", Rule.ENTRY, source=TYPER),
    "callback": Boundary("callback", Rule.ENTRY, source=TYPER),
}
_CLICK_GROUP = {
    "command": Boundary("command", Rule.ENTRY, source=CLICK),
    "group": Boundary("group", Rule.ENTRY, source=CLICK),
    "result_callback": Boundary("result_callback", Rule.ENTRY, source=CLICK),
}
_CLICK_CONTEXT = {
    "call_on_close": Boundary("call_on_close", SYNC, 0, "f", note=CALLED, source=CLICK),
}
_EXECUTOR = {
    "submit": Boundary("submit", SYNC, 0, "fn", note=OWN_LOOP),
    "map": Boundary("map", SYNC, 0, "fn", note=OWN_LOOP),
}
_POOL = {
    name: Boundary(name, SYNC, 0, "func", note=OWN_LOOP)
    for name in ("apply", "apply_async", "map", "map_async", "imap", "imap_unordered", "starmap")
}
_LOOP = {
    "run_in_executor": Boundary("run_in_executor", Rule.THREAD, 1, "func"),
    "call_soon": Boundary("call_soon", SYNC, 0, "callback", note=CALLED),
    "call_soon_threadsafe": Boundary("call_soon_threadsafe", SYNC, 0, "callback", note=CALLED),
    "call_later": Boundary("call_later", SYNC, 1, "callback", note=CALLED),
    "call_at": Boundary("call_at", SYNC, 1, "callback", note=CALLED),
    "add_signal_handler": Boundary("add_signal_handler", SYNC, 1, "callback", note=CALLED),
    "add_reader": Boundary("add_reader", SYNC, 1, "callback", note=CALLED),
    "add_writer": Boundary("add_writer", SYNC, 1, "callback", note=CALLED),
}
_CELERY_APP = {
    name: Boundary(name, SYNC, note=OWN_LOOP, source=CELERY)
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
        name: Boundary(name, AWAITED, position, "callback", source=TORNADO + "ioloop.html")
        for name, position in (
            ("add_callback", 0),
            ("spawn_callback", 0),
            ("run_sync", 0),
            ("add_callback_from_signal", 0),
        )
    },
}
_RQ_QUEUE = {
    name: Boundary(name, SYNC, position, "f", note=OWN_LOOP)
    for name, position in (
        ("enqueue", 0),
        ("enqueue_call", 0),
        ("enqueue_in", 1),
        ("enqueue_at", 1),
    )
}
_SYNC_SCHEDULER = {
    "add_job": Boundary("add_job", SYNC, 0, "func", note=OWN_LOOP),
    "scheduled_job": Boundary("scheduled_job", SYNC, note=OWN_LOOP),
}
_ASYNC_SCHEDULER = {
    "add_job": Boundary("add_job", AWAITED, 0, "func", note=THREADED),
    "scheduled_job": Boundary("scheduled_job", AWAITED, note=THREADED),
}
# Events of what is on a page: https://www.gradio.app/docs/gradio/blocks
_GRADIO = {
    name: Boundary(
        name, AWAITED, 0, "fn", note=THREADED, source="https://www.gradio.app/guides/blocks-and-event-listeners"
    )
    for name in (
        *("click", "change", "input", "submit", "select", "upload", "clear", "blur", "focus"),
        *("load", "unload", "release", "like", "tick", "edit", "play", "pause", "stop", "success"),
        *("then", "expand", "collapse", "delete", "start_recording", "stop_recording", "retry"),
        *("undo", "apply", "download", "copy", "double_click", "key_up"),
    )
}  # fmt: skip
_GRADIO_COMPONENTS = (
    *("Blocks", "Interface", "ChatInterface", "Tab", "Accordion", "Timer", "State", "Dataset"),
    *("Button", "ClearButton", "DownloadButton", "DuplicateButton", "UploadButton"),
    *("Textbox", "MultimodalTextbox", "Number", "Slider", "Checkbox", "CheckboxGroup", "Radio"),
    *("Dropdown", "ColorPicker", "DateTime", "Code", "Chatbot", "JSON", "HTML", "Label"),
    *("Markdown", "HighlightedText", "Dataframe", "DataFrame", "File", "FileExplorer", "Image"),
    *("ImageEditor", "Gallery", "Audio", "Video", "Model3D", "Plot", "BarPlot", "LinePlot"),
    "ScatterPlot",
)
_LIMITER = {
    name: Boundary(name, AWAITED, source="https://slowapi.readthedocs.io/en/latest/")
    for name in ("limit", "shared_limit", "exempt")
}
_TRACER = {
    "start_as_current_span": Boundary(
        "start_as_current_span",
        AWAITED,
        source="https://opentelemetry.io/docs/languages/python/instrumentation/",
    )
}
_SLACK_LISTENERS = (
    *("event", "message", "command", "shortcut", "global_shortcut", "message_shortcut", "action"),
    *("block_action", "attachment_action", "dialog_submission", "view", "view_submission"),
    *("view_closed", "options", "block_suggestion", "function", "error", "middleware", "use"),
)
_SLACK_APP = {
    name: Boundary(name, SYNC, note=CALLED, source="https://docs.slack.dev/tools/bolt-python/")
    for name in _SLACK_LISTENERS
}
_ASYNC_SLACK_APP = {
    name: Boundary(name, AWAITED, source="https://docs.slack.dev/tools/bolt-python/")
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
_BOTTLE = {
    name: Boundary(
        name, Rule.OWN_LOOP, note=CALLED, source="https://bottlepy.org/docs/dev/api.html"
    )
    for name in ("route", "get", "post", "put", "delete", "patch", "error", "hook")
}
_PYRAMID_PAGE = "https://docs.pylonsproject.org/projects/pyramid/en/latest/api/config.html"
_PYRAMID = {
    name: Boundary(name, Rule.OWN_LOOP, 0, keyword, note=CALLED, source=_PYRAMID_PAGE)
    for name, keyword in (
        *(("add_view", "view"), ("add_request_method", "callable")),
        *(("add_subscriber", "subscriber"), ("add_notfound_view", "view")),
        *(("add_exception_view", "view"), ("add_forbidden_view", "view")),
    )
}
# It has the same names, and one event loop.
_QUART = {
    name: Boundary(
        name, AWAITED, note=THREADED,
        source="https://quart.palletsprojects.com/en/latest/how_to_guides/sync_code.html",
    )
    for name in _FLASK_VIEWS if not name.endswith(("filter", "global", "test"))
}  # fmt: skip
_EXIT_STACK = {
    "enter_context": Boundary(
        "enter_context", Rule.RENAME, 0, "cm", new="enter_async_context", note="of AsyncExitStack"
    ),
    "callback": Boundary("callback", SYNC, 0, note=CALLED),  # but where the stack is entered
    "push": Boundary("push", SYNC, 0, note=CALLED),
}
# What only an AsyncExitStack has, it awaits; its `callback` and `push` don't.
_ASYNC_EXIT_STACK = {
    name: Boundary(name, AWAITED)
    for name in ("enter_async_context", "push_async_callback", "push_async_exit")
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
    "click.Context": _CLICK_CONTEXT,
    "click.core.Context": _CLICK_CONTEXT,
    "typer.Context": _CLICK_CONTEXT,
    "concurrent.futures.ThreadPoolExecutor": _EXECUTOR,
    "concurrent.futures.ProcessPoolExecutor": _EXECUTOR,
    "concurrent.futures.Executor": _EXECUTOR,
    "multiprocessing.Pool": _POOL,
    "multiprocessing.pool.Pool": _POOL,
    "multiprocessing.pool.ThreadPool": _POOL,
    "asyncio.AbstractEventLoop": _LOOP,
    "tornado.ioloop.IOLoop": _IO_LOOP,
    "tornado.ioloop.IOLoop.current": _IO_LOOP,
    **{f"gradio.{name}": _GRADIO for name in _GRADIO_COMPONENTS},
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
    "bottle.Bottle": _BOTTLE,
    "pyramid.config.Configurator": _PYRAMID,
    "quart.Quart": _QUART,
    "quart.Blueprint": _QUART,
    "contextlib.ExitStack": _EXIT_STACK,
    "contextlib.AsyncExitStack": _ASYNC_EXIT_STACK,
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

# Keyword arguments of a class that take functions, or attributes that a class below it sets.
CONSTRUCTORS: dict[str, dict[str, Boundary]] = {
    name: {
        "lifespan": Boundary("lifespan", AWAITED, source=FASTAPI + "advanced/events/"),
        "on_startup": Boundary("on_startup", AWAITED, note="a list"),
        "on_shutdown": Boundary("on_shutdown", AWAITED, note="a list"),
        "exception_handlers": Boundary("exception_handlers", AWAITED, note="a mapping"),
        "generate_unique_id_function": Boundary("generate_unique_id_function", SYNC, note=CALLED),
    }
    for name in (
        "fastapi.FastAPI",
        "fastapi.applications.FastAPI",
        "fastapi.APIRouter",
        "fastapi.routing.APIRouter",
        "starlette.applications.Starlette",
    )
} | LITESTAR_KEYWORDS
CONSTRUCTORS["strawberry.fastapi.GraphQLRouter"] = {
    key: Boundary(key, AWAITED, note=THREADED, source=_STRAWBERRY + "integrations/fastapi")
    for key in ("context_getter", "root_value_getter")
}

APPLICATIONS: frozenset[str] = frozenset(
    {"fastapi.FastAPI", "fastapi.applications.FastAPI", "starlette.applications.Starlette"}
)
