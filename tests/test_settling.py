"""Names that depend on one another, in cycles too."""

from __future__ import annotations

from asyncify.planning.settling import Settling

NO_NAMES: dict[str, list[str]] = {}


def settled(
    links: dict[str, list[str]], known: dict[str, list[str]], fallback: dict[str, list[str]]
) -> dict[str, str]:
    """The names of all nodes: each has those of the nodes that it is linked to."""

    def first(node: str) -> list[str]:
        return [*known.get(node, ()), *(names.name(other) for other in links.get(node, ()))]

    def then(node: str) -> list[str]:
        return [] if names.name(node) else fallback.get(node, [])

    names = Settling(first, then)
    return {node: names.name(node) for node in links}


def test_name_comes_along() -> None:
    links = {"a": ["b"], "b": ["c"], "c": []}
    assert settled(links, {"c": ["db"]}, NO_NAMES) == {"a": "db", "b": "db", "c": "db"}


def test_cycle_has_the_name_that_comes_in() -> None:
    links = {"a": ["b"], "b": ["a", "c"], "c": ["b"]}
    assert settled(links, {"c": ["db"]}, NO_NAMES) == {"a": "db", "b": "db", "c": "db"}
    assert settled(links, NO_NAMES, NO_NAMES) == {"a": "", "b": "", "c": ""}


def test_two_names_are_none() -> None:
    links = {"a": ["b", "c"], "b": [], "c": []}
    known = {"b": ["db"], "c": ["session"]}
    assert settled(links, known, NO_NAMES) == {"a": "", "b": "db", "c": "session"}


def test_fallback_is_asked_below_first() -> None:
    links = {"a": ["b"], "b": []}
    fallback = {"a": ["wrong"], "b": ["db"]}
    assert settled(links, NO_NAMES, fallback) == {"a": "db", "b": "db"}


def test_wide_and_deep_links_take_no_recursion() -> None:
    links = {f"n{i}": [f"n{i + 1}", f"n{i + 2}"] for i in range(3000)}
    found = settled(links, {"n3000": ["db"], "n3001": ["db"]}, NO_NAMES)
    assert set(found.values()) == {"db"}
