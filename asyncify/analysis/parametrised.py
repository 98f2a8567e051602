"""Functions that decorators of tests give them.

@pytest.mark.parametrize("ask", [crud.newest, lambda session: session.query(User).first()])
def test_ask(session, ask):
    assert ask(session) is None
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.program import Function, dotted
from asyncify.vocabulary.testing import PARAMETRISING

if TYPE_CHECKING:
    from asyncify.analysis.signatures import Signatures

Operations = tuple[f.Operation, ...]


def parametrised(inference: Signatures, function: Function, name: str) -> v.Value:
    """The functions and classes among what a parameter of a test is given."""
    bodies = [function, function.owner.body] if function.owner is not None else [function]
    return v.join(
        _value(inference, body, element)
        for body in bodies
        if body.signature_is_decorated
        for element in _elements(body.signature.operations, body.signature.decorators, name)
    )


def parametrised_texts(function: Function, name: str) -> list[str]:
    """The texts among them: ``@pytest.mark.parametrize("relation", ["books", "tags"])``."""
    if not function.signature_is_decorated:
        return []
    operations, decorators = function.signature.operations, function.signature.decorators
    found = (operations[i] for i in _elements(operations, decorators, name) if i >= 0)
    return [o[5] for o in found if o[0] == f.CONSTANT and isinstance(o[5], str)]


def _elements(operations: Operations, decorators: tuple[int, ...], name: str) -> Iterator[int]:
    for index in decorators:
        call = operations[index]
        if call[0] != f.CALL or len(call[6]) < 2 or min(call[6]) < 0:
            continue
        if dotted(operations, call[5]).rpartition(".")[2] != PARAMETRISING:
            continue
        names, values = _names(operations, call[6][0]), operations[call[6][1]]
        if name not in names or values[0] != f.SEQUENCE:
            continue
        for element in values[6]:
            parts = _parts(operations, element) if element >= 0 else ()
            if len(names) == 1 and element >= 0:
                yield parts[0] if operations[element][0] == f.CALL and parts else element
            elif len(parts) == len(names):
                yield parts[names.index(name)]


def _names(operations: Operations, index: int) -> list[str]:
    """``"user,expected"``, or a list of names."""
    operation = operations[index]
    parts = operation[6] if operation[0] == f.SEQUENCE else (index,)
    texts = [operations[i][5] for i in parts if i >= 0 and operations[i][0] == f.CONSTANT]
    return [x.strip() for text in texts if isinstance(text, str) for x in text.split(",")]


def _parts(operations: Operations, index: int) -> tuple[int, ...]:
    """The parts of a tuple, or of ``pytest.param(...)``."""
    operation = operations[index]
    if operation[0] == f.SEQUENCE:
        return tuple(operation[6])
    if operation[0] == f.CALL and dotted(operations, operation[5]).endswith("param"):
        return tuple(operation[6])
    return ()


def _value(inference: Signatures, function: Function, index: int) -> v.Value:
    if index < 0:
        return v.UNKNOWN
    operations = function.signature.operations
    operation = operations[index]
    if operation[0] == f.LAMBDA:
        return v.one(v.FunctionObject(function.module.functions[operation[5]]))
    if operation[0] not in (f.NAME, f.ATTRIBUTE):
        return v.UNKNOWN
    scope = function.parent or function
    symbol = inference.program.resolve_expression(scope, operations, index)
    return inference.symbol_value(symbol) if symbol is not None else v.UNKNOWN
