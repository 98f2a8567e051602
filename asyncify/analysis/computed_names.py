"""Names that a program computes: how they begin, as far as that is written down.

``getattr(self, f"on_{kind}")`` may be any method that begins so. The name may have been put
together before, or be one of those that ``startswith`` lets through.
"""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis.layout import Layout

_STEPS = 4  # assignments and operators between a name and what it is made of
_FILTER = "startswith"
_KEEPING = {"lower", "strip", "rstrip", "removesuffix"}  # methods that leave a beginning as it is


def beginning(layout: Layout, index: int, steps: int = _STEPS) -> str:
    """The text that the value of an operation begins with, or ''."""
    operation = layout.operations[index]
    kind = operation[0]
    if kind == f.FORMAT:
        return str(operation[6])
    if kind == f.CONSTANT:
        return operation[5] if isinstance(operation[5], str) else ""
    if steps == 0:
        return ""
    if kind == f.NAME:
        return _of_name(layout, operation[5], steps - 1)
    if kind == f.OPERATOR and operation[5] in ("Add", "Mod"):
        text = beginning(layout, operation[6][0], steps - 1)
        return text.partition("%")[0] if operation[5] == "Mod" else text
    if kind == f.CALL:
        return _of_call(layout, operation, steps - 1)
    return ""


def _of_call(layout: Layout, operation: f.Operation, steps: int) -> str:
    """``"on_{}".format(kind)``, ``name.lower()``"""
    callee = layout.operations[operation[5]]
    if callee[0] != f.ATTRIBUTE:
        return ""
    if callee[6] == "format":
        return beginning(layout, callee[5], steps).partition("{")[0]
    text = beginning(layout, callee[5], steps) if callee[6] in _KEEPING else ""
    return text if text == text.lower().strip() else ""


def _of_name(layout: Layout, name: str, steps: int) -> str:
    """What a variable begins with: all that is assigned to it, or the filter that it passes."""
    found = {beginning(layout, index, steps) for index in assignments(layout, name)}
    found = found or {_filtered(layout, name)}
    return found.pop() if len(found) == 1 else ""


def assignments(layout: Layout, name: str) -> list[int]:
    """The values that a variable is assigned in a function."""
    return [
        statement[8] for statement in layout.statements if statement[0] == f.ASSIGN
        and any(target[0] == f.TO_NAME and target[1] == name for target in statement[7])
    ]  # fmt: skip


def _filtered(layout: Layout, name: str) -> str:
    """``if name.startswith("check_")``"""
    for operation in layout.operations:
        if operation and operation[0] == f.CALL and len(operation[6]) == 1:
            callee, given = layout.operations[operation[5]], layout.operations[operation[6][0]]
            if (
                callee[0] == f.ATTRIBUTE and callee[6] == _FILTER and given[0] == f.CONSTANT
                and layout.operations[callee[5]][0] == f.NAME
                and layout.operations[callee[5]][5] == name and isinstance(given[5], str)
            ):  # fmt: skip
                return given[5]
    return ""
