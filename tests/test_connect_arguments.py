"""Arguments of sync drivers in the words of async ones: in ``connect_args``, and in URLs."""

from __future__ import annotations

import pytest

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
        ("asyncpg", "sslrootcert", "ca.pem"),
        ("asyncpg", "options", ...),
        ("asyncpg", "options", "-c jit=off -E"),
        ("asyncpg", "client_encoding", "latin1"),
        ("aiomysql", "ssl", ...),
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


@pytest.mark.parametrize("query", ["sslrootcert=ca.pem", "connect_timeout=soon", "options=-E"])
def test_queries_without_an_equal(query: str) -> None:
    mapping = Mapping()
    map_query("asyncpg", f"{URL}?{query}", mapping)
    assert [name for name, _ in mapping.refused] == [query.partition("=")[0]]
