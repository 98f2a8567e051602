"""Handed in: what a parameter is that a library's generic annotates (`users: Inject[Users]`).

Libraries that inject have a name of their own for it, and there are many such libraries. Others
have generics that hold what their brackets name (`page: Page[User]`). The function tells: of what
is injected, it reads the members of the class alone, or it only hands it on. It tells as well what
is not handed in, whatever a wrong call gives.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import declarations
from asyncify.analysis import values as v
from asyncify.analysis.program import Class, Function, Variable, dotted
from asyncify.vocabulary.names import TABLES

if TYPE_CHECKING:
    from asyncify.analysis.signatures import Signatures

_KNOWN = sys.stdlib_module_names | {"sqlalchemy", "sqlmodel"}
_BUILTINS: dict[str, type] = {
    "dict": dict, "Dict": dict, "Mapping": dict, "MutableMapping": dict, "list": list, "List": list,
    "str": str, "int": int, "float": float, "bool": bool, "bytes": bytes,
}  # fmt: skip
_SESSIONS = {"Session", "AsyncSession", "Connection", "AsyncConnection", "Engine", "AsyncEngine"}


def meant(
    signatures: Signatures, function: Function, parameter: f.Parameter, declared: v.Value
) -> v.Value:
    """What a parameter is that is annotated with a library's generic: what is in its brackets,
    something of the library (``declared``), or unknown where the function doesn't tell."""
    if len(declared) != 1 or not all(map(_is_of_library, declared)):
        return declared
    scope = function.parent or function
    inner = _inside(signatures, scope, function.signature.operations, parameter.annotation)
    if not any(isinstance(atom, (v.Instance, v.Known)) for atom in inner):
        return declared
    read = _members(function, parameter.name)
    had = {name for name in read if any(_has(atom, name) for atom in inner)}
    if had == read:
        return inner
    return v.UNKNOWN if had else declared


def fitting(
    signatures: Signatures, function: Function, parameter: f.Parameter, value: v.Value
) -> v.Value:
    """What a parameter is, without the session that one wrong call gives for what is annotated as
    a builtin (``data: dict``) and read like one: ``data.get(...)`` isn't awaited for that."""
    given = frozenset(a for a in value if isinstance(a, v.Known) and a.kind in _SESSIONS)
    if not given or parameter.annotation < 0 or parameter.default >= 0:
        return value
    said = _builtin(signatures, function, parameter.annotation)
    if said is None or not all(hasattr(said, name) for name in _members(function, parameter.name)):
        return value
    return value - given


def _builtin(signatures: Signatures, function: Function, annotation: int) -> type | None:
    """The builtin that an annotation names: ``dict``, ``Dict[str, Any]``, ``dict | None``."""
    operations = function.signature.operations
    operation = operations[annotation]
    while operation[0] in (f.SUBSCRIPT, f.OPERATOR):
        if operation[0] == f.SUBSCRIPT:
            is_optional = dotted(operations, operation[5]).endswith("Optional")
            annotation = operation[6] if is_optional else operation[5]
        else:
            annotation = operation[6][0]
            if any(operations[i][0] != f.CONSTANT for i in operation[6][1:]):
                return None
        operation = operations[annotation]
    said = _BUILTINS.get(dotted(operations, annotation).rpartition(".")[2])
    if said is None:
        return None
    scope = function.parent or function
    named = signatures.program.resolve_expression(scope, operations, annotation)
    return None if isinstance(named, (Class, Variable)) else said


def _is_of_library(atom: v.Atom) -> bool:
    if not isinstance(atom, v.ForeignInstance) or "." not in atom.name:
        return False
    return atom.name.partition(".")[0] not in _KNOWN


def _inside(
    signatures: Signatures, scope: Function, operations: tuple[f.Operation, ...], index: int
) -> v.Value:
    """What stands alone in the brackets of an annotation, or of the alias that it names."""
    operation = operations[index]
    if operation[0] == f.CONSTANT and isinstance(operation[5], str):
        inside = declarations.lowered(operation[5])
        return _inside(signatures, scope, *inside) if inside is not None else v.UNKNOWN
    if operation[0] == f.SUBSCRIPT:
        return declarations.annotation_value(signatures, scope, operations, operation[6])
    symbol = signatures.program.resolve_expression(scope, operations, index)
    found = isinstance(symbol, Variable) and signatures.program.variable_expression(symbol)
    if found and found[1][found[2]][0] == f.SUBSCRIPT:
        return _inside(signatures, *found)
    return v.UNKNOWN


def _members(function: Function, name: str) -> set[str]:
    """The attributes that a function reads of a parameter."""
    operations = function.body.operations
    return {
        operation[6] for operation in operations
        if operation and operation[0] == f.ATTRIBUTE
        and operations[operation[5]][0] == f.NAME and operations[operation[5]][5] == name
    }  # fmt: skip


def _has(atom: v.Atom, name: str) -> bool:
    if isinstance(atom, v.Known):
        return any(row.name == name for row in TABLES[atom.kind].members)
    if not isinstance(atom, v.Instance):
        return False
    return any(
        name in cls.methods or name in cls.body.facts.bound
        or any(name in method.facts.stores for method in cls.methods.values())
        for cls in atom.cls.ancestors
    )  # fmt: skip
