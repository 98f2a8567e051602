"""Litestar: what it awaits of the functions that it is given, at every layer of an application.

Hooks, guards and dependencies may be coroutine functions wherever they stand: in the application, a
router, a controller's attribute or a handler's decorator. What answers an exception is called
plainly in all four, and what it returns is taken for the response.
"""

from __future__ import annotations

from asyncify.vocabulary.boundary_rules import (
    AWAITED,
    CALLED,
    LITESTAR,
    SYNC,
    THREADED,
    Boundary,
)

_HANDLERS = tuple(
    f"{module}.{verb}"
    for module in ("litestar", "litestar.handlers")
    for verb in (
        *("get", "post", "put", "patch", "delete", "head", "route"),
        *("websocket", "websocket_listener", "websocket_stream", "asgi"),
    )
)

LITESTAR_ROWS = (
    *(
        Boundary(name, AWAITED, note=THREADED, source=LITESTAR + "topics/sync-vs-async.html")
        for name in _HANDLERS
    ),
    *(
        Boundary(name, AWAITED, note=THREADED, source=LITESTAR + "usage/events.html")
        for name in ("litestar.events.listener", "litestar.events.EventListener")
    ),
    Boundary(
        "litestar.di.Provide",
        AWAITED,
        0,
        "dependency",
        note=THREADED,
        source=LITESTAR + "usage/dependency-injection.html",
    ),
    Boundary(
        "litestar.background_tasks.BackgroundTask",
        AWAITED,
        0,
        "fn",
        note=THREADED,
        source=LITESTAR + "usage/responses.html#background-tasks",
    ),
    *(
        Boundary(name, AWAITED, 0, "content", source=LITESTAR + "usage/responses.html")
        for name in (
            *("litestar.response.Stream", "litestar.response.streaming.Stream"),
            *("litestar.response.ServerSentEvent", "litestar.response.sse.ServerSentEvent"),
        )
    ),
)

_HOOKS = "usage/lifecycle-hooks.html"
_SOURCES = {
    "guards": "usage/security/guards.html",
    "dependencies": "usage/dependency-injection.html",
    "exception_handlers": "usage/exceptions.html",
    "type_encoders": "usage/custom-types.html",
    "type_decoders": "usage/custom-types.html",
    "cache_key_builder": "usage/caching.html",
    "operation_id": "usage/openapi/schema_generation.html",
    "on_startup": "usage/applications.html",
    "on_shutdown": "usage/applications.html",
    "lifespan": "usage/applications.html#lifespan-context-managers",
    "on_accept": "usage/websockets.html",
    "on_disconnect": "usage/websockets.html",
    "connection_lifespan": "usage/websockets.html",
}


def _keywords(awaited: tuple[str, ...], called: tuple[str, ...]) -> dict[str, Boundary]:
    return {
        key: Boundary(key, rule, note=note, source=LITESTAR + _SOURCES.get(key, _HOOKS))
        for keys, rule, note in ((awaited, AWAITED, THREADED), (called, SYNC, CALLED))
        for key in keys
    }


_OF_LAYER = _keywords(
    ("before_request", "after_request", "after_response", "guards", "dependencies"),
    ("exception_handlers", "type_encoders", "type_decoders"),
)
_OF_ROUTER = _OF_LAYER | _keywords(("route_handlers",), ())
_OF_APPLICATION = _OF_ROUTER | _keywords(
    ("on_startup", "on_shutdown", "lifespan", "before_send", "after_exception"), ("on_app_init",)
)
_OF_HANDLER = _OF_LAYER | _keywords(
    ("on_accept", "on_disconnect", "connection_lifespan"), ("cache_key_builder", "operation_id")
)

_APPLICATIONS = (
    *("litestar.Litestar", "litestar.app.Litestar"),
    *("litestar.testing.create_test_client", "litestar.testing.create_async_test_client"),
)

# Keywords of its classes, attributes of the controllers below its own, and keywords of decorators.
LITESTAR_KEYWORDS: dict[str, dict[str, Boundary]] = {
    **dict.fromkeys(_APPLICATIONS, _OF_APPLICATION),
    **dict.fromkeys(("litestar.Router", "litestar.router.Router"), _OF_ROUTER),
    **dict.fromkeys(("litestar.Controller", "litestar.controller.Controller"), _OF_LAYER),
    **dict.fromkeys(_HANDLERS, _OF_HANDLER),
}
