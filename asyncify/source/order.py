"""The order in which the two syntax trees meet: the reference, on ``ast``.

Every kind of node that a decision may name is numbered from 0 in the order in which a structural
walk enters the nodes; LibCST's tree, walked the same way, gives the same numbers
(``asyncify.rewrite.tree``). Positions are not used, except to merge what ``ast`` keeps in two
lists, because before Python 3.12 positions inside f-strings are wrong.

The walk keeps its own stack, so no depth of nesting exhausts Python's.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from asyncify.sites import NodeRef


class Numbered(NamedTuple):
    """A node's number, and where ``ast`` says that it stands (column in bytes, from 0)."""

    node: NodeRef
    line: int
    column: int


class _Annotation:
    """An annotation is no node of ``ast``: this stands for it on the stack."""

    def __init__(self, expression: ast.expr) -> None:
        self.expression = expression
        self.lineno = expression.lineno
        self.col_offset = expression.col_offset


KINDS = frozenset(
    {
        "AnnAssign", "Annotation", "Assert", "Assign", "Attribute", "AugAssign", "Await", "Call",
        "ClassDef", "Comparison", "Delete", "DictComp", "Expr", "For", "FunctionDef",
        "GeneratorExp", "If", "IfExp", "Import", "ImportFrom", "Lambda", "ListComp", "Name",
        "NamedExpr", "Raise", "Return", "SetComp", "Subscript", "Try", "While", "With", "Yield",
    }
)  # fmt: skip
# Where one kind covers several classes.
_SHARED = {
    "AsyncFunctionDef": "FunctionDef",
    "AsyncFor": "For",
    "Compare": "Comparison",
    "AsyncWith": "With",
    "TryStar": "Try",
    "YieldFrom": "Yield",
    "_Annotation": "Annotation",
}


def enumerate_nodes(module: ast.Module) -> Iterator[Numbered]:
    """All counted nodes of a module in source order."""
    numbers: Counter[str] = Counter()
    stack: list[Any] = [module]
    while stack:
        node = stack.pop()
        class_name = node.__class__.__name__
        kind = _SHARED.get(class_name, class_name)
        if kind in KINDS:
            reference = NodeRef(kind, numbers[kind], _name(node))
            numbers[kind] += 1
            yield Numbered(reference, node.lineno, node.col_offset)
        stack.extend(reversed(_CHILDREN.get(class_name, _fields)(node)))


def _name(node: Any) -> str:
    if isinstance(node, ast.Call):
        return _last_identifier(node.func)
    if isinstance(node, (ast.Name, ast.Attribute)):
        return _last_identifier(node)
    if isinstance(node, ast.NamedExpr):
        return node.target.id
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return node.name
    return ""


def _last_identifier(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _fields(node: Any) -> list[Any]:
    """The children in the order of the node's fields, which mostly is that of the text."""
    children: list[Any] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            children.append(value)
        elif isinstance(value, list):
            children += [item for item in value if isinstance(item, ast.AST)]
    return children


def _function(node: Any) -> list[Any]:
    returns = [] if node.returns is None else [_Annotation(node.returns)]
    parameters = getattr(node, "type_params", [])
    return [*node.decorator_list, *parameters, node.args, *returns, *node.body]


def _class(node: Any) -> list[Any]:
    parameters = getattr(node, "type_params", [])
    bases = _as_written(node.bases, node.keywords)
    return [*node.decorator_list, *parameters, *bases, *node.body]


def _call(node: Any) -> list[Any]:
    return [node.func, *_as_written(node.args, node.keywords)]


def _as_written(positional: list[Any], keywords: list[Any]) -> list[Any]:
    """Positional and keyword arguments, which may alternate: ``f(a, *b, c=1, *d)``."""
    if not positional or not keywords:
        return [*positional, *keywords]
    return sorted([*positional, *keywords], key=lambda part: (part.lineno, part.col_offset))


def _arguments(node: Any) -> list[Any]:
    """Parameters, each with its annotation and then its default."""
    positional = [*node.posonlyargs, *node.args]
    children: list[Any] = []
    first_default = len(positional) - len(node.defaults)
    for index, argument in enumerate(positional):
        children.append(argument)
        if index >= first_default:
            children.append(node.defaults[index - first_default])
    children.append(node.vararg)
    for argument, default in zip(node.kwonlyargs, node.kw_defaults, strict=True):
        children += [argument, default]
    children.append(node.kwarg)
    return [child for child in children if child is not None]


def _argument(node: Any) -> list[Any]:
    return [] if node.annotation is None else [_Annotation(node.annotation)]


def _annotated(node: Any) -> list[Any]:
    value = [] if node.value is None else [node.value]
    return [node.target, _Annotation(node.annotation), *value]


def _conditional(node: Any) -> list[Any]:
    return [node.body, node.test, node.orelse]


def _dictionary(node: Any) -> list[Any]:
    pairs = zip(node.keys, node.values, strict=True)
    return [part for pair in pairs for part in pair if part is not None]


def _mapping_pattern(node: Any) -> list[Any]:
    return [part for pair in zip(node.keys, node.patterns, strict=True) for part in pair]


def _annotation(node: Any) -> list[Any]:
    return [node.expression]


_CHILDREN: dict[str, Callable[[Any], list[Any]]] = {
    "FunctionDef": _function,
    "AsyncFunctionDef": _function,
    "ClassDef": _class,
    "Call": _call,
    "arguments": _arguments,
    "arg": _argument,
    "AnnAssign": _annotated,
    "IfExp": _conditional,
    "Dict": _dictionary,
    "MatchMapping": _mapping_pattern,
    "_Annotation": _annotation,
}
