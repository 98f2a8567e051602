"""Helpers of the support module for what sync drivers are given, in the words of async ones.

They are written where the arguments can't be read in the source, or where they name files for TLS:
asyncpg reads libpq's words for these in a DSN, and aiomysql wants an ``ssl.SSLContext``. Whoever
makes connections of SQLite itself makes those of aiosqlite of them.
https://magicstack.github.io/asyncpg/current/api/index.html#connection
https://aiomysql.readthedocs.io/en/stable/connection.html
"""

from __future__ import annotations

# The async driver -> the helper that takes the arguments for it.
HELPERS = {"asyncpg": "asyncpg_arguments", "aiomysql": "aiomysql_arguments"}

ASYNCPG_ARGUMENTS = '''

def asyncpg_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments for libpq as asyncpg takes them, which reads some of libpq's words in a DSN."""
    given = dict(arguments)
    words = {
        name: given.pop(name)
        for name in (
            "sslmode",
            "sslrootcert",
            "sslcert",
            "sslkey",
            "sslcrl",
            "sslpassword",
            "application_name",
            "options",
        )
        if name in given
    }
    if "fallback_application_name" in given:
        words.setdefault("application_name", given.pop("fallback_application_name"))
    if "dbname" in given:
        given["database"] = given.pop("dbname")
    if "connect_timeout" in given:
        given["timeout"] = float(given.pop("connect_timeout")) or None
    for name in ("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"):
        given.pop(name, None)  # asyncpg has no such settings
    found = {name: value for name, value in words.items() if value not in (None, "")}
    if found:
        given["dsn"] = f"postgresql://?{urlencode(found)}"
    return given
'''
AIOMYSQL_ARGUMENTS = '''

def aiomysql_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments for PyMySQL as aiomysql takes them, which wants an SSLContext for TLS."""
    given = dict(arguments)
    for old, new in (
        ("passwd", "password"),
        ("database", "db"),
        ("connection_timeout", "connect_timeout"),
    ):
        if old in given:
            given[new] = given.pop(old)
    names = [name for name in given if name.startswith("ssl_")]
    words = {name.removeprefix("ssl_"): given.pop(name) for name in names}
    tls = given.pop("ssl", None)
    if words.pop("disabled", False):
        return given
    if any(words.values()):
        identity = bool(words.pop("verify_identity", False))
        verify = identity or words.pop("verify_cert", False)
        tls = {"check_hostname": identity, "verify_mode": verify}
        tls.update((name, value) for name, value in words.items() if value is not None)
    if tls:
        given["ssl"] = tls if isinstance(tls, ssl.SSLContext) else _mysql_tls(tls)
    return given


def _mysql_tls(words: Mapping[str, Any]) -> ssl.SSLContext:
    """The context that PyMySQL makes of these words."""
    files = words.get("ca"), words.get("capath")
    known = any(file is not None for file in files)
    context = ssl.create_default_context(cafile=files[0], capath=files[1])
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # as the certificates of MySQL need it
    verify = words.get("verify_mode")
    if isinstance(verify, str):
        verify = {"none": False, "0": False, "false": False, "no": False}.get(verify.lower(), True)
    required = known if verify is None else bool(verify)
    context.check_hostname = required and known and bool(words.get("check_hostname", True))
    context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_NONE
    if words.get("cert"):
        context.load_cert_chain(words["cert"], words.get("key"), words.get("key_password"))
    if words.get("cipher"):
        context.set_ciphers(words["cipher"])
    return context
'''
AIOSQLITE_CREATOR = '''

def aiosqlite_creator(creator: Callable[[], Any]) -> Callable[[], Any]:
    """Makes connections of aiosqlite of what makes those of SQLite."""

    def connect() -> Any:
        connection: Any = aiosqlite.Connection(creator, 64)
        thread = connection if isinstance(connection, Thread) else connection._thread
        thread.daemon = True  # as SQLAlchemy has it
        return connection

    return connect
'''
IMPORTS = {
    "aiosqlite_creator": (
        ("collections.abc", "Callable"), ("threading", "Thread"), ("typing", "Any"),
        ("aiosqlite", ""),
    ),
    "asyncpg_arguments": (
        ("collections.abc", "Mapping"), ("typing", "Any"), ("urllib.parse", "urlencode"),
    ),
    "aiomysql_arguments": (
        ("ssl", ""), ("collections.abc", "Mapping"), ("typing", "Any"),
    ),
}  # fmt: skip
TEXTS = {
    "asyncpg_arguments": ASYNCPG_ARGUMENTS, "aiomysql_arguments": AIOMYSQL_ARGUMENTS,
    "aiosqlite_creator": AIOSQLITE_CREATOR,
}  # fmt: skip
