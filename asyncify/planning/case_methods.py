"""Planning of unittest's classes: the base that awaits tests, and the names that go with it.

`setUp` becomes `asyncSetUp` for all that a class and its mixins have under that name, so that they
still call one another in the same order; what a test leaves to be called after it may be awaited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.program import Class, Function, Module
from asyncify.decisions import AwaitExpression, InsertStatements, RenameReference
from asyncify.planning.draft import Draft, call_reference, reference
from asyncify.planning.planner import Planner
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.rows import Form
from asyncify.vocabulary.testing import ASYNC_CASE, CASES, CLEANUPS, ENDING, LIFECYCLE


class CasePlanner(Planner):
    """Plans the classes after their methods."""

    def __init__(
        self, colors: Colors, coloring: Coloring, draft: Callable[[Module], Draft]
    ) -> None:
        super().__init__(colors, coloring, draft)
        self.cases = colors.cases

    def plan(self) -> None:
        """Bases for what turned, and names where they are called."""
        turning: dict[Class, None] = {}
        for function in self._turned():
            assert function.owner is not None
            if self.cases.runs(function):
                turning.update(dict.fromkeys(self.cases.run_in(function.owner)))
        for function, index, new in self._cleanups():
            assert function.owner is not None
            turning.update(dict.fromkeys(self.cases.run_in(function.owner)))
            self._rename(function, index, new)
        roots = dict.fromkeys(root for cls in turning for root in cls.ancestors)
        for cls in roots:
            self._rebase(cls)
        for word in LIFECYCLE:
            for function in self.colors.program.mentioning_member(word):
                self._called(function, word)
        for function in self._turned():
            joined = self.cases.joined(function) if self.cases.runs(function) else None
            if joined is not None:
                self._join(function, joined)

    def _turned(self) -> list[Function]:
        found = [
            fn for fn in self.coloring.turned
            if fn.owner is not None and not fn.facts.is_async
            and fn not in self.coloring.stays
        ]  # fmt: skip
        return sorted(found, key=lambda fn: (fn.module.path, fn.index))

    def _rebase(self, cls: Class) -> None:
        """``unittest.TestCase`` gives way to the class that awaits."""
        draft, signature = self.draft(cls.module), cls.body.signature
        for index, base in zip(signature.bases, cls.bases, strict=False):
            if index < 0 or not isinstance(base, str) or base not in CASES:
                continue
            operation = signature.operations[index]
            last = ASYNC_CASE.rpartition(".")[2]
            new = last if operation[0] == f.ATTRIBUTE else draft.spell(ASYNC_CASE)
            site = draft.site(operation)
            draft.add(RenameReference(node=reference(operation), site=site, new=new))
            if operation[0] == f.NAME:
                draft.drop(str(operation[5]))

    def _called(self, function: Function, word: str) -> None:
        """``super().setUp()`` in what turned, where that turned too or is unittest's own."""
        if function not in self.coloring.turned or function in self.coloring.stays:
            return
        layout = self.colors.uses.layout(function)
        draft, group = self.draft(function.module), self.coloring.groups.get(function, 0)
        for index, operation in enumerate(layout.operations):
            if not operation or operation[0] != f.CALL:
                continue
            callee = layout.operations[operation[5]]
            if callee[0] != f.ATTRIBUTE or callee[6] != word:
                continue
            values = self.colors.inference.evaluations[function].values[operation[5]]
            called = {a.function for a in values if isinstance(a, v.FunctionObject)}
            inherited = not called and function.name == word
            if not inherited and not called & self.coloring.turned:
                continue
            self._rename(function, operation[5], LIFECYCLE[word])
            if inherited and not layout.is_awaited(index):
                node, site = call_reference(function, index), draft.site(operation)
                draft.add(AwaitExpression(node=node, site=site, group=group))

    def _join(self, function: Function, other: Function) -> None:
        """``asyncSetUp`` begins with what was ``setUp``, ``asyncTearDown`` ends with the other."""
        draft, layout = self.draft(function.module), self.colors.uses.layout(other)
        object_name = other.signature.parameters[0].name
        source = f"await {object_name}.{self.cases.name(function)}()\n"
        node, where = NodeRef("FunctionDef", other.facts.number, other.name), "body"
        site = Site(other.module.path, other.facts.line, other.facts.column)
        if function.name in ENDING:
            value = other.body.statements[-1][7]
            is_awaited = layout.operations[value][0] == f.AWAIT
            value = layout.operations[value][5] if is_awaited else value
            node, where = call_reference(other, value), "after"
        group = self.coloring.groups.get(function, 0)
        draft.add(InsertStatements(node=node, site=site, group=group, source=source, where=where))

    def _rename(self, function: Function, index: int, new: str) -> None:
        draft, operation = self.draft(function.module), function.body.operations[index]
        node, site = reference(operation), draft.site(operation)
        group = self.coloring.groups.get(function, 0)
        draft.add(RenameReference(node=node, site=site, group=group, new=new))

    def _cleanups(self) -> Iterator[tuple[Function, int, str]]:
        """``self.addCleanup(f)`` where ``f`` is to be awaited: the function, the callee, its new
        name."""
        for word, new in CLEANUPS.items():
            for function in self.colors.program.mentioning_member(word):
                evaluation = self.colors.inference.evaluations.get(function)
                if evaluation is None or function in self.coloring.stays | self.coloring.islands:
                    continue
                for operation in evaluation.operations:
                    if operation and operation[0] == f.CALL and operation[6]:
                        callee = evaluation.operations[operation[5]]
                        given = evaluation.values[max(operation[6][0], 0)]
                        is_one = callee[0] == f.ATTRIBUTE and callee[6] == word
                        if is_one and any(map(self._is_awaited, given)):
                            yield function, operation[5], new

    def _is_awaited(self, atom: v.Atom) -> bool:
        if isinstance(atom, v.FunctionObject):
            return atom.function in self.coloring.turned
        if not isinstance(atom, v.KnownMethod) or not isinstance(atom.owner, v.Known):
            return False
        row = self.colors.inference.row(atom.owner.kind, atom.name)
        alive = atom.owner.origin not in self.coloring.stays_origins
        return alive and row is not None and row.form is Form.AWAIT
