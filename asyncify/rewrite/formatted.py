"""``f"{total()=}"`` shows its own source, which an ``await`` in it would change: what it showed is
written out then, and the value behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import libcst as cst

_ENDS = ("\n", "\r")


def shown_as_before(
    original: cst.FormattedString, updated: cst.FormattedString
) -> cst.FormattedString | None:
    """The string with the text that it had; None: that can't be written in it."""
    parts: list[cst.BaseFormattedStringContent] = []
    for before, after in zip(original.parts, updated.parts, strict=True):
        if (
            isinstance(before, cst.FormattedStringExpression)
            and isinstance(after, cst.FormattedStringExpression)
            and before.equal is not None
            and after.expression is not before.expression
        ):
            text = _text(before, original)
            if text is None:
                return None
            parts += [cst.FormattedStringText(text), _value(after)]
        else:
            parts.append(after)
    return updated.with_changes(parts=parts)


def _value(part: cst.FormattedStringExpression) -> cst.FormattedStringExpression:
    """The value alone: with ``=`` it is its `repr`, unless something else is asked for."""
    plain = part.conversion is None and part.format_spec is None
    return part.with_changes(equal=None, conversion="r" if plain else part.conversion)


def _text(part: cst.FormattedStringExpression, string: cst.FormattedString) -> str | None:
    """What stands before the value, as the string has to spell it."""
    shown = "".join(_written(part))
    quote = string.end[0]
    special = "\\" in shown or quote in shown
    if (special and "r" in string.start.lower()) or any(end in shown for end in _ENDS):
        return None  # of several lines it isn't known how far they are indented
    if special:
        shown = shown.replace("\\", "\\\\").replace(quote, "\\" + quote)
    return shown.replace("{", "{{").replace("}", "}}")


def _written(part: cst.FormattedStringExpression) -> Iterator[str]:
    equal: Any = part.equal
    module = cst.Module([])
    yield module.code_for_node(part.whitespace_before_expression)
    yield module.code_for_node(part.expression)
    yield module.code_for_node(part.whitespace_after_expression)
    yield module.code_for_node(equal)
