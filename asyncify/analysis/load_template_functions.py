"""Functions that templates know by a name: filters, tests and globals of their environment.

    environment.filters["team_of"] = lambda user: user.team.name

    @app.template_filter("team_of")
    def team_of(user): ...

What they read of instances that a template hands them is read when it is rendered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_summaries
from asyncify.analysis import load_values as s
from asyncify.analysis.program import Function, Program
from asyncify.analysis.statements import statements_of
from asyncify.source.templates import Read
from asyncify.vocabulary.loading import TEMPLATE_FUNCTIONS, TEMPLATE_REGISTERING, UPDATE

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation

Known = dict[str, list[Function]]


def known(program: Program) -> Known:
    """The functions by the names that templates have for them."""
    found: Known = {}
    bodies = [
        body for word in sorted(TEMPLATE_FUNCTIONS) for body in program.mentioning_member(word)
    ]
    for body in dict.fromkeys(bodies):
        for name, value in _put(body):
            function = _function(program, body, value)
            if function is not None:
                found.setdefault(name, []).append(function)
    for name in sorted(TEMPLATE_REGISTERING):
        for scope in program.mentioning_member(name):
            for function in scope.module.functions:
                for registered in _registered(function):
                    found.setdefault(registered, []).append(function)
    return {name: list(dict.fromkeys(functions)) for name, functions in found.items()}


def handed(
    run: LoadEvaluation,
    read: Read,
    entity: s.Entity,
    functions: list[Function],
    index: int,
    at: int,
) -> None:
    """What such functions read of an instance, or of what is reached from it."""
    links = run.loading.models.links
    for name in read.path[1:]:
        link = links(entity.cls).get(name)
        if link is None or link.target is None:
            return
        entity = s.Entity(entity.source, (*entity.path, name), link.target)
    for function in functions:
        count = len(function.signature.parameters)
        if read.position < count:
            given, places = [s.NOTHING] * count, [-1] * count
            given[read.position], places[read.position] = s.one(entity), at
            load_summaries.apply(run, function, given, index, places, read.path[1:])


def _put(body: Function) -> Iterator[tuple[str, int]]:
    """``environment.filters["short"] = short``, ``environment.globals.update(short=short)``"""
    operations = body.body.operations
    for statement in statements_of(body.body.statements):
        for target in statement[7] if statement[0] == f.ASSIGN else ():
            if target[0] == f.TO_SUBSCRIPT and _is_registry(operations[target[1]]):
                key = operations[target[2]]
                if key[0] == f.CONSTANT:
                    yield str(key[5]), statement[8]
    for operation in operations:
        callee = operations[operation[5]] if operation[:1] == (f.CALL,) else ()
        if callee[:1] != (f.ATTRIBUTE,) or callee[6] != UPDATE:
            continue
        if _is_registry(operations[callee[5]]):
            yield from ((name, value) for name, value in operation[7] if name)
            for place in operation[6]:
                given = operations[place] if place >= 0 else ()
                for key, value in zip(*given[5:7], strict=True) if given[:1] == (f.DICT,) else ():
                    if key >= 0 and operations[key][0] == f.CONSTANT:
                        yield str(operations[key][5]), value


def _is_registry(operation: f.Operation) -> bool:
    return operation[0] == f.ATTRIBUTE and operation[6] in TEMPLATE_FUNCTIONS


def _function(program: Program, body: Function, value: int) -> Function | None:
    operation = body.body.operations[value]
    if operation[0] == f.LAMBDA:
        return body.module.functions[operation[5]]
    symbol = program.resolve_expression(body, body.body.operations, value)
    return symbol if isinstance(symbol, Function) else None


def _registered(function: Function) -> Iterator[str]:
    """The names under which decorators of Flask make a function known."""
    operations = function.signature.operations
    for index in function.signature.decorators:
        call = operations[index]
        callee = operations[call[5]] if call[0] == f.CALL else call
        if callee[0] != f.ATTRIBUTE or callee[6] not in TEMPLATE_REGISTERING:
            continue
        places = [*call[6], *(i for _, i in call[7])] if call[0] == f.CALL else []
        names = [operations[i][5] for i in places if i >= 0 and operations[i][0] == f.CONSTANT]
        yield str(names[0]) if names else function.name
