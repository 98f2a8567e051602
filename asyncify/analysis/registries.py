"""Registries that stay sync for all who name them.

A class whose objects are made at import, and work there, may hold a ``scoped_session`` of a module.
Two registries would be two transactions, so that there is still one, and it stays sync: whoever
else calls it by its name calls it as before.
"""

from __future__ import annotations

from collections.abc import Set

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.evaluate import Evaluation
from asyncify.analysis.infer import Inference
from asyncify.analysis.program import Function, Variable
from asyncify.analysis.use import Use
from asyncify.vocabulary.rows import Member

_KIND = "scoped_session"
# What a member gives with which nothing else can be done that does I/O.
_PLAIN = frozenset({"none", "bool", "value", "Result", "ScalarResult"})


class Registries:
    """Finds registries, and the calls of their members by name."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self.program = inference.program

    def is_one(self, variable: Variable) -> bool:
        value = self.inference.global_value(variable.module, variable.name)
        kinds = {a.kind if isinstance(a, v.Known) else "" for a in value}
        return kinds == {_KIND}

    def of(self, use: Use) -> Variable | None:
        """The variable whose member a use calls."""
        if use.kind != "member":
            return None
        operations = use.function.body.operations
        operation = operations[use.operation]
        callee = operations[operation[5]] if operation[0] == f.CALL else ()
        if not callee or callee[0] != f.ATTRIBUTE:
            return None
        return self._variable(use.function, operations, callee[5])

    def is_only_called(self, variable: Variable, members: Set[Function]) -> bool:
        """Is a registry, but for some functions, only called by its name, for what does no I/O
        later on?"""
        return all(
            self._calls_only(function, variable)
            for name in (variable.name, *self.program.imported_names(variable.name))
            for function in self.program.mentioning(name) if function not in members
        )  # fmt: skip

    def _calls_only(self, function: Function, variable: Variable) -> bool:
        evaluation = self.inference.evaluations.get(function)
        if evaluation is None:
            return True
        signature, scope = function.signature.operations, function.parent or function
        if any(self._variable(scope, signature, i) == variable for i in range(len(signature))):
            return False
        rows = [
            self._called(evaluation, index) for index in range(len(evaluation.operations))
            if self._variable(function, evaluation.operations, index) == variable
        ]  # fmt: skip
        return all(row is not None and row.returns in _PLAIN for row in rows)

    def _called(self, evaluation: Evaluation, registry: int) -> Member | None:
        """The member of a registry that is called where it is named."""
        operations, layout = evaluation.operations, self.inference.layout(evaluation.function)
        attribute = layout.parent(registry)
        call = layout.parent(attribute) if attribute >= 0 else -1
        if call < 0 or operations[call][0] != f.CALL or operations[call][5] != attribute:
            return None
        return self.inference.row(_KIND, operations[attribute][6])

    def _variable(
        self, scope: Function, operations: tuple[f.Operation, ...], index: int
    ) -> Variable | None:
        if not operations[index] or operations[index][0] not in (f.NAME, f.ATTRIBUTE):
            return None
        symbol = self.program.resolve_expression(scope, operations, index)
        return symbol if isinstance(symbol, Variable) else None
