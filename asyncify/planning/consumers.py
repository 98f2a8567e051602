"""Planning of builtins that run what is awaited from now on: generator expressions, sort keys,
``map`` and ``filter``."""

from __future__ import annotations

from asyncify import facts as f
from asyncify.analysis.consumers import (
    DRIVING,
    FROM_ITERABLE,
    applied,
    is_delegated_to,
    is_made,
    iteration,
    leaves,
    stops_early,
    takes_either,
    takes_first,
    takes_step,
)
from asyncify.analysis.layout import Layout
from asyncify.analysis.program import Function, dotted
from asyncify.analysis.statements import statements_of
from asyncify.analysis.uses import Use
from asyncify.decisions import (
    ApplyInComprehension,
    AwaitExpression,
    AwaitFirstMatch,
    ConsumeGenerator,
    Decision,
    DelegateGenerator,
    MakeAsyncFor,
    RenameReference,
    ReplaceCall,
    ReplaceExpression,
    SortByAwaitedKeys,
)
from asyncify.planning.draft import Draft, call_reference, node_reference, reference
from asyncify.planning.first_items import first_item
from asyncify.sites import NodeRef, Site
from asyncify.vocabulary.special import ITERATE

_FIRST = "next(iter({0}))"  # of a list, which is no iterator
_LIST = "[item async for item in {0}]"


def plan_applied(use: Use, layout: Layout, draft: Draft, group: int) -> None:
    """A function that is awaited from now on, and that a builtin applies to items."""
    found = applied(layout, use.operation)
    assert found is not None
    node = call_reference(use.function, use.operation)
    site = draft.site(layout.operations[use.operation])
    awaits = layout.operations[found.function][0] != f.LAMBDA  # else its body does
    if is_made(layout, found.function):
        draft.drop(dotted(layout.operations, layout.operations[found.function][5]))
    if found.form not in ("map", "filter"):
        draft.add(SortByAwaitedKeys(node=node, site=site, group=group, awaits=awaits))
        return
    parent = layout.parent(use.operation)
    called = parent >= 0 and layout.operations[parent][0] == f.CALL
    gone_through = layout.comprehension_of(use.operation) is not None
    lazy = parent < 0 or gone_through or (called and stops_early(layout, parent))
    draft.add(ApplyInComprehension(node=node, site=site, group=group, lazy=lazy, awaits=awaits))
    if gone_through:
        _comprehend(use.operation, layout, draft, group)
    elif parent >= 0 and lazy:
        site = draft.site(layout.operations[parent])
        outer = call_reference(use.function, parent)
        draft.add(AwaitFirstMatch(node=outer, site=site, group=group))
    elif lazy:
        statement = next(s for s in layout.statements if s[0] == f.FOR and s[8] == use.operation)
        site = Site(draft.module.path, statement[1], statement[2])
        draft.add(MakeAsyncFor(node=NodeRef("For", statement[3]), site=site, group=group))


def consume_generators(
    layout: Layout, index: int, draft: Draft, group: int, keeps_end: bool = False
) -> None:
    """Generator expressions around what awaits are read in a form that awaits; with ``keeps_end``
    in one that raises the same at the end."""
    for operation in layout.enclosing(index):
        if operation[5] == "GeneratorExp":
            consume_generator(layout, operation, draft, group, keeps_end)


def consume_generator(
    layout: Layout, generator: f.Operation, draft: Draft, group: int, keeps_end: bool = False
) -> None:
    """It becomes a list, for a consumer that exhausts it; a loop over it awaits its items, and so
    does who can be given an async one; else its first match is awaited."""
    call = layout.parent(layout.operations.index(generator))
    is_argument = call >= 0 and layout.operations[call][0] == f.CALL
    if is_argument and takes_either(layout, call):
        return
    raises = keeps_end and is_argument and takes_first(layout, call)
    if is_argument and not raises and stops_early(layout, call):
        node, site = call_reference(layout.function, call), draft.site(layout.operations[call])
        draft.add(AwaitFirstMatch(node=node, site=site, group=group))
        return
    if is_delegated_to(layout, layout.operations.index(generator)):
        _delegate(layout, call, draft, group, True)
        return
    loop = layout.loop(layout.operations.index(generator))
    if loop is not None:
        site = Site(draft.module.path, loop[1], loop[2])
        draft.add(MakeAsyncFor(node=NodeRef("For", loop[3]), site=site, group=group))
        return
    node = NodeRef("GeneratorExp", generator[3])
    draft.add(ConsumeGenerator(node=node, site=draft.site(generator), group=group))
    if raises:
        node, site = call_reference(layout.function, call), draft.site(layout.operations[call])
        draft.add(ReplaceCall(node=node, site=site, group=group, awaited=_FIRST, awaits=False))


def plan_iteration(
    use: Use, layout: Layout, draft: Draft, group: int, of_fixture: bool, helper: str, kept: bool
) -> None:
    """What iterates over a generator that is async from now on; the helper goes through what may
    be no generator. What somebody else goes on with (``kept``) isn't closed."""
    form = iteration(layout, use.operation)
    if form == "stepped":
        return
    if form == "driven":
        _drive(use, layout, draft, group)
        return
    if form == "next":
        first_item(use, layout, draft, group, of_fixture)
        return
    if form in ("iter", "next iter"):
        _step(layout, layout.parent(use.operation), draft, group, helper or "aiter")
        return
    source = f"{helper}({{node}})" if helper else "{node}"
    if helper and form not in ("listed", "for", "comprehension"):
        node = node_reference(use.function, use.operation)
        site = draft.site(layout.operations[use.operation])
        draft.add(ReplaceExpression(node=node, site=site, group=group, template=source))
    if form == "for":
        _loop(use, layout, draft, group, helper, kept)
    elif form == "comprehension":
        _comprehend(use.operation, layout, draft, group, helper)
    elif form == "delegate":
        _delegate(layout, layout.parent(use.operation), draft, group, True)
    elif form == "listed":
        node = node_reference(use.function, use.operation)
        site = draft.site(layout.operations[use.operation])
        template = _LIST.format(source)
        draft.add(ReplaceExpression(node=node, site=site, group=group, template=template))
    elif form in _GIVEN:
        _give(form, use, layout, draft, group)


def makes_list(decision: Decision) -> bool:
    """Does a list take the place of what is gone through?"""
    return isinstance(decision, ReplaceExpression) and decision.template == _LIST.format("{node}")


def take_some(uses: list[Use], layout: Layout, draft: Draft, group: int, helper: str) -> Use:
    """``islice(items, 3)``, ``zip(items, others)``: a helper reads them, and is what is gone
    through. It closes what nobody else has a name for, as the garbage collector did."""
    call = layout.parent(uses[0].operation)
    operation = layout.operations[call]
    closes = all(
        layout.operations[use.operation][0] == f.CALL or use.name == ITERATE for use in uses
    ) and any(_holds_open(callee) for use in uses for callee in use.callees)
    given = "{args}"
    if dotted(layout.operations, operation[5]).endswith(FROM_ITERABLE):
        given, closes = "*{0}", True
        several = layout.operations[operation[6][0]]
        if several[0] == f.COMPREHENSION and several[5] == "GeneratorExp":
            consume_generator(layout, several, draft, group)
    draft.add(
        ReplaceCall(
            node=call_reference(uses[0].function, call), site=draft.site(operation), group=group,
            awaited=f"{helper}({given}{', closing=True' if closes else ''})", awaits=False,
        )
    )  # fmt: skip
    draft.drop(dotted(layout.operations, operation[5]))
    callees = tuple(dict.fromkeys(callee for use in uses for callee in use.callees))
    return uses[0]._replace(operation=call, callees=callees)


def _delegate(layout: Layout, index: int, draft: Draft, group: int, asynchronous: bool) -> None:
    operation = layout.operations[index]
    draft.add(
        DelegateGenerator(
            node=NodeRef("Yield", operation[3]), site=draft.site(operation), group=group,
            variable=free_name(layout, "item", "each", "element"), asynchronous=asynchronous,
        )
    )  # fmt: skip


# What a builtin over a generator becomes, and what that is read as.
_GIVEN = {
    "list": (_LIST, "{awaited}", False),
    "any": ("anext((True async for item in {0} if item), False)", "{awaited}", True),
    "all": ("anext((True async for item in {0} if not item), False)", "not {awaited}", True),
}


def _give(form: str, use: Use, layout: Layout, draft: Draft, group: int) -> None:
    call = layout.parent(use.operation)
    awaited, result, awaits = _GIVEN[form]
    draft.add(
        ReplaceCall(
            node=call_reference(use.function, call), site=draft.site(layout.operations[call]),
            group=group, awaited=awaited, result=result, awaits=awaits,
        )
    )  # fmt: skip


def _drive(use: Use, layout: Layout, draft: Draft, group: int) -> None:
    """``names.send(1)``, ``names.close()``"""
    attribute = layout.parent(use.operation)
    call, method = layout.parent(attribute), layout.operations[attribute]
    draft.add(
        RenameReference(
            node=reference(method), site=draft.site(method), group=group, new=DRIVING[method[6]]
        )
    )  # fmt: skip
    node, site = call_reference(use.function, call), draft.site(layout.operations[call])
    draft.add(AwaitExpression(node=node, site=site, group=group))


def _step(layout: Layout, call: int, draft: Draft, group: int, iterator: str) -> None:
    """``iter(items)``, and the ``next`` around it."""
    outer = layout.parent(call)
    steps = outer >= 0 and layout.operations[outer][0] == f.CALL and takes_step(layout, call)
    for place, text, awaits in ((call, iterator, False), *([(outer, "anext", True)] * steps)):
        node, site = call_reference(layout.function, place), draft.site(layout.operations[place])
        awaited = text + "({args})"
        draft.add(ReplaceCall(node=node, site=site, group=group, awaited=awaited, awaits=awaits))


def _comprehend(index: int, layout: Layout, draft: Draft, group: int, helper: str = "") -> None:
    comprehension = layout.comprehension_of(index)
    assert comprehension is not None
    place = next(n for n, g in enumerate(comprehension[8]) if g[1] == index)
    if comprehension[8][place][6]:
        return  # it is `async for` already
    node, site = NodeRef(comprehension[5], comprehension[3]), draft.site(comprehension)
    draft.add(MakeAsyncFor(node=node, site=site, group=group, generator=place, through=helper))
    if comprehension[5] == "GeneratorExp":
        consume_generator(layout, comprehension, draft, group)


def _loop(use: Use, layout: Layout, draft: Draft, group: int, helper: str, kept: bool) -> None:
    """A loop that can be left early closes its generator where that has something to close: the
    garbage collector doesn't, as it did for a plain generator. What the helper gives is one
    anyway."""
    statement = layout.loop(use.operation)
    if statement is None or statement[11]:
        return
    node = NodeRef("For", statement[3])
    site = Site(draft.module.path, statement[1], statement[2])
    closing = variable = ""
    if not kept and leaves(statement[9]) and any(map(_holds_open, use.callees)):
        closing = draft.spell("contextlib.aclosing")
        variable = free_name(layout, "items", "generator", "iterator")
        if not helper and any(callee.name == ITERATE for callee in use.callees):
            operation = layout.operations[use.operation]
            draft.add(
                ReplaceExpression(
                    node=node_reference(use.function, use.operation), site=draft.site(operation),
                    group=group, template="{node}.__aiter__()",
                )
            )  # fmt: skip
    draft.add(
        MakeAsyncFor(
            node=node, site=site, group=group, closing=closing, variable=variable, through=helper
        )
    )  # fmt: skip


def _holds_open(generator: Function) -> bool:
    """Has a generator something to do when it is left: a ``finally``, or the end of a ``with``? A
    loop inside it may be over another that has."""
    kinds = (f.TRY, f.WITH, f.FOR)
    return any(statement[0] in kinds for statement in statements_of(generator.body.statements))


def free_name(layout: Layout, *names: str) -> str:
    """The first of the names that a function doesn't use yet."""
    facts = layout.function.facts
    return next((n for n in names if n not in facts.names | facts.bound), names[-1] + "_")
