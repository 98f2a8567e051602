"""Readers that can't await: templates of Jinja, which read what they are given when they are
rendered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_reads, load_summaries
from asyncify.analysis import load_values as s
from asyncify.analysis import values as v
from asyncify.analysis.program import Class, Variable, dotted
from asyncify.analysis.statements import statements_of
from asyncify.source.templates import Read
from asyncify.vocabulary.loading import (
    CONTEXT,
    GETS_TEMPLATE,
    MAKES_TEMPLATE,
    QUERYING,
    TEMPLATE_NAMES,
)

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation


def rendered(run: LoadEvaluation, operation: f.Operation, index: int) -> None:
    """``templates.TemplateResponse("order.html", {"order": order})``"""
    callee = run.operations[operation[5]]
    given = dict(_given(run, operation))
    for read in _reads(run, operation, callee):
        at = given.get(read.path[0], -1)
        if at < 0 or len(read.path) < 2:
            continue
        for atom in run.types(at):
            if isinstance(atom, v.Instance):
                _called(run, atom.cls, read)
        for entity in s.entities(run.values[at]):
            _read(run, entity, read.path[1:], load_reads.Reading(index, read.file, at))


def _reads(run: LoadEvaluation, operation: f.Operation, callee: f.Operation) -> list[Read]:
    """What the template reads, which the call names or that was got or made before."""
    names = list(_names(run.operations, operation))
    if not names:
        made = _made(run, callee)
        text = _text(run, made)
        if text:
            return run.loading.templates.reads_of(text)
        names = list(_got(run, made))
    return run.loading.templates.reads(names[0]) if len(names) == 1 else []


def _made(run: LoadEvaluation, callee: f.Operation) -> f.Operation:
    """The call that gave what renders, also by a variable."""
    operations = run.operations
    index = callee[5] if callee[0] == f.ATTRIBUTE else -1
    if index >= 0 and operations[index][0] == f.NAME:
        name = operations[index][5]
        values = [
            statement[8] for statement in statements_of(run.function.body.statements)
            if statement[0] == f.ASSIGN and statement[7][0][:2] == (f.TO_NAME, name)
        ]  # fmt: skip
        index = values[0] if len(values) == 1 else -1
    operation = operations[index] if index >= 0 else ()
    return operation if operation and operation[0] == f.CALL else ()


def _got(run: LoadEvaluation, made: f.Operation) -> Iterator[str]:
    """The name of what ``environment.get_template("order.html")`` gives."""
    method = run.operations[made[5]] if made else ()
    if method and method[0] == f.ATTRIBUTE and method[6] in GETS_TEMPLATE:
        yield from _names(run.operations, made)


def _text(run: LoadEvaluation, made: f.Operation) -> str:
    """What stands in ``Template("...")`` or ``environment.from_string(TEXT)``."""
    name = dotted(run.operations, made[5]).rpartition(".")[2] if made else ""
    if name not in MAKES_TEMPLATE or not made[6] or made[6][0] < 0:
        return ""
    given, program = run.operations[made[6][0]], run.loading.inference.program
    symbol = program.resolve_expression(run.function, run.operations, made[6][0])
    found = program.variable_expression(symbol) if isinstance(symbol, Variable) else None
    if found is not None:
        given = found[1][found[2]]
    return given[5] if given[0] == f.CONSTANT and isinstance(given[5], str) else ""


def _called(run: LoadEvaluation, cls: Class, read: Read) -> None:
    """A method that turns, or a property, has nobody who awaits it in a template."""
    method = cls.find(read.path[1]) if len(read.path) == 2 else None
    if method is not None and method in run.loading.coloring.turned:
        run.loading.called_by_templates[method, read.file, read.line] = None


def _names(operations: tuple[f.Operation, ...], operation: f.Operation) -> Iterator[str]:
    """The template's name among the arguments."""
    keywords = [index for name, index in operation[7] if name in TEMPLATE_NAMES]
    for index in keywords or [i for i in operation[6] if i >= 0]:
        given = operations[index]
        if given[0] == f.CONSTANT and isinstance(given[5], str) and "." in given[5]:
            yield given[5]


def _given(run: LoadEvaluation, operation: f.Operation) -> Iterator[tuple[str, int]]:
    """The variables that a template is given, with the operations that are their values."""
    operations = run.operations
    contexts = [i for i in operation[6] if i >= 0]
    contexts += [index for name, index in operation[7] if name == CONTEXT]
    for context in contexts:
        given = operations[context]
        if given[0] == f.NAME:
            yield from _filled(run, given[5])
        elif given[0] == f.DICT:
            yield from _entries(operations, given)
    for keyword, index in operation[7]:
        if keyword is not None:
            yield keyword, index


def _filled(run: LoadEvaluation, name: str) -> Iterator[tuple[str, int]]:
    """``context = {"order": order}``, and what that is given on other lines."""
    operations = run.operations
    for statement in statements_of(run.function.body.statements):
        if statement[0] != f.ASSIGN:
            continue
        value = operations[statement[8]]
        for target in statement[7]:
            if target[:2] == (f.TO_NAME, name) and value[0] == f.DICT:
                yield from _entries(operations, value)
            elif target[0] == f.TO_SUBSCRIPT and operations[target[1]][:1] == (f.NAME,):
                key = operations[target[2]]
                if operations[target[1]][5] == name and key[0] == f.CONSTANT:
                    yield str(key[5]), statement[8]


def _entries(operations: tuple[f.Operation, ...], given: f.Operation) -> Iterator[tuple[str, int]]:
    for key, value in zip(given[5], given[6], strict=True):
        name = operations[key][5] if key >= 0 and operations[key][0] == f.CONSTANT else ""
        if isinstance(name, str):
            yield name, value


def _read(
    run: LoadEvaluation, entity: s.Entity, path: tuple[str, ...], reading: load_reads.Reading
) -> None:
    name, rest = path[0], path[1:]
    models = run.loading.models
    link = models.links(entity.cls).get(name)
    if link is not None:
        if link.lazy in QUERYING:
            return
        load_reads.demand(run, entity, name, reading)
        if rest and link.target is not None:
            child = s.Entity(entity.source, (*entity.path, name), link.target)
            _read(run, child, rest, reading._replace(below=(*reading.below, name)))
        return
    method = models.method(entity.cls, name)
    if method is not None:
        places = [reading.at] if not reading.below else [-1]
        given = load_summaries.apply(run, method, [s.one(entity)], reading.place, places)
        for each in s.entities(given) if rest else ():
            _read(run, each, rest, reading._replace(at=load_reads.NOWHERE, below=()))
    elif name in models.columns(entity.cls):
        load_reads.column(run, entity, name, reading)
    else:
        for other, way in load_reads.standing(run, entity, path):
            _read(run, other, way, reading)
