"""Keywords that say whether a plain function runs in a thread: a coroutine function has no use for
them, and the library warns of them."""

from __future__ import annotations

from collections.abc import Iterator

from asyncify import facts as f
from asyncify.analysis.program import Function, dotted
from asyncify.decisions import EditArguments
from asyncify.planning.draft import reference
from asyncify.planning.planner import Planner
from asyncify.vocabulary.frameworks import THREAD_KEYWORDS, Rule, boundary

_Operations = tuple[f.Operation, ...]


class ThreadKeywords(Planner):
    """Takes such a keyword from the calls that get what turned, or decorate it."""

    def plan(self) -> None:
        for module in self.colors.program.modules.values():
            packages = {item.module.partition(".")[0] for item in module.facts.imports}
            for package in sorted(packages & THREAD_KEYWORDS.keys()):
                for function in module.functions:
                    self._function(function, THREAD_KEYWORDS[package])

    def _function(self, function: Function, keyword: str) -> None:
        if function.facts.kind == "def":
            scope, signature = function.parent or function, function.signature
            decorators = set(signature.decorators) if function in self.coloring.turned else set()
            for index in self._with(signature.operations, keyword):
                if index in decorators or self._gets_turned(scope, signature.operations, index):
                    self._edit(function, signature.operations, index, keyword)
        for index in self._with(function.body.operations, keyword):
            if self._gets_turned(function, function.body.operations, index):
                self._edit(function, function.body.operations, index, keyword)

    @staticmethod
    def _with(operations: _Operations, keyword: str) -> Iterator[int]:
        """The calls that are given the keyword."""
        for index, operation in enumerate(operations):
            if operation and operation[0] == f.CALL and keyword in dict(operation[7]):
                yield index

    def _gets_turned(self, scope: Function, operations: _Operations, index: int) -> bool:
        """Is a call given a function that turned, which it awaits?"""
        program, operation = self.colors.program, operations[index]
        callee = program.resolve_expression(scope, operations, operation[5])
        row = boundary(callee) if isinstance(callee, str) else None
        if row is None or row.rule is not Rule.AWAITED or row.argument < 0:
            return False
        given = operation[6][row.argument : row.argument + 1]
        given += tuple(i for key, i in operation[7] if key == row.keyword)
        return any(
            i >= 0 and program.resolve_expression(scope, operations, i) in self.coloring.turned
            for i in given
        )

    def _edit(self, function: Function, operations: _Operations, index: int, keyword: str) -> None:
        operation = operations[index]
        draft = self.draft(function.module)
        draft.add(
            EditArguments(
                node=reference(operation, dotted(operations, operation[5]).rpartition(".")[2]),
                site=draft.site(operation), group=self.coloring.groups.get(function, 0),
                remove_keywords=(keyword,),
            )
        )  # fmt: skip
