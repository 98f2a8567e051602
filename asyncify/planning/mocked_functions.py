"""What tests put in the place of functions that turn: it is awaited now.

``patch("app.crud.get_user", return_value=x)`` makes an ``AsyncMock`` by itself, because it looks at
the function. What is given instead (``monkeypatch.setattr(crud, "get_user", lambda ...)``) becomes
what an ``AsyncMock`` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Class, Function, Module, Symbol, Variable, dotted
from asyncify.analysis.sides import source_twin_name
from asyncify.analysis.statements import statements_of
from asyncify.decisions import (
    DefineLambda,
    EditArguments,
    MakeAsync,
    RenameReference,
    ReplaceExpression,
)
from asyncify.findings import Finding
from asyncify.planning.draft import Draft, reference
from asyncify.planning.mocked_awaits import Awaits, made_mock
from asyncify.planning.mocked_items import items, namespace
from asyncify.planning.mocked_streams import Streams, is_inside
from asyncify.rules import finding
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.blocking import WAITS
from asyncify.vocabulary.names import async_name
from asyncify.vocabulary.testing import (
    ASYNC_MOCK,
    MOCK_RESULT,
    MOCKED_SPECS,
    MOCKS,
    PATCH_DEFAULT,
    PATCH_EACH,
    PATCH_ITEMS,
    PATCHED,
    PATCHES,
    PLAIN_MOCK,
    REPLACEMENT,
    SET_ITEM,
    is_test_path,
)

_EFFECT, _CALLABLE = "side_effect", "new_callable"
_ASYNC = ASYNC_MOCK.rpartition(".")[2]
_EACH = PATCH_EACH.rpartition(".")[2]
_ITEM = SET_ITEM.rpartition(".")[2]
_PATCHING = {call.rpartition(".")[2] for call, _ in PATCHES.values()} | {_EACH, _ITEM}
_PATCHING.add(PATCH_ITEMS.rpartition(".")[2])
_SPECS = MOCKED_SPECS | {"autospec"}
_WRAPPED = (f.LAMBDA, f.NAME, f.ATTRIBUTE)
_NO_THREAD = "Make it an async function that awaits instead."
_OF_MODELS = "Leave the model there, and replace what asks for its rows."
_OF_KEPT = "Put a factory of sync sessions there, on the same database."
_ADVICE = "Put something there whose calls can be awaited: an async function, or an AsyncMock."


@dataclass(slots=True)
class MockedFunctions:
    """Plans what stands in for functions that turn."""

    colors: Colors
    coloring: Coloring
    draft: Callable[[Module], Draft]
    findings: list[Finding] = field(default_factory=list)
    # The names in functions that hold mocks of sessions, which are async ones now.
    sessions: set[tuple[Function, str]] = field(default_factory=set)
    # Patches of factories whose sessions are known.
    settled: set[tuple[Function, f.Operation]] = field(default_factory=set)
    awaits: Awaits = field(init=False)
    streams: Streams = field(init=False)
    _patching: Function = field(init=False)  # what runs while something is patched

    def __post_init__(self) -> None:
        self.awaits = Awaits(self.colors, self.draft)
        self.streams = Streams(
            self.colors.program, self.coloring, self.draft, self.replaced, self.findings
        )

    def patching(self) -> Iterator[Function]:
        """Functions that may put something in the place of others."""
        program, words = self.colors.inference.program, (*PATCHES, _EACH, _ITEM)
        yield from dict.fromkeys(fn for word in words for fn in program.mentioning(word))

    def plan(self) -> None:
        """Plan what stands in."""
        for function in self.patching():
            self._patching = function
            operations = function.body.operations
            for operation in operations:
                if (
                    operation
                    and operation[0] == f.CALL
                    and self._call(function, operations, operation)
                ):
                    self.awaits.of_patch(function, operation)
        for function in self.decorated():
            self._decorators(function)

    def decorated(self) -> Iterator[Function]:
        """Functions and classes in files that patch: decorators stand in signatures."""
        for module in self.colors.inference.program.modules.values():
            if PATCHED & module.bindings.keys():
                for function in module.functions:
                    if function.facts.kind in ("def", "class"):
                        yield function

    def _decorators(self, function: Function) -> None:
        self._patching, signature = function, function.signature
        for index in signature.decorators:
            operation = signature.operations[index]
            if operation[0] == f.CALL and self._call(
                function.parent or function, signature.operations, operation
            ):
                self.awaits.of_decorator(function, index)

    def _call(
        self, function: Function, operations: tuple[f.Operation, ...], operation: f.Operation
    ) -> bool:
        """Plan a call. True where it makes an ``AsyncMock`` by itself."""
        made = False
        callee = operations[operation[5]]
        word = callee[5] if callee[0] == f.NAME else callee[6] if callee[0] == f.ATTRIBUTE else ""
        if word not in _PATCHING:
            return False
        for target, given in self.replaced(function, operations, operation):
            if isinstance(target, Class):
                if given < 0:
                    self._class(function, operations, operation, target)
                elif self.colors.inference.models.is_mapped(target):
                    self._model(function, operations, operation, target)
            elif not isinstance(target, Function):
                first = operations[operation[6][0]]
                owner = str(first[5]).rpartition(".")[0] if first[0] == f.CONSTANT else ""
                alive = dict(operation[7]).get(MOCK_RESULT, given)
                if isinstance(target, str):
                    alive = given  # the class has another name
                known = self._is_alive(function, operations, alive)
                known = known or (self._patching, operation) in self.settled
                if given < 0 and self._is_object(target):
                    self._object(function, operations, operation)
                elif self._turns(owner) and not known:
                    self._made(function, operations, operation, target)
                elif given >= 0 and (self._patching, operation) not in self.settled:
                    self._kept(function, operations, operation, target, given)
            elif target in self.coloring.turned and not target.facts.is_async:
                module = self.elsewhere(function, operations, operation, target)
                if target in self.coloring.sides.twinned and self._is_copied(module, target):
                    if module is not None and self.is_sync(self._patching):
                        continue  # the copy is meant
                    self._twin(function, operation, target)
                if target.facts.is_generator:
                    self.streams.stand_in(function, operations, operation, given, target)
                elif given >= 0:
                    wrapped = target.owner is None or self._is_objects(
                        function, operations, operation
                    )
                    self.stand_in(function, operations, operation, given, target.qualname, wrapped)
                else:
                    self._answer(function, operations, operation)
                    self._threaded(function, operations, operation, target)
                    made = _CALLABLE not in dict(operation[7]) and not self._hands(
                        function, operations, operation
                    )
        return made

    def is_sync(self, function: Function) -> bool:
        """Does a function stay sync, and whoever asks for it where it is a fixture?"""
        fixtures = self.colors.inference.fixtures
        asking = [requesting for requesting, _ in fixtures.requesting(function)]
        return self.coloring.turned.isdisjoint((function, *asking)) and not any(
            each.facts.is_async for each in (function, *asking)
        )

    def elsewhere(
        self,
        function: Function,
        operations: tuple[f.Operation, ...],
        operation: f.Operation,
        symbol: Symbol,
    ) -> Module | None:
        """The module that imports what is patched there, or None where it is patched at home."""
        program, index = self.colors.inference.program, operation[6][0]
        text = operations[index][5] if operations[index][0] == f.CONSTANT else ""
        owner = program.named(str(text).rpartition(".")[0])
        if not text:
            owner = namespace(program, function, operations, index) or program.resolve_expression(
                function, operations, index
            )
        home = symbol.module if isinstance(symbol, (Function, Variable, Class)) else None
        return owner if isinstance(owner, Module) and owner is not home else None

    def _is_copied(self, module: Module | None, target: Function) -> bool:
        """Does something that stays sync call the copy by that module's name for it?"""
        callers = self.colors.callers().get(target, ())
        return any(
            function in self.coloring.sides.synced and not is_test_path(function.module.path)
            and (module is None or function.module is module)
            for function, _ in callers
        )  # fmt: skip

    def _twin(self, function: Function, operation: f.Operation, target: Function) -> None:
        reason = f"`{target.qualname}` turns async, and what stays sync calls a sync copy of it, "
        reason += "which nothing stands in for."
        advice = "Replace the copy where what stays sync is tested."
        site = self.draft(function.module).site(operation)
        self.findings.append(finding("ASY608", site, reason, advice))

    def _turns(self, name: str) -> bool:
        """Is there something that turns in a module, or is it unknown?"""
        modules = self.colors.inference.program.modules.values()
        named = [m for m in modules if m.name == name]
        return not named or any(fn in self.coloring.turned for m in named for fn in m.functions)

    def _class(
        self,
        function: Function,
        operations: tuple[f.Operation, ...],
        operation: f.Operation,
        target: Class,
    ) -> None:
        """``patch("app.crud.Repository")``: with a spec the mock knows, and so does the object that
        it gives, which of its methods are awaited."""
        methods = [method for cls in target.ancestors for method in cls.methods.values()]
        turning = any(m in self.coloring.turned and not m.facts.is_async for m in methods)
        keywords = dict(operation[7])
        if not turning or not _SPECS.isdisjoint(keywords):
            return
        site = self.draft(function.module).site(operation)
        if _CALLABLE not in keywords and MOCK_RESULT not in keywords:
            self._object(function, operations, operation)
        elif _ASYNC not in function.facts.names and not self._is_made(
            function, operations, keywords.get(MOCK_RESULT, -1)
        ):
            reason = f"Methods of `{target.name}` turn async, and those of what it gives may not."
            self.findings.append(finding("ASY608", site, reason, _ADVICE))

    def _model(
        self,
        function: Function,
        operations: tuple[f.Operation, ...],
        operation: f.Operation,
        target: Class,
    ) -> None:
        """``setattr(crud, "User", FakeUser)``: a session's own `query` would have taken it."""
        module = self.elsewhere(function, operations, operation, target) or target.module
        queried = any(
            use.kind == "query"
            for fn in self.colors.program.mentioning(target.name)
            if fn in self.coloring.turned
            and (fn.module is module or target.name not in fn.module.bindings)
            for use in self.colors.uses.of(fn)
        )
        if queried:
            reason = f"`{target.name}` stands in statements now, which take a mapped class."
            site = self.draft(function.module).site(operation)
            self.findings.append(finding("ASY608", site, reason, _OF_MODELS))

    def _is_object(self, target: Symbol) -> bool:
        """Is it a variable that holds an object whose methods turn?"""
        return isinstance(target, Variable) and any(
            isinstance(atom, v.Instance) and any(
                m in self.coloring.turned and not m.facts.is_async
                for cls in atom.cls.ancestors for m in cls.methods.values()
            )
            for atom in self.colors.inference.symbol_value(target) or ()
        )  # fmt: skip

    def _object(
        self, function: Function, operations: tuple[f.Operation, ...], operation: f.Operation
    ) -> None:
        """``patch("app.api.store")``: with a spec the mock knows which methods are awaited."""
        if not ({*_SPECS, _CALLABLE} & dict(operation[7]).keys()):
            name = dotted(operations, operation[5]).rpartition(".")[2]
            node, draft = NodeRef("Call", operation[3], name), self.draft(function.module)
            keyword, site = (("spec", "True"),), draft.site(operation)
            draft.add(EditArguments(node=node, site=site, set_keywords=keyword))

    def _is_made(self, function: Function, operations: tuple[f.Operation, ...], given: int) -> bool:
        """Is it an object of a class of the program, or a mock of which is told elsewhere?"""
        if given < 0 or operations is not function.body.operations:
            return False
        evaluation = self.colors.inference.evaluations.get(function)
        values = evaluation.values[given] if evaluation is not None else ()
        is_object = any(isinstance(atom, v.Instance) for atom in values or ())
        return is_object or made_mock(function, given) is not None

    # -- what is replaced

    def replaced(
        self, function: Function, operations: tuple[f.Operation, ...], operation: f.Operation
    ) -> Iterator[tuple[Symbol, int]]:
        """What a call replaces, and what it gives instead."""
        name, arguments = dotted(operations, operation[5]), operation[6]
        if is_last(name, PATCH_EACH):
            yield from self._each(function, operations, operation)
        elif is_last(name, PATCH_ITEMS) or is_last(name, SET_ITEM):
            program = self.colors.inference.program
            yield from items(program, function, operations, operation)
            return
        row = next((takes for call, takes in PATCHES.values() if is_last(name, call)), None)
        if row is None or not arguments or min(arguments) < 0:
            return
        first, position = operations[arguments[0]], 1
        program = self.colors.inference.program
        symbol: Symbol | None = None
        if first[0] == f.CONSTANT and isinstance(first[5], str):
            symbol = program.named(first[5])
        elif row and len(arguments) > 1 and operations[arguments[1]][0] == f.CONSTANT:
            owner = program.resolve_expression(function, operations, arguments[0])
            member, position = str(operations[arguments[1]][5]), 2
            found = owner.methods.get(member) if isinstance(owner, Class) else None
            symbol = found or program.member(owner, member)
            symbol = symbol or self._of_object(function, operations, arguments[0], member)
        keywords = dict(operation[7])
        given = arguments[position] if len(arguments) > position else -1
        given = next((keywords[k] for k in REPLACEMENT if k in keywords), given)
        if symbol is not None:
            yield symbol, given

    def _of_object(
        self, function: Function, operations: tuple[f.Operation, ...], index: int, name: str
    ) -> Function | None:
        """``patch.object(shop.store, "count")``: the method of the object, one that turns if it may
        be of several classes."""
        evaluation = self.colors.inference.evaluations.get(function)
        if evaluation is None or operations is not function.body.operations:
            return None
        found = [
            atom.cls.find(name) for atom in evaluation.values[index] if isinstance(atom, v.Instance)
        ]
        methods = [method for method in found if isinstance(method, Function)]
        turned = (method for method in methods if method in self.coloring.turned)
        return next(turned, methods[0] if methods else None)

    def _each(
        self, function: Function, operations: tuple[f.Operation, ...], operation: f.Operation
    ) -> Iterator[tuple[Symbol, int]]:
        """``patch.multiple("app.crud", get_user=fake, get_order=DEFAULT)``."""
        program = self.colors.inference.program
        first = operation[6][0] if min(operation[6], default=-1) >= 0 else None
        if first is None:
            return
        text = operations[first][5] if operations[first][0] == f.CONSTANT else None
        if isinstance(text, str):
            owner = program.named(text)
        else:
            owner = program.resolve_expression(function, operations, first)
        for name, given in operation[7]:
            found = owner.methods.get(name) if isinstance(owner, Class) else None
            symbol = found or program.member(owner, name or "")
            if symbol is not None:
                last = dotted(operations, given).rpartition(".")[2]
                yield symbol, -1 if last == PATCH_DEFAULT else given

    # -- edits

    def stand_in(
        self,
        function: Function,
        operations: tuple[f.Operation, ...],
        operation: f.Operation,
        given: int,
        target: str,
        wrapped: bool,
    ) -> None:
        """What a call gives in the place of what turns; ``wrapped``: a mock may call it, as no
        object is given to it."""
        value, draft = operations[given], self.draft(function.module)
        made = value[5] if value[0] == f.CALL else given
        last = dotted(operations, made).rpartition(".")[2]
        if last in MOCKS:
            self._rename(draft, operations[made])
        elif self._is_async(function, operations, given) or last == _ASYNC:
            return
        elif value[0] == f.LAMBDA and self._hands_on(function, value):
            return  # it gives what can be awaited
        elif wrapped and value[0] in _WRAPPED and not self._is_argument(operation, given):
            node = NodeRef("Lambda", value[3]) if value[0] == f.LAMBDA else reference(value)
            template = f"{draft.spell(ASYNC_MOCK)}(side_effect={{node}})"
            draft.add(ReplaceExpression(node=node, site=draft.site(value), template=template))
        elif wrapped and value[0] in _WRAPPED:
            self._wrap(draft, operations, operation, given)
        elif not self.define(function, operations, given, _last(target)):
            reason = f"`{target}` turns async, and what stands in for it here may not."
            self.findings.append(finding("ASY608", draft.site(operation), reason, _ADVICE))

    @staticmethod
    def _is_argument(operation: f.Operation, given: int) -> bool:
        return given in operation[6] or any(index == given for _, index in operation[7])

    def _is_objects(
        self, function: Function, operations: tuple[f.Operation, ...], operation: f.Operation
    ) -> bool:
        """Is a method replaced on an object? What stands there isn't given the object."""
        first = operation[6][0]
        symbol = self.colors.program.resolve_expression(function, operations, first)
        return operations[first][0] != f.CONSTANT and not isinstance(symbol, Class)

    def define(
        self,
        function: Function,
        operations: tuple[f.Operation, ...],
        given: int,
        target: str,
    ) -> bool:
        """What stands in for a method is given the object: it becomes an async function, as no mock
        is given one."""
        value, draft = operations[given], self.draft(function.module)
        if operations is not function.body.operations:
            return False
        if value[0] == f.LAMBDA:
            if function.module.functions[value[5]] in self.coloring.turned:
                return True  # it becomes a function by itself
            name = f"fake_{target.strip('_')}"
            while name in function.facts.names or name in function.facts.bound:
                name += "_"
            node = NodeRef("Lambda", value[3])
            draft.add(DefineLambda(node=node, site=draft.site(value), name=name))
            return True
        fake = self._only_given(function, value) if value[0] == f.NAME else None
        if fake is None:
            return False
        node = NodeRef("FunctionDef", fake.facts.number, fake.name)
        draft.add(MakeAsync(node=node, site=Site(draft.module.path, *_place(fake))))
        return True

    def assigned(self, function: Function, given: int, target: str) -> None:
        """``shop.store.count = lambda: 4``, where that method turns."""
        operations = function.body.operations
        value = operations[given]
        fake = self._function(function, operations, given)
        ready = value[0] == f.LAMBDA and self._hands_on(function, value)
        if ready or self._is_async(function, operations, given):
            return
        if value[0] == f.NAME and fake is None:
            return  # a mock, or what the method was before
        if not self.define(function, operations, given, target):
            draft = self.draft(function.module)
            reason = f"`{target}` turns async, and what stands in for it here may not."
            self.findings.append(finding("ASY608", draft.site(value), reason, _ADVICE))

    def _only_given(self, function: Function, value: f.Operation) -> Function | None:
        """The function, defined in this one, that nothing names but the place where it is given."""
        found = [
            c for c in function.module.functions if c.parent is function and c.name == value[5]
        ]
        plain = len(found) == 1 and not (
            found[0].facts.is_generator or found[0].signature.decorators
        )
        named = [
            operation for other in function.module.functions
            if value[5] in other.facts.names and is_inside(other, function)
            for operation in other.body.operations
            if operation and operation[0] == f.NAME and operation[5] == value[5]
        ]  # fmt: skip
        return found[0] if plain and len(named) == 1 else None

    def _answer(
        self, function: Function, operations: tuple[f.Operation, ...], operation: f.Operation
    ) -> None:
        """``patch("app.crud.get_user", side_effect=lambda key: real(key))``: an ``AsyncMock`` would
        give the coroutine as its result, and a plain mock gives it to whoever awaits it."""
        if _CALLABLE not in dict(operation[7]) and self._hands(function, operations, operation):
            draft = self.draft(function.module)
            name = dotted(operations, operation[5]).rpartition(".")[2]
            node = NodeRef("Call", operation[3], name)
            keyword = ((_CALLABLE, draft.spell(PLAIN_MOCK)),)
            draft.add(EditArguments(node=node, site=draft.site(operation), set_keywords=keyword))

    def _threaded(
        self,
        function: Function,
        operations: tuple[f.Operation, ...],
        operation: f.Operation,
        target: Function,
    ) -> None:
        """The program ran it in a thread, and awaits it now: what the mock calls instead, and waits
        there, blocks the event loop."""
        if all(use.kind != "thread" for _, use in self.colors.callers().get(target, ())):
            return
        effects = [index for name, index in operation[7] if name == _EFFECT]
        if operations is function.body.operations:
            effects += [
                statement[8] for statement in statements_of(function.body.statements)
                if statement[0] == f.ASSIGN and any(_EFFECT in each for each in statement[7])
            ]  # fmt: skip
        for index in effects:
            fake = self._function(function, operations, index)
            if fake is None or self._is_async(function, operations, index):
                continue
            if not WAITS.isdisjoint(fake.facts.members | fake.facts.names):
                reason = f"`{target.qualname}` was run in a thread, and is awaited now: "
                reason += f"`{fake.name}`, which a mock calls instead, waits in the event loop."
                site = self.draft(function.module).site(operations[index])
                self.findings.append(finding("ASY608", site, reason, _NO_THREAD))

    def _hands(
        self, function: Function, operations: tuple[f.Operation, ...], operation: f.Operation
    ) -> bool:
        """Is the effect of a mock a lambda that gives what can be awaited?"""
        keywords = dict(operation[7])
        answer = operations[keywords[_EFFECT]] if keywords.get(_EFFECT, -1) >= 0 else ()
        return bool(
            answer and answer[0] == f.LAMBDA and self._hands_on(function, answer)
        )  # fmt: skip

    def _hands_on(self, function: Function, operation: f.Operation) -> bool:
        return self.colors.lambdas.hands_on(function.module.functions[operation[5]])

    @staticmethod
    def _rename(draft: Draft, callee: f.Operation) -> None:
        new = _ASYNC if callee[0] == f.ATTRIBUTE else draft.spell(ASYNC_MOCK)
        draft.add(RenameReference(node=reference(callee), site=draft.site(callee), new=new))
        if callee[0] == f.NAME:
            draft.drop(str(callee[5]))

    @staticmethod
    def _wrap(
        draft: Draft, operations: tuple[f.Operation, ...], operation: f.Operation, given: int
    ) -> None:
        """A mock that awaits nothing, and gives what the function gives to whoever awaits it."""
        key = next((k for k, i in operation[7] if i == given), "") or operation[6].index(given)
        name = dotted(operations, operation[5]).rpartition(".")[2]
        template = f"{draft.spell(ASYNC_MOCK)}(side_effect={{argument}})"
        node = NodeRef("Call", operation[3], name)
        draft.add(EditArguments(node=node, site=draft.site(operation), wrap=((key, template),)))

    def _is_async(
        self, function: Function, operations: tuple[f.Operation, ...], given: int
    ) -> bool:
        """Is it a function that is async, or will be?"""
        found = self._function(function, operations, given)
        return found is not None and (found.facts.is_async or found in self.coloring.turned)

    def _function(
        self, function: Function, operations: tuple[f.Operation, ...], given: int
    ) -> Function | None:
        """The function of the program that is given by its name."""
        value, program = operations[given], self.colors.inference.program
        symbol: object = None
        if value[0] == f.ATTRIBUTE:
            symbol = program.resolve_expression(function, operations, given)
        elif value[0] == f.NAME:
            inner = (c for c in function.module.functions if c.parent is function)
            named = (c for c in inner if c.name == value[5])
            symbol = next(named, None) or program.lookup(function, value[5])
        return symbol if isinstance(symbol, Function) else None

    def _is_alive(
        self, function: Function, operations: tuple[f.Operation, ...], given: int
    ) -> bool:
        """Is it made from what turns too: a factory of the tests, or a session that is the result
        of the mock?"""
        if given < 0:
            return False
        inference = self.colors.inference
        if operations is function.body.operations:
            evaluation = inference.evaluations.get(function)
            found = evaluation.values[given] if evaluation is not None else ()
        else:  # in a decorator
            symbol = inference.program.resolve_expression(function, operations, given)
            found = inference.symbol_value(symbol) or () if symbol is not None else ()
        return any(isinstance(a, v.Known) and a.origin in self.coloring.alive for a in found)

    def _made(
        self,
        function: Function,
        operations: tuple[f.Operation, ...],
        operation: f.Operation,
        target: Symbol,
    ) -> None:
        """What sessions come from: SQLAlchemy's classes, which have other names, and factories."""
        inference = self.colors.inference
        if isinstance(target, str):
            new = async_name(target, inference.config.sqlalchemy_version)
            if new and self._named(function, operations, operation, target, new):
                return
            renamed = bool(new)
            reason = f"`{target}` is patched where the async one takes its place, under its name."
        elif isinstance(target, Variable):
            if self._twinned(function, operations, operation, target):
                return
            value = inference.symbol_value(target) or ()
            known = [atom for atom in value if isinstance(atom, v.Known)]
            renamed = any(atom.origin in self.coloring.alive for atom in known)
            reason = f"`{target.name}` is async now, and what stands in for it here may not be."
        else:
            return
        if renamed:
            site = self.draft(function.module).site(operation)
            self.findings.append(finding("ASY608", site, reason, _ADVICE))

    def twin_of(
        self,
        function: Function,
        operations: tuple[f.Operation, ...],
        operation: f.Operation,
        target: Variable,
    ) -> bool:
        """``setattr(worker, "SessionLocal", fake)``: does the sync twin have to be replaced there?
        That is imported where all that names the factory in that module stays sync, and meant where
        a test runs what stays sync alone."""
        module = self.elsewhere(function, operations, operation, target)
        if module is None:
            return False
        sides, twins = self.coloring.sides, self.colors.divider.twins
        users = [fn for fn in module.functions[1:] if target in twins.sources(fn)]
        quiet = sides.quiet.intersection(users)
        if not quiet or not twins.can_have_twin(target, sides):
            return False
        test = function if operations is function.body.operations else self._patching
        return len(quiet) == len(users) or self._runs(test, quiet, set(users) - quiet)

    def _runs(self, function: Function, quiet: set[Function], others: set[Function]) -> bool:
        """Does a test name some that stay sync, none of the others, and ask the application
        nothing?"""
        names = function.facts.names
        named = any(fn.name in names for fn in quiet) and not any(fn.name in names for fn in others)
        return named and all(use.client is None for use in self.colors.uses.of(function))

    def _kept(
        self,
        function: Function,
        operations: tuple[f.Operation, ...],
        operation: f.Operation,
        target: Symbol,
        given: int,
    ) -> None:
        """``setattr(worker, "SessionLocal", TestSession)``: the tests' factory has a twin."""
        if isinstance(target, Variable) and self.twin_of(function, operations, operation, target):
            twins = self.colors.divider.twins
            variable = twins.variable(function, given)
            if variable is not None and twins.can_have_twin(variable, self.coloring.sides):
                self._twinned(function, operations, operation, target)
            else:
                self.tell_kept(function, operation, target)

    def tell_kept(self, function: Function, operation: f.Operation, target: Symbol) -> None:
        """What stays sync can't do with the session of a test."""
        name = target.name if isinstance(target, Variable) else str(target)
        reason = f"`{name}` gives sync sessions to what stays sync there, and what stands in for "
        reason += "it here gives async ones."
        site = self.draft(function.module).site(operation)
        self.findings.append(finding("ASY608", site, reason, _OF_KEPT))

    def _twinned(
        self,
        function: Function,
        operations: tuple[f.Operation, ...],
        operation: f.Operation,
        target: Variable,
    ) -> bool:
        """The name in the text becomes that of the sync twin."""
        if not self.twin_of(function, operations, operation, target):
            return False
        place = 0 if operations[operation[6][0]][0] == f.CONSTANT else 1
        text = operations[operation[6][place]] if place < len(operation[6]) else ()
        if text[:1] != (f.CONSTANT,) or not isinstance(text[5], str):
            return False
        owner, dot, _ = text[5].rpartition(".")
        literals = ((place, f"{owner}{dot}{source_twin_name(target.name)}"),)
        draft = self.draft(function.module)
        node = NodeRef("Call", operation[3], dotted(operations, operation[5]).rpartition(".")[2])
        draft.add(EditArguments(node=node, site=draft.site(operation), literals=literals))
        return True

    def _named(
        self,
        function: Function,
        operations: tuple[f.Operation, ...],
        operation: f.Operation,
        target: str,
        new: str,
    ) -> bool:
        """``patch("app.db.Session", return_value=db)``, where that mock is one of an async session:
        the name in the text becomes the async one's."""
        given = dict(operation[7]).get(MOCK_RESULT, -1)
        if given < 0 or (function, dotted(operations, given)) not in self.sessions:
            return False
        text = operations[operation[6][0]][5]
        owner, _, last = text.rpartition(".")
        if last != target.rpartition(".")[2]:
            return False
        name = dotted(operations, operation[5]).rpartition(".")[2]
        literals = ((0, f"{owner}.{new.rpartition('.')[2]}"),)
        draft, node = self.draft(function.module), NodeRef("Call", operation[3], name)
        draft.add(EditArguments(node=node, site=draft.site(operation), literals=literals))
        return True


def _place(function: Function) -> tuple[int, int]:
    return function.facts.line, function.facts.column


def _last(qualname: str) -> str:
    return qualname.replace(":", ".").rpartition(".")[2]


def is_last(name: str, call: str) -> bool:
    """Is ``mock.patch.object`` called where ``patch.object`` is meant?"""
    return f".{name}".endswith(f".{call}")
