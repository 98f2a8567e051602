"""Functions that a call is given along with instances: ``sorted(orders, key=total)``, ``map``.

They run over what else the call is given, and some calls give what they return.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import (
    load_arguments,
    load_readers,
    load_reads,
    load_specials,
    load_summaries,
)
from asyncify.analysis import load_values as s
from asyncify.analysis import values as v
from asyncify.analysis.load_bodies import Callee
from asyncify.vocabulary import loading as words

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation

NOWHERE = -1  # there is no expression for what holds the instances
_NESTING = 5
_REDUCED = ("function", "items", "first")  # what `reduce` is given


def applied(
    run: LoadEvaluation, operation: f.Operation, arguments: list[s.Value], index: int
) -> s.Value:
    """What functions give that are among the arguments of a call, for the others' items."""
    items = s.join([run.elements(value) for value in arguments if value])
    if not items:
        return _of_holders(run, operation, index)
    holding = [place for place, value in zip(operation[6], arguments, strict=True) if value]
    at = holding[0] if len(holding) == 1 else NOWHERE
    return over(run, operation, items, index, at)


def over(
    run: LoadEvaluation, operation: f.Operation, items: s.Value, index: int, at: int
) -> s.Value:
    """The same for items that the value of the operation ``at`` holds."""
    if at < 0 or not all(isinstance(a, s.Many) for a in run.values[at]):
        at = NOWHERE  # going through a result or a query takes its rows
    found = []
    for argument in (*operation[6], *(i for _, i in operation[7])):
        if argument < 0 or argument == at:
            continue
        found.append(load_reads.by_getters(run, argument, items, index))
        if run.operations[argument][0] == f.ATTRIBUTE:
            load_readers.applied(run, argument, items, index, at)
        for name in _builtins(run, argument):
            if name in words.MEASURING:
                load_specials.measured(run, items, index, at, *words.MEASURING[name])
            elif name in words.COPYING:
                found.append(items)
            else:
                load_specials.formatted(run, items, index, at, words.CALLING[name])
        for function, bound in _functions(run, argument):
            static = "staticmethod" in run.loading.inference.decorators(function)
            count, skipped = len(function.signature.parameters), int(bound and not static)
            given = [s.NOTHING] * skipped + [items] * (count - skipped)
            places = [NOWHERE] * skipped + [at] * (count - skipped)
            found.append(load_summaries.apply(run, function, given, index, places))
    return s.join(found)


def bound(run: LoadEvaluation, operation: f.Operation, index: int) -> None:
    """``partial(line, order, sep="-")``: what the function will read of what it has already."""
    if not operation[6] or operation[6][0] < 0:
        return
    call = (*operation[:5], operation[6][0], operation[6][1:], *operation[7:])
    for function, is_bound in _functions(run, operation[6][0]):
        given, places = load_arguments.arguments(run, function, is_bound, call, s.NOTHING, {})
        if any(given):
            load_summaries.demanded(run, function, given, index, places)


def read_in_turn(
    run: LoadEvaluation, operation: f.Operation, arguments: list[s.Value], index: int
) -> s.Value:
    """``reduce(getattr, "owner.team".split("."), task)``"""
    if len(operation[6]) != len(_REDUCED) or min(operation[6]) < 0:
        return s.NOTHING
    reader, names, _ = (run.operations[place] for place in operation[6])
    if reader[0] != f.NAME or reader[5] not in words.READING:
        return s.NOTHING
    callee = run.operations[names[5]] if names[0] == f.CALL else ()
    if callee[:1] == (f.ATTRIBUTE,) and callee[6] == words.SPLIT:
        paths = [text.split(".") for text in run.body.texts(callee[5])]
    else:
        parts = names[6] if names[0] == f.SEQUENCE else ()
        paths = [[text for part in parts if part >= 0 for text in run.body.texts(part)]]
    return s.join([load_reads.in_turn(run, arguments[-1], path, index) for path in paths])


def encoded(
    run: LoadEvaluation, operation: f.Operation, arguments: list[s.Value], index: int
) -> None:
    """``json.dumps({"orders": orders}, default=encode)``: it is called for every instance that
    stands somewhere in the value, and for those in what it gives."""
    encoders = _encoders(run, operation)
    value, at = (arguments or [s.NOTHING])[0], operation[6][0] if operation[6] else NOWHERE
    if not all(isinstance(a, (s.Entity, s.Many)) for a in value):
        at = NOWHERE
    for place in _encoding_places(operation):
        for name in _builtins(run, place) if place >= 0 else ():
            if name in words.CALLING:
                whole = frozenset(s.entities(value))
                load_specials.formatted(run, whole, index, at, words.CALLING[name])
    for _ in range(_NESTING if encoders else 0):
        found = []
        for entity in s.entities(value):
            for function, bound in encoders:
                given = [s.NOTHING] * bound + [s.one(entity)]
                given += [s.NOTHING] * (len(function.signature.parameters) - len(given))
                places = [NOWHERE] * bound + [at] * (len(given) - bound)
                found.append(load_summaries.apply(run, function, given, index, places))
        value, at = s.join(found), NOWHERE
        if not value:
            break


def _encoding_places(operation: f.Operation) -> list[int]:
    """``default=encode``"""
    keywords = dict(operation[7])
    return [*operation[6][1:2], *(keywords[name] for name in words.ENCODERS & keywords.keys())]


def _encoders(run: LoadEvaluation, operation: f.Operation) -> list[Callee]:
    """What is called for objects that have no form in JSON."""
    keywords, places = dict(operation[7]), _encoding_places(operation)
    found = [callee for place in places if place >= 0 for callee in _functions(run, place)]
    types = run.types(keywords[words.ENCODER_CLASS]) if words.ENCODER_CLASS in keywords else ()
    methods = [a.cls.find(words.ENCODES) for a in types if isinstance(a, v.ClassObject)]
    return found + [(method, True) for method in methods if method is not None]


def _of_holders(run: LoadEvaluation, operation: f.Operation, index: int) -> s.Value:
    """What they read of instances that an object around them holds, whatever they are given:
    ``filter(lambda path: path in self.user.paths, paths)``."""
    for argument in operation[6]:
        for function, _ in _functions(run, argument) if argument >= 0 else ():
            if load_summaries.asks(run, function):
                parameters = [s.NOTHING] * len(function.signature.parameters)
                load_summaries.apply(run, function, parameters, index, [-1] * len(parameters))
    return s.NOTHING


def _builtins(run: LoadEvaluation, argument: int) -> list[str]:
    """Builtins that an argument is, which call a method of what they are given:
    ``map(str, users)``, ``sorted(users, key=len)``."""
    operation = run.operations[argument]
    known = words.CALLING.keys() | words.MEASURING.keys() | words.COPYING
    if operation[0] != f.NAME or operation[5] not in known:
        return []
    is_own = operation[5] in run.environment or bool(_functions(run, argument))
    return [] if is_own else [operation[5]]


def _functions(run: LoadEvaluation, argument: int) -> list[Callee]:
    """The functions of the program that an argument is."""
    operation = run.operations[argument]
    if operation[0] == f.LAMBDA:
        return [(run.function.module.functions[operation[5]], False)]
    if operation[0] in (f.NAME, f.ATTRIBUTE, f.CALL) and run.is_typed:
        return run.body.functions(argument)
    return []
