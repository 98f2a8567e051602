"""Templates: expressions with placeholders in braces, filled with nodes of the file.

A template is parsed once; filling it copies it, with parentheses only where Python needs them. The
layout of the call that is replaced goes over to the call that takes its place: line breaks of a
chain, its comments, and the parentheses that held it together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import libcst as cst

from asyncify_transforms._expressions import (
    comments_in,
    find_argument,
    fit,
    has_newline,
    without_comments,
    without_parentheses,
)

_PLACEHOLDER = re.compile(
    r"\{(receiver|session|args|rest|awaited|node(?:\.\w+)?|argument|connection|entity|\d+:?|kw:\w+|chain:\w+)\}"
)
_PREFIX = "asyncify_placeholder_"


class MissingValue(Exception):
    """A template asks for something that the node doesn't have; says what, as a sentence."""


@dataclass
class Layout:
    """The formatting of the call that a template replaces. ``dot`` stands before its method,
    ``opening`` and ``closing`` are the whitespace inside the parentheses around it; ``used`` is
    set once a call of the template has taken them over. ``in_place`` tells that the line the call
    begins on stays: lines put into it are indented one step more."""

    dot: cst.Dot | None = None
    opening: Any = None
    closing: Any = None
    used: bool = False
    dot_used: bool = False
    in_place: bool = False


@dataclass
class Values:
    """What the placeholders stand for: nodes by name, and all arguments."""

    nodes: Mapping[str, Any]
    arguments: cst.Call | None = None
    layout: Layout = field(default_factory=Layout)


@lru_cache(maxsize=512)
def _parse(template: str) -> Any:
    def name(match: re.Match[str]) -> str:
        return _PREFIX + match.group(1).replace(":", "_colon_").replace(".", "_dot_")

    return cst.parse_expression(_PLACEHOLDER.sub(name, template))


def placeholders(template: str) -> set[str]:
    """The names in braces."""
    return set(_PLACEHOLDER.findall(template))


def fill(template: str, values: Values) -> Any:
    """The template with nodes in the place of its placeholders. Raises MissingValue."""
    return _parse(template).visit(_Filler(values))


def call_values(node: cst.Call, template: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """The nodes that a template asks for, from a call."""
    nodes = dict(more)
    for name in placeholders(template) - {"args", "rest"}:
        if name.startswith("chain:"):
            nodes[name] = _chained_arguments(node, name.partition(":")[2])
        elif name.endswith(":"):
            given = [argument for argument in node.args if argument.keyword is None]
            nodes[name] = [cst.Arg(a.value, star=a.star) for a in given[int(name[:-1]) :]]
        elif name == "receiver":
            if not isinstance(node.func, cst.Attribute):
                raise MissingValue("The call has no receiver.")
            nodes[name] = node.func.value
        elif name.isdigit() or name.startswith("kw:"):
            key = int(name) if name.isdigit() else name[3:]
            index = find_argument(node.args, key)
            if index < 0:
                raise MissingValue(f"The call has no argument {key}.")
            nodes[name] = node.args[index].value
    return nodes


def _chained_arguments(node: cst.Call, method: str) -> list[cst.Arg]:
    """The arguments of a method that is called in the chain before a call."""
    current: Any = node
    while isinstance(current, cst.Call) and isinstance(current.func, cst.Attribute):
        if current.func.attr.value == method:
            return list(current.args)
        current = current.func.value
    raise MissingValue(f"The chain has no call of {method}.")


def _name_of(node: cst.CSTNode) -> str:
    """The placeholder that a node of a template is, or an empty string."""
    if isinstance(node, cst.Name) and node.value.startswith(_PREFIX):
        return node.value[len(_PREFIX) :].replace("_colon_", ":").replace("_dot_", ".")
    return ""


def _is_list(name: str) -> bool:
    """Does a placeholder stand for several arguments: those of a call in the chain, or the
    positional ones from a place on (``{1:}``)?"""
    return name.startswith("chain:") or name.endswith(":")


def _stands_on_receiver(node: cst.CSTNode) -> bool:
    """Whether the node of a template is ``{receiver}`` or a chain on it."""
    while not _name_of(node):
        if isinstance(node, cst.Attribute):
            node = node.value
        elif isinstance(node, cst.Call):
            node = node.func
        else:
            return False
    return _name_of(node) == "receiver"


class _Filler(cst.CSTTransformer):
    def __init__(self, values: Values) -> None:
        super().__init__()
        self.values = values

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> Any:
        name = _name_of(original_node)
        if not name or name in ("args", "rest") or _is_list(name):
            return updated_node
        if name not in self.values.nodes:
            raise MissingValue(f"There is nothing to put in the place of {{{name}}}.")
        node = self.values.nodes[name]
        # Whether parentheses are needed is a question of the new place; lines that they hold
        # together keep them.
        return node if has_newline(node) else without_parentheses(node)

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        updated: Any = super().on_leave(original_node, updated_node)
        for name in _EXPRESSION_FIELDS.get(updated.__class__, ()):
            child = getattr(updated, name)
            if child is None:
                continue
            fitted = fit(child, updated, name)
            if fitted is not child:
                updated = updated.with_changes(**{name: fitted})
        return updated

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> Any:
        dot = self.values.layout.dot
        if dot is None or not _stands_on_receiver(original_node.value) or not has_newline(dot):
            return updated_node
        if self.values.layout.dot_used:
            # Only the first step of a chain inherits comments, all of them the line break.
            dot = dot.with_changes(whitespace_before=without_comments(dot.whitespace_before))
        self.values.layout.dot_used = True
        return updated_node.with_changes(dot=dot)

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> Any:
        call = self._with_arguments(updated_node)
        if len(original_node.args) == 1 and _stands_on_receiver(original_node.args[0].value):
            return self._with_layout(call)
        return call

    def leave_List(self, original_node: cst.List, updated_node: cst.List) -> Any:
        """``[{chain:method}]`` holds the arguments of a method earlier in the chain."""
        names = [_name_of(element.value) for element in original_node.elements]
        if len(names) != 1 or not names[0].startswith("chain:"):
            return updated_node
        elements = [
            cst.StarredElement(argument.value, comma=argument.comma)
            if argument.star
            else cst.Element(argument.value, comma=argument.comma)
            for argument in self.values.nodes[names[0]]
        ]
        if elements:
            elements[-1] = elements[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return updated_node.with_changes(elements=elements)

    def _with_arguments(self, node: cst.Call) -> cst.Call:
        source = self.values.arguments
        names = [_name_of(a.value) for a in node.args]
        if len(names) == 1 and _is_list(names[0]):
            return node.with_changes(args=self.values.nodes[names[0]])
        position = next((i for i, n in enumerate(names) if n in ("args", "rest")), -1)
        if position < 0 or source is None:
            return node
        if names[position] == "rest":
            source = source.with_changes(args=source.args[1:])
        before, after = list(node.args[:position]), node.args[position + 1 :]
        if not before and not after:
            return node.with_changes(
                args=source.args, whitespace_before_args=source.whitespace_before_args
            )
        arguments = list(source.args)
        if arguments and after:
            separator = node.args[position].comma
            arguments[-1] = arguments[-1].with_changes(
                comma=separator, whitespace_after_arg=cst.SimpleWhitespace("")
            )
        elif not arguments and not after:
            before[-1] = before[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        opening = source.whitespace_before_args
        if arguments and not after and isinstance(opening, cst.ParenthesizedWhitespace):
            # One argument a line, as it was.
            comma = cst.Comma(whitespace_after=without_comments(opening))
            before = [each.with_changes(comma=comma) for each in before]
            node = node.with_changes(whitespace_before_args=opening)
        return node.with_changes(args=[*before, *arguments, *after])

    def _with_layout(self, call: cst.Call) -> cst.Call:
        """A chain on several lines stands between the call's parentheses as it did before."""
        layout, argument = self.values.layout, call.args[0]
        chain = without_backslashes(argument.value)
        opening, closing = layout.opening, layout.closing
        if layout.used:
            return call
        layout.used = True
        if chain.lpar:
            opening, closing = chain.lpar[0].whitespace_after, chain.rpar[-1].whitespace_before
            chain = without_parentheses(chain)
        dropped = None
        if layout.dot is not None and not layout.dot_used:
            layout.dot_used = True
            dropped = layout.dot.whitespace_before
        if not isinstance(opening, cst.ParenthesizedWhitespace):
            opening, closing = _around(chain, dropped)
            if layout.in_place and opening is not None:
                chain = chain.visit(_Deeper())
                opening, closing = opening.visit(_Deeper()), opening
        if opening is None:
            return call.with_changes(args=[argument.with_changes(value=chain)])
        return call.with_changes(
            whitespace_before_args=opening,
            args=[
                argument.with_changes(value=chain, whitespace_after_arg=_merged(dropped, closing))
            ],
        )


def _around(chain: Any, dropped: Any) -> tuple[Any, Any]:
    """Line breaks around a chain that was held together by somebody else's brackets."""
    whitespace = first_break(chain) or dropped
    if not isinstance(whitespace, cst.ParenthesizedWhitespace):
        return None, None
    first_line = cst.TrailingWhitespace(newline=whitespace.first_line.newline)
    opening = whitespace.with_changes(first_line=first_line, empty_lines=[])
    indentation = whitespace.last_line.value
    step = "\t" if indentation.endswith("\t") else "    "
    shorter = indentation[: -len(step)] if indentation.endswith(step) else ""
    return opening, opening.with_changes(last_line=cst.SimpleWhitespace(shorter))


def first_break(chain: Any) -> Any:
    """The whitespace of the first step of a chain that starts a line."""
    found = None
    node = chain
    while isinstance(node, (cst.Attribute, cst.Call, cst.Subscript)):
        if isinstance(node, cst.Attribute):
            whitespace = node.dot.whitespace_before
            if isinstance(whitespace, cst.ParenthesizedWhitespace):
                found = whitespace
        node = node.func if isinstance(node, cst.Call) else node.value
    return found


class _Deeper(cst.CSTTransformer):
    """Indents the lines inside an expression one step more; strings stay as they are."""

    def leave_ParenthesizedWhitespace(
        self, original_node: cst.ParenthesizedWhitespace, updated_node: cst.ParenthesizedWhitespace
    ) -> cst.ParenthesizedWhitespace:
        indentation = updated_node.last_line.value
        step = "\t" if indentation.endswith("\t") else "    "
        lines = [
            line
            if line.comment is None
            else line.with_changes(whitespace=cst.SimpleWhitespace(line.whitespace.value + step))
            for line in updated_node.empty_lines
        ]
        return updated_node.with_changes(
            last_line=cst.SimpleWhitespace(indentation + step), empty_lines=lines
        )


def without_backslashes(chain: Any) -> Any:
    """A chain whose lines end in backslashes, as it is written between brackets."""
    if isinstance(chain, cst.Call):
        return _with_child(chain, "func", without_backslashes(chain.func))
    if isinstance(chain, cst.Subscript):
        return _with_child(chain, "value", without_backslashes(chain.value))
    if not isinstance(chain, cst.Attribute):
        return chain
    before = chain.dot.whitespace_before
    if isinstance(before, cst.SimpleWhitespace) and "\\" in before.value:
        indentation = cst.SimpleWhitespace(re.split(r"\r\n|\r|\n", before.value)[-1])
        broken = cst.ParenthesizedWhitespace(indent=False, last_line=indentation)
        chain = chain.with_changes(dot=chain.dot.with_changes(whitespace_before=broken))
    return _with_child(chain, "value", without_backslashes(chain.value))


def _with_child(node: Any, name: str, child: Any) -> Any:
    return node if child is getattr(node, name) else node.with_changes(**{name: child})


def _merged(dropped: Any, closing: Any) -> Any:
    """The whitespace after a chain, with the comments of a step that went."""
    if dropped is None or not comments_in(dropped):
        return closing
    if not isinstance(closing, cst.ParenthesizedWhitespace):
        return dropped
    extra = comments_in(closing)
    lines = [
        *(line for line in dropped.empty_lines if line.comment is not None),
        *(cst.EmptyLine(dropped.indent, dropped.last_line, comment) for comment in extra),
    ]
    return closing.with_changes(first_line=dropped.first_line, empty_lines=lines)


_EXPRESSION_FIELDS: Mapping[type[cst.CSTNode], tuple[str, ...]] = {
    cst.Arg: ("value",),
    cst.Attribute: ("value",),
    cst.Await: ("expression",),
    cst.BinaryOperation: ("left", "right"),
    cst.BooleanOperation: ("left", "right"),
    cst.Call: ("func",),
    cst.CompFor: ("iter",),
    cst.CompIf: ("test",),
    cst.Comparison: ("left",),
    cst.ComparisonTarget: ("comparator",),
    cst.DictComp: ("key", "value"),
    cst.DictElement: ("key", "value"),
    cst.Element: ("value",),
    cst.GeneratorExp: ("elt",),
    cst.ListComp: ("elt",),
    cst.SetComp: ("elt",),
    cst.IfExp: ("body", "test"),
    cst.Subscript: ("value",),
    cst.UnaryOperation: ("expression",),
}

__all__ = [
    "Layout",
    "MissingValue",
    "Values",
    "call_values",
    "fill",
    "first_break",
    "placeholders",
]
