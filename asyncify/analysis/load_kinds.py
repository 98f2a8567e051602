"""Kinds of values: what a column is set to, and what the database makes of it.

Text that is put into a column of numbers, or of members of an enumeration, is a number or a member
once it is read again, which a commit had done. A decimal gets the digits of its column then, and a
time loses its zone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from asyncify import facts as f
from asyncify.analysis import load_given
from asyncify.analysis.model_bodies import Given
from asyncify.analysis.program import Class, Function
from asyncify.analysis.statements import statements_of
from asyncify.analysis.zoned_times import ZonedTimes
from asyncify.vocabulary import loading as words

if TYPE_CHECKING:
    from asyncify.analysis.loading import Loading


class Kinds:
    """What kinds of values the columns give, and which are not what Python gives them."""

    def __init__(self, loading: Loading) -> None:
        self.loading = loading
        self.zones = ZonedTimes(loading.inference)
        self._kinds: dict[tuple[Class, str], str] = {}
        self._defaults: dict[Class, frozenset[str]] = {}

    def of(self, cls: Class, name: str) -> str:
        """What kind of value the database gives for a column; '' where it gives what it was
        given, for all that is known."""
        found = self._kinds.get((cls, name))
        if found is None:
            models = self.loading.models
            found = models.kind(cls, name)
            if found == words.DATETIME and not self.zones.loses_zone(cls, name):
                found = ""
            if found == words.DECORATED and name in models.foreign_keys(cls):
                found = ""
            self._kinds[cls, name] = found
        return found

    def defaults(self, cls: Class) -> frozenset[str]:
        """The columns whose default is another one once the database has had it:
        ``Column(Numeric(10, 2), default=0)``."""
        found = self._defaults.get(cls)
        if found is None:
            declared = self.loading.models.declared
            found = self._defaults[cls] = frozenset(
                name for each in cls.ancestors
                for name, default in declared(each).given.items()
                if self._turns(self.of(cls, name), default)
            )  # fmt: skip
        return found

    def _turns(self, kind: str, default: Given) -> bool:
        if kind not in words.TURNED or kind == words.DECORATED:
            return False
        body, index, operation = default
        if index < 0:  # a helper of the columns is given it
            is_known = operation[0] == f.CONSTANT
            word = type(operation[5]).__name__ if is_known else ""
            return load_given.may_turn(kind, word in words.TURNED[kind] if is_known else None)
        if operation[0] in (f.NAME, f.ATTRIBUTE):  # it is called
            resolved = self.loading.inference.program.resolve_expression(
                body, body.body.operations, index
            )
            if isinstance(resolved, Function):
                return self._returns(kind, resolved)
            return False
        if operation[0] == f.LAMBDA:
            return self._returns(kind, body.module.functions[operation[5]])
        turned = load_given.is_turned(self.loading.body(body), kind, index)
        return load_given.may_turn(kind, turned)

    def _returns(self, kind: str, function: Function) -> bool:
        body = self.loading.body(function)
        return any(
            load_given.may_turn(kind, load_given.is_turned(body, kind, statement[7]))
            for statement in statements_of(function.body.statements)
            if statement[0] == f.RETURN and statement[7] >= 0
        )


def is_unlike(loading: Loading, function: Function, cls: Class, name: str, index: int) -> bool:
    """Is a column set to what the database turns?"""
    kind = loading.kinds.of(cls, name)
    if kind not in words.TURNED:
        return False
    turned = load_given.is_turned(loading.body(function), kind, index)
    return load_given.may_turn(kind, turned)


def unlike(loading: Loading) -> set[str]:
    """The columns that are set so somewhere: whoever reads them reads what the database made."""
    models = loading.models
    program, by_name = models.program, dict[str, list[Class]]()
    for cls in program.classes.values():
        for name in models.declared(cls).kinds:
            by_name.setdefault(name, []).append(cls)
    out: set[str] = set()
    for name, classes in by_name.items():
        storing = [fn for fn in program.mentioning(name) if name in fn.facts.stores]
        if any(_is_stored(loading, function, classes, name) for function in storing):
            out.add(name)
    mapped = {cls for classes in by_name.values() for cls in classes}
    for cls in {each for base in mapped for each in (base, *base.descendants())}:
        kinds = {kind for each in cls.ancestors for kind in models.declared(each).kinds.values()}
        if kinds.isdisjoint(words.TURNED):
            continue
        for function in program.mentioning(cls.name):
            out |= set(_constructed(loading, function, cls))
        out |= loading.kinds.defaults(cls)
    setting = words.SETTING | words.SETTING_MANY
    for function in {fn for name in setting for fn in program.mentioning(name)}:
        out |= _set_by_name(loading, function)
    return out


def _set_by_name(loading: Loading, function: Function) -> set[str]:
    body, out = loading.body(function), set[str]()
    for operation in body.operations:
        callee = body.operations[operation[5]] if operation and operation[0] == f.CALL else ()
        if (callee[:1] == (f.NAME,) and callee[5] in words.SETTING) or (
            callee[:1] == (f.ATTRIBUTE,) and callee[6] in words.SETTING_MANY
        ):
            for cls in loading.models.program.classes.values():
                if loading.models.declared(cls).kinds:
                    out |= load_given.set_by_name(body, operation, cls)
    return out


def _is_stored(loading: Loading, function: Function, classes: list[Class], name: str) -> bool:
    return any(
        target[:1] == (f.TO_ATTRIBUTE,) and target[2] == name
        and any(is_unlike(loading, function, cls, name, statement[8]) for cls in classes)
        for statement in statements_of(function.body.statements) if statement[0] == f.ASSIGN
        for target in statement[7]
    )  # fmt: skip


def _constructed(loading: Loading, function: Function, cls: Class) -> Iterator[str]:
    operations = function.body.operations
    for operation in loading.inference.layout(function).telling:
        if operation[0] == f.CALL:
            callee = operations[operation[5]]
            if cls.name in callee[5:7]:  # by its name, or as a module's member
                yield from (
                    name for name, index in operation[7]
                    if name and is_unlike(loading, function, cls, name, index)
                )  # fmt: skip
                yield from load_given.spread(loading.body(function), operation, cls)
