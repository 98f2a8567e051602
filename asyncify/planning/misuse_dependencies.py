"""Dependencies that give another session than their users believe, or are used by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.declarations import (
    annotation_value,
    dependency_function,
    foreign_name,
)
from asyncify.analysis.program import Function, Variable
from asyncify.analysis.statements import blocks_of
from asyncify.findings import Finding
from asyncify.planning.misuse_view import View
from asyncify.rules import finding
from asyncify.sites import Site
from asyncify.vocabulary.tasks import STEPPING, STEPPING_MEMBER

_SESSIONS = {
    "Session": False, "scoped_session": False, "Connection": False,
    "AsyncSession": True, "async_scoped_session": True, "AsyncConnection": True,
}  # fmt: skip


class Dependencies:
    """Asks what dependencies give. Their types are settled: nothing more is evaluated."""

    def __init__(self, colors: Colors, coloring: Coloring) -> None:
        self.colors = colors
        self.inference = colors.inference
        self.coloring = coloring

    def of(self, view: View) -> Iterator[Finding]:
        if view.function.facts.kind == "def":
            yield from self._parameters(view.function)
        for statement in view.layout.statements:
            if statement[0] == f.FOR and statement[11] and not self._hands_on(view, statement):
                yield from self._iterated(view, statement[8])
        for index, operation in view.calls():
            first = operation[6][0] if operation[6] else -1
            is_made = first >= 0 and view.operations[first][0] == f.CALL
            if is_made and view.foreign(operation[5]) in STEPPING:  # a variable may be closed
                yield from self._iterated(view, first, index)
            callee = view.operations[operation[5]]
            is_step = callee[0] == f.ATTRIBUTE and callee[6] == STEPPING_MEMBER
            if is_step and view.operations[callee[5]][0] == f.CALL:
                yield from self._iterated(view, callee[5], index)

    # -- annotations

    def _parameters(self, function: Function) -> Iterator[Finding]:
        scope, operations = function.parent or function, function.signature.operations
        for parameter in function.signature.parameters:
            target = dependency_function(self.inference, scope, operations, parameter.default)
            if target is not None:
                found = self._mismatch(scope, operations, parameter.annotation, target)
            else:
                found = self._annotated(scope, operations, parameter.annotation)
            if found is not None:
                yield found

    def _annotated(
        self, scope: Function, operations: tuple[f.Operation, ...], index: int
    ) -> Finding | None:
        """`Annotated[AsyncSession, Depends(get_db)]`, under a name of its own too."""
        for _ in range(4):
            if index < 0:
                return None
            operation = operations[index]
            if operation[0] == f.SUBSCRIPT:
                return self._in_annotated(scope, operations, operation)
            symbol = self.inference.program.resolve_expression(scope, operations, index)
            place = (
                self.inference.program.variable_expression(symbol)
                if isinstance(symbol, Variable) else None
            )  # fmt: skip
            if place is None:
                return None
            scope, operations, index = place
        return None

    def _in_annotated(
        self, scope: Function, operations: tuple[f.Operation, ...], operation: f.Operation
    ) -> Finding | None:
        inner = operations[operation[6]]
        name = foreign_name(scope, operations, operation[5], self.inference)
        if name != "typing.Annotated" or inner[0] != f.SEQUENCE or not inner[6]:
            return None
        for part in inner[6][1:]:
            target = dependency_function(self.inference, scope, operations, part)
            if target is not None:
                return self._mismatch(scope, operations, inner[6][0], target)
        return None

    def _mismatch(
        self, scope: Function, operations: tuple[f.Operation, ...], annotation: int, target: object
    ) -> Finding | None:
        """Is what is written async, and what is given not, or the other way round?"""
        if annotation < 0 or not isinstance(target, Function):
            return None
        written = _sides(annotation_value(self.inference, scope, operations, annotation))
        given = _sides(self._given(target))
        if len(written) != 1 or len(given) != 1 or written == given:
            return None
        site = Site(scope.module.path, operations[annotation][1], operations[annotation][2])
        name = target.facts.qualname
        if True in written:
            reason = f"`{name}` gives a sync session, and the annotation says that it is async."
            advice = "Awaiting its methods raises: annotate it as what it is, or make it async."
        else:
            reason = f"`{name}` gives an async session, and the annotation says that it is sync."
            advice = "Annotate it as what it is: its methods are coroutines, to be awaited."
        fixed = False in given and target in self.coloring.turned - self.coloring.stays
        return replace(finding("ASY406", site, reason, advice), fixed=fixed)

    def _given(self, target: Function) -> v.Value:
        return self.inference.given("yield" if target.facts.is_generator else "return", target)

    # -- loops over a dependency

    def _iterated(self, view: View, index: int, place: int = -1) -> Iterator[Finding]:
        for atom in view.values[index]:
            if not isinstance(atom, v.Generated) or not self._is_dependency(atom.function):
                continue
            name = atom.function.facts.qualname
            how = "loops over" if place < 0 else "takes one step of"
            reason = (
                f"This {how} the dependency `{name}`: an exception, a `return` or a `break` here "
                "doesn't reach it, so that it doesn't roll back or close its session then."
            )
            advice = f"Enter it: `async with contextlib.asynccontextmanager({name})() as ...`."
            yield finding("ASY407", view.site(place if place >= 0 else index), reason, advice)

    def _hands_on(self, view: View, loop: f.Statement) -> bool:
        """Is it a fixture that yields what the dependency does? Pytest throws nothing into it."""
        body = loop[9]
        if len(body) != 1 or body[0][0] != f.EXPRESSION:
            return False
        is_yield = view.operations[body[0][7]][0] == f.YIELD
        return is_yield and self.inference.fixtures.is_fixture(view.function)

    def _is_dependency(self, function: Function) -> bool:
        """Is it an async generator that yields one session, once?"""
        if not function.facts.is_async or function.facts.kind != "def":
            return False
        if True not in _sides(self.inference.given("yield", function)):
            return False
        layout = self.colors.uses.layout(function)
        yields = [i for i, op in enumerate(layout.operations) if op and op[0] == f.YIELD]
        repeated = list(_repeated(function.body.statements, False))
        return all(not (first <= i < end) for i in yields for first, end in repeated)


def _repeated(block: tuple[f.Statement, ...], inside: bool) -> Iterator[tuple[int, int]]:
    """The operations of statements that stand in loops that may come round again."""
    for statement in block:
        if inside:
            yield statement[4], statement[5]
        loops = statement[0] == f.WHILE or (statement[0] == f.FOR and not statement[11])
        for part in blocks_of(statement):
            yield from _repeated(part, inside or loops)


def _sides(value: v.Value) -> set[bool]:
    """Does a value hold async sessions (True), sync ones (False), or both?"""
    return {
        _SESSIONS[a.kind] for a in value
        if isinstance(a, v.Known) and a.kind in _SESSIONS and a.sure
    }  # fmt: skip
