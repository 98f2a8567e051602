"""Streams: a result whose rows stay on the server is asked for, and read, in a way of its own.

``session.execute`` refuses such a statement on an async session: ``stream`` takes it, and gives a
result whose methods that fetch are awaited and which is iterated by ``async for``.
https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.AsyncSession.stream
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from asyncify import facts as f
from asyncify.analysis.consumers import takes_some
from asyncify.analysis.layout import Layout
from asyncify.vocabulary.rows import Form, Member
from asyncify.vocabulary.sqlalchemy_engine import STREAMING_OPTIONS

_ASYNC = {"Result": "AsyncResult", "ScalarResult": "AsyncScalarResult"}


@dataclass(slots=True)
class Stream:
    """What reads a stream: ``loops`` are triples (kind, number and part of the node) that become
    asynchronous, ``awaited`` the calls that are awaited, ``taken`` pairs of a call that hands on
    what it reads and its name."""

    loops: list[tuple[str, int, int]] = field(default_factory=list)
    awaited: list[int] = field(default_factory=list)
    taken: list[tuple[int, str]] = field(default_factory=list)


def options(layout: Layout) -> set[int]:
    """The operations of a function that ask for a stream: calls of ``execution_options``, and
    dicts that are given under that name."""
    found = set()
    for index, operation in enumerate(layout.operations):
        if not operation or operation[0] != f.CALL:
            continue
        keywords = dict(operation[7])
        method = layout.operations[operation[5]]
        called = method[0] == f.ATTRIBUTE and method[6] == "execution_options"
        if called and STREAMING_OPTIONS & keywords.keys():
            found.add(index)
        given = keywords.get("execution_options", -1)
        if given >= 0 and STREAMING_OPTIONS & _keys(layout, given):
            found.add(index)
    return found


def asked(layout: Layout, call: int, wanted: set[int]) -> set[int]:
    """Which of these a call of ``execute`` has: in itself, or in a variable that it uses."""
    inside = layout.subtree(call)
    names = {o[5] for i in inside if (o := layout.operations[i]) and o[0] == f.NAME}
    for value in _bound(layout, names):
        inside = inside | layout.subtree(value)
    return wanted & inside


def _bound(layout: Layout, names: set[str]) -> Iterator[int]:
    """What variables are bound to."""
    for statement in layout.statements:
        if statement[0] == f.ASSIGN:
            if any(target[0] == f.TO_NAME and target[1] in names for target in statement[7]):
                yield statement[8]
        elif statement[0] == f.WITH:
            for value, target in statement[7]:
                if target is not None and target[0] == f.TO_NAME and target[1] in names:
                    yield value


def _keys(layout: Layout, index: int) -> set[str]:
    """The keys of a dict display, as far as they are literals."""
    operation = layout.operations[index]
    keys = operation[5] if operation[0] == f.DICT else ()
    constants = [layout.operations[key] for key in keys if key >= 0]
    return {c[5] for c in constants if c[0] == f.CONSTANT and isinstance(c[5], str)}


class Reading:
    """Follows the result of one call through its function."""

    def __init__(self, layout: Layout, row: Callable[[str, str], Member | None]) -> None:
        self.layout = layout
        self.row = row
        self.found = Stream()

    def of(self, call: int, kind: str) -> Stream | None:
        """What reads the stream that a call gives; None where something has no async form."""
        return self.found if self._follow(call, _ASYNC.get(kind, "")) else None

    def _follow(self, index: int, kind: str) -> bool:
        parent = self.layout.parent(index)
        if not kind:
            return False
        if parent < 0:
            return self._in_statement(index, kind)
        operation = self.layout.operations[parent]
        if operation[0] == f.ATTRIBUTE and operation[5] == index:
            return self._method(parent, operation[6], kind)
        return self._iterated(index)

    def _in_statement(self, index: int, kind: str) -> bool:
        statement = self.layout.statement(index)
        if statement is None:
            return False
        if statement[0] == f.FOR and statement[8] == index:
            return self._iterated(index)
        if statement[0] != f.ASSIGN or statement[8] != index or len(statement[7]) != 1:
            return False
        target = statement[7][0]
        return target[0] == f.TO_NAME and self._variable(target[1], kind)

    def _variable(self, name: str, kind: str) -> bool:
        """All that is done with a variable, which nothing else is bound to."""
        layout = self.layout
        if layout.function.has_children or len(list(_bound(layout, {name}))) != 1:
            return False
        reads = [i for i, o in enumerate(layout.operations) if o and o[:1] == (f.NAME,)]
        return all(self._follow(i, kind) for i in reads if layout.operations[i][5] == name)

    def _method(self, attribute: int, name: str, kind: str) -> bool:
        call, row = self.layout.parent(attribute), self.row(kind, name)
        operation = self.layout.operations[call] if call >= 0 else ()
        if not operation or operation[0] != f.CALL or operation[5] != attribute or row is None:
            return False
        if row.form is Form.AWAIT:
            self.found.awaited.append(call)
            return True
        if row.form is Form.FOR:
            return self._iterated(call)
        returns = row.async_returns or row.returns
        return row.form is Form.PLAIN and self._follow(call, kind if returns == "self" else returns)

    def _iterated(self, index: int) -> bool:
        """A loop or comprehension over the result, or over what hands it on."""
        while name := takes_some(self.layout, index):
            index = self.layout.parent(index)
            self.found.taken.append((index, name))
        for statement in self.layout.statements:
            if statement[0] == f.FOR and statement[8] == index:
                self.found.loops.append(("For", statement[3], 0))
                return True
        comprehension = self.layout.comprehension_of(index)
        if comprehension is None or comprehension[5] == "GeneratorExp":
            return False
        place = next(n for n, g in enumerate(comprehension[8]) if g[1] == index)
        self.found.loops.append((comprehension[5], comprehension[3], place))
        return True
