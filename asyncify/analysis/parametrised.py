"""Functions that decorators of tests give them.

@pytest.mark.parametrize("ask", [crud.newest, lambda session: session.query(User).first()])
def test_ask(session, ask):
    assert ask(session) is None

@pytest.fixture(params=[UserStore, BookStore])
def store(request, session):
    return request.param(session)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.program import Function, dotted
from asyncify.vocabulary.testing import PARAMETRISING, PARAMS

if TYPE_CHECKING:
    from asyncify.analysis.signatures import Signatures

Operations = tuple[f.Operation, ...]

_VIEWS = ("values", "items")
_COPIES = ("list", "tuple", "sorted", "set", "reversed")


def parametrised(inference: Signatures, function: Function, name: str) -> v.Value:
    """The functions and classes among what a parameter of a test is given."""
    bodies = [function, function.owner.body] if function.owner is not None else [function]
    found: list[v.Value] = []
    for body in bodies:
        if body.signature_is_decorated:
            operations, decorators = body.signature.operations, body.signature.decorators
            elements = _elements(operations, decorators, name)
            found += [_value(inference, body, element) for element in elements]
            for names, values in _tables(operations, decorators):
                if name in names:
                    rows = v.elements(_value(inference, body, values))
                    found.append(v.at(rows, names.index(name)) if len(names) > 1 else rows)
    return v.join(found)


def param(inference: Signatures, fixture: Function) -> v.Value:
    """What ``request.param`` is in a fixture: of its own list, and of the tests' that give it one
    (``indirect=True``)."""
    signature, found = fixture.signature, list[v.Value]()
    for index in signature.decorators:
        call = signature.operations[index]
        listed = dict(call[7]).get(PARAMS, -1) if call[0] == f.CALL else -1
        if listed >= 0 and signature.operations[listed][0] == f.SEQUENCE:
            elements = [i for i in signature.operations[listed][6] if i >= 0]
            given = (_alone(signature.operations, element) for element in elements)
            found += [_value(inference, fixture, index) for index in given]
        elif listed >= 0:
            found.append(v.elements(_value(inference, fixture, listed)))
    for test, name in inference.fixtures.requesting(fixture):
        found.append(parametrised(inference, test, name))
    return v.join(found)


def parametrised_texts(function: Function, name: str) -> list[str]:
    """The texts among them: ``@pytest.mark.parametrize("relation", ["books", "tags"])``."""
    if not function.signature_is_decorated:
        return []
    operations, decorators = function.signature.operations, function.signature.decorators
    found = (operations[i] for i in _elements(operations, decorators, name) if i >= 0)
    return [o[5] for o in found if o[0] == f.CONSTANT and isinstance(o[5], str)]


def _elements(operations: Operations, decorators: tuple[int, ...], name: str) -> Iterator[int]:
    for names, values in _tables(operations, decorators):
        if name not in names or operations[values][0] != f.SEQUENCE:
            continue
        for element in operations[values][6]:
            parts = _parts(operations, element) if element >= 0 else ()
            if len(names) == 1 and element >= 0:
                yield _alone(operations, element)
            elif len(parts) == len(names):
                yield parts[names.index(name)]


def _tables(operations: Operations, decorators: tuple[int, ...]) -> Iterator[tuple[list[str], int]]:
    """The names that decorators give values for, and the expressions that list these."""
    for index in decorators:
        call = operations[index]
        if call[0] == f.CALL and dotted(operations, call[5]).rpartition(".")[2] == PARAMETRISING:
            given = (*call[6], *(i for _, i in call[7]))[:2]
            if len(given) == 2 and min(given) >= 0:
                yield _names(operations, given[0]), given[1]


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


def _alone(operations: Operations, element: int) -> int:
    """The one value of an element, also inside of ``pytest.param(...)``."""
    parts = _parts(operations, element) if operations[element][0] == f.CALL else ()
    return parts[0] if parts else element


def _value(inference: Signatures, function: Function, index: int) -> v.Value:
    if index < 0:
        return v.UNKNOWN
    operations = function.signature.operations
    operation = operations[index]
    if operation[0] == f.LAMBDA:
        return v.one(v.FunctionObject(function.module.functions[operation[5]]))
    if operation[0] == f.SEQUENCE:
        items = tuple(_value(inference, function, item) for item in operation[6])
        return v.one(v.TupleValue(items)) if any(items) else v.UNKNOWN
    if operation[0] == f.CALL:
        return _listed(inference, function, operation)
    if operation[0] == f.DICT:
        keys = [operations[key][5] if key >= 0 else "" for key in operation[5]]
        fields = {
            key: _value(inference, function, item)
            for key, item in zip(keys, operation[6], strict=True) if isinstance(key, str)
        }  # fmt: skip
        return v.record(fields) if any(fields.values()) else v.UNKNOWN
    if operation[0] not in (f.NAME, f.ATTRIBUTE):
        return v.UNKNOWN
    scope = function.parent or function
    symbol = inference.program.resolve_expression(scope, operations, index)
    return inference.symbol_value(symbol) if symbol is not None else v.UNKNOWN


def _listed(inference: Signatures, function: Function, operation: f.Operation) -> v.Value:
    """``STORES.items()``, ``list(STORES)``: another list of what is in one."""
    callee = function.signature.operations[operation[5]]
    if callee[0] == f.ATTRIBUTE and callee[6] in _VIEWS and not operation[6]:
        held = _value(inference, function, callee[5])
        pairs = v.one(v.TupleValue((v.UNKNOWN, v.elements(held))))
        return v.collection(pairs) if callee[6] == "items" and held else held
    if callee[0] == f.NAME and callee[5] in _COPIES and operation[6]:
        return _value(inference, function, operation[6][0])
    return v.UNKNOWN
