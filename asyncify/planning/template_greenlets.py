"""Templates that are rendered inside ``run_sync``, where what they call can be awaited.

    context = {"tasks": InTemplate(tasks_service), "status": status}
    return await run_sync(lambda: templates.TemplateResponse(request, "tasks.html", context))

That is for services that a route gives a template itself: each function that gives such an object
to anything by a name has to render what it makes, and turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Class, Function, Module, dotted
from asyncify.analysis.statements import statements_of
from asyncify.decisions import ReplaceExpression
from asyncify.planning.draft import Draft, node_reference
from asyncify.vocabulary.boundary_rules import Rule
from asyncify.vocabulary.loading import RENDERING
from asyncify.vocabulary.special import is_special

if TYPE_CHECKING:
    from asyncify.planning.load_entries import Entries

_FILLING = {"dict", "update"}  # what takes variables of a template by keywords
_AT_ONCE = RENDERING - {"render_async"}
_ANSWERED = {"__init__", "__new__", "__post_init__", "__init_subclass__", "__iter__"}
_NODES = (f.NAME, f.ATTRIBUTE, f.CALL)


class _Places(NamedTuple):
    """Where a function gives objects by a name, and where it renders."""

    given: list[int]
    rendering: list[int]


class TemplateGreenlets:
    """Has templates rendered so, one class of objects after the other."""

    def __init__(
        self,
        colors: Colors,
        coloring: Coloring,
        draft: Callable[[Module], Draft],
        support: Callable[[Draft, str], str],
        entries: Entries,
    ) -> None:
        self.colors = colors
        self.coloring = coloring
        self.draft = draft
        self.support = support
        self.entries = entries
        self._taken: dict[Class, bool] = {}
        self._rendered: set[tuple[Function, int]] = set()
        self.reading: set[Function] = set()  # what would have to turn for what it renders

    def take(self, method: Function) -> bool:
        """Let templates call a method of an object that they are given."""
        owner = method.owner
        if owner is None or self.colors.inference.models.is_mapped(owner):
            return False
        if method.facts.is_generator or method in self.coloring.stays or _is_asked(owner):
            return False
        if owner not in self._taken:
            found = self._found(owner)
            self._taken[owner] = bool(found) and all(
                self._can(function, places) for function, places in found.items()
            )
            if self._taken[owner]:
                for function, places in found.items():
                    self._write(function, places)
        return self._taken[owner]

    def _found(self, owner: Class) -> dict[Function, _Places]:
        """The functions that give objects of a class to something by a name."""
        family, found = {*owner.ancestors, *owner.descendants()}, {}
        for function, evaluation in self.colors.inference.evaluations.items():
            given = [
                index for index in _named(function) if any(
                    isinstance(a, v.Instance) and a.cls in family for a in evaluation.values[index]
                )
            ]  # fmt: skip
            if given:
                found[function] = _Places(given, list(_rendering(function)))
        return found

    def _can(self, function: Function, places: _Places) -> bool:
        if function not in self.coloring.turned and not self._may_turn(function):
            return False
        operations, layout = function.body.operations, self.colors.uses.layout(function)
        if any(operations[i][0] not in _NODES for i in places.given):
            return False
        if not all(_reaches(layout, index, places.rendering) for index in places.given):
            return False
        return not any(
            self.entries.awaits(function, layout.subtree(index))
            for index in (*places.given, *places.rendering)
            if (function, index) not in self._rendered
        )

    def _may_turn(self, function: Function) -> bool:
        """Can a function turn that does no I/O by itself? The plan is made again with it."""
        kept = self.coloring.stays | self.coloring.islands | self.colors.reading
        facts, colors = function.facts, self.colors
        if function in kept or facts.kind != "def" or facts.is_generator or facts.is_async:
            return False
        if any(each.rule is not Rule.AWAITED for each in colors.bounds.decorators(function)):
            return False
        return len(colors.family(function)) == 1 and colors.obstacle(function) is None

    def _write(self, function: Function, places: _Places) -> None:
        if function not in self.coloring.turned:
            self.reading.add(function)
            return
        draft, group = self.draft(function.module), self.coloring.groups.get(function, 0)
        operations = function.body.operations

        def replace(index: int, template: str, awaits: bool) -> None:
            node, site = node_reference(function, index), draft.site(operations[index])
            draft.add(
                ReplaceExpression(
                    node=node, site=site, group=group, template=template, awaits=awaits
                )
            )

        for index in places.given:
            replace(index, f"{self.support(draft, 'InTemplate')}({{node}})", awaits=False)
        for index in places.rendering:
            if (function, index) not in self._rendered:
                self._rendered.add((function, index))
                run = self.support(draft, "run_sync")
                replace(index, f"{run}(lambda: {{node}})", awaits=True)


def _is_asked(owner: Class) -> bool:
    """May a template ask an object by more than what `InTemplate` has, its attributes and what it
    goes through: ``{{ page|length }}`` by its ``__len__``?"""
    names = {name for cls in owner.family for name in cls.methods}
    return any(is_special(name) and name not in _ANSWERED for name in names)


def _named(function: Function) -> Iterator[int]:
    """What a function gives to something by a name: the values of dicts, and of keywords that fill
    one or are a template's variables; what is put into a dict."""
    for operation in function.body.operations:
        if operation[:1] == (f.DICT,):
            yield from (index for index in operation[6] if index >= 0)
        elif operation[:1] == (f.CALL,) and _called(function, operation) in RENDERING | _FILLING:
            yield from (index for name, index in operation[7] if name)
    for statement in statements_of(function.body.statements):
        targets = statement[7] if statement[0] == f.ASSIGN else ()
        if any(target[0] == f.TO_SUBSCRIPT for target in targets):
            yield statement[8]


def _reaches(layout: Layout, index: int, rendering: list[int]) -> bool:
    """Does what is given at an operation go nowhere but to what is rendered: in the same call, or
    by a variable that is named there?"""
    operations, statement = layout.operations, layout.statement(index)
    inside = {inner for call in rendering for inner in layout.subtree(call)}
    if index in inside or statement is None:
        return index in inside
    named: set[str] = set()
    for target in statement[7] if statement[0] == f.ASSIGN else ():
        base = operations[target[1]] if target[0] == f.TO_SUBSCRIPT else target
        named.add(str(base[5] if base is not target else base[1]))
    if statement[0] == f.EXPRESSION and operations[statement[7]][0] == f.CALL:
        callee = operations[statement[7]][5]  # context.update(service=service)
        named.add(dotted(operations, callee).partition(".")[0])
    return any(operations[i][0] == f.NAME and operations[i][5] in named for i in inside)


def _rendering(function: Function) -> Iterator[int]:
    """The calls that render."""
    for index, operation in enumerate(function.body.operations):
        if operation[:1] == (f.CALL,) and _called(function, operation) in _AT_ONCE:
            yield index


def _called(function: Function, operation: f.Operation) -> str:
    callee = function.body.operations[operation[5]]
    return str(callee[6]) if callee[0] == f.ATTRIBUTE else str(callee[5])
