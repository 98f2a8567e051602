"""Failures: what expires only where a request fails, and which requests a test says succeed.

response = client.post("/teams", json={"name": "red"})
assert response.status_code == 201       # so nothing was rolled back
assert team.id == 1
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis.program import Function
from asyncify.analysis.statements import names_assigned, statements_of
from asyncify.vocabulary import loading as words


def expires_by_failing(function: Function) -> bool:
    """Does a function expire everything only where it fails, or where it guards against anything?
    What handles a failure that it names (``except IntegrityError``) may go on and succeed."""
    operations = function.body.operations
    expiring = {
        n for n, operation in enumerate(operations)
        if operation and operation[0] == f.ATTRIBUTE and operation[6] in words.EXPIRING_ALL
    }  # fmt: skip
    return bool(expiring) and expiring <= set(_in_failing_handlers(function))


def _in_failing_handlers(function: Function) -> Iterator[int]:
    """The operations of handlers that raise at their end, or that catch everything."""
    for statement in statements_of(function.body.statements):
        for caught, _, block in statement[8] if statement[0] == f.TRY else ():
            operation = function.body.operations[caught] if caught >= 0 else ()
            is_broad = not operation or operation[5] in words.CATCHING_ALL
            if is_broad or block[-1][0] == f.RAISE:
                for inner in statements_of(block):
                    yield from range(inner[4], inner[5])


def succeeding(function: Function) -> frozenset[int]:
    """The requests, by their operations, of which a function says that they succeed."""
    found: set[int] = set()
    names: set[str] = set()  # whose success is asked for further down
    for statement in reversed([*statements_of(function.body.statements)]):
        for name, value in names_assigned(statement):
            if name in names:
                found.add(_awaited(function, value))
                names.discard(name)
        if statement[0] == f.ASSERT:
            for index in _successes(function, statement[7]):
                response = function.body.operations[index]
                if response[0] == f.NAME:
                    names.add(response[5])
                found.add(_awaited(function, index))
    return frozenset(found)


def _successes(function: Function, test: int) -> Iterator[int]:
    """What a test says the success of: ``response`` in ``response.status_code == 200``."""
    operations = function.body.operations
    operation = operations[test]
    if operation[0] == f.BOOLEAN and operation[6] == words.AND:
        for part in operation[5]:
            yield from _successes(function, part)
    elif operation[0] == f.OPERATOR and operation[5] == "Eq":
        for part in operation[6]:
            status, others = operations[part], [operations[n] for n in operation[6] if n != part]
            is_status = status[0] == f.ATTRIBUTE and status[6] in words.STATUSES
            if is_status and all(map(_is_success, others)):
                yield status[5]
    elif operation[0] == f.ATTRIBUTE and operation[6] in words.SUCCESSES:
        yield operation[5]


def _is_success(operation: f.Operation) -> bool:
    """200, ``status.HTTP_201_CREATED``, ``HTTPStatus.OK``"""
    if operation[0] == f.CONSTANT:
        return isinstance(operation[5], int) and 200 <= operation[5] < 300
    if operation[0] != f.ATTRIBUTE:
        return False
    return operation[6].startswith("HTTP_2") or operation[6] in words.SUCCESSFUL


def _awaited(function: Function, index: int) -> int:
    operation = function.body.operations[index]
    return operation[5] if operation[0] == f.AWAIT else index
