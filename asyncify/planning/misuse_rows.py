"""The mapped class of what a variable holds, where a session was asked for it by a statement."""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.program import Class
from asyncify.planning.misuse_view import View, assigned, value_of

_SCALAR = {"scalar", "scalar_one", "scalar_one_or_none"}
_ONE, _MANY = {"first", "one", "one_or_none"}, {"all", "scalars", "unique"}
_ASKING = {"execute", "scalar", "scalars", "exec"}
_DEEP = 4  # methods behind one another; variables that hold one another end there, too


def selected_class(view: View, name: str) -> Class | None:
    """``user = (await db.execute(select(User))).scalar_one()``, in as many steps as people write,
    and ``for user in await db.scalars(...)``. None where the variable may hold anything else."""
    found = set()
    for statement in view.layout.statements:
        if name in (t[1] for t in assigned(statement) if t[0] == f.TO_NAME):
            methods, cls = _asked(view, value_of(statement), ())
            is_row = bool(methods) and (
                _is_many(methods) if statement[0] == f.FOR else _is_one(methods)
            )
            found.add(cls if is_row else None)
    return found.pop() if len(found) == 1 else None


def _is_one(methods: tuple[str, ...]) -> bool:
    return methods[0] in _SCALAR or (methods[0] in _ONE and "scalars" in methods)


def _is_many(methods: tuple[str, ...]) -> bool:
    return methods[0] in _MANY and "scalars" in methods


def _asked(
    view: View, index: int, methods: tuple[str, ...]
) -> tuple[tuple[str, ...], Class | None]:
    """The methods that an expression calls, the last first, and the class that is selected at the
    bottom of them."""
    while index >= 0:
        operation = view.operations[index]
        if operation[0] == f.AWAIT:
            index = operation[5]
        elif operation[0] == f.NAME and len(methods) < 2 * _DEEP:
            index = view.assigned_to(operation[5])
        elif operation[0] == f.CALL:
            callee = view.operations[operation[5]]
            if view.foreign(operation[5]).endswith(".select"):
                return methods, _class(view, operation)
            if callee[0] != f.ATTRIBUTE:
                break
            methods = (*methods, callee[6])
            is_session = any(isinstance(a, v.Known) for a in view.values[callee[5]])
            given = operation[6][0] if operation[6] else -1
            index = given if is_session and callee[6] in _ASKING else callee[5]
        else:
            break
    return methods, None


def _class(view: View, select: f.Operation) -> Class | None:
    given = view.values[select[6][0]] if len(select[6]) == 1 and select[6][0] >= 0 else v.UNKNOWN
    classes = [a.cls for a in given if isinstance(a, v.ClassObject)]
    return classes[0] if len(classes) == 1 and len(given) == 1 else None
