"""Readers that can't await: templates of Jinja, which read what they are given when they are
rendered."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_reads, load_summaries, load_template_functions
from asyncify.analysis import load_values as s
from asyncify.analysis import values as v
from asyncify.analysis.program import Class, Function, Program, Variable
from asyncify.analysis.statements import statements_of
from asyncify.source.templates import Read
from asyncify.vocabulary.loading import (
    CONTEXT,
    GETS_TEMPLATE,
    LISTS_TEMPLATES,
    MAKES_TEMPLATE,
    QUERYING,
    RENDERING,
    TEMPLATE_NAMES,
)

if TYPE_CHECKING:
    from asyncify.analysis.load_evaluation import LoadEvaluation

# An expression: of a function, its operations, and which of them it is.
Place = tuple[Function, tuple[f.Operation, ...], int]


def rendered(run: LoadEvaluation, operation: f.Operation, index: int) -> None:
    """``templates.TemplateResponse("order.html", {"order": order})``"""
    callee = run.operations[operation[5]]
    given = dict(_given(run, operation))
    for read in _reads(run, operation, callee):
        at = given.get(read.path[0], -1)
        if at >= 0 and read.to:
            own = given.get(read.to, -1)
            functions = [fn for fn, _ in run.body.functions(own)] if own >= 0 else []
            functions += run.loading.template_functions.get(read.to, ())
            for entity in s.entities(run.values[at]) if functions else ():
                load_template_functions.handed(run, read, entity, functions, index, at)
            continue
        if at < 0 or len(read.path) < 2:
            continue
        for atom in run.types(at) | v.elements(run.types(at)):
            if isinstance(atom, v.Instance):
                _called(run, atom.cls, read)
        for entity in s.entities(run.values[at]):
            _called(run, entity.cls, read)
            _read(run, entity, read.path[1:], load_reads.Reading(index, read.file, at))


def is_renderer(run: LoadEvaluation, index: int) -> bool:
    """Is what is called a function of the program that renders what it is given the name of?"""
    renderers = run.loading.renderers
    return bool(renderers) and any(fn in renderers for fn, _ in run.body.callees(index))


def renderers(program: Program) -> frozenset[Function]:
    """``def page(request, name, **context): return templates.TemplateResponse(...)``"""
    words = RENDERING | GETS_TEMPLATE
    return frozenset(
        function for function in dict.fromkeys(x for word in sorted(words)
                                               for x in program.mentioning_member(word))
        if function.facts.kind == "def" and _renders_given(function, words)
    )  # fmt: skip


def _renders_given(function: Function, words: Set[str]) -> bool:
    operations = function.body.operations
    parameters = {parameter.name for parameter in function.signature.parameters}
    return any(
        operations[operation[5]][0] == f.ATTRIBUTE and operations[operation[5]][6] in words
        and any(i >= 0 and operations[i][:1] == (f.NAME,) and operations[i][5] in parameters
                for i in (*operation[6], *(i for _, i in operation[7])))
        for operation in operations if operation and operation[0] == f.CALL
    )  # fmt: skip


def _reads(run: LoadEvaluation, operation: f.Operation, callee: f.Operation) -> list[Read]:
    """What the template reads, which the call names or that was got or made before."""
    names = list(_names(run.operations, operation))
    if not names:
        made = _made(run, callee)
        text = text_given(run.loading.inference.program, made) if made is not None else ""
        if text:
            return run.loading.templates.reads_of(text)
        names = list(_got(made)) if made is not None else []
    if len(names) != 1:
        return []
    templates, texts = run.loading.templates, list(_listed(run, names[0]))
    return templates.reads_of(texts[0]) if texts else templates.reads(names[0])


def _listed(run: LoadEvaluation, name: str) -> Iterator[str]:
    """The text of a template in ``DictLoader({"order.html": "..."})``."""
    program = run.loading.inference.program
    for function in program.mentioning(LISTS_TEMPLATES):
        operations = function.body.operations
        for operation in operations:
            if not operation or operation[0] != f.CALL or not operation[6] or operation[6][0] < 0:
                continue
            place = _of_module(program, (function, operations, operation[6][0]))
            _, inside, index = place or (function, operations, operation[6][0])
            if LISTS_TEMPLATES in operations[operation[5]][5:7] and inside[index][0] == f.DICT:
                for key, value in _entries(inside, inside[index]):
                    if key == name and inside[value][0] == f.CONSTANT:
                        yield str(inside[value][5])


def _made(run: LoadEvaluation, callee: f.Operation) -> Place | None:
    """The call that gave what renders, also by a variable of the function or of a module."""
    function, operations = run.function, run.operations
    index = callee[5] if callee[0] == f.ATTRIBUTE else -1
    if index >= 0 and operations[index][0] in (f.NAME, f.ATTRIBUTE):
        name = operations[index][5]
        values = [
            statement[8] for statement in statements_of(function.body.statements)
            if statement[0] == f.ASSIGN and statement[7][0][:2] == (f.TO_NAME, name)
        ]  # fmt: skip
        if not values:
            found = _of_module(run.loading.inference.program, (function, operations, index))
            return found if found and found[1][found[2]][0] == f.CALL else None
        index = values[0] if len(values) == 1 else -1
    is_call = index >= 0 and operations[index][0] == f.CALL
    return (function, operations, index) if is_call else None


def _of_module(program: Program, place: Place) -> Place | None:
    """The expression that a variable of a module is given."""
    symbol = program.resolve_expression(*place)
    return program.variable_expression(symbol) if isinstance(symbol, Variable) else None


def _got(made: Place) -> Iterator[str]:
    """The name of what ``environment.get_template("order.html")`` gives."""
    _, operations, index = made
    method = operations[operations[index][5]]
    if method[0] == f.ATTRIBUTE and method[6] in GETS_TEMPLATE:
        yield from _names(operations, operations[index])


def text_given(program: Program, made: Place) -> str:
    """What stands in the call ``Template("...")`` or ``environment.from_string(TEXT)``."""
    function, operations, index = made
    call = operations[index]
    callee = operations[call[5]]
    name = callee[6] if callee[0] == f.ATTRIBUTE else callee[5]
    if name not in MAKES_TEMPLATE or not call[6] or call[6][0] < 0:
        return ""
    given = operations[call[6][0]]
    found = _of_module(program, (function, operations, call[6][0]))
    if found is not None:
        given = found[1][found[2]]
    return given[5] if given[0] == f.CONSTANT and isinstance(given[5], str) else ""


def _called(run: LoadEvaluation, cls: Class, read: Read) -> None:
    """A method that turns, or a property, has nobody who awaits it in a template: one of what it
    is given, or of what relationships lead to from there."""
    *names, name = read.path[1:]
    for each in names:
        link = run.loading.models.links(cls).get(each)
        if link is None or link.target is None:
            return
        cls = link.target
    method = cls.find(name)
    if method is not None and method in run.loading.coloring.turned:
        run.loading.called_by_templates[method, read.file, read.line] = run.function


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
    contexts += [index for name, index in operation[7] if name in (CONTEXT, None)]
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
