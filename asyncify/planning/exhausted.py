"""What catches the end of an iterator: ``anext`` raises StopAsyncIteration where ``next`` raised
StopIteration, and no handler of the one catches the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from asyncify import facts as f
from asyncify.analysis.consumers import DRIVING, iteration, takes_first
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function, dotted
from asyncify.analysis.statements import statements_of
from asyncify.analysis.uses import Use
from asyncify.decisions import RenameReference, ReplaceExpression
from asyncify.planning.draft import Draft, reference
from asyncify.planning.use_planning import UsePlanner

ENDS, _ENDS_ASYNC = "StopIteration", "StopAsyncIteration"
_STEPS = {"next", *DRIVING}
_CATCHING = ("suppress", "raises", "assertRaises")


class _Caught(NamedTuple):
    """A place that catches: the operation that names the exception, whether others are beside it
    in a tuple, and what it protects."""

    name: int
    among_others: bool
    block: tuple[f.Statement, ...]


def plan_ends(planner: UsePlanner, layout: Layout, draft: Draft, group: int) -> None:
    """Every place in a function that turns which catches the end of what is asynchronous now."""
    for caught in _caught(layout):
        inside = {
            index for statement in statements_of(caught.block)
            for index in range(statement[4], statement[5])
        }  # fmt: skip
        uses = [use for use in planner.colors.uses.of(layout.function) if use.operation in inside]
        turned = {step for use in uses if (step := _step(planner, layout, use)) >= 0}
        called = [callee for use in uses if use.kind == "call" for callee in use.callees]
        if not turned and not any(_steps(planner, callee) for callee in called):
            continue
        operation = layout.operations[caught.name]
        node, site = reference(operation), draft.site(operation)
        steps = {i for i in inside if layout.operations[i] and takes_first(layout, i)}
        if caught.among_others or (steps <= turned and not called):
            draft.add(RenameReference(node=node, site=site, group=group, new=_ENDS_ASYNC))
        else:
            both = f"({{node}}, {_ENDS_ASYNC})"
            draft.add(ReplaceExpression(node=node, site=site, group=group, template=both))


def _caught(layout: Layout) -> Iterator[_Caught]:
    for statement in layout.statements:
        if statement[0] == f.TRY:
            for kind, _, _ in statement[8]:
                yield from _named(layout, kind, statement[7])
        elif statement[0] == f.WITH:
            for value, _ in statement[7]:
                call = layout.operations[value]
                if call[0] == f.CALL and dotted(layout.operations, call[5]).endswith(_CATCHING):
                    for given in call[6]:
                        yield from _named(layout, given, statement[8])


def _named(layout: Layout, index: int, block: tuple[f.Statement, ...]) -> Iterator[_Caught]:
    """The name of the exception in what says which are caught."""
    operation = layout.operations[index] if index >= 0 else ()
    if operation and operation[0] == f.SEQUENCE:
        for part in operation[6]:
            yield from (each._replace(among_others=True) for each in _named(layout, part, block))
    elif operation and operation[0] == f.NAME and operation[5] == ENDS:
        yield _Caught(index, False, block)


def _step(planner: UsePlanner, layout: Layout, use: Use) -> int:
    """The ``next`` without a default, or the ``send``, that takes an item of what turns or of a
    generator expression that awaits it, or -1."""
    if not planner.is_turned(use):
        return -1
    for generator in layout.enclosing(use.operation):
        call = layout.parent(layout.operations.index(generator))
        if generator[5] == "GeneratorExp" and call >= 0 and takes_first(layout, call):
            return call
    if use.kind != "iterate":
        return -1
    form, call = iteration(layout, use.operation), layout.parent(use.operation)
    if form in ("next iter", "driven"):
        call = layout.parent(call)
    if form == "driven":
        return call
    return call if form in ("next", "next iter") and takes_first(layout, call) else -1


def _steps(planner: UsePlanner, function: Function, seen: set[Function] | None = None) -> bool:
    """Does a function take an item of what turns, or one that it calls?"""
    seen = set() if seen is None else seen
    if function in seen or not planner.is_coroutine(function):
        return False
    seen.add(function)
    layout, uses = planner.colors.uses.layout(function), planner.colors.uses.of(function)
    may_step = not _STEPS.isdisjoint(function.facts.names)
    if may_step and any(_step(planner, layout, use) >= 0 for use in uses):
        return True
    called = (callee for use in uses if use.kind == "call" for callee in use.callees)
    return any(_steps(planner, callee, seen) for callee in called)
