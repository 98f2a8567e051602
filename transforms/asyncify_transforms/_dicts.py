"""Entries of dict literals: replaced by those of a template, in place."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Sequence
from typing import Any

import libcst as cst

from asyncify_transforms._expressions import (
    with_comments_of,
    without_comments,
    without_parentheses,
)
from asyncify_transforms._templates import Values, fill


def with_entry(value: Any, key: str, template: str) -> Any:
    """The dict with one entry replaced by those of the filled template; an empty key adds them.
    None where it is no dict literal, or has no such entry."""
    if not isinstance(value, cst.Dict):
        return None
    elements = list(value.elements)
    index = _find(elements, key) if key else len(elements)
    if index < 0:
        return None
    replaced: Any = elements[index] if key else None
    nodes = {} if replaced is None else {"argument": without_parentheses(replaced.value)}
    filled = fill(template, Values(nodes))
    new = [_like(element, replaced) for element in filled.elements]
    before, after = elements[:index], elements[index + bool(key) :]
    return _laid_out(value, _merged(before, new, after))


def _merged(before: list[Any], new: list[Any], after: list[Any]) -> list[Any]:
    """New entries between the others: a dict under a key that is there joins the dict there."""
    for element in new:
        name = _name(element)
        for elements in (before, after):
            index = _find(elements, name)
            if index >= 0 and _is_dict(elements[index]) and _is_dict(element):
                elements[index] = _joined(elements[index], element)
                break
        else:
            before.append(element)
    return [*before, *after]


def _laid_out(value: cst.Dict, elements: list[Any]) -> cst.Dict:
    """The dict with other entries: commas and line breaks as they were between the old ones."""
    if not elements:
        return value.with_changes(elements=[])
    old = value.elements[-1] if value.elements else None
    ending: Any = cst.MaybeSentinel.DEFAULT if old is None else old.comma
    between: Any = value.lbrace.whitespace_after
    if not isinstance(between, cst.ParenthesizedWhitespace):
        between = cst.SimpleWhitespace(" ")
    else:
        between = without_comments(between)
    result = [_followed(element, old, value, between) for element in elements[:-1]]
    last = elements[-1]
    stays = old is None or last.comma is ending
    brace = value.rbrace
    if not stays:
        # The comment behind the last entry was of that one; this one has its own.
        own = last.comma.whitespace_after if isinstance(last.comma, cst.Comma) else None
        closing = with_comments_of(own, brace.whitespace_before)
        brace = brace.with_changes(whitespace_before=closing)
    return value.with_changes(elements=[*result, last.with_changes(comma=ending)], rbrace=brace)


def _followed(element: Any, old: Any, value: cst.Dict, between: Any) -> Any:
    """An entry that others follow; the one that was the last keeps its comment."""
    if element is old:
        between = with_comments_of(value.rbrace.whitespace_before, between)
    elif isinstance(element.comma, cst.Comma):
        return element
    return element.with_changes(comma=cst.Comma(whitespace_after=between))


def _joined(one: Any, other: Any) -> Any:
    """An entry whose dict has the entries of another's too."""
    elements = [*one.value.elements, *other.value.elements]
    return one.with_changes(value=_laid_out(one.value, elements))


def _like(element: Any, replaced: Any) -> Any:
    """A new entry with the quotes, the white space and the comma of the one that goes."""
    if replaced is None:
        return element
    key = element.key
    if isinstance(replaced.key, cst.SimpleString) and replaced.key.quote == "'":
        key = key.with_changes(value=repr(literal_eval(key.value)))
    return replaced.with_changes(key=key, value=element.value)


def _find(elements: Sequence[Any], name: str) -> int:
    return next((i for i, element in enumerate(elements) if _name(element) == name), -1)


def _name(element: Any) -> str:
    """The key, if it is a string."""
    key = getattr(element, "key", None)
    return str(key.evaluated_value) if isinstance(key, cst.SimpleString) else ""


def _is_dict(element: Any) -> bool:
    return isinstance(element.value, cst.Dict)


__all__ = ["with_entry"]
