"""What tests put in the place of functions that turn: it is awaited now.

``patch("app.crud.get_user", return_value=x)`` makes an ``AsyncMock`` by itself, because it looks at
the function. What is given instead (``monkeypatch.setattr(crud, "get_user", lambda ...)``) becomes
what an ``AsyncMock`` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from asyncify import facts as f
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Class, Function, Module, Variable, dotted
from asyncify.decisions import EditArguments, RenameReference
from asyncify.findings import Finding
from asyncify.planning.draft import Draft, call_reference, reference
from asyncify.rules import finding
from asyncify.vocabulary.names import async_name
from asyncify.vocabulary.testing import ASYNC_MOCK, MOCKS, PATCHES, REPLACEMENT

_ADVICE = "Put something there whose calls can be awaited: an async function, or an AsyncMock."


@dataclass(slots=True)
class MockedFunctions:
    """Plans what stands in for functions that turn."""

    colors: Colors
    coloring: Coloring
    draft: Callable[[Module], Draft]
    findings: list[Finding] = field(default_factory=list)

    def plan(self) -> None:
        program = self.colors.inference.program
        for function in {fn: None for word in PATCHES for fn in program.mentioning(word)}:
            for index, operation in enumerate(function.body.operations):
                if operation and operation[0] == f.CALL:
                    self._call(function, function.body.operations, index)
            self._decorators(function)

    def _call(
        self, function: Function, operations: tuple[f.Operation, ...], index: int
    ) -> None:
        for target, given in self._replaced(function, operations, operations[index]):
            if isinstance(target, str):
                self._class(function, operations[index], target)
            elif target in self.coloring.turned and not target.facts.is_async and given >= 0:
                self._stand_in(function, operations, index, given, target)

    def _decorators(self, function: Function) -> None:
        """Those of the functions that are defined here: they stand in signatures."""
        for child in function.module.functions:
            if child.parent is not function or child.facts.kind not in ("def", "class"):
                continue
            operations = child.signature.operations
            for index in child.signature.decorators:
                operation = operations[index]
                if operation[0] == f.CALL:
                    for target, _ in self._replaced(function, operations, operation):
                        if isinstance(target, str):
                            self._class(function, operation, target)

    # -- what is replaced

    def _replaced(
        self, function: Function, operations: tuple[f.Operation, ...], operation: f.Operation
    ) -> Iterator[tuple[Function | str, int]]:
        """The function, or the foreign name, that a call replaces, and what it gives instead."""
        name = dotted(operations, operation[5])
        row = next((row for suffix, row in PATCHES_BY_SUFFIX if f".{name}".endswith(suffix)), None)
        arguments = operation[6]
        if row is None or not arguments or min(arguments) < 0:
            return
        first = operations[arguments[0]]
        program = self.colors.inference.program
        if first[0] == f.CONSTANT and isinstance(first[5], str):
            symbol, position = program.named(first[5]), 1
        elif row and len(arguments) > 1 and operations[arguments[1]][0] == f.CONSTANT:
            owner = program.resolve_expression(function, operations, arguments[0])
            symbol = program.member(owner, str(operations[arguments[1]][5]))
            position = 2
            if isinstance(owner, Class):
                symbol = owner.methods.get(str(operations[arguments[1]][5]))
        else:
            return
        keywords = dict(operation[7])
        given = arguments[position] if len(arguments) > position else -1
        given = next((keywords[k] for k in REPLACEMENT if k in keywords), given)
        if isinstance(symbol, Function | str):
            yield symbol, given
        elif isinstance(symbol, Variable):
            return

    # -- edits

    def _stand_in(
        self,
        function: Function,
        operations: tuple[f.Operation, ...],
        index: int,
        given: int,
        target: Function,
    ) -> None:
        draft, operation = self.draft(function.module), operations[index]
        value = operations[given]
        callee = operations[value[5]] if value[0] == f.CALL else value
        mocks = callee[0] in (f.NAME, f.ATTRIBUTE) and dotted(
            operations, value[5] if value[0] == f.CALL else given
        ).rpartition(".")[2]
        if mocks in MOCKS:
            new = "AsyncMock" if callee[0] == f.ATTRIBUTE else draft.spell(ASYNC_MOCK)
            draft.add(RenameReference(node=reference(callee), site=draft.site(callee), new=new))
            if callee[0] == f.NAME:
                draft.drop(str(callee[5]))
        elif value[0] == f.LAMBDA and target.owner is None and given in operation[6]:
            made = f"{draft.spell(ASYNC_MOCK)}(side_effect={{argument}})"
            draft.add(
                EditArguments(
                    node=call_reference(function, index), site=draft.site(operation),
                    wrap=((operation[6].index(given), made),),
                )
            )  # fmt: skip
        elif not self._is_async(function, operations, given):
            reason = f"`{target.qualname}` turns async, and what stands in for it here may not."
            self.findings.append(finding("ASY608", draft.site(operation), reason, _ADVICE))

    def _is_async(
        self, function: Function, operations: tuple[f.Operation, ...], given: int
    ) -> bool:
        value = operations[given]
        if value[0] == f.CALL:
            return dotted(operations, value[5]).rpartition(".")[2] == "AsyncMock"
        if value[0] != f.NAME:
            return False
        symbol: object = self.colors.inference.program.lookup(function, value[5])
        inner = (
            c for c in function.module.functions if c.parent is function and c.name == value[5]
        )
        symbol = next(inner, symbol)
        return isinstance(symbol, Function) and (
            symbol.facts.is_async or symbol in self.coloring.turned
        )

    def _class(self, function: Function, operation: f.Operation, name: str) -> None:
        """A class or factory of SQLAlchemy's, which has another name there from now on."""
        if async_name(name, self.colors.inference.config.sqlalchemy_version):
            reason = f"`{name}` is patched where the async one takes its place, under its own name."
            site = self.draft(function.module).site(operation)
            self.findings.append(finding("ASY608", site, reason, _ADVICE))


PATCHES_BY_SUFFIX = tuple(
    (f".{name}", owner) for names, owner in PATCHES.values() for name in names
)
