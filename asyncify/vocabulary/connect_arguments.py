"""What connects: the arguments of each driver, and what becomes of them for an async driver.

They stand in ``connect_args`` or in the query of a URL. Most differences show only when the program
connects, so each was tried against real servers; what isn't known is refused with a reason.
"""

from __future__ import annotations

from typing import NamedTuple


class ConnectArgument(NamedTuple):
    """What becomes of one argument of the sync driver for an async driver.

    ``action`` is for a key of ``connect_args``: ``keep``, ``rename`` (to ``new``), ``setting`` (to
    the key ``new`` of ``server_settings``), ``options`` (each ``-c name=value`` to a key of
    ``server_settings``), ``tls`` (a helper of the support module translates it, and all beside
    it), ``drop`` or ``refuse``. ``in_url`` is for the query of a URL, where it differs;
    ``connect_args`` there: it moves into ``connect_args``, converted by ``convert``; ``nested``: it
    is an entry of ``ssl`` there. What is dropped is told.
    """

    name: str
    action: str = "keep"
    new: str = ""
    in_url: str = ""
    convert: str = ""
    note: str = ""


_ASYNCPG_PAGE = "https://magicstack.github.io/asyncpg/current/api/index.html#connection"
_KEEPALIVES = "asyncpg has no TCP keepalive settings"

_ASYNCPG = (
    ConnectArgument("host"),
    ConnectArgument("port"),
    ConnectArgument("user"),
    ConnectArgument("password"),
    ConnectArgument("database"),
    ConnectArgument("dbname", "rename", "database"),
    ConnectArgument("passfile"),
    ConnectArgument("target_session_attrs"),
    ConnectArgument("krbsrvname"),
    ConnectArgument("gsslib"),
    ConnectArgument("sslmode", "rename", "ssl", note="the same words"),
    ConnectArgument("connect_timeout", "rename", "timeout", "connect_args", "float"),
    ConnectArgument("application_name", "setting", "application_name", "connect_args"),
    ConnectArgument("fallback_application_name", "setting", "application_name", "connect_args"),
    ConnectArgument("options", "options", "", "connect_args"),
    ConnectArgument("client_encoding", "refuse", note="asyncpg always speaks UTF-8"),
    ConnectArgument("sslrootcert", "tls"),
    ConnectArgument("sslcert", "tls"),
    ConnectArgument("sslkey", "tls"),
    ConnectArgument("sslcrl", "tls"),
    ConnectArgument("sslpassword", "tls"),
    ConnectArgument("keepalives", "drop", note=_KEEPALIVES),
    ConnectArgument("keepalives_idle", "drop", note=_KEEPALIVES),
    ConnectArgument("keepalives_interval", "drop", note=_KEEPALIVES),
    ConnectArgument("keepalives_count", "drop", note=_KEEPALIVES),
    ConnectArgument("tcp_user_timeout", "drop", note=_KEEPALIVES),
    ConnectArgument("gssencmode", "refuse", note="asyncpg doesn't take it"),
    ConnectArgument("cursor_factory", "refuse", note="of psycopg2"),
    ConnectArgument("connection_factory", "refuse", note="of psycopg2"),
    # asyncpg's own, in programs that are async already:
    ConnectArgument("ssl"),
    ConnectArgument("timeout", in_url="connect_args", convert="float"),
    ConnectArgument("command_timeout"),
    ConnectArgument("server_settings", in_url="refuse"),
    ConnectArgument("statement_cache_size"),
    ConnectArgument("prepared_statement_cache_size"),
)

_PSYCOPG = (
    *(
        ConnectArgument(name)
        for name in (
            "host",
            "port",
            "user",
            "password",
            "dbname",
            "passfile",
            "target_session_attrs",
            "sslmode",
            "sslrootcert",
            "sslcert",
            "sslkey",
            "sslcrl",
            "connect_timeout",
            "application_name",
            "fallback_application_name",
            "options",
            "client_encoding",
            "keepalives",
            "keepalives_idle",
            "keepalives_interval",
            "keepalives_count",
            "tcp_user_timeout",
            "gssencmode",
        )
    ),
    ConnectArgument("cursor_factory", "refuse", note="a class of psycopg2"),
    ConnectArgument("connection_factory", "refuse", note="a class of psycopg2"),
)

_NOT_TAKEN = "the driver doesn't take it"

_MYSQL_BOTH = tuple(
    ConnectArgument(name)
    for name in (
        "host",
        "port",
        "user",
        "password",
        "unix_socket",
        "charset",
        "use_unicode",
        "connect_timeout",
        "local_infile",
        "autocommit",
        "init_command",
        "program_name",
        "client_flag",
        "sql_mode",
        "read_default_file",
        "read_default_group",
        "server_public_key",
    )
)

_AIOMYSQL = (
    *_MYSQL_BOTH,
    ConnectArgument("db"),
    ConnectArgument("database", "rename", "db"),
    ConnectArgument("passwd", "rename", "password"),
    ConnectArgument("connection_timeout", "rename", "connect_timeout"),
    ConnectArgument("auth_plugin"),
    ConnectArgument("cursorclass", "refuse", note="a class of the sync driver"),
    ConnectArgument("read_timeout", "refuse", note=_NOT_TAKEN),
    ConnectArgument("write_timeout", "refuse", note=_NOT_TAKEN),
    ConnectArgument("collation", "refuse", note=_NOT_TAKEN + ": set it by init_command"),
    ConnectArgument("binary_prefix", "refuse", note=_NOT_TAKEN),
    ConnectArgument("max_allowed_packet", "refuse", note=_NOT_TAKEN),
    ConnectArgument("ssl", "tls"),
    ConnectArgument("ssl_ca", "tls", in_url="nested"),
    ConnectArgument("ssl_cert", "tls", in_url="nested"),
    ConnectArgument("ssl_key", "tls", in_url="nested"),
    ConnectArgument("ssl_capath", "tls", in_url="nested"),
    ConnectArgument("ssl_cipher", "tls", in_url="nested"),
    ConnectArgument("ssl_check_hostname", "tls", in_url="nested", convert="bool"),
    ConnectArgument("ssl_key_password", "tls"),
    ConnectArgument("ssl_verify_cert", "tls"),
    ConnectArgument("ssl_verify_identity", "tls"),
    ConnectArgument("ssl_disabled", "tls"),
)

_ASYNCMY = (
    *_MYSQL_BOTH,
    ConnectArgument("db"),
    ConnectArgument("database"),
    ConnectArgument("passwd", "rename", "password"),
    ConnectArgument("connection_timeout", "rename", "connect_timeout"),
    ConnectArgument("read_timeout"),
    ConnectArgument("max_allowed_packet"),
    ConnectArgument("binary_prefix"),
    ConnectArgument("ssl", note="a dict or an ssl.SSLContext"),
    ConnectArgument("ssl_ca"),
    ConnectArgument("ssl_cert"),
    ConnectArgument("ssl_key"),
    ConnectArgument("auth_plugin", "refuse", note=_NOT_TAKEN),
    ConnectArgument("cursorclass", "refuse", note="a class of the sync driver"),
    ConnectArgument("write_timeout", "refuse", note=_NOT_TAKEN),
    ConnectArgument("collation", "refuse", note=_NOT_TAKEN + ": set it by init_command"),
    ConnectArgument("ssl_disabled", "refuse", note="without ssl= there is no TLS"),
)

_AIOSQLITE = tuple(
    ConnectArgument(name)
    for name in (
        "check_same_thread",
        "timeout",
        "detect_types",
        "isolation_level",
        "uri",
        "mode",
        "cache",
        "cached_statements",
        "factory",
        "autocommit",
    )
)

# async driver -> argument of the sync driver -> row.
CONNECT_ARGUMENTS: dict[str, dict[str, ConnectArgument]] = {
    driver: {row.name: row for row in rows}
    for driver, rows in (
        ("asyncpg", _ASYNCPG),
        ("psycopg", _PSYCOPG),
        ("aiomysql", _AIOMYSQL),
        ("asyncmy", _ASYNCMY),
        ("aiosqlite", _AIOSQLITE),
    )
}

# What is read on each driver's arguments.
CONNECT_SOURCES: dict[str, str] = {
    "asyncpg": _ASYNCPG_PAGE,
    "psycopg": "https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS",
    "aiomysql": "https://aiomysql.readthedocs.io/en/stable/connection.html",
    "asyncmy": "https://github.com/long2ice/asyncmy",
    "aiosqlite": "https://docs.python.org/3/library/sqlite3.html#sqlite3.connect",
}


def connect_argument(driver: str, name: str) -> ConnectArgument | None:
    """The row of an argument for an async driver, or None: unknown, so nothing is promised."""
    return CONNECT_ARGUMENTS.get(driver, {}).get(name)
