"""Mocks that stand for a session, without saying so: ``db = MagicMock()`` that is given to what
turns.

What such a mock stands for is what it is given to. Its coroutines have to be awaited, and what they
give not: with ``spec=AsyncSession`` the mock knows itself which of its members are coroutines, and
what an execution gives is a plain mock (children of an ``AsyncMock`` would be coroutines again).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.declarations import foreign_name, normalised
from asyncify.analysis.overrides import Override, overrides, overriding
from asyncify.analysis.program import Class, Function, dotted
from asyncify.analysis.statements import statements_of
from asyncify.analysis.use import Use
from asyncify.planning.mocked_awaits import sharing
from asyncify.planning.mocked_requests import MockedRequests
from asyncify.vocabulary.names import KINDS
from asyncify.vocabulary.rows import Form
from asyncify.vocabulary.testing import (
    ASYNC_MOCK,
    AUTOSPEC,
    MOCK_RESULT,
    MOCKED_SPECS,
    MOCKS,
    TEST_FUNCTIONS,
    is_test_path,
)

_SESSIONS = ("Session", "scoped_session")
_MAKERS = (*MOCKS, AUTOSPEC)


@dataclass(frozen=True, slots=True)
class Mocked:
    """A call that makes the mock of a session, and the expressions that hold it: pairs of a
    function and the dotted name there."""

    function: Function
    call: int
    holders: tuple[tuple[Function, str], ...]
    overrides: bool = False  # it takes the place of a dependency: who gets it isn't followed
    is_default: bool = False  # of a parameter: ``def session(db=MagicMock())``

    @property
    def operations(self) -> tuple[f.Operation, ...]:
        """Those that the call is one of."""
        function = self.function
        return function.signature.operations if self.is_default else function.body.operations


class MockedSessions:
    """Finds the mocks of sessions, and makes mocks of async ones of them."""

    def __init__(
        self,
        colors: Colors,
        coloring: Coloring,
        requests: MockedRequests,
    ) -> None:
        self.colors = colors
        self.coloring = coloring
        self.requests = requests
        self.inference = colors.inference
        self.program = colors.inference.program
        self.wanted: Callable[[v.Value], bool] = is_session
        # The mocks of functions that give sessions: calls that make them.
        self.makers: set[tuple[Function, int]] = set()
        # What patched factories give: expressions, and names.
        self.given: set[tuple[Function, int]] = set()
        self.names: set[tuple[Function, str]] = set()
        self.held: dict[tuple[Function, int], str] = {}
        self._overriding: tuple[Override, ...] | None = None
        self._names_in: dict[Function, dict[str, list[int]]] = {}
        # What takes the place of variables: expressions, and what they stand for.
        self.in_place: dict[tuple[Function, int], v.Value] = {}

    def find(self, wanted: Callable[[v.Value], bool]) -> Iterator[Mocked]:
        """Every mock that is given to something which turns, for a parameter that is wanted."""
        self.wanted = wanted
        functions = {fn: None for word in _MAKERS for fn in self.program.mentioning(word)}
        for function in functions:
            for index, operation in enumerate(function.body.operations):
                if (
                    operation
                    and operation[0] == f.CALL
                    and self._makes_mock(function.body.operations, operation)
                ):
                    mocked = self._mocked(function, index)
                    if mocked is not None:
                        yield mocked
            yield from self._defaults(function)

    def _defaults(self, function: Function) -> Iterator[Mocked]:
        """``def session(db=MagicMock())``"""
        operations = function.signature.operations if function.facts.kind == "def" else ()
        for parameter in function.signature.parameters if operations else ():
            made = operations[parameter.default] if parameter.default >= 0 else ()
            if made and made[0] == f.CALL and self._makes_mock(operations, made):
                target = (f.TO_NAME, parameter.name)
                holders = tuple(self._with_helpers(self._held(function, target)))
                overrides = any(self._overrides(holder, name) for holder, name in holders)
                if overrides or any(self._is_given(holder, name) for holder, name in holders):
                    yield Mocked(function, parameter.default, holders, overrides, is_default=True)

    def is_given(self, function: Function, index: int) -> bool:
        """Is what a call makes given to something that turns, for a parameter that is wanted?"""
        return self._mocked(function, index) is not None

    def _mocked(self, function: Function, index: int) -> Mocked | None:
        holders = tuple(self._with_helpers(self._holders(function, index)))
        overrides = any(self._overrides(holder, name) for holder, name in holders)
        overrides = overrides or self._takes_place(function, index, holders)
        overrides = overrides or self._stands_in(function, index, holders)
        overrides = overrides or self._is_attribute(function, index)
        given = overrides or self._given_directly(function, index)
        given = given or any(self._given_directly(*at) for at in self._by_key(function, index))
        given = given or any(self._is_given(holder, name) for holder, name in holders)
        return Mocked(function, index, holders, overrides) if given else None

    def _takes_place(
        self, function: Function, index: int, holders: tuple[tuple[Function, str], ...]
    ) -> bool:
        """Does it take the place of an object of the program's, in a variable or from a class?"""
        places = [(function, index)]
        places += [at for at in self.in_place if (at[0], _dotted(*at)) in holders]
        return self.wanted is not is_session and any(
            self.wanted(self._placed(*at)) for at in places
        )

    def _stands_in(
        self, function: Function, index: int, holders: tuple[tuple[Function, str], ...]
    ) -> bool:
        """Does a function give it that takes the place of a dependency?"""
        places = [index]
        places += [i for fn, name in holders if fn is function for i in self._written(fn, name)]
        if not any(self._is_handed_out(function, i) for i in places):
            return False
        if self._overriding is None:
            self._overriding = tuple(overrides(self.program))
        return any(
            each.override is function and self._is_overridden(each.function, each.key)
            for each in self._overriding
        )

    def _is_attribute(self, function: Function, index: int) -> bool:
        """``store.session = MagicMock()``, of a mock that has a class of the program as its spec"""
        operations = function.body.operations
        given = self.colors.uses.layout(function).statement(index)
        if given is None or given[0] != f.ASSIGN or given[8] != index:
            return False
        for target in (t for t in given[7] if t[0] == f.TO_ATTRIBUTE):
            for made in statements_of(function.body.statements):
                call = operations[made[8]] if made[0] == f.ASSIGN else ()
                names = {t[1] for t in made[7] if t[0] == f.TO_NAME} if call else ()
                if dotted(operations, target[1]) in names and call[0] == f.CALL:
                    cls = self._spec(function, call)
                    if cls is not None and self.wanted(self.inference.attribute(cls, target[2])):
                        return True
        return False

    def _spec(self, function: Function, call: f.Operation) -> Class | None:
        """The class of the program that a mock is one of."""
        operations = function.body.operations
        specs = [*call[6][:1], *(i for key, i in call[7] if key in MOCKED_SPECS)]
        if not specs or specs[0] < 0 or not self._makes_mock(operations, call):
            return None
        cls = self.program.resolve_expression(function, operations, specs[0])
        return cls if isinstance(cls, Class) else None

    def _placed(self, function: Function, index: int) -> v.Value:
        return self.in_place.get((function, index), v.UNKNOWN)

    @staticmethod
    def _makes_mock(operations: tuple[f.Operation, ...], operation: f.Operation) -> bool:
        callee = operations[operation[5]]
        if callee[0] not in (f.NAME, f.ATTRIBUTE):
            return False
        return (callee[5] if callee[0] == f.NAME else callee[6]) in _MAKERS

    # -- who holds it

    def _holders(self, function: Function, index: int) -> Iterator[tuple[Function, str]]:
        layout = self.colors.uses.layout(function)
        statement = layout.statement(index)
        if statement is None:
            return
        if (function, index) in self.held:
            name = self.held[function, index]
            yield from ((method, name) for method in sharing(function, name))
        elif statement[0] == f.ASSIGN:
            for target in _targets(statement, layout.operations, index):
                yield from self._held(function, target)
        elif self._is_handed_out(function, index):
            yield from self.inference.fixtures.requesting(function)

    def _with_helpers(
        self, holders: Iterable[tuple[Function, str]]
    ) -> Iterator[tuple[Function, str]]:
        """Who holds a mock, and the functions of tests that are handed it: ``make_user(db)``."""
        pending, seen = list(holders), set[tuple[Function, str]]()
        while pending:
            function, name = holder = pending.pop(0)
            if holder in seen:
                continue
            seen.add(holder)
            yield holder
            operations, layout = function.body.operations, self.colors.uses.layout(function)
            for index in self._written(function, name):
                parent = layout.parent(index)
                call = operations[parent] if parent >= 0 else ()
                if not call or call[0] != f.CALL or call[5] == index:
                    continue
                helper = self.program.resolve_expression(function, operations, call[5])
                if isinstance(helper, Function) and is_test_path(helper.module.path):
                    pending += (
                        (helper, parameter.name)
                        for position, parameter in enumerate(helper.signature.parameters)
                        if _is_for(call, index, parameter.name, position)
                    )

    def _held(
        self, function: Function, target: tuple[object, ...]
    ) -> Iterator[tuple[Function, str]]:
        operations = function.body.operations
        if target[0] == f.TO_NAME:
            name = str(target[1])
            yield function, name
            if any(self._is_handed_out(function, i) for i in self._written(function, name)):
                yield from self.inference.fixtures.requesting(function)
        elif target[0] == f.TO_ATTRIBUTE:
            base = dotted(operations, int(str(target[1])))
            if base and function.owner is not None:
                for method in function.owner.methods.values():
                    yield method, f"{base}.{target[2]}"
            elif base:
                for holder, name in self._held(function, (f.TO_NAME, base)):
                    yield holder, f"{name}.{target[2]}"

    def _by_key(self, function: Function, index: int) -> Iterator[tuple[Function, int]]:
        """Where a value of a dictionary that a variable holds is asked for by its key:
        ``mocks = {"store": MagicMock()}``, ``mocks["store"]``."""
        layout = self.colors.uses.layout(function)
        operations, parent = layout.operations, layout.parent(index)
        statement = layout.statement(index)
        if parent < 0 or operations[parent][0] != f.DICT or statement is None:
            return
        keys, values = operations[parent][5:7]
        key = keys[values.index(index)] if index in values else -1
        if key < 0 or statement[0] != f.ASSIGN or statement[8] != parent:
            return
        names = {target[1] for target in statement[7] if target[0] == f.TO_NAME}
        for at, operation in enumerate(operations):
            if operation and operation[0] == f.SUBSCRIPT and min(operation[5:7]) >= 0:
                held, asked = operations[operation[5]], operations[operation[6]]
                same = asked[0] == f.CONSTANT and asked[5] == operations[key][5]
                if held[0] == f.NAME and held[5] in names and same:
                    yield function, at

    def _is_handed_out(self, function: Function, index: int) -> bool:
        """Is it what the function returns, or yields?"""
        layout = self.colors.uses.layout(function)
        statement, parent = layout.statement(index), layout.parent(index)
        returned = statement is not None and statement[0] == f.RETURN and statement[7] == index
        return returned or (parent >= 0 and layout.operations[parent][0] == f.YIELD)

    # -- what it is given to

    def _is_given(self, function: Function, name: str) -> bool:
        if self.wanted is is_session and (function, name) in self.names:
            return True
        return any(self._given_directly(function, i) for i in self._written(function, name))

    def _written(self, function: Function, name: str) -> Sequence[int]:
        """Where a function writes a dotted name."""
        found = self._names_in.get(function)
        if found is None:
            found = self._names_in[function] = {}
            operations = function.body.operations
            for index, operation in enumerate(operations):
                if operation and operation[0] in (f.NAME, f.ATTRIBUTE):
                    found.setdefault(dotted(operations, index), []).append(index)
        return found.get(name, ())

    def _given_directly(self, function: Function, index: int) -> bool:
        """Is it an argument for a parameter that is a session, of something that turns?"""
        if self.wanted is is_session and (function, index) in self.given:
            return True
        if self.wanted is is_session and is_session(self._placed(function, index)):
            return True
        layout = self.colors.uses.layout(function)
        parent = layout.parent(index)
        operation = layout.operations[parent] if parent >= 0 else ()
        if not operation or operation[0] != f.CALL or operation[5] == index:
            return False
        if self.wanted is is_session and (
            self._is_patched(function, operation, index)
            or (dict(operation[7]).get(MOCK_RESULT) == index and (function, parent) in self.makers)
        ):
            return True
        return any(
            turns
            and any(
                self.wanted(self.inference.parameter(callee, position))
                for position, parameter in enumerate(callee.signature.parameters)
                if _is_for(operation, index, parameter.name, position - offset)
            )
            for callee, offset, turns in self._callees(function, operation[5])
        )

    def _is_patched(self, function: Function, operation: f.Operation, index: int) -> bool:
        """``patch("app.db.Session", return_value=db)``: is it what the class of sessions gives?"""
        operations = function.body.operations
        if dict(operation[7]).get(MOCK_RESULT) != index or not operation[6][:1]:
            return False
        target = operations[operation[6][0]] if operation[6][0] >= 0 else ()
        if not target or target[0] != f.CONSTANT or not isinstance(target[5], str):
            return False
        symbol = self.program.named(target[5])
        return isinstance(symbol, str) and KINDS.get(symbol) in _SESSIONS

    def _callees(self, function: Function, index: int) -> Iterator[tuple[Function, int, bool]]:
        """What is called, how many parameters are bound already, and whether it turns."""
        symbol = self.program.resolve_expression(function, function.body.operations, index)
        evaluation = self.inference.evaluations.get(function)
        if isinstance(symbol, Class):
            yield from self._constructor(symbol)
        elif isinstance(symbol, Function) and symbol.owner is None:
            yield symbol, 0, symbol in self.coloring.turned
        elif evaluation is not None:
            for atom in evaluation.values[index] or ():
                if isinstance(atom, v.FunctionObject):
                    turns = atom.function in self.coloring.turned
                    yield atom.function, int(atom.bound), turns
                elif isinstance(atom, v.ClassObject):
                    yield from self._constructor(atom.cls)

    def _constructor(self, cls: Class) -> Iterator[tuple[Function, int, bool]]:
        methods = (m for each in cls.ancestors for m in each.methods.values())
        turns = any(method in self.coloring.turned for method in methods)
        for made in self.inference.methods(cls, "__init__"):
            yield made, 1, turns

    def _overrides(self, function: Function, name: str) -> bool:
        """Is it what takes the place of a dependency that gives what is wanted?"""
        return any(
            self._is_overridden(function, key) and self._names(function, value, name)
            for key, value in overriding(function)
        )

    def _is_overridden(self, function: Function, index: int) -> bool:
        """Does a dependency give what is wanted?"""
        operations = function.body.operations
        symbol = self.program.resolve_expression(function, operations, index) if index >= 0 else ""
        if self.wanted is is_session:
            return isinstance(symbol, Function) and self._gives_session(symbol)
        if isinstance(symbol, Class):
            return self.wanted(v.one(v.Instance(symbol)))
        return isinstance(symbol, Function) and self.wanted(self.inference.provided(symbol))

    def _gives_session(self, function: Function) -> bool:
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None or function not in self.coloring.turned:
            return False
        return any(is_session(value) for value in evaluation.environment.values())

    def _names(self, function: Function, index: int, name: str) -> bool:
        """Does the function that an expression is hold a name?"""
        operation = function.body.operations[index]
        inner: object = None
        if operation[0] == f.LAMBDA:
            inner = function.module.functions[operation[5]]
        elif operation[0] == f.NAME:
            inner = next(
                (c for c in function.module.functions if c.parent is function
                 and c.name == operation[5]), None,
            )  # fmt: skip
        if not isinstance(inner, Function):
            return False
        return bool(self._written(inner, name)) if "." in name else name in inner.facts.names

    # -- what is reached

    def reached(self, mocked: Mocked, function: Function | None = None) -> list[Use]:
        """The uses in everything that turns and that whoever holds the mock calls, or one of them:
        a test gets a mock of its own."""
        holders = [mocked.function, *(holder for holder, _ in mocked.holders)]
        test = function if function is not None and _is_test(function) else None
        pending = [test] if test is not None else holders
        seen = set(pending)
        if mocked.overrides:
            answering = self._answering(pending)
            if function is None or answering is None:
                return [use for fn in self.coloring.turned for use in self.colors.uses.of(fn)]
            pending += answering
            seen.update(answering)
        if test is not None:
            seen |= self.requests.replaced(test)
        found: list[Use] = []
        while pending:
            for use in self.colors.uses.of(pending.pop()):
                found.append(use)
                fresh = [c for c in use.callees if c in self.coloring.turned and c not in seen]
                seen.update(fresh)
                pending += fresh
        return found

    def _answering(self, holders: Iterable[Function]) -> list[Function] | None:
        """What answers the requests of the tests among those who hold a mock; None where that isn't
        known."""
        tests = [holder for holder in dict.fromkeys(holders) if _is_test(holder)]
        found = [self.requests.answering(test) for test in tests]
        known = [each for each in found if each is not None]
        return [fn for each in known for fn in each] if len(known) == len(found) > 0 else None

    def giving(self, uses: Iterable[Use]) -> set[str]:
        """The members of sessions that are awaited for what they give."""
        return {
            use.row.name for use in uses
            if use.row is not None and use.row.form is Form.AWAIT and use.row.returns
            and use.row.returns != "none"
            and isinstance(use.owner, v.Known) and use.owner.kind in _SESSIONS
        }  # fmt: skip

    def is_function(self, value: v.Value) -> bool:
        """Is something one of the program's functions whose calls are all awaited?"""
        found = [atom.function for atom in value or () if isinstance(atom, v.FunctionObject)]
        return bool(found) and all(
            function in self.coloring.turned and not function.facts.is_generator
            for function in found
        )

    def gives_session(self, value: v.Value) -> bool:
        """Is something a function that gives sessions, or a factory of them?"""
        return any(
            (isinstance(atom, v.Known) and atom.kind == "sessionmaker")
            or (
                isinstance(atom, v.FunctionObject)
                and is_session(self.inference.result(atom.function))
            )
            for atom in value or ()
        )

    def is_plain(self, mocked: Mocked) -> bool:
        """Doesn't it say what it is a mock of, and doesn't anybody say what is awaited?"""
        operation = mocked.operations[mocked.call]
        held = [mocked.function, *(function for function, _ in mocked.holders)]
        told = any(ASYNC_MOCK.rpartition(".")[2] in function.facts.names for function in held)
        return not operation[6] and MOCKED_SPECS.isdisjoint(dict(operation[7])) and not told

    def is_ours(self, mocked: Mocked) -> bool:
        """Is it a mock without a spec, or with that of a session?"""
        operation = mocked.operations[mocked.call]
        specs = [*operation[6][:1], *(i for k, i in operation[7] if k in MOCKED_SPECS)]
        return all(i >= 0 and self._is_session_class(mocked, i) for i in specs)

    def _is_session_class(self, mocked: Mocked, index: int) -> bool:
        """Is it a class of sessions, or another name for one?"""
        name = foreign_name(mocked.function, mocked.operations, index, self.inference)
        evaluation = self.inference.evaluations.get(mocked.function)
        if not name and not mocked.is_default and evaluation is not None:
            value = evaluation.values[index] or ()
            name = next((atom.name for atom in value if isinstance(atom, v.Foreign)), "")
        return KINDS.get(normalised(name)) in _SESSIONS


def _dotted(function: Function, index: int) -> str:
    return dotted(function.body.operations, index)


def is_session(value: v.Value) -> bool:
    """Is something a session, or may it be one?"""
    return any(isinstance(atom, v.Known) and atom.kind in _SESSIONS for atom in value or ())


def is_engine(value: v.Value) -> bool:
    """Is something an engine, or may it be one?"""
    return any(isinstance(atom, v.Known) and atom.kind == "Engine" for atom in value or ())


def _targets(
    statement: f.Statement, operations: tuple[f.Operation, ...], index: int
) -> Iterator[tuple[object, ...]]:
    """What an assignment gives the value: ``a = b``, or the same place of ``a, b = c, d``."""
    value = operations[statement[8]]
    for target in statement[7]:
        if statement[8] == index:
            yield target
        elif (
            value[0] == f.SEQUENCE and index in value[6] and min(value[6]) >= 0
            and target[0] == f.TO_SEQUENCE and len(target[1]) == len(value[6]) and target[2] < 0
        ):  # fmt: skip
            yield target[1][value[6].index(index)]


def _is_for(operation: f.Operation, index: int, name: str, position: int) -> bool:
    """Is a call's argument for the parameter of that name, at that position?"""
    arguments = operation[6]
    if 0 <= position < len(arguments) and arguments[position] == index:
        return True
    return dict(operation[7]).get(name) == index


def _is_test(function: Function) -> bool:
    return function.name.startswith(TEST_FUNCTIONS)
