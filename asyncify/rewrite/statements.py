"""A pass over statements alone, for edits that concern the file as a whole, such as its imports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import libcst as cst

from asyncify.rewrite.slots import Piece, Slot, rebuild, without_removed

SmallStatementEdit = Callable[[cst.BaseSmallStatement], "cst.BaseSmallStatement | None"]
# The fields of compound statements that hold statements.
_FIELDS = ("body", "handlers", "orelse", "finalbody", "cases")


def edit_small_statements(module: cst.Module, edit: SmallStatementEdit) -> cst.Module:
    """The module with every simple statement edited; None takes one away. What doesn't change
    stays the same object."""
    edited: cst.Module = _block(module, edit)
    return edited


def _block(node: Any, edit: SmallStatementEdit) -> Any:
    slots = []
    for statement in node.body:
        slot = Slot(statement, statement)
        slot.statement = _statement(statement, edit)
        slot.removed = slot.statement is None
        slots.append(slot)
    if not any(slot.changed for slot in slots):
        return node
    body, comments = rebuild(slots)
    if not body and isinstance(node, cst.IndentedBlock):
        body = [cst.SimpleStatementLine([cst.Pass()])]
    return node.with_changes(body=body, footer=(*comments, *node.footer))


def _statement(node: Any, edit: SmallStatementEdit) -> Any:
    """The statement, or None where nothing of it is left."""
    if isinstance(node, cst.IndentedBlock):
        return _block(node, edit)
    if isinstance(node, (cst.SimpleStatementLine, cst.SimpleStatementSuite)):
        return _line(node, edit)
    changes = {}
    for field in _FIELDS:
        child = getattr(node, field, None)
        if isinstance(child, cst.CSTNode):
            new: Any = _statement(child, edit)
        elif isinstance(child, (tuple, list)):
            new = _each(child, edit)
        else:
            continue
        if new is not child:
            changes[field] = new
    return node.with_changes(**changes) if changes else node


def _each(nodes: Sequence[Any], edit: SmallStatementEdit) -> Sequence[Any]:
    new = [_statement(node, edit) for node in nodes]
    return new if any(a is not b for a, b in zip(new, nodes, strict=True)) else nodes


def _line(node: Any, edit: SmallStatementEdit) -> Any:
    edited = [edit(statement) for statement in node.body]
    if all(new is old for new, old in zip(edited, node.body, strict=True)):
        return node
    pieces = [
        Piece(old, node, len(edited) == 1, new is None)
        for new, old in zip(edited, node.body, strict=True)
    ]
    kept = [old if new is None else new for new, old in zip(edited, node.body, strict=True)]
    left = without_removed(pieces, kept)
    if not left and isinstance(node, cst.SimpleStatementLine):
        return None
    return node.with_changes(body=left or [cst.Pass()])
