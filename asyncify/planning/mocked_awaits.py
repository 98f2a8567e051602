"""What tests ask of mocks afterwards: ``mock.assert_called_once()`` is ``assert_awaited_once()``
where the mock is an ``AsyncMock`` from now on. A call that nobody awaits would go unnoticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from asyncify import facts as f
from asyncify.analysis.colors import Colors
from asyncify.analysis.program import Function, Module, dotted
from asyncify.analysis.statements import statements_of
from asyncify.decisions import RenameReference
from asyncify.planning.draft import Draft, reference
from asyncify.vocabulary.testing import ASSERTIONS, MOCKS

_START = "start"  # what puts the mock of a patch in its place by hand


class Awaits:
    """Plans the assertions."""

    def __init__(self, colors: Colors, draft: Callable[[Module], Draft]) -> None:
        self.colors = colors
        self.draft = draft
        # Assertions of what is awaited with other arguments, or with some.
        self.with_any: set[tuple[Function, int]] = set()

    def of_members(self, function: Function, name: str, is_awaited: Callable[[str], bool]) -> None:
        """``db.commit.assert_called_once()``."""
        operations = function.body.operations
        for operation in _assertions(function):
            member = operations[operation[5]]
            if (
                member[0] == f.ATTRIBUTE and is_awaited(member[6])
                and dotted(operations, member[5]) == name
            ):  # fmt: skip
                self._rename(function, operation)

    def of_patch(self, function: Function, operation: f.Operation) -> None:
        """``with patch("app.crud.get_user") as mock: ... mock.assert_called_once()``."""
        name = self.bound(function, operation)
        if not name:
            return
        for method in sharing(function, name):
            for asserted in _assertions(method):
                if dotted(method.body.operations, asserted[5]) == name:
                    self._rename(method, asserted)

    def of_decorator(self, function: Function, index: int) -> None:
        """``@patch("app.crud.get_user")``: the decorator next to the function gives the first
        parameter."""
        name = self.decorated(function, index)
        for asserted in _assertions(function) if name else ():
            if dotted(function.body.operations, asserted[5]) == name:
                self._rename(function, asserted)

    def decorated(self, function: Function, index: int) -> str:
        """The parameter that is given what a decorator puts in the place of something, or ''."""
        signature = function.signature
        giving = [i for i in signature.decorators if self._gives(function, i)]
        names = [p.name for p in signature.parameters if p.kind in ("p", "a")]
        names = names[1:] if function.is_method else names
        if index not in giving:
            return ""
        place = len(giving) - 1 - giving.index(index)
        return names[place] if place < len(names) else ""

    def _gives(self, function: Function, index: int) -> bool:
        """Does a decorator patch with a mock that it makes, and gives the function?"""
        operations = function.signature.operations
        operation = operations[index]
        if operation[0] != f.CALL:
            return False
        words = dotted(operations, operation[5]).split(".")
        wanted = 2 if words[-1] == "object" else 1
        return "patch" in words and words[-1] in ("patch", "object") and (
            len(operation[6]) == wanted and not any(name == "new" for name, _ in operation[7])
        )  # fmt: skip

    def bound(self, function: Function, operation: f.Operation) -> str:
        """The name that the mock of a patch has from then on, or ''."""
        operations = function.body.operations
        index = operations.index(operation)
        name = _assigned(function, index)
        started = f"{name}.{_START}" if name else ""
        for call, each in enumerate(operations):
            callee = operations[each[5]] if each and each[0] == f.CALL else ()
            is_start = bool(callee) and callee[0] == f.ATTRIBUTE and callee[6] == _START
            if is_start and (callee[5] == index or dotted(operations, each[5]) == started):
                return _assigned(function, call)
        return name

    def _rename(self, function: Function, operation: f.Operation) -> None:
        draft, new = self.draft(function.module), ASSERTIONS[operation[6]]
        if (function, operation[3]) in self.with_any:
            new = new.removesuffix("_with")
        site = draft.site(operation)
        draft.add(RenameReference(node=reference(operation), site=site, new=new))


def _assertions(function: Function) -> Iterator[f.Operation]:
    if function.facts.members.isdisjoint(ASSERTIONS):
        return
    for operation in function.body.operations:
        if operation and operation[0] == f.ATTRIBUTE and operation[6] in ASSERTIONS:
            yield operation


def sharing(function: Function, name: str) -> list[Function]:
    """A function that gives something a name, and the methods beside it that know it by that:
    ``self.mock``."""
    first = next((p.name for p in function.signature.parameters), "")
    kept = function.owner is not None and name.startswith(f"{first}.")
    beside = function.owner.methods.values() if function.owner is not None and kept else ()
    return list(dict.fromkeys((function, *beside)))


def _assigned(function: Function, index: int) -> str:
    """What an expression is assigned to, or entered as: ``mock``, ``self.mock``; or ''."""
    for statement in statements_of(function.body.statements):
        targets = statement[7] if statement[0] == f.ASSIGN and statement[8] == index else ()
        if statement[0] == f.WITH:
            targets = [as_ for given, as_, *_ in statement[7] if given == index and as_ is not None]
        for target in targets:
            if target[0] == f.TO_NAME:
                return str(target[1])
            if target[0] == f.TO_ATTRIBUTE:
                return f"{dotted(function.body.operations, target[1])}.{target[2]}"
    return ""


def made_mock(test: Function, index: int) -> f.Operation | None:
    """The call that makes a mock: the expression itself, or the value of the variable there."""
    operations = test.body.operations
    value = operations[index] if index >= 0 else ()
    if value and value[0] == f.NAME:
        made = [
            operations[statement[8]] for statement in statements_of(test.body.statements)
            if statement[0] == f.ASSIGN
            and any(t[0] == f.TO_NAME and t[1] == value[5] for t in statement[7])
        ]  # fmt: skip
        value = made[0] if len(made) == 1 else ()
    is_call = bool(value) and value[0] == f.CALL
    return value if is_call and dotted(operations, value[5]).rpartition(".")[2] in MOCKS else None
