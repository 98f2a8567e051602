"""Rows of SQLAlchemy 1.4's own style: they are dicts too, by name and by column; those of async
connections are tuples, and their ``_mapping`` is the dict.
https://docs.sqlalchemy.org/en/14/changelog/migration_20.html#resultproxy-replaced-with-result
"""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Colors
from asyncify.analysis.program import Function
from asyncify.decisions import ReplaceExpression
from asyncify.planning.draft import Draft, node_reference
from asyncify.vocabulary.sqlalchemy_result import DICT_MEMBERS, GIVING_ROW, GIVING_ROWS

_DICT = v.Foreign("dict")
_MAPPING = "{node}._mapping"
_CONTAINING = ("In", "NotIn")


class OwnRows:
    """The rows of one function."""

    def __init__(self, colors: Colors, function: Function) -> None:
        self.function = function
        self.evaluation = colors.inference.evaluations[function]
        self.layout = colors.uses.layout(function)
        self.operations = function.body.operations
        self.single: set[str] = set()
        self.many: set[str] = set()
        bound = list(self._bound())
        known = -1
        while known != len(self.single) + len(self.many):
            known = len(self.single) + len(self.many)
            for name, index, loops in bound:
                self._learn(name, index, loops)
        others = {
            name for name, index, loops in bound
            if not (self._is_rows(index) if loops else self._is_row(index) or self._is_rows(index))
        }  # fmt: skip
        self.single -= others
        self.many -= others

    def plan(self, draft: Draft, group: int) -> None:
        """Say ``_mapping`` where a row is used as a dict."""
        for index, template in self._as_dicts():
            operation = self.operations[index]
            draft.add(
                ReplaceExpression(
                    node=node_reference(self.function, index), site=draft.site(operation),
                    group=group, template=template,
                )
            )  # fmt: skip

    # -- which names are rows

    def _bound(self) -> Iterator[tuple[str, int, bool]]:
        """Names with what they are bound to; the last says whether to its items."""
        for statement in self.layout.statements:
            if statement[0] == f.ASSIGN:
                for target in statement[7]:
                    if target[0] == f.TO_NAME:
                        yield target[1], statement[8], False
            elif statement[0] == f.FOR and statement[7][0] == f.TO_NAME:
                yield statement[7][1], statement[8], True
        for operation in self.operations:
            if operation and operation[0] == f.COMPREHENSION:
                for generator in operation[8]:
                    if generator[0][0] == f.TO_NAME:
                        yield generator[0][1], generator[1], True

    def _learn(self, name: str, index: int, loops: bool) -> None:
        if self._is_rows(index):
            (self.single if loops else self.many).add(name)
        elif not loops and self._is_row(index):
            self.single.add(name)

    def _is_result(self, index: int) -> bool:
        return any(isinstance(a, v.Known) and a.kind == "Result" for a in self._value(index))

    def _value(self, index: int) -> v.Value:
        return self.evaluation.values[index] if index >= 0 else v.UNKNOWN

    def _is_rows(self, index: int) -> bool:
        """Does iterating over it give rows?"""
        operation = self.operations[index]
        if operation[0] == f.NAME and operation[5] in self.many:
            return True
        return self._is_result(index) or self._is_given(operation, GIVING_ROWS)

    def _is_row(self, index: int) -> bool:
        operation = self.operations[index]
        if operation[0] == f.NAME:
            return operation[5] in self.single
        if operation[0] == f.SUBSCRIPT:
            key = self.operations[operation[6]]
            item = key[0] == f.CONSTANT and isinstance(key[5], int)
            return item and self._is_rows(operation[5])
        return self._is_given(operation, GIVING_ROW)

    def _is_given(self, operation: f.Operation, methods: frozenset[str]) -> bool:
        if operation[0] != f.CALL:
            return False
        callee = self.operations[operation[5]]
        return callee[0] == f.ATTRIBUTE and callee[6] in methods and self._is_result(callee[5])

    # -- where they are dicts

    def _as_dicts(self) -> Iterator[tuple[int, str]]:
        """The places, each with its template."""
        for index, operation in enumerate(self.operations):
            kind = operation[0] if operation else -1
            if kind == f.SUBSCRIPT and self._is_row(operation[5]):
                if self._is_key(operation[6]):
                    yield index, "{node.value}._mapping[{node.index}]"
            elif kind == f.CALL:
                yield from ((i, _MAPPING) for i in self._called(operation))
            elif kind == f.DICT:
                pairs = zip(operation[5], operation[6], strict=True)
                yield from ((i, _MAPPING) for key, i in pairs if key < 0 and self._is_row(i))
            elif kind == f.OPERATOR and operation[5] in _CONTAINING:
                key, row = operation[6][:2]
                if self._is_row(row) and self._is_key(key):
                    yield row, _MAPPING

    def _is_key(self, index: int) -> bool:
        """A name or a column: no number."""
        key = self.operations[index]
        return key[0] == f.ATTRIBUTE or (key[0] == f.CONSTANT and isinstance(key[5], str))

    def _called(self, operation: f.Operation) -> Iterator[int]:
        """``dict(row)``, ``f(**row)`` and ``row.items()``."""
        callee = self.operations[operation[5]]
        if callee[0] == f.ATTRIBUTE and callee[6] in DICT_MEMBERS and self._is_row(callee[5]):
            yield callee[5]
        if _DICT in self._value(operation[5]):
            yield from (i for i in operation[6][:1] if i >= 0 and self._is_row(i))
        yield from (i for name, i in operation[7] if name is None and self._is_row(i))
