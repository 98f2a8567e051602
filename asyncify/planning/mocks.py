"""Mocks that stand for what is awaited now: ``Session.execute = MagicMock()`` needs an AsyncMock.

What such a mock is given later stays: an AsyncMock gives its ``return_value`` to whoever awaits it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.overrides import overrides
from asyncify.analysis.program import Function, Module, dotted
from asyncify.analysis.sides import ENTERED_AS
from asyncify.analysis.statements import statements_of
from asyncify.analysis.use import Use
from asyncify.decisions import RenameReference
from asyncify.findings import Finding
from asyncify.planning.draft import Draft, reference
from asyncify.planning.mocked_chains import Chains
from asyncify.planning.mocked_doubles import Doubles
from asyncify.planning.mocked_factories import MockedFactories
from asyncify.planning.mocked_functions import MockedFunctions
from asyncify.planning.mocked_gets import MockedGets, is_read
from asyncify.planning.mocked_members import MockedMembers
from asyncify.planning.mocked_models import MockedModels
from asyncify.planning.mocked_objects import MockedObjects
from asyncify.planning.mocked_requests import MockedRequests
from asyncify.planning.mocked_sessions import Mocked, MockedSessions, is_engine, is_session
from asyncify.planning.mocked_specs import MockedSpecs
from asyncify.rules import finding
from asyncify.vocabulary.names import TABLES
from asyncify.vocabulary.rows import Form
from asyncify.vocabulary.testing import (
    ASYNC_MOCK,
    BEGINNING,
    CONNECTING,
    MOCK_RESULT,
    MOCKS,
    is_test_path,
)

_ENGINE = "This mocks an engine that is async now: it is entered and awaited in other ways."
_OF_OVERRIDES = "Override the copy too, with a function that gives a sync session."
_OF_ENGINES = "Let `__aenter__` give the connection, and make an AsyncMock of what is awaited."


class MockPlanner:
    """Plans the mocks that are assigned to members of SQLAlchemy's and the program's classes."""

    def __init__(
        self,
        colors: Colors,
        coloring: Coloring,
        draft: Callable[[Module], Draft],
        awaited: dict[Function, set[str]],
    ) -> None:
        self.colors = colors
        self.inference = colors.inference
        self.coloring = coloring
        self.draft = draft
        self.chains = Chains(colors, draft)
        self.gets = MockedGets(draft)
        self.functions = MockedFunctions(colors, coloring, draft)
        self.requests = MockedRequests(colors, self.functions)
        self.sessions = MockedSessions(colors, coloring, self.requests)
        self.members = MockedMembers(colors, coloring, self.functions)
        self.factories = MockedFactories(colors, coloring, draft, self.functions)
        self.specs = MockedSpecs(draft)
        self.models = MockedModels(colors, draft, self.sessions, awaited)
        self.objects = MockedObjects(colors, coloring, draft, self.sessions, self.functions)

    def plan(self) -> list[Finding]:
        """Plan the mocks; what a person has to do about others."""
        self._members()
        self._functions()
        self.factories.find()
        self.sessions.given, self.sessions.names = self.factories.given, self.factories.names
        self.sessions.held = self.factories.held
        for mocked in list(self.sessions.find(is_session)):
            if self.sessions.is_ours(mocked):
                self._session(mocked)
        self._of_factories()
        self.functions.plan()
        self.members.plan()
        self._stand_ins()
        objects = list(self.objects.plan())
        self.models.plan()
        doubles = Doubles(
            self.colors, self.coloring, self.sessions, self.draft,
            self.factories.doubles, self.factories.kept, self.factories.closes_any(),
            self.functions,
        ).plan()  # fmt: skip
        others = [*self._engines(), *objects, *doubles, *self._overrides()]
        own = (*self.chains.findings, *self.gets.findings, *self.functions.findings)
        return [*own, *others]

    def _functions(self) -> None:
        """Mocks that are given to what turns in the place of functions that it awaits."""
        for mocked in list(self.sessions.find(self.sessions.is_function)):
            if self.sessions.is_plain(mocked):
                operations = mocked.operations
                self._rename(mocked.function, operations[operations[mocked.call][5]])
        found = self.sessions.find(self.sessions.gives_session)
        self.sessions.makers.update((mocked.function, mocked.call) for mocked in found)

    def _overrides(self) -> Iterator[Finding]:
        """Dependencies that are overridden, of which something that stays sync is given a copy."""
        if self.inference.config.alongside:
            return  # what is overridden stays sync itself
        sides = self.coloring.sides
        given = {
            dependency: function
            for function in sorted(sides.synced, key=lambda fn: (fn.module.path, fn.index))
            for dependency in self.requests.injected.into(function) if dependency in sides.twinned
        }  # fmt: skip
        for each in overrides(self.inference.program) if given else ():
            if isinstance(each.replaced, Function) and each.replaced in given:
                site = self.draft(each.function.module).site(
                    each.function.body.operations[each.key]
                )
                getting = given[each.replaced]
                reason = f"`{getting.qualname}` is given a sync copy of "
                reason += f"`{each.replaced.qualname}`, which nothing overrides."
                yield finding("ASY608", site, reason, _OF_OVERRIDES)

    def _engines(self) -> Iterator[Finding]:
        """Mocks of engines whose connections, or whose end, a test looks at."""
        for mocked in self.sessions.find(is_engine):
            uses = self.sessions.reached(mocked)
            ends = any(
                use.kind == "member" and isinstance(use.owner, v.Known)
                and use.owner.kind == "Engine" and use.name not in CONNECTING
                and use.row is not None and use.row.form is Form.AWAIT for use in uses
            )  # fmt: skip
            looked_at = any(_looks_inside(fn, name) for fn, name in dict.fromkeys(mocked.holders))
            if self.sessions.is_plain(mocked) and (ends or looked_at):
                operation = mocked.operations[mocked.call]
                site = self.draft(mocked.function.module).site(operation)
                yield finding("ASY608", site, _ENGINE, _OF_ENGINES)

    def _session(self, mocked: Mocked) -> None:
        uses = self.sessions.reached(mocked)
        members = self._members_of(uses)
        self.chains.plan(mocked, self.sessions.reached)
        answer = self.models.answering(mocked.function, uses)
        left = (mocked.function, mocked.call) in self.chains.left
        self.specs.respec(mocked, members, left, answer)
        plain = [name for fn, name in mocked.holders if (fn, name) in self.factories.plain]
        if plain and self.factories.closes(use.function for use in uses):
            self.factories.enter(mocked.function, mocked.call, plain[0])
        for function, name in dict.fromkeys(mocked.holders):
            layout = self.colors.uses.layout(function)
            self.gets.plan(function, name, layout, self.sessions.reached(mocked, function))
            if answer:
                self.models.answers(function, name)
            self._asked(function, name)

    def _of_factories(self) -> None:
        """Sessions that mocks of factories give."""
        for function, path in self.factories.unmade:
            mocked = Mocked(function, -1, ((function, path),))
            uses = self.sessions.reached(mocked)
            enters = self.factories.closes(use.function for use in uses)
            text = self.specs.made(function, self._members_of(uses))
            self.factories.make(function, path, text, enters)
            for name in self.chains.plan(mocked, self.sessions.reached):
                if enters:
                    self.factories.ended(function, name)
                self._asked(function, name)
        for function, name in self.factories.factories:
            self._entered(function, f"{name}.{MOCK_RESULT}")

    def _members_of(self, uses: list[Use]) -> set[str]:
        others = self.sessions.giving(use for use in uses if not is_read(use))
        return self.chains.members(uses) | self.gets.members(uses) | others

    def _asked(self, function: Function, name: str) -> None:
        """What is set of a session's members, and asked of them."""
        self.functions.sessions.add((function, name))
        self._awaited_members(function, name)
        self._entered(function, name)
        self.functions.awaits.of_members(function, name, self._is_coroutine)

    def _entered(self, function: Function, name: str) -> None:
        """``db.__enter__.return_value = db``: it is entered by ``async with``."""
        operations = function.body.operations
        entered = {name, *(f"{name}.{member}.{MOCK_RESULT}" for member in BEGINNING)}
        for operation in operations:
            if not operation or operation[0] != f.ATTRIBUTE or operation[6] not in ENTERED_AS:
                continue
            if dotted(operations, operation[5]) in entered:
                draft, new = self.draft(function.module), ENTERED_AS[operation[6]]
                site = draft.site(operation)
                draft.add(RenameReference(node=reference(operation), site=site, new=new))

    def _awaited_members(self, function: Function, name: str) -> None:
        """``db.commit = MagicMock()``."""
        for callee, base, member in self._assigned(function):
            held = dotted(function.body.operations, base) == name
            if held and self._is_coroutine(member):
                self._rename(function, callee)

    def _is_coroutine(self, member: str) -> bool:
        """Is a member of a session awaited from now on?"""
        row = self.inference.row("Session", member)
        return row is not None and row.form is Form.AWAIT

    def _assigned(self, function: Function) -> Iterator[tuple[f.Operation, int, str]]:
        """The mocks that are assigned to attributes: what makes them, and the attributes."""
        operations = function.body.operations
        for statement in statements_of(function.body.statements):
            if statement[0] != f.ASSIGN or operations[statement[8]][0] != f.CALL:
                continue
            callee = operations[operations[statement[8]][5]]
            if callee[0] not in (f.NAME, f.ATTRIBUTE):
                continue
            if (callee[5] if callee[0] == f.NAME else callee[6]) not in MOCKS:
                continue
            for target in statement[7]:
                if target[0] == f.TO_ATTRIBUTE:
                    yield callee, target[1], target[2]

    def _members(self) -> None:
        stays, islands = self.coloring.stays, self.coloring.islands
        for word in MOCKS:
            for function in self.inference.program.mentioning(word):
                if function not in stays and function not in islands:
                    self._function(function)

    def _function(self, function: Function) -> None:
        for callee, base, member in self._assigned(function):
            if self._is_awaited(function, base, member):
                self._rename(function, callee)

    def _stand_ins(self) -> None:
        """``shop.store.count = lambda: 4``, ``db.commit = lambda: None``."""
        names = {function.name for function in self.coloring.turned if function.owner is not None}
        names |= {row.name for row in TABLES["Session"].members if row.form is Form.AWAIT}
        for module in self.inference.program.modules.values():
            if not is_test_path(module.path):
                continue
            for function in module.functions:
                if not names.isdisjoint(function.facts.stores):
                    self._given_to_objects(function)

    def _given_to_objects(self, function: Function) -> None:
        operations = function.body.operations
        for statement in statements_of(function.body.statements):
            if statement[0] != f.ASSIGN or operations[statement[8]][0] not in (f.LAMBDA, f.NAME):
                continue
            for target in statement[7]:
                if target[0] == f.TO_ATTRIBUTE and self._is_awaited(function, target[1], target[2]):
                    self.functions.assigned(function, statement[8], target[2])

    def _is_awaited(self, function: Function, base: int, member: str) -> bool:
        """Is it a member of a class that turns, which is awaited from now on?"""
        awaited = self._is_turned(function, base, member)
        return awaited or self.members.is_awaited(function, base, member)

    def _is_turned(self, function: Function, base: int, member: str) -> bool:
        """Is it a method of the program that turns, of all objects that it may be set on?"""
        evaluation = self.inference.evaluations.get(function)
        found = [
            atom.cls.find(member) for atom in (evaluation.values[base] if evaluation else ())
            if isinstance(atom, (v.Instance, v.ClassObject))
        ]  # fmt: skip
        return bool(found) and all(
            method is not None and method in self.coloring.turned and not method.facts.is_generator
            for method in found
        )

    def _rename(self, function: Function, callee: f.Operation) -> None:
        draft = self.draft(function.module)
        last = ASYNC_MOCK.rpartition(".")[2]
        new = last if callee[0] == f.ATTRIBUTE else draft.spell(ASYNC_MOCK)
        draft.add(RenameReference(node=reference(callee), site=draft.site(callee), new=new))
        if callee[0] == f.NAME:
            draft.drop(str(callee[5]))


def _looks_inside(function: Function, name: str) -> bool:
    """``engine.begin.return_value.__enter__``, ``create_all.assert_called_once_with(engine)``"""
    operations = function.body.operations
    for index, operation in enumerate(operations):
        if not operation or operation[0] not in (f.ATTRIBUTE, f.CALL):
            continue
        path = dotted(operations, index if operation[0] == f.ATTRIBUTE else operation[5])
        if (
            operation[0] == f.ATTRIBUTE
            and operation[6] in ENTERED_AS
            and path.startswith(f"{name}.")
        ):
            return True
        is_asserted = path.rpartition(".")[2].startswith("assert_")
        if (
            operation[0] == f.CALL
            and is_asserted
            and any(i >= 0 and dotted(operations, i) == name for i in operation[6])
        ):
            return True
    return False
