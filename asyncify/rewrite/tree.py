"""LibCST's tree as the rewrite walks it: which children in which order, and what is counted.

Children are those that ``ast`` has too; whitespace, punctuation and identifiers that are no
expression (parameter names, attribute names, what imports bind) are left out, which makes the walk
several times faster than LibCST's own visitors and gives both trees the same numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import libcst as cst

from asyncify.sites import NodeRef

# In the order of the text, which is not that of LibCST's fields.
_FIELDS_BY_NAME: Mapping[str, tuple[str, ...]] = {
    "AnnAssign": ("target", "annotation", "value"),
    "Annotation": ("annotation",),
    "Arg": ("value",),
    "AsName": ("name",),
    "Assert": ("test", "msg"),
    "Assign": ("targets", "value"),
    "AssignTarget": ("target",),
    "Attribute": ("value",),
    "AugAssign": ("target", "value"),
    "Await": ("expression",),
    "BinaryOperation": ("left", "right"),
    "BooleanOperation": ("left", "right"),
    "Call": ("func", "args"),
    "ClassDef": ("decorators", "type_parameters", "bases", "keywords", "body"),
    "CompFor": ("target", "iter", "ifs", "inner_for_in"),
    "CompIf": ("test",),
    "Comparison": ("left", "comparisons"),
    "ComparisonTarget": ("comparator",),
    "ConcatenatedString": ("left", "right"),
    "Decorator": ("decorator",),
    "Del": ("target",),
    "Dict": ("elements",),
    "DictComp": ("key", "value", "for_in"),
    "DictElement": ("key", "value"),
    "Element": ("value",),
    "Else": ("body",),
    "ExceptHandler": ("type", "body"),
    "ExceptStarHandler": ("type", "body"),
    "Expr": ("value",),
    "Finally": ("body",),
    "For": ("target", "iter", "body", "orelse"),
    "FormattedString": ("parts",),
    "FormattedStringExpression": ("expression", "format_spec"),
    "From": ("item",),
    "FunctionDef": ("decorators", "type_parameters", "params", "returns", "body"),
    "GeneratorExp": ("elt", "for_in"),
    "If": ("test", "body", "orelse"),
    "IfExp": ("body", "test", "orelse"),
    "IndentedBlock": ("body",),
    "Index": ("value",),
    "Lambda": ("params", "body"),
    "List": ("elements",),
    "ListComp": ("elt", "for_in"),
    "Match": ("subject", "cases"),
    "MatchAs": ("pattern",),
    "MatchCase": ("pattern", "guard", "body"),
    "MatchClass": ("cls", "patterns", "kwds"),
    "MatchKeywordElement": ("pattern",),
    "MatchList": ("patterns",),
    "MatchMapping": ("elements",),
    "MatchMappingElement": ("key", "pattern"),
    "MatchOr": ("patterns",),
    "MatchOrElement": ("pattern",),
    "MatchSequenceElement": ("value",),
    "MatchTuple": ("patterns",),
    "MatchValue": ("value",),
    "Module": ("body",),
    "NamedExpr": ("target", "value"),
    "Param": ("annotation", "default"),
    "Parameters": ("posonly_params", "params", "star_arg", "kwonly_params", "star_kwarg"),
    "Raise": ("exc", "cause"),
    "Return": ("value",),
    "Set": ("elements",),
    "SetComp": ("elt", "for_in"),
    "SimpleStatementLine": ("body",),
    "SimpleStatementSuite": ("body",),
    "Slice": ("lower", "upper", "step"),
    "StarredDictComp": ("value", "for_in"),
    "StarredDictElement": ("value",),
    "StarredElement": ("value",),
    "Subscript": ("value", "slice"),
    "SubscriptElement": ("slice",),
    "TemplatedString": ("parts",),
    "TemplatedStringExpression": ("expression", "format_spec"),
    "Try": ("body", "handlers", "orelse", "finalbody"),
    "TryStar": ("body", "handlers", "orelse", "finalbody"),
    "Tuple": ("elements",),
    "TypeAlias": ("name", "type_parameters", "value"),
    "TypeParam": ("param", "default"),
    "TypeParameters": ("params",),
    "TypeVar": ("bound",),
    "UnaryOperation": ("expression",),
    "While": ("test", "body", "orelse"),
    "With": ("items", "body"),
    "WithItem": ("item", "asname"),
    "Yield": ("value",),
}
_KINDS_BY_NAME: Mapping[str, str] = {
    **{
        name: name
        for name in (
            "AnnAssign", "Annotation", "Assert", "Assign", "Attribute", "AugAssign", "Await",
            "Call", "ClassDef", "Comparison", "DictComp", "Expr", "For", "FunctionDef",
            "GeneratorExp", "If", "IfExp", "Import", "ImportFrom", "Lambda", "ListComp", "Name",
            "NamedExpr", "Raise", "Return", "SetComp", "Subscript", "Try", "While", "With", "Yield",
        )
    },
    "Del": "Delete",
    "LazyImport": "Import",
    "LazyImportFrom": "ImportFrom",
    "StarredDictComp": "DictComp",
    "TryStar": "Try",
}  # fmt: skip


def _by_class(table: Mapping[str, Any]) -> dict[type[cst.CSTNode], Any]:
    """The entries whose class this release of LibCST has."""
    return {getattr(cst, name): value for name, value in table.items() if hasattr(cst, name)}


FIELDS: Mapping[type[cst.CSTNode], tuple[str, ...]] = _by_class(_FIELDS_BY_NAME)
KINDS: Mapping[type[cst.CSTNode], str] = _by_class(_KINDS_BY_NAME)
# Names to LibCST, constants to `ast`.
CONSTANTS = frozenset({"True", "False", "None"})


def name_of(node: cst.CSTNode) -> str:
    """The identifier that a decision on this node has to carry."""
    if isinstance(node, cst.Call):
        return _last_identifier(node.func)
    if isinstance(node, (cst.Name, cst.Attribute)):
        return _last_identifier(node)
    if isinstance(node, cst.NamedExpr):
        return _last_identifier(node.target)
    if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
        return node.name.value
    return ""


def _last_identifier(node: cst.CSTNode) -> str:
    if isinstance(node, cst.Name):
        return node.value
    return node.attr.value if isinstance(node, cst.Attribute) else ""


def children(node: cst.CSTNode) -> list[cst.CSTNode]:
    """The structural children in source order."""
    found: list[cst.CSTNode] = []
    for field in FIELDS.get(node.__class__, ()):
        value = getattr(node, field)
        if isinstance(value, cst.CSTNode):
            found.append(value)
        elif isinstance(value, (tuple, list)):
            found += value
    return found


def walk(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The node and everything below it in source order."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(children(current)))


def enumerate_nodes(module: cst.Module) -> Iterator[tuple[NodeRef, cst.CSTNode]]:
    """All counted nodes in source order: what ``asyncify.source.order`` gives for ``ast``."""
    numbers: Counter[str] = Counter()
    for node in walk(module):
        kind = KINDS.get(node.__class__)
        if kind is None or (isinstance(node, cst.Name) and node.value in CONSTANTS):
            continue
        yield NodeRef(kind, numbers[kind], name_of(node)), node
        numbers[kind] += 1
