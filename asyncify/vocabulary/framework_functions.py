"""Functions and decorators of libraries that take functions, by dotted name."""

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
from asyncify.vocabulary.injection import DEPENDS, PROVIDERS
from asyncify.vocabulary.litestar import LITESTAR_ROWS

_TRANSPARENT = Rule.TRANSPARENT
_PYTHON = "https://docs.python.org/3/library/"
_DISHKA = "https://dishka.readthedocs.io/en/stable/integrations/fastapi.html"
_INJECTOR = "https://python-dependency-injector.ets-labs.org/wiring.html"
_PYDANTIC = "https://docs.pydantic.dev/latest/concepts/validators/"
_PYDANTIC_SERIALIZERS = "https://docs.pydantic.dev/latest/concepts/serialization/"
_GRADIO = "https://www.gradio.app/docs/gradio/interface"
_MARSHMALLOW = "https://marshmallow.readthedocs.io/en/stable/extending/"
_SQLALCHEMY_EVENTS = (
    "https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html"
    "#using-events-with-the-asyncio-extension"
)
_SQLALCHEMY_MAPPING = "https://docs.sqlalchemy.org/en/21/orm/mapped_attributes.html"
_HYPOTHESIS = "https://hypothesis.readthedocs.io/en/latest/reference/api.html"
_ALLURE = "https://allurereport.org/docs/pytest-reference/"
_PYTEST = "https://pytest-asyncio.readthedocs.io/en/stable/reference/decorators/"
_MOCK = _PYTHON + "unittest.mock.html#patch"
_DATADOG = "https://ddtrace.readthedocs.io/en/stable/api.html"
_SENTRY = "https://docs.sentry.io/platforms/python/tracing/instrumentation/"
_ALEMBIC = "https://alembic.sqlalchemy.org/en/latest/api/operations.html#operation-plugins"
_PLUGGY = "https://pluggy.readthedocs.io/en/stable/"
_DISCORD = "https://discordpy.readthedocs.io/en/stable/ext/commands/api.html#checks"
_CELERY_SIGNALS = "https://docs.celeryq.dev/en/stable/userguide/signals.html"

# WSGI frameworks, see `wsgi`.
_PYRAMID = "https://docs.pylonsproject.org/projects/pyramid/en/latest/narr/viewconfig.html"
_BOTTLE = "https://bottlepy.org/docs/dev/tutorial.html"
_VIEWS = (
    *(
        Boundary(f"pyramid.{name}", Rule.OWN_LOOP, note=CALLED, source=_PYRAMID)
        for name in (
            *("view.view_config", "view.notfound_view_config", "view.forbidden_view_config"),
            *("view.exception_view_config", "events.subscriber", "decorator.reify"),
        )
    ),
    *(
        Boundary(f"bottle.{name}", Rule.OWN_LOOP, note=CALLED, source=_BOTTLE)
        for name in ("route", "get", "post", "put", "delete", "patch", "error", "hook")
    ),
    Boundary("cherrypy.expose", Rule.OWN_LOOP, note=CALLED, source="https://docs.cherrypy.dev/"),
)

_ROWS = (
    *_VIEWS,
    # FastAPI and Starlette
    *(
        Boundary(name, AWAITED, 0, "dependency", note=THREADED, source=FASTAPI + "async/")
        for name in sorted(DEPENDS)
    ),
    Boundary(
        "starlette.background.BackgroundTask",
        AWAITED,
        0,
        "func",
        note=THREADED,
        source=STARLETTE + "background/",
    ),
    *(
        Boundary(name, AWAITED, 1, "endpoint", note=THREADED, source=STARLETTE + "routing/")
        for name in (
            "starlette.routing.Route",
            "starlette.routing.WebSocketRoute",
            "fastapi.routing.APIRoute",
        )
    ),
    *(
        Boundary(name, AWAITED, 0, "content", source=STARLETTE + "responses/#streamingresponse")
        for name in (
            "fastapi.responses.StreamingResponse",
            "starlette.responses.StreamingResponse",
        )
    ),
    *(
        Boundary(name, Rule.THREAD, 0, "func", source=STARLETTE + "threadpool/")
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
        Rule.UNWRAP,
        0,
        "func",
        source="https://docs.djangoproject.com/en/stable/topics/async/",
    ),
    Boundary(
        "asyncer.asyncify",
        Rule.UNWRAP,
        0,
        "function",
        source="https://asyncer.tiangolo.com/tutorial/asyncify/",
    ),
    # contextlib
    Boundary(
        "contextlib.contextmanager",
        Rule.RENAME,
        new="contextlib.asynccontextmanager",
        source=_PYTHON + "contextlib.html#contextlib.asynccontextmanager",
    ),
    Boundary("contextlib.asynccontextmanager", AWAITED, source=_PYTHON + "contextlib.html"),
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
    Boundary("functools.reduce", SYNC, 0, note=CALLED, source=_PYTHON + "functools.html"),
    Boundary("functools.cmp_to_key", SYNC, 0, note=CALLED, source=_PYTHON + "functools.html"),
    # Bots: whatever a check gives is awaited if it can be
    *(
        Boundary(f"{library}.{name}", AWAITED, 0, "predicate", source=_DISCORD)
        for library in ("discord", "disnake", "nextcord")
        for name in ("ext.commands.check", "ext.commands.core.check", "app_commands.check")
    ),
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
            "typing_extensions.final",
            "warnings.deprecated",
            "typing_extensions.deprecated",
        )
    ),
    *(
        Boundary(name, SYNC, 0, note="rewritten where equal", source=_PYTHON + "functions.html")
        for name in ("builtins.map", "builtins.filter")
    ),
    *(
        Boundary(
            name, SYNC, 1, "key", note="rewritten where equal", source=_PYTHON + "functions.html"
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
        SYNC,
        keyword="default_factory",
        note=CALLED,
        source=_PYTHON + "dataclasses.html#dataclasses.field",
    ),
    # Threads, processes, callbacks
    *(
        Boundary(name, SYNC, 1, "target", note=OWN_LOOP, source=_PYTHON + "threading.html")
        for name in (
            "threading.Thread",
            "multiprocessing.Process",
            "multiprocessing.context.Process",
        )
    ),
    Boundary(
        "threading.Timer", SYNC, 1, "function", note=OWN_LOOP, source=_PYTHON + "threading.html"
    ),
    Boundary("atexit.register", SYNC, 0, "func", note=CALLED, source=_PYTHON + "atexit.html"),
    Boundary("signal.signal", SYNC, 1, note=CALLED, source=_PYTHON + "signal.html"),
    Boundary("weakref.finalize", SYNC, 1, "func", note=CALLED, source=_PYTHON + "weakref.html"),
    # Command lines
    *(
        Boundary(name, Rule.ENTRY, source=CLICK)
        for name in (
            "click.command",
            "click.group",
            "click.decorators.command",
            "click.decorators.group",
        )
    ),
    Boundary("typer.run", Rule.ENTRY, 0, "function", source=TYPER),
    Boundary(
        "flask.cli.with_appcontext",
        _TRANSPARENT,
        source="https://flask.palletsprojects.com/en/stable/cli/",
    ),
    Boundary("dependency_injector.wiring.inject", _TRANSPARENT, source=_INJECTOR),
    *(
        Boundary(f"dishka.integrations.{name}", rule, source=_DISHKA, note=note)
        for rule, note, names in (
            (_TRANSPARENT, "", ("fastapi.inject", "starlette.inject", "aiohttp.inject")),
            (_TRANSPARENT, "", ("aiogram.inject", "litestar.inject", "faststream.inject")),
            (SYNC, CALLED, ("fastapi.inject_sync", "starlette.inject_sync", "flask.inject")),
            (SYNC, CALLED, ("click.inject", "celery.inject", "telebot.inject")),
        )
        for name in names
    ),
    *(
        Boundary(f"click.{name}", _TRANSPARENT, source=CLICK)
        for made in (
            *("argument", "option", "version_option", "help_option", "confirmation_option"),
            "password_option",
        )
        for name in (made, f"{made}()")  # `LIMIT = click.option("--limit")`, for several commands
    ),
    *(
        Boundary(f"click.{name}", _TRANSPARENT, source=CLICK)
        for name in (
            *("pass_context", "pass_obj", "make_pass_decorator()"),
            "decorators.pass_meta_key()",
        )
    ),
    # Alembic compares and renders, and runs operations, on a sync connection
    *(
        Boundary(f"alembic.{name}", SYNC, note=CALLED, source=_ALEMBIC)
        for name in (
            "autogenerate.comparators.dispatch_for",
            "autogenerate.renderers.dispatch_for",
            "autogenerate.rewriter.Rewriter().rewrites",
            "operations.Operations.implementation_for",
        )
    ),
    # Plugins
    *(
        Boundary(name, SYNC, note=CALLED, source=_PLUGGY)
        for name in (
            "pluggy.HookimplMarker()",
            "pluggy.HookspecMarker()",
            "pytest.hookimpl",
            "pytest.hookspec",
        )
    ),
    *LITESTAR_ROWS,
    # Tornado
    Boundary(
        "tornado.ioloop.PeriodicCallback",
        AWAITED,
        0,
        "callback",
        source=TORNADO + "ioloop.html#tornado.ioloop.PeriodicCallback",
    ),
    Boundary(  # of generators: what they yield is what `await` is for
        "tornado.gen.coroutine", SYNC, note=CALLED, source=TORNADO + "guide/coroutines.html"
    ),
    Boundary(
        "tornado.concurrent.run_on_executor",
        SYNC,
        note=OWN_LOOP,
        source=TORNADO + "concurrent.html",
    ),
    # Periodic tasks, beside FastAPI
    *(
        Boundary(
            f"{package}.tasks.repeat_every",
            AWAITED,
            note=THREADED,
            source="https://fastapiutils.github.io/fastapi-utils/user-guide/repeated-tasks/",
        )
        for package in ("fastapi_utils", "fastapi_restful")
    ),
    # Gradio
    *(
        Boundary(f"gradio.{name}", AWAITED, 0, "fn", note=THREADED, source=_GRADIO)
        for name in ("Interface", "ChatInterface", "on", "render", "api")
    ),
    # Task queues
    Boundary("celery.app.shared_task", SYNC, note=OWN_LOOP, source=CELERY),
    Boundary("celery.current_app.task", SYNC, note=OWN_LOOP, source=CELERY),
    *(
        Boundary(f"celery.signals.{name}.connect", SYNC, note=CALLED, source=_CELERY_SIGNALS)
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
    Boundary("celery.shared_task", SYNC, note=OWN_LOOP, source=CELERY),
    Boundary("dramatiq.actor", SYNC, note=OWN_LOOP, source="https://dramatiq.io/cookbook.html"),
    Boundary("rq.decorators.job", SYNC, note=OWN_LOOP, source="https://python-rq.org/docs/jobs/"),
    Boundary("huey.task", SYNC, note=OWN_LOOP, source="https://huey.readthedocs.io/"),
    # Pydantic
    *(
        Boundary(name, SYNC, note=CALLED, source=_PYDANTIC)
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
        Boundary(name, SYNC, 0, "func", note=CALLED, source=_PYDANTIC)
        for name in (
            "pydantic.BeforeValidator",
            "pydantic.AfterValidator",
            "pydantic.PlainValidator",
            "pydantic.WrapValidator",
        )
    ),
    *(
        Boundary(name, SYNC, 0, "func", note=CALLED, source=_PYDANTIC_SERIALIZERS)
        for name in ("pydantic.PlainSerializer", "pydantic.WrapSerializer")
    ),
    # marshmallow
    *(
        Boundary(f"{module}.{name}", SYNC, note=CALLED, source=_MARSHMALLOW)
        for module in ("marshmallow", "marshmallow.decorators")
        for name in (
            *("pre_load", "post_load", "pre_dump", "post_dump"),
            *("validates", "validates_schema"),
        )
    ),
    Boundary("marshmallow.fields.Function", SYNC, 0, "serialize", note=CALLED, source=_MARSHMALLOW),
    Boundary("pydantic.Field", SYNC, keyword="default_factory", note=CALLED, source=_PYDANTIC),
    # SQLAlchemy
    Boundary(
        "sqlalchemy.event.listen",
        SYNC,
        2,
        "fn",
        note="handlers stay plain; the target becomes the sync engine or class",
        source=_SQLALCHEMY_EVENTS,
    ),
    Boundary(
        "sqlalchemy.event.listens_for",
        SYNC,
        note="handlers stay plain; the target becomes the sync engine or class",
        source=_SQLALCHEMY_EVENTS,
    ),
    *(
        Boundary(name, SYNC, note=CALLED, source=_SQLALCHEMY_MAPPING)
        for name in (
            "sqlalchemy.orm.validates",
            "sqlalchemy.orm.reconstructor",
            "sqlalchemy.orm.declared_attr",
            "sqlalchemy.ext.declarative.declared_attr",
            "sqlalchemy.ext.hybrid.hybrid_method",
        )
    ),
    *(
        Boundary(name, SYNC, keyword=keyword, note=CALLED, source=_SQLALCHEMY_MAPPING)
        for name, keyword in (
            ("sqlalchemy.Column", "default"),
            ("sqlalchemy.orm.mapped_column", "default"),
            ("sqlmodel.Field", "default_factory"),
        )
    ),
    # Hands on what the function gives; it doesn't turn where SQL asks it (`analysis.properties`)
    Boundary("sqlalchemy.ext.hybrid.hybrid_property", AWAITED, source=_SQLALCHEMY_MAPPING),
    # Retries and tracing look at the function that they wrap
    Boundary("tenacity.retry", AWAITED, source="https://tenacity.readthedocs.io/en/latest/"),
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
            AWAITED,
            0,
            "resolver",
            note="the schema has to be executed by `execute`, as the routers do",
            source="https://strawberry.rocks/docs/types/resolvers",
        )
        for module in ("strawberry", "strawberry.federation")
        for name in (f"{module}.{kind}" for kind in ("field", "mutation", "subscription"))
    ),
    Boundary("backoff.on_exception", AWAITED, source="https://github.com/litl/backoff"),
    Boundary("backoff.on_predicate", AWAITED, source="https://github.com/litl/backoff"),
    Boundary("stamina.retry", AWAITED, source="https://stamina.hynek.me/"),
    *(
        Boundary(name, AWAITED, source=source)
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
        Boundary(name, AWAITED, source=source)
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
    *(
        Boundary(f"allure.{name}", _TRANSPARENT, note="a label of the test", source=_ALLURE)
        for name in (
            "description",
            "description_html",
            "epic",
            "feature",
            "id",
            "issue",
            "label",
            "link",
            "manual",
            "parent_suite",
            "severity",
            "story",
            "sub_suite",
            "suite",
            "tag",
            "testcase",
            "title",
        )
    ),
    Boundary(
        "pytest.fixture",
        Rule.RENAME,
        new="pytest_asyncio.fixture",
        note='stays with asyncio_mode = "auto"',
        source=_PYTEST,
    ),
    Boundary("pytest_asyncio.fixture", AWAITED, source=_PYTEST),
    Boundary("pytest.mark", _TRANSPARENT, note="every mark", source=_PYTEST),
    *(
        Boundary(f"{library}.{name}", _TRANSPARENT, source=_MOCK)
        for library in ("unittest.mock", "mock")
        for name in ("patch", "patch.object", "patch.multiple", "patch.dict")
    ),
    *(
        Boundary(name, _TRANSPARENT, source=_PYTHON + "unittest.html#unittest.skip")
        for name in (
            "unittest.skip",
            "unittest.skipIf",
            "unittest.skipUnless",
            "unittest.expectedFailure",
        )
    ),
)

BOUNDARIES: dict[str, Boundary] = {row.name: row for row in _ROWS}
