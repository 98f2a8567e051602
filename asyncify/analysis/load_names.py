"""Names that are computed: the texts that an expression may give, where they are a closed set.

    EXPANDED = {"books": "title", "tags": "name"}
    {name: [getattr(each, part) for each in getattr(user, name)] for name, part in EXPANDED.items()}

They are literals, what runs over literals, entries of tables, or what callers hand on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.parametrised import parametrised_texts
from asyncify.analysis.program import Class, Variable, dotted
from asyncify.analysis.statements import statements_of
from asyncify.vocabulary.loading import (
    CALLERS,
    DICT,
    GETTERS,
    NAMED_GETS,
    PICKERS,
    READING,
    SAME_TEXTS,
    SETTING,
    SPLITTING,
    TABLE_PARTS,
)

if TYPE_CHECKING:
    from asyncify.analysis.load_bodies import LoadBody

_DEPTH = 8  # of expressions that lead to one another
Place = tuple["LoadBody", int]
Leaf = str | Place  # a literal, or a call
MAKERS = GETTERS | CALLERS | PICKERS
MAKER_NAMES = {name.rpartition(".")[2] for name in MAKERS}


def texts(body: LoadBody, index: int, depth: int = _DEPTH) -> list[str]:
    """The texts that an expression is, or that going through it gives."""
    return list(dict.fromkeys(_words(body, index, depth)))


def getters(body: LoadBody, index: int) -> list[Place]:
    """Where ``attrgetter("owner.name")`` or its like makes what an expression is, or what going
    through it gives: it may stand in a table, or be handed on by callers."""
    leaves = dict.fromkeys(_leaves(body, index, _DEPTH))
    return [leaf for leaf in leaves if not isinstance(leaf, str) and _makes_getter(*leaf)]


def _makes_getter(body: LoadBody, index: int) -> bool:
    callee = body.operations[index][5]
    if body.types is None:
        return dotted(body.operations, callee).rpartition(".")[2] in MAKER_NAMES
    names = {a.name for a in body.types[callee] if isinstance(a, v.Foreign)}
    return not names.isdisjoint(MAKERS)


def _words(body: LoadBody, index: int, depth: int) -> Iterator[str]:
    return (leaf for leaf in _leaves(body, index, depth) if isinstance(leaf, str))


def read(body: LoadBody) -> Iterator[list[str]]:
    """The names by which a function reads attributes, where it computes them, and sets them."""
    for operation in body.operations:
        if operation and operation[0] == f.CALL and len(operation[6]) > 1:
            callee, key = body.operations[operation[5]], operation[6][1]
            name = callee[5] if callee[0] == f.NAME and key >= 0 else ""
            is_read = name in READING and body.operations[key][0] != f.CONSTANT
            if is_read or name in SETTING:
                yield body.texts(key)


def listing(body: LoadBody, index: int, cls: Class) -> frozenset[str]:
    """What is named where names are listed that nobody can tell: by the function that goes through
    them, or by the method of a class that gives them to it."""
    operation, found = body.operations[index], body.function.facts.names
    for target, iterable in _loops_around(body, index):
        listed = body.operations[iterable]
        if listed[0] == f.CALL:
            listed = body.operations[listed[5]]
        if target[:2] == (f.TO_NAME, operation[5]) and listed[0] == f.ATTRIBUTE:
            method = cls.find(listed[6])
            return method.facts.names if method is not None else found
    return found


def _loops_around(body: LoadBody, index: int) -> Iterator[tuple[Any, int]]:
    """The loops and comprehensions in which an operation is evaluated."""
    for comprehension in body.loading.colors.uses.layout(body.function).enclosing(index):
        yield from ((target, iterable) for target, iterable, *_ in comprehension[8])
    for statement in statements_of(body.function.body.statements):
        inner = statements_of(statement[9]) if statement[0] == f.FOR else ()
        if any(each[4] <= index < each[5] for each in inner):
            yield statement[7], statement[8]


def _leaves(body: LoadBody, index: int, depth: int) -> Iterator[Leaf]:
    """The literals and the calls that an expression is, or that going through it gives."""
    operation = body.operations[index] if index >= 0 and depth else ()
    kind = operation[0] if operation else f.LAMBDA
    inner: tuple[int, ...] = ()
    if kind == f.CONSTANT and isinstance(operation[5], str):
        yield operation[5]
    elif kind == f.SEQUENCE:
        inner = tuple(i if i >= 0 else ~i for i in operation[6])
    elif kind == f.DICT:
        inner = operation[5]
    elif kind == f.CONDITIONAL:
        inner = operation[6:8]
    elif kind == f.SUBSCRIPT:
        yield from _entries(body, operation[5], depth)
    elif kind == f.CALL:
        yield from _given(body, index, depth)
    elif kind in (f.NAME, f.ATTRIBUTE):
        yield from _named(body, index, depth)
    for each in inner:
        yield from _leaves(body, each, depth - 1)


def _given(body: LoadBody, index: int, depth: int) -> Iterator[Leaf]:
    """What a call gives: ``list(NAMES)``, ``TABLE.values()``, ``"author.name".split(".")``."""
    operation = body.operations[index]
    callee, arguments = body.operations[operation[5]], operation[6]
    if callee[0] == f.NAME and callee[5] == DICT and operation[7]:
        yield from (name for name, _ in operation[7] if name)
    elif callee[0] == f.NAME and callee[5] in SAME_TEXTS and arguments:
        yield from _leaves(body, arguments[0], depth - 1)
    elif callee[0] == f.ATTRIBUTE and callee[6] in SPLITTING and arguments:
        for separator in _words(body, arguments[0], depth - 1):
            for text in _words(body, callee[5], depth - 1):
                yield from text.split(separator) if separator else ()
    elif callee[0] == f.ATTRIBUTE and callee[6] in TABLE_PARTS:
        if TABLE_PARTS[callee[6]] == 0:
            yield from _leaves(body, callee[5], depth - 1)
        else:
            yield from _entries(body, callee[5], depth)
    elif callee[0] == f.ATTRIBUTE and callee[6] in NAMED_GETS:
        yield from _entries(body, callee[5], depth)
    else:
        yield body, index


def _entries(body: LoadBody, index: int, depth: int) -> Iterator[Leaf]:
    """The values of a table, or the parts of a list."""
    place: Place | None = body, index
    while place is not None and depth:
        body, index = place
        operation = body.operations[index]
        if operation[0] == f.DICT:
            for value in operation[6]:
                yield from _leaves(body, value, depth - 1)
            return
        if operation[0] == f.CALL and dotted(body.operations, operation[5]) == DICT:
            for _, value in operation[7]:
                yield from _leaves(body, value, depth - 1)
            return
        if operation[0] == f.SEQUENCE:
            yield from _leaves(body, index, depth - 1)
            return
        place, depth = definition(body, index), depth - 1


def _named(body: LoadBody, index: int, depth: int) -> Iterator[Leaf]:
    place = definition(body, index)
    if place is not None:
        yield from _leaves(*place, depth - 1)
        return
    operation = body.operations[index]
    if operation[0] != f.NAME:
        return
    found = [
        text for target, iterable in _loops(body)
        for text in _from_loop(body, target, iterable, operation[5], depth)
    ]  # fmt: skip
    yield from found or _handed(body, operation[5], depth)


def definition(body: LoadBody, index: int) -> Place | None:
    """The one expression that a variable of a function, a module or a class stands for."""
    operation, program = body.operations[index], body.loading.inference.program
    made = body.assigned(index)
    if made >= 0:
        return body, made
    if operation[0] == f.ATTRIBUTE:
        own = _of_class(body, operation)
        if own is not None:
            return own
    if operation[0] not in (f.NAME, f.ATTRIBUTE):
        return None
    symbol = program.resolve_expression(body.function, body.operations, index)
    found = program.variable_expression(symbol) if isinstance(symbol, Variable) else None
    return (body.loading.body(found[0]), found[2]) if found is not None else None


def _of_class(body: LoadBody, operation: f.Operation) -> Place | None:
    """``self.FIELDS``, ``Report.FIELDS``"""
    types = body.types[operation[5]] if body.types is not None else v.UNKNOWN
    classes = [a.cls for a in types if isinstance(a, v.ClassObject)]
    cls = classes[0] if len(classes) == 1 else body.class_of(operation[5])
    if not isinstance(cls, Class):
        return None
    for each in cls.ancestors:
        for statement in statements_of(each.body.body.statements):
            targets = statement[7] if statement[0] == f.ASSIGN else ()
            if any(target[:2] == (f.TO_NAME, operation[6]) for target in targets):
                return body.loading.body(each.body), statement[8]
    return None


def _loops(body: LoadBody) -> Iterator[tuple[Any, int]]:
    """The targets of loops and comprehensions, each with what it runs over."""
    for operation in body.operations:
        if operation and operation[0] == f.COMPREHENSION:
            yield from ((target, iterable) for target, iterable, *_ in operation[8])
    for statement in statements_of(body.function.body.statements):
        if statement[0] == f.FOR:
            yield statement[7], statement[8]


def _from_loop(body: LoadBody, target: Any, iterable: int, name: str, depth: int) -> Iterator[Leaf]:
    if target[:2] == (f.TO_NAME, name):
        yield from _leaves(body, iterable, depth - 1)
        return
    if target[0] != f.TO_SEQUENCE:
        return
    positions = [n for n, part in enumerate(target[1]) if part[:2] == (f.TO_NAME, name)]
    for position in positions:
        yield from _parts(body, iterable, position, depth)


def _parts(body: LoadBody, index: int, position: int, depth: int) -> Iterator[Leaf]:
    """What stands at a position of each pair: of ``TABLE.items()``, or of a list of tuples."""
    operation = body.operations[index]
    if operation[0] == f.CALL:
        callee = body.operations[operation[5]]
        if callee[0] == f.ATTRIBUTE and callee[6] == "items":
            parts = _leaves if position == 0 else _entries
            yield from parts(body, callee[5], depth - 1)
        return
    place = (body, index) if operation[0] == f.SEQUENCE else definition(body, index)
    if place is None:
        return
    body, operation = place[0], place[0].operations[place[1]]
    for element in operation[6] if operation[0] == f.SEQUENCE else ():
        row = body.operations[element] if element >= 0 else ()
        if row and row[0] == f.SEQUENCE and len(row[6]) > position:
            yield from _leaves(body, row[6][position], depth - 1)


def _handed(body: LoadBody, name: str, depth: int) -> Iterator[Leaf]:
    """The texts that callers give a parameter: ``user.as_dict("books", "team")``."""
    function = body.function
    positions = {each.name: n for n, each in enumerate(function.signature.parameters)}
    if name not in positions:
        return
    yield from parametrised_texts(function, name)
    position, kind = positions[name], function.signature.parameters[positions[name]].kind
    for caller, use in body.loading.colors.callers().get(function, ()):
        operation = caller.body.operations[use.operation]
        if operation[0] != f.CALL:
            continue
        if kind == "**":
            others = [(key, i) for key, i in operation[7] if key not in positions]
            yield from (key for key, _ in others if key)
            for dicts in (i for key, i in others if not key):
                yield from _leaves(body.loading.body(caller), dicts, depth - 1)
            continue
        start = position - _bound(body, caller.body.operations[operation[5]])
        given = operation[6][start:] if kind == "*" else operation[6][start : start + 1]
        named = [i for keyword, i in operation[7] if keyword == name]
        for index in (*(i for i in given if i >= 0), *named):
            yield from _leaves(body.loading.body(caller), index, depth - 1)


def _bound(body: LoadBody, callee: f.Operation) -> int:
    """Does a call give the first parameter by what it is called on?"""
    function = body.function
    static = "staticmethod" in body.loading.inference.decorators(function)
    is_bound = function.is_method and callee[0] == f.ATTRIBUTE and not static
    return int(is_bound or function.name == "__init__")
