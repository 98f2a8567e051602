"""Helpers for the asynchronous database layer."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.engine import URL, make_url

_ASYNC_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+pysqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgresql+psycopg2": "postgresql+asyncpg",
    "postgresql+pg8000": "postgresql+asyncpg",
    "postgresql+psycopg2cffi": "postgresql+asyncpg",
    "postgresql+pygresql": "postgresql+asyncpg",
    "mysql": "mysql+aiomysql",
    "mysql+pymysql": "mysql+aiomysql",
    "mysql+mysqldb": "mysql+aiomysql",
    "mysql+mysqlconnector": "mysql+aiomysql",
    "mysql+pyodbc": "mysql+aiomysql",
    "mysql+mariadbconnector": "mysql+aiomysql",
    "mysql+cymysql": "mysql+aiomysql",
    "mariadb": "mariadb+aiomysql",
    "mariadb+pymysql": "mariadb+aiomysql",
    "mariadb+mysqldb": "mariadb+aiomysql",
    "mariadb+mysqlconnector": "mariadb+aiomysql",
    "mariadb+pyodbc": "mariadb+aiomysql",
    "mariadb+mariadbconnector": "mariadb+aiomysql",
    "mariadb+cymysql": "mariadb+aiomysql",
    "oracle": "oracle+oracledb",
    "oracle+cx_oracle": "oracle+oracledb",
    "mssql": "mssql+aioodbc",
    "mssql+pyodbc": "mssql+aioodbc",
    "mssql+pymssql": "mssql+aioodbc",
    "mssql+mssqlpython": "mssql+aioodbc",
}


def async_url(url: str | URL) -> URL:
    """The same database through its asynchronous driver; an asynchronous URL stays as it is."""
    parsed = make_url(url)
    driver = _ASYNC_DRIVERS.get(parsed.drivername)
    if driver is None:
        return parsed
    if driver.endswith("+asyncpg"):
        parsed = parsed.set(query=_asyncpg_query(parsed.query))
    if driver.endswith("+aiomysql") and any(name.startswith("ssl") for name in parsed.query):
        raise ValueError("aiomysql takes no files for TLS in a URL: give it ssl= in connect_args")
    return parsed.set(drivername=driver)


def _asyncpg_query(query: Mapping[str, Any]) -> dict[str, Any]:
    """What asyncpg calls otherwise than libpq; it reads libpq's own words in a DSN."""
    given = {key: value for key, value in query.items() if not key.startswith("keepalives")}
    for name in ("connect_timeout", "channel_binding", "gssencmode"):
        if given.pop(name, None) is not None:
            warnings.warn(f"asyncpg takes no {name} in a URL: it is left out", stacklevel=3)
    words = {
        name: given.pop(name)
        for name in tuple(given)
        if name in ("application_name", "options") or (name.startswith("ssl") and name != "ssl")
    }
    if list(words) == ["sslmode"]:
        return {**given, "ssl": words["sslmode"]}
    return {**given, "dsn": f"postgresql://?{urlencode(words)}"} if words else given
