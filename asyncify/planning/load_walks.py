"""Walks: statements that load what a reader that can't await is about to read.

    for line in await order.awaitable_attrs.lines:
        await line.awaitable_attrs.product

They load what the reader would have loaded by itself, on whatever it is given: a new object, a
list, an instance that another function gave. What may be None is asked first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from asyncify import facts as f
from asyncify.analysis import values as v
from asyncify.analysis.colors import Coloring, Colors
from asyncify.analysis.layout import Layout
from asyncify.analysis.load_demands import Demand
from asyncify.analysis.load_values import EACH, Source
from asyncify.analysis.program import Class, Function, Module, dotted
from asyncify.decisions import AwaitExpression, InsertStatements, ReplaceCall, ReplaceExpression
from asyncify.planning.consumers import makes_list
from asyncify.planning.draft import Draft, node_reference
from asyncify.planning.hoisting import Hoister
from asyncify.planning.load_access import Access
from asyncify.planning.load_walk_texts import Names, Step, Walk, WalkTexts, merge
from asyncify.planning.presence import is_given, is_there, may_be_none
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.loading import ITERATORS, LOADING_AGAIN
from asyncify.vocabulary.testing import is_test_path

_INSIDE = f.REPEATED | f.GENERATOR | f.MAYBE
# Statements whose expressions are evaluated once, right after what is put before them.
_SIMPLE = {
    f.EXPRESSION,
    f.ASSIGN,
    f.ANNOTATED,
    f.AUGMENTED,
    f.RETURN,
    f.IF,
    f.FOR,
    f.RAISE,
    f.MATCH,
}


class Walks:
    """Gathers the walks of a program; they are written once all is known."""

    def __init__(
        self,
        colors: Colors,
        coloring: Coloring,
        draft: Callable[[Module], Draft],
        access: Access,
    ) -> None:
        self.colors = colors
        self.coloring = coloring
        self.inference = colors.inference
        self.draft = draft
        self.access = access
        self.awaited: set[tuple[Function, int]] = set()  # reads that are awaited in place
        self.texts = WalkTexts(colors, draft, access, self.awaited)
        self._walks: dict[tuple[Function, int, int], Walk | None] = {}
        # Calls that stay as they are, by the variables that they are given.
        self._named: dict[tuple[Function, int], str] = {}

    def take(self, holder: Function, demand: Demand) -> Site | None:
        """Load what is demanded before the statement that leads to the read; None where that
        can't be done."""
        demand = self._from_outside(self.colors.uses.layout(holder), demand)
        way = self._way(demand)
        if demand.at < 0 or way is None:
            return None
        walk = self.begin(holder, demand)
        if walk is None:
            return None
        steps = walk.steps
        names = (*demand.below, demand.attribute)
        for (cls, to_many), name in zip(way, names, strict=True):
            step = steps.setdefault(name, Step(cls, to_many))
            steps = step.below
        step.wanted |= not demand.outdated
        step.outdated |= demand.outdated
        step.here |= demand.reader not in LOADING_AGAIN
        is_sure = demand.reader not in LOADING_AGAIN and not (demand.column and demand.outdated)
        walk.stored &= is_sure or not demand.maybe
        self._ask_classes(demand, walk, names)
        return walk.site

    def begin(self, holder: Function, demand: Demand) -> Walk | None:
        """The walk from the value that leads to a read, if statements can be put before that."""
        key = holder, demand.anchor, demand.at
        if key not in self._walks:
            self._walks[key] = self._begin(holder, demand.anchor, demand)
        return self._walks[key]

    def write(self) -> None:
        walks = [walk for walk in self._walks.values() if walk is not None]
        walks = [walk for walk in walks if walk.steps or walk.instead]
        for walk in sorted(self._merged(walks), key=lambda walk: not _renews(walk.steps)):
            self._write(walk)

    def _merged(self, walks: list[Walk]) -> list[Walk]:
        """Those that begin at the same value before the same statement are one."""
        out: dict[tuple[object, ...], Walk] = {}
        for walk in walks:
            statement = self.colors.uses.layout(walk.holder).statement(walk.anchor)
            place = statement[4] if statement is not None and not walk.instead else walk.anchor
            key = walk.holder, place, walk.text, walk.item, walk.stored, walk.sure, walk.owner
            known = out.setdefault((*key, bool(walk.instead)), walk)
            if known is not walk:
                merge(known.steps, walk.steps)
        return list(out.values())

    # -- where

    def _begin(self, holder: Function, anchor: int, demand: Demand) -> Walk | None:
        layout = self.colors.uses.layout(holder)
        first = _first(layout, anchor) if demand.reader in LOADING_AGAIN else anchor
        node = self._anchor(holder, first) or self._anchor(holder, demand.at)
        statement = layout.statement(anchor)
        allowed = _SIMPLE | {f.ASSERT} if demand.outdated else _SIMPLE
        if node is None or statement is None or statement[6] or statement[0] not in allowed:
            return None
        at, many = self._source(layout, holder, demand.at, demand.many)
        is_listed = self._is_listed(holder, at)
        many = many or is_listed
        if at < 0 or (self._goes_once(holder, at) and not is_listed):
            return None
        text = "" if is_listed else dotted(layout.operations, at)
        if not text and layout.operations[anchor][4] & _INSIDE and at == demand.at:
            return None
        site = self.draft(holder.module).site(layout.operations[anchor])
        if not text:
            text = self.hoisted(holder, layout, at, demand.returned, not demand.outdated)
            text = text or self._read_of_hoisted(holder, layout, at)
            if text and at != demand.at:  # what a comprehension goes through
                node = self._anchor(holder, at) or node
                site = self.draft(holder.module).site(layout.operations[at])
        if not text or (demand.calls and _is_rebound(holder, statement, text)):
            return None
        item = self._fresh(holder, text.rpartition(".")[2]) if many else ""
        sure = demand.source.kind in ("new", "held") and not self._may_be_none(holder, layout, text)
        sure = sure or many or is_there(layout, statement, text)
        sure = sure or self._is_injected(holder, layout, text, demand)
        owner = self._owner(layout.operations[at], demand)
        return Walk(holder, node, site, anchor, text, item, sure, at=at, owner=owner)

    def _may_be_none(self, holder: Function, layout: Layout, text: str) -> bool:
        """May a new object be none, as the function says that gives it?"""
        uses = self.colors.uses

        def called(index: int) -> list[Layout]:
            return [
                uses.layout(callee) for use in uses.of(holder)
                if use.kind == "call" and use.operation == index for callee in use.callees
            ]  # fmt: skip

        return may_be_none(layout, text, called)

    def _is_injected(self, holder: Function, layout: Layout, text: str, demand: Demand) -> bool:
        """Is it a parameter that FastAPI fills by functions which give something, or raise?"""
        if demand.source.kind != "given" or text not in {
            parameter.name for parameter in holder.signature.parameters
        }:
            return False
        classes = {cls for path, cls in list(demand.source.entities) if not path}
        givers = [
            self.inference.layout(function)
            for function in self.colors.divider.spread.injected.into(holder)
            if any(isinstance(a, v.Instance) and a.cls in classes
                   for a in self.inference.result(function))
        ]  # fmt: skip
        return is_given(layout, text, givers)

    def _owner(self, operation: f.Operation, demand: Demand) -> Class | None:
        """The class whose relationship a value is, where it is read of an instance."""
        start = demand.path[: len(demand.path) - len(demand.below)]
        if operation[0] != f.ATTRIBUTE or not start or start[-1] != operation[6]:
            return None
        found = [
            cls for path, cls in list(demand.source.entities)
            if path == start[:-1] and self._has(cls, operation[6])
        ]  # fmt: skip
        return found[0] if len(found) == 1 else None

    def _source(self, layout: Layout, holder: Function, at: int, many: bool) -> tuple[int, bool]:
        """The operation whose value is there before the statement, and whether it is a container:
        the value itself, or what a comprehension iterates over. -1 where there is none."""
        operation = layout.operations[at]
        if not operation[4] & (f.REPEATED | f.GENERATOR):
            return (
                (-1, False)
                if self._is_mixed(holder, at)
                else (at, many or self._is_many(holder, at))
            )
        if operation[0] != f.NAME:
            return -1, False
        for comprehension in layout.enclosing(at):
            target, iterable = comprehension[8][0][:2]
            if target[:2] == (f.TO_NAME, operation[5]):
                inside = layout.operations[iterable][4] & _INSIDE
                return (-1, False) if inside else (iterable, True)
        return -1, False

    def _is_listed(self, holder: Function, index: int) -> bool:
        """Does a list take the place of an object that queries for what it gives?"""
        if index < 0 or not any(map(self._asks_again, self._value(holder, index))):
            return False
        node = self._anchor(holder, index)
        decisions = self.draft(holder.module).decisions
        return any(each.node == node and makes_list(each) for each in decisions)

    def _goes_once(self, holder: Function, index: int) -> bool:
        """Is there nothing left of a value for whoever goes through it after the walk?"""
        if any(
            isinstance(atom, (v.Generated, v.QueryValue, v.Known)) or self._asks_again(atom)
            for atom in self._value(holder, index)
        ):
            return True
        operations = holder.body.operations
        made = [index]
        if operations[index][0] == f.NAME:
            made += [
                statement[8] for statement in self.inference.layout(holder).statements
                if statement[0] == f.ASSIGN
                and (f.TO_NAME, operations[index][5]) in [target[:2] for target in statement[7]]
            ]  # fmt: skip
        return any(_is_iterator(operations, each) for each in made)

    def _asks_again(self, atom: v.Atom) -> bool:
        """Does an object query for what it gives, each time that somebody goes through it?"""
        return isinstance(atom, v.Instance) and any(
            method in self.coloring.turned
            for method in self.inference.methods(atom.cls, "__iter__")
        )

    def _from_outside(self, layout: Layout, demand: Demand) -> Demand:
        """``for user in users for book in user.books``: what is asked of a book, as it is asked of
        a user."""
        asked, iterable = demand, self._gone_through(layout, demand.at)
        while iterable >= 0:
            operation, length = layout.operations[iterable], len(asked.path) - len(asked.below)
            if operation[0] != f.ATTRIBUTE or asked.path[length - 1 : length] != (operation[6],):
                return demand
            below = (operation[6], *asked.below)
            asked = asked._replace(at=operation[5], below=below, many=False)
            iterable = self._gone_through(layout, asked.at)
        return asked

    def _gone_through(self, layout: Layout, index: int) -> int:
        """What a comprehension goes through with a variable, where that is evaluated for each turn
        of another; else -1."""
        operation = layout.operations[index] if index >= 0 else ()
        for comprehension in layout.enclosing(index) if operation[:1] == (f.NAME,) else ():
            for target, iterable, *_ in comprehension[8][1:]:
                if target[:2] == (f.TO_NAME, operation[5]):
                    return int(iterable)
        return -1

    def _is_many(self, holder: Function, index: int) -> bool:
        return any(isinstance(a, (v.Collection, v.TupleValue)) for a in self._value(holder, index))

    def _is_mixed(self, holder: Function, index: int) -> bool:
        """May it be one instance or a container of them? Neither can be told from the other."""
        singles = (a.cls for a in self._value(holder, index) if isinstance(a, v.Instance))
        return self._is_many(holder, index) and any(map(self.inference.models.is_mapped, singles))

    def _value(self, holder: Function, index: int) -> v.Value:
        evaluation = self.inference.evaluations.get(holder)
        return evaluation.values[index] if evaluation is not None else v.UNKNOWN

    def hoisted(
        self,
        holder: Function,
        layout: Layout,
        index: int,
        returned: bool = False,
        ahead: bool = False,
    ) -> str:
        """The name of a variable that an awaited call, or a list, is given for this, or ''; also
        any other call that is ``returned``; ``ahead``: even if a comprehension goes through it."""
        operation = layout.operations[index]
        is_list = operation[0] == f.COMPREHENSION and operation[5] == "ListComp"
        is_listed = self._is_listed(holder, index)
        if operation[0] not in (f.CALL, f.SUBSCRIPT) and not is_list and not is_listed:
            return ""
        draft, node = self.draft(holder.module), node_reference(holder, index)
        decisions = [d for d in draft.decisions if d.node == node]
        is_plain = is_list or (returned and not decisions)
        statement = layout.statement(index)
        hoister = Hoister(layout, "statement", self.inference.models)
        if statement is None or not hoister.may(index, ahead) or not hoister.name:
            return ""
        if len(decisions) != 1 - is_plain or _has_hoisted(draft, layout, statement):
            return ""
        if is_plain:
            self._named[holder, index] = hoister.name
            group = self.coloring.groups.get(holder, 0)
            draft.add(
                ReplaceExpression(
                    node=node, site=draft.site(operation), group=group, template="{node}",
                    hoist=hoister.name,
                )
            )  # fmt: skip
            return hoister.name
        (decision,) = decisions
        if isinstance(decision, AwaitExpression) or (
            isinstance(decision, (ReplaceCall, ReplaceExpression))
            and (is_listed or decision.awaits)
            and decision.result == "{awaited}"
        ):
            del draft.decisions[decision]
            draft.add(replace(decision, hoist=hoister.name))
            return hoister.name
        return ""

    def _read_of_hoisted(self, holder: Function, layout: Layout, index: int) -> str:
        """``result.user`` for ``find(db).user``, or ''."""
        operation = layout.operations[index]
        if operation[0] != f.ATTRIBUTE:
            return ""
        base = self.hoisted(holder, layout, operation[5])
        return f"{base}.{operation[6]}" if base else ""

    def _anchor(self, holder: Function, index: int) -> NodeRef | None:
        operation = holder.body.operations[index]
        if operation[0] in (f.CALL, f.ATTRIBUTE, f.NAME, f.SUBSCRIPT, f.COMPREHENSION):
            return node_reference(holder, index)
        return None

    # -- what

    def _way(self, demand: Demand) -> list[tuple[Class, bool]] | None:
        """The classes on the way from the value to the attribute, each with whether its attribute
        is a collection."""
        names = (*demand.below, demand.attribute)
        if any(name.endswith(EACH) for name in names):
            return None  # nobody knows which container
        start = demand.path[: len(demand.path) - len(demand.below)]
        for (path, cls), _ in list(demand.source.entities.items()):
            if path == start:
                way = list(self._steps(cls, names, demand.source))
                if len(way) == len(names) and self._has(way[-1][0], names[-1]):
                    return way
        return None

    def _ask_classes(self, demand: Demand, walk: Walk, names: tuple[str, ...]) -> None:
        """Note what each step has to ask of the instance before it."""
        steps, path = walk.steps, demand.path[: len(demand.path) - len(demand.below)]
        for name in names:
            found = [cls for at, cls in demand.source.entities if at == path]
            if steps is walk.steps:
                found += self._others(walk, found or [steps[name].cls])
            steps[name].among = self._among(found or [steps[name].cls], name)
            steps, path = steps[name].below, (*path, name)

    def _others(self, walk: Walk, found: list[Class]) -> list[Class]:
        """The classes of which the value may be an instance that comes from somewhere else: models,
        and what a function gives though it says that it gives a model, but no stand-in of tests."""
        value, in_tests = self._value(walk.holder, walk.at), is_test_path(walk.holder.module.path)
        classes = {
            atom.cls for atom in (v.elements(value) if walk.item else value)
            if isinstance(atom, v.Instance)
            and (
                self.inference.models.is_mapped(atom.cls)
                or in_tests or not is_test_path(atom.cls.module.path)
            )
        }  # fmt: skip
        return [
            cls for cls in classes
            if not any(cls in each.ancestors or each in cls.ancestors for each in found)
        ]  # fmt: skip

    def _among(self, found: list[Class], name: str) -> tuple[Class, ...]:
        """The classes that have an attribute, if instances of others come from the same place."""
        models = self.inference.models
        having = [cls for cls in found if self._has(cls, name) and not models.declaring(cls, name)]
        if len(having) < len(found):
            later = [each for cls in found for each in models.declaring(cls, name)]
            having += dict.fromkeys(each for each in later if each not in having)
        having.sort(key=lambda cls: (cls.module.path, cls.body.facts.line))
        return tuple(having) if set(having) != set(found) else ()

    def _has(self, cls: Class, name: str) -> bool:
        """Instances of several classes may come from one place: a repository of any class."""
        models = self.inference.models
        return (
            name in models.links(cls) or name in models.columns(cls)
            or models.is_queried(cls, name) or bool(models.declaring(cls, name))
        )  # fmt: skip

    def _steps(
        self, cls: Class, names: tuple[str, ...], source: Source
    ) -> Iterator[tuple[Class, bool]]:
        current: Class | None = cls
        for name, following in zip(names, (*names[1:], ""), strict=True):
            if current is None:
                return
            models = self.inference.models
            having = (current, *models.declaring(current, name))  # or subclasses have it
            link = next((models.links(c)[name] for c in having if name in models.links(c)), None)
            yield current, link is not None and link.to_many
            if link is None and current is cls and source.kind == "held":
                held = [of for path, of in list(source.entities) if path == (name,)]
                classes = (of for of in held if self._has(of, following))
                current = next(classes, held[-1] if held else None)
            else:
                current = link.target if link is not None else None

    # -- text

    def _write(self, walk: Walk) -> None:
        lines = walk.instead or self.texts.lines(walk)
        self.draft(walk.holder.module).add(
            InsertStatements(
                node=self._ahead(walk) or walk.node, site=walk.site,
                group=self.coloring.groups.get(walk.holder, 0), source="\n".join(lines) + "\n",
            )
        )  # fmt: skip

    def _ahead(self, walk: Walk) -> NodeRef | None:
        """Where a call has been given a variable, the node that what it reads itself is loaded
        before: after the call it is too late."""
        name = self._named.get((walk.holder, walk.anchor), "")
        if not name or walk.text.partition(".")[0] == name:
            return None
        return self._anchor(walk.holder, _first(self.colors.uses.layout(walk.holder), walk.anchor))

    def _fresh(self, holder: Function, name: str) -> str:
        return Names(holder).one_of(name)


def _has_hoisted(draft: Draft, layout: Layout, statement: f.Statement) -> bool:
    """Is another call of a statement given a variable already?"""
    numbers = {
        layout.operations[i][3] for i in range(statement[4], statement[5])
        if layout.operations[i] and layout.operations[i][0] == f.CALL
    }  # fmt: skip
    return any(
        getattr(d, "hoist", "") and d.node.kind == "Call" and d.node.number in numbers
        for d in draft.decisions
    )


def _is_iterator(operations: tuple[f.Operation, ...], index: int) -> bool:
    operation = operations[index]
    if operation[0] == f.COMPREHENSION:
        return bool(operation[5] == "GeneratorExp")
    name = dotted(operations, operation[5]) if operation[0] == f.CALL else ""
    return name in ITERATORS or name.startswith("itertools.")


def _first(layout: Layout, index: int) -> int:
    """What of a call is evaluated first: before that it isn't awaited yet, whatever hoists it."""
    while layout.operations[index][:1] in ((f.CALL,), (f.ATTRIBUTE,)):
        index = layout.operations[index][5]
    return index


def _renews(steps: dict[str, Step]) -> bool:
    """Is anything loaded again? What others load below it comes after that."""
    return any(step.outdated or _renews(step.below) for step in steps.values())


def _is_rebound(holder: Function, statement: f.Statement, text: str) -> bool:
    """``for step in steps: given = step(given)``: before the first step a parameter holds what the
    function was given, which may be anything."""
    return (
        any(parameter.name == text for parameter in holder.signature.parameters)
        and statement[0] == f.ASSIGN and (f.TO_NAME, text) in [t[:2] for t in statement[7]]
    )  # fmt: skip
