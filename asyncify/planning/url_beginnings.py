"""URLs that are put together: ``f"sqlite:///{path}"``, ``"sqlite:///" + path``.

The driver is named where such a text begins, so that only its beginning changes.
"""

from __future__ import annotations

from asyncify import facts as f

_QUERY = "?"  # its arguments are another driver's
_SUMS = ("Add", "Mod")


def scheme(operations: tuple[f.Operation, ...], index: int) -> str:
    """What stands before ``://`` of a text that is put together, or '': it isn't written there, or
    the text has arguments for the driver."""
    name, separator, _ = _beginning(operations, index).partition("://")
    return name if separator else ""


def _beginning(operations: tuple[f.Operation, ...], index: int) -> str:
    operation = operations[index]
    texts: tuple[str, ...] = ()
    if operation[0] == f.FORMAT:
        texts = (operation[6], *operation[7])
    elif operation[0] == f.OPERATOR and operation[5] in _SUMS:
        written = [operations[i][5] for i in operation[6] if operations[i][0] == f.CONSTANT]
        texts = (_first(operations, operation[6][0]), *(t for t in written if isinstance(t, str)))
    elif operation[0] == f.CALL and operations[operation[5]][0] == f.ATTRIBUTE:
        callee = operations[operation[5]]
        texts = (_first(operations, callee[5]),) if callee[6] == "format" else ()
    return texts[0] if texts and not any(_QUERY in text for text in texts) else ""


def _first(operations: tuple[f.Operation, ...], index: int) -> str:
    """What the first part begins with: a literal, or put together itself."""
    operation = operations[index]
    if operation[0] == f.CONSTANT:
        return operation[5] if isinstance(operation[5], str) else ""
    return _beginning(operations, index)
