"""Mistakes in async code about what loads: `awaitable_attrs` that nobody awaits, and handlers that
know an implicit load by one exception only."""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis.colors import Colors
from asyncify.analysis.statements import statements_of
from asyncify.findings import Finding
from asyncify.planning.misuse_view import View
from asyncify.rules import finding
from asyncify.vocabulary.loading import AWAITABLE, LOADS_RAISE, NO_GREENLET

_DROPPED = "gives a coroutine, and nothing awaits it"


def unawaited_attributes(colors: Colors) -> Iterator[Finding]:
    """``user.awaitable_attrs.books`` of which an attribute or item is read, or that is iterated."""
    for function in colors.program.mentioning_member(AWAITABLE):
        if function not in colors.inference.evaluations:
            continue
        view = View(colors, function)
        for index, operation in enumerate(view.operations):
            if not operation or operation[0] != f.ATTRIBUTE:
                continue
            base = view.operations[operation[5]]
            if base[0] != f.ATTRIBUTE or base[6] != AWAITABLE:
                continue
            if _is_used_as_value(view, index):
                reason = f"`{AWAITABLE}.{operation[6]}` {_DROPPED}."
                yield finding("ASY401", view.site(index), reason, "Write `await` in front of it.")


def _is_used_as_value(view: View, index: int) -> bool:
    """Is the coroutine taken for what it gives? It may be handed on as what it is."""
    if view.layout.is_statement(index) or view.layout.loop(index) is not None:
        return True
    parent = view.layout.parent(index)
    operation = view.operations[parent] if parent >= 0 else ()
    if not operation:
        return False
    if operation[0] in (f.ATTRIBUTE, f.SUBSCRIPT, f.OPERATOR, f.FORMAT, f.COMPREHENSION):
        return True
    callee = view.operations[operation[5]] if operation[0] == f.CALL else ()
    return bool(callee) and callee[0] == f.NAME and callee[5] in _READING


# Builtins that read what they are given.
_READING = {"len", "list", "set", "tuple", "sorted", "sum", "any", "all", "str", "bool", "dict"}


def caught_by_class(colors: Colors) -> Iterator[Finding]:
    """``except MissingGreenlet``, without what else tells of a load."""
    for function in colors.program.mentioning(NO_GREENLET):
        if function not in colors.inference.evaluations:
            continue
        view = View(colors, function)
        for statement in statements_of(function.body.statements):
            handlers = statement[8] if statement[0] == f.TRY else ()
            caught = [_names(view, handler[0]) for handler in handlers if handler[0] >= 0]
            for handler, names in zip([h for h in handlers if h[0] >= 0], caught, strict=True):
                if NO_GREENLET in names and not any(each & LOADS_RAISE for each in caught):
                    yield finding(
                        "ASY703", view.site(handler[0]),
                        f"Not every driver raises `{NO_GREENLET}` where something isn't loaded.",
                        "Load it before. Who has to catch it catches `StatementError` too.",
                    )  # fmt: skip


def _names(view: View, index: int) -> set[str]:
    """The last names of the exceptions that a handler is for."""
    operation = view.operations[index]
    parts = operation[6] if operation[0] == f.SEQUENCE else (index,)
    found = (view.operations[i] for i in parts if i >= 0)
    return {
        each[5] if each[0] == f.NAME else each[6] for each in found
        if each[0] in (f.NAME, f.ATTRIBUTE)
    }  # fmt: skip
