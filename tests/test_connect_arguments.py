"""Arguments of sync drivers in the words of async ones: in ``connect_args``, and in URLs."""

from __future__ import annotations

import ssl
import warnings
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from asyncify.planning import driver_helpers, support
from asyncify.planning.connect_arguments import Mapping, map_argument, map_query


def mapped(driver: str, name: str, value: object = ...) -> Mapping:
    mapping = Mapping()
    map_argument(driver, name, value, mapping)
    return mapping


@pytest.mark.parametrize(
    ("driver", "name", "value", "template"),
    [
        ("asyncpg", "sslmode", "require", '{"ssl": {argument}}'),
        ("asyncpg", "connect_timeout", 10, '{"timeout": {argument}}'),
        (
            "asyncpg", "application_name", ...,
            '{"server_settings": {"application_name": {argument}}}',
        ),
        (
            "asyncpg", "options", r"-c search_path=a,b --work-mem=64MB -cTimeZone=Etc/UTC\ x",
            '{"server_settings": {"search_path": "a,b", "work_mem": "64MB", '
            '"TimeZone": "Etc/UTC x"}}',
        ),
        ("aiomysql", "passwd", ..., '{"password": {argument}}'),
        ("asyncpg", "client_encoding", "UTF8", "{}"),
    ],
)  # fmt: skip
def test_what_has_an_equal(driver: str, name: str, value: object, template: str) -> None:
    assert mapped(driver, name, value) == Mapping(entries=[(name, template)])


@pytest.mark.parametrize(
    ("driver", "name", "value"),
    [
        ("asyncpg", "options", "-c jit=off -E"),
        ("asyncpg", "client_encoding", "latin1"),
        ("aiomysql", "read_timeout", 3),
    ],
)
def test_what_has_none(driver: str, name: str, value: object) -> None:
    mapping = mapped(driver, name, value)
    assert [argument for argument, _ in mapping.refused] == [name]
    assert not mapping.entries


def test_what_goes_is_told() -> None:
    mapping = mapped("asyncpg", "keepalives_idle", 30)
    assert mapping.entries == [("keepalives_idle", "{}")]
    assert mapping.lost[0][0] == "keepalives_idle"


@pytest.mark.parametrize("name", ["sslmode", "keepalives", "options", "unheard_of"])
def test_psycopg_takes_what_libpq_takes(name: str) -> None:
    assert mapped("psycopg", name, "x") == Mapping()


URL = "postgresql+asyncpg://u:p%40@h/d"


@pytest.mark.parametrize(
    ("query", "left", "added"),
    [
        ("", "", []),
        ("?sslmode=verify-full", "?ssl=verify-full", []),
        ("?sslmode=require&port=5&host=a", "?ssl=require&port=5&host=a", []),
        ("?connect_timeout=10", "", ['{"timeout": 10}']),
        ("?connect_timeout=2.5", "", ['{"timeout": 2.5}']),
        (
            "?application_name=a%20b+c&sslmode=prefer", "?ssl=prefer",
            ['{"server_settings": {"application_name": "a b c"}}'],
        ),
        (
            "?options=-c%20statement_timeout%3D5000", "",
            ['{"server_settings": {"statement_timeout": "5000"}}'],
        ),
        ("?client_encoding=utf8", "", []),
    ],
)  # fmt: skip
def test_queries_of_urls(query: str, left: str, added: list[str]) -> None:
    mapping = Mapping()
    assert map_query("asyncpg", URL + query, mapping) == URL + left
    assert mapping == Mapping(added=added)


@pytest.mark.parametrize("query", ["connect_timeout=soon", "options=-E"])
def test_queries_without_an_equal(query: str) -> None:
    mapping = Mapping()
    map_query("asyncpg", f"{URL}?{query}", mapping)
    assert [name for name, _ in mapping.refused] == [query.partition("=")[0]]


@pytest.mark.parametrize(
    ("driver", "name", "value"),
    [
        ("asyncpg", "sslrootcert", "ca.pem"),
        ("asyncpg", "options", ...),
        ("aiomysql", "ssl", ...),
        ("aiomysql", "ssl_ca", "ca.pem"),
    ],
)
def test_what_a_helper_translates(driver: str, name: str, value: object) -> None:
    assert mapped(driver, name, value) == Mapping(helper=True)


@pytest.mark.parametrize(
    ("driver", "query", "left", "raw"),
    [
        (
            "asyncpg", "sslmode=verify-full&sslrootcert=%2Fca.pem&connect_timeout=10", "",
            ['"sslmode": "verify-full"', '"sslrootcert": "/ca.pem"', '"connect_timeout": 10'],
        ),
        (
            "aiomysql", "charset=utf8mb4&ssl_ca=/ca.pem&ssl_check_hostname=false",
            "?charset=utf8mb4", ['"ssl": {"ca": "/ca.pem", "check_hostname": False}'],
        ),
    ],
)  # fmt: skip
def test_queries_that_a_helper_translates(
    driver: str, query: str, left: str, raw: list[str]
) -> None:
    mapping = Mapping()
    assert map_query(driver, f"{URL}?{query}", mapping) == URL + left
    assert mapping == Mapping(raw=raw, helper=True)


@pytest.fixture(scope="module")
def helpers() -> dict[str, Any]:
    """The helpers as they are written into a program."""
    text = "from __future__ import annotations\nimport ssl, warnings\n"
    text += "from typing import Any, Mapping\nfrom urllib.parse import urlencode\n"
    text += "from sqlalchemy.engine import URL, make_url\n"
    drivers = '{"postgresql": "postgresql+asyncpg", "mysql": "mysql+aiomysql"}'
    text += support._ASYNC_URL.replace("{drivers}", drivers)
    names: dict[str, Any] = {}
    exec(text + "".join(driver_helpers.TEXTS.values()), names)
    return names


def asyncpg_reads(arguments: dict[str, Any]) -> Any:
    """What asyncpg makes of its arguments, and the server settings."""
    utils = pytest.importorskip("asyncpg.connect_utils")
    given = dict.fromkeys(
        (
            "dsn", "password", "passfile", "ssl", "service", "servicefile", "direct_tls",
            "server_settings", "target_session_attrs", "krbsrvname", "gsslib",
        )
    )  # fmt: skip
    known = {"host": "h", "port": 1, "user": "u", "database": "d"}
    timeout = arguments.pop("timeout", 60)
    _, parameters, *_ = utils._parse_connect_dsn_and_args(**{**given, **known, **arguments})
    return parameters, timeout


def test_asyncpg_takes_the_words_of_libpq(helpers: dict[str, Any]) -> None:
    certificates = pytest.importorskip("certifi").where()
    parameters, timeout = asyncpg_reads(
        helpers["asyncpg_arguments"](
            {
                "sslmode": "verify-full", "sslrootcert": certificates, "connect_timeout": "3",
                "application_name": "a shop", "options": "-c statement_timeout=7s",
                "keepalives": 1, "sslcert": None,
            }
        )
    )  # fmt: skip
    assert timeout == 3
    assert parameters.ssl.verify_mode is ssl.CERT_REQUIRED
    assert parameters.ssl.check_hostname
    assert parameters.server_settings == {
        "application_name": "a shop", "options": "-c statement_timeout=7s",
    }  # fmt: skip
    verified, _ = asyncpg_reads(
        helpers["asyncpg_arguments"]({"sslmode": "verify-ca", "sslrootcert": certificates})
    )
    assert not verified.ssl.check_hostname


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sslmode=require", {"ssl": "require"}),
        (
            "sslmode=verify-ca&sslrootcert=/ca.pem&application_name=a&keepalives_idle=3",
            {"dsn": "postgresql://?sslmode=verify-ca&sslrootcert=%2Fca.pem&application_name=a"},
        ),
        ("prepared_statement_cache_size=0", {"prepared_statement_cache_size": "0"}),
    ],
)
def test_computed_urls(helpers: dict[str, Any], query: str, expected: dict[str, str]) -> None:
    made = helpers["async_url"](f"postgresql://u:p@h/d?{query}")
    assert dict(made.query) == expected
    assert helpers["async_url"](made) == made == make_url(made)


def test_computed_urls_tell_what_goes(helpers: dict[str, Any]) -> None:
    with pytest.warns(UserWarning, match="connect_timeout"):
        made = helpers["async_url"]("postgresql://u:p@h/d?connect_timeout=3")
    assert not made.query
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert helpers["async_url"](made) == made
    with pytest.raises(ValueError, match="connect_args"):
        helpers["async_url"]("mysql://u:p@h/d?ssl_ca=/ca.pem")


@pytest.mark.parametrize(
    "arguments",
    [
        {"ssl": {"ca": ...}},
        {"ssl": {"ca": ..., "check_hostname": False}},
        {"ssl": {"ca": ..., "verify_mode": "none", "check_hostname": False}},
        {"ssl": {"fake": True}},
        {"ssl_ca": ...},
        {"ssl_ca": ..., "ssl_verify_cert": True},
        {"ssl_ca": ..., "ssl_verify_identity": True},
    ],
)
def test_aiomysql_gets_the_context_of_pymysql(
    helpers: dict[str, Any], arguments: dict[str, Any]
) -> None:
    pymysql = pytest.importorskip("pymysql")
    certificates = pytest.importorskip("certifi").where()

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(inner) for key, inner in value.items()}
        return certificates if value is ... else value

    made = helpers["aiomysql_arguments"](filled({**arguments, "charset": "utf8mb4"}))
    theirs = pymysql.Connection(defer_connect=True, **filled(arguments)).ctx
    assert made.pop("charset") == "utf8mb4"
    context = made.pop("ssl")
    assert not made
    assert (context.verify_mode, context.check_hostname) == (
        theirs.verify_mode, theirs.check_hostname,
    )  # fmt: skip


def test_no_tls_for_aiomysql(helpers: dict[str, Any]) -> None:
    context = ssl.create_default_context()
    translated = helpers["aiomysql_arguments"]
    assert translated({"ssl_disabled": True, "passwd": "x"}) == {"password": "x"}
    assert translated({"ssl": {}, "db": "d"}) == {"db": "d"}
    assert translated({"ssl": context}) == {"ssl": context}
    assert translated(translated({"ssl": context})) == {"ssl": context}
