"""Classes of libraries that call the methods of the classes below them.

A method that turns async in a subclass of one of these is still called plainly by the library, and
does nothing at all. What has no row here is unknown, but for classes that call no method of those
below them.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import NamedTuple

from asyncify.vocabulary.frameworks import Rule
from asyncify.vocabulary.injection import DEPENDS

# Bases below which objects are made as Python makes them.
PLAIN_BASES = frozenset({
    "object", "abc.ABC", "typing.Generic", "typing.Protocol", "typing_extensions.Protocol",
})  # fmt: skip
# What is given a class, and makes no object of it: `isinstance`, and what FastAPI injects, which
# is written as another function's from then on.
LOOKED_AT = DEPENDS | frozenset({
    "isinstance", "issubclass", "hasattr", "getattr", "repr", "str", "print", "id", "hash", "super",
    "type", "vars", "dir", "typing.cast", "inspect.signature", "inspect.isclass",
    "inspect.getmembers", "object.__new__", "logging.getLogger",
})  # fmt: skip

# `@app.task(bind=True, base=DatabaseTask)`: the function gets an object of its class first.
BINDING = "bind"
# The class is ``celery.Task`` or that of an application, ``app.Task``: its last name tells.
BOUND_TO: dict[str, str] = {"base": "Task"}


class Calls(NamedTuple):
    """What a library's class does with methods of the classes below it, by patterns of names."""

    rule: Rule
    methods: tuple[str, ...]
    source: str


_PYTHON = "https://docs.python.org/3/library/"
_FLASK = "https://flask.palletsprojects.com/en/stable/async-await/"
_TORNADO = "https://www.tornadoweb.org/en/stable/"
_STARLETTE = "https://www.starlette.io/"
_WTFORMS = "https://wtforms.readthedocs.io/en/stable/"
_WTFORMS_FIELDS = (
    "Field", "BooleanField", "DateField", "DateTimeField", "DecimalField", "FieldList", "FileField",
    "FloatField", "FormField", "HiddenField", "IntegerField", "PasswordField", "RadioField",
    "SelectField", "SelectFieldBase", "SelectMultipleField", "StringField", "TextAreaField",
)  # fmt: skip
_MARSHMALLOW = "https://marshmallow.readthedocs.io/en/stable/"
_MARSHMALLOW_FIELDS = (
    "Field", "Bool", "Boolean", "Date", "DateTime", "Decimal", "Dict", "Email", "Enum", "Float",
    "Int", "Integer", "List", "Mapping", "Nested", "Number", "Pluck", "Raw", "Str", "String",
    "Time", "TimeDelta", "Tuple", "URL", "UUID", "Url",
)  # fmt: skip
_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "trace", "dispatch_request")

_SYNC_ROWS: tuple[tuple[tuple[str, ...], tuple[str, ...], str], ...] = (
    (("threading.Thread", "threading.Timer"), ("run",), _PYTHON + "threading.html"),
    (
        ("multiprocessing.Process", "multiprocessing.context.Process"),
        ("run",),
        _PYTHON + "multiprocessing.html",
    ),
    (
        ("logging.Handler", "logging.StreamHandler", "logging.FileHandler"),
        ("emit", "handle", "flush", "close", "format"),
        _PYTHON + "logging.html#handler-objects",
    ),
    (("logging.Filter",), ("filter",), _PYTHON + "logging.html#filter-objects"),
    (("logging.LoggerAdapter",), ("process",), _PYTHON + "logging.html#loggeradapter-objects"),
    (("logging.Formatter",), ("format*",), _PYTHON + "logging.html#formatter-objects"),
    (
        ("json.JSONEncoder", "json.encoder.JSONEncoder"),
        ("default", "encode", "iterencode"),
        _PYTHON + "json.html#json.JSONEncoder",
    ),
    (
        ("http.server.BaseHTTPRequestHandler", "http.server.SimpleHTTPRequestHandler"),
        ("do_*", "handle*", "setup", "finish", "log_*"),
        _PYTHON + "http.server.html",
    ),
    (
        (
            "socketserver.BaseRequestHandler",
            "socketserver.StreamRequestHandler",
            "socketserver.DatagramRequestHandler",
        ),
        ("handle", "setup", "finish"),
        _PYTHON + "socketserver.html",
    ),
    (("argparse.Action",), ("__call__",), _PYTHON + "argparse.html#action-classes"),
    (
        ("cmd.Cmd",),
        ("do_*", "help_*", "complete_*", "default", "emptyline", "pre*", "post*"),
        _PYTHON + "cmd.html",
    ),
    (
        ("ast.NodeVisitor", "ast.NodeTransformer"),
        ("visit*", "generic_visit"),
        _PYTHON + "ast.html#ast.NodeVisitor",
    ),
    (
        ("html.parser.HTMLParser",),
        ("handle_*", "unknown_decl"),
        _PYTHON + "html.parser.html",
    ),
    (
        ("click.ParamType", "click.types.ParamType"),
        ("convert", "fail", "shell_complete"),
        "https://click.palletsprojects.com/en/stable/parameter-types/",
    ),
    (
        ("celery.Task", "celery.app.task.Task", "celery.Celery().Task"),
        ("run", "on_*", "before_start", "after_return", "__call__"),
        "https://docs.celeryq.dev/en/stable/userguide/tasks.html",
    ),
    (
        (
            *("celery.backends.base.BaseBackend", "celery.backends.base.Backend"),
            *("celery.backends.base.KeyValueStoreBackend", "celery.backends.base.SyncBackendMixin"),
            "celery.backends.database.DatabaseBackend",
        ),
        ("*",),
        "https://docs.celeryq.dev/en/stable/internals/reference/celery.backends.base.html",
    ),
    (
        (
            *("dramatiq.Middleware", "dramatiq.middleware.Middleware"),
            "dramatiq.middleware.middleware.Middleware",
        ),
        ("before_*", "after_*"),
        "https://dramatiq.io/reference.html#middleware",
    ),
    (
        (
            "rq.Worker",
            "rq.SimpleWorker",
            "rq.worker.Worker",
            "rq.worker.SimpleWorker",
            "rq.job.Job",
        ),
        ("*",),
        "https://python-rq.org/docs/workers/",
    ),
    (
        ("sqladmin.ModelView", "sqladmin.BaseView", "sqladmin.models.ModelView"),
        (
            *("is_accessible", "is_visible", "has_permission", "*_query", "get_*_columns"),
            *("get_export_name", "search_placeholder"),
        ),
        "https://aminalaee.dev/sqladmin/model_permissions/",
    ),
    (
        tuple(
            f"starlette_admin.{name}"
            for name in (
                *("BaseModelView", "views.BaseModelView", "CustomView", "views.CustomView"),
                *("contrib.sqla.ModelView", "contrib.sqla.view.ModelView"),
                *("contrib.sqlmodel.ModelView", "auth.AuthProvider"),
            )
        ),
        (
            *("is_accessible", "is_active", "title", "can_*", "get_fields_list"),
            *("get_list_query", "get_count_query", "get_search_query"),
            *("get_admin_user", "get_admin_config"),
        ),
        "https://jowilf.github.io/starlette-admin/user-guide/authorization/",
    ),
    (
        ("litestar.plugins.InitPluginProtocol", "litestar.plugins.InitPlugin"),
        ("on_app_init",),
        "https://docs.litestar.dev/2/usage/plugins/index.html",
    ),
    (
        ("tornado.web.RequestHandler", "tornado.websocket.WebSocketHandler"),
        (
            *("initialize", "on_finish", "get_current_user", "get_user_locale", "get_login_url"),
            *("write_error", "set_default_headers", "log_exception", "on_connection_close"),
            *("on_close", "on_pong", "check_origin", "select_subprotocol"),
        ),
        _TORNADO + "web.html#tornado.web.RequestHandler",
    ),
    (
        ("django.views.View", "django.views.generic.View", "rest_framework.views.APIView"),
        (*_VERBS, "dispatch", "setup"),
        "https://docs.djangoproject.com/en/stable/topics/async/",
    ),
    (
        ("django.core.management.base.BaseCommand", "django.core.management.BaseCommand"),
        ("handle", "add_arguments"),
        "https://docs.djangoproject.com/en/stable/howto/custom-management-commands/",
    ),
    (
        ("flask.json.provider.DefaultJSONProvider", "flask.json.provider.JSONProvider"),
        ("default", "dumps", "loads", "response"),
        "https://flask.palletsprojects.com/en/stable/api/#flask.json.provider.JSONProvider",
    ),
    (
        ("flask.json.JSONEncoder",),
        ("default",),
        "https://flask.palletsprojects.com/en/2.1.x/api/#flask.json.JSONEncoder",
    ),
    (
        ("flask.sessions.SessionInterface", "flask.sessions.SecureCookieSessionInterface"),
        ("open_session", "save_session", "is_null_session", "should_set_cookie"),
        "https://flask.palletsprojects.com/en/stable/api/#flask.sessions.SessionInterface",
    ),
    (
        (
            *("werkzeug.routing.BaseConverter", "werkzeug.routing.UnicodeConverter"),
            "werkzeug.routing.IntegerConverter",
        ),
        ("to_python", "to_url"),
        "https://werkzeug.palletsprojects.com/en/stable/routing/#custom-converters",
    ),
    (
        ("jinja2.BaseLoader", "jinja2.loaders.BaseLoader"),
        ("get_source", "load", "list_templates"),
        "https://jinja.palletsprojects.com/en/stable/api/#loaders",
    ),
    (
        tuple(
            f"{package}.QtCore.{name}"
            for package in ("PyQt5", "PyQt6", "PySide2", "PySide6")
            for name in ("QThread", "QRunnable")
        ),
        ("run",),
        "https://doc.qt.io/qt-6/qthread.html#run",
    ),
    (
        tuple(
            f"watchdog.events.{name}"
            for name in (
                *("FileSystemEventHandler", "PatternMatchingEventHandler"),
                *("RegexMatchingEventHandler", "LoggingEventHandler"),
            )
        ),
        ("on_*", "dispatch"),
        "https://python-watchdog.readthedocs.io/en/stable/api.html",
    ),
    (
        ("wtforms.Form", "flask_wtf.FlaskForm", "flask_wtf.Form", "wtforms.form.Form"),
        ("validate*", "process", "populate_obj"),
        _WTFORMS + "validators/",
    ),
    (
        tuple(
            f"{module}.{name}"
            for module in ("wtforms", "wtforms.fields", "wtforms.fields.core")
            for name in _WTFORMS_FIELDS
        ),
        (
            *("process*", "pre_validate", "post_validate", "validate", "populate_obj", "_value"),
            *("iter_choices", "has_groups"),
        ),
        _WTFORMS + "fields/#custom-fields",
    ),
    (
        ("marshmallow.Schema", "marshmallow.schema.Schema"),
        (
            *("load", "loads", "dump", "dumps", "validate", "get_attribute", "handle_error"),
            *("on_bind_field", "_do_load", "_deserialize", "_serialize"),
        ),
        _MARSHMALLOW + "extending/",
    ),
    (
        tuple(f"marshmallow.fields.{name}" for name in _MARSHMALLOW_FIELDS),
        (
            *("_deserialize", "_serialize", "_validate*", "_bind_to_schema", "deserialize"),
            *("serialize", "get_value"),
        ),
        _MARSHMALLOW + "custom_fields/",
    ),
    (
        ("marshmallow.validate.Validator",),
        ("__call__",),
        _MARSHMALLOW + "marshmallow.validate/",
    ),
    (
        tuple(f"strawberry.extensions.{name}FieldExtension" for name in ("", "field_extension.")),
        ("resolve", "apply"),
        "https://strawberry.rocks/docs/guides/field-extensions",
    ),
    (
        (
            *("sqlalchemy.TypeDecorator", "sqlalchemy.types.TypeDecorator"),
            *("sqlalchemy.types.UserDefinedType", "sqlalchemy.sql.type_api.TypeDecorator"),
        ),
        (
            *("process_*", "bind_*", "result_processor", "literal_processor", "column_expression"),
            *("load_dialect_impl", "coerce_compared_value", "compare_values", "get_col_spec"),
        ),
        "https://docs.sqlalchemy.org/en/21/core/custom_types.html",
    ),
    (
        ("pydantic.BaseModel", "pydantic.main.BaseModel", "pydantic_settings.BaseSettings"),
        ("model_post_init", "__get_pydantic_*"),
        "https://docs.pydantic.dev/latest/api/base_model/",
    ),
)

CLASSES: dict[str, Calls] = {
    **{
        name: Calls(Rule.SYNC, methods, source)
        for names, methods, source in _SYNC_ROWS
        for name in names
    },
    **{
        name: Calls(Rule.OWN_LOOP, _VERBS, _FLASK)
        for name in (
            "flask.views.View",
            "flask.views.MethodView",
            "flask_restful.Resource",
            "flask_restx.Resource",
        )
    },
    **{
        name: Calls(Rule.AWAITED, (*_VERBS, "dispatch", "on_*"), _STARLETTE)
        for name in (
            "starlette.endpoints.HTTPEndpoint",
            "starlette.endpoints.WebSocketEndpoint",
            "starlette.middleware.base.BaseHTTPMiddleware",
        )
    },
    "litestar.handlers.WebsocketListener": Calls(
        Rule.AWAITED, ("on_*",), "https://docs.litestar.dev/2/usage/websockets.html"
    ),
    **{
        name: Calls(
            Rule.AWAITED, ("has_permission",), "https://strawberry.rocks/docs/guides/permissions"
        )
        for name in ("strawberry.permission.BasePermission", "strawberry.BasePermission")
    },
    **{
        name: Calls(
            Rule.AWAITED,
            ("on_operation", "on_validate", "on_parse", "on_execute", "resolve", "get_results"),
            "https://strawberry.rocks/docs/guides/custom-extensions",
        )
        for name in (
            *("strawberry.extensions.SchemaExtension", "strawberry.extensions.Extension"),
            "strawberry.extensions.base_extension.SchemaExtension",
        )
    },
}
# What else the same classes call, and await.
AWAITED: dict[str, Calls] = {
    name: Calls(
        Rule.AWAITED, (*_VERBS, "prepare", "data_received", "open", "on_message"),
        _TORNADO + "guide/coroutines.html",
    )
    for name in ("tornado.web.RequestHandler", "tornado.websocket.WebSocketHandler")
}  # fmt: skip

# Packages whose classes call no method of a subclass that isn't looked at elsewhere.
_QUIET = (
    "abc.", "builtins.", "contextlib.", "dataclasses.", "enum.", "fastapi.", "pydantic.",
    "pydantic_settings.", "sqlalchemy.", "sqlmodel.", "starlette.", "typing.", "unittest.",
)  # fmt: skip


# Toolkits of windows: events come in a loop of their own, and methods are called plainly.
_WINDOWS = ("PyQt5.", "PyQt6.", "PySide2.", "PySide6.", "tkinter.", "customtkinter.", "wx.")
_OF_WINDOWS = Calls(
    Rule.SYNC,
    (
        *("*Event", "event", "eventFilter", "run", "accept", "reject", "paint", "sizeHint"),
        *("data", "setData", "flags", "rowCount", "columnCount", "headerData", "createEditor"),
        *("setEditorData", "setModelData", "filterAcceptsRow", "lessThan", "destroy", "On*"),
    ),
    "https://doc.qt.io/qt-6/eventsandfilters.html",
)


def calls(base: str, method: str) -> Calls | None:
    """What a class does with a method of one below it, or None: unknown, or nothing."""
    for table in (CLASSES, AWAITED):
        row = table.get(base)
        if row is not None and any(fnmatchcase(method, pattern) for pattern in row.methods):
            return row
    if base.startswith(_WINDOWS) and any(fnmatchcase(method, p) for p in _OF_WINDOWS.methods):
        return _OF_WINDOWS
    return None


def is_unknown(base: str) -> bool:
    """Is it unknown what a library's class does with the methods of those below it?"""
    return base not in CLASSES and may_look_below(base)


def may_look_below(base: str) -> bool:
    """May a library's class call methods of those below it, or functions that are attributes?"""
    return "." in base and not base.startswith(_QUIET)
