"""Forms: what the vocabulary's rows are for the arguments that stand in the program.

A row says what a method of Query becomes. Here its templates are fitted to one call: arguments that
the statement's method doesn't take move into the receiver, parameters that were given by keyword
are found, indexes and slices become numbers, and imported names are written as the file has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from asyncify import facts as f
from asyncify.analysis.program import dotted
from asyncify.planning.draft import Draft
from asyncify.vocabulary.rows import QueryMember, Role
from asyncify.vocabulary.sqlalchemy_query_runs import CHECKED_ITEM, CHECKED_SLICE, SLICE

Operations = tuple[f.Operation, ...]
_NUMBERED = re.compile(r"\{(\d+)\}")
_CLEARING = {"order_by", "group_by"}


def constant(operations: Operations, index: int) -> str:
    """A literal as it is written, or '' for anything else."""
    operation = operations[index] if index >= 0 else ()
    if not operation or operation[0] != f.CONSTANT or operation[5] is ...:
        return ""
    return repr(operation[5])


def receiver_template(row: QueryMember, operation: f.Operation, operations: Operations) -> str:
    """The receiver with the arguments that the method on the statement doesn't take, or '' where
    they have no equal form."""
    receiver = "{receiver}"
    known = {argument.keyword: argument for argument in row.arguments}
    for name, (placeholder, index) in _given(row, operation).items():
        found = known.get(name)
        if found is None:
            if row.role is Role.TERMINAL and (index < 0 or name not in row.parameters):
                return ""
            continue
        if index < 0:
            return ""
        text = constant(operations, index)
        if found.default and text == found.default:
            continue
        if not found.template or (found.literal and text != found.literal):
            return ""
        filled = found.template.replace("{argument}", placeholder)
        receiver = filled.replace("{receiver}", receiver)
    return receiver


def helped(template: str, helper: str, written: str) -> str:
    """The template with a helper of the support module as the file writes it."""
    if not helper or helper == written:
        return template
    return re.sub(rf"(?<![\w.{{:]){helper}(?=\()", written, template)


def _given(row: QueryMember, operation: f.Operation) -> dict[str, tuple[str, int]]:
    """The arguments of a call by name: how a template reaches them, and their operation (negative
    for what is starred)."""
    named = {argument.position: argument.keyword for argument in row.arguments}
    given: dict[str, tuple[str, int]] = {}
    for position, index in enumerate(operation[6]):
        taken = position in named or row.role is Role.TERMINAL
        if index >= 0 and position < len(row.parameters):
            given[row.parameters[position]] = (f"{{{position}}}", index)
        elif taken and not _takes_all(row):
            given[named.get(position, f"argument {position}")] = (f"{{{position}}}", index)
    for name, index in operation[7]:
        given[name or "arguments"] = (f"{{kw:{name}}}", index if name else -1)
    return given


def _takes_all(row: QueryMember) -> bool:
    """Does the row's template take all arguments as they are?"""
    return any("{args}" in text for text in (row.template, row.entity[0]))


def kept_arguments(row: QueryMember, operation: f.Operation) -> str:
    """The arguments that stay in a builder's call, as a template."""
    positions = {argument.position for argument in row.arguments}
    keywords = {argument.keyword for argument in row.arguments}
    given = {name for name, _ in operation[7]}
    if not given & keywords and not positions & set(range(len(operation[6]))):
        return "{args}"
    kept = [f"{{{n}}}" for n in range(len(operation[6])) if n not in positions]
    kept += [f"{name}={{kw:{name}}}" for name, _ in operation[7] if name not in keywords]
    return ", ".join(kept)


def chained_options(operations: Operations, index: int) -> tuple[list[str], int]:
    """The execution options in the chain that ends at a method, as builders of another statement
    ('' for what has no form there), and the operation that the chain begins with."""
    found: list[str] = []
    while operations[index][0] == f.ATTRIBUTE and operations[operations[index][5]][0] == f.CALL:
        call = operations[operations[index][5]]
        callee = operations[call[5]]
        name = callee[6] if callee[0] == f.ATTRIBUTE else ""
        if name == "execution_options":
            twice = any("chain:" in each for each in found)
            found.insert(0, "" if twice else ".execution_options({chain:execution_options})")
        elif name == "autoflush":
            given = [*call[6], *dict(call[7]).values()]
            text = constant(operations, given[0]) if given else ""
            found.insert(0, f".execution_options(autoflush={text})" if text else "")
        if callee[0] != f.ATTRIBUTE:
            return found, operations[index][5]
        index = call[5]
    return found, operations[index][5] if operations[index][0] == f.ATTRIBUTE else index


def get_keyword(row: QueryMember, operation: f.Operation, operations: Operations) -> str:
    """The keyword of ``session.get`` that stands for a builder's call, or '' where none does."""
    if "{args}" in row.get_keyword and not operation[7]:
        return row.get_keyword.replace("{args}", f"{{chain:{row.name}}}")
    if operation[6] or "{args}" in row.get_keyword:
        return ""
    if not operation[7]:
        return row.get_keyword
    given = {name: constant(operations, i) or dotted(operations, i) for name, i in operation[7]}
    if not row.get_takes_dict or not all(name and text for name, text in given.items()):
        return ""
    entries = ", ".join(f'"{name}": {text}' for name, text in given.items())
    return f"{row.get_keyword.partition('=')[0]}={{{entries}}}"


def numbered(row: QueryMember, operation: f.Operation, template: str) -> str:
    """The template with ``{0}`` for what was given by keyword; '' where it wasn't given."""
    keywords = {name for name, _ in operation[7]}
    for digits in set(_NUMBERED.findall(template)):
        place = int(digits)
        if place < len(operation[6]) and all(i >= 0 for i in operation[6][: place + 1]):
            continue
        name = row.parameters[place] if place < len(row.parameters) else ""
        if name not in keywords:
            return ""
        template = template.replace(f"{{{digits}}}", f"{{kw:{name}}}")
    return template


def clears(name: str, operation: f.Operation, operations: Operations) -> bool:
    """``order_by(False)`` takes all orders back, as ``order_by(None)`` does."""
    arguments = operation[6]
    return (
        name in _CLEARING
        and len(arguments) == 1
        and constant(operations, arguments[0]) in ("False",)
    )


def spelled(template: str, names: Iterable[str], draft: Draft) -> str:
    """The template with imported names as the file writes them."""
    for name in names:
        last = name.rpartition(".")[2]
        written = draft.spell(name)
        if written != last:
            template = re.sub(rf"(?<![\w.{{:]){last}\b", written, template)
    return template


def indexed(
    row: QueryMember, index: f.Operation, operations: Operations, line: str
) -> QueryMember | None:
    """The row for ``query[...]``; None where no statement gives the same for every value."""
    if index[0] == f.CONSTANT and type(index[5]) is int:
        start = index[5]
        return _numbers(row, str(start), str(start + 1), "")
    if index[0] != f.SLICE:
        return _filled(CHECKED_ITEM, ("{node.index}",), "", line)
    bounds = [constant(operations, i) if i >= 0 else "None" for i in index[5:8]]
    lower, upper, step = bounds
    suffix = "" if step == "None" else f"[::{step}]"
    if not step.lstrip("-").isdigit() and step != "None":
        return None
    if step != "None" and int(step) == 0:
        return None
    if not all(text == "None" or text.isdigit() for text in bounds[:2]):
        return _between(index, operations, suffix, line)
    if lower.isdigit() and upper.isdigit() and int(upper) <= int(lower):
        return None  # an empty list, for which Query asks no database
    return _numbers(SLICE, lower, upper, suffix)


def _between(
    index: f.Operation, operations: Operations, suffix: str, line: str
) -> QueryMember | None:
    """The row for a slice of which a bound isn't a number."""
    lower, upper = index[5:7]
    texts = ("{node.lower}" if lower >= 0 else "None", "{node.upper}" if upper >= 0 else "None")
    if any(constant(operations, i).startswith("-") for i in (lower, upper) if i >= 0):
        return None  # Query refuses it
    known = lower < 0 or _is_counted(operations, lower)
    if upper >= 0 and known:
        known = _is_counted(operations, upper) if lower < 0 else _adds(operations, upper, lower)
    return _filled(SLICE if known else CHECKED_SLICE, texts, suffix, line)


def _is_counted(operations: Operations, index: int) -> bool:
    """Can an expression not be negative?"""
    operation = operations[index]
    if operation[0] == f.CONSTANT:
        return type(operation[5]) is int and operation[5] >= 0
    if operation[0] == f.CALL:
        name = operations[operation[5]][5] if operations[operation[5]][0] == f.NAME else ""
        inner = [i for i in operation[6] if i >= 0]
        return name in ("len", "abs") or (
            name == "max" and any(_is_counted(operations, i) for i in inner)
        )
    return (
        operation[0] == f.OPERATOR
        and operation[5] in ("Add", "Mult")
        and all(_is_counted(operations, i) for i in operation[6])
    )


def _adds(operations: Operations, upper: int, lower: int) -> bool:
    """Is a bound the other one and what isn't negative?"""
    operation, name = operations[upper], dotted(operations, lower)
    if operation[0] != f.OPERATOR or operation[5] != "Add" or not name:
        return False
    rest = [i for i in operation[6] if dotted(operations, i) != name]
    return len(rest) == 1 and _is_counted(operations, rest[0])


def _limited(template: str) -> str:
    """A slice without a lower bound is a limit."""
    return template.replace(".slice(None, ", ".limit(")


def _filled(
    row: QueryMember, bounds: tuple[str, ...], suffix: str, line: str
) -> QueryMember | None:
    def filled(pair: tuple[str, str]) -> tuple[str, str]:
        awaited, result = pair
        for place, text in enumerate(bounds):
            awaited = awaited.replace(f"{{{place}}}", text)
        return _limited(awaited), result + suffix

    if line not in row.lines:
        return None
    return replace(row, entity=filled(row.entity), rows=filled(row.rows))


def _numbers(row: QueryMember, lower: str, upper: str, suffix: str) -> QueryMember:
    def filled(pair: tuple[str, str]) -> tuple[str, str]:
        awaited = pair[0].replace("{0} + 1", upper).replace("{0}", lower).replace("{1}", upper)
        return _limited(awaited), pair[1] + suffix

    return replace(row, entity=filled(row.entity), rows=filled(row.rows))
