"""Cascades of SQLAlchemy 1.4's own sessions: what is related to an instance of a session by the
other side's attribute comes into the session by itself. An async session leaves it outside, and it
is never stored, without a word.
https://docs.sqlalchemy.org/en/14/changelog/migration_14.html#cascade-backrefs-behavior-deprecated-for-removal-in-2-0
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Colors
from asyncify.analysis.model_bodies import Relationship
from asyncify.analysis.program import Class, Function
from asyncify.planning.own_style import is_future

_SESSIONS = ("Session", "scoped_session")


def left_outside(colors: Colors, function: Function) -> str:
    """The sentence about a new instance that only a cascade stores, or ''."""
    if not _has_plain_session(colors, function):
        return ""
    for index, name in _related(colors, function):
        if not _is_given(colors, function, index):
            line = function.body.operations[index][1]
            return (
                f"By `{name}` (line {line}) the instance comes into a session of 1.4's own style, "
                "and not into an async one: `add` it."
            )
    return ""


def _has_plain_session(colors: Colors, function: Function) -> bool:
    owners = [use.owner for use in colors.uses.of(function) if use.kind == "member"]
    return any(
        isinstance(owner, v.Known) and owner.kind in _SESSIONS and not is_future(owner)
        for owner in owners
    )


def _related(colors: Colors, function: Function) -> Iterator[tuple[int, str]]:
    """The calls that make an instance which is related from its own side, with the attribute."""
    evaluation = colors.inference.evaluations[function]
    layout = colors.uses.layout(function)
    for index, operation in enumerate(function.body.operations):
        if not operation or operation[0] != f.CALL:
            continue
        for atom in evaluation.values[operation[5]]:
            if isinstance(atom, v.ClassObject):
                links = _two_sided(colors, atom.cls)
                yield from ((index, name) for name, _ in operation[7] if name in links)
                for statement in layout.statements:
                    if statement[0] == f.ASSIGN and _name_of(colors, function, index):
                        yield from (
                            (index, target[2]) for target in statement[7]
                            if target[0] == f.TO_ATTRIBUTE and target[2] in links
                            and _is_named(function, target[1], _name_of(colors, function, index))
                        )  # fmt: skip


def _two_sided(colors: Colors, cls: Class) -> dict[str, Relationship]:
    links = colors.inference.models.links(cls)
    return {name: link for name, link in links.items() if link.back}


def _name_of(colors: Colors, function: Function, index: int) -> str:
    """The variable that a new instance is assigned to, or ''."""
    statement = colors.uses.layout(function).statement(index)
    if statement is None or statement[0] != f.ASSIGN or statement[8] != index:
        return ""
    return next((target[1] for target in statement[7] if target[0] == f.TO_NAME), "")


def _is_named(function: Function, index: int, name: str) -> bool:
    operation = function.body.operations[index]
    return bool(name) and operation[0] == f.NAME and operation[5] == name


def _is_given(colors: Colors, function: Function, index: int) -> bool:
    """Is the instance handed on: to a call such as ``add``, into a list, to the caller?"""
    layout = colors.uses.layout(function)
    name = _name_of(colors, function, index)
    if not name:
        return not layout.is_statement(index)
    return any(
        _is_named(function, part, name) and _is_handed(colors, function, part)
        for part, operation in enumerate(layout.operations)
        if operation
    )


def _is_handed(colors: Colors, function: Function, index: int) -> bool:
    """Is a name more than the object of an attribute, read or set?"""
    layout = colors.uses.layout(function)
    parent = layout.parent(index)
    if parent >= 0:
        return bool(layout.operations[parent][0] != f.ATTRIBUTE)
    return not any(
        target[:2] == (f.TO_ATTRIBUTE, index)
        for statement in layout.statements if statement[0] == f.ASSIGN for target in statement[7]
    )  # fmt: skip
