"""Names that a program computes: how they begin and end, as far as that is written down.

``getattr(self, f"on_{kind}")`` may be any method that begins so. The name may have been put
together before, of a constant of the module or class, or be one of those that ``startswith`` lets
through.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from asyncify import facts as f
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Class, Program, Variable
from asyncify.analysis.statements import names_assigned, statements_of

_LAST_CONVERSION = re.compile(r"^.*%(?:\(\w*\))?[-#0 +.\d]*[a-zA-Z%]", re.DOTALL)
_STEPS = 4  # assignments and operators between a name and what it is made of
_FILTER = "startswith"
_KEEPING = {"lower", "strip", "rstrip", "removesuffix"}  # methods that leave a beginning as it is


class Shape(NamedTuple):
    """How a name begins and ends; nothing of it may be known."""

    start: str
    end: str

    @property
    def is_known(self) -> bool:
        return bool(self.start or self.end)

    def fits(self, name: str) -> bool:
        return name.startswith(self.start) and name.endswith(self.end)


def shape(program: Program, layout: Layout, index: int) -> Shape:
    """How the text that an operation gives begins and ends."""
    start, end = beginning(program, layout, index), _ending(layout, index)
    return Shape(start, "" if layout.operations[index][0] == f.CONSTANT else end)


def _ending(layout: Layout, index: int, steps: int = _STEPS) -> str:
    """The text that the value of an operation ends with, or ''."""
    operation = layout.operations[index]
    kind = operation[0]
    if steps == 0:
        return ""
    if kind == f.CONSTANT:
        return operation[5] if isinstance(operation[5], str) else ""
    if kind == f.FORMAT:
        return str(operation[7][-1]) if operation[7] else ""
    if kind == f.NAME and operation[5] in layout.function.facts.bound:
        found = {_ending(layout, i, steps - 1) for i in assignments(layout, operation[5])}
        return found.pop() if len(found) == 1 else ""
    if kind == f.OPERATOR and operation[5] == "Add":
        return _ending(layout, operation[6][-1], steps - 1)
    if kind == f.OPERATOR and operation[5] == "Mod":
        return _LAST_CONVERSION.sub("", _text(layout.operations[operation[6][0]]))
    if kind == f.CALL and layout.operations[operation[5]][0] == f.ATTRIBUTE:
        callee = layout.operations[operation[5]]
        text = _text(layout.operations[callee[5]]) if callee[6] == "format" else ""
        return text.rpartition("}")[2]
    return ""


def beginning(program: Program, layout: Layout, index: int, steps: int = _STEPS) -> str:
    """The text that the value of an operation begins with, or ''."""
    operation = layout.operations[index]
    kind = operation[0]
    if kind == f.CONSTANT:
        return operation[5] if isinstance(operation[5], str) else ""
    if kind == f.FORMAT and operation[6]:
        return str(operation[6])
    if steps == 0:
        return ""
    if kind == f.FORMAT:
        return beginning(program, layout, operation[5][0], steps - 1) if operation[5] else ""
    if kind == f.NAME:
        return _of_name(program, layout, index, steps - 1)
    if kind == f.ATTRIBUTE:
        return _of_attribute(program, layout, index)
    if kind == f.OPERATOR and operation[5] in ("Add", "Mod"):
        text = beginning(program, layout, operation[6][0], steps - 1)
        return text.partition("%")[0] if operation[5] == "Mod" else text
    if kind == f.CALL:
        return _of_call(program, layout, operation, steps - 1)
    return ""


def _of_call(program: Program, layout: Layout, operation: f.Operation, steps: int) -> str:
    """``"on_{}".format(kind)``, ``name.lower()``"""
    callee = layout.operations[operation[5]]
    if callee[0] != f.ATTRIBUTE:
        return ""
    if callee[6] == "format":
        return beginning(program, layout, callee[5], steps).partition("{")[0]
    text = beginning(program, layout, callee[5], steps) if callee[6] in _KEEPING else ""
    return text if text == text.lower().strip() else ""


def _of_name(program: Program, layout: Layout, index: int, steps: int) -> str:
    """What a variable begins with: all that is assigned to it, or the filter that it passes."""
    name = layout.operations[index][5]
    if name not in layout.function.facts.bound:
        return _of_constant(program, layout, index)
    found = {beginning(program, layout, place, steps) for place in assignments(layout, name)}
    found = found or {_filtered(layout, name)}
    return found.pop() if len(found) == 1 else ""


def _of_constant(program: Program, layout: Layout, index: int) -> str:
    """``PREFIX``, of this module or another."""
    symbol = program.resolve_expression(layout.function, layout.operations, index)
    made = program.variable_expression(symbol) if isinstance(symbol, Variable) else None
    return _text(made[1][made[2]]) if made is not None else ""


def _of_attribute(program: Program, layout: Layout, index: int) -> str:
    """``self.prefix``, of the class, or ``settings.PREFIX``."""
    operation, function = layout.operations[index], layout.function
    base, parameters = layout.operations[operation[5]], function.signature.parameters
    own = function.is_method and bool(parameters) and base[0] == f.NAME
    if not own or base[5] != parameters[0].name or function.owner is None:
        return _of_constant(program, layout, index)
    family = dict.fromkeys((*function.owner.ancestors, *function.owner.descendants()))
    if any(operation[6] in m.facts.stores for cls in family for m in cls.methods.values()):
        return ""
    found = {text for cls in family for text in _in_class(cls, operation[6])}
    return found.pop() if len(found) == 1 else ""


def _in_class(cls: Class, name: str) -> list[str]:
    """What the body of a class assigns to a name."""
    return [
        _text(cls.body.body.operations[value])
        for statement in statements_of(cls.body.body.statements)
        for assigned, value in names_assigned(statement)
        if assigned == name
    ]


def _text(operation: f.Operation) -> str:
    return operation[5] if operation[0] == f.CONSTANT and isinstance(operation[5], str) else ""


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
