"""What templates read of the variables that they are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncify.source.templates import Templates

FILES = {
    "macros.html": "{% macro card(user, size=1) %}{{ user.team.name }}{{ line(user) }}"
    "{% endmacro %}"
    "{% macro line(each) %}{{ each.tags }}{% endmacro %}",
    "row.html": "{% for tag in user.tags %}{{ tag.name }}{% endfor %}",
    "base.html": "{{ site.owner.name }}{% block body %}{% endblock %}",
}
USED = {
    # what a macro is given
    '{% from "macros.html" import card %}{% for u in users %}{{ card(u) }}{% endfor %}': {
        ("users", "team", "name"), ("users", "tags"),
    },
    '{% from "macros.html" import card as c %}{{ c(size=2, user=users[0]) }}': {
        ("users", "team", "name"), ("users", "tags"),
    },
    '{% import "macros.html" as m %}{{ m.card(team.lead) }}': {
        ("m", "card"), ("team", "lead"), ("team", "lead", "team", "name"),
        ("team", "lead", "tags"),
    },
    "{% macro own(user) %}{{ user.team }}{% endmacro %}{{ own(boss) }}": {("boss", "team")},
    '{% from "macros.html" import card %}{{ user.name }}': {("user", "name")},
    # what stands in another template
    '{% for user in team.users %}{% include "row.html" %}{% endfor %}': {
        ("team", "users"), ("team", "users", "tags"), ("team", "users", "tags", "name"),
    },
    '{% extends "base.html" %}{% block body %}{{ order.id }}{% endblock %}': {
        ("site", "owner", "name"), ("order", "id"),
    },
    # what the condition of a loop reads
    "{% for u in users if u.team.name and u.lead %}{{ u.tags }}{% endfor %}": {
        ("users", "team", "name"), ("users", "lead"), ("users", "tags"),
    },
    # what filters name
    '{{ users | map(attribute="team.name") | join(", ") }}': {("users", "team", "name")},
    '{% for t in users | map(attribute="team") %}{{ t.lead }}{% endfor %}': {
        ("users", "team"), ("users", "team", "lead"),
    },
    '{% for u in users|selectattr("team")|sort(attribute="name") %}{{ u.tags }}{% endfor %}': {
        ("users", "team"), ("users", "name"), ("users", "tags"),
    },
    '{% for team, members in users|groupby("team.name") %}{{ members[0].age }}{% endfor %}': {
        ("users", "team", "name"),
    },
    '{{ order.lines | sum(attribute="price") }}': {("order", "lines"), ("order", "lines", "price")},
    "{{ 'users.nothing' }}{# users.nothing #}": set(),
}  # fmt: skip


@pytest.mark.parametrize("text", USED)
def test_reads(text: str, tmp_path: Path) -> None:
    for name, content in {**FILES, "page.html": text}.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    found = {read.path for read in Templates(tmp_path).reads("page.html")}
    assert {path for path in found if len(path) > 1} == USED[text]
