"""What the normaliser calls equal, and what it must not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.differential.normalise import normalise

EQUAL = {
    "labels of columns": (
        "SELECT users.id AS users_id, users.name AS users_name FROM users",
        "SELECT users.id, users.name FROM users",
    ),
    "white space": ("SELECT users.id\nFROM users", "SELECT  users.id FROM users"),
    "quoted names": ('SELECT "users".id FROM "users"', "SELECT users.id FROM users"),
    "labels inside a counted subquery": (
        "SELECT count(*) AS count_1 FROM (SELECT users.id AS users_id FROM users) AS anon_1",
        "SELECT count(*) AS count_1 FROM (SELECT users.id AS id FROM users) AS anon_1",
    ),
    "references to the labels of a subquery": (
        "SELECT anon_1.users_id AS anon_1_users_id FROM (SELECT users.id AS users_id FROM users) "
        "AS anon_1 WHERE anon_1.users_id > ?",
        "SELECT anon_1.id FROM (SELECT users.id AS id FROM users) AS anon_1 WHERE anon_1.id > ?",
    ),
    "numbers of anonymous aliases": (
        "SELECT users.id, addresses_1.id FROM users LEFT OUTER JOIN addresses AS addresses_1 ON "
        "users.id = addresses_1.user_id",
        "SELECT users.id, addresses_2.id FROM users LEFT OUTER JOIN addresses AS addresses_2 ON "
        "users.id = addresses_2.user_id",
    ),
    "aliases in a nested join": (
        "SELECT a.id FROM a LEFT OUTER JOIN (b AS b_1 JOIN c AS c_1 ON b_1.id = c_1.b) "
        "ON c_1.a = a.id",
        "SELECT a.id FROM a LEFT OUTER JOIN (b AS b_2 JOIN c AS c_3 ON b_2.id = c_3.b) "
        "ON c_3.a = a.id",
    ),
    "an order by label": (
        "SELECT users.age AS users_age, count(*) AS n FROM users GROUP BY users.age ORDER BY n",
        "SELECT users.age, count(*) AS count_1 FROM users GROUP BY users.age ORDER BY count_1",
    ),
    "the select list of EXISTS": (
        "SELECT EXISTS (SELECT 1 FROM users WHERE users.id = ?) AS anon_1",
        "SELECT EXISTS (SELECT users.id, users.name FROM users WHERE users.id = ?) AS anon_2",
    ),
    "a common table expression": (
        "WITH anon_1 AS (SELECT u.id AS u_id FROM u) SELECT anon_1.u_id FROM anon_1",
        "WITH anon_2 AS (SELECT u.id AS id FROM u) SELECT anon_2.id FROM anon_2",
    ),
    "an alias of a common table expression": (
        "WITH c AS (SELECT t.id AS t_id FROM t) SELECT anon_1.t_id FROM c AS anon_1",
        "WITH c AS (SELECT t.id AS id FROM t) SELECT anon_1.id FROM c AS anon_1",
    ),
}

DIFFERENT = {
    "the order of columns": ("SELECT a.x, a.y FROM a", "SELECT a.y, a.x FROM a"),
    "a missing limit": ("SELECT a.x FROM a LIMIT ?", "SELECT a.x FROM a"),
    "distinct": ("SELECT DISTINCT a.x FROM a", "SELECT a.x FROM a"),
    "another column": (
        "SELECT s.x_id FROM (SELECT x.id AS x_id, x.n AS x_n FROM x) AS s",
        "SELECT s.n FROM (SELECT x.id AS id, x.n AS n FROM x) AS s",
    ),
    "the direction of an order": (
        "SELECT a.x FROM a ORDER BY a.x", "SELECT a.x FROM a ORDER BY a.x DESC",
    ),
    "an order by another label": (
        "SELECT a.x AS x, a.y AS y FROM a ORDER BY x",
        "SELECT a.x AS x, a.y AS y FROM a ORDER BY y",
    ),
    "sides of a self join": (
        "SELECT count(*) FROM a AS a_1, a AS a_2 WHERE a_1.x < a_2.x",
        "SELECT count(*) FROM a AS a_1, a AS a_2 WHERE a_2.x < a_1.x",
    ),
    "an inner for an outer join": (
        "SELECT a.x FROM a JOIN b ON a.x = b.x", "SELECT a.x FROM a LEFT OUTER JOIN b ON a.x = b.x",
    ),
    "a condition inside EXISTS": (
        "SELECT EXISTS (SELECT 1 FROM a WHERE a.x = ?)", "SELECT EXISTS (SELECT 1 FROM a)",
    ),
    "text that looks like a label": ("SELECT 'a AS b'", "SELECT 'a'"),
    "the type of a cast": ("SELECT CAST(a.x AS TEXT) FROM a", "SELECT CAST(a.x AS INTEGER) FROM a"),
    "a count of a column for a count of rows": (
        "SELECT count(*) AS count_1 FROM (SELECT a.x AS x FROM a) AS anon_1",
        "SELECT count(a.x) AS count_1 FROM a",
    ),
    "a cast of a column": ("SELECT a.x::INTEGER FROM a", "SELECT a.x FROM a"),
    "a savepoint": ("SAVEPOINT sa_savepoint_1", "RELEASE SAVEPOINT sa_savepoint_1"),
}  # fmt: skip


@pytest.mark.parametrize("pair", EQUAL.values(), ids=EQUAL)
def test_equal(pair: tuple[str, str]) -> None:
    assert normalise(pair[0], ()) == normalise(pair[1], ())


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=DIFFERENT)
def test_different(pair: tuple[str, str]) -> None:
    assert normalise(pair[0], ()) != normalise(pair[1], ())


Bound = tuple[str, Any]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            ("SELECT a.x FROM a WHERE a.x = :x_1", {"x_1": 1}),
            ("SELECT a.x FROM a WHERE a.x = :param_1", {"param_1": 1}),
        ),
        (
            ("UPDATE a SET x=%(x)s WHERE a.y = %(y_1)s", {"x": 1, "y_1": 2}),
            ("UPDATE a SET x=%(x)s WHERE a.y = %(y_2)s", {"y_2": 2, "x": 1}),
        ),
        (("INSERT INTO a VALUES (?)", [(1,), (2,)]), ("INSERT INTO a VALUES (?)", [(1,), (2,)])),
        (
            ("SELECT a.x FROM a WHERE a.x = %(x)s LIMIT %(y)s OFFSET %(x)s", {"x": 1, "y": 2}),
            ("SELECT a.x FROM a WHERE a.x = %s LIMIT %s OFFSET %s", (1, 2, 1)),
        ),
        (
            ("UPDATE a SET x=%(x)s, t=%(t)s WHERE a.y = %(x)s", {"x": 1, "t": 2}),
            (
                "UPDATE a SET x=$1::INTEGER, t=$2::TIMESTAMP WITHOUT TIME ZONE "
                "WHERE a.y = $1::INTEGER",
                (1, 2),
            ),
        ),
        (
            ("INSERT INTO a VALUES (%(x)s)", [{"x": 1}, {"x": 2}]),
            ("INSERT INTO a VALUES ($1::VARCHAR)", [(1,), (2,)]),
        ),
    ],
)
def test_names_of_parameters_do_not_count(one: Bound, other: Bound) -> None:
    assert normalise(*one) == normalise(*other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("SELECT ?", (1,)), ("SELECT ?", (2,))),
        (("SELECT ?", (1,)), ("SELECT ?", ("1",))),
        (("SELECT ?, ?", (1, 2)), ("SELECT ?, ?", (2, 1))),
        (
            ("SELECT :a - :b", {"a": 1, "b": 2}),
            ("SELECT :b - :a", {"a": 1, "b": 2}),
        ),
        (("INSERT INTO a VALUES (?)", [(1,), (2,)]), ("INSERT INTO a VALUES (?)", [(2,), (1,)])),
    ],
)
def test_values_of_parameters_count(one: Bound, other: Bound) -> None:
    assert normalise(*one) != normalise(*other)
