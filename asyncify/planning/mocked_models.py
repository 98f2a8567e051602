"""Mocks of a model's instances whose relationships are awaited now: ``MagicMock(orders=[order])``.

A plain mock gives nothing that can be awaited for ``customer.awaitable_attrs.orders``: a class of
the tests' own does, and so does what its mocks give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Colors
from asyncify.analysis.program import Function, Module, dotted
from asyncify.analysis.statements import statements_of
from asyncify.analysis.use import Use
from asyncify.decisions import RenameReference
from asyncify.planning.draft import Draft, reference
from asyncify.planning.mocked_awaits import sharing
from asyncify.planning.mocked_sessions import MockedSessions
from asyncify.planning.rendered import put_before
from asyncify.vocabulary.testing import MOCK_ANSWERS, MOCKS, PLAIN_MOCK, is_test_path

MOCKED_MODEL, LOADED = "MockedModel", "Loaded"
_TEXT = '''\
class {loaded}:
    """What is awaited of a mock: its attributes as they are."""

    def __init__(self, instance):
        self._instance = instance

    def __getattr__(self, name):
        loaded = {asyncio}.get_running_loop().create_future()
        loaded.set_result(getattr(self._instance, name))
        return loaded


class {name}({mock}):
    """A mock of a model's instance."""

    @property
    def awaitable_attrs(self):
        return {loaded}(self)
'''


class MockedModels:
    """Makes such mocks of plain ones; ``awaited``: what functions read by ``awaitable_attrs``."""

    def __init__(
        self,
        colors: Colors,
        draft: Callable[[Module], Draft],
        sessions: MockedSessions,
        awaited: dict[Function, set[str]],
    ) -> None:
        self.colors = colors
        self.inference = colors.inference
        self.draft = draft
        self.sessions = sessions
        self.awaited = awaited
        self._names = {name for read in awaited.values() for name in read}

    def answering(self, function: Function, uses: Iterable[Use]) -> str:
        """What mocks that a session gives are made by, where what is reached awaits attributes of
        them; else ''."""
        reached = {fn for use in uses for fn in (use.function, *use.callees)}
        return self._class(function) if not reached.isdisjoint(self.awaited) else ""

    def answers(self, function: Function, name: str) -> None:
        """``db.execute.return_value.scalars.return_value.first.return_value = MagicMock()``"""
        operations = function.body.operations
        for statement in statements_of(function.body.statements):
            for target in statement[7] if statement[0] == f.ASSIGN else ():
                is_answer = target[0] == f.TO_ATTRIBUTE and target[2] in MOCK_ANSWERS
                if is_answer and dotted(operations, target[1]).startswith(f"{name}."):
                    self._made(function, statement[8])

    def plan(self) -> None:
        """Plan the mocks that are given for instances, or have one of the attributes."""
        if not self.awaited:
            return
        for word in MOCKS:
            for function in self.inference.program.mentioning(word):
                if is_test_path(function.module.path):
                    self._having(function, self._names)
        for mocked in self.sessions.find(self._is_awaited):
            if self.sessions.is_plain(mocked):
                self._rename(mocked.function, mocked.operations, mocked.call)

    def _having(self, function: Function, names: set[str]) -> None:
        """``MagicMock(orders=[])``, ``customer.orders = []``"""
        operations = function.body.operations
        held = {
            dotted(operations, target[1])
            for statement in statements_of(function.body.statements) if statement[0] == f.ASSIGN
            for target in statement[7] if target[0] == f.TO_ATTRIBUTE and target[2] in names
        }  # fmt: skip
        for index, operation in enumerate(operations):
            if operation and operation[0] == f.CALL:
                given = {key for key, _ in operation[7]}
                if not given.isdisjoint(names) or not held.isdisjoint(_named(function, index)):
                    self._rename(function, operations, index)

    def _is_awaited(self, value: v.Value) -> bool:
        """Is something an instance of which an attribute is awaited?"""
        return any(
            isinstance(atom, v.Instance)
            and not self._names.isdisjoint(
                name for cls in atom.cls.ancestors
                for name in self.inference.models.declared(cls).relationships
            )
            for atom in value or ()
        )  # fmt: skip

    def _made(self, function: Function, index: int) -> None:
        """A mock, or those in a list, at once or by a variable."""
        operations = function.body.operations
        operation = operations[index] if index >= 0 else ()
        if operation and operation[0] == f.CALL:
            self._rename(function, operations, index)
        elif operation and operation[0] == f.SEQUENCE:
            for item in operation[6]:
                self._made(function, item)
        elif operation and operation[0] in (f.NAME, f.ATTRIBUTE):
            name = dotted(operations, index)
            for maker in sharing(function, name):
                for at, made in enumerate(maker.body.operations):
                    if made and made[0] == f.CALL and name in _named(maker, at):
                        self._rename(maker, maker.body.operations, at)

    def _rename(self, function: Function, operations: tuple[f.Operation, ...], index: int) -> None:
        made = operations[index][5]
        callee, last = operations[made], dotted(operations, made).rpartition(".")[2]
        name = self._class(function) if last in MOCKS else ""
        if not name:
            return
        draft = self.draft(function.module)
        node, site = reference(callee), draft.site(callee)
        if any(d.node == node and isinstance(d, RenameReference) for d in draft.decisions):
            return  # its calls are awaited
        draft.add(RenameReference(node=node, site=site, new=name, whole=True))
        if callee[0] == f.NAME:
            draft.drop(last)

    def _class(self, function: Function) -> str:
        """The name of the class, which is defined before all functions of the file; '' for what
        runs at import."""
        if function.facts.kind == "module":
            return ""
        draft = self.draft(function.module)
        asyncio, mock = draft.spell("asyncio"), draft.spell(PLAIN_MOCK)
        name, loaded = draft.free(MOCKED_MODEL), draft.free(LOADED)
        source = _TEXT.format(name=name, loaded=loaded, mock=mock, asyncio=asyncio)
        kinds = ("def", "class")
        first = next(fn for fn in function.module.functions if fn.facts.kind in kinds)
        return name if put_before(first, draft, source) else ""


def _named(function: Function, index: int) -> Iterator[str]:
    """The names that an assignment gives what an expression makes."""
    for statement in statements_of(function.body.statements):
        if statement[0] == f.ASSIGN and statement[8] == index:
            for target in statement[7]:
                if target[0] == f.TO_NAME:
                    yield str(target[1])
                elif target[0] == f.TO_ATTRIBUTE:
                    yield f"{dotted(function.body.operations, target[1])}.{target[2]}"
