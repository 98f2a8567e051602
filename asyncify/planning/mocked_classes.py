"""What mocks of the program's classes give, where a test says so. It stands for an object.

    cls.return_value = store

of ``with patch("app.api.Store") as cls``, and ``monkeypatch.setattr(api, "Store", lambda: store)``.
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis.program import Class, Function, dotted
from asyncify.analysis.statements import statements_of
from asyncify.planning.mocked_awaits import made_mock
from asyncify.planning.mocked_functions import MockedFunctions
from asyncify.vocabulary.testing import MOCK_RESULT


def given_for_classes(functions: MockedFunctions) -> Iterator[tuple[Function, int, Class]]:
    """Expressions that stand for an object of a class, in the tests that patch it."""
    for test, operation, cls, given in _patches(functions):
        name = functions.awaits.bound(test, operation) if given < 0 else ""
        for index in _given(test, operation, given, name):
            yield test, index, cls
    for test in functions.decorated():
        operations = test.signature.operations
        for place in test.signature.decorators:
            if operations[place][0] == f.CALL:
                for symbol, _ in functions.replaced(test, operations, operations[place]):
                    if isinstance(symbol, Class):
                        name = functions.awaits.decorated(test, place)
                        for index in _results(test, name):
                            yield test, index, symbol


def unspecified(functions: MockedFunctions) -> Iterator[tuple[Function, f.Operation, Class]]:
    """Mocks that a test puts in the place of a class, and that don't say what they give."""
    for test, operation, cls, given in _patches(functions):
        mock = made_mock(test, given)
        says = next(_given(test, operation, given, ""), None) is not None
        if mock is not None and not (mock[6] or mock[7] or says):
            yield test, mock, cls


def _patches(
    functions: MockedFunctions,
) -> Iterator[tuple[Function, f.Operation, Class, int]]:
    for test in functions.patching():
        operations = test.body.operations
        for operation in operations:
            if operation and operation[0] == f.CALL:
                for symbol, given in functions.replaced(test, operations, operation):
                    if isinstance(symbol, Class):
                        yield test, operation, symbol, given


def _given(test: Function, operation: f.Operation, given: int, name: str) -> Iterator[int]:
    """What a patch in a test gives: its own result, or that of what it puts there."""
    operations = test.body.operations
    if given >= 0 and operations[given][0] == f.LAMBDA:
        inner = test.module.functions[operations[given][5]].body
        held = dotted(inner.operations, inner.statements[0][7])
        yield from (i for i, _ in enumerate(operations) if held and dotted(operations, i) == held)
        return
    if given >= 0:
        mock = made_mock(test, given)
        if mock is None:
            return
        name, operation = dotted(operations, given), mock
    if MOCK_RESULT in dict(operation[7]):
        yield dict(operation[7])[MOCK_RESULT]
    yield from _results(test, name)


def _results(test: Function, name: str) -> Iterator[int]:
    """What is set as the result of a mock."""
    operations = test.body.operations
    for statement in statements_of(test.body.statements) if name else ():
        for target in statement[7] if statement[0] == f.ASSIGN else ():
            is_result = target[0] == f.TO_ATTRIBUTE and target[2] == MOCK_RESULT
            if is_result and dotted(operations, target[1]) == name:
                yield statement[8]
