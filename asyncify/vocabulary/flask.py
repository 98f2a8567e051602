"""Flask: where its programs get their sessions from, and why these stay sync.

Flask is a WSGI framework. A worker that gets to an async view starts an event loop in a thread,
runs the view in it, and waits for the end. An async engine keeps connections, which belong to the
loop that they were opened in: the next request has another one.

https://flask.palletsprojects.com/en/stable/async-await/
https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#using-multiple-asyncio-event-loops
"""

from __future__ import annotations

# The extension that makes an application's engines and its scoped session.
EXTENSION = "FlaskSQLAlchemy"
EXTENSIONS: frozenset[str] = frozenset(
    {"flask_sqlalchemy.SQLAlchemy", "flask_sqlalchemy.extension.SQLAlchemy"}
)
# What its attributes are.
MEMBERS: dict[str, str] = {"session": "scoped_session", "engine": "Engine"}

REASON = (
    "Flask runs each async view in an event loop of its own, and the connections of an async "
    "engine belong to one loop"
)
ADVICE = (
    "Keep it sync; or move the application to an ASGI framework first (Quart has Flask's API; "
    "FastAPI, Starlette), with sessions from `sessionmaker`, and run asyncify again."
)
